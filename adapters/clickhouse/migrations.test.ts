import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startForTest } from '../chdb/start-for-test.ts'
import { migrate } from './migrations.ts'

describe('migrations', { timeout: 60_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  let directory: string
  let database: string
  let count = 0
  beforeAll(async () => {
    started = await startForTest({ listen: null })
  }, 60_000)
  afterAll(() => started.stop())
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fleet-migrations-'))
    database = `migrated_${++count}`
    return () => rmSync(directory, { recursive: true, force: true })
  })

  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text)
  const run = (options = {}) => migrate(started.warehouse, { database, directory, ...options })
  const tablesNow = async (): Promise<string[]> =>
    (
      await started.warehouse.query<{ name: string }>('SELECT name FROM system.tables WHERE database = {database:String} ORDER BY name', {
        database,
      })
    ).map(({ name }) => name)

  it('run once each, in order, from an empty database, and nothing the second time', async () => {
    write('0001_one.sql', '-- A comment; with a semicolon\nCREATE TABLE IF NOT EXISTS {db}.one (a UInt8) ENGINE = MergeTree ORDER BY a;\n')
    expect(await run()).toEqual(['0001_one.sql'])
    write(
      '0002_two.sql',
      "INSERT INTO {db}.one VALUES (1);\nCREATE TABLE IF NOT EXISTS {db}.two (a String DEFAULT 'x; y') ENGINE = MergeTree ORDER BY a;\n",
    )
    expect(await run()).toEqual(['0002_two.sql'])
    expect(await run()).toEqual([])
    expect(await tablesNow()).toEqual(['migrations', 'one', 'two'])
  })

  it('refuse a file that was changed after it had been applied', async () => {
    write('0001_one.sql', 'CREATE TABLE IF NOT EXISTS {db}.one (a UInt8) ENGINE = MergeTree ORDER BY a;\n')
    await run()
    write('0001_one.sql', 'CREATE TABLE IF NOT EXISTS {db}.one (a UInt16) ENGINE = MergeTree ORDER BY a;\n')
    await expect(run()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: 'Migration 0001_one.sql was changed after it had been applied',
    })
  })

  it('refuse a warehouse of a newer release', async () => {
    write('0001_one.sql', 'CREATE TABLE IF NOT EXISTS {db}.one (a UInt8) ENGINE = MergeTree ORDER BY a;\n')
    await run()
    rmSync(join(directory, '0001_one.sql'))
    await expect(run()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('made by a newer one') as string,
    })
  })

  it('refuse a gap in the numbers', async () => {
    write('0002_two.sql', 'SELECT 1;\n')
    await expect(run()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
  })

  it('name the statement that failed, and go on from that file when it is mended', async () => {
    write('0001_one.sql', 'CREATE TABLE IF NOT EXISTS {db}.one (a UInt8) ENGINE = MergeTree ORDER BY a;\nCREATE NONSENSE;\n')
    await expect(run()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(/^0001_one\.sql, statement 2 of 2: /) as string,
    })
    write('0001_one.sql', 'CREATE TABLE IF NOT EXISTS {db}.one (a UInt8) ENGINE = MergeTree ORDER BY a;\n')
    expect(await run()).toEqual(['0001_one.sql'])
  })

  it('run once when several start at the same time', async () => {
    write('0001_one.sql', 'CREATE TABLE {db}.one (a UInt8) ENGINE = MergeTree ORDER BY a;\n')
    const applied = await Promise.all([run(), run(), run()])
    expect(applied.flat()).toEqual(['0001_one.sql'])
  })

  it('wait for the lock, say so, and take over one that is stale', async () => {
    write('0001_one.sql', 'SELECT 1;\n')
    await started.warehouse.command(`CREATE DATABASE ${database}`)
    await started.warehouse.command(`CREATE TABLE ${database}.migrations_lock (at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY at`)
    await expect(run({ lockWaitMs: 300 })).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('Another process has been migrating') as string,
    })
    expect(await run({ lockStaleAfterMs: 0 })).toEqual(['0001_one.sql'])
  })

  it('go on at once after kill -9 in the middle of a file, with the lock left behind', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'fleet-migrations-'))
    const slow = 'SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0'
    const table = (name: string): string => `CREATE TABLE IF NOT EXISTS {db}.${name} (a UInt8) ENGINE = MergeTree ORDER BY a;\n`
    write('0001_one.sql', `${table('one')}${slow};\n${table('two')}`)
    const killed: ChildProcess = spawn(process.execPath, ['adapters/clickhouse/migrate-until-killed.fixture.ts', dataDir, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(killed.stdout as NodeJS.ReadableStream, 'data') // The first table is there, the second not.
    killed.kill('SIGKILL')
    await once(killed, 'exit')

    const next = await startForTest({ dataDir, listen: null })
    const names = () => next.warehouse.query<{ name: string }>("SELECT name FROM system.tables WHERE database = 'fleet' ORDER BY name")
    expect((await names()).map(({ name }) => name)).toEqual(['migrations', 'migrations_lock', 'one'])
    write('0001_one.sql', `${table('one')}${table('two')}`) // As it was, without the wait.
    expect(await migrate(next.warehouse, { directory, alone: true, lockWaitMs: 0 })).toEqual(['0001_one.sql'])
    expect((await names()).map(({ name }) => name)).toEqual(['migrations', 'one', 'two'])
    await next.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('of the project may be run again from any statement on', () => {
    const own = fileURLToPath(new URL('../../schemas/clickhouse', import.meta.url))
    for (const name of readdirSync(own).filter((file) => file.endsWith('.sql'))) {
      // MODIFY sets what it sets, however often; what UPDATE and INSERT do a second time, their comments and own tests say.
      for (const [line] of readFileSync(join(own, name), 'utf8').matchAll(
        /^(?:CREATE|DROP|RENAME|EXCHANGE|ALTER TABLE \S+ (?:ADD|DROP|MATERIALIZE|CLEAR))\b.*$/gm,
      ))
        expect(line).toMatch(/\bIF (?:NOT )?EXISTS\b/)
    }
  })

  it('of this release end the same over rows that are there, killed behind whichever statement', async () => {
    const own = fileURLToPath(new URL('../../schemas/clickhouse', import.meta.url))
    const newest = '0004_situations_and_answers.sql'
    const text = readFileSync(join(own, newest), 'utf8').replaceAll(/^--.*$/gm, '')
    const statements = text
      .split(';')
      .map((statement) => statement.trim())
      .filter(Boolean)
    expect(statements.length).toBeGreaterThan(3)
    for (const name of readdirSync(own).filter((file) => file < newest)) copyFileSync(join(own, name), join(directory, name))
    await run()
    const at = "toDateTime64('2026-11-25 03:10:00', 3, 'UTC')"
    await started.warehouse.command(
      `INSERT INTO ${database}.presence (tenant, subject, observed_at, received_at, state, reason, log_id, partition, offset) VALUES ('t', 'd', ${at}, ${at}, 'offline', 'will', 'l', 0, 7)`,
    )
    const rows = () => started.warehouse.query(`SELECT subject, state, reason, cause, offset FROM ${database}.presence`)
    for (let done = 1; done <= statements.length; done++) {
      for (const statement of statements.slice(0, done)) await started.warehouse.command(statement.replaceAll('{db}', database))
    }
    copyFileSync(join(own, newest), join(directory, newest))
    expect(await run()).toEqual([newest])
    expect(await rows()).toEqual([{ subject: 'd', state: 'offline', reason: 'will', cause: '', offset: 7 }])
    await started.warehouse.command(
      `INSERT INTO ${database}.presence (tenant, subject, observed_at, received_at, state, reason, cause, log_id, partition, offset) VALUES ('t', 'd', ${at}, ${at}, 'offline', 'will', 'site-power', 'l', 0, 8)`,
    )
    expect((await rows()).map((row) => (row as { cause: string }).cause).sort()).toEqual(['', 'site-power'])
  })

  it('of the project lead from empty to all tables, and repeat without a change', async () => {
    const own = fileURLToPath(new URL('../../schemas/clickhouse', import.meta.url))
    for (const name of readdirSync(own)) copyFileSync(join(own, name), join(directory, name))
    expect(await run()).toEqual(readdirSync(directory).sort())
    const tables = await tablesNow()
    expect(await run()).toEqual([])
    expect(await tablesNow()).toEqual(tables)
    expect(tables).toContain('measurements')
    // Killed before it was noted.
    await started.warehouse.command(`TRUNCATE TABLE ${database}.migrations`)
    expect(await run()).toEqual(readdirSync(directory).sort())
    expect(await tablesNow()).toEqual(tables)
  })
})
