/**
 * What was last known of a subject at a time, by placed time: measurements, counters, facts. A series that spoke in the two
 * hours before is found in a few granules; only the silent ones are looked for in all of history. Each read is a part of
 * `askTogether`, with what is to be done with its rows beside it.
 */
import { clockAheadMaxMs } from '../domain/time.ts'
import { knownBy, knownParams, placedParam, type Scope, textOfMs, timeParam } from './scope.ts'
import { askTogether, msOfText, type Part } from './together.ts'

const recentMs = 2 * 3_600_000

/** A moment in the life of a subject. `knownMs`: of the rows only those that had arrived by then; null: all. */
export type SubjectMoment = { subject: string; atMs: number; knownMs: number | null }

/** Conditions that every part of a moment begins with; they go with `momentParams`. */
export const ofSubject = 'tenant = {tenant:String} AND subject = {subject:String}'
export const momentParams = ({ tenant }: Scope, { subject, atMs, knownMs }: SubjectMoment): Record<string, unknown> => {
  const fromMs = Math.max(0, atMs - recentMs)
  return {
    tenant,
    subject,
    at: textOfMs(atMs),
    recent: textOfMs(fromMs),
    recent_came: textOfMs(fromMs - clockAheadMaxMs),
    recent_day: `${dayOf(fromMs)} 00:00:00`,
    ...knownParams(knownMs),
  }
}

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
const newestFirst = 'observed_at DESC, received_at DESC, partition DESC, offset DESC'
/** What was observed after a time arrived after it too, or at most as much before as a believed clock may be ahead. */
const within = `observed_at > ${placedParam('recent')} AND observed_at <= ${placedParam('at')} AND received_at > ${placedParam('recent_came')}`

export type ReadingRow = Pick<LastMeasurementRow, 'metric' | 'attributes' | 'value' | 'quality'> & {
  observed_at_ms: number
  /** Arrival, partition and offset: what tells rows of one time apart. */
  came: readonly [string, number, number]
}

/** The newest row of each series with a value, and the newest without: `lastOfEach` puts the two together. */
const measurementsWhere = (conditions: string, params: Record<string, unknown>): Part<ReadingRow> => ({
  cells: ['metric', 'attributes', 'observed_at', 'value', 'quality', 'received_at', 'partition', 'offset'],
  read: ([metric, attributes, observedAt, value, quality, receivedAt, partition, offset]: [
    string,
    string,
    string,
    number | null,
    ReadingRow['quality'],
    string,
    number,
    number | string,
  ]) => ({
    metric,
    attributes,
    observed_at_ms: msOfText(observedAt),
    value,
    quality,
    came: [receivedAt, partition, Number(offset)],
  }),
  from: `measurements WHERE ${ofSubject} AND ${conditions} ORDER BY ${newestFirst} LIMIT 1 BY metric, attributes, isNull(value)`,
  params,
})

/**
 * Rows of the two hours before; then where else to look for series that they do not know a value of.
 *
 * A series whose newest row says "missing" keeps that as its state, with the value before it beside. Silent series are
 * looked for only on the days that the daily rollup names: its last with any row and its last with a value. The day of
 * `recent` itself is always read, since the rollup cannot tell the rows before that moment from those after it. Nor can it
 * tell when its rows arrived: the state as it was known then reads the rows of all days.
 */
export const recentMeasurements = (params: Record<string, unknown>, knownMs: number | null): Part<ReadingRow> =>
  measurementsWhere(within + knownBy(knownMs), params)

/** Of each series the last day with a value, without one, and whether it spoke on the day of `recent` up to then. */
export const measurementDays = (params: Record<string, unknown>): Part<SeriesDay> => ({
  cells: ['metric', 'attributes', 'bucket', 'samples > 0'],
  read: ([metric, attributes, bucket, hasValue]: [string, string, string, 0 | 1]) => ({
    metric,
    attributes,
    day: bucket.slice(0, 10),
    hasValue: hasValue === 1,
  }),
  from: `measurements_1d WHERE ${ofSubject} AND bucket <= ${recentDay} ORDER BY bucket DESC LIMIT 1 BY metric, attributes, samples > 0, bucket = ${recentDay}`,
  params,
})
const recentDay = "{recent_day:DateTime('UTC')}"

export type SeriesDay = { metric: string; attributes: string; day: string; hasValue: boolean }

/** Where to look for a series: on its last day before `recent` with any row, and on that with a value. */
const daysOfSeries = (rows: readonly SeriesDay[], recent: string): LastDaysRow[] => {
  const bySeries = new Map<string, LastDaysRow>()
  const newestFirst = [...rows].sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : 0))
  const seen = new Set<string>()
  for (const row of newestFirst) {
    const key = seriesKey(row)
    const series = bySeries.get(key) ?? { metric: row.metric, attributes: row.attributes, days: [] }
    bySeries.set(key, series)
    if (row.day === recent || seen.has(key)) continue
    series.days.push(row.day)
    if (row.hasValue) seen.add(key)
  }
  return [...bySeries.values()]
}

/** Of series without a value that was known by then in the two hours: their newest rows before. */
export const olderMeasurementsKnown = (params: Record<string, unknown>, knownMs: number): Part<ReadingRow> => {
  const arrived = knownBy(knownMs)
  const spoke = `SELECT metric, attributes FROM measurements WHERE ${ofSubject} AND ${within}${arrived} AND isNotNull(value) GROUP BY metric, attributes`
  return measurementsWhere(`observed_at <= ${placedParam('recent')} AND (metric, attributes) NOT IN (${spoke})${arrived}`, params)
}

/** With the silent ones, which are asked for only if there are any. */
export const withSilentMeasurements = async (
  { warehouse }: Scope,
  params: Record<string, unknown>,
  readings: readonly ReadingRow[],
  seriesDays: readonly SeriesDay[],
): Promise<LastMeasurementRow[]> => {
  const recent = lastOfEach(readings)
  const spoke = new Set(recent.filter((row) => row.known_at_ms !== null).map(seriesKey))
  const recentDayText = String(params['recent_day']).slice(0, 10)
  const silent = daysOfSeries(seriesDays, recentDayText).filter((row) => !spoke.has(seriesKey(row)))
  if (silent.length === 0) return joinedMeasurements(readings, [])
  const days = lastDaysParams(params, [...silent, { metric: '', attributes: '', days: [recentDayText] }])
  const [older] = await askTogether(warehouse, [measurementsWhere(`observed_at <= ${placedParam('recent')} AND ${onLastDays}`, days)])
  return joinedMeasurements(readings, older)
}

/** Of each series at most one row with a value and one without: the newer of them is its state. */
const lastOfEach = (readings: readonly ReadingRow[]): LastMeasurementRow[] => {
  const newestOf = new Map<string, ReadingRow>()
  const valueOf = new Map<string, ReadingRow>()
  for (const reading of readings) {
    const key = seriesKey(reading)
    for (const held of reading.value === null ? [newestOf] : [newestOf, valueOf]) {
      const other = held.get(key)
      if (other === undefined || isAfter(reading, other)) held.set(key, reading)
    }
  }
  return [...newestOf].map(([key, { metric, attributes, observed_at_ms, value, quality }]) => ({
    metric,
    attributes,
    newest_at_ms: observed_at_ms,
    value,
    quality,
    known_at_ms: valueOf.get(key)?.observed_at_ms ?? null,
    known_value: valueOf.get(key)?.value ?? null,
  }))
}

const isAfter = (one: ReadingRow, other: ReadingRow): boolean => {
  if (one.observed_at_ms !== other.observed_at_ms) return one.observed_at_ms > other.observed_at_ms
  if (one.came[0] !== other.came[0]) return one.came[0] > other.came[0]
  return (one.came[1] - other.came[1] || one.came[2] - other.came[2]) > 0
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
export const joinedMeasurements = (recent: readonly ReadingRow[], older: readonly ReadingRow[]): LastMeasurementRow[] => {
  const olderBySeries = new Map(lastOfEach(older).map((row) => [seriesKey(row), row]))
  const rows = lastOfEach(recent).map((row) => {
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
const newestReading = "observed_at DESC, flag != 'amendment' DESC, received_at DESC, partition DESC, offset DESC"

const countersWhere = (conditions: string, params: Record<string, unknown>): Part<LastCounterRow> => ({
  cells: ['metric', 'attributes', 'observed_at', 'value', 'delta', 'seconds', 'flag'],
  read: ([metric, attributes, observedAt, value, delta, seconds, flag]: [
    string,
    string,
    string,
    number,
    number | null,
    number | null,
    CounterFlag,
  ]) => ({ metric, attributes, newest_at_ms: msOfText(observedAt), value, delta, seconds, flag }),
  from: `counters WHERE ${ofSubject} AND ${conditions} ORDER BY ${newestReading} LIMIT 1 BY metric, attributes`,
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
const before = (knownMs: number | null): string => `observed_at <= ${placedParam('recent')}${knownBy(knownMs)}`

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
  from: `facts WHERE ${ofSubject} AND observed_at <= ${placedParam('at')}${knownBy(knownMs)} GROUP BY name`,
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
