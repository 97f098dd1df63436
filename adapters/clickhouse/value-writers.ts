/** Single values in ClickHouse's binary forms, little-endian. A writer answers null, or what it had expected. */
import type { ByteBuffer } from './byte-buffer.ts'

export type ValueWriter = (value: unknown, out: ByteBuffer) => string | null

export class UnfitValue extends Error {
  readonly index: number
  constructor(expected: string, value: unknown, index: number) {
    const shown = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) as string | undefined)
    super(`Expected ${expected}, got ${(shown ?? String(value)).slice(0, 80)}`)
    this.name = 'UnfitValue'
    this.index = index
  }
}

/** Throws for a type that our tables do not use: a fault of `schemas/tables.ts`. */
export const plainWriter = (name: string, parameters: readonly string[]): ValueWriter => {
  if (name === 'DateTime64' && parameters[0] !== '3') throw new Error(`Expected DateTime64(3), got DateTime64(${parameters.join(', ')})`)
  const writer = plainWriters.get(name)
  if (writer === undefined) throw new Error(`No writer for column type ${name}`)
  return writer
}

const integer =
  (bytes: 1 | 2 | 4, min: number, max: number): ValueWriter =>
  (value, out) => {
    const number = typeof value === 'boolean' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) return `an integer ${min}..${max}`
    const buffer = out.room(bytes)
    for (let index = 0; index < bytes; index++) buffer[out.at + index] = number >> (8 * index)
    out.at += bytes
    return null
  }

const int64 =
  (min: bigint, max: bigint): ValueWriter =>
  (value, out) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && (value >= 0 || min < 0n)) {
      out.writeInt64(value)
      return null
    }
    if (typeof value !== 'bigint' || value < min || value > max) return `an integer ${min}..${max}`
    out.room(8).writeBigUInt64LE(BigInt.asUintN(64, value), out.at)
    out.at += 8
    return null
  }

const float64: ValueWriter = (value, out) => {
  if (typeof value !== 'number') return 'a number'
  out.room(8).writeDoubleLE(value, out.at)
  out.at += 8
  return null
}

const float32: ValueWriter = (value, out) => {
  if (typeof value !== 'number') return 'a number'
  out.room(4).writeFloatLE(value, out.at)
  out.at += 4
  return null
}

/** What DateTime64(3) holds: 1900 up to and not including 2300. */
const dateTime64Min = Date.UTC(1900, 0, 1)
const dateTime64End = Date.UTC(2300, 0, 1)
const milliseconds: ValueWriter = (value, out) => {
  if (typeof value !== 'number' || !(value >= dateTime64Min && value < dateTime64End)) return 'epoch milliseconds of 1900..2299'
  out.writeInt64(Math.floor(value))
  return null
}

const dateTimeEnd = 2 ** 32 * 1000
const seconds: ValueWriter = (value, out) => {
  if (typeof value !== 'number' || !(value >= 0 && value < dateTimeEnd)) return 'epoch milliseconds of 1970..2106'
  out.room(4).writeUInt32LE(Math.floor(value / 1000), out.at)
  out.at += 4
  return null
}

const text: ValueWriter = (value, out) => {
  if (typeof value === 'string') out.writeText(value)
  else if (value instanceof Uint8Array) out.writeBytes(value)
  else return 'a text or bytes'
  return null
}

const plainWriters: ReadonlyMap<string, ValueWriter> = new Map([
  ['UInt8', integer(1, 0, 0xff)],
  ['UInt16', integer(2, 0, 0xffff)],
  ['UInt32', integer(4, 0, 0xffff_ffff)],
  ['Int8', integer(1, -0x80, 0x7f)],
  ['Int16', integer(2, -0x8000, 0x7fff)],
  ['Int32', integer(4, -0x8000_0000, 0x7fff_ffff)],
  ['UInt64', int64(0n, 2n ** 64n - 1n)],
  ['Int64', int64(-(2n ** 63n), 2n ** 63n - 1n)],
  ['Float32', float32],
  ['Float64', float64],
  ['DateTime', seconds],
  ['DateTime64', milliseconds],
  ['String', text],
])
