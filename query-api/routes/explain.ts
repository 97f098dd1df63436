/** /devices/{mac}/explain: which messages a measurement or a rolled-up value came from, with the payloads as they came. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { attributesObject, canonicalAttributes } from '../domain/attributes.ts'
import { pageOf } from '../domain/cursor.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseStep } from '../domain/step.ts'
import { parseTime, toTime, toTimeOrNull } from '../domain/time.ts'
import { unitOf } from '../domain/units.ts'
import { bucketCursor, bucketSums, messagesOf, rowsAt, rowsOfBucket, type SourceMessageRow, type SourceRow } from '../queries/explain.ts'
import { metricNames } from '../queries/series.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext } from './context.ts'
import { momentOf } from './moment.ts'
import {
  answers,
  atQuery,
  choice,
  CompleteThrough,
  DeviceParams,
  list,
  NumberOrNull,
  nullable,
  query,
  TextOrNull,
  Time,
  TimeOrNull,
} from './schemas.ts'

/** Rows of one page: each brings its message, which may have 64 KiB. */
const explainLimitMax = 100
const stepMaxMs = 86_400_000

const Source = Type.Object({
  observedAt: Time,
  attributes: Type.Record(Type.String(), Type.String()),
  value: NumberOrNull,
  quality: Type.String({ description: 'Of a counter its flag.' }),
  delta: Type.Union([Type.Number(), Type.Null()], { description: 'Of a counter: what this row added.' }),
  message: nullable(
    Type.Object(
      {
        logId: Type.String(),
        partition: Type.Integer(),
        offset: Type.Integer(),
        topic: Type.String(),
        receivedAt: Time,
        observedAt: Time,
        claimedAt: TimeOrNull,
        clockVerdict: Type.String(),
        outcome: Type.String(),
        bootId: TextOrNull,
        seq: NumberOrNull,
        payload: TextOrNull,
        payloadEncoding: choice(['utf8', 'base64', 'sealed', 'none', 'unreadable'], {
          description:
            'sealed: it carries personal identifiers and is kept encrypted with the device’s own key. none: not from a message. unreadable: the stored frame could not be decoded.',
        }),
        payloadBytes: Type.Integer(),
      },
      { description: 'Null: no longer kept.' },
    ),
  ),
})

const Explanation = list(Source, {
  deviceId: Type.String(),
  metric: Type.String(),
  kind: choice(['measurement', 'counter']),
  unit: TextOrNull,
  bucket: nullable(
    Type.Object(
      {
        from: Time,
        to: Time,
        samples: Type.Integer(),
        missing: Type.Integer(),
        messages: Type.Integer(),
        avg: NumberOrNull,
        min: NumberOrNull,
        max: NumberOrNull,
        sum: NumberOrNull,
        increase: NumberOrNull,
      },
      { description: 'What all rows of the bucket make, also those beyond this page.' },
    ),
  ),
  completeThrough: CompleteThrough,
})

export const explainRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope } = context
  app.get(
    '/devices/:mac/explain',
    {
      schema: {
        tags: ['devices'],
        summary: 'Which messages a value came from, with their raw payloads',
        description:
          'With `at` (default now): the message behind the value that `state` shows at that moment; of a counter also the reading before it. With `bucket` and `step`: all rows that a step of `metrics` or `counters` is made of, from `bucket` on, oldest first.',
        params: DeviceParams,
        querystring: query({
          metric: Type.String({ minLength: 1, maxLength: 300 }),
          attributes: Type.Optional(
            Type.String({
              maxLength: 2000,
              description: 'JSON object, exactly; default every series of the metric.',
              examples: ['{"cpu.mode":"user"}'],
            }),
          ),
          ...atQuery,
          bucket: Type.Optional(Type.String({ maxLength: 60, description: 'Start of a step, instead of `at`. RFC 3339 with a zone.' })),
          step: Type.Optional(Type.String({ maxLength: 20, description: 'Length of that step, at most 1d.', examples: ['15m'] })),
          limit: Type.Integer({ minimum: 1, maximum: explainLimitMax, default: 20 }),
          cursor: Type.Optional(Type.String({ maxLength: 2000, description: 'The nextCursor of the answer before; with bucket.' })),
        }),
        response: answers(Explanation),
      },
    },
    async (request) => {
      const { metric, attributes, at, bucket, step, limit, cursor } = request.query
      const deviceId = await knownDevice(context, request.params.mac)
      if ((bucket === undefined) !== (step === undefined) || (bucket !== undefined && at !== undefined)) {
        throw new ProblemError('REQUEST_INVALID', 'Expected either at, or bucket and step together.')
      }
      const kind = (await metricNames(scope, deviceId)).find((row) => row.metric === metric)?.kind
      if (kind === undefined) {
        throw new ProblemError(
          'METRIC_UNKNOWN',
          `${deviceId} never reported ${JSON.stringify(metric.slice(0, 100))}; metrics/names lists what it did.`,
        )
      }
      const of = { kind, subject: deviceId, metric, attributes: attributes === undefined ? null : canonicalAttributes(attributes) }
      const common = { deviceId, metric, kind, unit: unitOf(metric), completeThrough: completeThrough(context) }
      if (bucket === undefined || step === undefined) {
        const { throughMs } = momentOf(context, 'at', at, undefined)
        const rows = (await rowsAt(scope, of, throughMs)).slice(0, limit)
        return { ...common, bucket: null, items: await withMessages(context, deviceId, rows), nextCursor: null }
      }
      const range = bucketRange(bucket, step)
      const [sums, rows] = await Promise.all([
        bucketSums(scope, { ...of, ...range }),
        rowsOfBucket(scope, { ...of, ...range, limit, after: cursorOf(cursor, bucketCursor) }),
      ])
      const page = pageOf(rows, limit, (last) => [last.observed_at_ms, last.partition, last.offset, last.attributes, last.word])
      const sum = sums?.value_sum ?? null
      const measured = kind === 'measurement'
      return {
        ...common,
        bucket: {
          from: toTime(range.fromMs),
          to: toTime(range.toMs),
          samples: sums?.samples ?? 0,
          missing: sums?.missing ?? 0,
          messages: sums?.messages ?? 0,
          avg: measured && sums !== undefined && sum !== null ? sum / sums.samples : null,
          min: sums?.value_min ?? null,
          max: sums?.value_max ?? null,
          sum: measured ? sum : null,
          increase: sums?.delta_sum ?? null,
        },
        items: await withMessages(context, deviceId, page.rows),
        nextCursor: page.nextCursor,
      }
    },
  )
}

const bucketRange = (bucket: string, step: string): { fromMs: number; toMs: number } => {
  const fromMs = parseTime('bucket', bucket)
  const { ms } = parseStep(step)
  if (ms > stepMaxMs) throw new ProblemError('STEP_INVALID', `Expected step of at most 1d, got ${step}; a day is explained at a time.`)
  return { fromMs, toMs: fromMs + ms }
}

const withMessages = async (context: RouteContext, deviceId: string, rows: readonly SourceRow[]): Promise<Static<typeof Source>[]> => {
  const place = ({ log_id, partition, offset }: Pick<SourceRow, 'log_id' | 'partition' | 'offset'>): string =>
    `${log_id}:${String(partition)}:${String(offset)}`
  const messages = new Map((await messagesOf(context.scope, deviceId, rows)).map((row) => [place(row), row]))
  return rows.map((row) => {
    const message = messages.get(place(row))
    return {
      observedAt: toTime(row.observed_at_ms),
      attributes: attributesObject(row.attributes),
      value: row.value,
      quality: row.word,
      delta: row.delta,
      message: message === undefined ? null : toMessage(message, context.deps.decodeFrame),
    }
  })
}

const toMessage = (row: SourceMessageRow, decodeFrame: RouteContext['deps']['decodeFrame']) => ({
  logId: row.log_id,
  partition: row.partition,
  offset: row.offset,
  topic: row.topic,
  receivedAt: toTime(row.received_at_ms),
  observedAt: toTime(row.observed_at_ms),
  claimedAt: toTimeOrNull(row.claimed_at_ms),
  clockVerdict: row.clock_verdict,
  outcome: row.outcome,
  bootId: row.boot_id === '' ? null : row.boot_id,
  seq: row.seq,
  ...payloadOf(Buffer.from(row.frame_base64, 'base64'), decodeFrame),
})

const payloadOf = (
  frame: Uint8Array,
  decodeFrame: RouteContext['deps']['decodeFrame'],
): Pick<NonNullable<Static<typeof Source>['message']>, 'payload' | 'payloadEncoding' | 'payloadBytes'> => {
  const decoded = decodeFrame(frame)
  if (!decoded.ok) return { payload: null, payloadEncoding: 'unreadable', payloadBytes: 0 }
  const { encoding, bytes } = decoded.event.payload
  if (encoding !== 'plain') return { payload: null, payloadEncoding: encoding, payloadBytes: bytes.length }
  try {
    return { payload: new TextDecoder('utf-8', { fatal: true }).decode(bytes), payloadEncoding: 'utf8', payloadBytes: bytes.length }
  } catch {
    return { payload: Buffer.from(bytes).toString('base64'), payloadEncoding: 'base64', payloadBytes: bytes.length }
  }
}
