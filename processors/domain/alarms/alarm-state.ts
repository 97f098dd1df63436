/**
 * The state of one stream of alarms: a product of independent regions. Plain JSON, small: 20,000 devices have some of them,
 * and a stream that was never raised has none (`packed-state.ts`).
 */
import type { Deadline } from '../../../model/alarm-event.ts'
import type { Evidence, Severity, Suppressor } from '../../../model/alarm.ts'

export type Condition =
  | { is: 'normal' }
  | { is: 'raising'; sinceMs: number; deadline: Deadline; severity: Severity }
  | { is: 'active'; staleAt: Deadline | null }
  | { is: 'clearing'; sinceMs: number; deadline: Deadline }
  /** The rule cannot tell; neither up nor down. Delays that ran are cancelled. */
  | { is: 'unknown'; was: 'normal' | 'active'; sinceMs: number }

export type OperatorState = {
  is: 'none' | 'ack' | 'closed'
  /** Since when, by whom; null while none. */
  sinceMs: number | null
  actor: string | null
  assignee: string | null
  ticket: string | null
  comments: number
  escalations: number
}

export type Shelf = { is: 'none' } | { is: 'timed'; untilMs: number; reason: string } | { is: 'oneShot'; reason: string }

export type Stability = { is: 'stable' | 'flapping' /** Times of raises and clears, ascending. */; edges: readonly number[] }

export type Situation = { is: 'none' } | { is: 'root' | 'symptom'; of: string }

/** Ids that were applied, oldest first; `forgottenMs`: time of the newest that was dropped. */
export type AppliedIds = { ids: readonly { id: string; atMs: number }[]; forgottenMs: number | null }

export type EpisodeFacts = {
  severity: Severity
  raisedAtMs: number
  detectedAtMs: number
  clearedAtMs: number | null
  /** Active observations. */
  occurrences: number
  /** 15-minute period of the newest evidence that was written. */
  evidenceRop: number
}

export type AlarmState = {
  condition: Condition
  operator: OperatorState
  shelf: Shelf
  suppressedBy: readonly Suppressor[]
  stability: Stability
  situation: Situation
  /** Number of raises so far: the id of the present or last episode. */
  episode: number
  /** Null before the first raise. */
  last: EpisodeFacts | null
  /** The newest evidence of what is raising or stands. */
  evidence: Evidence | null
  /** Active observations while raising. */
  suspected: number
  episodesFoundLate: number
  lastObservedAtMs: number | null
  /** Observations that were applied at exactly `lastObservedAtMs`. */
  momentIds: readonly string[]
  commands: AppliedIds
  late: AppliedIds
  ruleVersion: number
  purged: boolean
  version: number
}

const noIds: AppliedIds = { ids: [], forgottenMs: null }
export const nobody: OperatorState = {
  is: 'none',
  sinceMs: null,
  actor: null,
  assignee: null,
  ticket: null,
  comments: 0,
  escalations: 0,
}

export const initialAlarmState: AlarmState = {
  condition: { is: 'normal' },
  operator: nobody,
  shelf: { is: 'none' },
  suppressedBy: [],
  stability: { is: 'stable', edges: [] },
  situation: { is: 'none' },
  episode: 0,
  last: null,
  evidence: null,
  suspected: 0,
  episodesFoundLate: 0,
  lastObservedAtMs: null,
  momentIds: [],
  commands: noIds,
  late: noIds,
  ruleVersion: 0,
  purged: false,
  version: 0,
}

/** True while an episode stands: raised, perhaps on its way to clear, perhaps unknown. */
export const isLive = ({ condition }: Pick<AlarmState, 'condition'>): boolean =>
  condition.is === 'active' || condition.is === 'clearing' || (condition.is === 'unknown' && condition.was === 'active')

export const isCleared = (state: AlarmState): boolean => state.episode > 0 && !isLive(state)
