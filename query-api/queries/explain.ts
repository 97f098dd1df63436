/** Where a value came from: the rows that it was made of, and the messages that those rows came in. */
import type { CursorPart } from '../domain/cursor.ts'
import { msOf, observedRange, type Scope, timeParam } from './scope.ts'

export type SourceRow = {
  observed_at_ms: number
  received_at_ms: number
  attributes: string
  value: number | null
  /** Quality of a measurement, flag of a counter. */
  word: string
  delta: number | null
  log_id: string
  partition: number
  offset: number
}

type SeriesOf = { kind: 'measurement' | 'counter'; subject: string; metric: string; attributes: string | null }

const columns = (kind: SeriesOf['kind']): string =>
  `${msOf('t.observed_at')} AS observed_at_ms, ${msOf('t.received_at')} AS received_at_ms, t.attributes AS attributes, t.value AS value,
  ${kind === 'counter' ? 'toString(t.flag) AS word, t.delta AS delta' : 'toString(t.quality) AS word, NULL AS delta'}, t.log_id AS log_id, toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset`

const table = { measurement: 'measurements', counter: 'counters' } as const
const series = ({ attributes }: SeriesOf): string =>
  `tenant = {tenant:String} AND subject = {subject:String} AND metric = {metric:String}${attributes === null ? '' : ' AND t.attributes = {attributes:String}'}`
const params = (tenant: string, { subject, metric, attributes }: SeriesOf) => ({
  tenant,
  subject,
  metric,
  ...(attributes === null ? {} : { attributes }),
})

/** The newest row at that moment; of a counter also the one before it, since its increase is made of the two. */
export const rowsAt = ({ warehouse, tenant }: Scope, of: SeriesOf, atMs: number): Promise<SourceRow[]> =>
  warehouse.query<SourceRow>(
    `SELECT ${columns(of.kind)} FROM ${table[of.kind]} AS t WHERE ${series(of)} AND observed_at <= ${timeParam('at_ms')}
ORDER BY t.observed_at DESC, t.received_at DESC, t.partition DESC, t.offset DESC LIMIT ${of.kind === 'counter' ? '2' : '1'} BY t.attributes`,
    { ...params(tenant, of), at_ms: atMs },
  )

export const bucketCursor = ['number', 'number', 'number', 'string', 'string'] as const

type BucketOf = SeriesOf & { fromMs: number; toMs: number }

/** The rows of one bucket, oldest first, a page of them. */
export const rowsOfBucket = (
  { warehouse, tenant }: Scope,
  of: BucketOf & { limit: number; after: CursorPart[] | null },
): Promise<SourceRow[]> => {
  const [ms, partition, offset, attributes, word] = of.after ?? []
  const cursor =
    of.after === null
      ? ''
      : ' AND (toUnixTimestamp64Milli(t.observed_at), toUInt32(t.partition), t.offset, t.attributes, word) > ({after_ms:Int64}, {after_partition:UInt32}, {after_offset:UInt64}, {after_attributes:String}, {after_word:String})'
  return warehouse.query<SourceRow>(
    `SELECT ${columns(of.kind)} FROM ${table[of.kind]} AS t WHERE ${series(of)} AND ${observedRange}${cursor}
ORDER BY t.observed_at, t.partition, t.offset, t.attributes, word LIMIT {limit:UInt32}`,
    {
      ...params(tenant, of),
      from_ms: of.fromMs,
      to_ms: of.toMs,
      limit: of.limit + 1,
      ...(of.after === null
        ? {}
        : { after_ms: ms, after_partition: partition, after_offset: offset, after_attributes: attributes, after_word: word }),
    },
  )
}

export type BucketSumsRow = {
  samples: number
  missing: number
  messages: number
  value_sum: number | null
  value_min: number | null
  value_max: number | null
  delta_sum: number | null
}

/** What the whole bucket makes, from the rows themselves and not from a rollup. */
export const bucketSums = async ({ warehouse, tenant }: Scope, of: BucketOf): Promise<BucketSumsRow | undefined> => {
  const rows = await warehouse.query<BucketSumsRow>(
    `SELECT toFloat64(count(t.value)) AS samples, toFloat64(countIf(isNull(t.value))) AS missing, toFloat64(uniqExact(t.log_id, t.partition, t.offset)) AS messages,
  if(count(t.value) = 0, NULL, sum(t.value)) AS value_sum, if(count(t.value) = 0, NULL, min(t.value)) AS value_min, if(count(t.value) = 0, NULL, max(t.value)) AS value_max,
  ${of.kind === 'counter' ? 'if(count(t.delta) = 0, NULL, sum(t.delta))' : 'NULL'} AS delta_sum
FROM ${table[of.kind]} AS t WHERE ${series(of)} AND ${observedRange}`,
    { ...params(tenant, of), from_ms: of.fromMs, to_ms: of.toMs },
  )
  return rows[0]
}

export type SourceMessageRow = {
  log_id: string
  partition: number
  offset: number
  observed_at_ms: number
  claimed_at_ms: number | null
  received_at_ms: number
  clock_verdict: string
  outcome: string
  topic: string
  boot_id: string
  seq: number | null
  frame_base64: string
}

/** Found by arrival and offset, as the table is sorted. */
export const messagesOf = async (
  { warehouse, tenant }: Scope,
  subject: string,
  rows: readonly Pick<SourceRow, 'received_at_ms' | 'partition' | 'offset'>[],
): Promise<SourceMessageRow[]> => {
  if (rows.length === 0) return []
  return warehouse.query<SourceMessageRow>(
    `SELECT log_id, toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset, ${msOf('t.observed_at')} AS observed_at_ms, ${msOf('t.claimed_at')} AS claimed_at_ms, ${msOf('t.received_at')} AS received_at_ms,
  toString(clock_verdict) AS clock_verdict, toString(outcome) AS outcome, topic, boot_id, toFloat64(seq) AS seq, base64Encode(frame) AS frame_base64
FROM messages AS t WHERE tenant = {tenant:String} AND subject = {subject:String}
  AND toUnixTimestamp64Milli(t.received_at) IN {arrivals:Array(Int64)} AND t.received_at >= ${timeParam('first_ms')} AND t.received_at <= ${timeParam('last_ms')}
  AND t.offset IN {offsets:Array(UInt64)}
ORDER BY t.observed_at, t.partition, t.offset`,
    {
      tenant,
      subject,
      arrivals: rows.map((row) => row.received_at_ms),
      first_ms: Math.min(...rows.map((row) => row.received_at_ms)),
      last_ms: Math.max(...rows.map((row) => row.received_at_ms)),
      offsets: rows.map((row) => row.offset),
    },
  )
}
