/**
 * A copy of all tables at one moment, without stopping them: FREEZE makes hard links to the parts of each table (about 5 ms
 * a table; parts never change once written), to be copied at leisure. Back in by ATTACH PART into tables of the same form,
 * which fires no view. The engine's own BACKUP wants a server setting that the embedded engine cannot be given.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Warehouse } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'

/** One table's parts, as folders below `path`. */
export type FrozenTable = { table: string; rows: number; path: string; parts: string[] }

type TableRow = { name: string; path: string; rows: number | string }

/** The tables that hold rows; those of the migrations are made by migrating, and what an unfinished rebuild left is none. */
const tablesOf = (warehouse: Warehouse): Promise<TableRow[]> =>
  warehouse.query<TableRow>(
    `SELECT name, data_paths[1] AS path, ifNull(total_rows, 0) AS rows FROM system.tables
     WHERE database = 'fleet' AND engine LIKE '%MergeTree' AND NOT startsWith(name, 'migrations') AND NOT endsWith(name, '_rebuilt') ORDER BY name`,
  )

/** Nothing may insert meanwhile, or the tables are of different moments. `name`, of the copy: letters and digits (others are escaped in the path). */
export const freezeTables = async (warehouse: Warehouse, dataDir: string, name: string): Promise<FrozenTable[]> => {
  const found = await tablesOf(warehouse)
  // Settled, not all: whoever clears up after a failure must not meet one that is still making links.
  const freezes = await Promise.allSettled(found.map((table) => warehouse.command(`ALTER TABLE ${table.name} FREEZE WITH NAME '${name}'`)))
  for (const freeze of freezes) if (freeze.status === 'rejected') throw freeze.reason
  return found.map((table) => {
    const folder = /\/(store\/[^/]+\/[^/]+)\/?$/.exec(table.path)?.[1]
    if (folder === undefined) throw new AppError('WAREHOUSE_REFUSED', `Expected ${table.name} to lie below store/, got ${table.path}`)
    const path = join(dataDir, 'warehouse', 'shadow', name, folder)
    const parts = existsSync(path) ? readdirSync(path).sort() : []
    // Counted in the copy: parts may have merged, and their sums melted together, since the tables were listed.
    const rows = parts.reduce((sum, part) => sum + Number(readFileSync(join(path, part, 'count.txt'), 'utf8')), 0)
    if (Number(table.rows) > 0 && parts.length === 0)
      throw new AppError('WAREHOUSE_REFUSED', `Expected parts of ${table.name}, ${Number(table.rows)} rows, in ${path}`)
    return { table: table.name, rows, path, parts }
  })
}

/** The hard links only. */
export const dropFrozen = (dataDir: string, name: string): Promise<void> =>
  rm(join(dataDir, 'warehouse', 'shadow', name), { recursive: true, force: true })

/** Parts below `<from>/<table>/`, into the tables of that name, which are empty. Answers the rows of each table after. */
export const attachParts = async (warehouse: Warehouse, from: string): Promise<Record<string, number>> => {
  const tables = await tablesOf(warehouse)
  // Sums and newest states melt together when parts merge: then fewer rows are the same rows, and could not be counted.
  for (const { name } of tables) await warehouse.command(`SYSTEM STOP MERGES ${name}`)
  for (const { name, path } of tables) {
    const parts = existsSync(join(from, name)) ? readdirSync(join(from, name)).sort(byBlock) : []
    for (const part of parts) {
      await mkdir(join(path, 'detached'), { recursive: true })
      await cp(join(from, name, part), join(path, 'detached', part), { recursive: true })
      await warehouse.command(`ALTER TABLE ${name} ATTACH PART '${part}'`)
    }
  }
  const counted = await tablesOf(warehouse)
  for (const { name } of tables) await warehouse.command(`SYSTEM START MERGES ${name}`)
  return Object.fromEntries(counted.map(({ name, rows }) => [name, Number(rows)]))
}

/** In the order in which they were written: tables that keep the last of equal rows see the same last one. */
const byBlock = (a: string, b: string): number => blockOf(a) - blockOf(b)
const blockOf = (part: string): number => Number(part.split('_')[1] ?? 0)
