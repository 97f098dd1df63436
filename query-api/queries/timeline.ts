/**
 * What happened to a device, as one ordered list over all tables. Each kind is a subquery of equal columns; the union is
 * sorted and cut to the page. What a change was before it is looked for before the range too, so that the first entry of
 * a range is a change as well. Runs and bursts are those of the range asked for, so a page does not move them.
 */
import type { CursorPart } from '../domain/cursor.ts'
import type { TimeRange } from '../domain/time.ts'
import type { TimelineKind } from '../domain/timeline-words.ts'
import { clockStepEntries } from './clock.ts'
import { gapEntries } from './ledger-gaps.ts'
import { oneBootEach } from './presence.ts'
import { knownBy, knownParams, msOf, observedRange, type Scope, timeParam } from './scope.ts'

/** Data that came this much later than the time they stand for are an upload of stored data, not a slow network. */
export const lateAfterMs = 15 * 60_000
/** A pause of this length between arrivals ends a run of late messages. */
const lateRunPauseMs = 15 * 60_000
/** A minute with at least this many lines, and four times the usual minute of the day before and the range, is a burst. */
export const burstLinesMin = 20
const burstTimesUsual = 4
const lookBack = 'INTERVAL 1 DAY'

export type TimelineRow = {
  observed_at_ms: number
  received_at_ms: number
  kind: TimelineKind
  partition: number
  offset: number
  /** Tells entries of one message apart: a fact's name, a fingerprint, a flag. */
  key: string
  /** JSON; its shape by kind is in `domain/timeline-words.ts`. */
  data: string
}

export const timelineCursor = ['number', 'string', 'number', 'number', 'string'] as const

export type TimelineQuery = TimeRange & {
  subject: string
  kinds: readonly TimelineKind[]
  /** Part of a value that an entry carries, in either case; '' for all. */
  text: string
  /** Only what had arrived by then; null: all. */
  knownMs: number | null
  descending: boolean
  limit: number
  after: CursorPart[] | null
}

const subject = 'tenant = {tenant:String} AND subject = {subject:String}'
const upTo = `observed_at < ${timeParam('to_ms')}`
const inRange = `observed_at >= ${timeParam('from_ms')} AND ${upTo}`
/** The range and a day before it, for the value that a change came from. */
const withDayBefore = `observed_at >= ${timeParam('from_ms')} - ${lookBack} AND received_at >= ${timeParam('from_ms')} - ${lookBack} - INTERVAL 5 MINUTE AND ${upTo}`
const before = (column: string, type: string, partition = ''): string =>
  `lagInFrame(${column}, 1, CAST(NULL, '${type}')) OVER (${partition} ORDER BY observed_at, received_at, offset)`

const entry = (kind: TimelineKind, { key = "''", data }: { key?: string; data: string }): string =>
  `toFloat64(toUnixTimestamp64Milli(observed_at)) AS observed_at_ms, toFloat64(toUnixTimestamp64Milli(received_at)) AS received_at_ms, '${kind}' AS kind,
  toUInt32(partition) AS partition, toFloat64(offset) AS offset, ${key} AS key, ${data} AS data`

/** JSON object of these columns; types are of ClickHouse. */
const json = (fields: Record<string, [expression: string, type: string]>): string =>
  `toJSONString(CAST(tuple(${Object.values(fields)
    .map(([expression]) => expression)
    .join(', ')}), 'Tuple(${Object.entries(fields)
    .map(([name, [, type]]) => `${name} ${type}`)
    .join(', ')})'))`

const text = 'Nullable(String)'
const number = 'Nullable(Float64)'

const factChanges = (kind: 'fact' | 'firmware'): string => `
SELECT ${entry(kind, { key: 'name', data: json({ name: ['name', 'String'], from: ['earlier', text], to: ['value', text], first: ['first', 'UInt8'], masked: ["sealed != ''", 'UInt8'] }) })}
FROM (SELECT *, ${before('value', text, 'PARTITION BY name')} AS earlier, row_number() OVER (PARTITION BY name ORDER BY observed_at, received_at, offset) = 1 AS first
  FROM facts WHERE ${subject} AND ${upTo} AND name ${kind === 'firmware' ? '=' : '!='} 'firmware.version')
WHERE ${inRange} AND (first OR value IS DISTINCT FROM earlier)`

const presenceChanges = `
SELECT ${entry('presence', { data: json({ from: ['earlier', text], to: ['state', 'String'], reason: ['reason', text] }) })}
FROM (SELECT observed_at, received_at, partition, offset, reason, toString(presence.state) AS state, lagInFrame(toNullable(toString(presence.state)), 1, NULL) OVER (ORDER BY observed_at, received_at, offset) AS earlier
  FROM presence WHERE ${subject} AND ${upTo})
WHERE ${inRange} AND state IS DISTINCT FROM earlier`

const boots = `
SELECT ${entry('boot', { data: json({ bootId: ['boot_id', 'String'], reason: ['reason', text], uptimeBeforeSeconds: ['uptime_before_seconds', number], taskId: ['task_id', text], evidence: ['toString(evidence)', 'String'] }) })}
FROM (${oneBootEach(subject)}) WHERE ${inRange}`

/** Snapshots without a cell are no change: the device did not see one, it did not move to "none". */
const radioChanges = (kind: 'cell' | 'band'): string => {
  const [column, type] = kind === 'cell' ? ['cell_id', 'Nullable(UInt64)'] : ['band', 'Nullable(String)']
  return `
SELECT ${entry(kind, { data: json(kind === 'cell' ? { from: ['toFloat64(earlier)', number], to: ['toFloat64(cell_id)', number], plmn: ['plmn', text], band: ['band', text], rsrpDbm: ['round(rsrp_dbm, 1)', number] } : { from: ['earlier', text], to: ['band', text], cell: ['toFloat64(cell_id)', number] }) })}
FROM (SELECT *, ${before(kind === 'cell' ? column : "CAST(band, 'Nullable(String)')", type)} AS earlier
  FROM radio WHERE ${subject} AND ${withDayBefore} AND isNotNull(${column}))
WHERE ${inRange} AND isNotNull(earlier) AND ${column} != earlier`
}

/** In the order of arrival. Messages without a time say nothing of the clock. */
const clockVerdicts = `
SELECT ${entry('clock', { data: json({ from: ['earlier', text], to: ['verdict', 'String'], claimedAtMs: ['toFloat64(toUnixTimestamp64Milli(claimed_at))', number], topic: ['topic', 'String'] }) })}
FROM (SELECT observed_at, received_at, claimed_at, partition, offset, topic, toString(clock_verdict) AS verdict,
    lagInFrame(toNullable(toString(clock_verdict)), 1, NULL) OVER (ORDER BY received_at, offset) AS earlier
  FROM messages WHERE ${subject} AND received_at >= ${timeParam('from_ms')} - ${lookBack} AND outcome IN ('stored', 'ambiguous') AND clock_verdict != 'missing')
WHERE ${inRange} AND verdict != ifNull(earlier, 'trusted')`

/** Stands at the first moment that the run has data for. */
const lateUploads = `
SELECT toFloat64(toUnixTimestamp64Milli(min(observed_at))) AS observed_at_ms, toFloat64(toUnixTimestamp64Milli(min(received_at))) AS received_at_ms, 'late_upload' AS kind,
  toUInt32(min(partition)) AS partition, toFloat64(min(offset)) AS offset, '' AS key,
  ${json({ messages: ['toFloat64(count())', 'Float64'], toMs: ['toFloat64(toUnixTimestamp64Milli(max(observed_at)))', 'Float64'], arrivedToMs: ['toFloat64(toUnixTimestamp64Milli(max(received_at)))', 'Float64'], delaySeconds: ['max(toFloat64(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(observed_at))) / 1000', 'Float64'] })} AS data
FROM (SELECT observed_at, received_at, partition, offset, sum(begins) OVER (ORDER BY received_at, offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM (SELECT observed_at, received_at, partition, offset,
      toUnixTimestamp64Milli(received_at) - lagInFrame(toUnixTimestamp64Milli(received_at), 1, 0) OVER (ORDER BY received_at, offset) > ${String(lateRunPauseMs)} AS begins
    FROM messages WHERE ${subject} AND ${observedRange} AND outcome IN ('stored', 'ambiguous') AND clock_verdict = 'trusted'
      AND toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(observed_at) > ${String(lateAfterMs)}))
GROUP BY run`

/** Resets at a boot touch every counter of the device at once: one entry a message. */
const counterSteps = `
SELECT ${msOf('min(t.observed_at)')} AS observed_at_ms, ${msOf('min(t.received_at)')} AS received_at_ms, 'counter' AS kind,
  toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset, toString(flag) AS key,
  ${json({ flag: ['toString(flag)', 'String'], counters: ['toFloat64(count())', 'Float64'], metrics: ['arraySort(groupUniqArray(20)(metric))', 'Array(String)'], attributes: ['arraySort(groupUniqArray(20)(attributes))', 'Array(String)'] })} AS data
FROM counters AS t WHERE ${subject} AND ${observedRange} AND flag IN ('reset', 'wrap') GROUP BY t.partition, t.offset, flag`

const minuteMs = 'toUnixTimestamp(minute) * 1000'
/** Counted by two narrow columns first: messages are read of the minutes that are bursts. */
const minuteOf = 'toStartOfMinute(toDateTime(observed_at))'
const burstMinutes = `
  SELECT minute FROM (SELECT *, sum(lines) OVER () AS lines_all
    FROM (SELECT ${minuteOf} AS minute, min(observed_at) >= ${timeParam('from_ms')} AS minute_in_range, count() AS lines FROM log_lines WHERE ${subject} AND ${withDayBefore} GROUP BY minute))
  WHERE minute_in_range AND lines >= ${String(burstLinesMin)} AND lines >= ${String(burstTimesUsual)} * lines_all / (1440 + ({to_ms:Int64} - {from_ms:Int64}) / 60000)`
const logBursts = `
SELECT toFloat64(toUnixTimestamp64Milli(min(first_at))) AS observed_at_ms, toFloat64(toUnixTimestamp64Milli(min(arrived_at))) AS received_at_ms, 'log_burst' AS kind,
  toUInt32(min(part)) AS partition, toFloat64(min(off)) AS offset, '' AS key,
  ${json({ lines: ['toFloat64(sum(lines))', 'Float64'], toMs: ['toFloat64(toUnixTimestamp64Milli(max(last_at)))', 'Float64'], severity: ['toFloat64(min(worst))', number], program: ["ifNull(argMax(program, lines), '')", 'String'], message: ['argMax(sample, lines)', 'String'] })} AS data
FROM (SELECT *, sum(begins) OVER (ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM (SELECT *, ${minuteMs} - lagInFrame(${minuteMs}, 1, 0) OVER (ORDER BY minute) > 60000 AS begins
    FROM (SELECT toStartOfMinute(toDateTime(t.observed_at)) AS minute, count() AS lines,
        min(t.observed_at) AS first_at, max(t.observed_at) AS last_at, min(t.received_at) AS arrived_at, min(t.partition) AS part, min(t.offset) AS off,
        min(t.severity) AS worst, argMin(t.program, (ifNull(t.severity, 8), t.offset, t.line)) AS program, left(argMin(t.message, (ifNull(t.severity, 8), t.offset, t.line)), 200) AS sample
      FROM log_lines AS t WHERE ${subject} AND ${inRange} AND ${minuteOf} IN (${burstMinutes}) GROUP BY minute)))
GROUP BY run`

/** Over all lines of the device that are kept: when each kind came first, by two narrow columns, and then those lines alone. */
const firstTimes = `
  SELECT fingerprint, min(observed_at) AS first_at, count() AS lines_of FROM log_lines WHERE ${subject} AND ${upTo} GROUP BY fingerprint HAVING first_at >= ${timeParam('from_ms')}`
const firstSeen = `
SELECT ${msOf('any(f.first_at)')} AS observed_at_ms, ${msOf('argMin(t.received_at, (t.offset, t.line))')} AS received_at_ms, 'log_first_seen' AS kind,
  toUInt32(argMin(t.partition, (t.offset, t.line))) AS partition, toFloat64(argMin(t.offset, (t.offset, t.line))) AS offset, lower(hex(t.fingerprint)) AS key,
  ${json({ fingerprint: ['lower(hex(t.fingerprint))', 'String'], message: ['left(argMin(t.message, (t.offset, t.line)), 500)', 'String'], program: ['tupleElement(argMin(tuple(t.program), (t.offset, t.line)), 1)', text], severity: ['tupleElement(argMin(tuple(toFloat64(t.severity)), (t.offset, t.line)), 1)', number], lines: ['toFloat64(any(f.lines_of))', 'Float64'] })} AS data
FROM (SELECT * FROM log_lines WHERE ${subject} AND ${inRange} AND observed_at IN (SELECT first_at FROM (${firstTimes}))) AS t
INNER JOIN (${firstTimes}) AS f ON f.fingerprint = t.fingerprint AND f.first_at = t.observed_at
GROUP BY t.fingerprint`

/** What a person would ask about: not each delay and each further reading. */
const alarmKinds = [
  'AlarmRaised',
  'SeverityChanged',
  'AlarmCleared',
  'EpisodeFoundLate',
  'AlarmAmended',
  'AlarmRetracted',
  'ConditionUnknown',
  'ConditionKnown',
  'Acknowledged',
  'AckWithdrawn',
  'Closed',
  'Commented',
  'Assigned',
  'Shelved',
  'Unshelved',
  'FlappingStarted',
  'FlappingStopped',
]
/** Known from when the recorder decided it, not from when the reading came that did. */
const alarmEntries = `
SELECT ${entry('alarm', { key: "concat(stream, '#', leftPad(toString(stream_version), 12, '0'))", data: json({ id: ["concat(stream, if(found_late = 1, ':L', ':'), toString(episode))", 'String'], type: ['type', 'String'], qualifier: ['qualifier', 'String'], event: ['alarm_kind', 'String'], severity: ['severity', 'String'], actor: ['actor', 'String'], detail: ["if(detail = '', '{}', detail)", 'String'] }) })}
FROM (SELECT *, kind AS alarm_kind FROM (SELECT * EXCEPT (received_at), at AS received_at FROM alarm_events WHERE tenant = {tenant:String} AND subject = {subject:String} AND received_at >= ${timeParam('from_ms')} - ${lookBack}))
WHERE ${subject} AND ${inRange} AND alarm_kind IN (${alarmKinds.map((kind) => `'${kind}'`).join(', ')})`

const parts: Record<TimelineKind, string> = {
  fact: factChanges('fact'),
  firmware: factChanges('firmware'),
  boot: boots,
  presence: presenceChanges,
  cell: radioChanges('cell'),
  band: radioChanges('band'),
  clock: clockVerdicts,
  clock_step: clockStepEntries(),
  gap: gapEntries(),
  late_upload: lateUploads,
  counter: counterSteps,
  log_burst: logBursts,
  log_first_seen: firstSeen,
  alarm: alarmEntries,
}

export const timeline = ({ warehouse, tenant }: Scope, query: TimelineQuery): Promise<TimelineRow[]> => {
  const { descending, after } = query
  const direction = descending ? 'DESC' : 'ASC'
  const sortKeys = ['observed_at_ms', 'kind', 'partition', 'offset', 'key']
  const conditions = [
    ...(after === null
      ? []
      : [
          `(${sortKeys.join(', ')}) ${descending ? '<' : '>'} ({after_ms:Float64}, {after_kind:String}, {after_partition:UInt32}, {after_offset:Float64}, {after_key:String})`,
        ]),
    ...(query.text === ''
      ? []
      : ['arrayExists(pair -> positionCaseInsensitiveUTF8(pair.2, {text:String}) > 0, JSONExtractKeysAndValuesRaw(data))']),
  ]
  const union = query.kinds.map((name) => parts[name]).join('\nUNION ALL')
  const [ms, kind, partition, offset, key] = after ?? []
  return warehouse.query<TimelineRow>(
    `SELECT * FROM (${union.replaceAll(subject, subject + knownBy(query.knownMs))}) ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
ORDER BY ${sortKeys.map((name) => `${name} ${direction}`).join(', ')} LIMIT {limit:UInt32}`,
    {
      tenant,
      subject: query.subject,
      from_ms: query.fromMs,
      to_ms: query.toMs,
      limit: query.limit + 1,
      ...knownParams(query.knownMs),
      // As it stands between the quotes of JSON.
      ...(query.text === '' ? {} : { text: JSON.stringify(query.text).slice(1, -1) }),
      ...(after === null ? {} : { after_ms: ms, after_kind: kind, after_partition: partition, after_offset: offset, after_key: key }),
    },
  )
}
