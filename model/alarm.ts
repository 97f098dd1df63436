/**
 * Words of the alarm engine: what an alarm is about, how bad it is, what is told to a stream of alarms (commands) and what
 * became of it (events). An alarm is a state of (resource, type, qualifier), never a notification; condition, operator state
 * and visibility are regions of their own (RFC 8632). Rules make `Observe` and `ObserveUnknown`; `processors/domain/alarms`
 * decides; the log topic `alarms` carries the events. Times are epoch milliseconds and always come in from outside.
 */
import type { LogTopic } from './ports.ts'

/** Ascending. "cleared" is no severity (RFC 8632); integers differ between standards, so only names are stored. */
export const severities = ['indeterminate', 'warning', 'minor', 'major', 'critical'] as const
export type Severity = (typeof severities)[number]

export const severityRank: Readonly<Record<Severity, number>> = { indeterminate: 0, warning: 1, minor: 2, major: 3, critical: 4 }

export const graver = (a: Severity, b: Severity): Severity => (severityRank[b] > severityRank[a] ? b : a)

/** ITU-T X.733, and X.736 from `integrity-violation` on. */
export const eventTypes = [
  'communications',
  'quality-of-service',
  'processing-error',
  'equipment',
  'environmental',
  'integrity-violation',
  'operational-violation',
  'physical-violation',
  'security-service-violation',
  'time-domain-violation',
] as const
export type AlarmEventType = (typeof eventTypes)[number]

/** Who an alarm pages for: critical and business devices, groups and the platform notify; a home device alone never does. */
export const deviceClasses = ['critical', 'business', 'home'] as const
export type DeviceClass = (typeof deviceClasses)[number]

export type AlarmKey = {
  /** `<product>/<model>/<mac>[/component]`, or the group's key: `cell/00101-1234`. */
  resource: string
  /** Type id of the inventory: `presence.offline`. */
  type: string
  /** Tells alarms of one type on one resource apart; '' when there is only one. */
  qualifier: string
}

/** One entry of the inventory. A type that is not in it cannot be raised. */
export type AlarmType = {
  type: string
  eventType: AlarmEventType
  /** False: nothing observes the end; a person clears it, or for `eventOnly` the lack of a repeat. */
  willClear: boolean
  /** It reports what happened (a panic), not what is: cleared after `staleAfterMs` without a repeat, never unknown. */
  eventOnly: boolean
  /** All that its rule may give. */
  severities: readonly Severity[]
  /** Probable cause, in words. */
  cause: string
  /** What a person can do about it. */
  action: string
  /** Page under docs/runbooks, or an address. */
  runbook: string
}

/** How long a condition must stand before it raises, and be gone before it clears. */
export type AlarmDelays = {
  onDelayMs: number
  offDelayMs: number
  /** Of `eventOnly` types: cleared when nothing came again for this long; 24 h where it is not given. */
  staleAfterMs?: number
}

// ----------------------------------------------------------------------------------------------------------- evidence

/** At most so many values go with one piece of evidence; the rule names the ones that decided. */
export const evidenceValuesMax = 8

export type EvidenceValue = {
  /** Metric or signal: `cellular.rsrp`. */
  name: string
  value: number | string | null
  /** UCUM, '' where it has none. */
  unit: string
  observedAtMs: number
}

/** What a verdict rests on, so that a person can go and read it: records of the log, and the values in them. */
export type Evidence = {
  topic: LogTopic
  partition: number
  /** Both included; equal for one record. */
  firstOffset: number
  lastOffset: number
  values: readonly EvidenceValue[]
  /** The levels that were compared with; null for rules without. X.733 wants both stored. */
  raiseLevel: number | null
  clearLevel: number | null
}

// ----------------------------------------------------------------------------------------------------------- commands

/** `between`: inside the hysteresis band, neither raised nor cleared; it changes nothing. */
export type Verdict = 'active' | 'between' | 'inactive'

/** A rule's verdict about one stream at one moment of the device's own time. */
export type Observe = {
  kind: 'Observe'
  /** Derived, the same on a replay: `<topic>:<partition>:<offset>` or finer. Applied once per stream. */
  sourceEventId: string
  verdict: Verdict
  /** The step that was reached; of the type's `severities`. Not read unless `active`. */
  severity: Severity
  observedAtMs: number
  /** The stage's time (ticks): when we knew. */
  atMs: number
  /**
   * Newest time that the rule had read of this device before this: an observation older than it is late and history only.
   * Of the rule's own inputs, since two topics of one device overtake each other by milliseconds. Streams that stand in normal
   * keep no state, so it comes with the command; null: only what the stream itself has seen counts.
   */
  watermarkMs: number | null
  ruleVersion: number
  /** Null only for `inactive` and `between`. */
  evidence: Evidence | null
}

/** The rule can no longer tell (device offline, metric gone). Send it to streams that have a state; a normal one needs none. */
export type ObserveUnknown = {
  kind: 'ObserveUnknown'
  sourceEventId: string
  reason: string
  /** The later of the stage's time and the device's watermark: it is about now, and an older one would be history only. */
  observedAtMs: number
  atMs: number
  watermarkMs: number | null
  ruleVersion: number
}

/** The stage's time has come to `atMs`: every deadline that is due, in order. */
export type TimerFired = { kind: 'TimerFired'; atMs: number }

type Operator = {
  actor: string
  /** The episode that the person saw; another one is refused as stale (HTTP 409). */
  expectedEpisode: number
  /** From the client; a repeat does nothing. */
  commandId: string
  atMs: number
}
export type OperatorCommand = Operator &
  (
    | { kind: 'Acknowledge' }
    | { kind: 'Unacknowledge' }
    | { kind: 'Close'; reason: string }
    | { kind: 'Comment'; text: string }
    | { kind: 'Assign'; to: string | null; ticket: string | null }
    | { kind: 'ClearManually'; reason: string; force: boolean }
    | { kind: 'Shelve'; untilMs: number | null; oneShot: boolean; reason: string }
    | { kind: 'Unshelve' }
  )

/** `by`: id of the alarm (`<stream>:<n>`) or of the maintenance window. `untilMs`: end of a window; null: until `Unsuppress`. */
export type Suppressor = { kind: 'alarm' | 'maintenance'; by: string; untilMs: number | null }

export type SituationRole = 'root' | 'symptom'

export type SystemCommand =
  | { kind: 'Suppress'; suppressor: Suppressor; reason: string; atMs: number }
  | { kind: 'Unsuppress'; by: string; atMs: number }
  | { kind: 'Correlate'; situation: string; role: SituationRole; reason: string; atMs: number }
  | { kind: 'Uncorrelate'; situation: string; atMs: number }
  | { kind: 'RetireRule'; atMs: number }
  | { kind: 'RetireResource'; atMs: number }
  | { kind: 'Purge'; atMs: number }

/** What late evidence showed about the past. They annotate; the live condition stays and nothing notifies. */
export type LateCommand =
  | (LateFinding & { kind: 'FindEpisodeLate'; raisedAtMs: number; clearedAtMs: number; severity: Severity; evidence: Evidence })
  | (LateFinding & { kind: 'Amend'; of: EpisodeRef; raisedAtMs: number | null; clearedAtMs: number | null; severity: Severity | null })
  | (LateFinding & { kind: 'Retract'; of: EpisodeRef })
type LateFinding = { sourceEventId: string; reason: string; ruleVersion: number; atMs: number }

/** Live episodes and those found late are counted apart, so that a live raise is always the last one plus 1. */
export type EpisodeRef = { episode: number; foundLate: boolean }

export type AlarmCommand = Observe | ObserveUnknown | TimerFired | OperatorCommand | SystemCommand | LateCommand
