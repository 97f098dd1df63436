/**
 * Puts a backup into an empty data folder. First every checksum, then the tables into an engine of its own (made by the
 * backup's own migrations; the next start brings them up to date), then keys, broker and token, the log last: a folder
 * whose restore was cut off has no log, and says so by `restore-unfinished`.
 *
 * Or the tables only, where log and keys outlived them: what came after the backup is still in the log, and the next start
 * writes it anew (`processors/recovery.ts`).
 */
import { join } from 'node:path'
import { attachParts } from '../adapters/chdb/frozen-parts.ts'
import { readExpiries, setExpiry } from '../adapters/clickhouse/keeping-statements.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { lockDataDir } from '../adapters/lmdb/data-dir-lock.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { copyFile, copyFolder, entriesOf, isFile, removeFile, writeWhole } from '../adapters/system/copied-files.ts'
import type { Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { type Manifest, readVerified } from './backup-manifest.ts'
import { startOwnWarehouse } from './operator-warehouse.ts'
import { unfinishedFile } from './restore-unfinished.ts'

export type RestoreReport = { manifest: Manifest; settings: string[]; tookMs: number }

const ofTheLock = new Set(['lock', 'lock-journal', 'lock-holder.json'])

export const restoreFolder = async (
  config: Pick<Config, 'DATA_DIR' | 'WAREHOUSE_MEMORY_BYTES_MAX'>,
  from: string,
): Promise<RestoreReport> => {
  const startedAt = performance.now()
  const { DATA_DIR } = config
  const unlock = lockDataDir(DATA_DIR, Date.now())
  try {
    const there = ((await entriesOf(DATA_DIR)) ?? []).filter((name) => !ofTheLock.has(name))
    if (there.length > 0) throw new Error(`Expected an empty data folder, but ${DATA_DIR} has ${there.slice(0, 5).join(', ')}`)
    const manifest = await readVerified(from)
    const unfinished = join(DATA_DIR, unfinishedFile)
    await writeWhole(unfinished, `Delete this folder and restore again: the restore of ${from} did not come to its end.\n`)
    await restoreTables(config, from, manifest)
    for (const folder of ['keys', 'broker']) {
      if ((await entriesOf(join(from, folder))) !== undefined) await copyFolder(join(from, folder), join(DATA_DIR, folder))
    }
    if (await isFile(join(from, 'admin-token'))) await copyFile(join(from, 'admin-token'), join(DATA_DIR, 'admin-token'))
    const settings = (await entriesOf(join(from, 'settings'))) ?? []
    if (settings.length > 0) await copyFolder(join(from, 'settings'), join(DATA_DIR, 'restored-settings'))
    await copyFolder(join(from, 'log'), join(DATA_DIR, 'log'))
    await removeFile(unfinished)
    return { manifest, settings: settings.map((name) => join(DATA_DIR, 'restored-settings', name)), tookMs: performance.now() - startedAt }
  } finally {
    unlock()
  }
}

/** The log stays; only its tables were lost. They must be of this very log, else the start would refuse them. */
export const restoreWarehouse = async (
  config: Pick<Config, 'DATA_DIR' | 'WAREHOUSE_MEMORY_BYTES_MAX'>,
  from: string,
): Promise<Omit<RestoreReport, 'settings'>> => {
  const startedAt = performance.now()
  const { DATA_DIR } = config
  const unlock = lockDataDir(DATA_DIR, Date.now())
  try {
    if (!(await isFile(join(DATA_DIR, 'log', 'data.mdb'))))
      throw new Error(`Expected a log in ${DATA_DIR}; without one restore the whole backup`)
    if (((await entriesOf(join(DATA_DIR, 'warehouse'))) ?? []).length > 0)
      throw new Error(`Expected no tables, but ${join(DATA_DIR, 'warehouse')} is there: move it away first`)
    const manifest = await readVerified(from)
    const logId = await logIdOf(DATA_DIR)
    if (manifest.logId !== logId)
      throw new Error(`Expected tables of the log ${logId} in ${DATA_DIR}, but the backup is of ${manifest.logId}`)
    const unfinished = join(DATA_DIR, unfinishedFile)
    await writeWhole(
      unfinished,
      `Delete ${join(DATA_DIR, 'warehouse')} and this file, nothing else, and restore its tables from ${from} again.\n`,
    )
    await restoreTables(config, from, manifest)
    await removeFile(unfinished)
    return { manifest, tookMs: performance.now() - startedAt }
  } finally {
    unlock()
  }
}

const logIdOf = async (dataDir: string): Promise<string> => {
  const environment = openEnvironment(dataDir)
  try {
    return String(environment.facts.get('logId'))
  } finally {
    await environment.close()
  }
}

const restoreTables = async (
  config: Pick<Config, 'DATA_DIR' | 'WAREHOUSE_MEMORY_BYTES_MAX'>,
  from: string,
  manifest: Manifest,
): Promise<void> => {
  const { warehouse, close } = await startOwnWarehouse(config)
  try {
    await migrate(warehouse, { directory: join(from, 'migrations'), alone: true })
    await setExpiries(warehouse, manifest.expiries ?? {})
    const rows = await attachParts(warehouse, join(from, 'tables'))
    const wrong = Object.entries(manifest.tables).filter(([table, count]) => (rows[table] ?? 0) !== count)
    if (wrong.length === 0) return
    throw new Error(
      `Expected the rows of the backup: ${wrong.map(([table, count]) => `${table} has ${rows[table] ?? 0} of ${count}`).join(', ')}`,
    )
  } finally {
    await close()
  }
}

/** While the tables are empty: else rows that rules of keeping give more time would go by the migrations' word. */
const setExpiries = async (warehouse: Warehouse, expiries: Record<string, number | null>): Promise<void> => {
  for (const [table, now] of await readExpiries(warehouse)) {
    const wanted = expiries[table]
    if (wanted !== undefined && wanted !== now) await setExpiry(warehouse, table, wanted)
  }
}
