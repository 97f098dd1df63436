/**
 * Readings of one series as means of 15 minutes of the device's time, in order; a window that holds less than 80 % of what the
 * learned gap lets expect is left out. Before: readings.  After: `expectation.ts`.
 */
import { ropMs } from '../../../model/rule.ts'

export const ropsPerDay = 86_400_000 / ropMs
/** Four weeks: what a baseline by the hour of the week needs. */
export const keptRops = 28 * ropsPerDay
const gapsKept = 32
const completeness = 0.8

export type Rop = { startMs: number; value: number }

export type RopSeries = {
  /** Oldest first; windows that were not complete are missing. */
  rops: Rop[]
  open: { startMs: number; sum: number; count: number } | null
  lastMs: number | null
  /** The newest gaps between readings. */
  gapsMs: number[]
}

export const initialSeries = (): RopSeries => ({ rops: [], open: null, lastMs: null, gapsMs: [] })

/** Takes a reading in, in place; answers the window that it has closed, when that was complete. Late readings are left out. */
export const noteReading = (series: RopSeries, atMs: number, value: number): Rop | null => {
  const { lastMs, gapsMs } = series
  if (lastMs !== null) {
    if (atMs <= lastMs) return null
    gapsMs.push(atMs - lastMs)
    if (gapsMs.length > gapsKept) gapsMs.shift()
  }
  series.lastMs = atMs
  const startMs = Math.floor(atMs / ropMs) * ropMs
  const { open } = series
  if (open !== null && open.startMs === startMs) {
    open.sum += value
    open.count++
    return null
  }
  series.open = { startMs, sum: value, count: 1 }
  if (open === null || open.count < completeness * expectedOf(gapsMs)) return null
  const closed = { startMs: open.startMs, value: open.sum / open.count }
  series.rops.push(closed)
  if (series.rops.length > keptRops) series.rops.shift()
  return closed
}

const expectedOf = (gapsMs: readonly number[]): number => Math.max(1, Math.floor(ropMs / medianOf(gapsMs)))

export const medianOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
