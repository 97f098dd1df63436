/**
 * Alarm events to one row per episode: as amended by what was learned later, and as it was known first. A fold over one
 * stream's events in their order; the row of an episode comes out anew with each event that is about it, and the newest
 * `version` wins (table `alarm_episodes`).
 * Before: `alarm-decider.ts`.  After: the warehouse, metrics of time to detect, acknowledge and restore.
 */
import type { AlarmEvent, ClearCause, RecordedAlarmEvent } from '../../../model/alarm-event.ts'
import { type AlarmKey, type EpisodeRef, graver, type Severity, type SituationRole } from '../../../model/alarm.ts'
import { episodeIdOf } from './stream-id.ts'

/** What an episode was: when, and how bad at its end. */
type Span = { raisedAtMs: number; clearedAtMs: number | null; severity: Severity }

export type EpisodeRow = {
  id: string
  stream: string
  key: AlarmKey
  episode: number
  foundLate: boolean
  /** As now known. */
  amended: Span
  /** As the live events told it, whatever was learned later; of one found late: as it was found. */
  firstKnown: Span
  /** Late evidence showed that it never was. */
  retracted: boolean
  amendments: number
  amendedReason: string | null
  detectedAtMs: number
  severityMax: Severity
  clearCause: ClearCause | null
  firstAcknowledgedAtMs: number | null
  /** As it stands now. */
  operator: 'none' | 'ack' | 'closed'
  operatorActor: string | null
  closedReason: string | null
  assignee: string | null
  ticket: string | null
  comments: number
  situation: string | null
  role: SituationRole | null
  unknown: boolean
  /** Time within it in which nothing could be told: neither up nor down. */
  unknownMs: number
  unknownSinceMs: number | null
  occurrences: number
  escalations: number
  ruleVersion: number
  purged: boolean
  version: number
}

/** The episode that an event is about; null where it is about none (a delay before the first raise, a shelf). */
export const episodeOf = (event: AlarmEvent): EpisodeRef | null => {
  switch (event.kind) {
    case 'EpisodeFoundLate':
      return { episode: event.episode, foundLate: true }
    case 'AlarmAmended':
    case 'AlarmRetracted':
      return event.of
    case 'RaiseDelayStarted':
    case 'RaiseDelayAbandoned':
    case 'Shelved':
    case 'Unshelved':
    case 'Suppressed':
    case 'Unsuppressed':
    case 'FlappingStarted':
    case 'FlappingStopped':
    case 'ObservationCounted':
    case 'CommandNoted':
      return null
    default:
      return event.episode === 0 ? null : { episode: event.episode, foundLate: false }
  }
}

/** The row after an event of `episodeOf`; undefined when the event tells nothing of it (its raise is not known). */
export const evolveEpisodeRow = (row: EpisodeRow | undefined, recorded: RecordedAlarmEvent): EpisodeRow | undefined => {
  const { event } = recorded
  if (event.kind === 'AlarmRaised' || event.kind === 'EpisodeFoundLate') return begin(recorded, event)
  if (row === undefined) return undefined
  return { ...row, ...changes(row, event), version: event.version }
}

/** All rows of the events, those of a stream in its order; by episode id. */
export const episodesOf = (events: Iterable<RecordedAlarmEvent>): Map<string, EpisodeRow> => {
  const rows = new Map<string, EpisodeRow>()
  for (const recorded of events) {
    const about = episodeOf(recorded.event)
    if (about === null) continue
    const id = episodeIdOf(recorded.stream, about)
    const row = evolveEpisodeRow(rows.get(id), recorded)
    if (row !== undefined) rows.set(id, row)
  }
  return rows
}

const begin = ({ stream, key }: RecordedAlarmEvent, event: AlarmEvent & { kind: 'AlarmRaised' | 'EpisodeFoundLate' }): EpisodeRow => {
  const foundLate = event.kind === 'EpisodeFoundLate'
  const { episode, severity, raisedAtMs } = event
  const span: Span = { raisedAtMs, clearedAtMs: foundLate ? event.clearedAtMs : null, severity }
  return {
    id: episodeIdOf(stream, { episode, foundLate }),
    stream,
    key,
    episode,
    foundLate,
    amended: span,
    firstKnown: span,
    retracted: false,
    amendments: 0,
    amendedReason: foundLate ? event.reason : null,
    detectedAtMs: event.atMs,
    severityMax: severity,
    clearCause: foundLate ? 'condition' : null,
    firstAcknowledgedAtMs: null,
    operator: 'none',
    operatorActor: null,
    closedReason: null,
    assignee: null,
    ticket: null,
    comments: 0,
    situation: null,
    role: null,
    unknown: false,
    unknownMs: 0,
    unknownSinceMs: null,
    occurrences: foundLate ? 1 : event.occurrences,
    escalations: 0,
    ruleVersion: event.ruleVersion,
    purged: false,
    version: event.version,
  }
}

const changes = (row: EpisodeRow, event: AlarmEvent): Partial<EpisodeRow> => {
  switch (event.kind) {
    case 'SeverityChanged':
      return {
        ...lived(row, { severity: event.to }),
        severityMax: graver(row.severityMax, event.to),
        occurrences: event.occurrences,
        ruleVersion: event.ruleVersion,
      }
    case 'EvidenceUpdated':
      return { occurrences: event.occurrences, ruleVersion: event.ruleVersion }
    case 'AlarmCleared':
      return {
        ...lived(row, { clearedAtMs: event.clearedAtMs }),
        ...known(row, event.clearedAtMs),
        clearCause: event.cause,
        occurrences: event.occurrences,
      }
    case 'ConditionUnknown':
      return event.was === 'active' ? { unknown: true, unknownSinceMs: event.observedAtMs } : {}
    case 'ConditionKnown':
      return known(row, event.observedAtMs)
    case 'AlarmAmended': {
      const { raisedAtMs, clearedAtMs, severity } = event
      const { amended } = row
      return {
        amended: {
          raisedAtMs: raisedAtMs ?? amended.raisedAtMs,
          clearedAtMs: clearedAtMs ?? amended.clearedAtMs,
          severity: severity ?? amended.severity,
        },
        severityMax: graver(row.severityMax, severity ?? row.severityMax),
        amendments: row.amendments + 1,
        amendedReason: event.reason,
      }
    }
    case 'AlarmRetracted':
      return { retracted: true, amendments: row.amendments + 1, amendedReason: event.reason }
    case 'Correlated':
      return { situation: event.situation, role: event.role }
    case 'Uncorrelated':
      return row.situation === event.situation ? { situation: null, role: null } : {}
    case 'Escalated':
      return { escalations: event.times }
    case 'Purged':
      return { purged: true }
    default:
      return operated(row, event)
  }
}

const operated = (row: EpisodeRow, event: AlarmEvent): Partial<EpisodeRow> => {
  switch (event.kind) {
    case 'Acknowledged':
      return { operator: 'ack', operatorActor: event.actor, firstAcknowledgedAtMs: row.firstAcknowledgedAtMs ?? event.atMs }
    case 'AckWithdrawn':
      return { operator: 'none', operatorActor: null, closedReason: null }
    case 'Closed':
      return { operator: 'closed', operatorActor: event.actor, closedReason: event.reason }
    case 'Commented':
      return { comments: row.comments + 1 }
    case 'Assigned':
      return { assignee: event.to, ticket: event.ticket }
    default:
      return {}
  }
}

/** What a live event says was known first; an amendment that came before it stands in what it had said. */
const lived = ({ amended, firstKnown, amendments }: EpisodeRow, change: Partial<Span>): Pick<EpisodeRow, 'amended' | 'firstKnown'> => ({
  firstKnown: { ...firstKnown, ...change },
  // An end that was amended already is better known than the live one.
  amended: amendments > 0 && amended.clearedAtMs !== null && 'clearedAtMs' in change ? amended : { ...amended, ...change },
})

const known = ({ unknownSinceMs, unknownMs }: EpisodeRow, atMs: number): Partial<EpisodeRow> =>
  unknownSinceMs === null
    ? { unknown: false }
    : { unknown: false, unknownSinceMs: null, unknownMs: unknownMs + Math.max(0, atMs - unknownSinceMs) }
