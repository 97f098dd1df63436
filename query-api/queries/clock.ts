/** What is known of devices' clocks, from `clock_observations`. Ranges are of arrival: a wrong clock has no other time. */
import type { CursorPart } from '../domain/cursor.ts'
import type { TimeRange } from '../domain/time.ts'
import { msOf, observedRange, type Scope, timeParam } from './scope.ts'

export type ClockVerdict = 'trusted' | 'missing' | 'before-2010' | 'future'

export type ClockRow = {
  kind: 'verdict' | 'estimate' | 'step' | 'boot' | 'limit' | 'unset'
  observed_ms: number
  received_ms: number
  verdict: ClockVerdict
  verdict_before: ClockVerdict | null
  skew_ms: number | null
  drift_ppm: number | null
  samples: number
  step_ms: number | null
  boot_id: string
  claimed_ms: number | null
  topic: string
  evidence_received_ms: number
  evidence_offset: number
  log_id: string
  partition: number
}

const columns = `toString(t.kind) AS kind, ${msOf('t.observed_at')} AS observed_ms, ${msOf('t.received_at')} AS received_ms, toString(t.verdict) AS verdict, toString(t.verdict_before) AS verdict_before,
  toFloat64(t.skew_ms) AS skew_ms, t.drift_ppm AS drift_ppm, toFloat64(t.samples) AS samples, toFloat64(t.step_ms) AS step_ms, t.boot_id AS boot_id, ${msOf('t.claimed_at')} AS claimed_ms, t.topic AS topic,
  ${msOf('t.evidence_received_at')} AS evidence_received_ms, toFloat64(t.evidence_offset) AS evidence_offset, t.log_id AS log_id, toUInt32(t.partition) AS partition`
const arrived = `t.tenant = {tenant:String} AND t.received_at >= ${timeParam('from_ms')} AND t.received_at < ${timeParam('to_ms')}`

/** Oldest first; 200 a day at most. */
export const clockRows = ({ warehouse, tenant }: Scope, subject: string, range: TimeRange): Promise<ClockRow[]> =>
  warehouse.query<ClockRow>(
    `SELECT ${columns} FROM clock_observations AS t WHERE ${arrived} AND t.subject = {subject:String} ORDER BY t.received_at, t.offset, t.kind`,
    {
      tenant,
      subject,
      from_ms: range.fromMs,
      to_ms: range.toMs,
    },
  )

/** The verdict that held when the range began. */
export const verdictBefore = async ({ warehouse, tenant }: Scope, subject: string, fromMs: number): Promise<ClockRow | undefined> => {
  const rows = await warehouse.query<ClockRow>(
    `SELECT ${columns} FROM clock_observations AS t WHERE t.tenant = {tenant:String} AND t.subject = {subject:String} AND t.received_at < ${timeParam('from_ms')} AND t.kind = 'verdict'
ORDER BY t.received_at DESC, t.offset DESC LIMIT 1`,
    { tenant, subject, from_ms: fromMs },
  )
  return rows[0]
}

export type PlacedRow = { since_ms: number; messages: number; by_arrival: number }

/** Of each period that begins at one of these arrivals (ascending): its messages, and those that were placed by their arrival. */
export const placedByPeriod = async (
  { warehouse, tenant }: Scope,
  subject: string,
  sinceMs: readonly number[],
  toMs: number,
): Promise<PlacedRow[]> => {
  if (sinceMs.length === 0) return []
  return warehouse.query<PlacedRow>(
    `SELECT toFloat64(arrayMax(since -> if(since <= toUnixTimestamp64Milli(m.received_at), since, 0), {since:Array(Int64)})) AS since_ms, toFloat64(count()) AS messages, toFloat64(countIf(m.clock_verdict != 'trusted')) AS by_arrival
FROM messages AS m WHERE m.tenant = {tenant:String} AND m.subject = {subject:String} AND m.received_at >= ${timeParam('from_ms')} AND m.received_at < ${timeParam('to_ms')} AND m.outcome IN ('stored', 'ambiguous')
GROUP BY since_ms`,
    { tenant, subject, since: [...sinceMs], from_ms: Math.min(...sinceMs), to_ms: toMs },
  )
}

export const clockProblems = ['verdict', 'skew', 'drift', 'step'] as const
export type ClockProblem = (typeof clockProblems)[number]

export type ClockListRow = {
  subject: string
  verdict: ClockVerdict
  untrusted: number
  last_ms: number
  skew_ms: number | null
  skew_at_ms: number | null
  samples: number
  /** It was set or booted after the newest estimate. */
  changed: 0 | 1
  drift_ppm: number | null
  steps: number
  boots: number
  problems: ClockProblem[]
  sort_skew: number
}

export type ClockListQuery = TimeRange & {
  problem: ClockProblem | 'any' | 'none'
  minSkewMs: number
  minDriftPpm: number
  limit: number
  after: CursorPart[] | null
}
export const clockListCursor = ['signed', 'string'] as const

/** One row per device that was heard in the range, with what is wrong. The newest estimate and verdict of the range count. */
const clocks = `
SELECT *, arrayFilter(problem -> problem != '', [if(untrusted > 0 OR verdict IN ('before-2010', 'future'), 'verdict', ''), if(abs(skew_ms) >= {min_skew_ms:Float64}, 'skew', ''),
    if(abs(drift_ppm) >= {min_drift_ppm:Float64}, 'drift', ''), if(steps > 0, 'step', '')]) AS problems, ifNull(abs(skew_ms), -1) AS sort_skew
FROM (SELECT t.subject AS subject, toString(argMax(t.verdict, (t.received_at, t.offset))) AS verdict,
    toFloat64(countIf(t.kind = 'verdict' AND t.verdict IN ('before-2010', 'future'))) AS untrusted, ${msOf('max(t.received_at)')} AS last_ms,
    argMaxIf(tuple(toFloat64(t.skew_ms), t.drift_ppm, toFloat64(t.samples), ${msOf('t.evidence_received_at')}), (t.received_at, t.offset), t.kind = 'estimate') AS newest, countIf(t.kind = 'estimate') AS estimates,
    if(estimates = 0, NULL, tupleElement(newest, 1)) AS skew_ms, if(estimates = 0, NULL, tupleElement(newest, 2)) AS drift_ppm, tupleElement(newest, 3) AS samples, if(estimates = 0, NULL, tupleElement(newest, 4)) AS skew_at_ms,
    toUInt8(${msOf("maxIf(t.evidence_received_at, t.kind IN ('step', 'boot'))")} > tupleElement(newest, 4)) AS changed,
    toFloat64(countIf(t.kind = 'step')) AS steps, toFloat64(countIf(t.kind = 'boot')) AS boots
  FROM clock_observations AS t WHERE ${arrived} AND match(t.subject, '^([0-9a-f]{2}-){5}[0-9a-f]{2}$')
    AND t.subject NOT IN (SELECT device_id FROM devices FINAL WHERE tenant = {tenant:String} AND retired = 1)
  GROUP BY t.subject)`

const listParams = (tenant: string, query: Omit<ClockListQuery, 'limit' | 'after' | 'problem'>): Record<string, unknown> => ({
  tenant,
  from_ms: query.fromMs,
  to_ms: query.toMs,
  min_skew_ms: query.minSkewMs,
  min_drift_ppm: query.minDriftPpm,
})

/** The largest skew first. */
export const clockList = ({ warehouse, tenant }: Scope, query: ClockListQuery): Promise<ClockListRow[]> => {
  const conditions = [query.problem === 'any' ? 'notEmpty(problems)' : query.problem === 'none' ? '1' : 'has(problems, {problem:String})']
  if (query.after !== null)
    conditions.push('(sort_skew < {after_skew:Float64} OR (sort_skew = {after_skew:Float64} AND subject > {after_subject:String}))')
  return warehouse.query<ClockListRow>(
    `SELECT subject, verdict, untrusted, last_ms, skew_ms, skew_at_ms, samples, changed, drift_ppm, steps, boots, problems, sort_skew FROM (${clocks}) WHERE ${conditions.join(' AND ')}
ORDER BY sort_skew DESC, subject ASC LIMIT {limit:UInt32}`,
    {
      ...listParams(tenant, query),
      limit: query.limit + 1,
      ...(query.problem === 'any' || query.problem === 'none' ? {} : { problem: query.problem }),
      ...(query.after === null ? {} : { after_skew: query.after[0], after_subject: query.after[1] }),
    },
  )
}

export type ClockTotals = { devices: number; wrong: number } & Record<ClockProblem, number>

export const clockTotals = async (
  { warehouse, tenant }: Scope,
  query: Omit<ClockListQuery, 'limit' | 'after' | 'problem'>,
): Promise<ClockTotals> => {
  const rows = await warehouse.query<ClockTotals>(
    `SELECT toFloat64(count()) AS devices, toFloat64(countIf(notEmpty(problems))) AS wrong, ${clockProblems.map((name) => `toFloat64(countIf(has(problems, '${name}'))) AS ${name}`).join(', ')} FROM (${clocks})`,
    listParams(tenant, query),
  )
  return rows[0] ?? { devices: 0, wrong: 0, verdict: 0, skew: 0, drift: 0, step: 0 }
}

/** A source of the timeline: the clock was set. Its conditions on the subject may be narrowed to what was known then. */
export const clockStepEntries = (): string => `
SELECT ${msOf('t.observed_at')} AS observed_at_ms, ${msOf('t.received_at')} AS received_at_ms, 'clock_step' AS kind, toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset, '' AS key,
  toJSONString(CAST(tuple(toFloat64(step_ms) / 1000, toFloat64(skew_ms) / 1000, boot_id), 'Tuple(bySeconds Nullable(Float64), skewSeconds Nullable(Float64), bootId String)')) AS data
FROM clock_observations AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND t.kind = 'step' AND ${observedRange}`
