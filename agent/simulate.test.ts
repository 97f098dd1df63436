import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { simulate } from './simulate.ts'
import { createFleet, type FleetMessage } from './simulation/fleet.ts'
import { inventoryOf } from './simulation/inventory.ts'
import { startTestBroker, type TestBroker, until } from './test-broker.ts'

const startMs = Date.UTC(2026, 0, 5, 8, 40)
const fleetOf = (seed: number, devices = 40, ratePerSecond = 40) => createFleet({ devices, ratePerSecond, seed, startMs })
const messagesOf = (seed: number, count: number, devices = 40): FleetMessage[] => {
  const fleet = fleetOf(seed, devices)
  return Array.from({ length: count }, () => fleet.next())
}
const values = ({ payload }: FleetMessage): Record<string, unknown> => JSON.parse(payload) as Record<string, unknown>

describe('the simulated fleet', () => {
  it('is the same, byte for byte, for the same seed and start, and another for another seed', () => {
    const text = (seed: number): string => JSON.stringify(messagesOf(seed, 5000))
    expect(text(7)).toBe(text(7))
    expect(text(8)).not.toBe(text(7))
  })

  it('is the same on every machine and in every release', () => {
    const hash = createHash('sha256')
    for (const { topic, payload } of messagesOf(1, 5000)) hash.update(`${topic} ${payload}\n`)
    expect(hash.digest('hex')).toBe('1fa1d3f691a8a0c5a3d8bba84d14c508840ecb8cee236972f83234effa5931b2')
  })

  it('counts seq from 1 without holes in each boot, over all topics of the device', () => {
    const next = new Map<string, number>()
    for (const { deviceIndex, bootId, seq } of messagesOf(3, 60_000)) {
      const key = `${deviceIndex} ${bootId}`
      expect(seq).toBe((next.get(key) ?? 0) + 1)
      next.set(key, seq)
    }
    expect(next.size).toBeGreaterThan(40) // Some have booted again.
  })

  it('has reboots that reset counters, wraps of 32-bit counters, handovers and missing readings', () => {
    const messages = messagesOf(3, 60_000)
    const rx = new Map<number, { value: number; bootId: string }>()
    const cells = new Map<number, Set<unknown>>()
    let wraps = 0
    for (const message of messages) {
      if (message.topic.endsWith('network/interfaces')) {
        const value = (values(message)['interfaces'] as { wwan0: { rxBytes: number } }).wwan0.rxBytes
        const before = rx.get(message.deviceIndex)
        if (before?.bootId === message.bootId && value < before.value) wraps++
        rx.set(message.deviceIndex, { value, bootId: message.bootId })
      }
      if (message.topic.endsWith('hardware/lte'))
        cells.set(message.deviceIndex, (cells.get(message.deviceIndex) ?? new Set()).add(values(message)['cell']))
    }
    const reboots = messages.filter(({ rebooted }) => rebooted)
    expect(reboots.length).toBeGreaterThan(10)
    expect(reboots.every((message) => message.topic.endsWith('system/boot') && message.seq === 1)).toBe(true)
    expect(wraps).toBeGreaterThan(3)
    expect([...cells.values()].filter((seen) => seen.size > 1).length).toBeGreaterThan(3)
    expect(messages.some((message) => values(message)['rsrp'] === -200)).toBe(true)
    expect(messages.some(({ topic }) => topic.endsWith('log/syslog'))).toBe(true)
  })

  it('keeps radio values in the range that 3GPP TS 36.133 gives them', () => {
    for (const message of messagesOf(5, 20_000)) {
      const { rsrp, rsrq, sinr } = values(message)
      if (!message.topic.endsWith('hardware/lte') || rsrp === -200) continue
      expect(rsrp).toBeGreaterThanOrEqual(-140)
      expect(rsrp).toBeLessThanOrEqual(-44)
      expect(rsrq).toBeGreaterThanOrEqual(-20)
      expect(rsrq).toBeLessThanOrEqual(-3)
      expect(sinr).toBeGreaterThanOrEqual(-20)
      expect(sinr).toBeLessThanOrEqual(30)
    }
  })

  it('has an inventory that names every device, site and cell it speaks of', () => {
    const fleet = fleetOf(1)
    const files = inventoryOf(fleet, 1)
    const ids = (name: keyof typeof files): string[] =>
      files[name]
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',')[0] ?? '')
    expect(ids('devices.csv')).toEqual(fleet.devices.map(({ identity }) => identity.mac))
    expect(ids('sites.csv')).toHaveLength(25)
    expect(new Set(ids('cells.csv'))).toEqual(new Set(fleet.network.cells.map(({ cellId }) => String(cellId))))
    for (const [name, text] of Object.entries(files)) {
      const columns = text.split('\n', 1)[0]?.split(',').length
      for (const line of text.trimEnd().split('\n')) expect(`${name}: ${line.split(',').length}`).toBe(`${name}: ${columns ?? 0}`)
    }
  })
})

describe('a simulation', () => {
  let broker: TestBroker
  let folder = ''
  beforeEach(async () => {
    broker = await startTestBroker()
    folder = mkdtempSync(join(tmpdir(), 'simulate-'))
  })
  afterEach(async () => {
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const run = (devices: number, connections: number, messagesMax: number, ratePerSecond = 2000) =>
    simulate({
      fleet: fleetOf(1, devices, ratePerSecond),
      startMs,
      ratePerSecond,
      messagesMax,
      signal: AbortSignal.timeout(20_000),
      url: broker.url,
      clientOptions: { protocolVersion: 4 },
      connections,
      ackFile: join(folder, 'acks'),
      drainWithinMs: 10_000,
      say: () => undefined,
      backoff: { firstMs: 20, maxMs: 50 },
    })
  const acks = (): string[] => readFileSync(join(folder, 'acks'), 'utf8').trimEnd().split('\n')

  it('sends every message over one connection each and writes down what was acknowledged', async () => {
    expect(await run(20, 20, 1000)).toMatchObject({ generated: 1000, acknowledged: 1000, unacknowledged: 0 })
    const telemetry = broker.received.filter(({ payload }) => payload.includes('"seq"'))
    expect(new Set(telemetry.map(({ clientId, payload }) => `${clientId} ${payload}`)).size).toBe(1000)
    expect(new Set(acks()).size).toBe(1000)
    for (const { topic, payload, clientId } of telemetry) {
      expect(topic).toContain(clientId)
      expect(acks()).toContain(
        `${clientId} ${(JSON.parse(payload) as { bootId: string }).bootId} ${(JSON.parse(payload) as { seq: number }).seq}`,
      )
    }
  })

  it('leaves the will of each device when it ends', async () => {
    await run(5, 5, 50)
    await until('five wills', () => broker.received.filter(({ payload }) => payload.includes('offline')).length === 5)
  })

  it('over few connections sends each message once', async () => {
    expect(await run(20, 3, 1000)).toMatchObject({ generated: 1000, sent: 1000, acknowledged: 1000, lostConnections: 0 })
    expect(new Set(acks()).size).toBe(1000)
  })

  it('sends again what was not acknowledged when connections are cut, and loses nothing', async () => {
    const running = run(10, 10, 3000, 3000)
    await until('half of it', () => broker.received.length > 1000)
    broker.holdBack(true)
    await until('some in flight', () => broker.received.length > 1000)
    broker.cutAll()
    broker.holdBack(false)
    const summary = await running
    expect(summary).toMatchObject({ generated: 3000, acknowledged: 3000, unacknowledged: 0 })
    expect(summary.lostConnections).toBeGreaterThanOrEqual(10)
    const ids = broker.received.filter(({ payload }) => payload.includes('"seq"')).map(({ clientId, payload }) => `${clientId} ${payload}`)
    expect(new Set(ids).size).toBe(3000)
  })
})
