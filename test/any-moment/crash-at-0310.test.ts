/**
 * The walk of docs/guides/any-moment.md: `crash-at-0310.yaml` through the front door's parser, the stage and the engine, each
 * message at the time at which it arrived, and the guide's questions asked over the API.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDeadLetterCodec } from '../../adapters/avro/event-codec.ts'
import { startForTest } from '../../adapters/chdb/start-for-test.ts'
import { migrate } from '../../adapters/clickhouse/migrations.ts'
import { createMemorySubjectKeys } from '../../adapters/memory/memory-subject-keys.ts'
import { randomIds } from '../../adapters/system/clock-ids-digest.ts'
import { inflateBounded } from '../../adapters/system/inflate.ts'
import { eventsOf, planOf } from '../../agent/world/world-kit.ts'
import { createAccept } from '../../ingest/accept.ts'
import { testDeps, testToken } from '../../query-api/fakes.ts'
import { createServer } from '../../query-api/server.ts'
import { mapOf, shippedTopics } from '../parse-kit.ts'
import { createBench, eventCodec } from '../stage-fakes.ts'

const device = '02-f2-00-00-00-03'
const dayMs = 86_400_000
/** 00:30 of the day before yesterday, in the scenario's zone of +01:00: rows leave by age of arrival. */
const fromMs = Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs - 1_800_000
const at = (local: string): string => {
  const [hours = 0, minutes = 0] = local.split(':').map(Number)
  return new Date(fromMs + (hours * 60 + minutes - 30) * 60_000).toISOString()
}

let app: Awaited<ReturnType<typeof createServer>>
let stop: () => Promise<void>
beforeAll(async () => {
  const engine = await startForTest({ listen: null })
  await migrate(engine.warehouse)
  const bench = createBench()
  const accept = createAccept({
    log: bench.log,
    codec: eventCodec,
    encodeDeadLetter: createDeadLetterCodec().encode,
    keys: createMemorySubjectKeys(),
    ids: randomIds,
    tenant: 'default',
    topicMap: mapOf(shippedTopics()),
    inflate: inflateBounded,
    counters: { accepted: () => undefined, ignored: () => undefined, deadLettered: (reason) => expect.fail(reason) },
  })
  const said = eventsOf(planOf(readFileSync(new URL('../../agent/scenarios/crash-at-0310.yaml', import.meta.url), 'utf8'), 1, fromMs))
  for (const { atMs, topic, payload, dup } of said.filter((event) => event.topic.includes(device))) {
    const message = { topic, payload: new TextEncoder().encode(payload), dup, receivedAtMs: atMs }
    await accept({
      ...message,
      cutFromBytes: null,
      qos: 1,
      retain: false,
      storedCopy: false,
      packetId: 1,
      clientId: device,
      sessionId: null,
      connection: 0,
    })
  }
  await bench.run(1_000, { warehouse: engine.warehouse, seenIdsMax: 100_000 })
  app = await createServer(testDeps({ warehouse: engine.warehouse, clock: { nowMs: () => Date.now() } }), [])
  stop = async () => {
    await app.close()
    await engine.stop()
  }
}, 60_000)
afterAll(() => stop(), 60_000)

const get = async <T>(path: string): Promise<T> => {
  const headers = { host: 'localhost', authorization: `Bearer ${testToken}` }
  const answer = await app.inject({ url: `/api/v1/devices/${device}/${path}`, headers })
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return answer.json<T>()
}
type Page = { items: { observedAt: string; receivedAt: string; kind: string; text: string }[] }

describe('it rebooted at 03:10; its upload came at 05:10', () => {
  it('what changed in the ten minutes before: the WAN failed over, and memory ran out', async () => {
    const diff = await get<{
      facts: { name: string; from: { value: string }; to: { value: string } }[]
      measurements: { metric: string; from: { value: number }; to: { value: number } }[]
    }>(`diff?from=${at('03:00')}&to=${at('03:10')}`)
    expect(diff.facts.find(({ name }) => name === 'wan.active')).toMatchObject({ from: { value: 'wwan0' }, to: { value: 'eth1' } })
    const memory = diff.measurements.find(({ metric }) => metric === 'system.memory.utilization')
    expect([memory?.from.value.toFixed(2), memory?.to.value.toFixed(2)]).toEqual(['0.48', '0.95'])
  })

  it('what happened: new firmware, failover, the kernel kills a program, reboot', async () => {
    const { items } = await get<Page>(
      `timeline?from=${at('02:56')}&to=${at('03:11')}&order=asc&kind=firmware,presence,boot,late_upload,log_first_seen`,
    )
    expect(items.map(({ text }) => text).filter((text) => !text.includes('Mem-Info'))).toEqual([
      '84 messages came late, up to 2 h 13 min after the fact.',
      'Firmware changed from 3.01.7 to 3.02.0.',
      'Went offline (connection lost).',
      expect.stringContaining('is offline, failing over to wanb (eth1)') as string,
      expect.stringContaining('collectord invoked oom-killer') as string,
      expect.stringContaining('Out of memory: Killed process') as string,
      expect.stringContaining('Machine model') as string,
      expect.stringContaining('VFS: Mounted root') as string,
      expect.stringContaining('Linux version') as string,
      'Booted: watchdog, after 4 d 7 h of uptime.',
    ])
  })

  it('what the operations centre knew at 03:15: offline since 02:58, and nothing else', async () => {
    const state = await get<{ presence: unknown; firmware: unknown; boot: { bootId: string } }>(
      `state?at=${at('03:15')}&knownAt=${at('03:15')}`,
    )
    expect(state).toMatchObject({ presence: { state: 'offline', reason: 'connection lost' }, firmware: { version: '3.01.7' } })
    const { items } = await get<Page>(`timeline?from=${at('02:56')}&to=${at('03:15')}&knownAt=${at('03:15')}`)
    expect(items.map(({ text }) => text)).toEqual(['Went offline (connection lost).'])
    expect(await get(`diff?from=${at('03:00')}&to=${at('03:10')}&knownAt=${at('03:15')}`)).toMatchObject({
      facts: [],
      measurements: [],
      boot: null,
    })
    const now = await get<{ boot: { bootId: string; reason: string } }>(`state?at=${at('03:15')}`)
    expect(now.boot.reason).toBe('watchdog')
    expect(now.boot.bootId).not.toBe(state.boot.bootId)
  })

  it('how that is known: two messages of one boot, both of the upload', async () => {
    const { items } = await get<{ items: { quality: string; message: { topic: string; receivedAt: string } }[] }>(
      `explain?of=boot&at=${at('03:15')}`,
    )
    expect(
      items.map(({ quality, message }) => [quality, message.topic.split('/').slice(3).join('/'), message.receivedAt.slice(0, 17)]),
    ).toEqual([
      ['new-boot-id', 'status', at('05:10').slice(0, 17)],
      ['told', 'system/boot', at('05:10').slice(0, 17)],
    ])
  })
})
