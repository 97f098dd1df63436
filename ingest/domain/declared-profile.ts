/**
 * Payload profiles declared in topics.yaml (`declaredProfiles`): a JSON dialect is read by a table of paths, without code. Here
 * the table is checked, every mistake named with its path; `payloads/declared.ts` reads by it.
 *
 * A path is keys joined by `.`; `*` is any one key or list place, a key that holds a dot is written `a\.b`.
 */
import { type MetricName, metricDefinition } from '../../model/measurement-catalogue.ts'
import { type Conversion, conversionOf } from './units.ts'
import { isObject } from './values.ts'

export const radioFields = [
  'rat',
  'mode',
  'plmn',
  'mcc',
  'mnc',
  'tac',
  'cell',
  'enb',
  'pci',
  'band',
  'earfcn',
  'rsrp',
  'rsrq',
  'sinr',
  'rssi',
  'cqi',
  'carriers',
] as const
export type RadioField = (typeof radioFields)[number]
export const envelopeFields = ['time', 'bootId', 'seq', 'uptime'] as const
export type EnvelopeField = (typeof envelopeFields)[number]

export type Becomes =
  | { kind: 'gauge'; metric: string; catalogued: MetricName | null }
  | { kind: 'counter'; metric: MetricName }
  | { kind: 'fact' | 'personal'; name: string }
  | { kind: 'radio'; field: RadioField }
  | { kind: 'envelope'; field: EnvelopeField }
  | { kind: 'ignore' }

export type FieldSpec = {
  becomes: Becomes
  conversion: Conversion | null
  /** Beside the general markers (`-`, `n/a`, null): values that this device writes for "no reading". */
  missing: ReadonlySet<unknown>
  /** Names and values; a value may be `{1}` (what the first `*` matched) or `{key}` (the text beside the value). */
  attributes: readonly (readonly [name: string, template: Template])[]
}

export type Template = { kind: 'text'; text: string } | { kind: 'star'; index: number } | { kind: 'beside'; key: string }

export type FieldNode = { keys: Map<string, FieldNode>; any: FieldNode | null; spec: FieldSpec | null }

export type DeclaredProfile = { name: string; root: FieldNode; keepUnknown: boolean }

export const declaredFieldsMax = 1_000
const pathKeysMax = 32

export const parseDeclaredProfiles = (value: unknown, taken: readonly string[], problems: string[]): Map<string, DeclaredProfile> => {
  const profiles = new Map<string, DeclaredProfile>()
  if (value === undefined || value === null) return profiles
  if (!isObject(value)) {
    problems.push(`declaredProfiles: expected an object of name: {fields}, got ${shown(value)}`)
    return profiles
  }
  for (const [name, body] of Object.entries(value)) {
    const path = `declaredProfiles.${name}`
    if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) problems.push(`${path}: expected a name of a-z, 0-9 and -, that begins with a letter`)
    if (taken.includes(name)) problems.push(`${path}: this name is a profile of the program`)
    if (isObject(body)) profiles.set(name, parseProfile(name, body, path, problems))
    else problems.push(`${path}: expected an object with fields, got ${shown(body)}`)
  }
  return profiles
}

const parseProfile = (name: string, body: Record<string, unknown>, path: string, problems: string[]): DeclaredProfile => {
  unknownKeys(body, ['fields', 'unknown'], path, problems)
  const unknown = body['unknown'] ?? 'keep'
  if (unknown !== 'keep' && unknown !== 'drop') problems.push(`${path}.unknown: expected keep or drop, got ${shown(unknown)}`)
  const root: FieldNode = { keys: new Map(), any: null, spec: null }
  const fields = body['fields']
  if (!isObject(fields) || Object.keys(fields).length === 0) {
    problems.push(`${path}.fields: expected an object of path: {metric | fact | ...}, got ${shown(fields)}`)
    return { name, root, keepUnknown: unknown === 'keep' }
  }
  if (Object.keys(fields).length > declaredFieldsMax) problems.push(`${path}.fields: expected at most ${declaredFieldsMax} paths`)
  for (const [text, spec] of Object.entries(fields)) addField(root, text, spec, `${path}.fields.${text}`, problems)
  return { name, root, keepUnknown: unknown === 'keep' }
}

/** `a.b\.c.*` -> a, b.c, any. */
const keysOf = (path: string): string[] => (path.match(/(?:\\.|[^.\\])+/g) ?? []).map((key) => key.replace(/\\(.)/g, '$1'))

const addField = (root: FieldNode, text: string, value: unknown, path: string, problems: string[]): void => {
  const keys = keysOf(text)
  const canonical = keys.map((key) => key.replace(/[\\.]/g, '\\$&')).join('.')
  if (keys.length === 0 || keys.length > pathKeysMax || canonical !== text) {
    problems.push(`${path}: expected 1 to ${pathKeysMax} keys joined by ".", none of them empty`)
    return
  }
  const stars = keys.filter((key) => key === '*').length
  const spec = parseSpec(value, stars, path, problems)
  if (spec === undefined) return
  let node = root
  for (const key of keys) node = key === '*' ? (node.any ??= emptyNode()) : childOf(node, key)
  node.spec = spec
}

const emptyNode = (): FieldNode => ({ keys: new Map(), any: null, spec: null })

const childOf = (node: FieldNode, key: string): FieldNode => {
  const known = node.keys.get(key)
  if (known !== undefined) return known
  const made = emptyNode()
  node.keys.set(key, made)
  return made
}

const kinds = ['metric', 'fact', 'personal', 'radio', 'envelope', 'ignore'] as const
const specKeys = [...kinds, 'unit', 'scale', 'offset', 'missing', 'attributes']

const parseSpec = (value: unknown, stars: number, path: string, problems: string[]): FieldSpec | undefined => {
  if (!isObject(value)) {
    problems.push(`${path}: expected an object with one of ${kinds.join(', ')}, got ${shown(value)}`)
    return undefined
  }
  unknownKeys(value, specKeys, path, problems)
  const told = kinds.filter((kind) => value[kind] !== undefined)
  const [kind] = told
  if (kind === undefined || told.length > 1) {
    problems.push(`${path}: expected one of ${kinds.join(', ')}, got ${told.length === 0 ? 'none' : told.join(' and ')}`)
    return undefined
  }
  const becomes = parseBecomes(kind, value[kind], path, problems)
  if (becomes === undefined) return undefined
  return {
    becomes,
    conversion: parseConversion(value, becomes, path, problems),
    missing: parseMissing(value['missing'], path, problems),
    attributes: parseAttributes(value['attributes'], becomes, stars, path, problems),
  }
}

const metricName = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$/
const factName = /^[a-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/

const parseBecomes = (kind: (typeof kinds)[number], value: unknown, path: string, problems: string[]): Becomes | undefined => {
  const text = typeof value === 'string' ? value : ''
  switch (kind) {
    case 'metric': {
      const definition = metricDefinition(text)
      if (definition?.kind === 'counter') return { kind: 'counter', metric: text as MetricName }
      if (metricName.test(text) && text.length <= 200)
        return { kind: 'gauge', metric: text, catalogued: definition === undefined ? null : (text as MetricName) }
      problems.push(`${path}.metric: expected a name such as hw.temperature or acme.fan.rpm, got ${shown(value)}`)
      return undefined
    }
    case 'fact':
    case 'personal':
      if (factName.test(text) && text.length <= 200) return { kind, name: text }
      problems.push(`${path}.${kind}: expected a name such as firmware.version, got ${shown(value)}`)
      return undefined
    case 'radio': {
      const field = radioFields.find((known) => known === value)
      if (field !== undefined) return { kind: 'radio', field }
      problems.push(`${path}.radio: expected one of ${radioFields.join(', ')}, got ${shown(value)}`)
      return undefined
    }
    case 'envelope': {
      const field = envelopeFields.find((known) => known === value)
      if (field !== undefined) return { kind: 'envelope', field }
      problems.push(`${path}.envelope: expected one of ${envelopeFields.join(', ')}, got ${shown(value)}`)
      return undefined
    }
    case 'ignore':
      if (value === true) return { kind: 'ignore' }
      problems.push(`${path}.ignore: expected true, got ${shown(value)}`)
      return undefined
  }
}

const parseConversion = (value: Record<string, unknown>, becomes: Becomes, path: string, problems: string[]): Conversion | null => {
  const { unit, scale, offset } = value
  if (unit === undefined && scale === undefined && offset === undefined) return null
  const isReading = becomes.kind === 'gauge' || becomes.kind === 'counter' || becomes.kind === 'radio'
  if (!isReading) {
    problems.push(`${path}: expected unit, scale and offset at a metric or radio reading only`)
    return null
  }
  if (unit !== undefined && (scale !== undefined || offset !== undefined))
    problems.push(`${path}: expected unit, or scale and offset, got both`)
  if (unit !== undefined) return unitConversion(unit, becomes, path, problems)
  const factor = scale ?? 1
  const added = offset ?? 0
  if (typeof factor !== 'number' || !Number.isFinite(factor) || factor === 0) {
    problems.push(`${path}.scale: expected a number other than 0, got ${shown(scale)}`)
    return null
  }
  if (typeof added !== 'number' || !Number.isFinite(added)) {
    problems.push(`${path}.offset: expected a number, got ${shown(offset)}`)
    return null
  }
  return { factor, offset: added }
}

const unitConversion = (unit: unknown, becomes: Becomes, path: string, problems: string[]): Conversion | null => {
  const metric = becomes.kind === 'gauge' || becomes.kind === 'counter' ? metricDefinition(becomes.metric) : undefined
  if (metric === undefined) {
    problems.push(`${path}.unit: only a metric of the catalogue has a unit to convert to; use scale`)
    return null
  }
  const conversion = typeof unit === 'string' ? conversionOf(unit, metric.unit) : undefined
  if (conversion === undefined) problems.push(`${path}.unit: expected a unit that converts to ${metric.unit}, got ${shown(unit)}`)
  return conversion ?? null
}

const parseMissing = (value: unknown, path: string, problems: string[]): ReadonlySet<unknown> => {
  if (value === undefined) return new Set()
  const list = Array.isArray(value) ? value : [value]
  for (const item of list)
    if (typeof item === 'object' && item !== null) problems.push(`${path}.missing: expected numbers and words, got ${shown(item)}`)
  return new Set(list)
}

const parseAttributes = (value: unknown, becomes: Becomes, stars: number, path: string, problems: string[]): FieldSpec['attributes'] => {
  if (value === undefined) return []
  if (!isObject(value)) {
    problems.push(`${path}.attributes: expected an object of name: text, got ${shown(value)}`)
    return []
  }
  if (becomes.kind !== 'gauge' && becomes.kind !== 'counter') problems.push(`${path}.attributes: expected attributes at a metric only`)
  return Object.entries(value).flatMap(([name, text]): [string, Template][] => {
    const at = `${path}.attributes.${name}`
    if (!/^[a-z][a-z0-9_.]{0,99}$/.test(name)) problems.push(`${at}: expected a name such as hw.name`)
    if (typeof text !== 'string' || text === '' || text.length > 200) {
      problems.push(`${at}: expected text, {1} or {key}, got ${shown(text)}`)
      return []
    }
    const [, inner] = /^\{(.+)\}$/.exec(text) ?? []
    if (inner === undefined) return [[name, { kind: 'text', text }]]
    if (!/^\d+$/.test(inner)) return [[name, { kind: 'beside', key: inner }]]
    const index = Number(inner)
    if (index < 1 || index > stars) problems.push(`${at}: {${inner}} is the text that * number ${inner} matched; the path has ${stars}`)
    return [[name, { kind: 'star', index: index - 1 }]]
  })
}

const unknownKeys = (object: Record<string, unknown>, known: readonly string[], path: string, problems: string[]): void => {
  for (const key of Object.keys(object))
    if (!known.includes(key)) problems.push(`${path}.${key}: unknown key; known are ${known.join(', ')}`)
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60))
