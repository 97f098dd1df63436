/**
 * Windows of the past, one at a time, as an upload brings them. They change nothing that is live: one that raises, after as many
 * in a row as its rule asks for, is part of an episode that is found late (`alarms/late-findings.ts`).
 */
import { type Rule, ropMs } from '../../../model/rule.ts'
import type { LevelReader } from './compile.ts'
import { numberOf, valueOf } from './level-numbers.ts'
import { beyond, evidenceOf, isLearning, keyOf, push, type Run, type Seen, severityAt, sourceId } from './outcome.ts'
import type { Series } from './state.ts'
import { isComplete, putReading, windowOf } from './windows.ts'

/** Late readings re-evaluate windows so far back. */
export const lateMsMax = 7 * 86_400_000

type LateReading = { name: string; value: number; atMs: number }

export const gatherLate = (
  run: Run,
  readers: readonly LevelReader[],
  series: Series,
  reading: LateReading,
  qualifierOf: (rule: Rule) => string,
): void => {
  if (reading.atMs < run.state.watermarkMs - lateMsMax) return
  const windowMs = windowOf(reading.atMs)
  if (series.late !== null && series.late.windowMs !== windowMs) judgeLate(run, readers, series, reading.name, qualifierOf)
  series.late ??= { windowMs, times: [], values: [], offset: run.context.offset, dueMs: 0 }
  putReading(series.late.times, series.late.values, reading.atMs, reading.value)
  // What is uploaded while the device goes on comes between newer messages.
  series.late.dueMs = run.state.watermarkMs + ropMs
  run.state.dueMs = Math.min(run.state.dueMs, series.late.dueMs)
}

export const judgeLate = (
  run: Run,
  readers: readonly LevelReader[],
  series: Series,
  name: string,
  qualifierOf: (rule: Rule) => string,
): void => {
  const { late } = series
  series.late = null
  if (late === null) return
  for (const reader of readers) {
    const { condition, rule } = reader
    if (condition.window.kind !== 'rop' || condition.baseline !== null) continue
    if (!isComplete(late.times, series.cadence.intervalMs, condition.completeness, condition.samplesMin)) continue
    const value = numberOf(run, condition, late.values)
    if (value === null) continue
    const endMs = late.windowMs + ropMs
    const seen: Seen = {
      atMs: endMs,
      firstOffset: late.offset,
      lastOffset: run.context.offset,
      item: '',
      values: [valueOf(`${name} ${condition.aggregate}`, name, value, endMs)],
      raise: condition.raise,
      clear: condition.clear,
    }
    tellLate(run, reader, qualifierOf(rule), value, seen)
    findLate(run, reader, series, qualifierOf(rule), value, seen)
  }
}

/** What guards asked for then is not known any more: rules that have some find nothing late. */
const findLate = (run: Run, { rule, condition }: LevelReader, series: Series, qualifier: string, value: number, seen: Seen): void => {
  const rows = (series.lateRows ??= {})
  const { endMs: beforeMs, windows: before } = rows[rule.id] ?? { endMs: 0, windows: 0 }
  if (!beyond(condition.raise, value) || condition.when.length > 0 || isLearning(run, rule)) {
    Reflect.deleteProperty(rows, rule.id)
    return
  }
  const windows = seen.atMs - beforeMs === ropMs ? before + 1 : 1
  rows[rule.id] = { endMs: seen.atMs, windows }
  if (windows < condition.inARow) return
  push(run, rule, qualifier, rule.onDelayMs, {
    kind: 'FindEpisodeLate',
    sourceEventId: sourceId(run, `${rule.id} ${seen.atMs} late`),
    reason: 'readings of it came after the device had told of later times',
    ruleVersion: rule.version,
    atMs: run.context.nowMs,
    raisedAtMs: seen.atMs + rule.onDelayMs,
    clearedAtMs: seen.atMs + ropMs * condition.clearInARow + rule.offDelayMs,
    severity: severityAt(rule, value),
    evidence: evidenceOf(run, seen),
  })
}

/** Of single readings too. */
export const tellLate = (run: Run, { rule, condition }: LevelReader, qualifier: string, value: number, seen: Seen): void => {
  if (seen.atMs < run.state.watermarkMs - lateMsMax) return
  const judged = condition.window.kind === 'event' ? numberOf(run, condition, [value]) : value
  if (judged === null) return
  run.late.push({
    key: keyOf(run, rule, qualifier),
    rule,
    observedAtMs: seen.atMs,
    value: judged,
    verdict: beyond(condition.raise, judged) ? 'raise' : beyond(condition.clear, judged) ? 'clear' : 'between',
    evidence: evidenceOf(run, seen),
  })
}
