/** Rules with a line through hourly means: where will it be after the horizon? A boot begins it anew. Late hours are not put in. */
import type { Level } from '../../../model/rule.ts'
import { slopePointMs } from '../../../model/rule-check.ts'
import type { LevelReader } from './compile.ts'
import { guardsHold } from './guards.ts'
import { valueOf } from './level-numbers.ts'
import { type Reading, settle } from './level-verdicts.ts'
import { beyond, type Run, type Seen, severityAt, tellQuiet } from './outcome.ts'
import { never, partsOfKey, type Series } from './state.ts'
import { lineThrough } from './windows.ts'

const pointNumbers = 3

export const addPoint = (run: Run, reader: LevelReader, series: Series, reading: Reading, qualifier: string): void => {
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
  settle(run, { rule, condition }, 0, qualifier, verdict, seen, nowMs, severityAt(rule, value))
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
