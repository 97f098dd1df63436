/**
 * What a rule would have told, had all come in its time: the signs, windows or events that are known of it, by the device's own
 * time, become episodes. The same delays and the same windows in a row as live (`levels.ts`, `events.ts`, `alarms/condition.ts`).
 */
import { graver, severities, type Severity, severityRank } from '../../../model/alarm.ts'
import type { CountCondition, EventCondition, LevelCondition, Rule } from '../../../model/rule.ts'
import { ropMs } from '../../../model/rule.ts'
import type { Span } from '../alarms/late-findings.ts'
import { heldAt, type PastRun } from './past.ts'
import { never } from './state.ts'

/** `severity` null: it is over, or with `ofRaise` only what waits to be raised. `delayMs`: of the raise. */
export type Telling = { atMs: number; severity: Severity | null; delayMs: number; ofRaise: boolean }

export const codeOfSeverity = (severity: Severity): number => severityRank[severity] + 2
const severityOfCode = (code: number): Severity => severities[code - 2] ?? 'indeterminate'

/** `lookMs`: something is decided then; `never`: nothing unless more is told. */
export type Told = { spans: Span[]; lookMs: number }

/** Delays pass as in `condition.ts`: at the very deadline the one that would undo it comes first. */
export const spansOf = (tellings: readonly Telling[], offDelayMs: number, nowMs: number): Told => {
  const spans: Span[] = []
  const now: { open: Span | null; clearMs: number; raising: { dueMs: number; severity: Severity } | null } = {
    open: null,
    clearMs: never,
    raising: null,
  }
  const pass = (atMs: number, isActive: boolean): void => {
    const { open, raising, clearMs } = now
    if (open !== null && (isActive ? atMs > clearMs : atMs >= clearMs)) {
      open.endMs = clearMs
      now.open = null
    }
    if (raising === null || (isActive ? atMs < raising.dueMs : atMs <= raising.dueMs)) return
    now.raising = null
    now.clearMs = never
    spans.push((now.open = { raisedAtMs: raising.dueMs, endMs: null, severity: raising.severity }))
  }
  for (const { atMs, severity, delayMs, ofRaise } of tellings) {
    pass(atMs, severity !== null)
    if (severity === null) {
      now.raising = null
      if (now.open !== null && !ofRaise) now.clearMs = Math.min(now.clearMs, atMs + offDelayMs)
    } else if (now.open !== null) {
      now.clearMs = never
      now.open.severity = graver(now.open.severity, severity)
    } else {
      const dueMs = Math.min(now.raising?.dueMs ?? never, atMs + delayMs)
      now.raising = { dueMs, severity: now.raising === null ? severity : graver(now.raising.severity, severity) }
    }
    pass(atMs, true)
  }
  pass(nowMs, true)
  if (now.open !== null && now.clearMs !== never) now.open.endMs = now.clearMs
  return { spans, lookMs: Math.min(now.raising?.dueMs ?? never, now.open?.endMs ?? never) }
}

const raiseAt = (atMs: number, severity: Severity, delayMs: number): Telling => ({ atMs, severity, delayMs, ofRaise: true })
const overAt = (atMs: number, ofRaise = false): Telling => ({ atMs, severity: null, delayMs: 0, ofRaise })

/** A state with signs of its begin and its end, or a level by single readings. */
export const ofSigns = (rule: Rule, runs: readonly PastRun[], guards: readonly (readonly PastRun[])[]): Telling[] => {
  const { condition } = rule
  return runs.flatMap((run): Telling[] => {
    if (run.code === 0) return [overAt(run.firstMs)]
    if (condition.form !== 'event') return run.code === 1 ? [] : [raiseAt(run.firstMs, severityOfCode(run.code), rule.onDelayMs)]
    const matcher = condition.raiseOn[run.code - 1]
    const severity = graver(rule.severity, matcher?.severity ?? rule.severity)
    const delayMs = matcher?.onDelayMs ?? rule.onDelayMs
    return guarded(run, guards, delayMs).map(({ atMs, holds }) => (holds ? raiseAt(atMs, severity, delayMs) : overAt(atMs, true)))
  })
}

type Turn = { atMs: number; holds: boolean }

/** A guard that holds no more ends a raise that waits; once it holds again, the next sign begins it anew. What is raised stays so. */
const guarded = ({ firstMs, lastMs }: PastRun, guards: readonly (readonly PastRun[])[], delayMs: number): Turn[] => {
  const turned = guards.flatMap((runs) => runs.map((run) => run.firstMs)).filter((atMs) => atMs > firstMs && atMs < lastMs + delayMs)
  const turns: Turn[] = []
  for (const atMs of [firstMs, ...turned.sort((a, b) => a - b)]) {
    const holds = guards.every((runs) => heldAt(runs, atMs))
    const before = turns.at(-1)
    if (before?.holds === true && atMs >= before.atMs + delayMs) break
    if (holds === (before?.holds ?? false) || (holds && atMs > lastMs)) continue
    turns.push({ atMs, holds })
  }
  return turns
}

/** Windows in a row, as `settle` counts them. */
export const ofWindows = (rule: Rule, condition: LevelCondition, runs: readonly PastRun[], rowGapMs: number): Telling[] => {
  const tellings: Telling[] = []
  let [row, beforeMs, stands] = [0, 0, false]
  for (const { firstMs, lastMs, code } of runs) {
    for (let atMs = firstMs; atMs <= lastMs; atMs += ropMs) {
      const inRow = atMs - beforeMs <= rowGapMs ? row : 0
      beforeMs = atMs
      if (code >= 2) {
        row = inRow > 0 ? inRow + 1 : 1
        stands ||= row >= condition.inARow
        if (stands) tellings.push(raiseAt(atMs, severityOfCode(code), rule.onDelayMs))
      } else {
        row = code === 0 ? Math.min(inRow, 0) - 1 : 0
        if (stands && -row >= condition.clearInARow) {
          stands = false
          tellings.push(overAt(atMs))
        }
      }
    }
  }
  return tellings
}

/** Of an event: its place in the record, and which matcher it fitted. */
export const codeOfEvent = (matcher: number, item: number): number => Math.max(0, item) * matchersMax + matcher
export const matcherOfCode = (code: number): number => code % matchersMax
const matchersMax = 64

/** One event as often as it weighs. */
export type Counted = { atMs: number; weight: number; tag: number }

export const ofCounts = (rule: Rule, condition: CountCondition, events: readonly Counted[]): Telling[] => {
  const { withinMs, clearWithinMs, clearAtMost, raiseAtLeast, cellsMax } = condition
  const tellings: Telling[] = []
  const seen: Counted[] = []
  let stands = false
  const pass = (atMs: number): void => {
    if (!stands) return
    const overMs = clearAtMost < seen.length ? (seen[seen.length - 1 - clearAtMost]?.atMs ?? 0) + clearWithinMs : (seen.at(-1)?.atMs ?? 0)
    if (atMs < overMs) return
    stands = false
    tellings.push(overAt(overMs))
  }
  for (const event of events) {
    pass(event.atMs)
    for (let copy = 0; copy < event.weight; copy++) seen.push(event)
    const within = seen.filter(({ atMs }) => atMs > event.atMs - withinMs)
    if (within.length < raiseAtLeast || (cellsMax !== null && new Set(within.map(({ tag }) => tag)).size > cellsMax)) continue
    stands = true
    const times = seen.map(({ atMs }) => atMs)
    tellings.push(raiseAt(event.atMs, steppedBy(rule, rule.severity, times, event.atMs), rule.onDelayMs))
  }
  // If nothing more comes of it, it ends then: in the time to come, perhaps.
  pass(never)
  return tellings
}

const steppedBy = (rule: Rule, base: Severity, times: readonly number[], nowMs: number): Severity => {
  let severity = base
  for (const step of rule.steps)
    if (step.by === 'count' && times.filter((atMs) => atMs > nowMs - step.withinMs && atMs <= nowMs).length >= step.atLeast)
      severity = graver(severity, step.severity)
  return severity
}

/** What happened, over when it did not come again for so long. */
export const ofHappenings = (rule: Rule, { raiseOn, mergeWithinMs, staleAfterMs }: EventCondition, runs: readonly PastRun[]): Span[] => {
  const spans: Span[] = []
  const times: number[] = []
  for (const { firstMs, lastMs, code } of runs) {
    const beforeMs = times.at(-1)
    const matcher = raiseOn[matcherOfCode(code)]
    const severity = graver(rule.severity, matcher?.severity ?? rule.severity)
    const open = spans.at(-1)
    const merges = beforeMs !== undefined && firstMs - beforeMs < mergeWithinMs
    if (merges) times[times.length - 1] = lastMs
    else for (let copy = 0; copy < (matcher?.weight ?? 1); copy++) times.push(lastMs)
    if (merges && open !== undefined && severityRank[severity] <= severityRank[open.severity]) continue
    const stepped = steppedBy(rule, severity, times, lastMs)
    const endMs = firstMs + (staleAfterMs ?? 0)
    if (open === undefined || firstMs >= (open.endMs ?? 0)) spans.push({ raisedAtMs: firstMs, endMs, severity: stepped })
    else Object.assign(open, { endMs, severity: graver(open.severity, stepped) })
  }
  return spans
}
