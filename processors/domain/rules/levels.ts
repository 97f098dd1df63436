/** Rules with a level: each reading of event windows, each closed window of 15 minutes, each hour of a slope. */
import { type Level, type LevelCondition, type Rule, ropMs } from '../../../model/rule.ts'
import { slopePointMs } from '../../../model/rule-check.ts'
import type { LevelReader } from './compile.ts'
import { gatherLate, tellLate } from './late-windows.ts'
import { guardsHold } from './guards.ts'
import { numberOf, valueOf } from './level-numbers.ts'
import { beyond, forget, type Run, type Seen, severityAt, tellActive, tellQuiet } from './outcome.ts'
import { never, partsOfKey, type Series, seriesOf, streamKey, streamOf } from './state.ts'
import { closeLagMs, closeWindow, isComplete, learnInterval, lineThrough, noteGap, putReading, windowOf } from './windows.ts'

/** Windows further apart than this are not "in a row", unless the device speaks that seldom. */
const rowGapMsMax = 3_600_000
/** Of a baseline: windows seen at an hour before it counts (three days), and how fast it follows. */
const baselineWindowsMin = 12
const baselineStep = 0.2
const baselineStepOdd = 0.02

/** `name`: as evidence names it. `attributes`: canonical text, part of the series. */
export type Reading = { name: string; attributes: string; value: number; atMs: number }

/** One reading for all rules that read its series. `qualifierOf`: which alarm of the rule it belongs to. */
export const readLevel = (run: Run, readers: readonly LevelReader[], reading: Reading, qualifierOf: (rule: Rule) => string): void => {
  const { state, context } = run
  const series = seriesOf(state, `${reading.name}\n${reading.attributes}`)
  if (series === undefined) {
    context.onLimit('rule-series-per-device')
    return
  }
  const inOrder = reading.atMs >= series.lastMs
  if (inOrder) series.lastMs = reading.atMs
  let gathers = false
  for (const reader of readers) {
    const { window } = reader.condition
    if (window.kind === 'rop') gathers = true
    else if (window.kind === 'sliding') addPoint(run, reader, series, reading, qualifierOf(reader.rule))
    else if (inOrder) judge(run, reader, series, qualifierOf(reader.rule), reading.value, seenOf(run, reader, reading), 1)
    else tellLate(run, reader, qualifierOf(reader.rule), reading.value, seenOf(run, reader, reading))
  }
  if (gathers) gather(run, readers, series, reading, qualifierOf)
}

const gather = (run: Run, readers: readonly LevelReader[], series: Series, reading: Reading, qualifierOf: (rule: Rule) => string): void => {
  const { state, context } = run
  const windowMs = windowOf(reading.atMs)
  if (windowMs <= series.closedMs || (series.windowMs !== -1 && windowMs < series.windowMs)) {
    gatherLate(run, readers, series, reading, qualifierOf)
    return
  }
  if (series.windowMs !== windowMs) {
    // The device's own time has passed the open one: a reading of the next says so.
    if (series.windowMs !== -1) closeAndJudge(run, readers, series, reading.name, qualifierOf)
    series.windowMs = windowMs
    series.firstOffset = context.offset
    state.dueMs = Math.min(state.dueMs, windowMs + ropMs + closeLagMs)
  }
  putReading(series.times, series.values, reading.atMs, reading.value)
  series.lastOffset = context.offset
}

/** The window is over: what it holds becomes one number, and each rule of windows judges it. */
export const closeAndJudge = (
  run: Run,
  readers: readonly LevelReader[],
  series: Series,
  name: string,
  qualifierOf: (rule: Rule) => string,
): void => {
  // From what the window holds, by time: the order of arrival teaches nothing.
  for (const atMs of series.times) noteGap(series.cadence, atMs)
  learnInterval(series.cadence)
  for (const reader of readers) {
    const { condition } = reader
    if (
      condition.window.kind !== 'rop' ||
      !isComplete(series.times, series.cadence.intervalMs, condition.completeness, condition.samplesMin)
    )
      continue
    const number = numberOf(run, condition, series.values)
    const value = number === null ? null : throughBaseline(condition, series, number)
    if (value === null) continue
    const endMs = series.windowMs + ropMs
    judge(
      run,
      reader,
      series,
      qualifierOf(reader.rule),
      value,
      {
        atMs: endMs,
        firstOffset: series.firstOffset,
        lastOffset: series.lastOffset,
        item: `${reader.rule.id} ${series.windowMs}`,
        values: [
          valueOf(`${name} ${condition.aggregate}`, name, value, endMs),
          valueOf(`${name} readings`, '', series.times.length, endMs),
        ],
        raise: condition.raise,
        clear: condition.clear,
      },
      series.windowMs,
    )
  }
  closeWindow(series)
}

/** Null while unlearned. A long drop must not become the usual: of what is a third or three times as much little is learned. */
const throughBaseline = ({ baseline }: LevelCondition, series: Series, value: number): number | null => {
  if (baseline === null) return value
  const hours = (series.hours ??= new Array<number>(48).fill(0))
  const hour = Math.floor(series.windowMs / 3_600_000) % 24
  const usual = hours[hour] ?? 0
  const windows = hours[24 + hour] ?? 0
  const bounded = Math.min(Math.max(value, usual / 3), usual * 3)
  hours[hour] = windows === 0 ? value : usual + (bounded === value ? baselineStep : baselineStepOdd) * (bounded - usual)
  hours[24 + hour] = windows + 1
  return windows < baselineWindowsMin || usual <= 0 ? null : value / usual
}

const seenOf = ({ context }: Run, { rule, condition }: LevelReader, { name, value, atMs }: Reading): Seen => ({
  atMs,
  firstOffset: context.offset,
  lastOffset: context.offset,
  item: `${rule.id} ${atMs}`,
  values: [valueOf(name, name, value, atMs)],
  raise: condition.raise,
  clear: condition.clear,
})

/** `runMs`: where in the row it stands; rows with holes begin anew. */
const judge = (run: Run, reader: LevelReader, series: Series, qualifier: string, value: number, seen: Seen, runMs: number): void => {
  const { rule, condition } = reader
  const judged = condition.window.kind === 'event' ? numberOf(run, condition, [value]) : value
  if (judged === null) return
  const raises = beyond(condition.raise, judged) && guardsHold(run.state, condition.when)
  const verdict = raises ? 'raise' : beyond(condition.clear, judged) ? 'clear' : 'between'
  settle(
    run,
    reader,
    series,
    qualifier,
    verdict,
    { ...seen, values: seen.values.map((one, at) => (at === 0 ? { ...one, value: judged } : one)) },
    runMs,
    severityAt(rule, judged),
  )
}

const settle = (
  run: Run,
  { rule, condition }: LevelReader,
  series: Series,
  qualifier: string,
  verdict: 'raise' | 'clear' | 'between',
  seen: Seen,
  runMs: number,
  severity: ReturnType<typeof severityAt>,
): void => {
  const known = run.state.streams[streamKey(rule.id, qualifier)]
  if (known === undefined && verdict !== 'raise') return
  const stream = known ?? streamOf(run.state, streamKey(rule.id, qualifier))
  if (stream === undefined) {
    run.context.onLimit('rule-streams-per-device')
    return
  }
  const inRow = condition.window.kind === 'event' || runMs - stream.runMs <= Math.max(rowGapMsMax, 3 * series.cadence.intervalMs)
  const before = inRow ? stream.run : 0
  stream.runMs = runMs
  if (verdict === 'raise') {
    stream.run = before > 0 ? before + 1 : 1
    if (stream.run === 1) stream.runOffset = seen.firstOffset
    const whole = { ...seen, firstOffset: Math.min(stream.runOffset, seen.firstOffset) }
    if (stream.told !== 'none' || stream.run >= condition.inARow) tellActive(run, rule, qualifier, stream, whole, { severity })
    return
  }
  stream.run = verdict === 'clear' ? Math.min(before, 0) - 1 : 0
  if (stream.told === 'none') forget(run, rule, qualifier)
  else if (-stream.run >= condition.clearInARow) tellQuiet(run, rule, qualifier, stream, seen)
  else if (stream.told === 'unknown') tellQuiet(run, rule, qualifier, stream, seen, 'between')
}

// -------------------------------------------------------------------------------------------------------------- slopes

const pointNumbers = 3

const addPoint = (run: Run, reader: LevelReader, series: Series, reading: Reading, qualifier: string): void => {
  const points = (series.points ??= [])
  const hourMs = Math.floor(reading.atMs / slopePointMs) * slopePointMs
  const last = points.length - pointNumbers
  const lastMs = points[last]
  if (lastMs !== undefined && hourMs < lastMs) return
  if (lastMs === hourMs) {
    points[last + 1] = (points[last + 1] ?? 0) + reading.value
    points[last + 2] = (points[last + 2] ?? 0) + 1
    return
  }
  // An hour is over: the line is drawn through those that are whole.
  judgeSlope(run, reader, points, reading, qualifier, hourMs)
  points.push(hourMs, reading.value, 1)
}

const judgeSlope = (
  run: Run,
  { rule, condition }: LevelReader,
  points: number[],
  reading: Reading,
  qualifier: string,
  nowMs: number,
): void => {
  const lengthMs = condition.window.kind === 'sliding' ? condition.window.lengthMs : 0
  while (points.length > 0 && (points[0] ?? never) < nowMs - lengthMs) points.splice(0, pointNumbers)
  const wanted = Math.max(condition.samplesMin, Math.ceil((condition.completeness * lengthMs) / slopePointMs), 3)
  if (points.length / pointNumbers < wanted) return
  const xs: number[] = []
  const ys: number[] = []
  for (let at = 0; at < points.length; at += pointNumbers) {
    xs.push(((points[at] ?? 0) - nowMs) / slopePointMs)
    ys.push((points[at + 1] ?? 0) / (points[at + 2] ?? 1))
  }
  const line = lineThrough(xs, ys)
  if (line === null) return
  const value = line.at(condition.horizonMs / slopePointMs)
  const upwards = condition.raise.op === 'above' || condition.raise.op === 'atLeast'
  const fits = line.fit >= condition.fitMin && (upwards ? line.slope > 0 : line.slope < 0)
  const raises = fits && beyond(condition.raise, value) && guardsHold(run.state, condition.when)
  const seen: Seen = {
    atMs: nowMs,
    firstOffset: run.context.offset,
    lastOffset: run.context.offset,
    item: `${rule.id} ${nowMs}`,
    values: [
      valueOf(`${reading.name} in ${condition.horizonMs / 3_600_000} h`, reading.name, value, nowMs),
      valueOf('fit', '', line.fit, nowMs),
      valueOf(`${reading.name} now`, reading.name, line.at(0), nowMs),
    ],
    raise: condition.raise,
    clear: condition.clear,
  }
  const verdict = raises ? 'raise' : !fits || beyond(condition.clear, value) ? 'clear' : 'between'
  const series = { cadence: { intervalMs: 0 } } as Series
  settle(run, { rule, condition }, series, qualifier, verdict, seen, nowMs, severityAt(rule, value))
}

/** A boot gives the memory back: the line begins anew, and what it had shown is over. */
export const restartSlopes = (run: Run, atMs: number): void => {
  for (const series of Object.values(run.state.series)) if (series.points !== null) series.points = []
  for (const [key, stream] of Object.entries(run.state.streams)) {
    const [id, qualifier] = partsOfKey(key)
    const rule = run.context.rules.rules.get(id)
    if (rule?.condition.form !== 'level' || rule.condition.aggregate !== 'slope') continue
    const { raise, clear } = rule.condition as { raise: Level; clear: Level }
    const { offset } = run.context
    tellQuiet(run, rule, qualifier, stream, { atMs, firstOffset: offset, lastOffset: offset, item: `${id} boot`, values: [], raise, clear })
  }
}
