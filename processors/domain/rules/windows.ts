/**
 * Readings of one series gathered into windows of 15 minutes of the device's own time, and how often it usually speaks. At most
 * one reading for each 15 s of a window is kept, the first of it, so that neither order nor duplicates change what it holds.
 */
import type { Aggregate, Level } from '../../../model/rule.ts'
import { ropMs } from '../../../model/rule.ts'
import { windowReadingsMax } from '../../../model/rule-check.ts'
import { beyond } from './outcome.ts'
import type { Cadence } from './state.ts'

const slotMs = ropMs / windowReadingsMax
/** A window is closed so long after its end by the device's own time: messages overtake each other by seconds. */
export const closeLagMs = 30_000
/** Distances that a cadence is learned from, and how many it needs. */
const gapsKept = 15
const gapsToLearn = 5
/** Of devices that speak every 15 s or oftener, jitter leaves slots empty: half of them is all that is asked for. */
const expectedMax = windowReadingsMax / 2
/** While nothing is learned. */
const samplesUnlearnedMin = 3
const spanUnlearnedMin = 0.8

export const windowOf = (atMs: number): number => Math.floor(atMs / ropMs) * ropMs

/** Puts a reading in its place by time; a second one of its 15 s is left out, the earlier one stays. */
export const putReading = (times: number[], values: number[], atMs: number, value: number): void => {
  const slot = Math.floor(atMs / slotMs)
  let at = times.length
  while (at > 0 && (times[at - 1] ?? 0) > atMs) at--
  const before = times[at - 1]
  if (before !== undefined && Math.floor(before / slotMs) === slot) return
  const after = times[at]
  const replaces = after !== undefined && Math.floor(after / slotMs) === slot
  if (at === times.length) {
    times.push(atMs)
    values.push(value)
  } else {
    times.splice(at, replaces ? 1 : 0, atMs)
    values.splice(at, replaces ? 1 : 0, value)
  }
}

export const noteGap = (cadence: Cadence, atMs: number): void => {
  if (cadence.lastMs > 0 && atMs > cadence.lastMs) {
    cadence.gaps.push(atMs - cadence.lastMs)
    if (cadence.gaps.length > gapsKept) cadence.gaps.shift()
  }
  if (atMs > cadence.lastMs) cadence.lastMs = atMs
}

/**
 * The learned distance: shorter at once, longer only step by step, since a device that loses every second message would else
 * look complete after a quarter of an hour.
 */
export const learnInterval = (cadence: Cadence): void => {
  if (cadence.gaps.length < gapsToLearn) return
  const seen = median([...cadence.gaps].sort(ascending))
  if (cadence.intervalMs === 0 || seen < cadence.intervalMs) cadence.intervalMs = seen
  else cadence.intervalMs += (seen - cadence.intervalMs) / 8
}

/** May a window with these readings be judged? */
export const isComplete = (times: readonly number[], intervalMs: number, completeness: number, samplesMin: number): boolean => {
  if (times.length < samplesMin || times.length === 0) return false
  if (intervalMs === 0) return times.length >= samplesUnlearnedMin && (times.at(-1) ?? 0) - (times[0] ?? 0) >= spanUnlearnedMin * ropMs
  const expected = Math.max(1, Math.min(expectedMax, Math.floor(ropMs / intervalMs)))
  return times.length >= completeness * expected
}

/** Null: the aggregate says nothing about these. */
export const aggregateOf = (aggregate: Aggregate, values: readonly number[], shareOf: Level | null): number | null => {
  if (values.length === 0) return null
  switch (aggregate) {
    case 'last':
      return values.at(-1) ?? null
    case 'mean':
    case 'rate':
      return rounded(sum(values) / values.length)
    case 'min':
      return Math.min(...values)
    case 'max':
      return Math.max(...values)
    case 'median':
      return median([...values].sort(ascending))
    case 'p95':
      return [...values].sort(ascending)[Math.ceil(values.length * 0.95) - 1] ?? null
    case 'count':
      return values.length
    case 'share':
      return shareOf === null ? null : values.filter((value) => beyond(shareOf, value)).length / values.length
    case 'slope':
      return null
  }
}

export type Line = { slope: number; at: (x: number) => number; fit: number }

/** Least squares; null for less than three points. `fit` is R². */
export const lineThrough = (xs: readonly number[], ys: readonly number[]): Line | null => {
  const n = xs.length
  if (n < 3) return null
  const meanX = sum(xs) / n
  const meanY = sum(ys) / n
  let [xx, xy, yy] = [0, 0, 0]
  for (let at = 0; at < n; at++) {
    const x = (xs[at] ?? 0) - meanX
    const y = (ys[at] ?? 0) - meanY
    xx += x * x
    xy += x * y
    yy += y * y
  }
  if (xx === 0) return null
  const slope = xy / xx
  return { slope, at: (x) => meanY + slope * (x - meanX), fit: yy === 0 ? 0 : (xy * xy) / (xx * yy) }
}

/** Fifteen times 0.9 has a mean of 0.9, not of 0.9000000000000001: levels are meant exactly. */
const rounded = (value: number): number => Number(value.toPrecision(12))
const ascending = (a: number, b: number): number => a - b
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
export const median = (sorted: readonly number[]): number => {
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
