/**
 * A stream's state as it is stored: only what differs from a stream that nothing ever happened to, the facts of its last
 * episode without their names. Most streams that have a state at all are long normal again, and then this is a few numbers; a
 * stream that was never raised is not stored at all. Sixty streams of a device stay under 20 KB, whatever they went through.
 */
import type { Severity } from '../../../model/alarm.ts'
import { type AlarmState, type AppliedIds, type EpisodeFacts, initialAlarmState, type OperatorState } from './alarm-state.ts'

type PackedFacts = [
  Severity,
  raisedAtMs: number,
  detectedAtMs: number,
  clearedAtMs: number | null,
  occurrences: number,
  evidenceRop: number,
]

export type PackedAlarm = Partial<Omit<AlarmState, 'last'>> & { last?: PackedFacts }

/** Null: nothing worth keeping. */
export const packAlarm = (state: AlarmState): PackedAlarm | null => {
  const packed: PackedAlarm = {}
  const { condition, operator, shelf, suppressedBy, stability, situation, last, evidence, momentIds, commands, late } = state
  if (condition.is !== 'normal') packed.condition = condition
  if (!isNobody(operator)) packed.operator = operator
  if (shelf.is !== 'none') packed.shelf = shelf
  if (suppressedBy.length > 0) packed.suppressedBy = suppressedBy
  if (stability.edges.length > 0 || stability.is !== 'stable') packed.stability = stability
  if (situation.is !== 'none') packed.situation = situation
  if (state.episode !== 0) packed.episode = state.episode
  if (last !== null) packed.last = packFacts(last)
  if (evidence !== null) packed.evidence = evidence
  if (state.suspected !== 0) packed.suspected = state.suspected
  if (state.episodesFoundLate !== 0) packed.episodesFoundLate = state.episodesFoundLate
  if (state.lastObservedAtMs !== null) packed.lastObservedAtMs = state.lastObservedAtMs
  if (momentIds.length > 0) packed.momentIds = momentIds
  if (hasIds(commands)) packed.commands = commands
  if (hasIds(late)) packed.late = late
  if (state.ruleVersion !== 0) packed.ruleVersion = state.ruleVersion
  if (state.purged) packed.purged = true
  if (state.version !== 0) packed.version = state.version
  return Object.keys(packed).length === 0 ? null : packed
}

export const unpackAlarm = (packed: PackedAlarm | null | undefined): AlarmState => {
  if (packed === null || packed === undefined) return initialAlarmState
  const { last, ...others } = packed
  return { ...initialAlarmState, ...others, last: last === undefined ? null : unpackFacts(last) }
}

const isNobody = ({ is, assignee, ticket, comments, escalations }: OperatorState): boolean =>
  is === 'none' && assignee === null && ticket === null && comments === 0 && escalations === 0

const hasIds = ({ ids, forgottenMs }: AppliedIds): boolean => ids.length > 0 || forgottenMs !== null

const packFacts = ({ severity, raisedAtMs, detectedAtMs, clearedAtMs, occurrences, evidenceRop }: EpisodeFacts): PackedFacts => [
  severity,
  raisedAtMs,
  detectedAtMs,
  clearedAtMs,
  occurrences,
  evidenceRop,
]

const unpackFacts = ([severity, raisedAtMs, detectedAtMs, clearedAtMs, occurrences, evidenceRop]: PackedFacts): EpisodeFacts => ({
  severity,
  raisedAtMs,
  detectedAtMs,
  clearedAtMs,
  occurrences,
  evidenceRop,
})
