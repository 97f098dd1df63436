/**
 * Readings of one series in, anomaly records out: windows whose value lies outside of all that is usual then, by so many robust
 * deviations of the residuals or by less for so much longer, and readings that stand still. Evidence only. A value must leave the
 * range of what was seen at that hour, not only be far from its middle: real series have tails that no deviation knows.
 * Before: readings of a device.  After: nothing yet; `npm run eval` measures it.
 */
import { type Baseline, type Expectation, expectationOf, usualBy } from './expectation.ts'
import { type FlatLine, initialStandstill, noteStandstill, type Standstill } from './flat-line.ts'
import { type LevelShift, levelShiftOf } from './level-shift.ts'
import { initialSeries, medianOf, noteReading, type Rop, type RopSeries, ropsPerDay } from './rop-series.ts'

export type DetectorOptions = {
  utcOffsetMs: number
  /** Robust z from which a window is unusual. */
  cut: number
  /** Windows in a row outside to one side are unusual when what they exceed `restingZ` by sums up to so much. */
  lastingCut: number
  restingZ: number
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
  lastingCut: 12,
  restingZ: 1,
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
  | ({ kind: 'flat-line' } & FlatLine)

/** Windows outside of what is usual, one after the other, to one side. */
type Excursion = { side: number; sum: number; windows: number; lastMs: number; told: boolean }

/** Plain data. */
export type DetectorState = {
  series: RopSeries
  residuals: number[]
  /** What those are the residuals of: by another baseline they are others. */
  residualsBy: Baseline | null
  excursion: Excursion | null
  standstill: Standstill
  judgedDay: number
  shifted: boolean
}

export const initialDetector = (): DetectorState => ({
  series: initialSeries(),
  residuals: [],
  residualsBy: null,
  excursion: null,
  standstill: initialStandstill(),
  judgedDay: 0,
  shifted: false,
})

const residualsKept = 7 * ropsPerDay
const residualsLeast = 16
/** Turns a median of absolute deviations into a standard deviation, where there is one. */
const madToSigma = 0.6745
const dayMs = 86_400_000
/** An excursion is the same one over a window that lies inside. */
const excursionGapMs = 3_600_000
/** So many of its windows teach how far out values come by themselves: bursts end within them, a fault does not. */
const excursionTaught = 4
/** What is nearly as far out half an hour a day is how the series is. */
const rareShare = 0.02
const rareLeast = 2
const asFarOut = 0.75

export const detect = (state: DetectorState, atMs: number, value: number, options: DetectorOptions = detectorDefaults): Anomaly[] => {
  const flat = noteStandstill(state.standstill, atMs, value)
  const found: Anomaly[] = flat === null ? [] : [{ kind: 'flat-line', ...flat }]
  const closed = noteReading(state.series, atMs, value)
  if (closed === null) return found
  const past = state.series.rops.slice(0, -1)
  const usual = expectationOf(past, closed.startMs, options)
  if (usual !== null) {
    if (state.residualsBy !== usual.by) {
      state.residuals = residualsOf(past, usual.by, options)
      state.residualsBy = usual.by
    }
    const residual = closed.value - usual.median
    const z = isRare(state.residuals, residual) ? zOf(state, past, closed, usual, options) : 0
    if (isNews(state, closed.startMs, z, options))
      found.push({ kind: 'window', startMs: closed.startMs, value: closed.value, by: usual.by, usual: usual.median, low: usual.low, high: usual.high, z: round(z) }) // biome-ignore format: one record
    if (z === 0 || (state.excursion?.windows ?? 0) <= excursionTaught) state.residuals.push(residual)
    if (state.residuals.length > residualsKept) state.residuals.shift()
  }
  return [...found, ...judgeLevel(state, closed, options)]
}

/** What the past would have been held to be, by a baseline that has just become possible. */
const residualsOf = (past: readonly Rop[], by: Baseline, options: DetectorOptions): number[] =>
  past.slice(-residualsKept).flatMap(({ startMs, value }) => {
    const usual = usualBy(by, past, startMs, options)
    return usual === null ? [] : [value - usual.median]
  })

const isRare = (residuals: readonly number[], residual: number): boolean => {
  const least = asFarOut * Math.abs(residual)
  const side = Math.sign(residual)
  let count = 0
  for (const one of residuals) if (side * one >= least) count++
  return count <= Math.max(rareLeast, rareShare * residuals.length)
}

/** Told once an excursion; not what a standstill that was told explains. */
const isNews = (state: DetectorState, startMs: number, z: number, { cut, lastingCut, restingZ }: DetectorOptions): boolean => {
  if (z === 0) return false
  const side = Math.sign(z)
  const former = state.excursion
  const isSame = former?.side === side && startMs - former.lastMs <= excursionGapMs
  const sum = Math.max(0, (isSame ? former.sum : 0) + Math.abs(z) - restingZ)
  const isUnusual = Math.abs(z) >= cut || sum >= lastingCut
  const isTold = (isSame && former.told) || state.standstill.told
  state.excursion = { side, sum, windows: (isSame ? former.windows : 0) + 1, lastMs: startMs, told: isTold || isUnusual }
  return isUnusual && !isTold
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
