/**
 * Values of one schema in Confluent frames: byte 0, schema id as int32 big-endian, Avro body. `decode` never throws: every
 * frame is checked byte by byte first (`check-bytes.ts`), ours or not. Made for `event-codec.ts`; schemas lie in `schemas/avro`.
 */
import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import type { Result } from '../../model/result.ts'
import { type SchemaName, schemaIds } from '../../schemas/topics.ts'
import { type AvroSchema, createBytesCheck } from './check-bytes.ts'

export const frameHeaderBytes = 5

/**
 * Frames are cut from slabs of this size: one allocation per some thousand frames. A frame stays valid for ever (a slab is
 * never written twice), but keeps its slab alive: copy what is kept long.
 */
const slabBytes = 256 * 1024

export type FrameCodec<T> = {
  /** Throws on a value that the schema cannot carry (a double that is not finite, an integer past 2^53). */
  encode: (value: T) => Uint8Array
  decode: (frame: Uint8Array) => Result<T>
}

export const readSchema = (name: SchemaName): AvroSchema =>
  JSON.parse(readFileSync(new URL(`../../schemas/avro/${name}.avsc`, import.meta.url), 'utf8')) as AvroSchema

/** `toAvro` and `fromAvro` translate between our types and what avsc wants (unions of records are wrapped by name). */
export const createFrameCodec = <T>(name: SchemaName, toAvro: (value: T) => unknown, fromAvro: (value: unknown) => T): FrameCodec<T> => {
  const schema = readSchema(name)
  const type = avsc.Type.forSchema(schema as avsc.Schema, { omitRecordMethods: true } as Partial<avsc.ForSchemaOptions>)
  const check = createBytesCheck(schema)
  const id = schemaIds[name]
  let slab = Buffer.allocUnsafeSlow(slabBytes)
  let at = 0

  const encode = (value: T): Uint8Array => {
    const avroValue = toAvro(value)
    let end = type.encode(avroValue, slab, at + frameHeaderBytes)
    if (end < 0) {
      // Too short by -end bytes. A frame larger than a slab gets one of its own.
      const frameBytes = slab.length - at - end
      slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, frameBytes))
      at = 0
      end = type.encode(avroValue, slab, frameHeaderBytes)
    }
    const start = at
    slab[start] = 0
    slab.writeInt32BE(id, start + 1)
    at = end
    const frame = slab.subarray(start, end)
    const fault = check(frame, frameHeaderBytes)
    if (fault !== undefined) throw new RangeError(`encoding ${name}: ${fault}`) // Never acknowledge what cannot be read back.
    return frame
  }

  const decode = (frame: Uint8Array): Result<T> => {
    const fault = headerFault(frame, id) ?? check(frame, frameHeaderBytes)
    if (fault !== undefined) return { ok: false, reason: fault }
    try {
      const { value } = type.decode(asBuffer(frame), frameHeaderBytes) as { value: unknown }
      return { ok: true, value: fromAvro(value) }
    } catch (error) {
      return { ok: false, reason: `Expected ${name}, got what avsc refuses: ${(error as Error).message}` }
    }
  }

  return { encode, decode }
}

const headerFault = (frame: Uint8Array, id: number): string | undefined => {
  if (frame.length < frameHeaderBytes) return `Expected a frame of at least ${frameHeaderBytes} bytes, got ${frame.length}`
  if (frame[0] !== 0) return `Expected frame byte 0, got ${String(frame[0])}`
  const got = (((frame[1] ?? 0) << 24) | ((frame[2] ?? 0) << 16) | ((frame[3] ?? 0) << 8) | (frame[4] ?? 0)) >>> 0
  return got === id ? undefined : `Expected schema id ${id}, got ${got}`
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
