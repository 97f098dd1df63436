/**
 * The statements by which rows leave before or after their table's expiry. Removing is a mask (one small column is written, 90 ms
 * where a rewrite takes seconds); parts are written anew only where a good share of a partition is masked. All of it goes on in
 * the engine when the caller is killed, and repeats safely. Called by `app/keeping.ts`.
 */
import type { Warehouse } from '../../model/ports.ts'
import { untilMutated } from './until-mutated.ts'

/** A partition with this share of masked rows is written anew, which gives their bytes back. */
export const maskedShareMax = 0.2

/** Days after arrival that each table's own expiry says; null: none. */
export const readExpiries = async (warehouse: Warehouse): Promise<Map<string, number | null>> => {
  const rows = await warehouse.query<{ name: string; days: string }>(
    "SELECT name, extract(create_table_query, 'TTL [^\\n]*?toIntervalDay\\\\((\\\\d+)\\\\)') AS days FROM system.tables WHERE database = 'fleet' AND engine LIKE '%MergeTree'",
  )
  return new Map(rows.map(({ name, days }) => [name, days === '' ? null : Number(days)]))
}

/**
 * The expiry of a table. Parts remember when they expire, and a merge believes them: they are told the new time (only that is
 * written, no row), and nothing expires until they know.
 */
export const setExpiry = async (warehouse: Warehouse, table: string, days: number | null): Promise<void> => {
  if (days === null) {
    await warehouse.command(`ALTER TABLE ${table} REMOVE TTL`)
    return
  }
  await warehouse.command(`SYSTEM STOP TTL MERGES ${table}`)
  try {
    await warehouse.command(`ALTER TABLE ${table} MODIFY SETTING materialize_ttl_recalculate_only = 1`)
    await warehouse.command(
      `ALTER TABLE ${table} MODIFY TTL toDateTime(received_at) + INTERVAL ${days} DAY SETTINGS materialize_ttl_after_modify = 1, mutations_sync = 0`,
    )
    await untilMutated(warehouse, table, 'changing parts of')
  } finally {
    await warehouse.command(`SYSTEM START TTL MERGES ${table}`)
  }
}

/** Rows are invisible when it resolves. */
export const removeRows = async (warehouse: Warehouse, table: string, where: string): Promise<void> => {
  await warehouse.command(`DELETE FROM ${table} WHERE ${where} SETTINGS lightweight_deletes_sync = 0`)
  await untilMutated(warehouse, table, 'changing parts of')
}

/** Waits for `mayGoOn` before each partition. */
export const giveBytesBack = async (warehouse: Warehouse, table: string, mayGoOn: () => Promise<void>): Promise<void> => {
  const rows = await warehouse.query<{ id: string }>(
    `SELECT id FROM (
       SELECT partition_id AS id, toFloat64(sum(rows)) AS held FROM system.parts
       WHERE database = 'fleet' AND table = {table:String} AND active AND rows > 0 GROUP BY id HAVING max(has_lightweight_delete)
     ) AS parts LEFT JOIN (SELECT _partition_id AS id, toFloat64(count()) AS visible FROM ${table} GROUP BY id) AS seen USING (id)
     WHERE parts.held - ifNull(seen.visible, 0) >= parts.held * ${maskedShareMax} ORDER BY id`,
    { table },
  )
  for (const { id } of rows) {
    await mayGoOn()
    await warehouse.command(`ALTER TABLE ${table} APPLY DELETED MASK IN PARTITION ID '${id}' SETTINGS mutations_sync = 0`)
    await untilMutated(warehouse, table, 'changing parts of')
  }
}
