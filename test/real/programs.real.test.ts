/**
 * The programs apart on Mosquitto and Kafka, as docs/guides/deploy.md says: two ingest instances that share the messages (one
 * speaks MQTT 5, one 3.1.1; one appends by each Kafka client), two processors, a query API. The walk to the rows, a poisoned
 * record, Kafka gone while devices publish, each program restarted in turn under load: after each of them every message
 * stands there once.
 *
 * Kafka is gone until both bridges have left on purpose, about half a minute. `KAFKA_DOWN_SECONDS=120` makes it longer.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWarehouse } from '../../adapters/clickhouse/warehouse.ts'
import { partitionOf } from '../../model/partition.ts'
import type { Warehouse } from '../../model/ports.ts'
import { eventCodec, eventOf, readingsOf } from '../stage-fakes.ts'
import { connectDevice, type Device, readingOf, startDevices, topicOf } from './device-publisher.ts'
import { type RealServices, startRealServices } from './real-services.ts'
import { openTestLog } from './temporary-kafka.ts'

const shared = { MQTT_SHARE_GROUP: 'recorders' }
const programs = [
  { name: 'ingest-1', kind: 'ingest', environment: { ...shared, MQTT_PROTOCOL: '5', KAFKA_CLIENT: 'platformatic' } },
  { name: 'ingest-2', kind: 'ingest', environment: { ...shared, MQTT_PROTOCOL: '3.1.1', KAFKA_CLIENT: 'kafkajs' } },
  { name: 'processors-1', kind: 'processors' },
  { name: 'processors-2', kind: 'processors' },
  { name: 'query-api', kind: 'query-api' },
] as const
const bridges = ['ingest-1', 'ingest-2'] as const

const devices: readonly Device[] = [
  { mac: '00-00-00-00-00-31', protocol: '3.1.1' },
  { mac: '00-00-00-00-00-32', protocol: '3.1.1' },
  { mac: '00-00-00-00-00-51', protocol: '5' },
  { mac: '00-00-00-00-00-52', protocol: '5' },
]
const walked = 20
const patiently = { timeout: 90_000, interval: 200 }
const downSeconds = Number(process.env['KAFKA_DOWN_SECONDS'] ?? '0')

describe('programs apart on Mosquitto and Kafka', () => {
  const folder = mkdtempSync(join(tmpdir(), 'programs-'))
  let services: RealServices
  let warehouse: Warehouse & { close: () => Promise<void> }
  /** By device, over all tests of this file: messages 1 to this were acknowledged. */
  let acknowledged: ReadonlyMap<string, number> = new Map()

  beforeAll(async () => {
    services = await startRealServices({ folder, programs })
    warehouse = openWarehouse({ ...services.warehouse.access, database: 'fleet' })
  })
  afterAll(async () => {
    services.kafka.thaw()
    await warehouse.close()
    await services.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const publishUntil = async (work: (moreAcknowledged: (more: number) => Promise<void>) => Promise<void>): Promise<void> => {
    const publisher = await startDevices(services.mosquitto.url, devices, { from: acknowledged, everyMs: 20 })
    try {
      await work(async (more) => {
        const before = publisher.total()
        await expect.poll(publisher.total, patiently).toBeGreaterThan(before + more)
      })
    } finally {
      await publisher.stop()
      acknowledged = publisher.acknowledged
    }
  }

  /** Every message that was acknowledged has its row, its measurements and its place in the account, each once. */
  const expectEachOnce = async (): Promise<void> => {
    const expected = [...acknowledged].map(([subject, messages]) => ({
      subject,
      messages,
      sequences: messages,
      readings: 3 * messages,
      rolled: 3 * messages,
      missing: 0,
    }))
    const found = async (): Promise<object[]> =>
      (
        await warehouse.query<Record<string, string>>(
          `SELECT subject, messages, sequences, readings, rolled, missing
           FROM (SELECT subject, count() AS messages, uniqExact(seq) AS sequences FROM messages WHERE outcome = 'stored' AND boot_id = 'b' GROUP BY subject) AS m
           LEFT JOIN (SELECT subject, count() AS readings FROM measurements GROUP BY subject) AS r USING subject
           LEFT JOIN (SELECT subject, sum(samples) AS rolled FROM measurements_15m GROUP BY subject) AS q USING subject
           LEFT JOIN (SELECT subject, sum(seq_missing) AS missing FROM ledger GROUP BY subject) AS l USING subject
           ORDER BY subject`,
        )
      ).map(({ subject, ...counts }) => ({
        subject,
        ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])),
      }))
    await expect.poll(found, patiently).toEqual(expected)
  }

  it('take a message from a device of MQTT 3.1.1 and of MQTT 5 over a bridge on 3.1.1 and on 5 to its rows and the API', async () => {
    for (const device of devices) {
      const client = await connectDevice(services.mosquitto.url, device)
      for (let seq = 1; seq <= walked; seq++) await client.publishAsync(topicOf(device.mac), readingOf(seq), { qos: 1 })
      await client.endAsync()
    }
    acknowledged = new Map(devices.map(({ mac }) => [mac, walked]))
    await expectEachOnce()

    const rows = await warehouse.query<{ subject: string; frame: string }>(
      'SELECT subject, hex(frame) AS frame FROM messages WHERE seq > 0',
    )
    const ways = rows.map(({ subject, frame }) => {
      const decoded = eventCodec.decode(Buffer.from(frame, 'hex'))
      return `${subject} over ${decoded.ok ? decoded.event.source.clientId : decoded.reason}`
    })
    expect([...new Set(ways)].sort()).toEqual(devices.flatMap(({ mac }) => bridges.map((bridge) => `${mac} over ${bridge}`)).sort())

    const page = services.program('query-api').url
    const answer = await fetch(`${page}/api/v1/devices/${devices[0]?.mac ?? ''}/state?at=${new Date().toISOString()}`, {
      headers: { authorization: `Bearer ${services.adminToken}` },
    })
    const state = (await answer.json()) as { measurements: { metric: string; value: number }[] }
    expect(state.measurements.find(({ metric }) => metric === 'system.cpu.load_average.1m')).toMatchObject({ value: 0.5 })
  })

  it('go on behind records that cannot be read: each becomes a dead letter that names its offset', async () => {
    const key = devices[0]?.mac ?? ''
    const partition = partitionOf(key, 4)
    const frame = eventCodec.encode(eventOf({ device: key, seq: 1, bootId: 'x', bodies: [readingsOf(1)] }))
    const unknownSchema = Buffer.from(frame)
    unknownSchema.writeUInt32BE(9_999, 1)
    const poisoned = [
      Buffer.from('no frame at all'),
      Buffer.from([0]),
      unknownSchema,
      Buffer.from(frame.subarray(0, frame.length - 3)),
      eventCodec.encode(eventOf({ device: key, receivedAtMs: -1, bodies: [readingsOf(1)] })),
      eventCodec.encode(eventOf({ device: key, seq: -5, bootId: 'x', bodies: [readingsOf(1)] })),
    ]
    const log = await openTestLog({ brokers: [services.kafka.brokers], prefix: '', tls: null, sasl: null }, { partitions: 4 })
    const offsets = await log.append(
      'device-events',
      poisoned.map((value) => ({ partition, key, value })),
    )
    await log.close()
    await publishUntil((more) => more(40))
    await expectEachOnce()
    const letters = (): Promise<object[]> =>
      warehouse.query<{ reason: string; place: string }>(
        `SELECT reason, splitByString(': ', detail)[1] AS place FROM dead_letters WHERE topic_shape = 'device-events' ORDER BY length(place), place`,
      )
    await expect
      .poll(letters, patiently)
      .toEqual(offsets.map((offset) => ({ reason: 'FRAME_UNREADABLE', place: `device-events ${partition}:${offset}` })))
  })

  it('leave the broker on purpose while Kafka does not answer, and lose nothing of what devices publish meanwhile', async () => {
    const droppedBefore = await Promise.all(bridges.map((name) => services.program(name).metric('fleet_recorder_bridge_dropped_total')))
    await publishUntil(async (more) => {
      const downSinceMs = performance.now()
      services.kafka.freeze()
      for (const { name, waitingFor } of services.programs) await expect.poll(waitingFor, { ...patiently, message: name }).toContain('log')
      for (const [index, name] of bridges.entries()) {
        const dropped = (): Promise<number | null> => services.program(name).metric('fleet_recorder_bridge_dropped_total')
        await expect.poll(dropped, { ...patiently, message: name }).toBeGreaterThan(droppedBefore[index] ?? 0)
      }
      await sleep(Math.max(0, downSeconds * 1_000 - (performance.now() - downSinceMs)))
      services.kafka.thaw()
      console.log(`Kafka did not answer for ${((performance.now() - downSinceMs) / 1_000).toFixed(0)} s`)
      await more(100)
    })
    await expectEachOnce()
    await services.untilReady('Kafka answers again')
  })

  it('are restarted one after the other while devices publish, and nothing is lost or there twice', async () => {
    await publishUntil(async (more) => {
      for (const program of services.programs) {
        expect(await program.stop(), `exit code of ${program.name}`).toBe(0)
        expect(await program.waitingFor()).toBe(null)
        await more(20)
        program.start()
        await services.untilReady(program.name)
        await more(20)
      }
    })
    await expectEachOnce()
  })
})
