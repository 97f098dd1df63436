/** What an alarm's evidence names in the log: the device's messages among those offsets, and the periods that their readings fill. */
import type { Evidence } from '../../model/alarm.ts'
import { type LevelCondition, ropMs } from '../../model/rule.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

export type EvidenceMessageRow = {
  topic: string
  log_id: string
  offset: number
  received_ms: number
  observed_ms: number
  outcome: string
}

/** Between the first and the last offset lie other devices' records too, and of this one what the rule did not read. */
export const evidenceMessagesMax = 100
/** Offsets count arrivals: what an alarm rests on arrived within these days before it was known. */
const arrivedWithinMs = 8 * 86_400_000

type Where = { subject: string; evidence: Evidence; knownMs: number }

const arrived = `received_at >= ${timeParam('arrived_from_ms')} AND received_at <= ${timeParam('arrived_to_ms')}`
const within = `tenant = {tenant:String} AND subject = {subject:String} AND ${arrived} AND partition = {partition:UInt16} AND offset BETWEEN {first:UInt64} AND {last:UInt64}`
const paramsOf = (tenant: string, { subject, evidence, knownMs }: Where): Record<string, unknown> => ({
  tenant,
  subject,
  partition: evidence.partition,
  first: evidence.firstOffset,
  last: evidence.lastOffset,
  arrived_from_ms: Math.max(0, knownMs - arrivedWithinMs),
  arrived_to_ms: knownMs + 86_400_000,
})

/** Newest first. */
export const evidenceMessages = ({ warehouse, tenant }: Scope, where: Where): Promise<EvidenceMessageRow[]> =>
  warehouse.query<EvidenceMessageRow>(
    `SELECT topic, log_id, toFloat64(offset) AS offset, ${msOf('received_at')} AS received_ms, ${msOf('observed_at')} AS observed_ms, toString(outcome) AS outcome
FROM messages WHERE ${within} ORDER BY messages.offset DESC LIMIT {limit:UInt32}`,
    { ...paramsOf(tenant, where), limit: evidenceMessagesMax },
  )

const radioColumns: Readonly<Record<string, string>> = {
  rsrpDbm: 'rsrp_dbm',
  rsrqDb: 'rsrq_db',
  sinrDb: 'sinr_db',
  rssiDbm: 'rssi_dbm',
  cqi: 'cqi',
}

/** Starts of the periods of 15 minutes that hold enough of the rule's readings, oldest first; none for rules without periods. */
export const evidencePeriods = async ({ warehouse, tenant }: Scope, where: Where, condition: LevelCondition): Promise<number[]> => {
  if (condition.window.kind !== 'rop') return []
  const { signal } = condition
  const parts: string[] = []
  const part = (table: string, more: string): void => {
    parts.push(`SELECT observed_at FROM ${table} WHERE ${within} AND ${more}`)
  }
  const column = signal.of === 'radio' ? radioColumns[signal.name] : undefined
  if (column !== undefined) part('radio', `isNotNull(${column})`)
  const metric = signal.of === 'radio' ? signal.metric : signal.of === 'clock' ? null : signal.name
  if (metric !== null) part(signal.of === 'counter' ? 'counters' : 'measurements', 'metric = {metric:String}')
  if (parts.length === 0) return []
  const rows = await warehouse.query<{ start_ms: number }>(
    `SELECT toFloat64(intDiv(toUnixTimestamp64Milli(observed_at), ${String(ropMs)})) * ${String(ropMs)} AS start_ms FROM (${parts.join(' UNION ALL ')})
GROUP BY start_ms HAVING count() >= {samples:UInt32} ORDER BY start_ms`,
    { ...paramsOf(tenant, where), samples: condition.samplesMin, ...(metric === null ? {} : { metric }) },
  )
  return rows.map(({ start_ms }) => start_ms)
}
