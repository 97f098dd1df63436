/**
 * What is left of messages that a broker acknowledged and kept for a session that was away, when the broker is killed (SIGKILL)
 * right after the last PUBACK. The figures stand in docs/reference/brokers.md.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, connectAsync } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startHivemq } from './hivemq-server.ts'
import type { RealBroker } from './java-broker.ts'
import { startMoquette } from './moquette-server.ts'
import { startMosquitto } from './mosquitto-server.ts'

const messages = 1_000
/** HiveMQ takes no more at once from one client. */
const inFlight = 10
const away = { clientId: 'away', clean: false, reconnectPeriod: 0 } as const

describe('of 1,000 acknowledged messages that wait for a session, kill -9 of the broker leaves', () => {
  let folder: string
  let broker: RealBroker | null = null
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'broker-kill-'))
  })
  afterEach(async () => {
    await broker?.kill()
    broker = null
    rmSync(folder, { recursive: true, force: true })
  })

  it('none at Mosquitto with persistence and its default autosave', async () => {
    broker = await startMosquitto({ dir: folder, lines: ['autosave_on_changes false', 'autosave_interval 1800', 'max_queued_messages 0'] })
    expect((await leftAfterKill(broker, 'Mosquitto, default autosave')).length).toBe(0)
  })

  it('all but the last at Mosquitto as deploy/mosquitto/mosquitto.conf sets it', async () => {
    broker = await startMosquitto({ dir: folder, lines: deployed() })
    const left = await leftAfterKill(broker, 'Mosquitto, deploy/mosquitto')
    expect(left).toEqual(numbersTo(left.length))
    expect(left.length).toBeGreaterThanOrEqual(messages - inFlight) // The save comes after the PUBACKs of one turn.
  })

  it('all at HiveMQ CE with its default persistence', async () => {
    const settings = '<mqtt><queued-messages><max-queue-size>100000</max-queue-size></queued-messages></mqtt>'
    broker = await startHivemq({ dir: folder, settings })
    expect(await leftAfterKill(broker, 'HiveMQ CE')).toEqual(numbersTo(messages))
  })

  it('less than all at Moquette with persistence, which saves every 30 s', async () => {
    broker = await startMoquette({ dir: folder })
    expect((await leftAfterKill(broker, 'Moquette')).length).toBeLessThan(messages)
  })
})

const numbersTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

/** The numbers that came back, in the order of their arrival. */
const leftAfterKill = async (broker: RealBroker, name: string): Promise<number[]> => {
  const first = await connectAsync(broker.url, away)
  await first.subscribeAsync('kill/#', { qos: 1 })
  await first.endAsync()
  const publisher = await connectAsync(broker.url, { clientId: 'publisher', reconnectPeriod: 0 })
  publisher.on('error', () => undefined)
  let next = 0
  const startMs = performance.now()
  const lane = async (): Promise<void> => {
    for (let number = next++; number < messages; number = next++) {
      await publisher.publishAsync('kill/1', String(number).padEnd(200, '.'), { qos: 1 })
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  const rate = messages / ((performance.now() - startMs) / 1_000)
  await broker.kill()
  await broker.start()
  const left: number[] = []
  // Listened to before it connects: a broker sends what waited at once.
  const back = connect(broker.url, { ...away, reconnectPeriod: 100 })
  back.on('error', () => undefined)
  back.on('message', (_topic, payload) => left.push(Number.parseInt(payload.toString(), 10)))
  await vi.waitFor(() => expect(back.connected).toBe(true), { timeout: 30_000 })
  let seen = -1
  await vi.waitFor(
    () => {
      const before = seen
      seen = left.length
      expect(seen).toBe(before)
    },
    { timeout: 60_000, interval: 3_000 },
  )
  await back.endAsync()
  console.log(`${name}: ${left.length} of ${messages} left, published at ${rate.toFixed(0)} a second`)
  return left
}

/** The shipped settings but those that name places of the container. */
const deployed = (): string[] =>
  readFileSync(new URL('../../deploy/mosquitto/mosquitto.conf', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => /^(autosave|persistence |max_|persistent_)/.test(line))
