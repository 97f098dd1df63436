/** What the rules of keeping ask about subjects, and what keeping costs by class, model and customer. */
import { type KeptGroup, keptTables, type SubjectFacts } from '../../model/keeping.ts'
import { msOf, type Scope } from './scope.ts'

/** Devices of the inventory, and all that ever spoke; places have no facts. */
const subjectsSql = `
SELECT ids.id AS subject, inventory.class AS class, if(inventory.customer = '', sites.customer, inventory.customer) AS customer,
  told.product AS product, told.model AS model
FROM (
  SELECT device_id AS id FROM devices WHERE tenant = {tenant:String}
  UNION DISTINCT
  SELECT subject AS id FROM subjects_seen WHERE tenant = {tenant:String}
) AS ids
LEFT JOIN (SELECT * FROM devices FINAL WHERE tenant = {tenant:String}) AS inventory ON inventory.device_id = ids.id
LEFT JOIN (SELECT * FROM sites FINAL WHERE tenant = {tenant:String} AND retired = 0) AS sites ON sites.site_id = inventory.site
LEFT JOIN (
  SELECT subject, ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = 'device.product'), 1), '') AS product,
    ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = 'device.model'), 1), '') AS model
  FROM facts WHERE tenant = {tenant:String} AND name IN ('device.product', 'device.model') GROUP BY subject
) AS told ON told.subject = ids.id`

export const factsOfSubjects = ({ warehouse, tenant }: Scope): Promise<(SubjectFacts & { subject: string })[]> =>
  warehouse.query(subjectsSql, { tenant })

export type TableSizeRow = { table: string; rows: number; bytes: number }

/** As the disk has them, of all tenants. */
export const tableSizes = ({ warehouse }: Scope): Promise<TableSizeRow[]> =>
  warehouse.query<TableSizeRow>(
    `SELECT table, toFloat64(sum(rows)) AS rows, toFloat64(sum(bytes_on_disk)) AS bytes FROM system.parts WHERE database = 'fleet' AND active GROUP BY table`,
  )

export type KeptRow = SubjectFacts & {
  subjects: number
  rows: number
  oldest_ms: number
  recent: number
  /** Rows older than so many days, for each of the days asked. */
  older: number[]
}

/** One row for each class, product, model and customer that has rows in the table. */
export const keptRows = (
  { warehouse, tenant }: Scope,
  { group, days, recentFromMs, nowMs }: { group: KeptGroup; days: readonly number[]; recentFromMs: number; nowMs: number },
): Promise<KeptRow[]> => {
  const { table, time } = keptTables[group]
  const at = (name: string): string => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`
  const older = days.map((_, index) => `countIf(${time} < ${at(`cut_${index}`)})`)
  return warehouse.query<KeptRow>(
    `SELECT facts.class AS class, facts.product AS product, facts.model AS model, facts.customer AS customer, toFloat64(count()) AS subjects,
  toFloat64(sum(held.held_rows)) AS rows, ${msOf('min(held.oldest)')} AS oldest_ms, toFloat64(sum(held.recent)) AS recent,
  arrayMap(n -> toFloat64(n), sumForEach(held.older)) AS older
FROM (
  SELECT subject, count() AS held_rows, min(${time}) AS oldest, countIf(${time} >= ${at('recent_ms')}) AS recent, [${older.join(', ')}]::Array(UInt64) AS older
  FROM ${table} WHERE tenant = {tenant:String} GROUP BY subject
) AS held LEFT JOIN (${subjectsSql}) AS facts ON facts.subject = held.subject
GROUP BY class, product, model, customer`,
    { tenant, recent_ms: recentFromMs, ...Object.fromEntries(days.map((own, index) => [`cut_${index}`, nowMs - own * 86_400_000])) },
  )
}

export type KeepingRunRow = {
  at_ms: number
  table: string
  kept_days: number
  outcome: 'removed' | 'held'
  due_rows: number
  of_rows: number
  seconds: number
}

/** What the newest whole run did, its own row (without a table) first. */
export const lastKeepingRun = ({ warehouse, tenant }: Scope): Promise<KeepingRunRow[]> =>
  warehouse.query<KeepingRunRow>(
    `SELECT ${msOf('at')} AS at_ms, table_name AS table, toFloat64(kept_days) AS kept_days, toString(outcome) AS outcome, toFloat64(due_rows) AS due_rows,
  toFloat64(of_rows) AS of_rows, seconds FROM keeping_runs WHERE tenant = {tenant:String} AND at = (SELECT max(at) FROM keeping_runs WHERE tenant = {tenant:String} AND table_name = '') ORDER BY table_name, kept_days`,
    { tenant },
  )
