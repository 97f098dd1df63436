/**
 * Does a row fit its columns? Asked of each record's rows before anything of its batch is written: a row that the warehouse
 * refuses would bring the whole batch back for ever. Compiled once from `schemas/tables.ts`; a test holds it to the encoder.
 */
import type { Row } from '../../model/ports.ts'
import { type TableName, tables } from '../../schemas/tables.ts'

type Fits = (value: unknown) => boolean
/** Most values are looked at without a call: `usual` says what they are, `fits` decides of all others. */
type ColumnFit = { name: string; usual: 'text' | 'time' | 'whole' | 'other'; wholeMax: number; fits: Fits }

/** Null, or the first column whose value does not fit. */
export const misfitOf = (table: TableName, row: Row): string | null => {
  for (const { name, usual, wholeMax, fits } of compiled(table)) {
    const value = row[name]
    if (usual === 'text') {
      if (typeof value === 'string') continue
    } else if (typeof value === 'number') {
      if (usual === 'time' && value >= dateTime64FromMs && value < dateTime64EndMs) continue
      if (usual === 'whole' && Number.isInteger(value) && value >= 0 && value <= wholeMax) continue
    }
    if (!fits(value)) return `${table}.${name}`
  }
  return null
}

const known = new Map<TableName, ColumnFit[]>()

const compiled = (table: TableName): ColumnFit[] => {
  let columns = known.get(table)
  if (columns === undefined) {
    columns = tables[table].map(([name, type]) => ({ name, ...usualOf(type), fits: fitsOf(type) }))
    known.set(table, columns)
  }
  return columns
}

const usualOf = (type: string): Pick<ColumnFit, 'usual' | 'wholeMax'> => {
  const plain = /^Nullable\((.*)\)$/.exec(type)?.[1] ?? type
  if (plain.startsWith('LowCardinality') || plain === 'String') return { usual: 'text', wholeMax: 0 }
  if (plain.startsWith('DateTime64')) return { usual: 'time', wholeMax: 0 }
  const bits = /^UInt(\d+)$/.exec(plain)?.[1]
  return bits === undefined
    ? { usual: 'other', wholeMax: 0 }
    : { usual: 'whole', wholeMax: bits === '64' ? Number.MAX_SAFE_INTEGER : 2 ** Number(bits) - 1 }
}

/** A type that no table uses yet throws, so a test meets it first. */
const fitsOf = (type: string): Fits => {
  const open = type.indexOf('(')
  const name = open < 0 ? type : type.slice(0, open)
  const inside = open < 0 ? '' : type.slice(open + 1, -1)
  switch (name) {
    case 'LowCardinality': {
      const nullable = inside.startsWith('Nullable')
      return (value) => typeof value === 'string' || (nullable && (value === null || value === undefined))
    }
    case 'Nullable': {
      const fits = fitsOf(inside)
      return (value) => value === null || value === undefined || fits(value)
    }
    case 'Array': {
      const fits = fitsOf(inside)
      return (value) => Array.isArray(value) && value.every(fits)
    }
    case 'Tuple': {
      const fields = splitFields(inside).map((field) => {
        const space = field.indexOf(' ')
        return { name: field.slice(0, space), fits: fitsOf(field.slice(space + 1)) }
      })
      return (value) =>
        typeof value === 'object' && value !== null && fields.every(({ name, fits }) => fits((value as Record<string, unknown>)[name]))
    }
    case 'Enum8': {
      const names = new Set([...inside.matchAll(/'([^']*)'/g)].map(([, own]) => own))
      return (value) => typeof value === 'string' && names.has(value)
    }
    default:
      return plainFits(name)
  }
}

const plainFits = (name: string): Fits => {
  const bits = Number(/\d+$/.exec(name)?.[0])
  switch (name) {
    case 'String':
      return (value) => typeof value === 'string' || value instanceof Uint8Array
    case 'Float32':
    case 'Float64':
      return (value) => typeof value === 'number'
    case 'DateTime64':
      return (value) => typeof value === 'number' && value >= dateTime64FromMs && value < dateTime64EndMs
    case 'DateTime':
      return (value) => typeof value === 'number' && value >= 0 && value < dateTimeEndMs
    case 'UInt64':
      return (value) => isWhole(value, 0, Number.MAX_SAFE_INTEGER) || (typeof value === 'bigint' && value >= 0n && value < 2n ** 64n)
    case 'Int64':
      return (value) => typeof value === 'number' && Number.isSafeInteger(value)
    case 'UInt8':
    case 'UInt16':
    case 'UInt32':
      return (value) => isWhole(value, 0, 2 ** bits - 1)
    default:
      throw new Error(`Expected a column type that rows have, got ${name}`)
  }
}

const isWhole = (value: unknown, from: number, to: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to

const dateTime64FromMs = Date.UTC(1900, 0, 1)
const dateTime64EndMs = Date.UTC(2300, 0, 1)
const dateTimeEndMs = 2 ** 32 * 1_000

/** `a Nullable(String), b UInt8` -> its fields; commas inside of brackets do not part. */
const splitFields = (text: string): string[] => {
  const fields: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at <= text.length; at++) {
    const char = text[at]
    if (char === '(') depth++
    else if (char === ')') depth--
    else if (at === text.length || (char === ',' && depth === 0)) {
      fields.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  return fields
}
