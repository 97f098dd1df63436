/**
 * SenML (RFC 8428) on any mapped topic: an array of records with base fields that carry over. Numbers become measurements and
 * texts facts named by the topic and the record's name; each has its own time. A pack with a flaw is refused whole (section 4.4).
 */
import { addFact, addGeneric, addPersonal, addUnknown, type Draft, refuse } from '../draft.ts'
import { newer } from '../fields.ts'
import { snakeKey } from '../keys.ts'
import { isObject } from '../values.ts'
import { shown } from '../shown.ts'

const labels = new Set(['bn', 'bt', 'bu', 'bv', 'bs', 'bver', 'n', 'u', 'v', 'vs', 'vb', 'vd', 's', 't', 'ut'])
const values = ['v', 'vs', 'vb', 'vd'] as const

/** An array whose first record has a SenML name or value, and no foreign keys unless it has a name. */
export const isSenml = (value: unknown): value is unknown[] => {
  if (!Array.isArray(value)) return false
  const first: unknown = value[0]
  if (!isObject(first)) return false
  const named = typeof first['bn'] === 'string' || typeof first['n'] === 'string'
  return named || (values.some((key) => key in first) && Object.keys(first).every((key) => labels.has(key)))
}

type Base = { name: string; time: number; unit: string | null; value: number; sum: number }

/** Times below 2^28 are relative to now (RFC 8428 4.5.3): the arrival. */
const relativeBelowSeconds = 2 ** 28

/** The form of the drafts before RFC 8428: `{"bn":"...","e":[...]}`. */
export const isDraftSenml = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value['e']) && (typeof value['bn'] === 'string' || isSenml(value['e']))

export const readSenml = (draft: Draft, pack: readonly unknown[]): void => {
  const base: Base = { name: '', time: 0, unit: null, value: 0, sum: 0 }
  for (const [index, record] of pack.entries()) {
    if (!isObject(record)) {
      flaw(draft, index, 'expected an object')
      return
    }
    const problem = readRecord(draft, base, record)
    if (problem !== null) {
      flaw(draft, index, problem)
      return
    }
  }
}

const flaw = (draft: Draft, index: number, problem: string): void => refuse(draft, 'PAYLOAD_SHAPE', `SenML record ${index + 1}: ${problem}`)

const readRecord = (draft: Draft, base: Base, record: Record<string, unknown>): string | null => {
  const problem = takeBase(base, record)
  if (problem !== null) return problem
  const present = values.filter((key) => record[key] !== undefined)
  if (present.length === 0 && record['s'] === undefined) return null // Only base fields.
  if (present.length > 1) return `expected one value field, got ${present.join(' and ')}`
  const name = base.name + (typeof record['n'] === 'string' ? record['n'] : '')
  if (!/^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/.test(name))
    return `expected a name of [A-Za-z0-9-:./_] that begins with a letter or digit, got "${name.slice(0, 60)}"`
  const seconds = base.time + (typeof record['t'] === 'number' ? record['t'] : 0)
  draft.itemAtMs = Math.round(seconds < relativeBelowSeconds ? draft.receivedAtMs + seconds * 1000 : seconds * 1000)
  if (record['t'] === undefined && base.time === 0) draft.itemAtMs = null
  const problemOfValue = readValue(draft, base, record, present[0], pathOf(draft, name, unitOf(base, record)))
  draft.observedAtMs = newer(draft.observedAtMs, draft.itemAtMs)
  draft.itemAtMs = null
  return problemOfValue
}

const takeBase = (base: Base, record: Record<string, unknown>): string | null => {
  for (const key in record) {
    const value = record[key]
    if (!labels.has(key) && key.endsWith('_')) return `field ${key} must be understood`
    if (['bt', 'bv', 'bs', 'bver', 'v', 's', 't', 'ut'].includes(key) && typeof value !== 'number')
      return `expected ${key} as a number, got ${shown(value)}`
    if (['bn', 'bu', 'n', 'u', 'vs', 'vd'].includes(key) && typeof value !== 'string') return `expected ${key} as text, got ${shown(value)}`
    if (key === 'vb' && typeof value !== 'boolean') return 'expected vb as true or false'
    if (key === 'bver' && value !== 10 && !(typeof value === 'number' && value >= 1 && value < 10))
      return `expected version 10 at most, got ${String(value)}`
  }
  if (typeof record['bn'] === 'string') base.name = record['bn']
  if (typeof record['bt'] === 'number') base.time = record['bt']
  if (typeof record['bu'] === 'string') base.unit = record['bu']
  if (typeof record['bv'] === 'number') base.value = record['bv']
  if (typeof record['bs'] === 'number') base.sum = record['bs']
  return null
}

const unitOf = (base: Base, record: Record<string, unknown>): string | null => (typeof record['u'] === 'string' ? record['u'] : base.unit)

const readValue = (
  draft: Draft,
  base: Base,
  record: Record<string, unknown>,
  kind: (typeof values)[number] | undefined,
  path: string,
): string | null => {
  const unit = unitOf(base, record)
  if (unit === 'lat' || unit === 'lon') {
    addPersonal(draft, unit === 'lat' ? 'position.latitude' : 'position.longitude', record['v'])
    return null
  }
  if (kind === 'v' && typeof record['v'] === 'number') addGeneric(draft, path, base.value + record['v'])
  else if (kind === 'vb') addUnknown(draft, path, record['vb'])
  else if (kind === 'vs' || kind === 'vd') addFact(draft, path, record[kind])
  if (typeof record['s'] === 'number') addGeneric(draft, `${path}.sum`, base.sum + record['s'])
  return null
}

/** The device is the topic's subject, so the URN that names it in front is left out: `urn:dev:mac:0200000000700000:rsrp` -> `rsrp`. */
const pathOf = (draft: Draft, name: string, unit: string | null): string => {
  const own = name.replace(/^urn:(?:[^:/]+:){2}[^:/]*[:/]?/, '')
  const parts = own.split(/[:/.]/).filter((part) => part !== '')
  return [draft.route.prefix, ...(parts.length > 0 ? parts : [unit ?? 'value']).map(snakeKey)].join('.')
}
