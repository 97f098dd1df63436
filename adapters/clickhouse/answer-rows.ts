/**
 * Rows of an answer in JSONCompactEachRowWithNamesAndTypes. The server quotes 64-bit integers, since JSON's reader would
 * round them; here, where the column's type says that such a text is an integer, it becomes a number when that is exact
 * (up to 2^53) and stays decimal text when it is not. Floats that are not finite come as null.
 */
import { type ColumnType, parseColumnType } from './column-type.ts'

type Decode = (value: unknown) => unknown

export const compileRowDecoder = (names: readonly string[], types: readonly string[]): ((values: unknown[]) => Record<string, unknown>) => {
  const decoders = types.map((type) => decoderOf(parsedOrNull(type)))
  return (values) => {
    const row: Record<string, unknown> = {}
    for (let index = 0; index < names.length; index++) {
      const decode = decoders[index]
      row[names[index] ?? ''] = decode ? decode(values[index]) : values[index]
    }
    return row
  }
}

/** A type that we do not know (of another engine's version) is passed through as JSON has it. */
const parsedOrNull = (type: string): ColumnType | null => {
  try {
    return parseColumnType(type)
  } catch {
    return null
  }
}

/** Null: nothing to do. */
const decoderOf = (type: ColumnType | null): Decode | null => {
  switch (type?.kind) {
    case 'nullable':
    case 'low-cardinality':
      return decoderOf(type.of)
    case 'array': {
      const decode = decoderOf(type.of)
      return decode && ((value) => (Array.isArray(value) ? value.map(decode) : value))
    }
    case 'tuple':
      return tupleDecoder(type.fields.map((field) => [field.name, decoderOf(field.type)] as const))
    case 'map': {
      const decode = decoderOf(type.value)
      return decode && ((value) => Object.fromEntries(Object.entries(value ?? {}).map(([key, item]) => [key, decode(item)])))
    }
    case 'plain':
      return type.name === 'UInt64' || type.name === 'Int64' ? toNumberWhenExact : null
    default:
      return null
  }
}

const tupleDecoder = (fields: readonly (readonly [string | null, Decode | null])[]): Decode | null => {
  if (fields.every(([, decode]) => decode === null)) return null
  return (value) => {
    if (Array.isArray(value)) return value.map((item: unknown, index) => fields[index]?.[1]?.(item) ?? item)
    const entries = Object.entries(value ?? {})
    return Object.fromEntries(entries.map(([key, item]) => [key, fields.find(([name]) => name === key)?.[1]?.(item) ?? item]))
  }
}

const toNumberWhenExact: Decode = (value) => {
  if (typeof value !== 'string') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
