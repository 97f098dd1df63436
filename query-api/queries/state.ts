/**
 * What was last known of a subject at a time, by placed time: measurements, counters, facts, radio. A series that spoke in
 * the two hours before is found in a few granules; only the silent ones are looked for in all of history.
 */
import { knownBy, knownParams, msOf, type Scope, timeParam } from './scope.ts'

const recentMs = 2 * 3_600_000

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

const measurementsSql = (conditions: string): string => `
SELECT metric, attributes, ${msOf('max(observed_at)')} AS newest_at_ms, tupleElement(argMax(tuple(t.value), ${newest}), 1) AS value,
  toString(argMax(t.quality, ${newest})) AS quality,
  if(count(t.value) = 0, NULL, ${msOf('maxIf(observed_at, isNotNull(t.value))')}) AS known_at_ms, argMaxIf(t.value, ${newest}, isNotNull(t.value)) AS known_value
FROM measurements AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND ${conditions}
GROUP BY metric, attributes ORDER BY metric, attributes`

const within = `observed_at > ${timeParam('recent_ms')} AND observed_at <= ${timeParam('at_ms')}`

/**
 * A series whose newest row says "missing" keeps that as its state, with the value before it beside. Silent series are
 * looked for only on the days that the daily rollup names: its last with any row and its last with a value. The day of
 * `recent_ms` itself is always read, since the rollup cannot tell the rows before that moment from those after it. Nor can it
 * tell when its rows arrived: the state as it was known then reads the rows of all days.
 */
export const lastMeasurements = async (
  scope: Scope,
  subject: string,
  atMs: number,
  knownMs: number | null = null,
): Promise<LastMeasurementRow[]> => {
  const params = { tenant: scope.tenant, subject, at_ms: atMs, recent_ms: Math.max(0, atMs - recentMs), ...knownParams(knownMs) }
  const arrived = knownBy(knownMs)
  const readRecent = scope.warehouse.query<LastMeasurementRow>(measurementsSql(within + arrived), params)
  if (knownMs !== null) {
    const known = `SELECT metric, attributes FROM measurements WHERE tenant = {tenant:String} AND subject = {subject:String} AND ${within}${arrived} AND isNotNull(value) GROUP BY metric, attributes`
    const silent = `observed_at <= ${timeParam('recent_ms')} AND (metric, attributes) NOT IN (${known})${arrived}`
    const [recent, older] = await Promise.all([readRecent, scope.warehouse.query<LastMeasurementRow>(measurementsSql(silent), params)])
    return joined(recent, older)
  }
  const [recent, series] = await Promise.all([
    readRecent,
    scope.warehouse.query<LastDaysRow>(
      `SELECT metric, attributes, arrayMap(day -> toString(toDate(day)), arrayFilter(day -> day > 0, [maxIf(bucket, before), maxIf(bucket, before AND samples > 0)])) AS days
FROM (SELECT metric, attributes, bucket, samples, bucket < toStartOfDay(${timeParam('recent_ms')}) AS before FROM measurements_1d
  WHERE tenant = {tenant:String} AND subject = {subject:String} AND bucket <= ${timeParam('recent_ms')})
GROUP BY metric, attributes`,
      params,
    ),
  ])
  const spoke = new Set(recent.filter((row) => row.known_at_ms !== null).map(seriesKey))
  const silent = series.filter((row) => !spoke.has(seriesKey(row)))
  return silent.length === 0
    ? joined(recent, [])
    : joined(
        recent,
        await scope.warehouse.query<LastMeasurementRow>(
          measurementsSql(`observed_at <= ${timeParam('recent_ms')} AND ${onLastDays}`),
          lastDaysParams(params, [...silent, { metric: '', attributes: '', days: [dayOf(params.recent_ms)] }]),
        ),
      )
}

type LastDaysRow = { metric: string; attributes: string; days: string[] }

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
const joined = (recent: readonly LastMeasurementRow[], older: readonly LastMeasurementRow[]): LastMeasurementRow[] => {
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
const newestReading = `(observed_at, t.flag != 'amendment', received_at, partition, offset)`

const countersSql = (conditions: string): string => `
SELECT metric, attributes, ${msOf('max(observed_at)')} AS newest_at_ms, argMax(t.value, ${newestReading}) AS value,
  tupleElement(argMax(tuple(t.delta), ${newestReading}), 1) AS delta, tupleElement(argMax(tuple(t.seconds), ${newestReading}), 1) AS seconds,
  toString(argMax(t.flag, ${newestReading})) AS flag
FROM counters AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND ${conditions}
GROUP BY metric, attributes ORDER BY metric, attributes`

export const lastCounters = async (
  scope: Scope,
  subject: string,
  atMs: number,
  knownMs: number | null = null,
): Promise<LastCounterRow[]> => {
  const params = { tenant: scope.tenant, subject, at_ms: atMs, recent_ms: Math.max(0, atMs - recentMs), ...knownParams(knownMs) }
  const arrived = knownBy(knownMs)
  const older = `observed_at <= ${timeParam('recent_ms')}${arrived}`
  const [recent, series] = await Promise.all([
    scope.warehouse.query<LastCounterRow>(countersSql(within + arrived), params),
    // Of all history only the columns that name a series are read.
    scope.warehouse.query<LastDaysRow>(
      `SELECT metric, attributes, [toString(toDate(max(observed_at)))] AS days FROM counters
WHERE tenant = {tenant:String} AND subject = {subject:String} AND ${older} GROUP BY metric, attributes`,
      params,
    ),
  ])
  const spoke = new Set(recent.map(seriesKey))
  const silent = series.filter((row) => !spoke.has(seriesKey(row)))
  if (silent.length === 0) return bySeries(recent)
  const found = await scope.warehouse.query<LastCounterRow>(countersSql(`${older} AND ${onLastDays}`), lastDaysParams(params, silent))
  return bySeries([...recent, ...found])
}

export type LastFactRow = { name: string; observed_at_ms: number; value: string | null; sealed: 0 | 1 }

export const lastFacts = (
  { warehouse, tenant }: Scope,
  subject: string,
  atMs: number,
  knownMs: number | null = null,
): Promise<LastFactRow[]> =>
  warehouse.query<LastFactRow>(
    `SELECT name, ${msOf('max(observed_at)')} AS observed_at_ms, tupleElement(argMax(tuple(t.value), ${newest}), 1) AS value, toUInt8(argMax(t.sealed, ${newest}) != '') AS sealed
FROM facts AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)} GROUP BY name ORDER BY name`,
    { tenant, subject, at_ms: atMs, ...knownParams(knownMs) },
  )

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
