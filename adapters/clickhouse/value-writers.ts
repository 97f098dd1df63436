/** Values of a fixed width in ClickHouse's binary forms, many at a time. */

export class UnfitValue extends Error {
  readonly index: number
  constructor(expected: string, value: unknown, index: number) {
    const shown = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) as string | undefined)
    super(`Expected ${expected}, got ${(shown ?? String(value)).slice(0, 80)}`)
    this.name = 'UnfitValue'
    this.index = index
  }
}

export type FixedWriter = {
  /** Bytes of a value. */
  width: number
  expected: string
  /** Writes the first `count` values from `at` on, a multiple of `width`. Answers -1, or the index of a value that does not fit. */
  write: (values: readonly unknown[], count: number, into: ArrayBufferLike, at: number) => number
}

/** Throws for a type that our tables do not use: a fault of `schemas/tables.ts`. */
export const fixedWriter = (name: string, parameters: readonly string[]): FixedWriter => {
  if (name === 'DateTime64' && parameters[0] !== '3') throw new Error(`Expected DateTime64(3), got DateTime64(${parameters.join(', ')})`)
  const writer = writers.get(name)
  if (writer === undefined) throw new Error(`No writer for column type ${name}`)
  return writer
}

type Numbers = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array
type NumbersClass = { BYTES_PER_ELEMENT: number; new (into: ArrayBufferLike, at: number, count: number): Numbers }

const integers = (Class: NumbersClass, min: number, max: number): FixedWriter => ({
  width: Class.BYTES_PER_ELEMENT,
  expected: `an integer ${min}..${max}`,
  write: (values, count, into, at) => {
    const out = new Class(into, at, count)
    for (let index = 0; index < count; index++) {
      const value = values[index]
      const number = typeof value === 'boolean' ? Number(value) : value
      if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) return index
      out[index] = number
    }
    return -1
  },
})

/** As two halves of 32 bits: a BigInt per value costs five times as much. */
const integers64 = (min: bigint, max: bigint): FixedWriter => ({
  width: 8,
  expected: `an integer ${min}..${max}`,
  write: (values, count, into, at) => {
    const out = new Int32Array(into, at, count * 2)
    for (let index = 0; index < count; index++) {
      const value = values[index]
      if (typeof value === 'number' && Number.isSafeInteger(value) && (value >= 0 || min < 0n)) {
        out[index * 2] = value
        out[index * 2 + 1] = Math.floor(value / 0x1_0000_0000)
        continue
      }
      if (typeof value !== 'bigint' || value < min || value > max) return index
      out[index * 2] = Number(BigInt.asIntN(32, value))
      out[index * 2 + 1] = Number(BigInt.asIntN(32, value >> 32n))
    }
    return -1
  },
})

const floats = (Class: NumbersClass): FixedWriter => ({
  width: Class.BYTES_PER_ELEMENT,
  expected: 'a number',
  write: (values, count, into, at) => {
    const out = new Class(into, at, count)
    for (let index = 0; index < count; index++) {
      const value = values[index]
      if (typeof value !== 'number') return index
      out[index] = value
    }
    return -1
  },
})

/** What DateTime64(3) holds: 1900 up to and not including 2300. */
const dateTime64Min = Date.UTC(1900, 0, 1)
const dateTime64End = Date.UTC(2300, 0, 1)
const milliseconds: FixedWriter = {
  width: 8,
  expected: 'epoch milliseconds of 1900..2299',
  write: (values, count, into, at) => {
    const out = new Int32Array(into, at, count * 2)
    for (let index = 0; index < count; index++) {
      const value = values[index]
      if (typeof value !== 'number' || !(value >= dateTime64Min && value < dateTime64End)) return index
      const whole = Math.floor(value)
      out[index * 2] = whole
      out[index * 2 + 1] = Math.floor(whole / 0x1_0000_0000)
    }
    return -1
  },
}

const dateTimeEnd = 2 ** 32 * 1000
const seconds: FixedWriter = {
  width: 4,
  expected: 'epoch milliseconds of 1970..2106',
  write: (values, count, into, at) => {
    const out = new Uint32Array(into, at, count)
    for (let index = 0; index < count; index++) {
      const value = values[index]
      if (typeof value !== 'number' || !(value >= 0 && value < dateTimeEnd)) return index
      out[index] = Math.floor(value / 1000)
    }
    return -1
  },
}

const writers: ReadonlyMap<string, FixedWriter> = new Map([
  ['UInt8', integers(Uint8Array, 0, 0xff)],
  ['UInt16', integers(Uint16Array, 0, 0xffff)],
  ['UInt32', integers(Uint32Array, 0, 0xffff_ffff)],
  ['Int8', integers(Int8Array, -0x80, 0x7f)],
  ['Int16', integers(Int16Array, -0x8000, 0x7fff)],
  ['Int32', integers(Int32Array, -0x8000_0000, 0x7fff_ffff)],
  ['UInt64', integers64(0n, 2n ** 64n - 1n)],
  ['Int64', integers64(-(2n ** 63n), 2n ** 63n - 1n)],
  ['Float32', floats(Float32Array)],
  ['Float64', floats(Float64Array)],
  ['DateTime', seconds],
  ['DateTime64', milliseconds],
])
