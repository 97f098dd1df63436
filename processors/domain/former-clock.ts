/**
 * The clock state as releases up to 0.2 stored it, in objects, as the flat list of today. Read once per device, when its state
 * is first opened after an upgrade; `projections/clock.ts` asks.
 */
import { at, none } from './clock-skew.ts'
import { type ClockState, initialClock, placesOfWatch, verdictNumber } from './clock-watch.ts'
import type { ClockVerdict } from './placed-time.ts'

type Bin = { bin: number; samples: number; firstMs: number; lastMs: number }
export type FormerClockState = {
  verdict: ClockVerdict | null
  bootKey: number | null
  last: { bootKey: number; arrivalMs: number; claimMs: number; verdict: ClockVerdict } | null
  began: { bootKey: number; uptimeSeconds: number; atMs: number } | null
  window: {
    startMs: number
    bins: Bin[]
    smallest: { behindMs: number; arrivalMs: number; bootKey: number; bootId: string; offset: number } | null
    before: { behindMs: number; arrivalMs: number } | null
  }
  dayMs: number
  estimates: number
  changes: number
}

export const clockOf = (stored: ClockState | FormerClockState): ClockState => {
  if ('numbers' in stored) return stored
  const { last, began, window } = stored
  const { smallest, before, bins } = window
  const state = initialClock(window.startMs)
  const put = (place: number, ...values: readonly number[]): void => {
    for (const [index, value] of values.entries()) state.numbers[place + index] = value
  }
  if (smallest !== null) {
    put(at.bestBehindMs, smallest.behindMs, smallest.arrivalMs, smallest.bootKey, smallest.offset)
    state.bestBootId = smallest.bootId
  }
  if (before !== null) put(at.beforeBehindMs, before.behindMs, before.arrivalMs)
  for (const [index, { bin, samples, firstMs, lastMs }] of bins.entries())
    put(index === 0 ? at.firstBin : at.secondBin, bin, samples, firstMs, lastMs)
  put(placesOfWatch.verdict, stored.verdict === null ? none : verdictNumber(stored.verdict), stored.bootKey ?? none)
  if (last !== null) put(placesOfWatch.lastBootKey, last.bootKey, last.arrivalMs, last.claimMs, verdictNumber(last.verdict))
  if (began !== null) put(placesOfWatch.beganBootKey, began.bootKey, began.uptimeSeconds, began.atMs)
  put(placesOfWatch.dayMs, stored.dayMs, stored.estimates, stored.changes)
  return state
}
