/** The ledger: what was received and what became of it, summed per device or over the fleet. */
import type { TimeRange } from '../domain/time.ts'
import type { CursorPart } from '../domain/cursor.ts'
import { waitingLetters } from './dead-letters.ts'
import { presenceNow } from './devices.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

export type LedgerRow = {
  subject: string
  received: number
  stored: number
  duplicate: number
  quarantined: number
  ambiguous: number
  with_seq: number
  seq_expected: number
  seq_missing: number
}

const sums = ['received', 'stored', 'duplicate', 'quarantined', 'ambiguous', 'with_seq', 'seq_expected', 'seq_missing']
  .map((name) => `toFloat64(sum(entries.${name})) AS ${name}`)
  .join(', ')

const inRange = `tenant = {tenant:String} AND hour >= toStartOfHour(${timeParam('from_ms')}) AND hour < ${timeParam('to_ms')}`

export const ledgerBySubject = (
  { warehouse, tenant }: Scope,
  query: TimeRange & { limit: number; after: CursorPart[] | null; subject: string | null },
): Promise<LedgerRow[]> =>
  warehouse.query<LedgerRow>(
    `SELECT subject, ${sums} FROM ledger AS entries WHERE ${inRange} AND subject > {after:String}${query.subject === null ? '' : ' AND subject = {subject:String}'}
GROUP BY subject ORDER BY subject LIMIT {limit:UInt32}`,
    {
      tenant,
      from_ms: query.fromMs,
      to_ms: query.toMs,
      limit: query.limit + 1,
      after: query.after?.[0] ?? '',
      ...(query.subject === null ? {} : { subject: query.subject }),
    },
  )

export type LedgerTotals = Omit<LedgerRow, 'subject'> & {
  subjects: number
  /** Subjects that number their messages, so that a gap proves a loss. (A will, which the broker sends, has no number.) */
  subjects_provable: number
  subjects_unbalanced: number
}

export const ledgerTotals = async ({ warehouse, tenant }: Scope, range: TimeRange): Promise<LedgerTotals | undefined> => {
  const columns = ['received', 'stored', 'duplicate', 'quarantined', 'ambiguous', 'with_seq', 'seq_expected', 'seq_missing']
  const rows = await warehouse.query<LedgerTotals>(
    `SELECT ${columns.map((name) => `sum(s.${name}) AS ${name}`).join(', ')}, toFloat64(count()) AS subjects,
  toFloat64(countIf(s.with_seq > 0)) AS subjects_provable, toFloat64(countIf(s.received != s.stored + s.duplicate + s.quarantined)) AS subjects_unbalanced
FROM (SELECT subject, ${sums} FROM ledger AS entries WHERE ${inRange} GROUP BY subject) AS s`,
    { tenant, from_ms: range.fromMs, to_ms: range.toMs },
  )
  return rows[0]
}

/** Dead letters that named no subject: they stand in no device's ledger and are counted beside it. */
export const deadLettersWithoutSubject = async ({ warehouse, tenant }: Scope, range: TimeRange): Promise<number> => {
  const rows = await warehouse.query<{ n: number }>(
    `SELECT toFloat64(count()) AS n FROM dead_letters AS letters WHERE tenant = {tenant:String} AND subject = '' AND ${waitingLetters} AND received_at >= toStartOfHour(${timeParam('from_ms')}) AND received_at < ${timeParam('to_ms')}`,
    { tenant, from_ms: range.fromMs, to_ms: range.toMs },
  )
  return rows[0]?.n ?? 0
}

export type MinuteRow = { at_ms: number; messages: number }

/** Messages per minute of arrival, ticks and inventory left out; minutes without any are absent. */
export const messagesPerMinute = ({ warehouse, tenant }: Scope, fromMs: number): Promise<MinuteRow[]> =>
  warehouse.query<MinuteRow>(
    `SELECT ${msOf('toStartOfMinute(received_at)')} AS at_ms, toFloat64(count()) AS messages FROM messages
WHERE tenant = {tenant:String} AND received_at >= ${timeParam('from_ms')} AND outcome NOT IN ('tick', 'inventory', 'command', 'rules', 'verdict', 'maintenance') GROUP BY at_ms ORDER BY at_ms`,
    { tenant, from_ms: fromMs },
  )

export type FleetRow = {
  expected: number
  reported: number
  registered: number
  unregistered: number
  retired: number
  online: number
  offline: number
  unknown: number
}

const heardWithin = `last_received_at >= ${timeParam('now_ms')} - toIntervalSecond(greatest(900, 3 * ifNull(expected_interval_seconds, 300)))`

/** Expected: every device that is not retired. Reported: heard within three of its own intervals, at least 15 minutes. */
export const fleetCounts = async ({ warehouse, tenant }: Scope, nowMs: number): Promise<FleetRow> => {
  const rows = await warehouse.query<FleetRow>(
    `SELECT ${(
      [
        ['expected', 'd.retired = 0'],
        ['reported', `d.retired = 0 AND ${heardWithin}`],
        ['registered', 'd.retired = 0 AND d.registered = 1'],
        ['unregistered', 'd.registered = 0'],
        ['retired', 'd.retired = 1'],
        ['online', `d.retired = 0 AND d.state = 'online'`],
        ['offline', `d.retired = 0 AND d.state = 'offline'`],
        ['unknown', `d.retired = 0 AND d.state NOT IN ('online', 'offline')`],
      ] as const
    )
      .map(([name, condition]) => `toFloat64(countIf(${condition})) AS ${name}`)
      .join(', ')}
FROM (
  SELECT ids.id AS id, toUInt8(i.device_id != '') AS registered, i.retired AS retired, i.expected_interval_seconds AS expected_interval_seconds,
    seen.last_received_at AS last_received_at, p.state AS state
  FROM (
    SELECT device_id AS id FROM devices WHERE tenant = {tenant:String}
    UNION DISTINCT SELECT subject AS id FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device'
  ) AS ids
  LEFT JOIN (SELECT device_id, retired, expected_interval_seconds FROM devices FINAL WHERE tenant = {tenant:String}) AS i ON i.device_id = ids.id
  LEFT JOIN (SELECT subject, max(last_received_at) AS last_received_at FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device' GROUP BY subject) AS seen ON seen.subject = ids.id
  LEFT JOIN (${presenceNow()}) AS p ON p.subject = ids.id
) AS d`,
    { tenant, now_ms: nowMs },
  )
  return rows[0] ?? { expected: 0, reported: 0, registered: 0, unregistered: 0, retired: 0, online: 0, offline: 0, unknown: 0 }
}

/** Of `fleetCounts` the two that stand beside every list, without a look at presence. */
export const reportedOfExpected = async ({ warehouse, tenant }: Scope, nowMs: number): Promise<{ reported: number; expected: number }> => {
  const rows = await warehouse.query<{ reported: number; expected: number }>(
    `SELECT toFloat64(countIf(retired = 0)) AS expected, toFloat64(countIf(retired = 0 AND ${heardWithin})) AS reported FROM (
  SELECT id, max(is_retired) AS retired, max(interval_seconds) AS expected_interval_seconds, max(heard_at) AS last_received_at FROM (
    SELECT device_id AS id, retired AS is_retired, expected_interval_seconds AS interval_seconds, toDateTime64(0, 3, 'UTC') AS heard_at
    FROM devices FINAL WHERE tenant = {tenant:String}
    UNION ALL
    SELECT subject AS id, 0 AS is_retired, NULL AS interval_seconds, seen.last_received_at AS heard_at
    FROM subjects_seen AS seen WHERE tenant = {tenant:String} AND subject_kind = 'device'
  ) GROUP BY id
)`,
    { tenant, now_ms: nowMs },
  )
  return rows[0] ?? { reported: 0, expected: 0 }
}
