/**
 * What was last known of a subject at a time, by placed time: measurements, counters, facts. A series that spoke in the two
 * hours before is found in a few granules; only the silent ones are looked for in all of history. Each read is a part of
 * `askTogether`, with what is to be done with its rows beside it.
 */
import { knownBy, knownParams, type Scope, timeParam } from './scope.ts'
import { askTogether, msOfText, type Part } from './together.ts'

const recentMs = 2 * 3_600_000

/** A moment in the life of a subject. `knownMs`: of the rows only those that had arrived by then; null: all. */
export type SubjectMoment = { subject: string; atMs: number; knownMs: number | null }

/** Conditions that every part of a moment begins with; they go with `momentParams`. */
export const ofSubject = 'tenant = {tenant:String} AND subject = {subject:String}'
export const momentParams = ({ tenant }: Scope, { subject, atMs, knownMs }: SubjectMoment): Record<string, unknown> => ({
  tenant,
  subject,
  at_ms: atMs,
  recent_ms: Math.max(0, atMs - recentMs),
  ...knownParams(knownMs),
})

export type LastMeasurementRow = {
  metric: string
  attributes: string
  newest_at_ms: number
  value: number | null
  quality: 'ok' | 'missing' | 'out_of_range'
  /** The newest row with a value; null when there is none in what was read. */
  known_at_ms: number | null
  known_value: number | null
}

const newest = '(observed_at, received_at, partition, offset)'
const within = `observed_at > ${timeParam('recent_ms')} AND observed_at <= ${timeParam('at_ms')}`

const measurementsWhere = (conditions: string, params: Record<string, unknown>): Part<LastMeasurementRow> => ({
  cells: [
    'metric',
    'attributes',
    'max(observed_at)',
    `argMax(tuple(value, quality), ${newest})`,
    `argMaxIf(tuple(value, observed_at), ${newest}, isNotNull(value))`,
  ],
  read: ([metric, attributes, newestAt, [value, quality], [knownValue, knownAt]]: [
    string,
    string,
    string,
    [number | null, LastMeasurementRow['quality']],
    [number | null, string],
  ]) => ({
    metric,
    attributes,
    newest_at_ms: msOfText(newestAt),
    value,
    quality,
    known_at_ms: knownValue === null ? null : msOfText(knownAt),
    known_value: knownValue,
  }),
  from: `measurements WHERE ${ofSubject} AND ${conditions} GROUP BY metric, attributes`,
  params,
})

/**
 * Rows of the two hours before; then where else to look for series that they do not know a value of.
 *
 * A series whose newest row says "missing" keeps that as its state, with the value before it beside. Silent series are
 * looked for only on the days that the daily rollup names: its last with any row and its last with a value. The day of
 * `recent_ms` itself is always read, since the rollup cannot tell the rows before that moment from those after it. Nor can it
 * tell when its rows arrived: the state as it was known then reads the rows of all days.
 */
export const recentMeasurements = (params: Record<string, unknown>, knownMs: number | null): Part<LastMeasurementRow> =>
  measurementsWhere(within + knownBy(knownMs), params)

export const measurementDays = (params: Record<string, unknown>): Part<LastDaysRow> => ({
  cells: ['metric', 'attributes', `maxIf(bucket, bucket < ${recentDay})`, `maxIf(bucket, bucket < ${recentDay} AND samples > 0)`],
  read: ([metric, attributes, ...days]: [string, string, string, string]) => ({
    metric,
    attributes,
    days: days.map((day) => day.slice(0, 10)).filter((day) => day !== noDay),
  }),
  from: `measurements_1d WHERE ${ofSubject} AND bucket <= ${timeParam('recent_ms')} GROUP BY metric, attributes`,
  params,
})
const recentDay = `toStartOfDay(${timeParam('recent_ms')})`
/** The greatest of no buckets. */
const noDay = '1970-01-01'

/** Of series without a value that was known by then in the two hours: their newest rows before. */
export const olderMeasurementsKnown = (params: Record<string, unknown>, knownMs: number): Part<LastMeasurementRow> => {
  const arrived = knownBy(knownMs)
  const spoke = `SELECT metric, attributes FROM measurements WHERE ${ofSubject} AND ${within}${arrived} AND isNotNull(value) GROUP BY metric, attributes`
  return measurementsWhere(`observed_at <= ${timeParam('recent_ms')} AND (metric, attributes) NOT IN (${spoke})${arrived}`, params)
}

/** With the silent ones, which are asked for only if there are any. */
export const withSilentMeasurements = async (
  { warehouse }: Scope,
  params: Record<string, unknown>,
  recent: readonly LastMeasurementRow[],
  series: readonly LastDaysRow[],
): Promise<LastMeasurementRow[]> => {
  const spoke = new Set(recent.filter((row) => row.known_at_ms !== null).map(seriesKey))
  const silent = series.filter((row) => !spoke.has(seriesKey(row)))
  if (silent.length === 0) return joinedMeasurements(recent, [])
  const days = lastDaysParams(params, [...silent, { metric: '', attributes: '', days: [dayOf(Number(params['recent_ms']))] }])
  const [older] = await askTogether(warehouse, [measurementsWhere(`observed_at <= ${timeParam('recent_ms')} AND ${onLastDays}`, days)])
  return joinedMeasurements(recent, older)
}

export type LastDaysRow = { metric: string; attributes: string; days: string[] }

/** A day that only another of them needs holds nothing newer of a series than its own last day. */
const onLastDays =
  "toDate(observed_at) IN {days:Array(Date)} AND metric IN {metrics:Array(String)} AND concat(metric, '\\n', attributes) IN {series:Array(String)}"

const lastDaysParams = (params: Record<string, unknown>, silent: readonly LastDaysRow[]): Record<string, unknown> => ({
  ...params,
  days: [...new Set(silent.flatMap(({ days }) => days))],
  metrics: [...new Set(silent.map(({ metric }) => metric))],
  series: silent.map(seriesKey),
})

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** Rows of the last two hours, where they know no value with the older one beside; and the series that were silent. */
export const joinedMeasurements = (recent: readonly LastMeasurementRow[], older: readonly LastMeasurementRow[]): LastMeasurementRow[] => {
  const olderBySeries = new Map(older.map((row) => [seriesKey(row), row]))
  const rows = recent.map((row) => {
    const before = olderBySeries.get(seriesKey(row))
    olderBySeries.delete(seriesKey(row))
    return row.known_at_ms === null && before !== undefined
      ? { ...row, known_at_ms: before.known_at_ms, known_value: before.known_value }
      : row
  })
  return bySeries([...rows, ...olderBySeries.values()])
}

export type LastCounterRow = {
  metric: string
  attributes: string
  newest_at_ms: number
  value: number
  delta: number | null
  seconds: number | null
  flag: CounterFlag
}
export type CounterFlag = 'ok' | 'first' | 'reset' | 'wrap' | 'gap' | 'suspect' | 'amendment'

/** A late reading is an amendment, and so is the row that corrects the one after it: of equal times the reading itself counts. */
const newestReading = `(observed_at, flag != 'amendment', received_at, partition, offset)`

const countersWhere = (conditions: string, params: Record<string, unknown>): Part<LastCounterRow> => ({
  cells: ['metric', 'attributes', 'max(observed_at)', `argMax(tuple(value, delta, seconds, flag), ${newestReading})`],
  read: ([metric, attributes, newestAt, [value, delta, seconds, flag]]: [
    string,
    string,
    string,
    [number, number | null, number | null, CounterFlag],
  ]) => ({ metric, attributes, newest_at_ms: msOfText(newestAt), value, delta, seconds, flag }),
  from: `counters WHERE ${ofSubject} AND ${conditions} GROUP BY metric, attributes`,
  params,
})

export const recentCounters = (params: Record<string, unknown>, knownMs: number | null): Part<LastCounterRow> =>
  countersWhere(within + knownBy(knownMs), params)

/** Of all history only the columns that name a series are read. */
export const counterDays = (params: Record<string, unknown>, knownMs: number | null): Part<LastDaysRow> => ({
  cells: ['metric', 'attributes', 'max(observed_at)'],
  read: ([metric, attributes, newestAt]: [string, string, string]) => ({ metric, attributes, days: [newestAt.slice(0, 10)] }),
  from: `counters WHERE ${ofSubject} AND ${before(knownMs)} GROUP BY metric, attributes`,
  params,
})
const before = (knownMs: number | null): string => `observed_at <= ${timeParam('recent_ms')}${knownBy(knownMs)}`

export const withSilentCounters = async (
  { warehouse }: Scope,
  params: Record<string, unknown>,
  knownMs: number | null,
  recent: readonly LastCounterRow[],
  series: readonly LastDaysRow[],
): Promise<LastCounterRow[]> => {
  const spoke = new Set(recent.map(seriesKey))
  const silent = series.filter((row) => !spoke.has(seriesKey(row)))
  if (silent.length === 0) return bySeries([...recent])
  const [found] = await askTogether(warehouse, [countersWhere(`${before(knownMs)} AND ${onLastDays}`, lastDaysParams(params, silent))])
  return bySeries([...recent, ...found])
}

export type LastFactRow = { name: string; observed_at_ms: number; value: string | null; sealed: 0 | 1 }

export const factsPart = (params: Record<string, unknown>, knownMs: number | null): Part<LastFactRow> => ({
  cells: ['name', 'max(observed_at)', `argMax(tuple(value, sealed != ''), ${newest})`],
  read: ([name, observedAt, [value, sealed]]: [string, string, [string | null, 0 | 1]]) => ({
    name,
    observed_at_ms: msOfText(observedAt),
    value,
    sealed,
  }),
  from: `facts WHERE ${ofSubject} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)} GROUP BY name`,
  params,
})

export const factsByName = (rows: readonly LastFactRow[]): LastFactRow[] => [...rows].sort((a, b) => (a.name < b.name ? -1 : 1))

export const lastFacts = async (scope: Scope, subject: string, atMs: number, knownMs: number | null = null): Promise<LastFactRow[]> => {
  const [rows] = await askTogether(scope.warehouse, [factsPart(momentParams(scope, { subject, atMs, knownMs }), knownMs)])
  return factsByName(rows)
}

export type CounterIncreaseRow = { metric: string; attributes: string; increase: number | null; seconds: number; flags: CounterFlag[] }

/** What each counter is known to have grown by after `fromMs` and up to `toMs`: the sum of its deltas, amendments included. */
export const counterIncreases = (
  { warehouse, tenant }: Scope,
  subject: string,
  { fromMs, toMs, knownMs }: { fromMs: number; toMs: number; knownMs: number | null },
): Promise<CounterIncreaseRow[]> =>
  warehouse.query<CounterIncreaseRow>(
    `SELECT metric, attributes, if(count(t.delta) = 0, NULL, sum(t.delta)) AS increase, ifNull(sum(t.seconds), 0) AS seconds,
  arraySort(arrayFilter(f -> f NOT IN ('ok', 'amendment'), groupUniqArray(toString(t.flag)))) AS flags
FROM counters AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND observed_at > ${timeParam('from_ms')} AND observed_at <= ${timeParam('to_ms')}${knownBy(knownMs)}
GROUP BY metric, attributes ORDER BY metric, attributes`,
    { tenant, subject, from_ms: fromMs, to_ms: toMs, ...knownParams(knownMs) },
  )

const seriesKey = (row: { metric: string; attributes: string }): string => `${row.metric}\n${row.attributes}`

const bySeries = <T extends { metric: string; attributes: string }>(rows: T[]): T[] =>
  rows.sort((a, b) => (seriesKey(a) < seriesKey(b) ? -1 : 1))
