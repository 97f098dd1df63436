/**
 * Rows of one subject out of every table, physically. A mutation writes parts anew and leaves the old ones on disk for
 * minutes; only loading a table again throws them away at once (the embedded engine looks after them rarely), so that is
 * done while nobody inserts.
 */
import type { Warehouse } from '../../model/ports.ts'
import { untilMutated } from './until-mutated.ts'

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

/** Resolves when the parts are written anew. */
export const deleteRows = async (warehouse: Warehouse, table: string, column: string, subject: string): Promise<void> => {
  const literal = `'${subject.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  await warehouse.command(`ALTER TABLE ${table} DELETE WHERE ${column} = ${literal}`)
  await untilMutated(warehouse, table, 'deleting rows of')
}

/** Nobody inserts meanwhile; readers of the table fail for some milliseconds. */
export const dropOldParts = async (warehouse: Warehouse, tables: readonly string[]): Promise<void> => {
  for (const table of tables) {
    await warehouse.command(`DETACH TABLE ${table} SYNC`)
    await warehouse.command(`ATTACH TABLE ${table}`)
  }
}
