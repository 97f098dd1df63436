/** The present or last episode of a stream: its number, severity, times and counts; and its end in the list (purge). */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { ropMs } from '../../../model/rule.ts'
import { purgeAfterMs } from './alarm-limits.ts'
import { type AlarmState, type EpisodeFacts, isCleared } from './alarm-state.ts'
import { type Answer, type Draft, done, happen, refuse } from './draft.ts'

/** Hides the episode from the list; the log keeps it. */
export const purge = (draft: Draft): Answer => {
  const { operator, last, purged } = draft.state
  if (purged) return done
  const clearedAtMs = last?.clearedAtMs ?? null
  if (!isCleared(draft.state) || clearedAtMs === null || operator.is === 'none' || draft.atMs - clearedAtMs < purgeAfterMs) {
    return refuse('NOT_PURGEABLE', `Expected an alarm that is acknowledged or closed and cleared for ${purgeAfterMs} ms`)
  }
  happen(draft, { kind: 'Purged' })
  return done
}

export const evolveEpisode = (state: AlarmState, event: AlarmEvent): AlarmState => {
  const next: AlarmState = { ...state, version: event.version }
  if ('ruleVersion' in event && !isAnnotation(event)) next.ruleVersion = event.ruleVersion
  switch (event.kind) {
    case 'RaiseDelayStarted':
      return { ...next, evidence: event.evidence, suspected: 1 }
    case 'RaiseDelayAbandoned':
      return { ...next, evidence: null, suspected: 0 }
    case 'AlarmRaised':
      return { ...next, episode: event.episode, last: raised(event), evidence: event.evidence, suspected: 0, purged: false }
    case 'SeverityChanged':
      return { ...next, evidence: event.evidence ?? state.evidence, last: told(state.last, event, event.to) }
    case 'EvidenceUpdated':
      return { ...next, evidence: event.evidence ?? state.evidence, last: told(state.last, event) }
    case 'ObservationCounted':
      return event.verdict === 'active' ? counted(next, event.evidence) : next
    case 'AlarmCleared':
      return { ...next, evidence: null, last: state.last === null ? null : { ...state.last, clearedAtMs: event.clearedAtMs } }
    case 'EpisodeFoundLate':
      return { ...next, episodesFoundLate: event.episode }
    case 'Purged':
      return { ...next, purged: true }
    default:
      return next
  }
}

/** Evidence of a standing alarm is written at most once in 15 minutes of the device's time. */
export const evidencePeriodOf = (observedAtMs: number): number => Math.floor(observedAtMs / ropMs)

const isAnnotation = ({ kind }: AlarmEvent): boolean => kind === 'EpisodeFoundLate' || kind === 'AlarmAmended' || kind === 'AlarmRetracted'

const raised = (event: AlarmEvent & { kind: 'AlarmRaised' }): EpisodeFacts => ({
  severity: event.severity,
  raisedAtMs: event.raisedAtMs,
  detectedAtMs: event.atMs,
  clearedAtMs: null,
  occurrences: event.occurrences,
  evidenceRop: evidencePeriodOf(event.observedAtMs),
})

type Told = { occurrences: number; observedAtMs: number }

const told = (last: EpisodeFacts | null, { occurrences, observedAtMs }: Told, severity = last?.severity): EpisodeFacts | null =>
  last === null || severity === undefined ? last : { ...last, severity, occurrences, evidenceRop: evidencePeriodOf(observedAtMs) }

const counted = (state: AlarmState, evidence: AlarmState['evidence']): AlarmState => {
  const newest = evidence ?? state.evidence
  if (state.condition.is === 'raising') return { ...state, suspected: state.suspected + 1, evidence: newest }
  return state.last === null ? state : { ...state, evidence: newest, last: { ...state.last, occurrences: state.last.occurrences + 1 } }
}
