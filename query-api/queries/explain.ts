/** Where a value came from: the rows that it was made of, and the messages that those rows came in. */
import type { CursorPart } from '../domain/cursor.ts'
import { bootAt } from './presence.ts'
import { knownBy, knownParams, msOf, observedRange, type Scope, timeParam } from './scope.ts'

export type SourceRow = {
  observed_at_ms: number
  received_at_ms: number
  attributes: string
  value: number | null
  /** Quality of a measurement, flag of a counter. */
  word: string
  delta: number | null
  /** Of what is no number: the value of a fact, the state of presence, how a boot was seen, the radio in short. */
  text: string | null
  log_id: string
  partition: number
  offset: number
}

type SeriesOf = {
  kind: 'measurement' | 'counter'
  subject: string
  metric: string
  attributes: string | null
  /** Only what had arrived by then; null: all. */
  knownMs: number | null
}

const columns = (kind: SeriesOf['kind']): string =>
  `${msOf('t.observed_at')} AS observed_at_ms, ${msOf('t.received_at')} AS received_at_ms, t.attributes AS attributes, t.value AS value,
  ${kind === 'counter' ? 'toString(t.flag) AS word, t.delta AS delta' : 'toString(t.quality) AS word, NULL AS delta'}, NULL AS text, t.log_id AS log_id, toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset`

const table = { measurement: 'measurements', counter: 'counters' } as const
const series = ({ attributes, knownMs }: SeriesOf): string =>
  `tenant = {tenant:String} AND subject = {subject:String} AND metric = {metric:String}${knownBy(knownMs)}${attributes === null ? '' : ' AND t.attributes = {attributes:String}'}`
const params = (tenant: string, { subject, metric, attributes, knownMs }: SeriesOf) => ({
  tenant,
  ...knownParams(knownMs),
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

/** What is no series: a fact by its name, presence, the radio. */
type WordOf = { kind: 'fact' | 'presence' | 'radio'; subject: string; name: string; knownMs: number | null }

const radioText = `arrayStringConcat(arrayFilter(part -> part != '', [ifNull(t.rat, ''), if(isNull(t.cell_id), '', concat('cell ', toString(t.cell_id))), ifNull(t.band, ''),
  if(isNull(t.rsrp_dbm), '', concat('RSRP ', toString(round(t.rsrp_dbm, 1)), ' dBm')), if(empty(t.carriers), '', concat(toString(length(t.carriers)), ' carriers'))]), ', ')`
const wordTables: Record<WordOf['kind'], { table: string; word: string; text: string; narrowed: string }> = {
  fact: { table: 'facts', word: "if(t.sealed = '', '', 'masked')", text: 't.value', narrowed: ' AND t.name = {name:String}' },
  presence: { table: 'presence', word: "ifNull(t.reason, '')", text: 'toString(t.state)', narrowed: '' },
  radio: { table: 'radio', word: "ifNull(t.mode, '')", text: radioText, narrowed: '' },
}
const place = 't.log_id AS log_id, toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset'
const times = `${msOf('t.observed_at')} AS observed_at_ms, ${msOf('t.received_at')} AS received_at_ms`
const wordRows = ({ kind, knownMs }: WordOf): string => {
  const { table: from, word, text, narrowed } = wordTables[kind]
  return `SELECT ${times}, '' AS attributes, NULL AS value, ${word} AS word, NULL AS delta, ${text} AS text, ${place}
FROM ${from} AS t WHERE tenant = {tenant:String} AND subject = {subject:String}${narrowed}${knownBy(knownMs)}`
}
const wordParams = (tenant: string, { kind, subject, name, knownMs }: WordOf) => ({
  tenant,
  subject,
  ...knownParams(knownMs),
  ...(kind === 'fact' ? { name } : {}),
})

/** The newest row at that moment: of facts and presence the one that told the change. */
export const wordAt = ({ warehouse, tenant }: Scope, of: WordOf, atMs: number): Promise<SourceRow[]> =>
  warehouse.query<SourceRow>(
    `${wordRows(of)} AND t.observed_at <= ${timeParam('at_ms')} ORDER BY t.observed_at DESC, t.received_at DESC, t.offset DESC LIMIT 1`,
    { ...wordParams(tenant, of), at_ms: atMs },
  )

/** The radio snapshots of one step, oldest first, a page of them. */
export const wordsOfBucket = (
  { warehouse, tenant }: Scope,
  of: WordOf & { fromMs: number; toMs: number; limit: number; after: CursorPart[] | null },
): Promise<SourceRow[]> => {
  const cursor =
    of.after === null
      ? ''
      : ' AND (toUnixTimestamp64Milli(t.observed_at), toUInt32(t.partition), t.offset) > ({after_ms:Int64}, {after_partition:UInt32}, {after_offset:UInt64})'
  return warehouse.query<SourceRow>(
    `${wordRows(of)} AND ${observedRange}${cursor} ORDER BY t.observed_at, t.partition, t.offset LIMIT {limit:UInt32}`,
    {
      ...wordParams(tenant, of),
      from_ms: of.fromMs,
      to_ms: of.toMs,
      limit: of.limit + 1,
      ...(of.after === null ? {} : { after_ms: of.after[0], after_partition: of.after[1], after_offset: of.after[2] }),
    },
  )
}

/** Every sign of the boot that the state shows at that moment. */
export const signsOfBootAt = async (scope: Scope, subject: string, atMs: number, knownMs: number | null): Promise<SourceRow[]> => {
  const boot = await bootAt(scope, subject, atMs, knownMs)
  if (boot === undefined) return []
  const which = boot.boot_id === '' ? 't.partition = {partition:UInt16} AND t.offset = {offset:UInt64}' : 't.boot_id = {boot_id:String}'
  return scope.warehouse.query<SourceRow>(
    `SELECT ${times}, '' AS attributes, NULL AS value, toString(t.evidence) AS word, NULL AS delta,
  concat(t.boot_id, if(isNull(t.reason), '', concat(', ', t.reason))) AS text, ${place}
FROM boots AS t WHERE tenant = {tenant:String} AND subject = {subject:String} ${knownBy(knownMs)} AND ${which}
ORDER BY t.observed_at, t.received_at, t.offset LIMIT 100`,
    {
      tenant: scope.tenant,
      subject,
      ...knownParams(knownMs),
      ...(boot.boot_id === '' ? { partition: boot.partition, offset: boot.offset } : { boot_id: boot.boot_id }),
    },
  )
}

/** One message by its place in the log. Places of an older log of the same installation come too. */
export const messageAt = ({ warehouse, tenant }: Scope, subject: string, partition: number, offset: number): Promise<SourceRow[]> =>
  warehouse.query<SourceRow>(
    `SELECT ${times}, '' AS attributes, NULL AS value, toString(t.outcome) AS word, NULL AS delta, t.topic AS text, ${place}
FROM messages AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND t.partition = {partition:UInt16} AND t.offset = {offset:UInt64} LIMIT 2`,
    { tenant, subject, partition, offset },
  )

/** Repeats shown of all messages of one answer. */
export const repeatsMax = 50

/**
 * Later arrivals of the same messages: by boot and sequence, else by topic and claimed time (the caller compares what they
 * carry). Copies that an outside broker had kept are among them.
 */
export const repeatsOf = async (
  { warehouse, tenant }: Scope,
  subject: string,
  messages: readonly SourceMessageRow[],
): Promise<SourceMessageRow[]> => {
  if (messages.length === 0) return []
  const numbered = messages.filter(({ seq }) => seq !== null)
  const timed = messages.filter(({ seq, claimed_at_ms }) => seq === null && claimed_at_ms !== null)
  return warehouse.query<SourceMessageRow>(
    `SELECT ${messageColumns} FROM messages AS t WHERE tenant = {tenant:String} AND subject = {subject:String}
  AND t.received_at >= ${timeParam('first_ms')} AND outcome IN ('duplicate', 'stored_copy')
  AND ((isNotNull(t.seq) AND (t.boot_id, ifNull(t.seq, 0)) IN (SELECT arrayJoin(arrayZip({boots:Array(String)}, {seqs:Array(UInt64)}))))
    OR (isNull(t.seq) AND (t.topic, toUnixTimestamp64Milli(ifNull(t.claimed_at, t.received_at))) IN (SELECT arrayJoin(arrayZip({topics:Array(String)}, {claims:Array(Int64)})))))
ORDER BY t.received_at, t.offset LIMIT ${String(repeatsMax)}`,
    {
      tenant,
      subject,
      first_ms: Math.min(...messages.map((row) => row.received_at_ms)),
      boots: numbered.map((row) => row.boot_id),
      seqs: numbered.map((row) => row.seq),
      topics: timed.map((row) => row.topic),
      claims: timed.map((row) => row.claimed_at_ms),
    },
  )
}

const messageColumns = `log_id, toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset, ${msOf('t.observed_at')} AS observed_at_ms, ${msOf('t.claimed_at')} AS claimed_at_ms, ${msOf('t.received_at')} AS received_at_ms,
  toString(clock_verdict) AS clock_verdict, toString(outcome) AS outcome, topic, boot_id, toFloat64(t.seq) AS seq, base64Encode(frame) AS frame_base64`

/** Found by arrival and offset, as the table is sorted. */
export const messagesOf = async (
  { warehouse, tenant }: Scope,
  subject: string,
  rows: readonly Pick<SourceRow, 'received_at_ms' | 'partition' | 'offset'>[],
): Promise<SourceMessageRow[]> => {
  if (rows.length === 0) return []
  return warehouse.query<SourceMessageRow>(
    `SELECT ${messageColumns}
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
