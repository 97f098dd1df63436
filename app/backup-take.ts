/**
 * Takes a backup of a running or a stopped recorder: log with state, tables, keys, what the broker keeps, the admin token and
 * the settings' files. Tables and log are of the same moment (`adapters/lmdb/quiet-copy.ts`); keys and broker come after it,
 * so that every event in the log has its key.
 */
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { dropFrozen, type FrozenTable, freezeTables } from '../adapters/chdb/frozen-parts.ts'
import { readExpiries } from '../adapters/clickhouse/keeping-statements.ts'
import { copyEnvironment, copyWhenQuiet } from '../adapters/lmdb/quiet-copy.ts'
import { copyFile, copyFolder, entriesOf, isFile, sumFiles, writeWhole } from '../adapters/system/copied-files.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { backupFormat, type Manifest, manifestFile } from './backup-manifest.ts'
import { openOperatorWarehouse } from './operator-warehouse.ts'

export type BackupReport = { manifest: Manifest; running: boolean; lockedMs: number; tookMs: number }

/** The stage pauses between ranges many times a second; only a warehouse that is down keeps a range open so long. */
const quietWithinMs = 60_000
const migrations = resolve(import.meta.dirname, '../schemas/clickhouse')
const packageFile = resolve(import.meta.dirname, '../package.json')

/** `to` is absent or empty. */
export const takeBackup = async (config: Config, to: string): Promise<BackupReport> => {
  const startedAt = performance.now()
  if (((await entriesOf(to)) ?? []).length > 0) throw new Error(`Expected ${to} to be empty or absent`)
  if (!(await isFile(join(config.DATA_DIR, 'log', 'data.mdb'))))
    throw new Error(`Expected a recorder's data in ${config.DATA_DIR} (DATA_DIR)`)
  const { warehouse, running, close } = await openOperatorWarehouse(config)
  const name = `backup${randomBytes(6).toString('hex')}`
  try {
    let frozen: FrozenTable[] = []
    const takenAt = new Date()
    const log = await copyWhenQuiet(config.DATA_DIR, join(to, 'log'), quietWithinMs, async () => {
      if (await isInserting(warehouse)) return false
      try {
        frozen = await freezeTables(warehouse, config.DATA_DIR, name)
        return true
      } catch (error) {
        if (!(error instanceof AppError) || !error.retryable) throw error
        await dropFrozen(config.DATA_DIR, name) // A busy warehouse refused one of them: all are tried again.
        return false
      }
    })
    if (log === null)
      throw new Error(`Expected a moment without an insert under way within ${quietWithinMs / 1000} s; is the warehouse well?`)
    for (const { table, path, parts } of frozen) {
      for (const part of parts) await copyFolder(join(path, part), join(to, 'tables', table, part))
    }
    await copyFolder(migrations, join(to, 'migrations'))
    for (const folder of ['keys', 'broker']) {
      const path = join(config.DATA_DIR, folder)
      if (await isFile(join(path, 'data.mdb'))) await copyEnvironment(path, join(to, folder))
    }
    const manifest: Manifest = {
      format: backupFormat,
      version: (JSON.parse(readTextFile(packageFile)) as { version: string }).version,
      takenAt: takenAt.toISOString(),
      logId: log.logId,
      log: log.bounds,
      tables: Object.fromEntries(frozen.map(({ table, rows }) => [table, rows])),
      expiries: Object.fromEntries(await readExpiries(warehouse)),
      leftOut: await copySettings(config, to),
      files: await sumFiles(to),
    }
    await writeWhole(join(to, manifestFile), `${JSON.stringify(manifest, null, 1)}\n`)
    return { manifest, running, lockedMs: log.lockedMs, tookMs: performance.now() - startedAt }
  } finally {
    await dropFrozen(config.DATA_DIR, name)
    await close()
  }
}

/** An insert that its caller has given up may still run. */
const isInserting = async (warehouse: Warehouse): Promise<boolean> => {
  const [found] = await warehouse.query<{ n: number }>(`SELECT toUInt32(count()) AS n FROM system.processes WHERE query_kind = 'Insert'`)
  return (found?.n ?? 0) > 0
}

/** Token, users, topic mapping, rules; answers what is not copied. Keys of certificates stay where they are. */
const copySettings = async (config: Config, to: string): Promise<string[]> => {
  const token = join(config.DATA_DIR, 'admin-token')
  if (await isFile(token)) await copyFile(token, join(to, 'admin-token'))
  const files = { 'mqtt-users': config.MQTT_USERS_FILE, 'topics.yaml': config.TOPICS_FILE, 'keeping.yaml': config.KEEPING_FILE }
  for (const [name, path] of Object.entries(files)) {
    if (path !== '' && (await isFile(path))) await copyFile(path, join(to, 'settings', name))
  }
  if (config.RULES_DIR !== '') await copyFolder(config.RULES_DIR, join(to, 'settings', 'rules'))
  const leftOut = ['environment variables and CONFIG_FILE']
  if (config.ADMIN_TOKEN !== '') leftOut.push('ADMIN_TOKEN, which comes from the environment')
  if (config.MQTTS_KEY_FILE !== '') leftOut.push('certificates and their keys (MQTTS_CERT_FILE, MQTTS_KEY_FILE, MQTTS_CA_FILE)')
  return leftOut
}
