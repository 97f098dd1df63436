import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bootIdOfRecording, readRecording } from './recording.ts'
import { replay } from './replay.ts'
import { startTestBroker, type TestBroker } from './test-broker.ts'

const device = 'dwr/311-a1/02-00-00-00-00-07'
const drive = readFileSync(join(import.meta.dirname, 'drives/short-drive.csv'), 'utf8')
const recorded = (text: string, kind: 'csv' | 'jsonl') => {
  const recording = readRecording(text, kind, device, bootIdOfRecording(text, device))
  if ('problem' in recording) throw new Error(recording.problem)
  return recording.messages
}

describe('a recording', () => {
  it('has the same bootId whenever it is played for the same device, another one for another device or content', () => {
    const bootId = bootIdOfRecording(drive, device)
    expect(bootId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(bootIdOfRecording(drive, device)).toBe(bootId)
    expect(bootIdOfRecording(drive, 'dwr/311-a1/02-00-00-00-00-08')).not.toBe(bootId)
    expect(bootIdOfRecording(`${drive}x`, device)).not.toBe(bootId)
  })

  it('JSON lines: topics below the device or whole, values with envelope, texts as they are', () => {
    const text = [
      '{"topic":"hardware/loadavg","payload":{"load1":0.5},"ts":1767602403000}',
      '{"topic":"hardware/loadavg","payload":"0.34 0.28 0.19 1/78 2671"}',
      '{"topic":"world/europe/ireland/cork/temperature","payload":9.1,"ts":"2026-01-05T08:40:04Z"}',
    ].join('\n')
    expect(recorded(text, 'jsonl')).toEqual([
      {
        topic: `${device}/hardware/loadavg`,
        payload: `{"ts":1767602403000,"bootId":"${bootIdOfRecording(text, device)}","seq":1,"load1":0.5}`,
        retain: false,
        atMs: 1767602403000,
      },
      { topic: `${device}/hardware/loadavg`, payload: '0.34 0.28 0.19 1/78 2671', retain: false, atMs: undefined },
      { topic: 'world/europe/ireland/cork/temperature', payload: '9.1', retain: false, atMs: 1767602404000 },
    ])
    expect(readRecording('{"topic":1}', 'jsonl', device, 'b')).toMatchObject({
      problem: expect.stringContaining('line 1: expected') as string,
    })
  })
})

describe('a replay', () => {
  let broker: TestBroker
  beforeEach(async () => {
    broker = await startTestBroker()
  })
  afterEach(() => broker.close())
  const play = (messages: ReturnType<typeof recorded>, speed: number, giveUpAfterMs = 5000) =>
    replay({
      messages,
      url: broker.url,
      clientOptions: { protocolVersion: 4 },
      speed,
      giveUpAfterMs,
      say: () => undefined,
      backoff: { firstMs: 20, maxMs: 50 },
    })

  it('at full speed sends each row once, in order', async () => {
    const messages = recorded(drive, 'csv')
    expect(await play(messages, Infinity)).toMatchObject({ rows: 120, sent: 120, acknowledged: 120 })
    expect(broker.received.map(({ topic, payload }) => ({ topic, payload }))).toEqual(
      messages.map(({ topic, payload }) => ({ topic, payload })),
    )
    expect(JSON.parse(broker.received[0]?.payload ?? '')).toMatchObject({ ts: Date.UTC(2024, 2, 5, 7, 58, 30), seq: 1, mode: 'LTE' })
  })

  it('by its stamps takes the recorded time divided by the speed', async () => {
    const messages = recorded(drive, 'csv').slice(0, 10) // 8 seconds, the tenth row shares the second of the ninth.
    const { seconds } = await play(messages, 40)
    expect(seconds).toBeGreaterThanOrEqual(0.2)
    expect(seconds).toBeLessThan(2)
  })

  it('says that rows were not acknowledged when the broker stays silent', async () => {
    broker.holdBack(true)
    expect(await play(recorded(drive, 'csv'), Infinity, 200)).toMatchObject({ rows: 120, acknowledged: 0 })
  })
})
