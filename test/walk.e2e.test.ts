/** One record, straight down: what stands at each stop of ARCHITECTURE.md, on the embedded parts, across a restart. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { type Recorder, startRecorder } from '../app/recorder.ts'
import type { LogTopic } from '../model/ports.ts'
import { type Config, loadConfig } from '../runtime/config.ts'
import { createLogger } from '../runtime/logger.ts'
import { waitFor } from './ledger/recorder-process.ts'

const until = (what: string, isTrue: () => Promise<boolean>): Promise<void> => waitFor(what, isTrue, 30_000)

const mac = '00-11-22-33-44-55'
const root = `dwr/311-a1/${mac}`
const token = 'walk-test-token-0123456789'

let dataDir = ''
let config: Config
let recorder: Recorder

const start = async (): Promise<Recorder> =>
  startRecorder(config, createLogger('warn'), (error) => {
    throw error
  })

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'walk-'))
  const noFile = (): string => ''
  config = loadConfig(noFile, {
    DATA_DIR: dataDir,
    ADMIN_TOKEN: token,
    MQTT_LISTEN: '127.0.0.1:0',
    MQTT_WS_LISTEN: '127.0.0.1:0',
    HTTP_LISTEN: '127.0.0.1:0',
    WAREHOUSE_LISTEN: '127.0.0.1:0',
    DISK_FREE_BYTES_MIN: '0',
    LOG_PARTITIONS: '3',
  })
  recorder = await start()
})
afterAll(async () => {
  await recorder.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const publish = async (messages: [topic: string, payload: string][], url = recorder.urls.mqtt): Promise<void> => {
  const client = await mqtt.connectAsync(url, { clean: true })
  for (const [topic, payload] of messages) await client.publishAsync(topic, payload, { qos: 1 })
  await client.endAsync()
}

const api = async <T>(path: string): Promise<T> => {
  const answer = await fetch(`${recorder.urls.page}${path}`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status, `GET ${path}`).toBe(200)
  return (await answer.json()) as T
}

const sql = async (query: string): Promise<Record<string, unknown>[]> => {
  const answer = await fetch(`${recorder.urls.warehouse}/?user=admin&password=${token}`, {
    method: 'POST',
    body: `${query} FORMAT JSONEachRow`,
  })
  const text = await answer.text()
  expect(answer.status, text).toBe(200)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

const seq1 = '{"ts":1767602403000,"bootId":"b1","seq":1,"load1":0.34,"load5":0.28,"load15":0.19}'
const published: [string, string][] = [
  [`${root}/hardware/loadavg`, seq1],
  [`${root}/hardware/loadavg`, seq1], // The device did not hear the PUBACK.
  [`${root}/hardware/lte`, '{"ts":1767602404000,"bootId":"b1","seq":2,"rsrp":-200,"rsrq":"-","sinr":"-","cell":48893707,"mode":"LTE"}'],
  [`${root}/hardware/loadavg`, '{"load1":1,"load1":2}'],
]

describe('the walk', () => {
  it('stops 1 to 6: the message is acknowledged', async () => {
    await publish(published)
  })

  it('stops 7 to 9: the device stage has stored what was acknowledged, once', async () => {
    await until(
      'four records are in messages',
      async () => (await sql(`SELECT outcome FROM messages WHERE subject = '${mac}'`)).length === 4,
    )
    expect(await sql(`SELECT outcome, seq FROM messages WHERE subject = '${mac}' ORDER BY offset`)).toMatchObject([
      { outcome: 'stored', seq: 1 },
      { outcome: 'duplicate', seq: 1 },
      { outcome: 'stored', seq: 2 },
      { outcome: 'quarantined', seq: null },
    ])
    expect(
      await sql(`SELECT metric, value FROM measurements WHERE subject = '${mac}' AND metric LIKE 'system.cpu.load%' ORDER BY metric`),
    ).toEqual([
      { metric: 'system.cpu.load_average.15m', value: 0.19 },
      { metric: 'system.cpu.load_average.1m', value: 0.34 },
      { metric: 'system.cpu.load_average.5m', value: 0.28 },
    ])
    expect(await sql(`SELECT rat, cell_id, enb_id, rsrp_dbm, rsrq_db, sinr_db FROM radio WHERE subject = '${mac}'`)).toEqual([
      { rat: 'LTE', cell_id: 48893707, enb_id: 48893707 >> 8, rsrp_dbm: null, rsrq_db: null, sinr_db: null },
    ])
  })

  it('the refused one stands in dead-letters, with the reason', async () => {
    await until('the dead letter is in its table', async () => (await sql('SELECT reason FROM dead_letters')).length === 1)
    expect(await sql('SELECT reason, topic_shape, subject FROM dead_letters')).toEqual([
      { reason: 'JSON_DUPLICATE_KEY', topic_shape: 'dwr/311-a1/+/hardware/loadavg', subject: mac },
    ])
  })

  it('the ledger adds up', async () => {
    expect(
      await sql(
        `SELECT sum(received) r, sum(stored) s, sum(duplicate) d, sum(quarantined) q, sum(seq_missing) m FROM ledger WHERE subject = '${mac}'`,
      ),
    ).toEqual([{ r: 4, s: 2, d: 1, q: 1, m: 0 }])
  })

  it('stop 10: the API answers with the state at a moment', async () => {
    const state = await api<{ measurements: { metric: string; value: number; observedAt: string }[] }>(
      `/api/v1/devices/${mac}/state?at=2026-01-05T08:41:00Z`,
    )
    expect(state.measurements.find(({ metric }) => metric === 'system.cpu.load_average.1m')).toMatchObject({
      value: 0.34,
      observedAt: '2026-01-05T08:40:03.000Z',
    })
    const before = await api<{ measurements: unknown[] }>(`/api/v1/devices/${mac}/state?at=2026-01-05T08:40:02Z`)
    expect(before.measurements).toEqual([])
  })

  it('stop 11: the page is there', async () => {
    const page = await fetch(recorder.urls.page)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  })

  it('five equal readings of a place are five readings', async () => {
    const client = await mqtt.connectAsync(recorder.urls.mqttWs ?? '', { clean: true })
    for (let reading = 0; reading < 5; reading++)
      await client.publishAsync('world/asia/taiwan/taipei/neihu/temperature', '23.4', { qos: 1 })
    await client.endAsync()
    const count = async () =>
      (await sql("SELECT value FROM measurements WHERE subject = 'world/asia/taiwan/taipei/neihu'")).map(({ value }) => value)
    await until('five rows are there', async () => (await count()).length >= 5)
    expect(await count()).toEqual([23.4, 23.4, 23.4, 23.4, 23.4])
  })

  it('goes on after a restart where it stopped, and remembers what it has seen', async () => {
    await recorder.stop()
    recorder = await start()
    await publish([[`${root}/hardware/loadavg`, seq1]])
    await until(
      'the repetition is known',
      async () => (await sql(`SELECT outcome FROM messages WHERE subject = '${mac}' AND outcome = 'duplicate'`)).length === 2,
    )
    expect(await sql(`SELECT count() AS n FROM measurements WHERE subject = '${mac}' AND metric = 'system.cpu.load_average.1m'`)).toEqual([
      { n: 1 },
    ])
  })

  it('a second program on the folder is refused, and told by whom', async () => {
    await expect(start()).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' })
  })

  it('what the log holds can be read by id: every record decodes', async () => {
    const environment = openEnvironment(dataDir)
    const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
    const decoders = {
      'device-events': createEventCodec().decode,
      'dead-letters': createDeadLetterCodec().decode,
      alarms: createAlarmCodec().decode,
      'fleet-signals': createFleetCodec().decode,
      // An alarm that is over and acknowledged is an empty record.
      'alarms-current': (bytes: Uint8Array) => ({
        ok: bytes.byteLength === 0 || typeof JSON.parse(Buffer.from(bytes).toString()) === 'object',
      }),
    }
    const counts: Record<string, number> = {}
    for (const topic of Object.keys(decoders) as LogTopic[]) {
      for (let partition = 0; partition < log.partitionCount(topic); partition++) {
        const { first, next } = await log.bounds(topic, partition)
        for await (const record of log.read(topic, partition, first, next)) {
          expect(decoders[topic](record.value).ok).toBe(true)
          counts[topic] = (counts[topic] ?? 0) + 1
        }
      }
    }
    expect(counts['dead-letters']).toBe(1)
    expect(counts['device-events']).toBeGreaterThanOrEqual(10)
    await log.close()
    await environment.close()
  })
})
