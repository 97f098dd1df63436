/** Which rows of one group differ between the live table and the rebuilt one. Both sides are what `rowsQuery` answers. */
import { type ComparedTable, sumTolerance } from './compared-tables.ts'

export type ShownRow = Readonly<Record<string, unknown>>

/** `changed`: the same row says something else. `missing`: the live table lacks it. `extra`: only the live table has it. */
export type Difference = {
  table: string
  subject: string
  /** The row's own time. */
  at: string
  kind: 'changed' | 'missing' | 'extra'
  live: ShownRow | null
  rebuilt: ShownRow | null
}

export const rowDifferences = (
  compared: ComparedTable,
  subject: string,
  live: readonly ShownRow[],
  rebuilt: readonly ShownRow[],
): Difference[] => {
  const exact = (row: ShownRow): string =>
    JSON.stringify(compared.shown.map(({ name }) => (compared.inexact.includes(name) ? null : row[name])))
  const left = pairUp(live, rebuilt, exact, (one, other) => compared.inexact.every((name) => nearlyEqual(one[name], other[name])))
  const identity = (row: ShownRow): string => JSON.stringify(compared.identity.map((name) => row[name]))
  const changed: Difference[] = []
  const rest = pairUp(left.live, left.rebuilt, identity, (one, other) => {
    changed.push({ table: compared.table, subject, at: timeOf(compared, other), kind: 'changed', live: one, rebuilt: other })
    return true
  })
  const one = (kind: 'missing' | 'extra') => (row: ShownRow) => ({
    table: compared.table,
    subject,
    at: timeOf(compared, row),
    kind,
    live: kind === 'extra' ? row : null,
    rebuilt: kind === 'missing' ? row : null,
  })
  return [...changed, ...rest.rebuilt.map(one('missing')), ...rest.live.map(one('extra'))]
}

/** Takes away pairs with the same key that `isPair` agrees to; answers with what is left on each side. */
const pairUp = (
  live: readonly ShownRow[],
  rebuilt: readonly ShownRow[],
  keyOf: (row: ShownRow) => string,
  isPair: (live: ShownRow, rebuilt: ShownRow) => boolean,
): { live: ShownRow[]; rebuilt: ShownRow[] } => {
  const waiting = new Map<string, ShownRow[]>()
  for (const row of rebuilt) {
    const key = keyOf(row)
    const same = waiting.get(key)
    if (same === undefined) waiting.set(key, [row])
    else same.push(row)
  }
  const leftLive: ShownRow[] = []
  for (const row of live) {
    const same = waiting.get(keyOf(row)) ?? []
    const at = same.findIndex((candidate) => isPair(row, candidate))
    if (at < 0) leftLive.push(row)
    else same.splice(at, 1)
  }
  return { live: leftLive, rebuilt: [...waiting.values()].flat() }
}

const nearlyEqual = (one: unknown, other: unknown): boolean => {
  if (typeof one !== 'number' || typeof other !== 'number') return one === other
  return Math.abs(one - other) <= sumTolerance * Math.max(Math.abs(one), Math.abs(other))
}

const timeOf = (compared: ComparedTable, row: ShownRow): string => {
  const at = row[compared.time]
  return typeof at === 'string' ? `${at.replace(' ', 'T')}Z` : ''
}

/** One line: what, whose, when, and the columns that say something else. */
export const differenceLine = ({ table, subject, at, kind, live, rebuilt }: Difference): string => {
  const where = `${table}  ${subject === '' ? '(no subject)' : subject}  ${at}`
  if (live === null) return `${where}  missing: ${JSON.stringify(rebuilt)}`
  if (rebuilt === null) return `${where}  extra: ${JSON.stringify(live)}`
  const columns = Object.keys(rebuilt).filter((name) => live[name] !== rebuilt[name])
  const words = columns.map((name) => `${name} is ${JSON.stringify(live[name])}, the rebuild says ${JSON.stringify(rebuilt[name])}`)
  return `${where}  ${kind}: ${words.join('; ')} ${JSON.stringify(Object.fromEntries(Object.keys(rebuilt).flatMap((name) => (['offset', 'metric', 'attributes', 'name', 'line'].includes(name) ? [[name, rebuilt[name]]] : []))))}`
}
