/** What each hop counted, for one subject or all, over whole hours of arrival. The comparison is in `domain/ledger-hops.ts`. */
import type { HopInputs } from '../domain/ledger-hops.ts'
import type { LedgerSums } from '../domain/ledger-words.ts'
import { ledgerSums } from '../domain/ledger-words.ts'
import type { TimeRange } from '../domain/time.ts'
import { ledgerBySubject, ledgerTotals } from './ledger.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

const hourMs = 3_600_000
/** A re-driven letter is appended with its old arrival, which is as old as letters are kept: offsets are looked for so far back. */
const lettersKeptDays = 31

/** Accounts are of whole hours, so all hops are counted over these. */
export const wholeHours = ({ fromMs, toMs }: TimeRange): TimeRange => ({
  fromMs: fromMs - (fromMs % hourMs),
  toMs: Math.ceil(toMs / hourMs) * hourMs,
})

const nothing: LedgerSums = {
  received: 0,
  stored: 0,
  duplicate: 0,
  quarantined: 0,
  ambiguous: 0,
  withSeq: 0,
  seqExpected: 0,
  seqMissing: 0,
}

export const hopInputs = async (scope: Scope, range: TimeRange, subject: string | null): Promise<HopInputs> => {
  const [ledger, rows, letters, log] = await Promise.all([
    subject === null
      ? ledgerTotals(scope, range)
      : ledgerBySubject(scope, { ...range, limit: 1, after: null, subject }).then(([row]) => row),
    rowCounts(scope, range, subject),
    letterCounts(scope, range, subject),
    subject === null ? logCounts(scope, range) : null,
  ])
  return { ledger: ledger === undefined ? nothing : ledgerSums(ledger), rows, letters, log }
}

const params = (tenant: string, range: TimeRange, subject: string | null): Record<string, unknown> => ({
  tenant,
  from_ms: range.fromMs,
  to_ms: range.toMs,
  ...(subject === null ? {} : { subject }),
})
const inRange = (subject: string | null, table: string): string =>
  `${table}.tenant = {tenant:String}${subject === null ? '' : ` AND ${table}.subject = {subject:String}`} AND ${table}.received_at >= ${timeParam('from_ms')} AND ${table}.received_at < ${timeParam('to_ms')}`

/** Up to the ledger's mark: an insert that is under way has reached one table and not the other. */
const rowCounts = async ({ warehouse, tenant }: Scope, range: TimeRange, subject: string | null): Promise<HopInputs['rows']> => {
  const of = (...outcomes: string[]): string => `toFloat64(countIf(m.outcome IN (${outcomes.map((name) => `'${name}'`).join(', ')})))`
  const rows = await warehouse.query<HopInputs['rows']>(
    `SELECT ${of('stored')} AS stored, ${of('ambiguous')} AS ambiguous, ${of('duplicate', 'stored_copy')} AS duplicate, ${of('quarantined')} AS quarantined
FROM messages AS m INNER JOIN (
  SELECT log_id, partition, max(sink_marks.offset) AS mark FROM sink_marks WHERE topic = 'device-events' AND table = 'ledger' GROUP BY log_id, partition
) AS accounts ON accounts.log_id = m.log_id AND accounts.partition = m.partition
WHERE ${inRange(subject, 'm')} AND m.offset <= accounts.mark AND m.outcome NOT IN ('tick', 'inventory', 'command', 'rules', 'verdict', 'maintenance')`,
    params(tenant, range, subject),
  )
  return rows[0] ?? { stored: 0, ambiguous: 0, duplicate: 0, quarantined: 0 }
}

const letterCounts = async ({ warehouse, tenant }: Scope, range: TimeRange, subject: string | null): Promise<HopInputs['letters']> => {
  const named = `letters.subject != '' AND letters.subject_kind != ''`
  const own = `letters.topic_shape != 'device-events'`
  const [counted, kept] = await Promise.all([
    warehouse.query<{ refused: number; redriven: number; without: number }>(
      `SELECT toFloat64(countIf(letters.reason != 'REDRIVEN' AND ${named})) AS refused, toFloat64(countIf(letters.reason = 'REDRIVEN' AND ${named})) AS redriven,
  toFloat64(countIf(letters.reason != 'REDRIVEN' AND letters.subject = '')) AS without
FROM dead_letters AS letters WHERE ${inRange(subject, 'letters')} AND ${own}`,
      params(tenant, range, subject),
    ),
    warehouse.query<{ since_ms: number; held: number }>(
      `SELECT ${msOf('min(received_at)')} AS since_ms, toFloat64(count()) AS held FROM dead_letters WHERE tenant = {tenant:String}`,
      { tenant },
    ),
  ])
  const { refused = 0, redriven = 0, without = 0 } = counted[0] ?? {}
  const { since_ms = 0, held = 0 } = kept[0] ?? {}
  // The oldest letter that is kept lies in the range or before it, or there never was an older one.
  const young = Date.now() - range.fromMs < (lettersKeptDays - 2) * 24 * hourMs
  return { refused, redriven, withoutSubject: without, kept: young || (held > 0 && since_ms <= range.fromMs) }
}

/**
 * Offsets are given out without gaps, so between two records lie as many as their offsets differ. The ends are ticks of the
 * range, whose arrivals and offsets rise together; what was re-driven between them came with an older arrival.
 */
const logCounts = async ({ warehouse, tenant }: Scope, range: TimeRange): Promise<NonNullable<HopInputs['log']>> => {
  const ends = `SELECT m.log_id AS log, m.partition AS part, min(m.offset) AS low, max(m.offset) AS high FROM messages AS m
    WHERE m.tenant = {tenant:String} AND m.subject = 'all' AND m.outcome = 'tick' AND m.received_at >= ${timeParam('from_ms')} AND m.received_at < ${timeParam('to_ms')} GROUP BY log, part`
  const [counted, unreadable] = await Promise.all([
    warehouse.query<{ records: number; rows: number }>(
      `SELECT toFloat64(sum(high - low + 1)) AS records, toFloat64(sum(held)) AS rows FROM (
  SELECT ends.log AS log, ends.part AS part, any(ends.low) AS low, any(ends.high) AS high, count() AS held
  FROM messages AS m INNER JOIN (${ends}) AS ends ON ends.log = m.log_id AND ends.part = m.partition
  WHERE m.tenant = {tenant:String} AND m.received_at >= ${timeParam('from_ms')} - INTERVAL ${String(lettersKeptDays)} DAY AND m.offset >= ends.low AND m.offset <= ends.high
  GROUP BY log, part)`,
      { tenant, from_ms: range.fromMs, to_ms: range.toMs },
    ),
    warehouse.query<{ n: number }>(
      `SELECT toFloat64(count()) AS n FROM (
  SELECT toUInt64OrZero(extract(letters.detail, '^device-events [0-9]+:([0-9]+)')) AS at, toUInt16OrZero(extract(letters.detail, '^device-events ([0-9]+):')) AS part, letters.log_id AS log
  FROM dead_letters AS letters WHERE letters.tenant = {tenant:String} AND letters.topic_shape = 'device-events' AND letters.reason = 'FRAME_UNREADABLE'
) AS frames INNER JOIN (${ends}) AS ends ON ends.log = frames.log AND ends.part = frames.part WHERE frames.at >= ends.low AND frames.at <= ends.high`,
      { tenant, from_ms: range.fromMs, to_ms: range.toMs },
    ),
  ])
  const { records = 0, rows = 0 } = counted[0] ?? {}
  return { records, rows, unreadable: unreadable[0]?.n ?? 0 }
}

/** Devices that were received from in the range, and those of them that number their messages. */
export const provableDevices = async ({ warehouse, tenant }: Scope, range: TimeRange): Promise<{ devices: number; provable: number }> => {
  const rows = await warehouse.query<{ devices: number; provable: number }>(
    `SELECT toFloat64(count()) AS devices, toFloat64(countIf(numbered > 0)) AS provable FROM (
  SELECT subject, sum(entries.with_seq) AS numbered FROM ledger AS entries
  WHERE tenant = {tenant:String} AND hour >= toStartOfHour(${timeParam('from_ms')}) AND hour < ${timeParam('to_ms')} AND match(subject, '^([0-9a-f]{2}-){5}[0-9a-f]{2}$') GROUP BY subject)`,
    { tenant, from_ms: range.fromMs, to_ms: range.toMs },
  )
  return rows[0] ?? { devices: 0, provable: 0 }
}
