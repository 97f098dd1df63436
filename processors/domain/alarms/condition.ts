/**
 * The condition of a stream: normal, raising, active, clearing, unknown. Moved by rules' verdicts and by deadlines that stand
 * in the state, never by persons (but for a manual clear). A delay passes by the device's own time, seen in its next
 * observation, or by ticks; so an hour told afterwards in order gives the same episode as the hour lived.
 */
import type { AlarmEvent, ClearCause, Observed } from '../../../model/alarm-event.ts'
import type { Observe, ObserveUnknown, OperatorCommand } from '../../../model/alarm.ts'
import { clear, raise, staleAtOf } from './alarm-edges.ts'
import { aheadMsMax } from './alarm-limits.ts'
import { type Condition, isLive } from './alarm-state.ts'
import { isLateOrApplied } from './applied-ids.ts'
import { boundedEvidence } from './bounded-evidence.ts'
import { type Answer, type Draft, done, happen, refuse } from './draft.ts'
import { evidencePeriodOf } from './episode-facts.ts'
import { withdrawAck } from './operator-state.ts'
import { severityRank } from '../../../model/alarm.ts'

export const observe = (draft: Draft, command: Observe): Answer => {
  const { type } = draft.policy
  const { verdict, severity } = command
  if (verdict === 'active' && !type.severities.includes(severity)) {
    return refuse('SEVERITY_NOT_OF_TYPE', `Expected one of ${type.severities.join(', ')} for ${type.type}, got ${severity}`)
  }
  // Nothing observes the end of what only reports that it happened.
  if (type.eventOnly && verdict !== 'active') return done
  const seen = observedOf(command)
  if (isLateOrApplied(draft.state, command, seen.observedAtMs)) return done
  passDeadlines(draft, seen.observedAtMs, verdict)
  if (verdict === 'active') observeActive(draft, command, seen)
  else observeQuiet(draft, verdict, seen)
  return done
}

/** Of an event-only type nothing is unknown: a panic has happened, whether the device is there or not. */
export const observeUnknown = (draft: Draft, command: ObserveUnknown): Answer => {
  const seen = observedOf(command)
  if (draft.policy.type.eventOnly || isLateOrApplied(draft.state, command, seen.observedAtMs)) return done
  passDeadlines(draft, seen.observedAtMs, null)
  const { condition } = draft.state
  if (condition.is === 'unknown') {
    happen(draft, { kind: 'ObservationCounted', ...seen, verdict: null, severity: null, evidence: null, staleAt: null })
    return done
  }
  if (condition.is === 'raising') happen(draft, { kind: 'RaiseDelayAbandoned', ...seen, cause: 'unknown', sinceMs: condition.sinceMs })
  if (condition.is === 'clearing') happen(draft, { kind: 'ClearDelayAbandoned', ...seen, cause: 'unknown', sinceMs: condition.sinceMs })
  const was = isLive(draft.state) ? 'active' : 'normal'
  happen(draft, { kind: 'ConditionUnknown', ...seen, was, reason: command.reason })
  return done
}

/** The stage's time has passed a deadline. */
export const fireCondition = (draft: Draft): void => {
  const dueMs = conditionDueMs(draft.state.condition)
  if (dueMs !== null && dueMs <= draft.atMs) fire(draft)
}

export const conditionDueMs = (condition: Condition): number | null => {
  if (condition.is === 'raising' || condition.is === 'clearing') return condition.deadline.tickMs
  return condition.is === 'active' && condition.staleAt !== null ? condition.staleAt.tickMs : null
}

export const clearManually = (draft: Draft, command: OperatorCommand & { kind: 'ClearManually' }): Answer => {
  const { type } = draft.policy
  if (type.willClear && !command.force) {
    return refuse('CLEARS_BY_ITSELF', `Expected force, since ${type.type} clears by itself`)
  }
  if (isLive(draft.state)) clear(draft, 'manual', draft.atMs, nowSeen(draft), command)
  return done
}

export const retire = (draft: Draft, cause: Extract<ClearCause, 'ruleRetired' | 'resourceRetired'>): Answer => {
  const { condition } = draft.state
  const seen = nowSeen(draft)
  if (isLive(draft.state)) clear(draft, cause, draft.atMs, seen)
  else if (condition.is === 'raising') happen(draft, { kind: 'RaiseDelayAbandoned', ...seen, cause, sinceMs: condition.sinceMs })
  else if (condition.is === 'unknown') happen(draft, { kind: 'ConditionKnown', ...seen, is: 'normal' })
  return done
}

export const evolveCondition = (region: Condition, event: AlarmEvent): Condition => {
  switch (event.kind) {
    case 'RaiseDelayStarted':
      return { is: 'raising', sinceMs: event.observedAtMs, deadline: event.deadline, severity: event.severity }
    case 'RaiseDelayAbandoned':
    case 'AlarmCleared':
      return { is: 'normal' }
    case 'AlarmRaised':
      return { is: 'active', staleAt: event.staleAt }
    case 'ClearDelayStarted':
      return { is: 'clearing', sinceMs: event.observedAtMs, deadline: event.deadline }
    case 'ClearDelayAbandoned':
      return { is: 'active', staleAt: null }
    case 'ConditionUnknown':
      return { is: 'unknown', was: event.was, sinceMs: event.observedAtMs }
    case 'ConditionKnown':
      return event.is === 'active' ? { is: 'active', staleAt: null } : { is: 'normal' }
    case 'ObservationCounted':
      if (region.is === 'raising' && event.severity !== null) return { ...region, severity: event.severity }
      return region.is === 'active' && event.staleAt !== null ? { is: 'active', staleAt: event.staleAt } : region
    case 'EvidenceUpdated':
    case 'SeverityChanged':
      return region.is === 'active' ? { is: 'active', staleAt: event.staleAt } : region
    default:
      return region
  }
}

const observeActive = (draft: Draft, command: Observe, seen: Observed): void => {
  const { severity } = command
  const evidence = boundedEvidence(command.evidence)
  const { condition } = draft.state
  if (condition.is === 'unknown') happen(draft, { kind: 'ConditionKnown', ...seen, is: condition.was })
  if (condition.is === 'clearing') happen(draft, { kind: 'ClearDelayAbandoned', ...seen, cause: 'active', sinceMs: condition.sinceMs })
  if (isLive(draft.state)) {
    stand(draft, command, seen)
  } else if (draft.state.condition.is === 'raising') {
    happen(draft, { kind: 'ObservationCounted', ...seen, verdict: 'active', severity, evidence, staleAt: null })
  } else if (draft.policy.onDelayMs <= 0) {
    raise(draft, { severity, atEventMs: seen.observedAtMs, evidence, occurrences: 1, seen })
  } else {
    happen(draft, { kind: 'RaiseDelayStarted', ...seen, severity, evidence, deadline: deadlineOf(draft, seen, draft.policy.onDelayMs) })
  }
}

/** Still active: perhaps worse or better, perhaps with evidence of a new 15 minutes. */
const stand = (draft: Draft, command: Observe, seen: Observed): void => {
  const { last } = draft.state
  if (last === null) return
  const evidence = boundedEvidence(command.evidence)
  const occurrences = last.occurrences + 1
  const staleAt = staleAtOf(draft, seen.observedAtMs)
  if (command.severity !== last.severity) {
    happen(draft, { kind: 'SeverityChanged', ...seen, from: last.severity, to: command.severity, evidence, occurrences, staleAt })
    if (severityRank[command.severity] > severityRank[last.severity]) withdrawAck(draft, 'escalation')
  } else if (evidencePeriodOf(seen.observedAtMs) > last.evidenceRop) {
    happen(draft, { kind: 'EvidenceUpdated', ...seen, evidence, occurrences, staleAt })
  } else {
    happen(draft, { kind: 'ObservationCounted', ...seen, verdict: 'active', severity: command.severity, evidence, staleAt })
  }
}

const observeQuiet = (draft: Draft, verdict: 'between' | 'inactive', seen: Observed): void => {
  const { type, offDelayMs } = draft.policy
  const before = draft.state.condition
  if (before.is === 'unknown') happen(draft, { kind: 'ConditionKnown', ...seen, is: before.was })
  const { condition } = draft.state
  if (verdict === 'inactive' && condition.is === 'raising') {
    happen(draft, { kind: 'RaiseDelayAbandoned', ...seen, cause: 'inactive', sinceMs: condition.sinceMs })
  } else if (verdict === 'inactive' && condition.is === 'active' && type.willClear) {
    if (offDelayMs <= 0) clear(draft, 'condition', seen.observedAtMs, seen)
    else happen(draft, { kind: 'ClearDelayStarted', ...seen, deadline: deadlineOf(draft, seen, offDelayMs) })
  } else if (before.is !== 'unknown' && (condition.is !== 'normal' || draft.events.length > 0)) {
    happen(draft, { kind: 'ObservationCounted', ...seen, verdict, severity: null, evidence: null, staleAt: null })
  }
}

/**
 * An observation that is newer than a deadline proves that the device's time has passed it. At the very deadline the one that
 * would undo the delay comes first: the condition did not stand for all of it.
 */
const passDeadlines = (draft: Draft, observedAtMs: number, verdict: Observe['verdict'] | null): void => {
  const { condition } = draft.state
  if (condition.is === 'normal' || condition.is === 'unknown') return
  const deadline = condition.is === 'active' ? condition.staleAt : condition.deadline
  if (deadline === null) return
  const undoes = (condition.is === 'raising' && verdict === 'inactive') || (condition.is === 'clearing' && verdict === 'active')
  if (undoes ? observedAtMs > deadline.eventMs : observedAtMs >= deadline.eventMs) fire(draft)
}

const fire = (draft: Draft): void => {
  const { condition, evidence, suspected } = draft.state
  if (condition.is === 'raising') {
    const { severity } = condition
    const atEventMs = condition.deadline.eventMs
    raise(draft, { severity, atEventMs, evidence, occurrences: suspected, seen: dueSeen(draft, atEventMs) })
  } else if (condition.is === 'clearing') {
    clear(draft, 'condition', condition.deadline.eventMs, dueSeen(draft, condition.deadline.eventMs))
  } else if (condition.is === 'active' && condition.staleAt !== null) {
    clear(draft, 'staleEvent', condition.staleAt.eventMs, dueSeen(draft, condition.staleAt.eventMs))
  }
}

const deadlineOf = ({ atMs }: Draft, { observedAtMs }: Observed, delayMs: number) => ({
  eventMs: observedAtMs + delayMs,
  tickMs: atMs + delayMs,
})

const observedOf = ({ sourceEventId, observedAtMs, atMs, ruleVersion }: Observe | ObserveUnknown): Observed => {
  const clamped = observedAtMs > atMs + aheadMsMax
  return { sourceEventId, observedAtMs: clamped ? atMs : observedAtMs, clamped, ruleVersion }
}

const dueSeen = ({ state }: Draft, observedAtMs: number): Observed => ({
  sourceEventId: null,
  observedAtMs,
  clamped: false,
  ruleVersion: state.ruleVersion,
})
const nowSeen = (draft: Draft): Observed => dueSeen(draft, draft.atMs)
