/** Dead letters by cause: groups of one topic shape and reason, each with its newest letters in full. */
import type { TimeRange } from '../domain/time.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

export type DeadLetterGroupRow = {
  topic_shape: string
  reason: string
  count: number
  cut: number
  first_seen_ms: number
  last_seen_ms: number
}

/** Letters that still wait: those that a re-drive made events of are marked by a row of their own, whose detail is `partition:offset`. The table's alias is `letters`. */
export const waitingLetters = `reason != 'REDRIVEN' AND concat(toString(letters.partition), ':', toString(letters.offset)) NOT IN (
  SELECT detail FROM dead_letters WHERE tenant = {tenant:String} AND reason = 'REDRIVEN')`
const inRange = `tenant = {tenant:String} AND received_at >= ${timeParam('from_ms')} AND received_at < ${timeParam('to_ms')} AND ${waitingLetters}`

export type DeadLetterQuery = TimeRange & { topicShape: string | null; reason: string | null; limit: number }

const narrowed = ({ topicShape, reason }: DeadLetterQuery): string =>
  `${topicShape === null ? '' : ' AND topic_shape = {topic_shape:String}'}${reason === null ? '' : ' AND reason = {reason:String}'}`

const paramsOf = (tenant: string, query: DeadLetterQuery): Record<string, unknown> => ({
  tenant,
  from_ms: query.fromMs,
  to_ms: query.toMs,
  limit: query.limit + 1,
  ...(query.topicShape === null ? {} : { topic_shape: query.topicShape }),
  ...(query.reason === null ? {} : { reason: query.reason }),
})

export const deadLetterGroups = ({ warehouse, tenant }: Scope, query: DeadLetterQuery): Promise<DeadLetterGroupRow[]> =>
  warehouse.query<DeadLetterGroupRow>(
    `SELECT topic_shape, reason, toFloat64(count()) AS count, toFloat64(sum(letters.cut)) AS cut, ${msOf('min(received_at)')} AS first_seen_ms, ${msOf('max(received_at)')} AS last_seen_ms
FROM dead_letters AS letters WHERE ${inRange}${narrowed(query)} GROUP BY topic_shape, reason ORDER BY last_seen_ms DESC, topic_shape, reason LIMIT {limit:UInt32}`,
    paramsOf(tenant, query),
  )

export type DeadLetterRow = {
  topic_shape: string
  reason: string
  topic: string
  detail: string
  subject: string
  client_id: string
  received_at_ms: number
  payload_bytes: number
  cut: 0 | 1
  /** Base64: the column is bytes, which JSON cannot carry. */
  sealed_base64: string
  partition: number
  offset: number
}

/** The newest `newest` letters of each group. */
export const newestDeadLetters = ({ warehouse, tenant }: Scope, query: DeadLetterQuery, newest: number): Promise<DeadLetterRow[]> =>
  warehouse.query<DeadLetterRow>(
    `SELECT topic_shape, reason, topic, detail, subject, client_id, ${msOf('received_at')} AS received_at_ms, toFloat64(payload_bytes) AS payload_bytes, cut,
  base64Encode(sealed_payload) AS sealed_base64, toUInt32(letters.partition) AS partition, toFloat64(letters.offset) AS offset
FROM dead_letters AS letters WHERE ${inRange}${narrowed(query)} ORDER BY letters.received_at DESC, letters.offset DESC LIMIT {newest:UInt32} BY topic_shape, reason LIMIT 5000`,
    { ...paramsOf(tenant, query), newest },
  )
