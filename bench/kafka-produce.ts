/**
 * What an append to a real Kafka costs, by each client: drained from a full queue, and at steady rates with and without
 * waiting for company. CPU is this process's; the broker is another one. Interleaved, so that a busy machine hits both.
 *
 *   node bench/kafka-produce.ts [--records 200000] [--rounds 3] [--partitions 1]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type KafkaClient, openKafkaLog } from '../adapters/kafka/event-log.ts'
import type { EventLog } from '../model/ports.ts'
import { startKafka } from '../test/real/kafka-server.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '1' },
  },
})
const records = Number(values.records)
const partitions = Number(values.partitions)
const clients: readonly KafkaClient[] = ['kafkajs', 'platformatic']
/** As the bridge's window. */
const inFlightMax = 4_000
const valueBytes = 110
const steadySeconds = 5

const dir = mkdtempSync(join(tmpdir(), 'bench-kafka-'))
const server = await startKafka({ dir })
const value = Buffer.alloc(valueBytes, 'v')

const open = (client: KafkaClient, lingerMsMax: number): Promise<EventLog> =>
  openKafkaLog({
    settings: { brokers: [server.brokers], prefix: `${client}-`, tls: null, sasl: null },
    topics: { partitions, replication: 1, retentionMs: 3_600_000 },
    clock: { nowMs: () => Date.now() },
    client,
    lingerMsMax,
    onError: (error) => console.error(error.message),
  })

const appendOne = async (log: EventLog, n: number): Promise<void> => {
  await log.append('device-events', [{ partition: n % partitions, key: '00-11-22-33-44-55', value }])
}

/** As many as possible with a bounded number in flight. */
const drain = async (log: EventLog): Promise<void> => {
  let next = 0
  const line = async (): Promise<void> => {
    while (next < records) await appendOne(log, next++)
  }
  await Promise.all(Array.from({ length: inFlightMax }, line))
}

const steady = async (log: EventLog, perSecond: number): Promise<number[]> => {
  const tookMs: number[] = []
  const running: Promise<void>[] = []
  const startedMs = performance.now()
  for (let sent = 0; sent < perSecond * steadySeconds; ) {
    const due = Math.min(((performance.now() - startedMs) / 1000) * perSecond, perSecond * steadySeconds)
    for (; sent < due; sent++) {
      const sentMs = performance.now()
      running.push(appendOne(log, sent).then(() => void tookMs.push(performance.now() - sentMs)))
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(running)
  return tookMs.sort((a, b) => a - b)
}

const cpuOf = async <T>(work: () => Promise<T>): Promise<{ result: T; cpuMs: number; wallMs: number }> => {
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  const result = await work()
  const { user, system } = process.cpuUsage(cpu)
  return { result, cpuMs: (user + system) / 1000, wallMs: performance.now() - startedMs }
}

const shown = (name: string, client: string, count: number, cpuMs: number, more: string): void =>
  console.log(`${name.padEnd(26)} ${client.padEnd(13)} ${((cpuMs * 1000) / count).toFixed(1).padStart(6)} us CPU a record   ${more}`)

try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const client of clients) {
      const log = await open(client, 25)
      await appendOne(log, 0)
      const { cpuMs, wallMs } = await cpuOf(() => drain(log))
      shown(`drain, round ${round}`, client, records, cpuMs, `${((records / wallMs) * 1000).toFixed(0)} records/s`)
      await log.close()
    }
  }
  for (const perSecond of [2_000, 5_000, 20_000]) {
    for (const lingerMsMax of [0, 25]) {
      for (const client of clients) {
        const log = await open(client, lingerMsMax)
        await appendOne(log, 0)
        const { result, cpuMs } = await cpuOf(() => steady(log, perSecond))
        const at = (part: number): string => (result[Math.floor(result.length * part)] ?? 0).toFixed(1)
        shown(`${perSecond}/s, linger ${lingerMsMax} ms`, client, result.length, cpuMs, `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
        await log.close()
      }
    }
  }
} finally {
  await server.kill()
  rmSync(dir, { recursive: true, force: true })
}
