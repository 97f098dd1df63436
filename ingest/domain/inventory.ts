/**
 * Inventory lines: what a row of devices.csv, sites.csv or cells.csv means, and what it changes. Pure: the import reads the
 * file, this judges each row and says what event it makes. An empty field is absent; a column that we do not know is an
 * error, since a misspelt `time_zone` would otherwise be lost without a word.
 */
import type { InventoryChangedBody } from '../../model/event.ts'
import type { Result } from '../../model/result.ts'
import { parseMac } from './mac.ts'

export type InventoryKind = 'devices' | 'sites' | 'cells'
export type InventoryEntry = { id: string; fields: Record<string, string>; retired: boolean }

export type InventoryRowResult = {
  /** Line of the file, the header being 1. */
  row: number
  id: string
  action: 'create' | 'change' | 'unchanged' | 'reject'
  reason: string | null
}

type FieldCheck = (value: string) => string | null

const text: FieldCheck = (value) => (value.length <= 200 ? null : `at most 200 characters, got ${value.length}`)
const within =
  (least: number, greatest: number): FieldCheck =>
  (value) => {
    const number = Number(value)
    return Number.isFinite(number) && number >= least && number <= greatest ? null : `a number from ${least} to ${greatest}, got "${value}"`
  }
const integer =
  (least: number, greatest: number): FieldCheck =>
  (value) =>
    /^\d+$/.test(value) && Number(value) >= least && Number(value) <= greatest
      ? null
      : `an integer from ${least} to ${greatest}, got "${value}"`
const zone: FieldCheck = (value) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value })
    return null
  } catch {
    return `an IANA time zone such as Europe/Berlin, got "${value}"`
  }
}
const plmn: FieldCheck = (value) => (/^\d{5,6}$/.test(value) ? null : `5 or 6 digits, got "${value}"`)

const placeFields = { name: text, region: text, latitude: within(-90, 90), longitude: within(-180, 180) }

/** Columns by kind, without the id. */
const columns: Record<InventoryKind, Record<string, FieldCheck>> = {
  devices: {
    ...placeFields,
    site: text,
    time_zone: zone,
    customer: text,
    class: text,
    expected_interval_seconds: integer(1, 31_536_000),
    plan: text,
    serial: text,
    aliases: text,
  },
  sites: { ...placeFields, time_zone: zone, customer: text },
  cells: { plmn, name: text, site: text, vendor: text, latitude: within(-90, 90), longitude: within(-180, 180) },
}

const idColumn: Record<InventoryKind, string> = { devices: 'device_id', sites: 'site_id', cells: 'cell_id' }
const entity = { devices: 'device', sites: 'site', cells: 'cell' } as const

const parseId = (kind: InventoryKind, value: string): Result<string> => {
  if (kind === 'devices') {
    const mac = parseMac(value)
    return mac === null
      ? { ok: false, reason: `device_id: expected a MAC such as 00-11-22-33-44-55, got "${value}"` }
      : { ok: true, value: mac }
  }
  if (kind === 'cells') {
    const problem = integer(0, 2 ** 36 - 1)(value)
    return problem === null ? { ok: true, value: String(Number(value)) } : { ok: false, reason: `cell_id: expected ${problem}` }
  }
  return /^[^\s].{0,99}$/u.test(value)
    ? { ok: true, value }
    : { ok: false, reason: `site_id: expected 1 to 100 characters, got "${value}"` }
}

/** The header's problems, or null. Columns may come in any order. */
export const headerProblem = (kind: InventoryKind, header: readonly string[]): string | null => {
  const known = [idColumn[kind], ...Object.keys(columns[kind])]
  if (!header.includes(idColumn[kind])) return `expected a column ${idColumn[kind]}, got ${header.join(', ')}`
  const unknown = header.filter((name) => !known.includes(name))
  if (unknown.length > 0) return `unknown column ${unknown.join(', ')}; known are ${known.join(', ')}`
  const doubled = header.filter((name, index) => header.indexOf(name) !== index)
  return doubled.length > 0 ? `column ${doubled.join(', ')} comes twice` : null
}

/** One line judged. Each problem names the column, what was expected and what came; all of a row are told at once. */
export const parseInventoryRow = (kind: InventoryKind, row: Readonly<Record<string, string>>): Result<InventoryEntry> => {
  const id = parseId(kind, row[idColumn[kind]]?.trim() ?? '')
  const problems = id.ok ? [] : [id.reason]
  const fields: Record<string, string> = {}
  for (const [name, check] of Object.entries(columns[kind])) {
    const value = row[name]?.trim() ?? ''
    if (value === '') continue
    const problem = check(value)
    if (problem === null) fields[name] = value
    else problems.push(`${name}: expected ${problem}`)
  }
  if (problems.length === 0 && (fields['latitude'] === undefined) !== (fields['longitude'] === undefined)) {
    problems.push('expected latitude and longitude together')
  }
  return id.ok && problems.length === 0
    ? { ok: true, value: { id: id.value, fields, retired: false } }
    : { ok: false, reason: problems.join('; ') }
}

export type InventoryPlan = { results: InventoryRowResult[]; changes: InventoryChangedBody[] }

/** What the lines would change. An id that comes twice in one file is rejected the second time. */
export const planInventory = (
  kind: InventoryKind,
  rows: readonly { row: number; values: Readonly<Record<string, string>> }[],
  current: ReadonlyMap<string, InventoryEntry>,
): InventoryPlan => {
  const seen = new Map<string, number>()
  const plan: InventoryPlan = { results: [], changes: [] }
  for (const { row, values } of rows) {
    const parsed = parseInventoryRow(kind, values)
    if (!parsed.ok) {
      plan.results.push({ row, id: values[idColumn[kind]] ?? '', action: 'reject', reason: parsed.reason })
      continue
    }
    const { id, fields } = parsed.value
    const earlier = seen.get(id)
    if (earlier !== undefined) {
      plan.results.push({ row, id, action: 'reject', reason: `${id} stands already in line ${earlier}` })
      continue
    }
    seen.set(id, row)
    const before = current.get(id)
    const action = before === undefined ? 'create' : before.retired || !sameFields(before.fields, fields) ? 'change' : 'unchanged'
    plan.results.push({ row, id, action, reason: null })
    if (action !== 'unchanged') plan.changes.push({ kind: 'InventoryChanged', entity: entity[kind], id, retired: false, fields })
  }
  return plan
}

const sameFields = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean => {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => sameValue(a[key], b[key]))
}

/** `52.50` and `52.5` are one coordinate: the warehouse gives numbers back in their own writing. */
const sameValue = (a: string | undefined, b: string | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a !== '' && b !== '' && Number.isFinite(Number(a)) && Number(a) === Number(b))
