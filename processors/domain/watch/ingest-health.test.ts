import { expect, it } from 'vitest'
import type { TickBody } from '../../../model/event.ts'
import { instancesMax } from '../front-door-watch.ts'
import { freshMs, initialHealth, noteHealth } from './ingest-health.ts'

const startMs = Date.UTC(2026, 0, 5, 12)
const tick = (change: Partial<TickBody> = {}): TickBody => ({
  kind: 'Tick',
  instance: 'front-1',
  counter: 0,
  instanceStartedAtMs: startMs,
  brokerConnected: true,
  lastMessageAtMs: null,
  ...change,
})
/** `sinceMs` after each, in seconds from the start. */
const sinces = (...ticks: [seconds: number, change?: Partial<TickBody>][]): (number | null)[] => {
  const state = initialHealth()
  return ticks.map(([seconds, change]) => {
    noteHealth(state, tick(change), startMs + seconds * 1_000)
    return state.sinceMs === null ? null : (state.sinceMs - startMs) / 1_000
  })
}

it('counts from the first tick on while ticks come', () => expect(sinces([0], [5], [20])).toEqual([0, 0, 0]))
it('a gap of more than 15 s begins anew', () => {
  expect(sinces([0], [15])).toEqual([0, 0])
  expect(sinces([0], [15.001])).toEqual([0, 15.001])
})
it('a broker that is away for more than 15 s ends it, and its return begins anew', () => {
  const away = { brokerConnected: false }
  expect(sinces([0], [5, away], [15, away], [16, away], [20], [25])).toEqual([0, 0, 0, null, 20, 20])
})
it('a front door that starts anew, or joins, begins anew', () => {
  expect(sinces([0], [5, { instanceStartedAtMs: startMs + 5_000 }], [10, { instanceStartedAtMs: startMs + 5_000 }])).toEqual([0, 5, 5])
  expect(sinces([0], [5, { instance: 'front-2' }], [10])).toEqual([0, 5, 5])
})
it('one of several that has its broker is enough', () => {
  const other = { instance: 'front-2', brokerConnected: false }
  expect(sinces([0], [1, other], [6], [7, other], [12], [13, other], [18], [19, other])).toEqual([0, 1, 1, 1, 1, 1, 1, 1])
})
it('remembers so many front doors, and forgets those that are silent', () => {
  const state = initialHealth()
  for (let n = 0; n <= instancesMax; n++) noteHealth(state, tick({ instance: `front-${n}` }), startMs)
  expect(Object.keys(state.instances)).toHaveLength(instancesMax)
  noteHealth(state, tick({ instance: 'last' }), startMs + freshMs + 1)
  expect(Object.keys(state.instances)).toEqual(['last'])
})
