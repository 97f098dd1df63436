/** The rebuild proof: a clean system shows no difference, and one planted row is found and named, wherever it is planted. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { readDoorFile } from '../adapters/chdb/door-file.ts'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { retentionStep } from '../adapters/lmdb/retention.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { createFleet } from '../agent/simulation/fleet.ts'
import { applyRebuild } from '../app/rebuild-apply.ts'
import { type VerifyReport, verifyRebuild } from '../app/rebuild-verify.ts'
import { type Recorder, startRecorder } from '../app/recorder.ts'
import { differenceLine } from '../processors/domain/row-differences.ts'
import type { Warehouse } from '../model/ports.ts'
import { type Config, loadConfig } from '../runtime/config.ts'
import { createLogger } from '../runtime/logger.ts'
import { waitFor } from './ledger/recorder-process.ts'

const token = 'rebuild-test-token-0123456789'
const messages = 1_500
const identified = '00-11-22-33-44-66'
const modem = `dwr/311-a1/${identified}/modem/status`
const extras: [topic: string, payload: string][] = [
  ['world/asia/taiwan/taipei/neihu/temperature', '23.4'],
  [`dwr/311-a1/${identified}/hardware/loadavg`, '{"load1":1,"load1":2}'],
  [`dwr/311-a1/${identified}/log/dmesg`, 'Kernel panic - not syncing: Fatal exception'],
  [modem, '{"ts":1767602404000,"bootId":"b1","seq":1,"imei":"490154203237518","sim":"ready"}'],
  [modem, '{"ts":1767602404000,"bootId":"b1","seq":1,"imei":"490154203237518","sim":"ready"}'],
]

let dataDir = ''
let config: Config
let recorder: Recorder | null = null
let device = ''
const warnings: ({ msg: string } & Record<string, unknown>)[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rebuild-'))
  config = loadConfig(() => '', {
    DATA_DIR: dataDir,
    ADMIN_TOKEN: token,
    MQTT_LISTEN: '127.0.0.1:0',
    MQTT_WS_LISTEN: '127.0.0.1:0',
    HTTP_LISTEN: '127.0.0.1:0',
    WAREHOUSE_LISTEN: '127.0.0.1:0',
    DISK_FREE_BYTES_MIN: '0',
  })
  const logger = createLogger('warn')
  vi.spyOn(logger, 'warn').mockImplementation((about: unknown, msg?: unknown) => {
    warnings.push({ ...(about as object), msg: String(msg) })
  })
  recorder = await startRecorder(config, logger, (error) => {
    throw error
  })
  const fleet = createFleet({ devices: 5, ratePerSecond: 1, seed: 7, startMs: Date.now() - messages * 1000 })
  const client = await mqtt.connectAsync(recorder.urls.mqtt, { clean: true })
  const sent: Promise<unknown>[] = []
  for (let count = 0; count < messages; count++) {
    const { topic, payload } = fleet.next()
    sent.push(client.publishAsync(topic, Buffer.from(payload), { qos: 1 }))
  }
  for (const [topic, payload] of extras) sent.push(client.publishAsync(topic, payload, { qos: 1 }))
  await Promise.all(sent)
  await client.endAsync()
  const { warehouse } = recorder.urls
  await waitFor(
    'everything is in its tables',
    async () => {
      const live = openWarehouse({ url: warehouse, username: 'admin', password: token, database: 'fleet' })
      const [row] = await live.query<{ held: number; letters: number; loud: string }>(
        "SELECT countIf(outcome NOT IN ('tick', 'rules')) AS held, (SELECT count() FROM dead_letters) AS letters, (SELECT min(subject) FROM measurements WHERE metric = 'system.memory.usage') AS loud FROM messages",
      )
      await live.close()
      device = row?.loud ?? ''
      return row?.held === messages + extras.length && row.letters === 1
    },
    60_000,
  )
})
afterAll(async () => {
  await recorder?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const verify = (more: Partial<Parameters<typeof verifyRebuild>[0]> = {}): Promise<VerifyReport> =>
  verifyRebuild({ config, sample: null, say: () => undefined, ...more })

const named = ({ differences }: VerifyReport) => differences.map(({ table, subject, at, kind }) => ({ table, subject, at, kind }))
const failures = (report: VerifyReport) => ({ lines: report.differences.map(differenceLine), whole: report.whole, skipped: report.skipped })
const clean = { lines: [], whole: true, skipped: [] }

/** At the private door of the stopped recorder's folder. */
const atTheTables = async <T>(work: (warehouse: Warehouse) => Promise<T>): Promise<T> => {
  const child = await startWarehouseChild({ dataDir, listen: null, adminToken: token, memoryBytesMax: 1_200_000_000 })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  try {
    return await work(warehouse)
  } finally {
    await warehouse.close()
    await child.stop()
  }
}

type Victim = { offset: number; attributes: string; at: string; bucket: string }
const victimQuery = `SELECT offset, attributes, replaceOne(toString(observed_at), ' ', 'T') || 'Z' AS at, replaceOne(toString(toStartOfFifteenMinutes(toDateTime(observed_at))), ' ', 'T') || 'Z' AS bucket FROM measurements WHERE subject = '{}' AND metric = 'system.memory.usage' ORDER BY offset, attributes LIMIT 1`

describe('npm run rebuild -- --verify', () => {
  it('finds no difference while the recorder runs', async () => {
    const report = await verify({ publicUrl: recorder?.urls.warehouse ?? '' })
    expect(failures(report)).toEqual(clean)
    expect(report.figures.records).toBeGreaterThanOrEqual(messages + extras.length)
    const compared = Object.fromEntries(report.tables.map(({ table, rows }) => [table, rows]))
    for (const table of [
      'messages',
      'measurements',
      'counters',
      'radio',
      'facts',
      'log_lines',
      'ledger',
      'dead_letters',
      'measurements_15m',
      'alarm_events',
      'alarm_episodes',
    ])
      expect(compared[table], table).toBeGreaterThan(0)
  })

  it('shares subjects out over workers, and the answer stays', async () => {
    const report = await verify({ publicUrl: recorder?.urls.warehouse ?? '', workers: 3 })
    expect(failures(report)).toEqual(clean)
    expect(report.figures.workers).toBe(3)
  })

  it('as a nightly sample is a metric, and a planted change in one row is found and named', async () => {
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${recorder?.urls.page ?? ''}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`fleet_recorder_rebuild_sample_${name} `))
          ?.split(' ')[1],
      )
    }
    await recorder?.verifySample()
    expect(await metric('failures_total')).toBe(0)
    expect(await metric('devices')).toBe(config.REBUILD_SAMPLE_DEVICES < 7 ? config.REBUILD_SAMPLE_DEVICES : 7)
    expect(await metric('events')).toBeGreaterThanOrEqual(messages)
    expect(await metric('differing_rows{table="measurements"}')).toBe(0)
    const door = readDoorFile(dataDir)
    const live = openWarehouse({ ...(door ?? { url: '', username: '', password: '' }), database: 'fleet' })
    const change = async (sign: '+' | '-'): Promise<void> => {
      const [victim] = await live.query<Victim>(victimQuery.replace('{}', device))
      await live.command(
        `ALTER TABLE measurements UPDATE value = value ${sign} 1 WHERE subject = '${device}' AND metric = 'system.memory.usage' AND offset = ${victim?.offset ?? -1} AND attributes = '${victim?.attributes ?? ''}' SETTINGS mutations_sync = 2`,
      )
    }
    await change('+')
    await recorder?.verifySample()
    expect(await metric('differing_rows{table="measurements"}')).toBe(1)
    expect(await metric('differing_rows{table="messages"}')).toBe(0)
    expect(Date.now() / 1000 - (await metric('last_run_seconds'))).toBeLessThan(60)
    const [told] = warnings.filter(({ msg }) => msg === 'the nightly sample found differences')
    expect(told).toMatchObject({
      code: 'REBUILD_DIFFERENCES',
      first: [expect.stringMatching(`^measurements  ${device}  .*changed: value is`)],
    })
    expect((await fetch(`${recorder?.urls.page ?? ''}/readyz`)).status).toBe(200)
    await change('-')
    expect(existsSync(join(dataDir, 'rebuild-scratch'))).toBe(false)
  }, 300_000)

  it('finds none when the recorder is stopped, and leaves the folder free', async () => {
    await recorder?.stop()
    recorder = null
    expect(failures(await verify())).toEqual(clean)
  })

  it('a sample is drawn by its seed, and is clean too', async () => {
    const [one, other] = [await verify({ sample: { count: 2, seed: 3 } }), await verify({ sample: { count: 2, seed: 3 } })]
    expect(one.sample).toHaveLength(2)
    expect(other.sample).toEqual(one.sample)
    expect(failures(one)).toEqual(clean)
    expect(one.figures.records).toBeLessThan(messages)
  })

  it('names table, device and time of a changed row', async () => {
    const planted = await atTheTables(async (warehouse) => {
      const [victim] = await warehouse.query<Victim>(victimQuery.replace('{}', device))
      await warehouse.command(
        `ALTER TABLE measurements UPDATE value = value + 1 WHERE subject = '${device}' AND metric = 'system.memory.usage' AND offset = ${victim?.offset ?? -1} AND attributes = '${victim?.attributes ?? ''}' SETTINGS mutations_sync = 2`,
      )
      return victim
    })
    const report = await verify()
    expect(named(report)).toEqual([{ table: 'measurements', subject: device, at: planted?.at, kind: 'changed' }])
    const [difference] = report.differences
    expect(difference?.live?.['value']).toBe(Number(difference?.rebuilt?.['value']) + 1)
    await atTheTables((warehouse) =>
      warehouse.command(
        `ALTER TABLE measurements UPDATE value = value - 1 WHERE subject = '${device}' AND metric = 'system.memory.usage' AND offset = ${planted?.offset ?? -1} AND attributes = '${planted?.attributes ?? ''}' SETTINGS mutations_sync = 2`,
      ),
    )
    expect(failures(await verify())).toEqual(clean)
  })

  it('names a row that is missing from the live table, one that is too many, and the rollups that it is in', async () => {
    let at = ''
    let bucket = ''
    const planted = await verify({
      beforeCompare: async (scratch) => {
        const [victim] = await scratch.query<Victim>(victimQuery.replace('{}', device))
        at = victim?.at ?? ''
        bucket = victim?.bucket ?? ''
        // One row twice in the rebuilt table, also in its rollups: the live one lacks it.
        await scratch.command(
          `INSERT INTO measurements SELECT * FROM measurements WHERE subject = '${device}' AND metric = 'system.memory.usage' AND offset = ${victim?.offset ?? -1} AND attributes = '${victim?.attributes ?? ''}'`,
        )
        await scratch.command(`ALTER TABLE radio DELETE WHERE offset = (SELECT min(offset) FROM radio) SETTINGS mutations_sync = 2`)
        await scratch.command(`ALTER TABLE ledger UPDATE stored = stored + 1 WHERE subject = '${identified}' SETTINGS mutations_sync = 2`)
      },
    })
    const found = named(planted)
    expect(found).toContainEqual({ table: 'measurements', subject: device, at, kind: 'missing' })
    expect(found).toContainEqual({ table: 'measurements_15m', subject: device, at: bucket, kind: 'changed' })
    expect(found.map(({ table, kind }) => `${table} ${kind}`).sort()).toEqual([
      'ledger changed',
      'measurements missing',
      'measurements_15m changed',
      'measurements_1d changed',
      'measurements_1h changed',
      'radio extra',
    ])
  })

  it('makes a table anew from a time on and exchanges it: wrong rows after it are mended, those before it stay', async () => {
    const times = await atTheTables(async (warehouse) => {
      const [middle] = await warehouse.query<{ ms: number | string }>(
        'SELECT toUnixTimestamp64Milli(received_at) AS ms FROM counters ORDER BY received_at LIMIT 1 OFFSET 1400',
      )
      const fromMs = Number(middle?.ms)
      const [row] = await warehouse.query<{ before: number; after: number }>(
        'SELECT countIf(toUnixTimestamp64Milli(received_at) < {fromMs:Int64}) AS before, count() - before AS after FROM counters',
        { fromMs },
      )
      await warehouse.command('ALTER TABLE counters UPDATE delta = 12345 WHERE 1 SETTINGS mutations_sync = 2')
      return { fromMs, before: Number(row?.before), after: Number(row?.after) }
    })
    expect(times.before).toBeGreaterThan(0)
    expect(times.after).toBeGreaterThan(0)
    const { replaced } = await applyRebuild({ config, fromMs: times.fromMs, tables: ['counters'], say: () => undefined })
    const rows = times.before + times.after
    expect(replaced).toEqual([{ table: 'counters', rowsBefore: rows, rowsNow: rows }])
    const left = await verify()
    expect(left.tables.flatMap(({ table, differences }) => (differences > 0 ? [[table, differences]] : []))).toEqual([
      ['counters', times.before],
    ])
    await applyRebuild({ config, fromMs: 0, tables: ['counters'], say: () => undefined })
    expect(failures(await verify())).toEqual(clean)
  })

  it('goes on into the exchanged table, marks and all', async () => {
    recorder = await startRecorder(config, createLogger('warn'), (error) => {
      throw error
    })
    const { mqtt: url, warehouse } = recorder.urls
    const client = await mqtt.connectAsync(url, { clean: true })
    await client.publishAsync(`dwr/311-a1/${identified}/network/interfaces`, '{"interfaces":{"wan":{"rxBytes":1000,"txBytes":20}}}', {
      qos: 1,
    })
    await client.endAsync()
    const live = openWarehouse({ url: warehouse, username: 'admin', password: token, database: 'fleet' })
    await waitFor(
      'the new rows are in the table and their mark is set',
      async () => {
        const [row] = await live.query<{ rows: number; newest: number; mark: number }>(
          `SELECT count() AS rows, max(offset) AS newest, (SELECT max(offset) FROM sink_marks WHERE table = 'counters') AS mark FROM counters WHERE subject = '${identified}'`,
        )
        return row?.rows === 2 && row.newest === row.mark
      },
      30_000,
    )
    await live.close()
    await expect(applyRebuild({ config, fromMs: 0, tables: ['counters'], say: () => undefined })).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
    })
    await recorder.stop()
    recorder = null
    expect(failures(await verify())).toEqual(clean)
  })

  it('goes on from the archive where the log no longer reaches, with the same answer', async () => {
    const environment = openEnvironment(dataDir)
    const bytes = [...environment.bounds.getRange({})].reduce((sum, { value }) => sum + value.bytes, 0)
    const options = { environment, clock: systemClock, ageMsMax: 1e15, bytesMax: bytes / 2, keepFrom: () => Number.POSITIVE_INFINITY }
    while ((await retentionStep(options)) > 0);
    await environment.close()
    const whole = await verify()
    expect(failures(whole)).toEqual(clean)
    expect(whole.sources.fromLog).toBeGreaterThan(0)
    expect(whole.sources.fromMessages).toBeGreaterThan(messages / 4)
    const sample = await verify({ sample: { count: 3, seed: 3 } })
    expect(failures(sample)).toEqual(clean)
    expect(sample.figures.records).toBeLessThan(whole.figures.records)
  })

  it('skips and names a subject whose key is gone', async () => {
    const keys = openSubjectKeys(dataDir)
    expect(await keys.erase(identified)).toBe(true)
    await keys.close()
    expect(failures(await verify())).toEqual({ ...clean, skipped: [identified] })
  })
})
