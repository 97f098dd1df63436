/** Series of measurements and of counters, for devices and for places: /metrics, /metrics/names, /counters. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { unitOf } from '../domain/units.ts'
import { attributesObject, canonicalAttributes } from '../domain/attributes.ts'
import { ProblemError } from '../domain/problems.ts'
import { type Aggregate, aggregates, checkPoints, parseQuantiles, parseStep, rangeFor, sourceFor, stepFor } from '../domain/step.ts'
import { parseDeviceId } from '../domain/device-id.ts'
import { parseKnownAt, parseRange, parseTimeZone, toTime, toTimeOrNull } from '../domain/time.ts'
import { counterSeries, metricNames, pointRowsMax, type SeriesQuery } from '../queries/series.ts'
import { createSeriesBatch, type ReadSeries } from '../queries/series-batch.ts'
import { completeThrough, knownDevice, knownPlace, type RouteContext } from './context.ts'
import { KnownAt } from './moment.ts'
import {
  answers,
  choice,
  CompleteThrough,
  DeviceParams,
  knownAtQuery,
  NumberOrNull,
  PlaceParams,
  query,
  rangeQuery,
  stepQuery,
  TextOrNull,
  Time,
} from './schemas.ts'

const hourMs = 3_600_000

const seriesQuery = {
  metric: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'A name from metrics/names.',
    examples: ['system.cpu.load_average.1m'],
  }),
  attributes: Type.Optional(
    Type.String({
      maxLength: 1000,
      description: 'JSON object of one series, or empty for the one without; all series when absent.',
      examples: ['{"cpu.mode":"user"}'],
    }),
  ),
  ...rangeQuery,
  ...stepQuery,
  ...knownAtQuery,
}

const frame = {
  metric: Type.String(),
  unit: TextOrNull,
  step: Type.String(),
  tz: Type.String(),
  from: Time,
  to: Time,
  knownAt: KnownAt,
  completeThrough: CompleteThrough,
}
const Attributes = Type.Record(Type.String(), Type.String())

const MetricSeries = Type.Object({
  ...frame,
  aggregate: Type.String(),
  source: Type.String({
    description: 'raw, or the rollup that it was read from: 15m, 1h, 1d. A long range is then widened to whole buckets.',
  }),
  series: Type.Array(
    Type.Object({
      attributes: Attributes,
      points: Type.Array(
        Type.Object({
          at: Time,
          value: Type.Union([Type.Number(), Type.Null()], {
            description: 'Null: the device reported that it had no reading. A step without any report is absent.',
          }),
          samples: Type.Integer(),
          missing: Type.Integer({ description: 'Reports without a reading.' }),
          quantiles: Type.Optional(
            Type.Record(Type.String(), NumberOrNull, {
              description: 'By level, when asked for. Null where nothing was read, or where a part of it is older than the sketches.',
            }),
          ),
        }),
      ),
    }),
  ),
})

const CounterSeries = Type.Object({
  ...frame,
  series: Type.Array(
    Type.Object({
      attributes: Attributes,
      points: Type.Array(
        Type.Object({
          at: Time,
          delta: Type.Union([Type.Number(), Type.Null()], { description: 'Sum of the known increases; null when none is known.' }),
          ratePerSecond: NumberOrNull,
          seconds: Type.Number({ description: 'Time that the known increases cover.' }),
          samples: Type.Integer(),
          flags: Type.Array(Type.String({ description: 'Besides ok: first, reset, wrap, gap, suspect, amendment.' })),
        }),
      ),
    }),
  ),
})

const MetricNames = Type.Object({
  items: Type.Array(
    Type.Object({
      metric: Type.String(),
      kind: choice(['measurement', 'counter']),
      unit: TextOrNull,
      attributes: Type.Array(Attributes, { description: 'Its series; an empty object is the one without attributes.' }),
    }),
  ),
  completeThrough: CompleteThrough,
})

type SeriesRequest = { metric: string; attributes?: string; from?: string; to?: string; step?: string; tz: string; knownAt?: string }
type MetricsRequest = SeriesRequest & { aggregate: Aggregate; quantiles?: string }
/** Rejects for a subject that nobody knows. Asked when nothing was found: what has points is known. */
type CheckSubject = () => Promise<unknown>

export const metricRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const metricsSchema = (tag: string) => ({
    tags: [tag],
    summary: 'One metric by step; default the last 6 hours',
    querystring: query({
      ...seriesQuery,
      aggregate: choice(aggregates, {
        default: 'avg',
        description: 'Percentiles are exact up to 14 days; of longer ranges they come from merged sketches, within 0.4 %.',
      }),
      quantiles: Type.Optional(
        Type.String({ maxLength: 100, description: 'Levels to have beside the aggregate, each with every point.', examples: ['0.5,0.95'] }),
      ),
    }),
    response: answers(MetricSeries),
  })
  const countersSchema = (tag: string) => ({
    tags: [tag],
    summary: 'One counter by step: increases and rates; default the last 6 hours',
    querystring: query(seriesQuery),
    response: answers(CounterSeries),
  })
  const namesSchema = (tag: string) => ({
    tags: [tag],
    summary: 'Which metrics there are, with their series',
    querystring: query({}),
    response: answers(MetricNames),
  })

  const read = createSeriesBatch(context.scope)
  app.get('/devices/:mac/metrics', { schema: { ...metricsSchema('devices'), params: DeviceParams } }, async (request) => {
    const { mac } = request.params
    return metrics(context, read, parseDeviceId(mac), request.query, () => knownDevice(context, mac))
  })
  app.get('/devices/:mac/counters', { schema: { ...countersSchema('devices'), params: DeviceParams } }, async (request) => {
    const { mac } = request.params
    return counters(context, parseDeviceId(mac), request.query, () => knownDevice(context, mac))
  })
  app.get('/devices/:mac/metrics/names', { schema: { ...namesSchema('devices'), params: DeviceParams } }, async (request) =>
    names(context, await knownDevice(context, request.params.mac)),
  )
  app.get('/places/:place/metrics', { schema: { ...metricsSchema('places'), params: PlaceParams } }, async (request) => {
    // Its name may be that of a device, which has points too: known first.
    const place = await knownPlace(context, request.params.place)
    return metrics(context, read, place, request.query, () => Promise.resolve(place))
  })
  app.get('/places/:place/metrics/names', { schema: { ...namesSchema('places'), params: PlaceParams } }, async (request) =>
    names(context, await knownPlace(context, request.params.place)),
  )
}

const metrics = async (
  context: RouteContext,
  read: ReadSeries,
  subject: string,
  asked: MetricsRequest,
  checkSubject: CheckSubject,
): Promise<Static<typeof MetricSeries>> => {
  const { aggregate, quantiles } = asked
  const wanted = seriesQueryOf(context, subject, asked)
  const levels = quantiles === undefined ? [] : parseQuantiles(quantiles)
  const source = wanted.knownMs === null ? sourceFor(wanted, wanted.step, aggregate, wanted.tz, levels) : 'raw'
  const query = { ...wanted, ...rangeFor(wanted, source) }
  const rows = await read(query, aggregate, source, levels)
  if (rows.length === 0) await checkMetric(context, subject, asked.metric, 'measurement', checkSubject)
  return {
    ...frameOf(context, query),
    aggregate,
    source,
    series: bySeries(rows, ({ at_ms, value, samples, missing, quantiles: values }) => ({
      at: toTime(at_ms),
      value,
      samples,
      missing,
      ...(levels.length === 0 ? {} : { quantiles: Object.fromEntries(levels.map((level, i) => [String(level), values[i] ?? null])) }),
    })),
  }
}

const counters = async (
  context: RouteContext,
  subject: string,
  asked: SeriesRequest,
  checkSubject: CheckSubject,
): Promise<Static<typeof CounterSeries>> => {
  const wanted = seriesQueryOf(context, subject, asked)
  const rows = await counterSeries(context.scope, wanted)
  if (rows.length === 0) await checkMetric(context, subject, asked.metric, 'counter', checkSubject)
  return {
    ...frameOf(context, wanted),
    series: bySeries(rows, ({ at_ms, delta, rate, seconds, samples, flags }) => ({
      at: toTime(at_ms),
      delta,
      ratePerSecond: rate,
      seconds,
      samples,
      flags,
    })),
  }
}

const names = async (context: RouteContext, subject: string): Promise<Static<typeof MetricNames>> => {
  const rows = await metricNames(context.scope, subject)
  return {
    items: rows
      .sort((a, b) => (a.metric < b.metric ? -1 : 1))
      .map(({ metric, kind, attributes }) => ({ metric, kind, unit: unitOf(metric), attributes: attributes.map(attributesObject) })),
    completeThrough: completeThrough(context),
  }
}

const seriesQueryOf = ({ deps }: RouteContext, subject: string, asked: SeriesRequest): SeriesQuery => {
  const range = parseRange(asked, deps.clock.nowMs(), 6 * hourMs)
  const step = asked.step === undefined ? stepFor(range) : parseStep(asked.step)
  checkPoints(range, step)
  return {
    ...range,
    subject,
    metric: asked.metric,
    attributes: asked.attributes === undefined ? null : canonicalAttributes(asked.attributes),
    step,
    tz: parseTimeZone(asked.tz),
    knownMs: parseKnownAt(asked.knownAt),
  }
}

/** An empty answer for a name that the subject never had is a typing error, and is told as one. */
const checkMetric = async (
  { scope }: RouteContext,
  subject: string,
  metric: string,
  kind: 'measurement' | 'counter',
  checkSubject: CheckSubject,
): Promise<void> => {
  await checkSubject()
  const known = await metricNames(scope, subject)
  if (known.some((row) => row.metric === metric && row.kind === kind)) return
  if (kind === 'measurement' && known.some((row) => row.metric === metric)) {
    throw new ProblemError('METRIC_IS_COUNTER', `${metric} is a counter: ask for its increases and rates at counters?metric=${metric}.`)
  }
  throw new ProblemError(
    'METRIC_UNKNOWN',
    `${subject} has never reported the ${kind} ${JSON.stringify(metric)}; metrics/names lists what it has.`,
  )
}

const frameOf = (context: RouteContext, { metric, step, tz, fromMs, toMs, knownMs }: SeriesQuery) => ({
  metric,
  unit: unitOf(metric),
  step: step.text,
  tz,
  from: toTime(fromMs),
  to: toTime(toMs),
  knownAt: toTimeOrNull(knownMs),
  completeThrough: completeThrough(context),
})

const bySeries = <R extends { attributes: string }, P>(
  rows: readonly R[],
  toPoint: (row: R) => P,
): { attributes: Record<string, string>; points: P[] }[] => {
  if (rows.length > pointRowsMax) {
    throw new ProblemError(
      'TOO_MANY_POINTS',
      `Expected at most ${String(pointRowsMax)} points over all series; name one series by attributes, or ask for a longer step.`,
    )
  }
  const series = new Map<string, P[]>()
  for (const row of rows) {
    const points = series.get(row.attributes)
    if (points === undefined) series.set(row.attributes, [toPoint(row)])
    else points.push(toPoint(row))
  }
  return [...series].map(([attributes, points]) => ({ attributes: attributesObject(attributes), points }))
}
