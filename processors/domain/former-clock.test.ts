import { describe, expect, it } from 'vitest'
import { type DriftState, initialDrift } from './clock-drift.ts'
import { type ClockSample, type ClockState, initialClock, noteClock } from './clock-watch.ts'
import { clockOf, type FormerClockState } from './former-clock.ts'

const start = Date.UTC(2026, 0, 5)
const minuteMs = 60_000
const sampleOf = (minute: number, aheadMs: number): ClockSample => ({
  arrivalMs: start + minute * minuteMs,
  claimMs: start + minute * minuteMs + aheadMs,
  uptimeSeconds: 100 + minute * 60,
  verdict: 'trusted',
  bootKey: 7,
  bootId: 'b7',
  boots: minute === 0,
  overtaken: false,
  offset: minute,
})
const driftOf = (): DriftState => initialDrift()
const run = (state: ClockState, from: number, to: number): void => {
  const drift = driftOf()
  for (let minute = from; minute < to; minute++) noteClock(state, sampleOf(minute, (minute % 3) * 700 - 1_500), () => drift)
}

/** As release 0.2 had stored it after the first twenty of these messages. */
const former: FormerClockState = {
  verdict: 'trusted',
  bootKey: 7,
  last: { bootKey: 7, arrivalMs: 1767572340000, claimMs: 1767572339200, verdict: 'trusted' },
  began: { bootKey: 7, uptimeSeconds: 1240, atMs: 1767571099200 },
  window: {
    startMs: 1767572100000,
    bins: [{ bin: 0, samples: 5, firstMs: 1767572100000, lastMs: 1767572340000 }],
    smallest: { behindMs: 100, arrivalMs: 1767572220000, bootKey: 7, bootId: 'b7', offset: 17 },
    before: { behindMs: 100, arrivalMs: 1767571320000 },
  },
  dayMs: 1767571200000,
  estimates: 1,
  changes: 2,
}

describe('a clock state of release 0.2', () => {
  it('becomes the list that the same messages make today', () => {
    const state = initialClock(start)
    run(state, 0, 20)
    expect(clockOf(former)).toEqual(state)
  })

  it('of a device that said nothing yet, or has two bins, is read too', () => {
    const none: FormerClockState = {
      verdict: null,
      bootKey: null,
      last: null,
      began: null,
      window: { startMs: start, bins: [], smallest: null, before: null },
      dayMs: 0,
      estimates: 0,
      changes: 0,
    }
    expect(clockOf(none)).toEqual(initialClock(start))
    const bins = [
      { bin: 0, samples: 1, firstMs: start, lastMs: start },
      { bin: 1, samples: 2, firstMs: start + 1, lastMs: start + 2 },
    ]
    const state = initialClock(start)
    for (const [afterMs, behindMs] of [
      [1, 2_000],
      [2, 2_500],
    ] as const)
      noteClock(state, sampleAt(afterMs, behindMs), driftOf)
    noteClock(state, sampleAt(0, 0), driftOf)
    const two = clockOf({ ...none, window: { ...none.window, bins } })
    expect(two.numbers.slice(7, 15)).toEqual(state.numbers.slice(7, 15))
  })

  it('of today stays as it is', () => {
    const state = initialClock(start)
    expect(clockOf(state)).toBe(state)
  })
})

const sampleAt = (afterMs: number, behindMs: number): ClockSample => ({
  ...sampleOf(0, 0),
  arrivalMs: start + afterMs,
  claimMs: start + afterMs - behindMs,
  uptimeSeconds: null,
})
