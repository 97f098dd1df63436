/**
 * Restore drills with a copy that is an hour old by the devices' time, while they go on publishing.
 *
 * The tables lost and the log not: the copy's tables come back, the log fills the hour, nothing is missing or twice, rollups
 * equal a recount. All lost: everything up to the copy is there, what was acknowledged after it is gone with the disk, and the
 * ledger says exactly how many messages of each device that are.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readDoorFile } from '../adapters/chdb/door-file.ts'
import { readExpiries } from '../adapters/clickhouse/keeping-statements.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { compareLedger, compareMessages, compareRollup, compareTables, type MessageRow } from './ledger/compare.ts'
import { isGone } from './ledger/gone-folder.ts'
import { createRecorder, type Recorder, waitFor } from './ledger/recorder-process.ts'
import { createWarehouseReader, type WarehouseReader } from './ledger/warehouse-reader.ts'

const project = resolve(import.meta.dirname, '..')
const hourMs = 3_600_000
const speed = 480
/** Twelve devices, a round a minute, at this speed about 500 messages a second: 45 s in all, most of it after the disaster. */
const scenario = 'name: drill\nseed: 5\nduration: 6h\nfleet:\n  sites: 3\n  groups: [{ name: all, count: 12, model: dwr/311-a1 }]\n'

describe('an hour-old copy, restored under load', () => {
  let folder: string
  let data: string
  let recorder: Recorder
  let reader: WarehouseReader
  let fleet: ChildProcess | undefined
  const path = (name: string): string => join(folder, name)

  const run = (program: string, ...rest: string[]): Promise<{ code: number | null; text: string }> => {
    const env = {
      ...process.env,
      DATA_DIR: data,
      ADMIN_TOKEN: recorder.adminToken,
      HTTP_LISTEN: `127.0.0.1:${recorder.ports.http}`,
      KEEPING_FILE: path('keeping.yaml'),
    }
    const child = spawn(process.execPath, [program, ...rest], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'], env })
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()))
    return new Promise((done) => child.once('exit', (code) => done({ code, text })))
  }
  const acknowledged = (): string[] => (existsSync(path('acks')) ? readFileSync(path('acks'), 'utf8').split('\n').slice(0, -1) : [])
  const startFleet = (): void => {
    writeFileSync(path('scenario.yaml'), scenario)
    const flags = {
      url: `mqtt://127.0.0.1:${recorder.ports.mqtt}`,
      scenario: path('scenario.yaml'),
      speed,
      'ack-file': path('acks'),
      'drain-within': '120s',
    }
    const argv = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
    fleet = spawn(process.execPath, ['agent/simulate-main.ts', ...argv], { cwd: project, stdio: 'ignore' })
  }
  /** Goes on to its end with what now runs; 0: all that it said was acknowledged. */
  const fleetEnded = (): Promise<number | null> => {
    const child = fleet
    if (child === undefined || child.exitCode !== null) throw new Error('Expected the fleet to publish still')
    return new Promise((done) => child.once('exit', done))
  }
  const expiries = async (): Promise<Map<string, number | null>> => {
    const access = readDoorFile(data)
    if (access === null) throw new Error('Expected a running recorder')
    const warehouse = openWarehouse({ ...access, database: 'fleet' })
    return readExpiries(warehouse).finally(() => warehouse.close())
  }
  const claimedHoursAfter = async (sinceMs: number): Promise<number> => ((await reader.newestClaimedMs()) - sinceMs) / hourMs
  const settled = async (): Promise<void> => {
    let seen = ''
    await waitFor('the tables are settled', async () => {
      const now = JSON.stringify([await reader.seenTotals(), await reader.accounts()])
      const same = now === seen
      seen = now
      if (!same) await new Promise((done) => setTimeout(done, 1500))
      return same
    }, 60_000, recorder.output) // biome-ignore format: one call
  }
  const messageRows = async (): Promise<MessageRow[]> => {
    const rows: MessageRow[] = []
    for await (const row of reader.messageRows()) rows.push(row)
    return rows
  }
  const expectEqualRollups = async (): Promise<void> => {
    const base = await reader.baseTotals()
    expect(base.length).toBeGreaterThan(100)
    for (const rollup of ['measurements_15m', 'measurements_1h', 'measurements_1d']) {
      expect(compareRollup(rollup, base, await reader.rollupTotals(rollup))).toEqual([])
    }
    expect(await reader.differentBuckets()).toBe(0)
    expect(compareTables(await reader.tableCounts())).toEqual([])
    const { seen, messages } = await reader.seenTotals()
    expect(seen).toBe(messages)
  }
  /** Half an hour of traffic, a backup, then more than an hour, and the disaster in the middle of it. */
  const disaster = async (): Promise<{ before: string[]; after: string[] }> => {
    startFleet()
    let startedMs = Number.NaN
    await waitFor('the first messages', async () => (startedMs = await reader.newestClaimedMs()) > 0, 60_000, recorder.output)
    await waitFor('half an hour of traffic', async () => (await claimedHoursAfter(startedMs)) > 0.5, 60_000, recorder.output)
    const before = acknowledged()
    const taken = await run('app/backup-main.ts', '--to', path('backup'))
    expect(taken.code, taken.text).toBe(0)
    const copiedMs = await reader.newestClaimedMs()
    await waitFor('an hour after the copy', async () => (await claimedHoursAfter(copiedMs)) > 1, 120_000, recorder.output)
    expect(fleet?.exitCode).toBe(null)
    await recorder.killProgram()
    return { before, after: acknowledged() }
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drill-'))
    data = path('data')
    mkdirSync(data)
    writeFileSync(path('keeping.yaml'), '{}\n')
    recorder = await createRecorder(data)
    await recorder.start()
    reader = createWarehouseReader(recorder.ports.warehouse, recorder.adminToken, '02-f2')
  })
  afterEach(async () => {
    fleet?.kill('SIGKILL')
    await recorder.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('leaves no gap when only the tables were lost, and rollups equal a recount', async () => {
    const { before } = await disaster()
    await waitFor('the engine has let go', async () => isGone(join(data, 'warehouse')), 20_000)
    // A cut off one is told from a whole one, and what it says to delete is not the log.
    writeFileSync(join(data, 'restore-unfinished'), 'Delete nothing but the tables.')
    await expect(recorder.start()).rejects.toThrow(/RESTORE_UNFINISHED.*Delete nothing but the tables/)
    rmSync(join(data, 'restore-unfinished'))
    const restored = await run('app/restore-main.ts', '--from', path('backup'), '--only', 'warehouse')
    process.stdout.write(restored.text)
    expect(restored.code, restored.text).toBe(0)
    await recorder.start()
    expect(await fleetEnded()).toBe(0)
    const told = acknowledged()
    expect(told.length).toBeGreaterThan(before.length)
    await waitFor('the log is in the tables', async () => (await reader.keptCount()) >= new Set(told).size, 60_000, recorder.output)
    await settled()
    expect(compareMessages(told, await messageRows()).findings).toEqual([])
    await expectEqualRollups()
    expect(compareLedger(await reader.accounts(), await reader.countedMessages(), { missingAllowed: false })).toEqual([])
    const refilled = [...recorder.output().matchAll(/\{[^\n]*"table":"(\w+)"[^\n]*"lostRecords":(\d+)[^\n]*had lost rows/g)]
    expect(refilled.map(([, table, lost]) => [table, lost])).toContainEqual(['measurements', '0'])
    expect(refilled.every(([, , lost]) => lost === '0')).toBe(true)
  }, 300_000)

  it('gives everything up to the copy when all was lost; the ledger counts what came after, and devices go on', async () => {
    const { before, after } = await disaster()
    await waitFor('the engine has let go', async () => isGone(data), 20_000)
    const restored = await run('app/restore-main.ts', '--from', path('backup'))
    process.stdout.write(restored.text)
    expect(restored).toMatchObject({ code: 0, text: expect.stringContaining('What was acknowledged after that moment is gone') as string })
    await recorder.start()
    expect(await fleetEnded()).toBe(0)
    await settled()
    const rows = await messageRows()
    expect(compareMessages(before, rows).findings).toEqual([])
    const later = acknowledged().slice(after.length)
    expect(later.length).toBeGreaterThan(100)
    expect(compareMessages(later, rows).findings).toEqual([])
    await expectEqualRollups()
    expect(compareLedger(await reader.accounts(), await reader.countedMessages(), { missingAllowed: true })).toEqual([])
    const kept = new Set(rows.map(({ subject, bootId, seq }) => `${subject} ${bootId} ${seq}`))
    const lost = new Map<string, number>()
    for (const line of new Set(acknowledged())) {
      const device = line.split(' ')[0] ?? ''
      if (!kept.has(line)) lost.set(device, (lost.get(device) ?? 0) + 1)
    }
    expect([...lost.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100)
    const missing = new Map(
      (await reader.accounts()).filter(({ seqMissing }) => seqMissing > 0).map(({ subject, seqMissing }) => [subject, seqMissing]),
    )
    expect(missing).toEqual(lost)
  }, 300_000)

  it('is refused where it does not belong: tables that are there, a folder without a log, another log; expiries come back too', async () => {
    writeFileSync(path('keeping.yaml'), 'default: { measurements: 200 }\n')
    expect(await run('app/keeping-main.ts', '--apply')).toMatchObject({ code: 0 })
    expect((await expiries()).get('measurements')).toBe(200)
    const taken = await run('app/backup-main.ts', '--to', path('backup'))
    expect(taken.code, taken.text).toBe(0)
    await recorder.stop()
    const only = () => run('app/restore-main.ts', '--from', path('backup'), '--only', 'warehouse')
    expect(await only()).toMatchObject({ code: 1, text: expect.stringContaining('Expected no tables') as string })
    renameSync(data, path('kept'))
    mkdirSync(data)
    expect(await only()).toMatchObject({ code: 1, text: expect.stringContaining('Expected a log in') as string })
    await recorder.start()
    await recorder.stop()
    rmSync(join(data, 'warehouse'), { recursive: true })
    expect(await only()).toMatchObject({ code: 1, text: expect.stringContaining('Expected tables of the log') as string })
    rmSync(data, { recursive: true })
    renameSync(path('kept'), data)
    rmSync(join(data, 'warehouse'), { recursive: true })
    expect(await only()).toMatchObject({ code: 0 })
    await recorder.start()
    const found = await expiries()
    expect([found.get('measurements'), found.get('facts'), found.get('messages')]).toEqual([200, null, 400])
  }, 120_000)
})
