/** One episode as the table `alarm_episodes` holds it, or as `alarm-fold.ts` makes it of its events; and whether it fits a filter. */
import type { DeviceClass, Severity } from '../../model/alarm.ts'

/** Which episode, and of what: columns that its row and the rows of its events share. */
export type EpisodeOf = {
  subject: string
  stream: string
  episode: number
  found_late: 0 | 1
  resource: string
  type: string
  qualifier: string
}

export type AlarmRow = EpisodeOf & {
  raised_ms: number
  detected_ms: number
  cleared_ms: number | null
  severity: Severity
  severity_max: Severity
  first_raised_ms: number
  first_cleared_ms: number | null
  first_severity: Severity
  retracted: 0 | 1
  amendments: number
  amended_reason: string
  condition: string
  clear_cause: string
  operator: 'none' | 'ack' | 'closed'
  operator_actor: string
  acknowledged_ms: number | null
  closed_reason: string
  assignee: string
  ticket: string
  comments: number
  shelf: 'none' | 'timed' | 'oneShot'
  shelved_until_ms: number | null
  suppressed_by: string[]
  flapping: 0 | 1
  situation: string
  situation_role: string
  unknown_ms: number
  occurrences: number
  escalations: number
  rule_version: number
  /** JSON of the newest evidence; '' none. */
  evidence: string
  purged: 0 | 1
  rank: number
}

export type AlarmState = 'active' | 'cleared' | 'all'

/** What of an episode may change, so that a filter on it fits at one moment and not at another. */
export type ChangingFilter = {
  state: AlarmState
  /** Any of these; null: all. */
  severities: readonly Severity[] | null
  /** In any of these; null: all. */
  situation: readonly string[] | null
  /** In their situation; left out: any, or in none. */
  role?: 'root' | 'symptom'
  /** False: without those that a situation explains. Left out: with them. */
  symptoms?: boolean
  operator: 'none' | 'ack' | 'closed' | null
  /** True: acknowledged or closed. */
  acknowledged: boolean | null
  shelved: boolean | null
  /** By anything that stands, or by nothing. */
  suppressed: boolean | null
  /** Suppressed by a maintenance window, or by none. */
  maintenance: boolean | null
  /** Those that stood at some time of the range. */
  fromMs: number | null
  toMs: number | null
}

export type AlarmFilter = ChangingFilter & {
  subject: string | null
  site: string | null
  type: string | null
  class: DeviceClass | null
  foundLate: boolean | null
}

export const everyAlarm: AlarmFilter = {
  subject: null,
  site: null,
  type: null,
  state: 'all',
  severities: null,
  class: null,
  situation: null,
  operator: null,
  acknowledged: null,
  shelved: null,
  suppressed: null,
  maintenance: null,
  foundLate: null,
  fromMs: null,
  toMs: null,
}

/** As the conditions of `queries/alarms.ts` do it in SQL. */
export const fits = (row: AlarmRow, filter: ChangingFilter): boolean => {
  const { state, severities, situation, role, symptoms, fromMs, toMs } = filter
  if (state === 'active' && !isStanding(row)) return false
  if (state === 'cleared' && (row.cleared_ms === null || row.retracted === 1 || row.purged === 1)) return false
  if (severities !== null && !severities.includes(row.severity)) return false
  if (situation !== null && !situation.includes(row.situation)) return false
  if (role !== undefined && row.situation_role !== role) return false
  if (symptoms === false && row.situation_role === 'symptom') return false
  if (!fitsHandling(row, filter)) return false
  if (fromMs !== null && row.cleared_ms !== null && row.cleared_ms < fromMs) return false
  return toMs === null || row.raised_ms < toMs
}

/** What people and windows did about it, and what holds it down. */
const fitsHandling = (row: AlarmRow, { operator, acknowledged, shelved, suppressed, maintenance }: ChangingFilter): boolean =>
  (operator === null || row.operator === operator) &&
  (acknowledged === null || (row.operator !== 'none') === acknowledged) &&
  (shelved === null || (row.shelf !== 'none') === shelved) &&
  (suppressed === null || row.suppressed_by.length > 0 === suppressed) &&
  (maintenance === null || row.suppressed_by.some(isMaintenance) === maintenance)

/** Ids of alarms have a colon, those of maintenance windows none. */
export const isMaintenance = (suppressor: string): boolean => !suppressor.includes(':')

export const isStanding = ({ cleared_ms, retracted }: AlarmRow): boolean => cleared_ms === null && retracted === 0
