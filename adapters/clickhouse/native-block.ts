/**
 * Rows as one block of ClickHouse's Native format, one writer per column, compiled once from `schemas/tables.ts`. Native and
 * not RowBinary because words travel as dictionaries: the engine reads a batch of measurements twenty times as fast, and
 * one block in the file is one block of the insert.
 *
 * Values: epoch milliseconds for DateTime64(3) and DateTime, names for enums, Uint8Array or text for String, boolean or number
 * for UInt8, number or bigint for 64-bit integers, null or undefined for Nullable only. Deterministic: the same rows give the
 * same bytes, which makes a repeated insert the same insert. A value that does not fit throws `WAREHOUSE_REFUSED` with row
 * and column before anything is sent.
 *
 * Wire: varint columns, varint rows, then per column: name, type (both as text), data. No block info: that is revision 0.
 */
import type { Row } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Column } from '../../schemas/tables.ts'
import type { ByteBuffer } from './byte-buffer.ts'
import { type ColumnType, parseColumnType } from './column-type.ts'
import { UnfitValue, plainWriter, type ValueWriter } from './value-writers.ts'

export type BlockEncoder = (rows: readonly Row[], into: ByteBuffer) => void

/** Writes what stands before the data of all blocks, then the values. */
type ColumnWriter = { prefix: (out: ByteBuffer) => void; write: (values: readonly unknown[], out: ByteBuffer) => void }

export const compileEncoder = (columns: readonly Column[]): BlockEncoder => {
  const compiled = columns.map(([name, type]) => ({ name, type, writer: writerOf(parseColumnType(type)) }))
  return (rows, into) => {
    into.writeVarint(compiled.length)
    into.writeVarint(rows.length)
    const values: unknown[] = new Array<unknown>(rows.length)
    for (const { name, type, writer } of compiled) {
      into.writeText(name)
      into.writeText(type)
      for (let index = 0; index < rows.length; index++) values[index] = rows[index]?.[name]
      try {
        writer.prefix(into)
        writer.write(values, into)
      } catch (error) {
        if (!(error instanceof UnfitValue)) throw error
        throw new AppError('WAREHOUSE_REFUSED', `row ${error.index}, column ${name}: ${error.message}`, { cause: error })
      }
    }
  }
}

const nothing = (): void => undefined

const writerOf = (type: ColumnType): ColumnWriter => {
  switch (type.kind) {
    case 'nullable':
      return nullable(writerOf(type.of), zeroOf(type.of))
    case 'low-cardinality':
      return lowCardinality(type.of)
    case 'array':
      return array(writerOf(type.of))
    case 'tuple':
      return tuple(type.fields.map((field) => ({ name: field.name, writer: writerOf(field.type) })))
    case 'enum':
      return each(enumWriter(type.valueOf))
    case 'map':
      throw new Error('Map columns are not written by us')
    case 'plain':
      return each(plainWriter(type.name, type.parameters))
  }
}

const each = (write: ValueWriter): ColumnWriter => ({
  prefix: nothing,
  write: (values, out) => {
    for (let index = 0; index < values.length; index++) {
      const expected = write(values[index], out)
      if (expected !== null) throw new UnfitValue(expected, values[index], index)
    }
  },
})

const enumWriter =
  (valueOf: ReadonlyMap<string, number>): ValueWriter =>
  (value, out) => {
    const number = typeof value === 'string' ? valueOf.get(value) : undefined
    if (number === undefined) return [...valueOf.keys()].join(' | ')
    out.room(1).writeInt8(number, out.at)
    out.at += 1
    return null
  }

/** A byte per row says whether it is null; then all values, a zero where null. */
const nullable = (inner: ColumnWriter, zero: unknown): ColumnWriter => ({
  prefix: inner.prefix,
  write: (values, out) => {
    const marks = out.room(values.length)
    const filled: unknown[] = new Array<unknown>(values.length)
    for (let index = 0; index < values.length; index++) {
      const value = values[index]
      const isNull = value === null || value === undefined
      marks[out.at + index] = isNull ? 1 : 0
      filled[index] = isNull ? zero : value
    }
    out.at += values.length
    inner.write(filled, out)
  },
})

const zeroOf = (type: ColumnType): unknown => {
  if (type.kind === 'enum') return [...type.valueOf.keys()][0]
  return type.kind === 'plain' && type.name === 'String' ? '' : 0
}

/** Ends of the rows' items as UInt64, then all items as one column. */
const array = (inner: ColumnWriter): ColumnWriter => ({
  prefix: inner.prefix,
  write: (values, out) => {
    const items: unknown[] = []
    for (let index = 0; index < values.length; index++) {
      const value = values[index]
      if (!Array.isArray(value)) throw new UnfitValue('an array', value, index)
      for (const item of value as unknown[]) items.push(item)
      out.writeInt64(items.length)
    }
    inner.write(items, out)
  },
})

/** A column per field; fields by name from an object, by position from an array. */
const tuple = (fields: readonly { name: string | null; writer: ColumnWriter }[]): ColumnWriter => ({
  prefix: (out) => {
    for (const { writer } of fields) writer.prefix(out)
  },
  write: (values, out) => {
    for (const [index, value] of values.entries()) {
      if (typeof value !== 'object' || value === null) throw new UnfitValue('an object or array', value, index)
    }
    for (const [position, { name, writer }] of fields.entries()) {
      const field = (value: object): unknown => {
        const key = Array.isArray(value) || name === null ? String(position) : name
        return (value as Record<string, unknown>)[key]
      }
      writer.write(
        values.map((value) => field(value as object)),
        out,
      )
    }
  },
})

const keysVersion = 1
/** The dictionary comes with the block (bit 9) and replaces any before (bit 10). */
const ownDictionary = (1 << 9) | (1 << 10)

/** Distinct words, then a number per row. Of a nullable column, word 0 stands for null. */
const lowCardinality = (of: ColumnType): ColumnWriter => {
  const isNullable = of.kind === 'nullable'
  const word = isNullable ? of.of : of
  if (word.kind !== 'plain' || word.name !== 'String') throw new Error('LowCardinality columns hold texts')
  return {
    prefix: (out) => out.writeInt64(keysVersion),
    write: (values, out) => {
      if (values.length === 0) return
      const numberOf = new Map<string, number>()
      const words = isNullable ? [''] : []
      const numbers = new Uint32Array(values.length)
      let last: unknown
      let lastNumber = 0
      for (let index = 0; index < values.length; index++) {
        const value = values[index]
        if (value !== last || index === 0) {
          last = value
          lastNumber = isNullable && (value === null || value === undefined) ? 0 : numberOfWord(value, index, numberOf, words)
        }
        numbers[index] = lastNumber
      }
      const [width, code] = words.length <= 0xff ? [1, 0] : words.length <= 0xffff ? [2, 1] : [4, 2]
      out.writeInt64(ownDictionary | code)
      out.writeInt64(words.length)
      for (const text of words) out.writeText(text)
      out.writeInt64(values.length)
      writeNumbers(numbers, width, out)
    },
  }
}

const numberOfWord = (value: unknown, index: number, numberOf: Map<string, number>, words: string[]): number => {
  if (typeof value !== 'string') throw new UnfitValue('a text', value, index)
  const known = numberOf.get(value)
  if (known !== undefined) return known
  const number = words.push(value) - 1
  numberOf.set(value, number)
  return number
}

const writeNumbers = (numbers: Uint32Array, width: number, out: ByteBuffer): void => {
  const buffer = out.room(numbers.length * width)
  let { at } = out
  for (const number of numbers) {
    buffer[at] = number
    if (width > 1) buffer[at + 1] = number >> 8
    if (width > 2) buffer.writeUInt16LE(number >>> 16, at + 2)
    at += width
  }
  out.at = at
}
