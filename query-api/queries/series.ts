/** Series of one metric of one subject by step: from raw rows or a rollup (`domain/step.ts` chooses). */
import { type Aggregate, isPercentile, levelOf, type Percentile, type SeriesSource, type Step } from '../domain/step.ts'
import type { TimeRange } from '../domain/time.ts'
import { bucketOf, knownBy, knownParams, observedRange, type Scope, timeParam } from './scope.ts'

export type SeriesQuery = TimeRange & {
  subject: string
  metric: string
  attributes: string | null
  step: Step
  tz: string
  /** Only what had arrived by then, from raw rows: rollups do not know it. Null: all. */
  knownMs: number | null
}
export type PointRow = {
  metric: string
  attributes: string
  at_ms: number
  value: number | null
  samples: number
  missing: number
  /** In the order asked for; all null where a part of the samples has no sketch. */
  quantiles: (number | null)[]
}

/** Rows of one answer over all its series; more is refused by the route. */
export const pointRowsMax = 50_000

const rawAggregates: Record<Exclude<Aggregate, Percentile>, string> = {
  avg: 'avg(t.value)',
  min: 'min(t.value)',
  max: 'max(t.value)',
  sum: 'sum(t.value)',
  count: 'toFloat64(count(t.value))',
  last: 'argMaxIf(t.value, (t.observed_at, t.offset), isNotNull(t.value))',
}

const rollupAggregates: Record<Exclude<Aggregate, 'last' | Percentile>, string> = {
  avg: 'sum(t.value_sum) / sum(t.samples)',
  min: 'min(value_min)',
  max: 'max(value_max)',
  sum: 'sum(t.value_sum)',
  count: 'toFloat64(sum(t.samples))',
}

const tables = { '15m': 'measurements_15m', '1h': 'measurements_1h', '1d': 'measurements_1d' } as const

const seriesConditions = (attributes: string | null): string =>
  `tenant = {tenant:String} AND subject = {subject:String} AND metric = {metric:String}${attributes === null ? '' : ' AND attributes = {attributes:String}'}`

const seriesParams = (tenant: string, query: SeriesQuery): Record<string, unknown> => ({
  tenant,
  subject: query.subject,
  metric: query.metric,
  from_ms: query.fromMs,
  to_ms: query.toMs,
  step: query.step.count,
  tz: query.tz,
  limit: pointRowsMax + 1,
  ...knownParams(query.knownMs),
  ...(query.attributes === null ? {} : { attributes: query.attributes }),
})

/** Texts of numbers that were checked to be levels between 0 and 1; a percentile is a parameter of the function, not of the query. */
const levelTexts = (levels: readonly number[]): string => levels.map((level) => level.toFixed(4)).join(', ')
const rawQuantiles = (levels: readonly number[]): string => `quantilesExact(${levelTexts(levels)})(t.value)`
const mergedQuantiles = (levels: readonly number[]): string => `quantilesBFloat16Merge(${levelTexts(levels)})(t.sketch)`
const noQuantiles = (levels: readonly number[]): string => `CAST([${levels.map(() => 'NULL').join(', ')}], 'Array(Nullable(Float64))')`
const quantilesColumn = (levels: readonly number[], known: string, quantiles: string): string =>
  levels.length === 0 ? '[]' : `if(${known}, CAST(${quantiles}, 'Array(Nullable(Float64))'), ${noQuantiles(levels)})`

/** Some series of one subject: metrics as a whole, and single ones. `metric IN` is what finds them by the table's key. */
const manyConditions = `tenant = {tenant:String} AND subject = {subject:String} AND metric IN {metrics:Array(String)}
  AND (metric IN {whole:Array(String)} OR concat(metric, '\\n', attributes) IN {single:Array(String)})`

const manyParams = (queries: readonly SeriesQuery[]): Record<string, unknown> => ({
  metrics: [...new Set(queries.map(({ metric }) => metric))],
  whole: queries.flatMap(({ metric, attributes }) => (attributes === null ? [metric] : [])),
  single: queries.flatMap(({ metric, attributes }) => (attributes === null ? [] : [`${metric}\n${attributes}`])),
})

/**
 * Series that differ in metric and attributes only, at least one of them.
 * A step without rows is absent; one with only "missing" markers is NULL, never zero. Percentiles of a rollup come from the
 * merged sketches of its buckets, never from percentiles of buckets; samples from before there were sketches make them NULL.
 */
export const measurementSeries = (
  scope: Scope,
  queries: readonly [SeriesQuery, ...SeriesQuery[]],
  aggregate: Aggregate,
  source: SeriesSource,
  levels: readonly number[] = [],
): Promise<PointRow[]> => {
  const [query] = queries
  const conditions = queries.length === 1 ? seriesConditions(query.attributes) : manyConditions
  const params = { ...seriesParams(scope.tenant, query), ...(queries.length === 1 ? {} : manyParams(queries)) }
  return source === 'raw' || aggregate === 'last'
    ? scope.warehouse.query<PointRow>(
        `SELECT metric, attributes, ${bucketOf('observed_at', query.step)} AS at_ms,
  if(count(t.value) = 0, NULL, ${isPercentile(aggregate) ? `arrayElement(${rawQuantiles([levelOf[aggregate]])}, 1)` : rawAggregates[aggregate]}) AS value,
  toFloat64(count(t.value)) AS samples, toFloat64(countIf(isNull(t.value))) AS missing,
  ${quantilesColumn(levels, 'count(t.value) > 0', rawQuantiles(levels))} AS quantiles
FROM measurements AS t WHERE ${conditions} AND ${observedRange}${knownBy(query.knownMs)}
GROUP BY metric, attributes, at_ms ORDER BY metric, attributes, at_ms LIMIT {limit:UInt32}`,
        params,
      )
    : scope.warehouse.query<PointRow>(
        `SELECT metric, attributes, ${bucketOf('bucket', query.step)} AS at_ms,
  if(sum(t.samples) = 0${isPercentile(aggregate) ? ' OR sum(t.unsketched) > 0' : ''}, NULL, ${isPercentile(aggregate) ? `arrayElement(${mergedQuantiles([levelOf[aggregate]])}, 1)` : rollupAggregates[aggregate]}) AS value,
  toFloat64(sum(t.samples)) AS samples, toFloat64(sum(t.missing)) AS missing,
  ${quantilesColumn(levels, 'sum(t.samples) > 0 AND sum(t.unsketched) <= 0', mergedQuantiles(levels))} AS quantiles
FROM ${tables[source]} AS t WHERE ${conditions} AND bucket >= ${timeParam('from_ms')} AND bucket < ${timeParam('to_ms')}
GROUP BY metric, attributes, at_ms ORDER BY metric, attributes, at_ms LIMIT {limit:UInt32}`,
        params,
      )
}

export type CounterPointRow = {
  attributes: string
  at_ms: number
  delta: number | null
  rate: number | null
  seconds: number
  samples: number
  flags: string[]
}

/**
 * Deltas are made once, by the processor; here they are summed. A sample whose delta is unknown (first, gap) adds neither
 * amount nor seconds, so that the rate is over observed time only. Amendments add their amount, no time.
 */
export const counterSeries = ({ warehouse, tenant }: Scope, query: SeriesQuery): Promise<CounterPointRow[]> =>
  warehouse.query<CounterPointRow>(
    `SELECT attributes, ${bucketOf('observed_at', query.step)} AS at_ms, if(count(t.delta) = 0, NULL, sum(t.delta)) AS delta,
  ifNull(sumIf(t.seconds, isNotNull(t.delta) AND flag != 'amendment'), 0) AS seconds,
  if(isNull(delta) OR seconds <= 0, NULL, delta / seconds) AS rate,
  toFloat64(countIf(flag != 'amendment')) AS samples, arraySort(arrayFilter(f -> f != 'ok', groupUniqArray(toString(flag)))) AS flags
FROM counters AS t WHERE ${seriesConditions(query.attributes)} AND ${observedRange}${knownBy(query.knownMs)}
GROUP BY attributes, at_ms ORDER BY attributes, at_ms LIMIT {limit:UInt32}`,
    seriesParams(tenant, query),
  )

export type MetricNameRow = { metric: string; attributes: string[]; kind: 'measurement' | 'counter' }

/** The series that a subject has ever had: measurements by their daily rollup, counters by their rows. */
export const metricNames = ({ warehouse, tenant }: Scope, subject: string): Promise<MetricNameRow[]> =>
  warehouse.query<MetricNameRow>(
    `SELECT metric, arraySort(groupUniqArray(1000)(attributes)) AS attributes, 'measurement' AS kind FROM measurements_1d
WHERE tenant = {tenant:String} AND subject = {subject:String} GROUP BY metric
UNION ALL
SELECT metric, arraySort(groupUniqArray(1000)(attributes)) AS attributes, 'counter' AS kind FROM counters
WHERE tenant = {tenant:String} AND subject = {subject:String} GROUP BY metric`,
    { tenant, subject },
  )
