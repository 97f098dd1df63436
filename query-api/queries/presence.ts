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
SELECT subject, any(state_now) AS state, ${msOf('minIf(observed_at, place > others_until)')} AS since_ms, any(reason_now) AS reason, any(session_now) AS session_id
FROM (
  SELECT subject, observed_at, place, state_now, reason_now, session_now, maxIf(place, state != state_now) OVER (PARTITION BY subject) AS others_until
  FROM (
    SELECT subject, observed_at, (observed_at, received_at, offset) AS place, toString(presence.state) AS state,
      last_value(toString(presence.state)) OVER w AS state_now, tupleElement(last_value(tuple(reason)) OVER w, 1) AS reason_now,
      tupleElement(last_value(tuple(session_id)) OVER w, 1) AS session_now
    FROM presence WHERE tenant = {tenant:String} AND subject IN {subjects:Array(String)} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)}
    WINDOW w AS (PARTITION BY subject ORDER BY observed_at, received_at, offset ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  )
) GROUP BY subject`,
    { tenant, subjects: [...subjects], at_ms: atMs, ...knownParams(knownMs) },
  )
}

/** The recorder writes a tick every 5 s: a longer silence is no late tick, it did not run. */
const tickSilenceMs = 15_000
/** So long after a start it judges who has been silent; until then presence is what was last said before. */
const judgedAfterMs = 90_000

type RecorderGap = { fromMs: number | null; toMs: number | null }

/**
 * The time around `atMs` in which the recorder was not running, so that presence is only what was last said; null when it ran.
 * `fromMs` null: it had not run before; `toMs` null: it has not since. A recorder without ticks says nothing.
 */
export const recorderGapAt = async ({ warehouse, tenant }: Scope, atMs: number, knownMs: number | null): Promise<RecorderGap | null> => {
  const ticks = `FROM messages WHERE tenant = {tenant:String} AND subject = 'all' AND outcome = 'tick'${knownBy(knownMs)}`
  const ms = `${msOf('received_at')} AS at_ms`
  const rows = await warehouse.query<{ at_ms: number }>(
    `SELECT at_ms FROM (SELECT ${ms} ${ticks} AND received_at <= ${timeParam('settled_ms')} ORDER BY received_at DESC LIMIT 1)
UNION ALL SELECT DISTINCT ${ms} ${ticks} AND received_at > ${timeParam('settled_ms')} AND received_at <= ${timeParam('at_ms')}
UNION ALL SELECT at_ms FROM (SELECT ${ms} ${ticks} AND received_at > ${timeParam('at_ms')} ORDER BY received_at LIMIT 1)`,
    { tenant, at_ms: atMs, settled_ms: Math.max(0, atMs - judgedAfterMs), ...knownParams(knownMs) },
  )
  if (rows.length === 0) return null
  const times = rows.map((row) => row.at_ms).sort((a, b) => a - b)
  const before = times.filter((ms) => ms <= atMs)
  const edges = [...before, times.find((ms) => ms > atMs) ?? null]
  let gap: RecorderGap | null = before.length === 0 ? { fromMs: null, toMs: edges[0] ?? null } : null
  for (const [index, fromMs] of before.entries()) {
    const toMs = edges[index + 1] ?? null
    if ((toMs ?? atMs) - fromMs > tickSilenceMs) gap = { fromMs, toMs }
  }
  return gap
}

export type HistoryQuery = TimeRange & {
  subject: string
  /** Only what had arrived by then; null: all. */
  knownMs: number | null
  descending: boolean
  limit: number
  after: CursorPart[] | null
}
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

/**
 * All signs of one boot id (told, and a new id) are one boot: it began at the earliest of them, was known by the first that
 * arrived, and says what the device told of it. Boots without an id are one each.
 */
export const oneBootEach = (signs: string): string => `
SELECT s.tenant AS tenant, s.subject AS subject, s.boot_id AS boot_id, min(s.observed_at) AS observed_at, min(s.received_at) AS received_at,
  argMin(s.log_id, ${arrivedFirst}) AS log_id, argMin(s.partition, ${arrivedFirst}) AS partition, argMin(s.offset, ${arrivedFirst}) AS offset,
  ${toldFirst('reason')}, ${toldFirst('uptime_before_seconds')}, ${toldFirst('task_id')}, ${toldFirst('evidence')}
FROM (SELECT * FROM boots WHERE ${signs}) AS s GROUP BY tenant, subject, boot_id, if(s.boot_id = '', (s.partition, s.offset), (0, 0))`
const arrivedFirst = '(s.received_at, s.partition, s.offset)'
const toldFirst = (column: string): string =>
  `tupleElement(argMin(tuple(s.${column}), (s.evidence != 'told', s.observed_at, s.received_at, s.offset)), 1) AS ${column}`

const bootColumns = `${msOf('observed_at')} AS observed_at_ms, ${msOf('received_at')} AS received_at_ms, toUInt32(partition) AS partition, toFloat64(offset) AS offset,
  boot_id, reason, uptime_before_seconds, task_id, toString(evidence) AS evidence`

/** A boot has few signs and a device few boots: all are read, or one whose signs lie on both sides of an end would be two. */
export const bootHistory = ({ warehouse, tenant }: Scope, query: HistoryQuery): Promise<BootRow[]> =>
  warehouse.query<BootRow>(
    `SELECT ${bootColumns} FROM (${oneBootEach(`tenant = {tenant:String} AND subject = {subject:String}${knownBy(query.knownMs)}`)}) AS t
WHERE ${historyConditions(query)} ${historyOrder(query)}`,
    historyParams(tenant, query),
  )

/** The newest boot at that time; none when the device never told of one. */
export const bootAt = async (
  { warehouse, tenant }: Scope,
  subject: string,
  atMs: number,
  knownMs: number | null = null,
): Promise<(BootRow & { boots: number }) | undefined> => {
  // What a device says of a boot it says after it: the boot counts from its beginning, with all that is known of it.
  const signs = `tenant = {tenant:String} AND subject = {subject:String}${knownBy(knownMs)}`
  const rows = await warehouse.query<BootRow & { boots: number }>(
    `SELECT ${bootColumns}, toFloat64(count() OVER ()) AS boots FROM (${oneBootEach(signs)}) AS t WHERE t.observed_at <= ${timeParam('at_ms')}
ORDER BY t.observed_at DESC, t.received_at DESC, t.offset DESC LIMIT 1`,
    { tenant, subject, at_ms: atMs, ...knownParams(knownMs) },
  )
  return rows[0]
}

/** Conditions, order and parameters of a history (its table is named `t`): keyset paging over (time, partition, offset). */
export const historyConditions = ({ descending, after, knownMs }: Pick<HistoryQuery, 'descending' | 'after' | 'knownMs'>): string => {
  const beyond = descending ? '<' : '>'
  const cursor =
    after === null
      ? ''
      : ` AND (toUnixTimestamp64Milli(t.observed_at), toUInt64(t.partition), t.offset) ${beyond} ({after_ms:Int64}, {after_partition:UInt64}, {after_offset:UInt64})`
  return `tenant = {tenant:String} AND subject = {subject:String} AND ${observedRange}${knownBy(knownMs)}${cursor}`
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
  ...knownParams(query.knownMs),
  ...(query.after === null ? {} : { after_ms: query.after[0], after_partition: query.after[1], after_offset: query.after[2] }),
})
