/**
 * Windows of 15 minutes, live and late: what one holds becomes one number once it is over, and each rule of windows judges it. One
 * that lacks readings is kept: its other readings may come late, and it is judged again.
 * Before: `levels.ts`.  After: `level-verdicts.ts`.
 */
import { type LevelCondition, type Rule, ropMs } from '../../../model/rule.ts'
import type { LevelReader } from './compile.ts'
import { numberOf, valueOf } from './level-numbers.ts'
import { judgeWindow, type Reading } from './level-verdicts.ts'
import type { Run } from './outcome.ts'
import { lateMsMax } from './rejudge.ts'
import type { PartialWindow, Series } from './state.ts'
import { closeLagMs, isComplete, learnInterval, noteGap, putReading, windowOf } from './windows.ts'

/** Readings of one series in windows that were judged by a part of theirs, or by none: hours of them, at some minutes' distance. */
export const partialReadingsMax = 60
/** Of so many readings a few change no verdict; a hole among them may. */
const fewReadings = 15
const holeMsMin = 120_000
const holeIntervals = 1.5

/** Of a baseline: windows seen at an hour before it counts (three days), and how fast it follows. */
const baselineWindowsMin = 12
const baselineStep = 0.2
const baselineStepOdd = 0.02

type QualifierOf = (rule: Rule) => string

export const gather = (run: Run, readers: readonly LevelReader[], series: Series, reading: Reading, qualifierOf: QualifierOf): void => {
  const { state, context } = run
  const windowMs = windowOf(reading.atMs)
  if (windowMs <= series.closedMs || (series.windowMs !== -1 && windowMs < series.windowMs)) {
    gatherLate(run, readers, series, reading, qualifierOf)
    return
  }
  if (series.windowMs !== windowMs) {
    // The device's own time has passed the open one: a reading of the next says so.
    if (series.windowMs !== -1) closeLive(run, readers, series, reading.name, qualifierOf)
    series.windowMs = windowMs
    series.firstOffset = context.offset
    state.dueMs = Math.min(state.dueMs, windowMs + ropMs + closeLagMs)
  }
  putReading(series.times, series.values, reading.atMs, reading.value)
  series.lastOffset = context.offset
}

/** One window of the past at a time, as an upload brings them. */
const gatherLate = (run: Run, readers: readonly LevelReader[], series: Series, reading: Reading, qualifierOf: QualifierOf): void => {
  const { state, context } = run
  if (reading.atMs < state.watermarkMs - lateMsMax) return
  const windowMs = windowOf(reading.atMs)
  if (series.late !== null && series.late.windowMs !== windowMs) closeLate(run, readers, series, reading.name, qualifierOf)
  series.late ??= { ...(takePartial(series, windowMs) ?? { windowMs, times: [], values: [] }), offset: context.offset, dueMs: 0 }
  putReading(series.late.times, series.late.values, reading.atMs, reading.value)
  // What is uploaded while the device goes on comes between newer messages.
  series.late.dueMs = state.watermarkMs + ropMs
  state.dueMs = Math.min(state.dueMs, series.late.dueMs)
}

export const closeLive = (run: Run, readers: readonly LevelReader[], series: Series, name: string, qualifierOf: QualifierOf): void => {
  const { windowMs, times, values, firstOffset, lastOffset } = series
  // From what the window holds, by time: the order of arrival teaches nothing.
  for (const atMs of times) noteGap(series.cadence, atMs)
  learnInterval(series.cadence)
  close(run, readers, series, name, qualifierOf, { windowMs, times, values, firstOffset, lastOffset }, false)
  series.closedMs = Math.max(series.closedMs, windowMs)
  series.windowMs = -1
  series.times = []
  series.values = []
}

export const closeLate = (run: Run, readers: readonly LevelReader[], series: Series, name: string, qualifierOf: QualifierOf): void => {
  const { late } = series
  if (late === null) return
  series.late = null
  const { windowMs, times, values, offset } = late
  close(run, readers, series, name, qualifierOf, { windowMs, times, values, firstOffset: offset, lastOffset: run.context.offset }, true)
}

type Window = PartialWindow & { firstOffset: number; lastOffset: number }

const close = (
  run: Run,
  readers: readonly LevelReader[],
  series: Series,
  name: string,
  qualifierOf: QualifierOf,
  { windowMs, times, values, firstOffset, lastOffset }: Window,
  late: boolean,
): void => {
  const { intervalMs } = series.cadence
  for (const reader of readers) {
    const { condition, rule } = reader
    if (condition.window.kind !== 'rop') continue
    if (!isComplete(times, intervalMs, condition.completeness, condition.samplesMin)) continue
    // What was usual then is not known any more.
    if (late && condition.baseline !== null) continue
    const number = numberOf(run, condition, values)
    const value = number === null ? null : throughBaseline(condition, series, windowMs, number)
    if (value === null) continue
    const endMs = windowMs + ropMs
    const seen = {
      atMs: endMs,
      firstOffset,
      lastOffset,
      item: `${rule.id} ${windowMs}`,
      values: [valueOf(`${name} ${condition.aggregate}`, name, value, endMs), valueOf(`${name} readings`, '', times.length, endMs)],
      raise: condition.raise,
      clear: condition.clear,
    }
    judgeWindow(run, reader, intervalMs, qualifierOf(rule), value, seen, late)
  }
  if (lacksReadings(windowMs, times, intervalMs)) keepPartial(series, { windowMs, times, values })
}

const lacksReadings = (windowMs: number, times: readonly number[], intervalMs: number): boolean => {
  const expected = intervalMs === 0 ? 0 : Math.round(ropMs / intervalMs)
  if (expected <= fewReadings && times.length < expected) return true
  const holeMs = Math.max(holeMsMin, holeIntervals * intervalMs)
  return times.some((atMs, at) => atMs - (times[at - 1] ?? windowMs) > holeMs) || windowMs + ropMs - (times.at(-1) ?? windowMs) > holeMs
}

const keepPartial = (series: Series, window: PartialWindow): void => {
  const kept = (series.partial ??= [])
  kept.push(window)
  let readings = kept.reduce((sum, { times }) => sum + times.length, 0)
  while (readings > partialReadingsMax) readings -= kept.shift()?.times.length ?? 0
}

const takePartial = (series: Series, windowMs: number): PartialWindow | undefined => {
  const { partial } = series
  const at = partial?.findIndex((window) => window.windowMs === windowMs) ?? -1
  if (partial === undefined || at < 0) return undefined
  const [window] = partial.splice(at, 1)
  if (partial.length === 0) delete series.partial
  return window
}

/** Null while unlearned. A long drop must not become the usual: of what is a third or three times as much little is learned. */
const throughBaseline = ({ baseline }: LevelCondition, series: Series, windowMs: number, value: number): number | null => {
  if (baseline === null) return value
  const hours = (series.hours ??= new Array<number>(48).fill(0))
  const hour = Math.floor(windowMs / 3_600_000) % 24
  const usual = hours[hour] ?? 0
  const windows = hours[24 + hour] ?? 0
  const bounded = Math.min(Math.max(value, usual / 3), usual * 3)
  hours[hour] = windows === 0 ? value : usual + (bounded === value ? baselineStep : baselineStepOdd) * (bounded - usual)
  hours[24 + hour] = windows + 1
  return windows < baselineWindowsMin || usual <= 0 ? null : value / usual
}
