/**
 * Applies the rules of keeping to the tables. Each table's own expiry is the longest time that any rule gives; what is kept for
 * less is removed by this once a day, table by table, one bounded statement at a time. Before rows go it is noted from when on
 * each subject is whole (`kept_from`), so that a rebuild does not call them missing.
 *
 * A rule that reaches far back at once and would take most of what it concerns is held until an operator says so: that is what
 * a typo does, and a day's work never.
 */
import { giveBytesBack, readExpiries, removeRows, setExpiry } from '../adapters/clickhouse/keeping-statements.ts'
import { type KeepingRules, type KeptGroup, keptGroups, heldBy, keptTables, longestDays } from '../model/keeping.ts'
import type { Warehouse } from '../model/ports.ts'
import { factsOfSubjects } from '../query-api/queries/keeping.ts'
import { type KeepingStep, planKeeping } from './keeping-plan.ts'

export type KeepingOptions = {
  warehouse: Warehouse
  rules: KeepingRules
  tenant: string
  nowMs: number
  /** Only what would go. */
  dryRun: boolean
  /** An operator has seen what goes: nothing is held. */
  confirmed: boolean
  /** Waited for before each statement that changes rows; a rejection ends the run. */
  mayGoOn: () => Promise<void>
}

export type KeepingOutcome = {
  table: string
  days: number
  due: number
  of: number
  oldestMs: number
  outcome: 'removed' | 'held' | 'would go'
  seconds: number
}

/** Rows this much older than the rule's bound are no work of a day ... */
const leapDaysMax = 7
/** ... and when they are more than this share of all that the rule concerns in the table ... */
const leapShareMax = 0.5
/** ... and more than a few, they are held. */
export const leapRowsMax = 1_000

const dayMs = 86_400_000

/** Repeats safely; what was done before a failure stays done. */
export const runKeeping = async (options: KeepingOptions): Promise<KeepingOutcome[]> => {
  const { warehouse, rules, tenant, nowMs } = options
  const steps = planKeeping(rules, await factsOfSubjects({ warehouse, tenant }), nowMs)
  const expiries = await readExpiries(warehouse)
  const outcomes: KeepingOutcome[] = []
  for (const group of keptGroups) {
    const { table } = keptTables[group]
    let isHeld = false
    for (const step of steps.filter((own) => own.group === group)) {
      const outcome = await runStep(options, step, expiries.get(table) ?? null)
      if (outcome === null) continue
      isHeld ||= outcome.outcome === 'held'
      outcomes.push(outcome)
    }
    if (options.dryRun) continue
    // What is held must not expire by the table instead.
    if (!isHeld) await fitExpiry(options, group, expiries.get(table) ?? null)
    await giveBytesBack(warehouse, table, options.mayGoOn)
  }
  if (!options.dryRun) await record(options, outcomes)
  return outcomes
}

/** Longer expiries at once, at the start: rows that are to stay must not go by an older word. Shorter ones wait for the run. */
export const lengthenExpiries = async (warehouse: Warehouse, rules: KeepingRules): Promise<void> => {
  for (const [group, now] of await expiryByGroup(warehouse)) {
    const wanted = expiryOf(rules, group)
    if (now !== null && (wanted === null || wanted > now)) await setExpiry(warehouse, keptTables[group].table, wanted)
  }
}

const expiryByGroup = async (warehouse: Warehouse): Promise<[KeptGroup, number | null][]> => {
  const expiries = await readExpiries(warehouse)
  return keptGroups.map((group) => [group, expiries.get(keptTables[group].table) ?? null])
}

/** Rollups know no arrival, and of a history the newest row stays: both leave by the daily run only. */
const expiryOf = (rules: KeepingRules, group: KeptGroup): number | null =>
  keptTables[group].time === 'bucket' || heldBy[group] !== undefined ? null : longestDays(rules, group)

const fitExpiry = async ({ warehouse, rules, tenant, nowMs }: KeepingOptions, group: KeptGroup, now: number | null): Promise<void> => {
  const wanted = expiryOf(rules, group)
  const { table } = keptTables[group]
  if (wanted !== null) {
    await warehouse.command(
      `INSERT INTO kept_from VALUES (${text(tenant)}, '${table}', '*', fromUnixTimestamp64Milli(${nowMs - wanted * dayMs}, 'UTC'))`,
    )
  }
  if (wanted !== now) await setExpiry(warehouse, table, wanted)
}

/** Null: nothing is due. */
const runStep = async (options: KeepingOptions, step: KeepingStep, expiryDays: number | null): Promise<KeepingOutcome | null> => {
  const { warehouse, tenant } = options
  const { table, days, scopes, dueIn, time, cutoffMs } = step
  const startedAt = performance.now()
  const due = { rows: 0, oldestMs: cutoffMs, scopes: [] as string[] }
  for (const scope of scopes) {
    const [found] = await warehouse.query<{ due: number; oldest_ms: number }>(
      `SELECT toFloat64(count()) AS due, toFloat64(toUnixTimestamp64Milli(toDateTime64(min(${time}), 3, 'UTC'))) AS oldest_ms FROM ${table} WHERE ${dueIn(scope)}`,
    )
    if (found === undefined || found.due === 0) continue
    due.rows += found.due
    due.oldestMs = Math.min(due.oldestMs, found.oldest_ms)
    due.scopes.push(scope)
  }
  if (due.rows === 0) return null
  let of = 0
  for (const scope of scopes) {
    const [found] = await warehouse.query<{ n: number }>(`SELECT toFloat64(count()) AS n FROM ${table} WHERE ${scope}`)
    of += found?.n ?? 0
  }
  const told = (outcome: KeepingOutcome['outcome']): KeepingOutcome => ({
    table,
    days,
    due: due.rows,
    of,
    oldestMs: due.oldestMs,
    outcome,
    seconds: (performance.now() - startedAt) / 1000,
  })
  const isLeap = cutoffMs - due.oldestMs > leapDaysMax * dayMs && due.rows > of * leapShareMax && due.rows > leapRowsMax
  // What the table's expiry takes anyway is nobody's typo.
  if (isLeap && !options.confirmed && (expiryDays === null || days < expiryDays)) return told('held')
  if (options.dryRun) return told('would go')
  for (const scope of due.scopes) {
    await options.mayGoOn()
    await warehouse.command(
      `INSERT INTO kept_from SELECT DISTINCT ${text(tenant)}, '${table}', subject, fromUnixTimestamp64Milli(${cutoffMs}, 'UTC') FROM ${table} WHERE ${dueIn(scope)}`,
    )
    await removeRows(warehouse, table, dueIn(scope))
  }
  return told('removed')
}

const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

/** Tells one set of rules from another; when the rules are others, the next run comes at once. */
const rulesHash = (rules: KeepingRules): string => JSON.stringify(rules)

const record = async ({ warehouse, rules, tenant, nowMs }: KeepingOptions, outcomes: readonly KeepingOutcome[]): Promise<void> => {
  const at = `fromUnixTimestamp64Milli(${nowMs}, 'UTC')`
  const hash = `hex(cityHash64(${text(rulesHash(rules))}))`
  const sum = (of: (one: KeepingOutcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0)
  const removed = sum(({ outcome, due }) => (outcome === 'removed' ? due : 0))
  const rows = [
    ...outcomes.map(
      ({ table, days, outcome, due, of, seconds }) =>
        `(${text(tenant)}, ${at}, '${table}', ${days}, '${outcome === 'held' ? 'held' : 'removed'}', ${due}, ${of}, ${seconds.toFixed(3)}, ${hash})`,
    ),
    `(${text(tenant)}, ${at}, '', 0, 'removed', ${removed}, 0, ${sum(({ seconds }) => seconds).toFixed(3)}, ${hash})`,
  ]
  await warehouse.command(`INSERT INTO keeping_runs VALUES ${rows.join(', ')}`)
}

/** When a whole run last ended under these rules; null: never. */
export const lastRunMs = async (warehouse: Warehouse, rules: KeepingRules): Promise<number | null> => {
  const [row] = await warehouse.query<{ at_ms: number; runs: number }>(
    `SELECT toFloat64(toUnixTimestamp64Milli(max(at))) AS at_ms, toFloat64(count()) AS runs FROM keeping_runs WHERE table_name = '' AND rules_hash = hex(cityHash64(${text(rulesHash(rules))}))`,
  )
  return row === undefined || row.runs === 0 ? null : row.at_ms
}
