/**
 * Processors of two machines on one Kafka and one warehouse, while devices speak: one joins, one is killed with -9, one
 * stops in order, one comes back with an old state. At the end every message is one row and one count.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../../adapters/chdb/start-for-test.ts'
import { migrate } from '../../adapters/clickhouse/migrations.ts'
import { openTestLog, startTemporaryKafka, type TemporaryKafka } from './temporary-kafka.ts'
import type { KafkaLog } from '../../adapters/kafka/event-log.ts'
import { partitionOf } from '../../model/partition.ts'
import { eventCodec, eventOf, readingsOf, tickOf } from '../stage-fakes.ts'
import type { MachineOptions } from './processors.fixture.ts'

const partitions = 4
const devices = 12
/** What the counter of each device grows by. */
const perMessage = 1_000
const waitMs = 120_000

describe('processors of several machines', () => {
  let kafka: TemporaryKafka
  let started: Awaited<ReturnType<typeof startForTest>>
  const folder = mkdtempSync(join(tmpdir(), 'machines-'))
  const running = new Set<ChildProcess>()
  beforeAll(async () => {
    kafka = await startTemporaryKafka()
    started = await startForTest({ listen: null })
    await migrate(started.warehouse, { alone: true })
  })
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL')
    await started.stop()
    await kafka.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  it('lose nothing and double nothing while they join, are killed and leave under load', async () => {
    const settings = kafka.settings()
    const log = await openTestLog(settings, { partitions })
    const said: object[] = []
    const launch = async (name: string): Promise<ChildProcess> => {
      const options: MachineOptions = {
        brokers: kafka.server.brokers,
        prefix: settings.prefix,
        partitions,
        dir: join(folder, name),
        warehouse: started.child.access,
      }
      const child = fork(fileURLToPath(new URL('processors.fixture.ts', import.meta.url)), [JSON.stringify(options)])
      running.add(child)
      child.on('exit', () => running.delete(child))
      let up = false
      child.on('message', (message: object) => {
        said.push(message)
        if ('started' in message) up = true
      })
      await expect.poll(() => up || child.exitCode !== null, { timeout: waitMs }).toBe(true)
      expect(child.exitCode).toBe(null)
      return child
    }
    const rows = async (): Promise<number> =>
      Number((await started.warehouse.query<{ n: string }>('SELECT count() AS n FROM messages'))[0]?.n ?? 0)
    const moreRows = async (more: number): Promise<void> => {
      const before = await rows()
      await expect.poll(rows, { timeout: waitMs, interval: 200 }).toBeGreaterThan(before + more)
    }

    const publisher = startPublishing(log)
    const first = await launch('one')
    await moreRows(500)
    const second = await launch('two')
    await moreRows(500)
    second.kill('SIGKILL') // In the middle of whatever it does.
    await moreRows(500)
    const third = await launch('three')
    await moreRows(500)
    first.kill('SIGKILL')
    await moreRows(500)
    const back = await launch('two') // With the state of when it was killed, which is old by now.
    await moreRows(500)
    const ended = once(third, 'exit')
    third.send('stop')
    await ended
    await moreRows(200)
    const { events, readings } = await publisher.stop()
    await expect.poll(rows, { timeout: waitMs, interval: 200 }).toBeGreaterThanOrEqual(events)
    // Tables of one batch are written side by side, and rollups after their table: killed before that, the next start would go on.
    const inRollups = async (): Promise<number> =>
      Number((await started.warehouse.query<{ samples: string }>('SELECT sum(samples) AS samples FROM measurements_15m'))[0]?.samples)
    await expect.poll(inRollups, { timeout: waitMs, interval: 200 }).toBeGreaterThanOrEqual(readings)
    back.kill('SIGKILL')

    const [seen] = await started.warehouse.query<Record<string, string>>(
      `SELECT count() AS messages, uniqExact(partition, offset) AS unique, countIf(outcome = 'duplicate') AS duplicates, countIf(outcome = 'ambiguous') AS ambiguous FROM messages`,
    )
    expect(Object.fromEntries(Object.entries(seen ?? {}).map(([name, value]) => [name, Number(value)]))).toEqual({
      messages: events,
      unique: events,
      duplicates: 0,
      ambiguous: 0,
    })
    const [counted] = await started.warehouse.query<Record<string, string>>(
      `SELECT (SELECT count() FROM measurements) AS base, (SELECT sum(samples) FROM measurements_15m) AS quarters,
        (SELECT sum(received) FROM ledger) AS received, (SELECT sum(seq_missing) FROM ledger) AS missing,
        (SELECT sum(delta) FROM counters) AS deltas, (SELECT countIf(flag IN ('reset', 'wrap')) FROM counters) AS broken`,
    )
    expect(Object.fromEntries(Object.entries(counted ?? {}).map(([name, value]) => [name, Number(value)]))).toEqual({
      base: readings,
      quarters: readings,
      received: readings,
      missing: 0,
      deltas: devices * (readings / devices - 1) * perMessage,
      broken: 0,
    })
    console.log(
      `${events} records, ${readings} messages of devices; told by the machines:`,
      said.filter((message) => !('started' in message)).slice(0, 20),
    )
    await log.close()
  })
})

/** Each device in its own order, a tick now and then to every partition. */
const startPublishing = (log: KafkaLog) => {
  let going = true
  let events = 0
  let readings = 0
  const goesOn = (): boolean => going
  const publish = async (): Promise<void> => {
    for (let seq = 0; goesOn(); seq++) {
      const receivedAtMs = Date.now()
      const records = Array.from({ length: devices }, (_, n) => {
        const device = `00-00-00-00-00-${String(n).padStart(2, '0')}`
        const item = { metric: 'network.io', attributes: '', value: seq * perMessage, widthBits: null, linkBitsPerSecond: null }
        const event = eventOf({
          device,
          receivedAtMs,
          observedAtMs: receivedAtMs,
          bootId: 'b',
          seq,
          bodies: [readingsOf(seq), { kind: 'Counters', items: [item] }],
        })
        return { partition: partitionOf(device, partitions), key: device, value: eventCodec.encode(event) }
      })
      if (seq % 20 === 0) {
        const value = eventCodec.encode(tickOf(receivedAtMs))
        for (let partition = 0; partition < partitions; partition++) records.push({ partition, key: 'all', value })
      }
      await log.append('device-events', records)
      events += records.length
      readings += devices
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const running = publish()
  return {
    stop: async () => {
      going = false
      await running
      return { events, readings }
    },
  }
}
