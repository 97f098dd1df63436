/** What the device side sends is what the front door understands: every message of agent, replay and simulator, and the batch. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createBatcher } from '../agent/batch.ts'
import { createMemoryOutbox } from '../agent/outbox.ts'
import { readRecording } from '../agent/recording.ts'
import { createSampler, readFacts } from '../agent/samplers.ts'
import { createFleet } from '../agent/simulation/fleet.ts'
import { inflateBounded } from '../adapters/system/inflate.ts'
import { loadTopicMap } from '../app/project-files.ts'
import { splitBatch } from '../ingest/domain/batch.ts'
import { type ParsedMessage, parseMessage } from '../ingest/domain/parse-message.ts'

const topicMap = loadTopicMap('')
const startMs = Date.UTC(2026, 0, 5, 8, 40)
const device = 'dwr/311-a1/02-00-00-00-00-01'

const parsed = (topic: string, payload: string | Uint8Array): ParsedMessage => {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const outcome = parseMessage(topic, bytes, { topicMap, receivedAtMs: startMs, pseudonym: (text) => text })
  if (outcome.kind !== 'message') throw new Error(`${topic} ${bytes.toString()}: ${JSON.stringify(outcome)}`)
  return outcome.message
}
const kinds = ({ bodies }: ParsedMessage): string[] => bodies.map(({ kind }) => kind)

describe('messages of the device side', () => {
  it('each of the simulator is understood as what it is, with its identity', () => {
    const fleet = createFleet({ devices: 20, ratePerSecond: 20, seed: 1, startMs })
    const expected: Record<string, string> = { 'hardware/lte': 'Radio', 'network/interfaces': 'Counters', 'system/boot': 'Boot', status: 'Presence', 'log/syslog': 'LogLines', 'system/info': 'Facts', 'hardware/loadavg': 'Measurements' } // biome-ignore format: one table
    for (let count = 0; count < 3000; count++) {
      const { topic, payload, bootId, seq, atMs, deviceIndex } = fleet.next()
      const message = parsed(topic, payload)
      expect(message).toMatchObject({
        subject: { kind: 'device', id: fleet.devices[deviceIndex]?.identity.mac },
        bootId,
        seq,
        observedAtMs: Math.round(atMs),
      })
      const kind = expected[topic.split('/').slice(3).join('/')]
      if (kind !== undefined) expect(kinds(message)).toContain(kind)
    }
  })

  it('each of this machine is understood', () => {
    const envelope = { ts: startMs, seq: 1, bootId: 'b', uptime: 100 }
    for (const { topic, values } of [...readFacts('/'), ...createSampler('/')()]) {
      expect(parsed(`linux/x64/02-00-00-00-00-01/${topic}`, JSON.stringify({ ...envelope, ...values }))).toMatchObject({
        seq: 1,
        bootId: 'b',
        observedAtMs: startMs,
        uptimeSeconds: 100,
        notes: [],
      })
    }
  })

  it('each row of a drive is a radio reading with missing markers as none, positions kept apart as personal', () => {
    const recording = readRecording(readFileSync(join(import.meta.dirname, '../agent/drives/short-drive.csv'), 'utf8'), 'csv', device, 'b')
    if ('problem' in recording) throw new Error(recording.problem)
    const radios = recording.messages.map(({ topic, payload }) => {
      const message = parsed(topic, payload)
      expect(message.personalFacts.map(({ name }) => name)).toEqual(['position.latitude', 'position.longitude'])
      return message.bodies.find((body) => body.kind === 'Radio')
    })
    const nulls = (key: 'rsrpDbm' | 'rsrqDb' | 'sinrDb' | 'rssiDbm' | 'cellId'): number =>
      radios.filter((radio) => radio?.[key] === null).length
    expect({
      rows: radios.length,
      rsrp: nulls('rsrpDbm'),
      rsrq: nulls('rsrqDb'),
      sinr: nulls('sinrDb'),
      rssi: nulls('rssiDbm'),
      cell: nulls('cellId'),
    }).toEqual({
      rows: 120,
      rsrp: 2,
      rsrq: 4,
      sinr: 21,
      rssi: 34,
      cell: 0,
    })
  })

  it('a batch comes apart into the messages that went in', () => {
    const outbox = createMemoryOutbox({ messagesMax: 1000 })
    const sent = Array.from({ length: 200 }, (_, n) => ({
      topic: `${device}/hardware/loadavg`,
      payload: JSON.stringify({ ts: startMs, seq: n + 1, bootId: 'b', load1: n / 7, text: 'ö"\\\n' }),
    }))
    for (const message of sent) outbox.append({ ...message, retain: false })
    const parcel = createBatcher(device).pack(outbox.next)
    const inflated = inflateBounded(Buffer.from(parcel?.payload ?? ''), 1024 * 1024)
    const split = splitBatch(parcel?.topic ?? '', inflated ?? new Uint8Array(0))
    if (!split.ok) throw new Error(split.reason)
    expect(split.value.map(({ topic, payload }) => ({ topic, payload: Buffer.from(payload).toString() }))).toEqual(sent)
  })
})
