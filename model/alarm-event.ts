/**
 * What became of a stream of alarms: the records of the log topic `alarms`. Each carries the episode that it is about (0 before
 * the first), the stage's time, and its number in the stream. Decided by `processors/domain/alarms`, read by the tables
 * `alarm_events` and `alarm_episodes`, by the API and by notifications. Additive for ever: kinds and fields are only added.
 */
import type { AlarmKey, DeviceClass, EpisodeRef, Evidence, Severity, SituationRole, Suppressor, Verdict } from './alarm.ts'
import type { LogTopic } from './ports.ts'

/**
 * When something is due: in the device's own time (an observation that has passed it, also one of an upload of the past) or
 * in the stage's time (a tick), whichever comes first.
 */
export type Deadline = { eventMs: number; tickMs: number }

export type ClearCause = 'condition' | 'manual' | 'ruleRetired' | 'resourceRetired' | 'staleEvent'
export type AbandonCause = 'inactive' | 'unknown' | 'ruleRetired' | 'resourceRetired'

/** From an observation; from a deadline that it had started, a person or a retirement where `sourceEventId` is null. */
export type Observed = {
  sourceEventId: string | null
  observedAtMs: number
  /** The claimed time lay more than 5 minutes ahead of the stage's and was cut back to it. */
  clamped: boolean
  ruleVersion: number
}

type Acted = { actor: string; commandId: string }

/** An event before it has its place in the stream. */
export type Happening =
  | (Observed & { kind: 'RaiseDelayStarted'; severity: Severity; deadline: Deadline; evidence: Evidence | null })
  /** Kept: the share of transients says whether the delay is right. */
  | (Observed & { kind: 'RaiseDelayAbandoned'; cause: AbandonCause; sinceMs: number })
  | (Observed & {
      kind: 'AlarmRaised'
      severity: Severity
      /** When the rule had become true, after its delay, by the device's time. When we knew is `atMs`. */
      raisedAtMs: number
      evidence: Evidence | null
      occurrences: number
      /** Of types that report an event: when the lack of a repeat clears it. */
      staleAt: Deadline | null
    })
  | (Observed & {
      kind: 'SeverityChanged'
      from: Severity
      to: Severity
      evidence: Evidence | null
      occurrences: number
      staleAt: Deadline | null
    })
  /** At most one per 15 minutes of the device's time; `occurrences` counts all active observations of the episode. */
  | (Observed & { kind: 'EvidenceUpdated'; evidence: Evidence | null; occurrences: number; staleAt: Deadline | null })
  | (Observed & { kind: 'ClearDelayStarted'; deadline: Deadline })
  | (Observed & { kind: 'ClearDelayAbandoned'; cause: 'active' | 'unknown'; sinceMs: number })
  /** `severity` is the last one: a clear keeps it. `actor`, `commandId` and `reason` of a manual clear. */
  | (Observed & {
      kind: 'AlarmCleared'
      cause: ClearCause
      /** When the rule had become false, after its delay, by the device's time; by ours where a person or a retirement cleared it. */
      clearedAtMs: number
      severity: Severity
      occurrences: number
      actor: string | null
      commandId: string | null
      reason: string | null
    })
  | (Observed & { kind: 'ConditionUnknown'; was: 'normal' | 'active'; reason: string })
  | (Observed & { kind: 'ConditionKnown'; is: 'normal' | 'active' })
  | (Acted & { kind: 'Acknowledged' })
  /** `was`: closing is withdrawn for the same reasons. */
  | {
      kind: 'AckWithdrawn'
      by: 'operator' | 'reraise' | 'escalation' | 'realarm'
      was: 'ack' | 'closed'
      actor: string | null
      commandId: string | null
    }
  | (Acted & { kind: 'Closed'; reason: string })
  | (Acted & { kind: 'Commented'; text: string })
  | (Acted & { kind: 'Assigned'; to: string | null; ticket: string | null })
  | (Acted & { kind: 'Shelved'; untilMs: number | null; oneShot: boolean; reason: string })
  | { kind: 'Unshelved'; cause: 'operator' | 'expired' | 'cleared'; actor: string | null; commandId: string | null }
  | { kind: 'Suppressed'; suppressor: Suppressor; reason: string }
  | { kind: 'Unsuppressed'; by: string; cause: 'ended' | 'expired' }
  | { kind: 'FlappingStarted'; edges: number }
  | { kind: 'FlappingStopped'; edges: number }
  | { kind: 'Correlated'; situation: string; role: SituationRole; reason: string }
  | { kind: 'Uncorrelated'; situation: string }
  /** Critical, acknowledged and active for too long: it goes back to the operators; `times` within this episode. */
  | { kind: 'Escalated'; times: number; acknowledgedAtMs: number }
  | { kind: 'Purged' }
  | (Late & { kind: 'EpisodeFoundLate'; raisedAtMs: number; clearedAtMs: number; severity: Severity; evidence: Evidence })
  /** Null: that part stands as it was known. */
  | (Late & { kind: 'AlarmAmended'; of: EpisodeRef; raisedAtMs: number | null; clearedAtMs: number | null; severity: Severity | null })
  | (Late & { kind: 'AlarmRetracted'; of: EpisodeRef })
  /** The next two are kept in the state only, never written to the log (`isForLog`). */
  | (Observed & {
      kind: 'ObservationCounted'
      /** Null: it could not tell, again. */
      verdict: Verdict | null
      /** Of the observation; not read unless it was active. */
      severity: Severity | null
      evidence: Evidence | null
      staleAt: Deadline | null
    })
  | { kind: 'CommandNoted'; commandId: string }

type Late = { sourceEventId: string; reason: string; ruleVersion: number }

export type AlarmEvent = Happening & {
  /** Live episode that it is about; of `EpisodeFoundLate` the number among those found late. */
  episode: number
  atMs: number
  /** Counts the events of the stream that stand in the log, from 1. With the stream's id it is the id of the event. */
  version: number
}
export type AlarmEventKind = AlarmEvent['kind']
export type AlarmEventOf<K extends AlarmEventKind> = Extract<AlarmEvent, { kind: K }>

/** An event as the log holds it: whose it is, and what. */
export type RecordedAlarmEvent = { stream: string; key: AlarmKey; event: AlarmEvent }

/** The record that it came about by: the same on every replay. */
export type AlarmSource = { topic: LogTopic; logId: string; partition: number; offset: number }

/** Whom an alarm is for, by the rule and the inventory as they were when it was raised. */
export type Audience = {
  class: DeviceClass | 'group' | 'platform'
  /** The rule's own wish for this class. */
  notifies: boolean
  model: string
  site: string
}

/** One record of the log topic `alarms`. `<stream>#<version>` is its id: readers drop those that they know. */
export type AlarmRecord = RecordedAlarmEvent & {
  tenant: string
  subject: string
  source: AlarmSource
  /** With `AlarmRaised`; left out by earlier releases, and where nobody but the stage itself could know. */
  audience?: Audience
}

export const isForLog = ({ kind }: AlarmEvent): boolean => kind !== 'ObservationCounted' && kind !== 'CommandNoted'
