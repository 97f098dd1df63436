/** Rules that count events in a time, and rules of what happens or is so. */
import { type EvidenceValue, type Severity, severityRank } from '../../../model/alarm.ts'
import type { CountCondition, EventCondition, Matcher, Rule } from '../../../model/rule.ts'
import { eventsKeptMax } from '../../../model/rule-check.ts'
import { guardsHold, guardsHoldFrom } from './guards.ts'
import { lateMsMax } from './late-windows.ts'
import { evidenceOf, forget, keyOf, push, type Run, type Seen, sourceId, tellActive, tellQuiet } from './outcome.ts'
import { never, partsOfKey, type Stream, streamKey, streamOf } from './state.ts'

/** Events are told by their own time; lines of one message lie seconds before others that overtook it. */
export const eventSlackMs = 60_000

export type Happening = {
  atMs: number
  /** Place within the record: line of a log, item of a list. */
  item: number
  /** What tells kinds of it apart: the cell that was entered. */
  tag: number
  name: string
  value: string | number | null
  /** By arrival (sessions): the device's own time has no say. */
  byArrival: boolean
}

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
  if (!what.byArrival && what.atMs < state.watermarkMs - eventSlackMs) {
    tellLate(run, rule, matcher, role, qualifier, what)
    return
  }
  if (condition.form === 'count') count(run, rule, condition, matcher, qualifier, what)
  else if (condition.form === 'event' && role === 'raise') begin(run, rule, condition, matcher, qualifier, what)
  else if (condition.form === 'event') end(run, rule, qualifier, what)
}

const valuesOf = ({ name, value, atMs }: Happening): EvidenceValue[] => [{ name, value, unit: '', observedAtMs: atMs }]

const seenOf = ({ context }: Run, rule: Rule, what: Happening, values: EvidenceValue[] = valuesOf(what)): Seen => ({
  atMs: what.atMs,
  firstOffset: context.offset,
  lastOffset: context.offset,
  item: `${rule.id} ${what.item} ${what.atMs}`,
  values,
  raise: null,
  clear: null,
})

// ---------------------------------------------------------------------------------------------------- counts in a time

const ringNumbers = 4

/** How many events a rule looks back at: more would change no verdict. */
export const ringMaxOf = (rule: Rule): number => {
  const steps = rule.steps.map((step) => (step.by === 'count' ? step.atLeast : 0))
  return Math.min(eventsKeptMax, Math.max(1, rule.condition.form === 'count' ? rule.condition.raiseAtLeast : 1, ...steps))
}

/** By time; the same event of the same record again changes nothing. */
const remember = (ring: number[], max: number, what: Happening, offset: number, weight: number): boolean => {
  let at = ring.length
  while (at > 0 && (ring[at - ringNumbers] ?? 0) > what.atMs) at -= ringNumbers
  for (let other = at; other > 0 && ring[other - ringNumbers] === what.atMs; other -= ringNumbers)
    if (ring[other - 3] === offset && ring[other - 2] === what.item) return false
  for (let copy = 0; copy < weight; copy++) ring.splice(at, 0, what.atMs, offset, what.item, what.tag)
  if (ring.length > max * ringNumbers) ring.splice(0, ring.length - max * ringNumbers)
  return true
}

/** Events after `nowMs - withinMs`. */
export const countWithin = (ring: readonly number[], nowMs: number, withinMs: number): number => {
  let events = 0
  for (let at = ring.length - ringNumbers; at >= 0 && (ring[at] ?? 0) > nowMs - withinMs; at -= ringNumbers) events++
  return events
}

const count = (run: Run, rule: Rule, condition: CountCondition, matcher: Matcher, qualifier: string, what: Happening): void => {
  if (!guardsHold(run.state, condition.when)) return
  const stream = streamOf(run.state, streamKey(rule.id, qualifier))
  if (stream === undefined) {
    run.context.onLimit('rule-streams-per-device')
    return
  }
  if (!remember(stream.ring, ringMaxOf(rule), what, run.context.offset, matcher.weight)) return
  const nowMs = stream.ring.at(-ringNumbers) ?? what.atMs
  setDue(run, rule, nowMs, condition)
  const events = countWithin(stream.ring, nowMs, condition.withinMs)
  if (events < condition.raiseAtLeast || isSpread(stream, condition, events)) {
    if (stream.told === 'unknown')
      tellQuiet(run, rule, qualifier, stream, seenOf(run, rule, what), events > condition.clearAtMost ? 'between' : 'inactive')
    return
  }
  const first = stream.ring.length - events * ringNumbers
  const severity = severityOf(rule, rule.severity, stream, nowMs)
  tellActive(
    run,
    rule,
    qualifier,
    stream,
    {
      ...seenOf(run, rule, what, [
        { name: `${what.name} in ${condition.withinMs / 60_000} min`, value: events, unit: '1', observedAtMs: nowMs },
        ...valuesOf(what),
      ]),
      firstOffset: Math.min(stream.ring[first + 1] ?? run.context.offset, run.context.offset),
    },
    { severity },
  )
}

/** More cells are involved than the rule asks for: the device travels. */
const isSpread = ({ ring }: Stream, { cellsMax }: CountCondition, events: number): boolean => {
  if (cellsMax === null) return false
  const cells = new Set<number>()
  for (let at = ring.length - events * ringNumbers; at < ring.length; at += ringNumbers) cells.add(ring[at + 3] ?? 0)
  return cells.size > cellsMax
}

const isByArrival = (rule: Rule): boolean => rule.condition.form === 'count' && rule.condition.events.every(({ of }) => of === 'session')

const setDue = ({ state }: Run, rule: Rule, nowMs: number, { withinMs, clearWithinMs }: CountCondition): void => {
  const dueMs = nowMs + Math.min(withinMs, clearWithinMs)
  if (isByArrival(rule)) state.stageDueMs = Math.min(state.stageDueMs, dueMs)
  else state.dueMs = Math.min(state.dueMs, dueMs)
}

/** Time has passed to `nowMs`: fewer events may be left. Answers when to look again; `never` once it is forgotten. */
export const passCount = (run: Run, rule: Rule, qualifier: string, stream: Stream, nowMs: number, byArrival: boolean): number => {
  const { condition } = rule
  if (condition.form !== 'count' || isByArrival(rule) !== byArrival) return never
  const { ring } = stream
  const deciding = ring[ring.length - (condition.clearAtMost + 1) * ringNumbers]
  const clearMs = deciding === undefined ? (ring.at(-ringNumbers) ?? nowMs) : deciding + condition.clearWithinMs
  if (stream.told !== 'none' && nowMs >= clearMs) {
    const events = countWithin(ring, nowMs, condition.clearWithinMs)
    const what: Happening = { atMs: Math.max(clearMs, stream.toldMs), item: -1, tag: 0, name: 'events', value: events, byArrival }
    tellQuiet(run, rule, qualifier, stream, seenOf(run, rule, what))
  }
  const newestMs = ring.at(-ringNumbers) ?? 0
  const forgetMs = newestMs + Math.max(condition.withinMs, condition.clearWithinMs)
  if (stream.told === 'none' && nowMs >= forgetMs) {
    forget(run, rule, qualifier)
    return never
  }
  return stream.told === 'active' ? Math.max(clearMs, nowMs + 1) : forgetMs
}

// -------------------------------------------------------------------------------------------- what happens, what is so

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

const severityOf = (rule: Rule, base: Severity, { ring }: Stream, nowMs: number): Severity => {
  let severity = base
  for (const step of rule.steps)
    if (
      step.by === 'count' &&
      countWithin(ring, nowMs, step.withinMs) >= step.atLeast &&
      severityRank[step.severity] > severityRank[severity]
    )
      severity = step.severity
  return severity
}

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

// ------------------------------------------------------------------------------------------------------------- late ones

const tellLate = (run: Run, rule: Rule, matcher: Matcher, role: string, qualifier: string, what: Happening): void => {
  if (what.atMs < run.state.watermarkMs - lateMsMax) return
  const evidence = evidenceOf(run, seenOf(run, rule, what))
  const { condition } = rule
  if (condition.form === 'event' && condition.staleAfterMs !== null) {
    push(run, rule, qualifier, rule.onDelayMs, {
      kind: 'FindEpisodeLate',
      sourceEventId: sourceId(run, `${rule.id} ${what.item} ${what.atMs}`),
      reason: `${what.name} came after the device had told of later times`,
      ruleVersion: rule.version,
      atMs: run.context.nowMs,
      raisedAtMs: what.atMs,
      clearedAtMs: what.atMs + condition.staleAfterMs,
      severity: baseSeverity(rule, matcher),
      evidence,
    })
    return
  }
  run.late.push({
    key: keyOf(run, rule, qualifier),
    rule,
    observedAtMs: what.atMs,
    value: typeof what.value === 'number' ? what.value : null,
    verdict: role === 'clear' ? 'clear' : 'raise',
    evidence,
  })
}
