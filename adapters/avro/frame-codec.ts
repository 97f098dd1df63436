/**
 * Values of one schema in Confluent frames: byte 0, schema id as int32 big-endian, Avro body. `decode` never throws: every
 * frame is checked byte by byte (`avro-reader.ts` while it reads, `check-bytes.ts` before avsc does), ours or not. Made for `event-codec.ts`; schemas lie in `schemas/avro`.
 */
import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import type { Result } from '../../model/result.ts'
import { type SchemaName, schemaIds } from '../../schemas/topics.ts'
import { AvroReader, NotOurs } from './avro-reader.ts'
import { AvroWriter } from './avro-writer.ts'
import { type AvroSchema, createBytesCheck } from './check-bytes.ts'

export type FrameCodec<T> = {
  /** Throws on a value that the schema cannot carry: what cannot be read back is never acknowledged. */
  encode: (value: T) => Uint8Array
  decode: (frame: Uint8Array) => Result<T>
}

const headerBytes = 5

export const readSchema = (name: SchemaName): AvroSchema =>
  JSON.parse(readFileSync(new URL(`../../schemas/avro/${name}.avsc`, import.meta.url), 'utf8')) as AvroSchema

/**
 * `fromAvro` turns what avsc reads (unions of records are wrapped by name) into our type. `read` is the short way for frames
 * as we write them; without it, and whenever it throws, the schema decides.
 */
export const createFrameCodec = <T>(
  name: SchemaName,
  write: (out: AvroWriter, value: T) => void,
  fromAvro: (value: unknown) => T,
  read?: (from: AvroReader) => T,
): FrameCodec<T> => {
  const schema = readSchema(name)
  const type = avsc.Type.forSchema(schema as avsc.Schema, { omitRecordMethods: true })
  const check = createBytesCheck(schema)
  const id = schemaIds[name]
  const writer = new AvroWriter()
  const short = read === undefined ? undefined : shortWay(read)
  return {
    encode: (value) => {
      writer.begin(id)
      try {
        write(writer, value)
      } catch (error) {
        writer.abandon()
        throw error
      }
      return writer.end()
    },
    decode: (frame) => {
      const wrongHeader = headerFault(frame, id)
      if (wrongHeader !== undefined) return { ok: false, reason: wrongHeader }
      const value = short?.(frame)
      if (value !== undefined) return { ok: true, value }
      const fault = check(frame, headerBytes)
      if (fault !== undefined) return { ok: false, reason: fault }
      try {
        const { value } = type.decode(asBuffer(frame), headerBytes) as { value: unknown }
        return { ok: true, value: fromAvro(value) }
      } catch (error) {
        return { ok: false, reason: `Expected ${name}, got what avsc refuses: ${(error as Error).message}` }
      }
    },
  }
}

/** Undefined: the frame is not as ours are. */
const shortWay = <T>(read: (from: AvroReader) => T): ((frame: Uint8Array) => T | undefined) => {
  const reader = new AvroReader()
  return (frame) => {
    try {
      reader.begin(asBuffer(frame), headerBytes)
      const value = read(reader)
      reader.finish()
      return value
    } catch (error) {
      if (error instanceof NotOurs) return undefined
      throw error
    }
  }
}

const headerFault = (frame: Uint8Array, id: number): string | undefined => {
  if (frame.length < headerBytes) return `Expected a frame of at least ${headerBytes} bytes, got ${frame.length}`
  if (frame[0] !== 0) return `Expected frame byte 0, got ${String(frame[0])}`
  const got = (((frame[1] ?? 0) << 24) | ((frame[2] ?? 0) << 16) | ((frame[3] ?? 0) << 8) | (frame[4] ?? 0)) >>> 0
  return got === id ? undefined : `Expected schema id ${id}, got ${got}`
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
