/**
 * Brings the warehouse's tables to the newest form: the numbered files of `schemas/clickhouse`, each once, in order, forward
 * only, recorded in `migrations` with a checksum. An applied file that was changed afterwards is refused, because nobody
 * could say what the tables look like then.
 *
 * The lock is a table that only one can create. Its holder adds a row every `heartbeatEveryMs`; a lock without a new row for
 * `lockStaleAfterMs` is of a migrator that died, and is taken over. A caller that is alone by other means (the data folder's
 * lock) says `alone` and waits for nobody. A file that failed half way is run again from its start, so statements are written
 * to be repeatable (`IF NOT EXISTS`; a test holds ours to it).
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Warehouse } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'

export type MigrateOptions = {
  database?: string
  directory?: string
  /** Nobody else can be migrating: a lock that is there was left by a program that was killed. */
  alone?: boolean
  lockWaitMs?: number
  lockStaleAfterMs?: number
}

const defaultDirectory = fileURLToPath(new URL('../../schemas/clickhouse', import.meta.url))
const lockRetryMs = 250
const heartbeatEveryMs = 5_000
/** Four heartbeats missed. */
const lockStaleAfterMsDefault = 20_000

/** Answers with the names of the files that it applied. */
export const migrate = async (warehouse: Warehouse, options: MigrateOptions = {}): Promise<string[]> => {
  const { database = 'fleet', directory = defaultDirectory, lockWaitMs = 60_000, lockStaleAfterMs = lockStaleAfterMsDefault } = options
  const files = readMigrations(directory)
  await warehouse.command(`CREATE DATABASE IF NOT EXISTS ${database}`)
  await warehouse.command(
    `CREATE TABLE IF NOT EXISTS ${database}.migrations (number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = MergeTree ORDER BY number`,
  )
  if (options.alone === true) await warehouse.command(`DROP TABLE IF EXISTS ${database}.migrations_lock SYNC`)
  if ((await pending(warehouse, database, files)).length === 0) return []

  const unlock = await lock(warehouse, database, { lockWaitMs, lockStaleAfterMs })
  try {
    // Asked again: another may have done it while we waited.
    const todo = await pending(warehouse, database, files)
    for (const file of todo) await apply(warehouse, database, file)
    return todo.map(({ name }) => name)
  } finally {
    await unlock()
  }
}

type MigrationFile = { number: number; name: string; checksum: string; statements: string[] }

const readMigrations = (directory: string): MigrationFile[] => {
  const names = readdirSync(directory).filter((name) => name.endsWith('.sql'))
  const files = names.map((name) => {
    const number = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1] ?? Number.NaN)
    if (!Number.isInteger(number)) throw new AppError('MIGRATION_FAILED', `Expected a file name like 0001_first_tables.sql, got ${name}`)
    const text = readFileSync(join(directory, name), 'utf8')
    return { number, name, checksum: createHash('sha256').update(text).digest('hex'), statements: splitStatements(text) }
  })
  files.sort((a, b) => a.number - b.number)
  for (const [index, file] of files.entries()) {
    if (file.number !== index + 1) throw new AppError('MIGRATION_FAILED', `Expected migration ${index + 1} next, got ${file.name}`)
  }
  return files
}

/** A statement ends with a semicolon at a line's end. */
const splitStatements = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('--'))
    .join('\n')
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

const pending = async (warehouse: Warehouse, database: string, files: readonly MigrationFile[]): Promise<MigrationFile[]> => {
  const rows = await warehouse.query<{ number: number; name: string; checksum: string }>(
    `SELECT number, name, checksum FROM ${database}.migrations ORDER BY number`,
  )
  const applied = new Map(rows.map((row) => [row.number, row]))
  for (const row of rows) {
    const file = files[row.number - 1]
    if (!file)
      throw new AppError(
        'MIGRATION_FAILED',
        `The warehouse has migration ${row.name}, which this release does not know: it was made by a newer one`,
      )
    if (file.checksum !== row.checksum)
      throw new AppError('MIGRATION_FAILED', `Migration ${file.name} was changed after it had been applied`)
  }
  return files.filter((file) => !applied.has(file.number))
}

const apply = async (warehouse: Warehouse, database: string, file: MigrationFile): Promise<void> => {
  for (const [index, statement] of file.statements.entries()) {
    try {
      await warehouse.command(statement.replaceAll('{db}', database))
    } catch (cause) {
      if (cause instanceof AppError && cause.retryable) throw cause
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new AppError('MIGRATION_FAILED', `${file.name}, statement ${index + 1} of ${file.statements.length}: ${message}`, { cause })
    }
  }
  await warehouse.command(
    `INSERT INTO ${database}.migrations (number, name, checksum) VALUES (${file.number}, '${file.name}', '${file.checksum}')`,
  )
}

/** Creating a table is the one thing that only one of several can do. */
const lock = async (
  warehouse: Warehouse,
  database: string,
  { lockWaitMs, lockStaleAfterMs }: { lockWaitMs: number; lockStaleAfterMs: number },
): Promise<() => Promise<void>> => {
  const table = `${database}.migrations_lock`
  for (const until = Date.now() + lockWaitMs; ; ) {
    try {
      await warehouse.command(`CREATE TABLE ${table} (at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY at`)
      // One that fails is followed by the next; a migrator that cannot reach the server for so long loses its lock.
      const beat = setInterval(() => void warehouse.command(`INSERT INTO ${table} VALUES (now())`).catch(() => undefined), heartbeatEveryMs)
      return async () => {
        clearInterval(beat)
        await warehouse.command(`DROP TABLE IF EXISTS ${table} SYNC`)
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'WAREHOUSE_REFUSED' || !/TABLE_ALREADY_EXISTS|already exists/.test(error.message))
        throw error
    }
    const age = await warehouse.query<{ seconds: number }>(
      `SELECT toFloat64(now() - max(at)) AS seconds FROM (
        SELECT metadata_modification_time AS at FROM system.tables WHERE database = {database:String} AND name = 'migrations_lock'
        UNION ALL
        SELECT max(modification_time) FROM system.parts WHERE database = {database:String} AND table = 'migrations_lock' AND active
      )`,
      { database },
    )
    if ((age[0]?.seconds ?? 0) * 1000 > lockStaleAfterMs) await warehouse.command(`DROP TABLE IF EXISTS ${table} SYNC`)
    if (Date.now() > until)
      throw new AppError(
        'MIGRATION_FAILED',
        `Another process has been migrating for ${age[0]?.seconds ?? 0} s; if it died, run: DROP TABLE ${table}`,
      )
    await delay(lockRetryMs)
  }
}
