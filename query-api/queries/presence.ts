/** Presence and boots: the latest state with the moment it began, and the histories. */
import type { CursorPart } from '../domain/cursor.ts'
import type { TimeRange } from '../domain/time.ts'
import { knownBy, knownParams, msOf, observedRange, type Scope, timeParam } from './scope.ts'

export type PresenceState = 'online' | 'offline' | 'unknown'
export type PresenceNowRow = { subject: string; state: PresenceState; since_ms: number; reason: string | null; session_id: string | null }

/** The state at that time, and since when: the first row of it after the last row of another state. */
export const presenceAt = async (
  { warehouse, tenant }: Scope,
  subjects: readonly string[],
  atMs: number,
  knownMs: number | null = null,
): Promise<PresenceNowRow[]> => {
  if (subjects.length === 0) return []
  return warehouse.query<PresenceNowRow>(
    `
SELECT rows.subject AS subject, any(latest.state_now) AS state, ${msOf('minIf(rows.observed_at, rows.observed_at > latest.other_until OR latest.others = 0)')} AS since_ms,
  any(latest.reason_now) AS reason, any(latest.session_now) AS session_id
FROM (SELECT subject, observed_at, state FROM presence WHERE tenant = {tenant:String} AND subject IN {subjects:Array(String)} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)}) AS rows
INNER JOIN (
  SELECT subject, state_now, reason_now, session_now, max(if(state != state_now, observed_at, toDateTime64(0, 3, 'UTC'))) AS other_until, countIf(state != state_now) AS others
  FROM (
    SELECT subject, observed_at, toString(state) AS state,
      last_value(toString(state)) OVER w AS state_now, tupleElement(last_value(tuple(reason)) OVER w, 1) AS reason_now,
      tupleElement(last_value(tuple(session_id)) OVER w, 1) AS session_now
    FROM presence WHERE tenant = {tenant:String} AND subject IN {subjects:Array(String)} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)}
    WINDOW w AS (PARTITION BY subject ORDER BY observed_at, received_at, offset ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  ) GROUP BY subject, state_now, reason_now, session_now
) AS latest ON latest.subject = rows.subject
WHERE toString(rows.state) = latest.state_now
GROUP BY rows.subject`,
    { tenant, subjects: [...subjects], at_ms: atMs, ...knownParams(knownMs) },
  )
}

export type HistoryQuery = TimeRange & { subject: string; descending: boolean; limit: number; after: CursorPart[] | null }
export const historyCursor = ['number', 'number', 'number'] as const

export type PresenceRow = {
  observed_at_ms: number
  received_at_ms: number
  partition: number
  offset: number
  state: PresenceState
  reason: string | null
  session_id: string | null
}

export const presenceHistory = ({ warehouse, tenant }: Scope, query: HistoryQuery): Promise<PresenceRow[]> =>
  warehouse.query<PresenceRow>(
    `SELECT ${msOf('observed_at')} AS observed_at_ms, ${msOf('received_at')} AS received_at_ms, toUInt32(partition) AS partition, toFloat64(offset) AS offset, toString(state) AS state, reason, session_id
FROM presence AS t WHERE ${historyConditions(query)} ${historyOrder(query)}`,
    historyParams(tenant, query),
  )

export type BootRow = {
  observed_at_ms: number
  received_at_ms: number
  partition: number
  offset: number
  boot_id: string
  reason: string | null
  uptime_before_seconds: number | null
  task_id: string | null
  evidence: 'told' | 'new-boot-id' | 'uptime-fell'
}

const bootColumns = `${msOf('observed_at')} AS observed_at_ms, ${msOf('received_at')} AS received_at_ms, toUInt32(partition) AS partition, toFloat64(offset) AS offset,
  boot_id, reason, uptime_before_seconds, task_id, toString(evidence) AS evidence`

export const bootHistory = ({ warehouse, tenant }: Scope, query: HistoryQuery): Promise<BootRow[]> =>
  warehouse.query<BootRow>(
    `SELECT ${bootColumns} FROM boots AS t WHERE ${historyConditions(query)} ${historyOrder(query)}`,
    historyParams(tenant, query),
  )

/** The newest boot at that time; none when the device never told of one. */
export const bootAt = async (
  { warehouse, tenant }: Scope,
  subject: string,
  atMs: number,
  knownMs: number | null = null,
): Promise<(BootRow & { boots: number }) | undefined> => {
  const rows = await warehouse.query<BootRow & { boots: number }>(
    `SELECT ${bootColumns}, toFloat64(count() OVER ()) AS boots FROM boots AS t
WHERE tenant = {tenant:String} AND subject = {subject:String} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)}
ORDER BY t.observed_at DESC, t.received_at DESC, t.offset DESC LIMIT 1`,
    { tenant, subject, at_ms: atMs, ...knownParams(knownMs) },
  )
  return rows[0]
}

/** Conditions, order and parameters of a history (its table is named `t`): keyset paging over (time, partition, offset). */
export const historyConditions = ({ descending, after }: { descending: boolean; after: CursorPart[] | null }): string => {
  const beyond = descending ? '<' : '>'
  const cursor =
    after === null
      ? ''
      : ` AND (toUnixTimestamp64Milli(t.observed_at), toUInt64(t.partition), t.offset) ${beyond} ({after_ms:Int64}, {after_partition:UInt64}, {after_offset:UInt64})`
  return `tenant = {tenant:String} AND subject = {subject:String} AND ${observedRange}${cursor}`
}

export const historyOrder = ({ descending }: { descending: boolean }): string => {
  const direction = descending ? 'DESC' : 'ASC'
  return `ORDER BY t.observed_at ${direction}, t.partition ${direction}, t.offset ${direction} LIMIT {limit:UInt32}`
}

export const historyParams = (tenant: string, query: HistoryQuery): Record<string, unknown> => ({
  tenant,
  subject: query.subject,
  from_ms: query.fromMs,
  to_ms: query.toMs,
  limit: query.limit + 1,
  ...(query.after === null ? {} : { after_ms: query.after[0], after_partition: query.after[1], after_offset: query.after[2] }),
})
