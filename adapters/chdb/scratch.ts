/**
 * An engine of its own in a temporary folder, with the tables of this release and nothing in them; gone when stopped. Rows do
 * not expire there. For `app/rebuild-verify.ts`.
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
  /** Days that the live tables keep their rows by arrival, as the migrations say; by table. */
  keptDays: ReadonlyMap<string, number>
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
    await withoutExtras(warehouse)
    return { warehouse, keptDays: await withoutExpiry(warehouse), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const withoutExpiry = async (warehouse: Warehouse): Promise<Map<string, number>> => {
  const rows = await warehouse.query<{ name: string; days: string }>(
    "SELECT name, extract(create_table_query, 'TTL [^\\n]*?toIntervalDay\\\\((\\\\d+)\\\\)') AS days FROM system.tables WHERE database = 'fleet'",
  )
  const kept = new Map(rows.filter(({ days }) => days !== '').map(({ name, days }) => [name, Number(days)]))
  for (const table of kept.keys()) await warehouse.command(`ALTER TABLE ${table} REMOVE TTL`)
  return kept
}

/** What serves only a live recorder and its readers and no comparison: marks, the index of words. */
const withoutExtras = async (warehouse: Warehouse): Promise<void> => {
  const views = await warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = 'fleet' AND engine = 'MaterializedView' AND startsWith(name, 'sink_marks_from_')",
  )
  for (const { name } of views) await warehouse.command(`DROP VIEW ${name}`)
  await warehouse.command('ALTER TABLE log_lines DROP INDEX message_text')
}
