/**
 * Rows of one subject out of every table, physically. A mutation writes parts anew and leaves the old ones on disk for
 * minutes; only loading a table again throws them away at once (the embedded engine looks after them rarely), so that is
 * done while nobody inserts.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Warehouse } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'

/** Tables that name a subject, and the column that does. */
export const subjectTables = async (warehouse: Warehouse): Promise<{ table: string; column: string }[]> =>
  warehouse.query(
    `SELECT table, name AS column FROM system.columns WHERE database = 'fleet' AND (name = 'subject' OR (table = 'devices' AND name = 'device_id'))
     AND table IN (SELECT name FROM system.tables WHERE database = 'fleet' AND engine LIKE '%MergeTree') ORDER BY table`,
  )

export const countRows = async (warehouse: Warehouse, table: string, column: string, subject: string): Promise<number> => {
  const [found] = await warehouse.query<{ n: number | string }>(`SELECT count() AS n FROM ${table} WHERE ${column} = {subject:String}`, {
    subject,
  })
  return Number(found?.n ?? 0)
}

const mutationEveryMs = 200
const mutationWithinMs = 3_600_000

/** Resolves when the parts are written anew. */
export const deleteRows = async (warehouse: Warehouse, table: string, column: string, subject: string): Promise<void> => {
  const literal = `'${subject.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  await warehouse.command(`ALTER TABLE ${table} DELETE WHERE ${column} = ${literal}`)
  for (const until = performance.now() + mutationWithinMs; ; ) {
    const open = await warehouse.query<{ reason: string }>(
      `SELECT latest_fail_reason AS reason FROM system.mutations WHERE database = 'fleet' AND table = {table:String} AND NOT is_done`,
      { table },
    )
    if (open.length === 0) return
    const failed = open.find(({ reason }) => reason !== '')
    if (failed) throw new AppError('WAREHOUSE_REFUSED', `deleting rows of ${table}: ${failed.reason}`)
    if (performance.now() > until) throw new AppError('WAREHOUSE_UNAVAILABLE', `deleting rows of ${table} took more than an hour`)
    await delay(mutationEveryMs)
  }
}

/** Nobody inserts meanwhile; readers of the table fail for some milliseconds. */
export const dropOldParts = async (warehouse: Warehouse, tables: readonly string[]): Promise<void> => {
  for (const table of tables) {
    await warehouse.command(`DETACH TABLE ${table} SYNC`)
    await warehouse.command(`ATTACH TABLE ${table}`)
  }
}
