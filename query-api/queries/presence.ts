/** Presence and boots: the latest state with the moment it began, and the histories. */
import type { CursorPart } from '../domain/cursor.ts'
import type { TimeRange } from '../domain/time.ts'
import { knownBy, knownParams, msOf, observedRange, placedParam, type Scope, timeParam } from './scope.ts'
import { momentParams, ofSubject } from './state.ts'
import { askTogether, msOfText, type Part } from './together.ts'

export type PresenceState = 'online' | 'offline' | 'unknown'
export type PresenceNowRow = {
  subject: string
  state: PresenceState
  since_ms: number
  reason: string | null
  session_id: string | null
  /** Why it is offline, '' where that is not told; left out by `presenceOf`. */
  cause?: string
}

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
SELECT subject, any(state_now) AS state, ${msOf('minIf(observed_at, place > others_until)')} AS since_ms, any(reason_now) AS reason, any(session_now) AS session_id, any(cause_now) AS cause
FROM (
  SELECT subject, observed_at, place, state_now, reason_now, session_now, cause_now, maxIf(place, state != state_now) OVER (PARTITION BY subject) AS others_until
  FROM (
    SELECT subject, observed_at, (observed_at, received_at, offset) AS place, toString(presence.state) AS state,
      last_value(toString(presence.state)) OVER w AS state_now, tupleElement(last_value(tuple(reason)) OVER w, 1) AS reason_now,
      tupleElement(last_value(tuple(session_id)) OVER w, 1) AS session_now, last_value(presence.cause) OVER w AS cause_now
    FROM presence WHERE tenant = {tenant:String} AND subject IN {subjects:Array(String)} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)}
    WINDOW w AS (PARTITION BY subject ORDER BY observed_at, received_at, offset ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  )
) GROUP BY subject`,
    { tenant, subjects: [...subjects], at_ms: atMs, ...knownParams(knownMs) },
  )
}

type PresenceChange = {
  observed_at_ms: number
  received_at_ms: number
  offset: number
  state: PresenceState
  reason: string | null
  session_id: string | null
}

/** Repeats of a state are rare (a recorder that comes back says it again), so that few rows nearly always show where it began. */
const changesRead = 200

/** The newest changes of one subject; `presenceOf` makes a state of them. */
export const presenceChanges = (params: Record<string, unknown>, knownMs: number | null): Part<PresenceChange> => ({
  cells: ['observed_at', 'received_at', 'offset', 'state', 'reason', 'session_id'],
  read: ([observedAt, receivedAt, offset, state, reason, session_id]: [
    string,
    string,
    number | string,
    PresenceState,
    string | null,
    string | null,
  ]) => ({ observed_at_ms: msOfText(observedAt), received_at_ms: msOfText(receivedAt), offset: Number(offset), state, reason, session_id }),
  from: `presence WHERE ${ofSubject} AND observed_at <= ${placedParam('at')}${knownBy(knownMs)} ORDER BY observed_at DESC, received_at DESC, offset DESC LIMIT ${String(changesRead)}`,
  params,
})

/** Asks `presenceAt` where the rows read do not reach back to the beginning of the state. */
export const presenceOf = async (
  scope: Scope,
  changes: readonly PresenceChange[],
  { subject, atMs, knownMs }: { subject: string; atMs: number; knownMs: number | null },
): Promise<Omit<PresenceNowRow, 'subject'> | undefined> => {
  const newestFirst = [...changes].sort(
    (a, b) => b.observed_at_ms - a.observed_at_ms || b.received_at_ms - a.received_at_ms || b.offset - a.offset,
  )
  const newest = newestFirst[0]
  if (newest === undefined) return undefined
  const others = newestFirst.findIndex(({ state }) => state !== newest.state)
  if (others === -1 && newestFirst.length === changesRead) return (await presenceAt(scope, [subject], atMs, knownMs))[0]
  const began = newestFirst[(others === -1 ? newestFirst.length : others) - 1] ?? newest
  return { state: newest.state, since_ms: began.observed_at_ms, reason: newest.reason, session_id: newest.session_id }
}

/** The recorder writes a tick every 5 s: a longer silence is no late tick, it did not run. */
const tickSilenceMs = 15_000
/** So long after a start it judges who has been silent; until then presence is what was last said before. */
const judgedAfterMs = 90_000

/** So far around the moment the ticks are read at first: while it ran, some are there on both sides. */
const ticksBeforeMs = judgedAfterMs + 60_000
const ticksAfterMs = 60_000

type RecorderGap = { fromMs: number | null; toMs: number | null }
type TickRow = { at_ms: number }

const ticks = (knownMs: number | null): string =>
  `messages WHERE tenant = {tenant:String} AND subject = 'all' AND outcome = 'tick'${knownBy(knownMs)}`
const tickPart = (from: string, params: Record<string, unknown>): Part<TickRow> => ({
  cells: ['received_at'],
  read: ([at]: [string]) => ({ at_ms: msOfText(at) }),
  from,
  params,
})

export const ticksAround = ({ tenant }: Scope, atMs: number, knownMs: number | null): Part<TickRow> =>
  tickPart(`${ticks(knownMs)} AND received_at > ${timeParam('ticks_from_ms')} AND received_at <= ${timeParam('ticks_to_ms')}`, {
    tenant,
    ticks_from_ms: Math.max(0, atMs - ticksBeforeMs),
    ticks_to_ms: atMs + ticksAfterMs,
    ...knownParams(knownMs),
  })

/**
 * The time around `atMs` in which the recorder was not running, so that presence is only what was last said; null when it ran.
 * `fromMs` null: it had not run before; `toMs` null: it has not since. A recorder without ticks says nothing.
 */
export const recorderGap = async (
  scope: Scope,
  around: readonly TickRow[],
  { atMs, knownMs, nowMs }: { atMs: number; knownMs: number | null; nowMs: number },
): Promise<RecorderGap | null> => {
  const settledMs = Math.max(0, atMs - judgedAfterMs)
  const times = [...new Set(around.map((row) => row.at_ms))].sort((a, b) => a - b)
  const before = times.filter((ms) => ms <= atMs)
  let next = times.find((ms) => ms > atMs) ?? null
  // Nothing has ticked yet after now.
  const isNextFar = next === null && atMs + ticksAfterMs < nowMs
  const isLastFar = !before.some((ms) => ms <= settledMs)
  if (isNextFar || isLastFar) {
    const params = { tenant: scope.tenant, tick_at_ms: atMs, settled_ms: settledMs, ...knownParams(knownMs) }
    const [last, first] = await askTogether(scope.warehouse, [
      tickPart(`${ticks(knownMs)} AND received_at <= ${timeParam('settled_ms')} ORDER BY received_at DESC LIMIT 1`, params),
      tickPart(`${ticks(knownMs)} AND received_at > ${timeParam('tick_at_ms')} ORDER BY received_at LIMIT 1`, params),
    ])
    if (isLastFar) before.unshift(...last.map((row) => row.at_ms))
    next ??= first[0]?.at_ms ?? null
  }
  if (before.length === 0 && next === null) return null
  const settled = before.findLastIndex((ms) => ms <= settledMs)
  const counted = settled === -1 ? before : before.slice(settled)
  let gap: RecorderGap | null = counted.length === 0 ? { fromMs: null, toMs: next } : null
  for (const [index, fromMs] of counted.entries()) {
    const toMs = counted[index + 1] ?? next
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
  cause: string
}

export const presenceHistory = ({ warehouse, tenant }: Scope, query: HistoryQuery): Promise<PresenceRow[]> =>
  warehouse.query<PresenceRow>(
    `SELECT ${msOf('observed_at')} AS observed_at_ms, ${msOf('received_at')} AS received_at_ms, toUInt32(partition) AS partition, toFloat64(offset) AS offset, toString(state) AS state, reason, session_id, cause
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

/**
 * The newest boot at that time, as `oneBootEach` tells boots, in one step. What a device says of a boot it says after it: the
 * boot counts from its beginning, with all that is known of it.
 */
export const bootPart = (
  params: Record<string, unknown>,
  knownMs: number | null,
  isCounted = false,
): Part<BootRow & { boots: number }> => ({
  cells: [
    'min(observed_at) AS began_at',
    'boot_id',
    'min((received_at, partition, offset)) AS came',
    "argMin(tuple(reason, uptime_before_seconds, task_id, evidence), (evidence != 'told', observed_at, received_at, offset))",
    isCounted ? 'count() OVER ()' : '0',
  ],
  read: ([beganAt, boot_id, [cameAt, partition, offset], [reason, uptime_before_seconds, task_id, evidence], boots]: [
    string,
    string,
    [string, number, number | string],
    [string | null, number | null, string | null, BootRow['evidence']],
    number | string,
  ]) => ({
    observed_at_ms: msOfText(beganAt),
    received_at_ms: msOfText(cameAt),
    partition,
    offset: Number(offset),
    boot_id,
    reason,
    uptime_before_seconds,
    task_id,
    evidence,
    boots: Number(boots),
  }),
  from: `boots WHERE ${ofSubject}${knownBy(knownMs)} GROUP BY boot_id, if(boot_id = '', (partition, offset), (0, 0)) HAVING began_at <= ${placedParam('at')}
ORDER BY began_at DESC, (came.1, came.3) DESC LIMIT 1`,
  params,
})

/** Devices have few boots: more signs than this and the engine puts them together. */
const signsRead = 500

/** The signs of all boots: to read them is cheaper than to plan how they are put together, which `bootOf` does. */
export const bootSigns = (params: Record<string, unknown>, knownMs: number | null): Part<BootRow> => ({
  cells: ['observed_at', 'received_at', 'partition', 'offset', 'boot_id', 'reason', 'uptime_before_seconds', 'task_id', 'evidence'],
  read: ([observedAt, receivedAt, partition, offset, boot_id, reason, uptime_before_seconds, task_id, evidence]: [
    string,
    string,
    number,
    number | string,
    string,
    string | null,
    number | null,
    string | null,
    BootRow['evidence'],
  ]) => ({
    observed_at_ms: msOfText(observedAt),
    received_at_ms: msOfText(receivedAt),
    partition,
    offset: Number(offset),
    boot_id,
    reason,
    uptime_before_seconds,
    task_id,
    evidence,
  }),
  from: `boots WHERE ${ofSubject}${knownBy(knownMs)} LIMIT ${String(signsRead)}`,
  params,
})

/** The newest boot of these signs, as `bootPart` finds it. */
export const bootOf = async (
  scope: Scope,
  signs: readonly BootRow[],
  { subject, atMs, knownMs }: { subject: string; atMs: number; knownMs: number | null },
): Promise<BootRow | undefined> => {
  if (signs.length === signsRead) return bootAt(scope, subject, atMs, knownMs)
  const boots = Map.groupBy(signs, (sign) =>
    sign.boot_id === '' ? `${String(sign.partition)} ${String(sign.offset)}` : `id ${sign.boot_id}`,
  )
  const began = [...boots.values()].map(oneBoot).flatMap((boot) => (boot === undefined || boot.observed_at_ms > atMs ? [] : [boot]))
  return leastBy(
    began,
    (one, other) => other.observed_at_ms - one.observed_at_ms || other.received_at_ms - one.received_at_ms || other.offset - one.offset,
  )
}

const oneBoot = (signs: readonly BootRow[]): BootRow | undefined => {
  const first = leastBy(signs, (one, other) => one.observed_at_ms - other.observed_at_ms)
  const came = leastBy(
    signs,
    (one, other) => one.received_at_ms - other.received_at_ms || one.partition - other.partition || one.offset - other.offset,
  )
  const told = leastBy(
    signs,
    (one, other) =>
      Number(one.evidence !== 'told') - Number(other.evidence !== 'told') ||
      one.observed_at_ms - other.observed_at_ms ||
      one.received_at_ms - other.received_at_ms ||
      one.offset - other.offset,
  )
  if (first === undefined || came === undefined || told === undefined) return undefined
  const { received_at_ms, partition, offset } = came
  return { ...told, observed_at_ms: first.observed_at_ms, received_at_ms, partition, offset }
}

const leastBy = <T>(items: readonly T[], compare: (one: T, other: T) => number): T | undefined =>
  items.reduce<T | undefined>((least, item) => (least === undefined || compare(item, least) < 0 ? item : least), undefined)

/** None when the device never told of one. */
export const bootAt = async (
  scope: Scope,
  subject: string,
  atMs: number,
  knownMs: number | null = null,
): Promise<(BootRow & { boots: number }) | undefined> => {
  const [rows] = await askTogether(scope.warehouse, [bootPart(momentParams(scope, { subject, atMs, knownMs }), knownMs, true)])
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
