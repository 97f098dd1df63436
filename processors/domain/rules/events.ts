/**
 * Rules of what happens or is so: each matcher that fitted. What is late changes nothing that is live; it is remembered, and the
 * stretch that it belongs to is judged again (`rejudge.ts`).
 */
import { type Severity, severityRank } from '../../../model/alarm.ts'
import type { EventCondition, Matcher, Rule } from '../../../model/rule.ts'
import { count, type Happening, remember, ringMaxOf, ringNumbers, seenOf, severityOf } from './counts.ts'
import { guardsHoldFrom } from './guards.ts'
import { forget, type Run, tellActive, tellQuiet } from './outcome.ts'
import { rowMs } from './past.ts'
import { isLate, lateReason, noteMark } from './rejudge.ts'
import { never, partsOfKey, type Stream, streamKey, streamOf } from './state.ts'
import { codeOfEvent } from './tellings.ts'

/** A matcher fitted. */
export const happen = (
  run: Run,
  rule: Rule,
  matcher: Matcher,
  role: 'raise' | 'clear' | 'count',
  qualifier: string,
  what: Happening,
): void => {
  const { state } = run
  if (
    matcher.notAfterBootMs > 0 &&
    state.lastBootMs > 0 &&
    what.atMs >= state.lastBootMs &&
    what.atMs < state.lastBootMs + matcher.notAfterBootMs
  )
    return
  const { condition } = rule
  const late = !what.byArrival && what.waited !== true && isLate(run, what.atMs)
  if (!late && condition.form === 'count') count(run, rule, condition, matcher, qualifier, what)
  else if (!late && condition.form === 'event' && role === 'raise') begin(run, rule, condition, matcher, qualifier, what)
  else if (!late && condition.form === 'event') end(run, rule, qualifier, what)
  if (!what.byArrival && !isChange(matcher)) noteSign(run, rule, matcher, role, qualifier, what, late)
}

/** Changes are remembered with the signal itself (`noteValue`): what comes between moves them. */
const isChange = (matcher: Matcher): boolean =>
  matcher.of === 'edge' || (matcher.of === 'fact' && matcher.changed) || (matcher.of === 'radio' && matcher.sign === 'cell-changed')

const noteSign = (run: Run, rule: Rule, matcher: Matcher, role: string, qualifier: string, what: Happening, late: boolean): void => {
  const { condition } = rule
  const own = { rule, qualifier, rowGapMs: 0 }
  const sign = { atMs: what.atMs, name: what.name, value: what.value, reason: lateReason }
  if (condition.form === 'event' && condition.clearOn.length > 0) {
    const code = role === 'clear' ? 0 : condition.raiseOn.indexOf(matcher) + 1
    noteMark(run, own, { kind: 'signs', rest: qualifier, gapMs: rowMs }, code, sign, late)
  } else if (condition.form === 'event' || condition.form === 'count') {
    const matchers = condition.form === 'event' ? condition.raiseOn : condition.events
    const isMerged = condition.form === 'event' && condition.mergeWithinMs > 0
    const code = codeOfEvent(matchers.indexOf(matcher), isMerged ? 0 : what.item)
    const gapMs = isMerged ? condition.mergeWithinMs - 1 : -1
    noteMark(run, own, { kind: 'events', rest: qualifier, gapMs }, code, sign, late)
  }
}

/** A signal of which a rule watches the changes. */
export const noteValue = (run: Run, rule: Rule, signal: string, name: string, code: number, atMs: number): void =>
  noteMark(
    run,
    { rule, qualifier: '', rowGapMs: 0 },
    { kind: 'values', rest: signal, gapMs: rowMs },
    code,
    { atMs, name, value: null, reason: lateReason },
    isLate(run, atMs),
  )

const begin = (run: Run, rule: Rule, condition: EventCondition, matcher: Matcher, qualifier: string, what: Happening): void => {
  const { state, context } = run
  if (!guardsHoldFrom(state, condition.when, what.atMs)) return
  const stream = streamOf(state, streamKey(rule.id, qualifier))
  if (stream === undefined) {
    context.onLimit('rule-streams-per-device')
    return
  }
  const base = baseSeverity(rule, matcher)
  if (condition.clearOn.length > 0) {
    const onDelayMs = matcher.onDelayMs ?? rule.onDelayMs
    // A shorter delay than the one that runs: begin anew, or a denial would wait as long as a search.
    if (stream.told === 'active' && onDelayMs < stream.onDelayMs && what.atMs < stream.sinceMs + stream.onDelayMs) {
      tellQuiet(run, rule, qualifier, stream, { ...seenOf(run, rule, what), item: `${rule.id} ${what.item} shorter` })
      const anew = streamOf(state, streamKey(rule.id, qualifier))
      if (anew !== undefined) tellActive(run, rule, qualifier, anew, seenOf(run, rule, what), { severity: base, onDelayMs })
      return
    }
    tellActive(run, rule, qualifier, stream, seenOf(run, rule, what), { severity: base, onDelayMs })
    if (stream.told === 'none') forget(run, rule, qualifier)
    return
  }
  const lastMs = stream.ring.at(-ringNumbers)
  const merges = lastMs !== undefined && what.atMs >= lastMs && what.atMs - lastMs < condition.mergeWithinMs
  if (merges) {
    stream.ring[stream.ring.length - ringNumbers] = what.atMs
    if (severityRank[base] <= severityRank[stream.severity as Severity]) return
  } else if (!remember(stream.ring, ringMaxOf(rule), what, context.offset, matcher.weight)) return
  const severity = severityOf(rule, base, stream, stream.ring.at(-ringNumbers) ?? what.atMs)
  tellActive(run, rule, qualifier, stream, seenOf(run, rule, what), { severity, always: true })
  if (condition.clearByOperator) forget(run, rule, qualifier)
  else state.dueMs = Math.min(state.dueMs, what.atMs + (condition.staleAfterMs ?? 0))
}

/** What a guard asks for was told: a raise that still waits for its delay ends when the guard no longer holds. */
export const recheckGuards = (run: Run, name: string, atMs: number): void => {
  const { state, context } = run
  for (const rule of context.rules.guarded.get(name) ?? []) {
    const { condition } = rule
    if (condition.form !== 'event') continue
    for (const [key, stream] of Object.entries(state.streams)) {
      const [id, qualifier] = partsOfKey(key)
      if (id !== rule.id || stream.told !== 'active' || atMs >= stream.sinceMs + stream.onDelayMs) continue
      if (guardsHoldFrom(state, condition.when, stream.sinceMs)) continue
      const what = { atMs: Math.max(atMs, stream.toldMs), item: -2, tag: 0, name, value: null, byArrival: false }
      tellQuiet(run, rule, qualifier, stream, seenOf(run, rule, what))
    }
  }
}

const baseSeverity = (rule: Rule, { severity }: Matcher): Severity =>
  severity !== null && severityRank[severity] > severityRank[rule.severity] ? severity : rule.severity

const end = (run: Run, rule: Rule, qualifier: string, what: Happening): void => {
  const stream = run.state.streams[streamKey(rule.id, qualifier)]
  if (stream !== undefined) tellQuiet(run, rule, qualifier, stream, seenOf(run, rule, what))
}

/** An event-only alarm is forgotten with the decider's own deadline. Answers when to look again. */
export const passEvent = (run: Run, rule: Rule, qualifier: string, stream: Stream, nowMs: number): number => {
  const { condition } = rule
  if (condition.form !== 'event' || condition.staleAfterMs === null) return never
  const longestMs = Math.max(condition.staleAfterMs, ...rule.steps.map((step) => (step.by === 'count' ? step.withinMs : 0)))
  const dueMs = (stream.ring.at(-ringNumbers) ?? stream.toldMs) + longestMs
  if (nowMs < dueMs) return dueMs
  forget(run, rule, qualifier)
  return never
}
