/**
 * A number against the levels of a rule: raise, clear or between, so many in a row. What is late is remembered beside it and judged
 * again with its stretch; live nothing changes by it.
 * Before: `levels.ts`, `level-windows.ts`, `slopes.ts`.  After: `outcome.ts`, `rejudge.ts`.
 */
import type { LevelCondition } from '../../../model/rule.ts'
import { ropMs } from '../../../model/rule.ts'
import type { LevelReader } from './compile.ts'
import { guardsHold, guardsHeldAt } from './guards.ts'
import { numberOf, valueOf } from './level-numbers.ts'
import { beyond, forget, type Run, type Seen, severityAt, tellActive, tellQuiet } from './outcome.ts'
import { rowMs } from './past.ts'
import { lateReason, noteMark, rowGapMsMax } from './rejudge.ts'
import { streamKey, streamOf } from './state.ts'
import { codeOfSeverity } from './tellings.ts'

/** `name`: as evidence names it. `attributes`: canonical text, part of the series. */
export type Reading = { name: string; attributes: string; value: number; atMs: number }

type Verdict = 'raise' | 'clear' | 'between'

const rowGapMsOf = (intervalMs: number): number => Math.max(rowGapMsMax, 3 * intervalMs)

/** Each reading by itself. `late`: a newer one of its series is known. */
export const judgeReading = (run: Run, reader: LevelReader, qualifier: string, reading: Reading, late: boolean): void => {
  const { rule, condition } = reader
  const judged = numberOf(run, condition, [reading.value])
  if (judged === null) return
  const { name, atMs } = reading
  const raises =
    beyond(condition.raise, judged) && (late ? guardsHeldAt(run.state, rule, condition.when, atMs) : guardsHold(run.state, condition.when))
  const verdict = verdictOf(condition, judged, raises)
  const severity = severityAt(rule, judged)
  const { offset } = run.context
  const seen: Seen = {
    atMs,
    firstOffset: offset,
    lastOffset: offset,
    item: `${rule.id} ${atMs}`,
    values: [valueOf(name, name, judged, atMs)],
    raise: condition.raise,
    clear: condition.clear,
  }
  if (!late) settle(run, reader, 0, qualifier, verdict, seen, 1, severity)
  // Two in a row of single readings are not remembered.
  if (condition.inARow === 1 && condition.clearInARow === 1) {
    const list = { kind: 'signs', rest: qualifier, gapMs: rowMs } as const
    const sign = { atMs, name, value: judged, reason: lateReason }
    noteMark(run, { rule, qualifier, rowGapMs: 0 }, list, codeOf(verdict, severity), sign, late)
  }
}

/** The number of a window that is over. */
export const judgeWindow = (
  run: Run,
  reader: LevelReader,
  intervalMs: number,
  qualifier: string,
  value: number,
  seen: Seen,
  late: boolean,
): void => {
  const { rule, condition } = reader
  const raises = beyond(condition.raise, value) && guardsHeldAt(run.state, rule, condition.when, seen.atMs)
  const verdict = verdictOf(condition, value, raises)
  const severity = severityAt(rule, value)
  const { atMs } = seen
  if (!late) settle(run, reader, intervalMs, qualifier, verdict, seen, atMs - ropMs, severity)
  if (condition.baseline !== null) return
  const list = { kind: 'windows', rest: qualifier, gapMs: ropMs } as const
  const sign = { atMs, name: seen.values[0]?.name ?? '', value, reason: lateReason }
  noteMark(run, { rule, qualifier, rowGapMs: rowGapMsOf(intervalMs) }, list, codeOf(verdict, severity), sign, late)
}

const verdictOf = ({ clear }: LevelCondition, value: number, raises: boolean): Verdict =>
  raises ? 'raise' : beyond(clear, value) ? 'clear' : 'between'

const codeOf = (verdict: Verdict, severity: ReturnType<typeof severityAt>): number =>
  verdict === 'raise' ? codeOfSeverity(severity) : verdict === 'clear' ? 0 : 1

/** `runMs`: where in the row it stands; rows with holes begin anew. */
export const settle = (
  run: Run,
  { rule, condition }: LevelReader,
  intervalMs: number,
  qualifier: string,
  verdict: Verdict,
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
  const inRow = condition.window.kind === 'event' || runMs - stream.runMs <= rowGapMsOf(intervalMs)
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
