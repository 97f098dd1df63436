/** Time passes: windows end, counts fall, a boot waits no longer for its reason, a signal is missing. */
import type { Rule } from '../../../model/rule.ts'
import { ropMs } from '../../../model/rule.ts'
import type { CompiledRules, LevelReader } from './compile.ts'
import { passCount } from './counts.ts'
import { passEvent } from './events.ts'
import { closeLate, closeLive } from './level-windows.ts'
import { type Run, tellActive, tellQuiet } from './outcome.ts'
import { lookAgain } from './rejudge.ts'
import { qualifierFrom } from './qualifiers.ts'
import { type Cadence, type DeviceRuleState, never, partsOfKey, streamKey, streamOf } from './state.ts'
import { closeLagMs, learnInterval, median, noteGap } from './windows.ts'

/** The device's own time has come to `nowMs`. */
export const passTime = (run: Run, nowMs: number): void => {
  const { state } = run
  let dueMs = never
  for (const [key, series] of Object.entries(state.series)) {
    const closes = series.windowMs !== -1 && nowMs >= series.windowMs + ropMs + closeLagMs
    const isLateOver = series.late !== null && nowMs >= series.late.dueMs
    if (closes || isLateOver) {
      const [name, attributes] = partsOfKey(key)
      const readers = readersOf(run, name, attributes)
      const qualifierOf = qualifierFrom(attributes)
      if (isLateOver) closeLate(run, readers, series, name, qualifierOf)
      if (closes) closeLive(run, readers, series, name, qualifierOf)
    }
    if (series.late !== null) dueMs = Math.min(dueMs, series.late.dueMs)
    if (series.windowMs !== -1) dueMs = Math.min(dueMs, series.windowMs + ropMs + closeLagMs)
  }
  for (const [key, stream] of Object.entries(state.streams)) {
    const [id, qualifier] = partsOfKey(key)
    const rule = run.context.rules.rules.get(id)
    if (rule === undefined) continue
    dueMs = Math.min(dueMs, passCount(run, rule, qualifier, stream, nowMs, false), passEvent(run, rule, qualifier, stream, nowMs))
  }
  dueMs = Math.min(dueMs, passGaps(run, nowMs), lookAgain(run, nowMs))
  state.dueMs = dueMs
}

/** Counts of sessions, which go by arrival. */
export const passStage = (run: Run): void => {
  const { state, context } = run
  let dueMs = never
  for (const [key, stream] of Object.entries(state.streams)) {
    const [id, qualifier] = partsOfKey(key)
    const rule = context.rules.rules.get(id)
    if (rule !== undefined) dueMs = Math.min(dueMs, passCount(run, rule, qualifier, stream, context.nowMs, true))
  }
  state.stageDueMs = dueMs
}

const readersOf = (run: Run, name: string, attributes: string): readonly LevelReader[] => {
  const { rules } = run.context
  const radio = rules.radioLevels.filter(({ series }) => series === name).flatMap(({ readers }) => readers)
  const own = (rules.metrics.get(name) ?? rules.counters.get(name))?.of(attributes).levels ?? []
  return attributes === '' ? [...radio, ...own] : own
}

// ------------------------------------------------------------------------------------------------------ missing signals

/** A signal was heard. */
export const noteSignal = (run: Run, rules: readonly Rule[], signal: string, atMs: number): void => {
  if (rules.length === 0) return
  const { state } = run
  const cadence = (state.cadences[signal] ??= { lastMs: 0, intervalMs: 0, gaps: [] })
  noteGap(cadence, atMs)
  if (cadence.intervalMs === 0) learnInterval(cadence)
  if (cadence.intervalMs > 0) state.dueMs = Math.min(state.dueMs, cadence.lastMs + cadence.intervalMs * leastIntervals(rules))
  for (const rule of rules) {
    const stream = state.streams[streamKey(rule.id, signal)]
    if (stream !== undefined && stream.told !== 'none') tellQuiet(run, rule, signal, stream, seenOf(run, rule, signal, atMs, 0))
  }
}

const leastIntervals = (rules: readonly Rule[]): number =>
  Math.min(...rules.map(({ condition }) => (condition.form === 'gap' ? condition.intervals : never)))

/** Null: it has no cadence, such as what is sent on change only. */
const steadyMs = ({ gaps, intervalMs }: Cadence): number | null => {
  if (intervalMs === 0) return null
  const sorted = [...gaps].sort((a, b) => a - b)
  return (sorted.at(-1) ?? 0) <= 2 * median(sorted) ? intervalMs : null
}

/** The device speaks (its time has come so far), and this signal of it does not. */
const passGaps = (run: Run, nowMs: number): number => {
  const { state } = run
  let dueMs = never
  for (const rule of run.context.rules.gaps) {
    if (rule.condition.form !== 'gap') continue
    for (const signal of rule.condition.signals) {
      const cadence = state.cadences[signal]
      if (cadence !== undefined) learnInterval(cadence)
      const steady = cadence === undefined ? null : steadyMs(cadence)
      if (cadence === undefined || steady === null) continue
      const missingMs = Math.max(cadence.lastMs, state.resumedMs) + steady * rule.condition.intervals
      if (nowMs <= missingMs) dueMs = Math.min(dueMs, missingMs + 1)
      else missing(run, rule, signal, missingMs, steady)
    }
  }
  return dueMs
}

const missing = (run: Run, rule: Rule, signal: string, atMs: number, intervalMs: number): void => {
  const key = streamKey(rule.id, signal)
  if (run.state.streams[key]?.told === 'active') return
  const stream = streamOf(run.state, key)
  if (stream === undefined) {
    run.context.onLimit('rule-streams-per-device')
    return
  }
  tellActive(run, rule, signal, stream, seenOf(run, rule, signal, atMs, intervalMs), { severity: rule.severity })
  if (stream.told === 'none') Reflect.deleteProperty(run.state.streams, key)
}

const seenOf = ({ context }: Run, rule: Rule, signal: string, atMs: number, intervalMs: number) => ({
  atMs,
  firstOffset: context.offset,
  lastOffset: context.offset,
  item: `${rule.id} ${signal}`,
  values: [{ name: `${signal} interval`, value: intervalMs, unit: 'ms', observedAtMs: atMs }],
  raise: null,
  clear: null,
})

/** The device's own time jumps from `fromMs` to `toMs`: was it silent as a whole, so that no one signal was missing? */
export const noteJump = (state: DeviceRuleState, rules: CompiledRules, fromMs: number, toMs: number): void => {
  if (toMs - fromMs < jumpLeastMs) return
  for (const { condition } of rules.gaps) {
    if (condition.form !== 'gap') continue
    for (const signal of condition.signals) {
      const intervalMs = state.cadences[signal]?.intervalMs ?? 0
      if (intervalMs > 0 && toMs - fromMs >= intervalMs * (condition.intervals - 1)) {
        state.resumedMs = toMs
        return
      }
    }
  }
}
const jumpLeastMs = 10_000
