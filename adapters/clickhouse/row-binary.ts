/**
 * Rows as ClickHouse's RowBinary: one writer per column, compiled once from `schemas/tables.ts`. Values: epoch
 * milliseconds for DateTime64(3) and DateTime, names for enums, Uint8Array or text for String, boolean or number for UInt8,
 * number or bigint for 64-bit integers, null or undefined for Nullable only.
 *
 * Deterministic: the same rows give the same bytes, which is what makes a repeated insert the same insert. A value that
 * does not fit its column throws `WAREHOUSE_REFUSED` with row and column before anything is sent.
 */
import type { Row } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Column } from '../../schemas/tables.ts'
import { type ColumnType, parseColumnType } from './column-type.ts'

/** Grows by doubling and is reused: `bytes()` is valid until the next `reset`. */
export class RowBuffer {
  buffer: Buffer
  at = 0

  constructor(bytesAtFirst = 1 << 20) {
    this.buffer = Buffer.allocUnsafe(bytesAtFirst)
  }

  reset(): void {
    this.at = 0
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.at)
  }

  /** Call before writing `bytes` more. */
  room(bytes: number): Buffer {
    if (this.at + bytes > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + bytes))
      this.buffer.copy(larger, 0, 0, this.at)
      this.buffer = larger
    }
    return this.buffer
  }
}

export type RowEncoder = (rows: readonly Row[], into: RowBuffer) => void
type Write = (value: unknown, out: RowBuffer) => void

export const compileEncoder = (columns: readonly Column[]): RowEncoder => {
  const names = columns.map(([name]) => name)
  const writers = columns.map(([, type]) => writerOf(parseColumnType(type)))
  return (rows, into) => {
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] ?? {}
      let column = 0
      try {
        for (; column < names.length; column++) writers[column]?.(row[names[column] ?? ''], into)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        throw new AppError('WAREHOUSE_REFUSED', `row ${index}, column ${names[column] ?? ''}: ${reason}`, { cause: error })
      }
    }
  }
}

const writerOf = (type: ColumnType): Write => {
  switch (type.kind) {
    case 'nullable':
      return nullable(writerOf(type.of))
    case 'array':
      return array(writerOf(type.of))
    case 'tuple':
      return tuple(type.fields.map((field) => ({ name: field.name, write: writerOf(field.type) })))
    case 'enum':
      return enumeration(type.valueOf)
    case 'map':
      throw new Error('Map columns are not written by us')
    case 'plain':
      return plainWriter(type.name, type.parameters)
  }
}

const plainWriter = (name: string, parameters: readonly string[]): Write => {
  if (name === 'DateTime64' && parameters[0] !== '3') throw new Error(`Expected DateTime64(3), got DateTime64(${parameters.join(', ')})`)
  const writer = plainWriters[name]
  if (writer === undefined) throw new Error(`No writer for column type ${name}`)
  return writer
}

const nullable =
  (write: Write): Write =>
  (value, out) => {
    const isNull = value === null || value === undefined
    out.room(1)[out.at++] = isNull ? 1 : 0
    if (!isNull) write(value, out)
  }

const array =
  (write: Write): Write =>
  (value, out) => {
    if (!Array.isArray(value)) throw unfit('an array', value)
    writeVarint(value.length, out)
    for (const item of value as unknown[]) write(item, out)
  }

/** Fields by name from an object, or by position from an array. */
const tuple =
  (fields: readonly { name: string | null; write: Write }[]): Write =>
  (value, out) => {
    if (typeof value !== 'object' || value === null) throw unfit('an object or array', value)
    const byPosition = Array.isArray(value)
    for (const [index, { name, write }] of fields.entries()) {
      write((value as Record<string, unknown>)[byPosition || name === null ? String(index) : name], out)
    }
  }

const enumeration =
  (valueOf: ReadonlyMap<string, number>): Write =>
  (value, out) => {
    const number = typeof value === 'string' ? valueOf.get(value) : undefined
    if (number === undefined) throw unfit([...valueOf.keys()].join(' | '), value)
    out.room(1).writeInt8(number, out.at)
    out.at += 1
  }

const integer =
  (bytes: 1 | 2 | 4, min: number, max: number): Write =>
  (value, out) => {
    const number = typeof value === 'boolean' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) throw unfit(`${min}..${max}`, value)
    const buffer = out.room(bytes)
    for (let index = 0; index < bytes; index++) buffer[out.at + index] = number >> (8 * index)
    out.at += bytes
  }

/** Two 32-bit halves: a BigInt per value costs five times as much. `number` is a safe integer, maybe negative. */
const writeInt64 = (number: number, out: RowBuffer): void => {
  const buffer = out.room(8)
  const high = Math.floor(number / 0x1_0000_0000)
  buffer.writeUInt32LE(number - high * 0x1_0000_0000, out.at)
  buffer.writeInt32LE(high | 0, out.at + 4)
  out.at += 8
}

const int64 =
  (min: bigint, max: bigint): Write =>
  (value, out) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && (value >= 0 || min < 0n)) {
      writeInt64(value, out)
      return
    }
    if (typeof value !== 'bigint' || value < min || value > max) throw unfit(`an integer ${min}..${max}`, value)
    out.room(8).writeBigUInt64LE(BigInt.asUintN(64, value), out.at)
    out.at += 8
  }

const float =
  (bytes: 4 | 8): Write =>
  (value, out) => {
    if (typeof value !== 'number') throw unfit('a number', value)
    const buffer = out.room(bytes)
    if (bytes === 8) buffer.writeDoubleLE(value, out.at)
    else buffer.writeFloatLE(value, out.at)
    out.at += bytes
  }

/** DateTime64(3) holds 1900..2299. */
const milliseconds: Write = (value, out) => {
  if (typeof value !== 'number' || !(value >= -2_208_988_800_000 && value < 10_413_792_000_000)) throw unfit('epoch milliseconds', value)
  writeInt64(Math.floor(value), out)
}

const seconds: Write = (value, out) => {
  if (typeof value !== 'number' || !(value >= 0 && value < 4_294_967_296_000)) throw unfit('epoch milliseconds, 1970..2106', value)
  out.room(4).writeUInt32LE(Math.floor(value / 1000), out.at)
  out.at += 4
}

const text: Write = (value, out) => {
  if (typeof value === 'string') {
    writeText(value, out)
    return
  }
  if (!(value instanceof Uint8Array)) throw unfit('a text or bytes', value)
  writeVarint(value.length, out)
  out.room(value.length).set(value, out.at)
  out.at += value.length
}

/** Short plain ASCII is most of what we write: a loop beats the call into the native encoder. */
const writeText = (value: string, out: RowBuffer): void => {
  const { length } = value
  if (length < 64) {
    const buffer = out.room(length + 1)
    let at = out.at
    buffer[at++] = length
    let index = 0
    for (; index < length; index++) {
      const code = value.charCodeAt(index)
      if (code > 127) break
      buffer[at++] = code
    }
    if (index === length) {
      out.at = at
      return
    }
  }
  const bytes = Buffer.byteLength(value)
  writeVarint(bytes, out)
  out.room(bytes).write(value, out.at, 'utf8')
  out.at += bytes
}

const writeVarint = (value: number, out: RowBuffer): void => {
  const buffer = out.room(5)
  let rest = value
  while (rest > 127) {
    buffer[out.at++] = (rest & 127) | 128
    rest >>>= 7
  }
  buffer[out.at++] = rest
}

const plainWriters: Readonly<Record<string, Write>> = {
  UInt8: integer(1, 0, 0xff),
  UInt16: integer(2, 0, 0xffff),
  UInt32: integer(4, 0, 0xffff_ffff),
  Int8: integer(1, -0x80, 0x7f),
  Int16: integer(2, -0x8000, 0x7fff),
  Int32: integer(4, -0x8000_0000, 0x7fff_ffff),
  UInt64: int64(0n, 2n ** 64n - 1n),
  Int64: int64(-(2n ** 63n), 2n ** 63n - 1n),
  Float32: float(4),
  Float64: float(8),
  DateTime: seconds,
  DateTime64: milliseconds,
  String: text,
}

const unfit = (expected: string, value: unknown): Error => {
  const shown = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
  return new Error(`Expected ${expected}, got ${shown.slice(0, 80)}`)
}
