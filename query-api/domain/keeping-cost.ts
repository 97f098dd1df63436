/** What keeping costs: rows, days and bytes of one class, model and customer in one table, now and once the rule's time is full. */
import { type KeepingRules, type KeptDays, type KeptGroup, keptDays, keptTables, type SubjectFacts } from '../../model/keeping.ts'
import { toTime, toTimeOrNull } from './time.ts'

/** Rows a day are of these last days, or of as long as there have been rows. */
export const recentDays = 7
const dayMs = 86_400_000
const hourMs = 3_600_000

export type Counted = SubjectFacts & { subjects: number; rows: number; oldest_ms: number; recent: number; older: readonly number[] }

export type TableCost = {
  table: string
  keptDays: KeptDays
  /** Counted from 1, as the file does; null: the default. */
  rule: number | null
  rows: number
  rowsPerDay: number
  bytesPerRow: number | null
  bytesNow: number | null
  /** Null: it is kept for ever and only grows. */
  bytesWhenFull: number | null
  bytesPerDay: number | null
  oldest: string
  rowsDue: number
}

export type GroupCost = SubjectFacts & {
  subjects: number
  bytesNow: number
  bytesWhenFull: number | null
  bytesPerDay: number
  rowsDue: number
  oldest: string
  tables: TableCost[]
}

/** `counted` by table's word, with `older` for each of `days`; `bytesPerRow` by table. Largest first. */
export const keepingCosts = (
  rules: KeepingRules,
  counted: readonly { group: KeptGroup; days: readonly number[]; rows: readonly Counted[] }[],
  bytesPerRow: ReadonlyMap<string, number>,
  nowMs: number,
): GroupCost[] => {
  const groups = new Map<string, GroupCost>()
  for (const { group, days, rows } of counted) {
    for (const row of rows) {
      const facts = { class: row.class, product: row.product, model: row.model, customer: row.customer }
      const key = JSON.stringify(facts)
      const own = groups.get(key) ?? {
        ...facts,
        subjects: 0,
        bytesNow: 0,
        bytesWhenFull: 0,
        bytesPerDay: 0,
        rowsDue: 0,
        oldest: toTime(nowMs),
        tables: [],
      }
      groups.set(key, own)
      const cost = tableCost(rules, group, days, row, bytesPerRow.get(keptTables[group].table) ?? null, nowMs)
      own.tables.push(cost)
      own.subjects = Math.max(own.subjects, row.subjects)
      own.bytesNow += cost.bytesNow ?? 0
      own.bytesPerDay += cost.bytesPerDay ?? 0
      own.bytesWhenFull = own.bytesWhenFull === null || cost.bytesWhenFull === null ? null : own.bytesWhenFull + cost.bytesWhenFull
      own.rowsDue += cost.rowsDue
      if (cost.oldest < own.oldest) own.oldest = cost.oldest
    }
  }
  return [...groups]
    .sort(([oneKey, one], [otherKey, other]) => other.bytesNow - one.bytesNow || (oneKey < otherKey ? -1 : 1))
    .map(([, cost]) => cost)
}

const tableCost = (
  rules: KeepingRules,
  group: KeptGroup,
  days: readonly number[],
  row: Counted,
  bytesPerRow: number | null,
  nowMs: number,
): TableCost => {
  const kept = keptDays(rules, row, group)
  const spanMs = Math.max(hourMs, Math.min(recentDays * dayMs, nowMs - row.oldest_ms))
  const rowsPerDay = (row.recent * dayMs) / spanMs
  const bytes = (rows: number): number | null => (bytesPerRow === null ? null : rows * bytesPerRow)
  return {
    table: keptTables[group].table,
    keptDays: kept.days,
    rule: kept.rule === null ? null : kept.rule + 1,
    rows: row.rows,
    rowsPerDay,
    bytesPerRow,
    bytesNow: bytes(row.rows),
    bytesWhenFull: kept.days === null ? null : bytes(rowsPerDay * kept.days),
    bytesPerDay: bytes(rowsPerDay),
    oldest: toTimeOrNull(row.oldest_ms) ?? toTime(nowMs),
    rowsDue: kept.days === null ? 0 : (row.older[days.indexOf(kept.days)] ?? 0),
  }
}
