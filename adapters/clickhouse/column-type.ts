/**
 * ClickHouse's type texts as a tree: `LowCardinality(Nullable(String))`, `Array(Tuple(role String, pci UInt16))`,
 * `Enum8('ok' = 0)`. Read by the block encoder and by the decoder of answers. SimpleAggregateFunction changes only how a
 * column merges, so it vanishes here.
 */

export type ColumnType =
  | { kind: 'plain'; name: string; parameters: readonly string[] }
  | { kind: 'nullable'; of: ColumnType }
  | { kind: 'low-cardinality'; of: ColumnType }
  | { kind: 'array'; of: ColumnType }
  | { kind: 'tuple'; fields: readonly { name: string | null; type: ColumnType }[] }
  | { kind: 'map'; key: ColumnType; value: ColumnType }
  | { kind: 'enum'; valueOf: ReadonlyMap<string, number> }

/** Throws on a text that is no type: type texts come from our own schema and from the server. */
export const parseColumnType = (text: string): ColumnType => {
  const { name, parameters } = splitCall(text.trim())
  switch (name) {
    case 'LowCardinality':
      return { kind: 'low-cardinality', of: parseColumnType(only(parameters, text)) }
    case 'SimpleAggregateFunction':
      return parseColumnType(parameters[1] ?? '')
    case 'Nullable':
      return { kind: 'nullable', of: parseColumnType(only(parameters, text)) }
    case 'Array':
      return { kind: 'array', of: parseColumnType(only(parameters, text)) }
    case 'Map':
      return { kind: 'map', key: parseColumnType(parameters[0] ?? ''), value: parseColumnType(parameters[1] ?? '') }
    case 'Tuple':
      return { kind: 'tuple', fields: parameters.map(parseField) }
    case 'Enum8':
    case 'Enum16':
      return { kind: 'enum', valueOf: new Map(parameters.map(parseEnumEntry)) }
    default:
      if (!/^[A-Za-z]\w*$/.test(name)) throw new Error(`Expected a column type, got "${text}"`)
      return { kind: 'plain', name, parameters }
  }
}

const only = (parameters: readonly string[], text: string): string => {
  const [first] = parameters
  if (first === undefined || parameters.length !== 1) throw new Error(`Expected one parameter in "${text}"`)
  return first
}

const parseField = (text: string): { name: string | null; type: ColumnType } => {
  const named = /^([A-Za-z_]\w*|`[^`]+`)\s+(.+)$/s.exec(text)
  if (named?.[1] === undefined || named[2] === undefined) return { name: null, type: parseColumnType(text) }
  return { name: named[1].replaceAll('`', ''), type: parseColumnType(named[2]) }
}

const parseEnumEntry = (text: string): [string, number] => {
  const entry = /^'((?:[^'\\]|\\.)*)'\s*=\s*(-?\d+)$/.exec(text)
  if (entry?.[1] === undefined) throw new Error(`Expected 'name' = number, got "${text}"`)
  return [entry[1].replaceAll(/\\(.)/g, '$1'), Number(entry[2])]
}

/** `Name(a, b(c, d))` -> Name and its top-level parameters; quotes hide commas and brackets. */
const splitCall = (text: string): { name: string; parameters: string[] } => {
  const open = text.indexOf('(')
  if (open < 0) return { name: text, parameters: [] }
  if (!text.endsWith(')')) throw new Error(`Expected a closing bracket in "${text}"`)
  const parameters: string[] = []
  let depth = 0
  let quoted = false
  let start = open + 1
  for (let at = open + 1; at < text.length - 1; at++) {
    const char = text[at]
    if (quoted) {
      if (char === '\\') at++
      else if (char === "'") quoted = false
    } else if (char === "'") quoted = true
    else if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === ',' && depth === 0) {
      parameters.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  parameters.push(text.slice(start, -1).trim())
  return { name: text.slice(0, open), parameters }
}
