import { expect, it } from 'vitest'
import type { EventSource, TickBody } from '../../../model/event.ts'
import { ownSource } from '../../../model/own-source.ts'
import { brokerForgottenMs, brokerKeptMs, type DeviceDoor, healthySinceOf, noteDoor } from './broker-health.ts'
import { freshMs, type HealthState, initialHealth, noteHealth } from './ingest-health.ts'

const startMs = 1_800_000_000_000
const [one, other] = ['mqtt://one:1883', 'mqtt://other:1883']

type Telling = { broker?: string; clientId?: string; instance?: string; connected?: boolean }
const tick = (state: HealthState, atMs: number, { broker, clientId, instance, connected = true }: Telling): void => {
  const body: TickBody = {
    kind: 'Tick',
    instance: instance ?? `door of ${broker ?? ''}`,
    counter: 0,
    instanceStartedAtMs: startMs,
    brokerConnected: connected,
    lastMessageAtMs: null,
  }
  const outside = broker === undefined ? null : { broker, clientId: clientId ?? `client of ${broker}`, fault: 'broker' as const }
  noteHealth(state, body, startMs + atMs, outside)
}
const messageOf = (clientId: string): EventSource => ({ ...ownSource('recorder', null), origin: 'mqtt', clientId })
const sinceOf = (state: HealthState, broker: string): number | null => healthySinceOf(state, { broker, atMs: 0 })

it('each broker by itself is away more than 15 s after its front door had it last', () => {
  const state = initialHealth()
  tick(state, 0, { broker: one })
  tick(state, 0, { broker: other })
  tick(state, freshMs, { broker: other })
  expect([sinceOf(state, one), sinceOf(state, other)]).toEqual([startMs, startMs])
  tick(state, freshMs + 1, { broker: other })
  expect([sinceOf(state, one), sinceOf(state, other), state.brokers?.[one]?.away]).toEqual([
    null,
    startMs,
    { sinceMs: startMs + freshMs + 1, fault: 'our-bridge', shard: 0 },
  ])
  tick(state, freshMs + 2, { broker: one })
  expect([sinceOf(state, one), state.brokers?.[one]?.away]).toEqual([startMs + freshMs + 2, undefined])
})

it('its front door tells that the fault is the broker', () => {
  const state = initialHealth()
  for (let atMs = 0; atMs <= 30_000; atMs += 5_000) tick(state, atMs, { broker: one, connected: atMs === 0 })
  expect(state.brokers?.[one]?.away).toEqual({ sinceMs: startMs + 20_000, fault: 'broker', shard: 0 })
})

it('an embedded broker alone is as the front door is, and no device has a door', () => {
  const state = initialHealth()
  const device: { door?: DeviceDoor } = {}
  tick(state, 0, {})
  noteDoor(device, state, messageOf('router-1'), startMs)
  expect([healthySinceOf(state, device.door), device]).toEqual([startMs, {}])
})

it('a device is of the broker that brings its messages, and stays so while that brings any', () => {
  const state = initialHealth()
  const device: { door?: DeviceDoor } = {}
  tick(state, 0, { broker: one })
  tick(state, 0, { broker: other })
  noteDoor(device, state, messageOf(`client of ${one}`), startMs)
  noteDoor(device, state, messageOf(`client of ${other}`), startMs + brokerKeptMs)
  expect(device.door).toEqual({ broker: one, atMs: startMs })
  noteDoor(device, state, messageOf(`client of ${other}`), startMs + brokerKeptMs + 1)
  expect(device.door).toEqual({ broker: other, atMs: startMs + brokerKeptMs + 1 })
})

it('it moves at once when its broker is away', () => {
  const state = initialHealth()
  const device: { door?: DeviceDoor } = {}
  tick(state, 0, { broker: one })
  noteDoor(device, state, messageOf(`client of ${one}`), startMs)
  tick(state, freshMs + 1, { broker: other })
  noteDoor(device, state, messageOf(`client of ${other}`), startMs + freshMs + 1)
  expect(device.door?.broker).toBe(other)
})

it('two bridges with one client id tell nothing of a device', () => {
  const state = initialHealth()
  const device: { door?: DeviceDoor } = {}
  tick(state, 0, { broker: one, clientId: 'recorder' })
  tick(state, 0, { broker: other, clientId: 'recorder' })
  noteDoor(device, state, messageOf('recorder'), startMs)
  expect(device).toEqual({})
})

it('a bridge that was given another address leaves nothing behind; else a broker is forgotten after a day', () => {
  const moved = initialHealth()
  tick(moved, 0, { broker: one, clientId: 'recorder' })
  tick(moved, freshMs + 1, { broker: other, clientId: 'recorder' })
  expect(Object.keys(moved.brokers ?? {})).toEqual([other])

  const state = initialHealth()
  tick(state, 0, { broker: one })
  tick(state, brokerForgottenMs, { broker: other })
  expect(sinceOf(state, one)).toBeNull()
  tick(state, brokerForgottenMs + 1, { broker: other })
  expect(sinceOf(state, one)).toBe(startMs + brokerForgottenMs)
})

it('more than 64 brokers: one beyond is judged like all others', () => {
  const state = initialHealth()
  for (let n = 0; n <= 64; n++) tick(state, 0, { broker: `mqtt://${n}`, instance: String(n % 64) })
  expect(Object.keys(state.brokers ?? {})).toHaveLength(64)
  expect(sinceOf(state, 'mqtt://64')).toBe(state.sinceMs)
})
