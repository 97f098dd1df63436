/**
 * Readings of one series in, anomaly records out: windows whose value lies outside of all that is usual then, by so many robust
 * deviations of the residuals. Evidence only. A value must leave the range of what was seen at that hour, not only be far from
 * its middle: real series have tails that no deviation knows.
 * Before: readings of a device.  After: nothing yet; `npm run eval` measures it.
 */
import { type Baseline, type Expectation, expectationOf } from './expectation.ts'
import { initialSeries, medianOf, noteReading, type Rop, type RopSeries, ropsPerDay } from './rop-series.ts'
import { type LevelShift, levelShiftOf } from './level-shift.ts'

export type DetectorOptions = {
  utcOffsetMs: number
  /** Robust z from which a window is unusual. */
  cut: number
  /** Least deviation, in the series' unit: 0.5 dB, 1 % of CPU. Constants have none of their own. */
  deviationLeast: number
  /** The same as a share of the usual value, and of the range that the past had. */
  deviationShareOfLevel: number
  deviationShareOfRange: number
  /** The same while the past is only known as a whole: a share of its range. */
  rollingShareOfRange: number
  reachRops: number
  /** Least shift of a level, in the series' unit. */
  shiftLeast: number
}

export const detectorDefaults: DetectorOptions = {
  utcOffsetMs: 0,
  cut: 6,
  deviationLeast: 0,
  deviationShareOfLevel: 0.05,
  deviationShareOfRange: 0.01,
  rollingShareOfRange: 0.1,
  reachRops: 3,
  shiftLeast: 0,
}

export type Anomaly =
  | { kind: 'window'; startMs: number; value: number; by: Baseline; usual: number; low: number; high: number; z: number }
  | ({ kind: 'level-shift' } & LevelShift)

/** Plain data. */
export type DetectorState = { series: RopSeries; residuals: number[]; judgedDay: number; shifted: boolean }

export const initialDetector = (): DetectorState => ({ series: initialSeries(), residuals: [], judgedDay: 0, shifted: false })

const residualsKept = 7 * ropsPerDay
const residualsLeast = 16
/** Turns a median of absolute deviations into a standard deviation, where there is one. */
const madToSigma = 0.6745
const dayMs = 86_400_000

export const detect = (state: DetectorState, atMs: number, value: number, options: DetectorOptions = detectorDefaults): Anomaly[] => {
  const closed = noteReading(state.series, atMs, value)
  if (closed === null) return []
  const past = state.series.rops.slice(0, -1)
  const usual = expectationOf(past, closed.startMs, options)
  const found: Anomaly[] = []
  if (usual !== null) {
    const z = zOf(state, past, closed, usual, options)
    if (Math.abs(z) >= options.cut)
      found.push({ kind: 'window', startMs: closed.startMs, value: closed.value, by: usual.by, usual: usual.median, low: usual.low, high: usual.high, z: round(z) }) // biome-ignore format: one record
    state.residuals.push(closed.value - usual.median)
    if (state.residuals.length > residualsKept) state.residuals.shift()
  }
  return [...found, ...judgeLevel(state, closed, options)]
}

const zOf = (state: DetectorState, past: readonly Rop[], { value }: Rop, usual: Expectation, options: DetectorOptions): number => {
  const { low, high, median, by } = usual
  const outside = value > high ? value - high : value < low ? value - low : 0
  if (outside === 0 || (by !== 'rolling' && state.residuals.length < residualsLeast)) return 0
  const range =
    past.reduce((most, rop) => Math.max(most, rop.value), -Infinity) - past.reduce((least, rop) => Math.min(least, rop.value), Infinity)
  const deviation = Math.max(
    medianOf(state.residuals.map(Math.abs)) || 0,
    options.deviationLeast,
    options.deviationShareOfLevel * Math.abs(median),
    (by === 'rolling' ? options.rollingShareOfRange : options.deviationShareOfRange) * range,
  )
  // A constant that has never been another value: any other is unusual.
  return deviation === 0 ? Math.sign(outside) * options.cut : (madToSigma * outside) / deviation
}

/** Once a day, and once a shift. */
const judgeLevel = (state: DetectorState, { startMs }: Rop, options: DetectorOptions): Anomaly[] => {
  const day = Math.floor((startMs + options.utcOffsetMs) / dayMs)
  if (day === state.judgedDay) return []
  state.judgedDay = day
  const shift = levelShiftOf(state.series.rops, startMs, options.shiftLeast)
  const isNew = shift !== null && !state.shifted
  state.shifted = shift !== null
  return isNew ? [{ kind: 'level-shift', ...shift }] : []
}

const round = (value: number): number => Math.round(value * 10) / 10
