/**
 * An engine of its own in a temporary folder, with the columns of this release and nothing in them; gone when stopped. Its
 * tables are bare: what serves a warehouse that lives (codecs, order, indices, expiry, tokens, merges) costs three quarters
 * of an insert and changes no row. Views are kept as texts and run once over the finished base tables (`fill`): the same SQL
 * over the same rows. For `app/rebuild-verify.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Warehouse } from '../../model/ports.ts'
import { migrate } from '../clickhouse/migrations.ts'
import { openWarehouse } from '../clickhouse/warehouse.ts'
import { startWarehouseChild } from './supervisor.ts'

export type ScratchWarehouse = {
  warehouse: Warehouse
  /** For `openWarehouse` in another thread. */
  access: { url: string; username: string; password: string }
  /** Days that the live tables keep their rows by arrival, as the migrations say; by table. */
  keptDays: ReadonlyMap<string, number>
  /** Runs the views over what the base tables hold. Once, after the last insert. */
  fill: () => Promise<void>
  /** Empties every table. */
  clear: () => Promise<void>
  stop: () => Promise<void>
}

export const startScratchWarehouse = async (memoryBytesMax: number): Promise<ScratchWarehouse> => {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-rebuild-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const child = await startWarehouseChild({ dataDir: folder, listen: null, adminToken: '', memoryBytesMax }).catch((error: unknown) => {
    remove()
    throw error
  })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  const stop = async (): Promise<void> => {
    await warehouse.close()
    await child.stop()
    remove()
  }
  try {
    await migrate(warehouse)
    const keptDays = await daysKept(warehouse)
    const views = await takeViews(warehouse)
    const tables = await makeBare(warehouse)
    return {
      warehouse,
      access: child.access,
      keptDays,
      fill: () => fillAll(warehouse, views, memoryBytesMax),
      clear: async () => {
        for (const table of tables) await warehouse.command(`TRUNCATE TABLE ${table}`)
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const daysKept = async (warehouse: Warehouse): Promise<Map<string, number>> => {
  const rows = await warehouse.query<{ name: string; days: string }>(
    "SELECT name, extract(create_table_query, 'TTL [^\\n]*?toIntervalDay\\\\((\\\\d+)\\\\)') AS days FROM system.tables WHERE database = 'fleet'",
  )
  return new Map(rows.filter(({ days }) => days !== '').map(({ name, days }) => [name, Number(days)]))
}

type View = { name: string; select: string; from: string; to: string }

/** Those that serve no comparison, the marks, are left out. */
const takeViews = async (warehouse: Warehouse): Promise<View[]> => {
  const rows = await warehouse.query<View>(
    `SELECT name, as_select AS select, extract(as_select, 'FROM fleet\\\\.(\\\\w+)') AS from, extract(create_table_query, ' TO fleet\\\\.(\\\\w+)') AS to
     FROM system.tables WHERE database = 'fleet' AND engine = 'MaterializedView' ORDER BY name`,
  )
  for (const { name } of rows) await warehouse.command(`DROP VIEW ${name} SYNC`)
  return rows.filter(({ to }) => to !== 'sink_marks')
}

type Made = { table: string; engine: string; names: string[]; types: string[]; sorting: string }

/** Kinds whose rows stand for one another keep their order and engine; the others take rows as they come. */
const makeBare = async (warehouse: Warehouse): Promise<string[]> => {
  const made = await warehouse.query<Made>(
    `SELECT table, any(t.engine_full) AS engine, any(t.sorting_key) AS sorting, groupArray(c.name) AS names, groupArray(c.type) AS types FROM (
       SELECT table, name, type FROM system.columns WHERE database = 'fleet' AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY table, position
     ) AS c JOIN (SELECT name AS table, engine_full, sorting_key FROM system.tables WHERE database = 'fleet' AND engine LIKE '%MergeTree') AS t USING (table)
     WHERE table NOT LIKE 'migrations%' GROUP BY table`,
  )
  for (const { table, engine, names, types, sorting } of made) {
    const columns = names.map((name, index) => `\`${name}\` ${types[index] ?? ''}`).join(', ')
    const isReplacing = engine.startsWith('Replacing')
    const head = isReplacing ? /^\w+(\([^()]*\))?/.exec(engine)?.[0] : 'MergeTree'
    await warehouse.command(`DROP TABLE ${table} SYNC`)
    await warehouse.command(
      `CREATE TABLE ${table} (${columns}) ENGINE = ${head ?? 'MergeTree'} ORDER BY ${isReplacing ? `(${sorting})` : 'tuple()'} SETTINGS ${bareSettings}`,
    )
  }
  return made.map(({ table }) => table)
}

/** No merge is ever worth its price here, and so no number of parts is too large. */
const bareSettings =
  'max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1, parts_to_delay_insert = 1000000, parts_to_throw_insert = 1000000, max_parts_in_total = 1000000, allow_nullable_key = 1'

/** A view comes after all that fill the table it reads. */
const fillAll = async (warehouse: Warehouse, views: readonly View[], memoryBytesMax: number): Promise<void> => {
  const left = [...views]
  while (left.length > 0) {
    const at = left.findIndex(({ from }) => !left.some(({ to }) => to === from))
    const [view] = left.splice(at, 1)
    if (at < 0 || view === undefined) throw new Error(`Expected views without a circle, got ${left.map(({ name }) => name).join(', ')}`)
    const columns = await warehouse.query<{ name: string }>(`DESCRIBE TABLE (${view.select})`)
    const names = columns.map(({ name }) => `\`${name}\``).join(', ')
    await warehouse.command(
      `INSERT INTO ${view.to} (${names}) ${view.select} SETTINGS max_bytes_before_external_group_by = ${Math.floor(memoryBytesMax / 3)}`,
    )
  }
}
