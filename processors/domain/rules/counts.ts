/**
 * Rules that count events in a time: a ring of the newest by the device's own time (of sessions by arrival), raised by one more,
 * cleared as time passes.
 * Before: `events.ts`, `passing.ts`.  After: `outcome.ts`.
 */
import { type EvidenceValue, type Severity, severityRank } from '../../../model/alarm.ts'
import type { CountCondition, Matcher, Rule } from '../../../model/rule.ts'
import { eventsKeptMax } from '../../../model/rule-check.ts'
import { guardsHold } from './guards.ts'
import { forget, type Run, type Seen, tellActive, tellQuiet } from './outcome.ts'
import { never, type Stream, streamKey, streamOf } from './state.ts'

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
  /** It came in time and something more was waited for: it is live. */
  waited?: boolean
}

const valuesOf = ({ name, value, atMs }: Happening): EvidenceValue[] => [{ name, value, unit: '', observedAtMs: atMs }]

export const seenOf = ({ context }: Run, rule: Rule, what: Happening, values: EvidenceValue[] = valuesOf(what)): Seen => ({
  atMs: what.atMs,
  firstOffset: context.offset,
  lastOffset: context.offset,
  item: `${rule.id} ${what.item} ${what.atMs}`,
  values,
  raise: null,
  clear: null,
})

export const ringNumbers = 4

/** How many events a rule looks back at: more would change no verdict. */
export const ringMaxOf = (rule: Rule): number => {
  const steps = rule.steps.map((step) => (step.by === 'count' ? step.atLeast : 0))
  return Math.min(eventsKeptMax, Math.max(1, rule.condition.form === 'count' ? rule.condition.raiseAtLeast : 1, ...steps))
}

/** By time; the same event of the same record again changes nothing. */
export const remember = (ring: number[], max: number, what: Happening, offset: number, weight: number): boolean => {
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

export const count = (run: Run, rule: Rule, condition: CountCondition, matcher: Matcher, qualifier: string, what: Happening): void => {
  if (!guardsHold(run.state, condition.when)) return
  const known = run.state.streams[streamKey(rule.id, qualifier)]
  // What was over before this came is over, whether or not anything else was told in between.
  if (known?.told === 'active') passCount(run, rule, qualifier, known, what.atMs, what.byArrival)
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

/** By so many within a time. */
export const severityOf = (rule: Rule, base: Severity, { ring }: Stream, nowMs: number): Severity => {
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
