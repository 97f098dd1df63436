/**
 * Gaps in a device's numbering, located from `messages` at the time of asking: exact as long as the messages are kept, however
 * many there are. A gap is a stretch of numbers of one boot that is missing still (open), or that came after higher numbers
 * had come (filled). It stands at the first message above it: in the range when that message stands for a time in it.
 *
 * Numbers below the first and above the last one heard of a boot are no gap: nobody knows whether they were ever given.
 */
import type { CursorPart } from '../domain/cursor.ts'
import type { TimeRange } from '../domain/time.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

/** Messages that overtake one another by less are in disorder on their way, not lost. */
export const overtakenMs = 10_000

export type GapRow = {
  boot_id: string
  first_seq: number
  last_seq: number
  open: 0 | 1
  /** Arrival of the message that first showed it: from then on both a lower and a higher number were here. */
  opened_ms: number
  /** Arrival of the last message that filled it; 0 when open. */
  filled_ms: number
  before_seq: number
  before_observed_ms: number
  before_received_ms: number
  before_offset: number
  after_seq: number
  after_observed_ms: number
  after_received_ms: number
  after_offset: number
  log_id: string
  partition: number
}

const ofDevice = 'tenant = {tenant:String} AND subject = {subject:String}'
const numbered = `${ofDevice} AND isNotNull(m.seq) AND m.boot_id != ''`
/** Of these the account of a boot is made; what is `ambiguous` was received too, and so is not missing. */
const accounted = `m.outcome IN ('stored', 'quarantined')`
const ms = (column: string): string => `toUnixTimestamp64Milli(${column})`
const inRange = `m.observed_at >= ${timeParam('from_ms')} AND m.received_at >= ${timeParam('from_ms')} - INTERVAL 5 MINUTE AND m.observed_at < ${timeParam('to_ms')}`

/** Per boot the lowest and the highest number in the range, as three arrays: a scalar, which the engine works out once. */
const span = `(SELECT tuple(groupArray(boot_id), groupArray(low), groupArray(high)) FROM (
    SELECT m.boot_id AS boot_id, min(assumeNotNull(m.seq)) AS low, max(assumeNotNull(m.seq)) AS high
    FROM messages AS m WHERE ${numbered} AND ${accounted} AND ${inRange} GROUP BY m.boot_id))`

/** First arrival of each number that the range spans, and the nearest number below it (all of those are one group). */
const arrivals = `
  SELECT boot_id, max(number) AS seq, tuple(if(from_low = 0, argMax(received, number), min(received)), if(from_low = 0, argMax(at_offset, number), argMin(at_offset, received))) AS arrival,
    if(from_low = 0, argMax(observed_ms, number), argMin(observed_ms, received)) AS observed, any(log) AS log, any(part) AS part
  FROM (SELECT boot_id, assumeNotNull(m.seq) AS number, indexOf(tupleElement(span, 1), boot_id) AS at, if(number >= tupleElement(span, 2)[at], number + 1, 0) AS from_low,
      ${ms('m.received_at')} AS received, m.offset AS at_offset, ${ms('m.observed_at')} AS observed_ms, m.log_id AS log, m.partition AS part
    FROM messages AS m
    WHERE ${numbered} AND has(tupleElement(span, 1), boot_id) AND number <= tupleElement(span, 3)[at] AND (${accounted} OR (m.outcome = 'ambiguous' AND from_low > 0)))
  GROUP BY boot_id, from_low`

const up = 'OVER (PARTITION BY boot_id ORDER BY seq ASC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)'
const neighbour = 'tuple(seq, arrival, observed)'
const none = 'tuple(toUInt64(0), tuple(toInt64(0), toUInt64(0)), toInt64(0))'

/**
 * `from_here`, `below_here`: the first arrival of this or a higher number, and of a lower one. A number is late when both a
 * higher and a lower one had arrived before it. Of late neighbours both are the same, so a run of them is one gap.
 */
const marked = `
  SELECT *, greatest(from_here, below_here) < arrival AS late, seq - row_number() OVER (PARTITION BY boot_id, late ORDER BY seq) AS run
  FROM (SELECT boot_id, seq, arrival, observed, log, part,
      lagInFrame(${neighbour}, 1, ${none}) ${up} AS below, leadInFrame(${neighbour}, 1, ${none}) ${up} AS above, row_number() ${up} = 1 AS lowest,
      min(arrival) OVER (PARTITION BY boot_id ORDER BY seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS from_here,
      min(arrival) OVER (PARTITION BY boot_id ORDER BY seq ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS below_here
    FROM (${arrivals}))
  WHERE NOT lowest AND (late OR seq > tupleElement(below, 1) + 1)`

/** A number may begin a gap (open, below it) and be part of another (filled). */
const gaps = `
  SELECT boot_id, open, toInt64(if(open = 1, any(tupleElement(below, 1)) + 1, min(seq))) AS first_seq, if(open = 1, toInt64(any(seq)) - 1, toInt64(max(seq))) AS last_seq,
    max(tupleElement(greatest(from_here, below_here), 1)) AS opened_ms, if(open = 1, 0, max(tupleElement(arrival, 1))) AS filled_ms,
    argMin(below, seq) AS before, if(open = 1, any(${neighbour}), argMax(above, seq)) AS after, any(log) AS log_id, any(part) AS partition,
    ${['before', 'after'].map((side) => `tupleElement(${side}, 1) AS ${side}_seq, tupleElement(${side}, 3) AS ${side}_observed_ms, tupleElement(tupleElement(${side}, 2), 1) AS ${side}_received_ms, tupleElement(tupleElement(${side}, 2), 2) AS ${side}_offset`).join(', ')}
  FROM (SELECT *, arrayJoin(arrayFilter(kind -> if(kind = 1, seq > tupleElement(below, 1) + 1, late), [1, 0])) AS open FROM (${marked}))
  GROUP BY boot_id, open, if(open = 1, toInt64(seq), run) HAVING open = 1 OR filled_ms - opened_ms >= ${String(overtakenMs)}`

/** Subquery of all gaps of `{subject}` in the range; parameters tenant, subject, from_ms, to_ms. */
export const gapsIn = `(WITH ${span} AS span SELECT * FROM (${gaps}) WHERE after_observed_ms >= {from_ms:Int64} AND after_observed_ms < {to_ms:Int64})`

export const gapCursor = ['number', 'string', 'number'] as const
export type GapQuery = TimeRange & {
  subject: string
  state: 'open' | 'filled' | 'all'
  descending: boolean
  limit: number
  after: CursorPart[] | null
}

const numbers = [
  'first_seq',
  'last_seq',
  'opened_ms',
  'filled_ms',
  'before_seq',
  'before_observed_ms',
  'before_received_ms',
  'before_offset',
  'after_seq',
  'after_observed_ms',
  'after_received_ms',
  'after_offset',
]

/** By the time of the message above the gap. */
export const gapList = ({ warehouse, tenant }: Scope, query: GapQuery): Promise<GapRow[]> => {
  const direction = query.descending ? 'DESC' : 'ASC'
  const conditions = [
    query.state === 'all' ? '1' : `g.open = ${query.state === 'open' ? '1' : '0'}`,
    query.after === null
      ? '1'
      : `(g.after_observed_ms, g.boot_id, g.first_seq) ${query.descending ? '<' : '>'} ({after_ms:Int64}, {after_boot:String}, {after_seq:Int64})`,
  ]
  const [ms, boot, seq] = query.after ?? []
  return warehouse.query<GapRow>(
    `SELECT boot_id, toUInt8(open) AS open, ${numbers.map((name) => `toFloat64(g.${name}) AS ${name}`).join(', ')}, log_id, toUInt32(g.partition) AS partition
FROM ${gapsIn} AS g WHERE ${conditions.join(' AND ')}
ORDER BY g.after_observed_ms ${direction}, g.boot_id ${direction}, g.first_seq ${direction} LIMIT {limit:UInt32}`,
    {
      tenant,
      subject: query.subject,
      from_ms: query.fromMs,
      to_ms: query.toMs,
      limit: query.limit + 1,
      ...(query.after === null ? {} : { after_ms: ms, after_boot: boot, after_seq: seq }),
    },
  )
}

export type GapTotals = { open: number; messages_missing: number; filled: number; messages_filled: number }

export const gapTotals = async ({ warehouse, tenant }: Scope, subject: string, range: TimeRange): Promise<GapTotals> => {
  const size = 'toFloat64(g.last_seq - g.first_seq + 1)'
  const rows = await warehouse.query<GapTotals>(
    `SELECT toFloat64(countIf(g.open = 1)) AS open, sumIf(${size}, g.open = 1) AS messages_missing, toFloat64(countIf(g.open = 0)) AS filled, sumIf(${size}, g.open = 0) AS messages_filled
FROM ${gapsIn} AS g`,
    { tenant, subject, from_ms: range.fromMs, to_ms: range.toMs },
  )
  return rows[0] ?? { open: 0, messages_missing: 0, filled: 0, messages_filled: 0 }
}

export type RefusedRow = { received_ms: number }
/** Refused messages carry no number: those that arrived between the neighbours of a gap may be what is missing in it. */
export const refusedIn = ({ warehouse, tenant }: Scope, subject: string, range: TimeRange, limit: number): Promise<RefusedRow[]> =>
  warehouse.query<RefusedRow>(
    `SELECT ${msOf('m.received_at')} AS received_ms FROM messages AS m WHERE ${ofDevice} AND m.outcome = 'quarantined' AND isNull(m.seq)
  AND m.received_at >= ${timeParam('from_ms')} AND m.received_at <= ${timeParam('to_ms')} ORDER BY m.received_at LIMIT {limit:UInt32}`,
    { tenant, subject, from_ms: range.fromMs, to_ms: range.toMs, limit },
  )

/** A source of the timeline: gaps that are open, by the message above; its conditions on the subject may be narrowed to what was known then. */
export const gapEntries = (): string => `
SELECT toFloat64(after_observed_ms) AS observed_at_ms, toFloat64(opened_ms) AS received_at_ms, 'gap' AS kind, toUInt32(partition) AS partition, toFloat64(after_offset) AS offset,
  concat(boot_id, ':', toString(first_seq)) AS key,
  toJSONString(CAST(tuple(boot_id, toFloat64(first_seq), toFloat64(last_seq), toFloat64(last_seq - first_seq + 1), toFloat64(before_observed_ms)),
    'Tuple(bootId String, firstSeq Float64, lastSeq Float64, messages Float64, afterMs Float64)')) AS data
FROM ${gapsIn} WHERE open = 1`
