/** /devices/{mac}/explain: which messages a value, a boot, presence or a rolled-up value came from, with the payloads as they came. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { attributesObject, canonicalAttributes } from '../domain/attributes.ts'
import { pageOf } from '../domain/cursor.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseStep } from '../domain/step.ts'
import { parseTime, toTime, toTimeOrNull } from '../domain/time.ts'
import { unitOf } from '../domain/units.ts'
import {
  bucketCursor,
  bucketSums,
  messageAt,
  messagesOf,
  repeatsMax,
  repeatsOf,
  rowsAt,
  rowsOfBucket,
  signsOfBootAt,
  type SourceMessageRow,
  type SourceRow,
  wordAt,
  wordsOfBucket,
} from '../queries/explain.ts'
import { historyCursor } from '../queries/presence.ts'
import { metricNames } from '../queries/series.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext } from './context.ts'
import { KnownAt, type Moment, momentOf } from './moment.ts'
import {
  answers,
  atQuery,
  choice,
  CompleteThrough,
  DeviceParams,
  knownAtQuery,
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

const Message = Type.Object({
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
})

const Source = Type.Object({
  observedAt: Time,
  attributes: Type.Record(Type.String(), Type.String()),
  value: NumberOrNull,
  text: Type.Union([Type.String(), Type.Null()], {
    description: 'Where there is no number: the value of the fact, the state of presence, the boot, the radio in short, the topic.',
  }),
  quality: Type.String({ description: 'Of a counter its flag, of presence its reason, of a boot how it was seen.' }),
  delta: Type.Union([Type.Number(), Type.Null()], { description: 'Of a counter: what this row added.' }),
  message: Type.Union([Message, Type.Null()], { description: 'Null: no longer kept.' }),
  repeats: Type.Array(Message, {
    description: `The same message come again, and copies that a broker had kept; at most ${String(repeatsMax)} in one answer.`,
  }),
})

const explained = ['metric', 'fact', 'presence', 'boot', 'radio', 'message'] as const

const Explanation = list(Source, {
  deviceId: Type.String(),
  of: choice(explained),
  /** Of the metric or the fact. */
  name: TextOrNull,
  metric: TextOrNull,
  kind: choice(['measurement', 'counter', 'fact', 'presence', 'boot', 'radio', 'message']),
  knownAt: KnownAt,
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
  app.get(
    '/devices/:mac/explain',
    {
      schema: {
        tags: ['devices'],
        summary: 'Which messages a value came from, with their raw payloads',
        description:
          'With `at` (default now): the messages behind what `state` shows at that moment; of a counter also the reading before it, of a boot every sign of it. With `bucket` and `step`: all rows that a step of `metrics`, `counters` or `radio/series` is made of, from `bucket` on, oldest first. With `of=message`: one message by its place in the log.',
        params: DeviceParams,
        querystring: query({
          of: choice(explained, { default: 'metric', description: 'metric wants `metric`, fact wants `fact`, message wants `message`.' }),
          metric: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
          attributes: Type.Optional(
            Type.String({
              maxLength: 2000,
              description: 'JSON object, exactly; default every series of the metric.',
              examples: ['{"cpu.mode":"user"}'],
            }),
          ),
          fact: Type.Optional(Type.String({ minLength: 1, maxLength: 300, examples: ['firmware.version'] })),
          message: Type.Optional(Type.String({ pattern: '^\\d{1,5}:\\d{1,15}$', description: 'partition:offset', examples: ['0:1234'] })),
          ...atQuery,
          ...knownAtQuery,
          bucket: Type.Optional(Type.String({ maxLength: 60, description: 'Start of a step, instead of `at`. RFC 3339 with a zone.' })),
          step: Type.Optional(Type.String({ maxLength: 20, description: 'Length of that step, at most 1d.', examples: ['15m'] })),
          limit: Type.Integer({ minimum: 1, maximum: explainLimitMax, default: 20 }),
          cursor: Type.Optional(Type.String({ maxLength: 2000, description: 'The nextCursor of the answer before; with bucket.' })),
        }),
        response: answers(Explanation),
      },
    },
    async (request) => {
      const deviceId = await knownDevice(context, request.params.mac)
      const { bucket, step, at } = request.query
      if ((bucket === undefined) !== (step === undefined) || (bucket !== undefined && at !== undefined)) {
        throw new ProblemError('REQUEST_INVALID', 'Expected either at, or bucket and step together.')
      }
      const asked: Asked = {
        ...request.query,
        deviceId,
        moment: momentOf(context, 'at', at, request.query.knownAt),
        range: bucket === undefined || step === undefined ? null : bucketRange(bucket, step),
      }
      return asked.of === 'metric' ? explainMetric(context, asked) : explainWord(context, asked)
    },
  )
}

type Asked = {
  of: (typeof explained)[number]
  deviceId: string
  metric?: string
  attributes?: string
  fact?: string
  message?: string
  moment: Moment
  range: { fromMs: number; toMs: number } | null
  limit: number
  cursor?: string
}

const explainMetric = async (context: RouteContext, asked: Asked): Promise<Static<typeof Explanation>> => {
  const { scope } = context
  const { deviceId, attributes, moment, range, limit, cursor } = asked
  const metric = wanted(asked, 'metric')
  const kind = (await metricNames(scope, deviceId)).find((row) => row.metric === metric)?.kind
  if (kind === undefined) {
    throw new ProblemError(
      'METRIC_UNKNOWN',
      `${deviceId} never reported ${JSON.stringify(metric.slice(0, 100))}; metrics/names lists what it did.`,
    )
  }
  const of = {
    kind,
    subject: deviceId,
    metric,
    attributes: attributes === undefined ? null : canonicalAttributes(attributes),
    knownMs: moment.knownMs,
  }
  const common = { ...commonOf(context, asked), name: metric, metric, kind, unit: unitOf(metric) }
  if (range === null) {
    const rows = (await rowsAt(scope, of, moment.throughMs)).slice(0, limit)
    return { ...common, bucket: null, items: await withMessages(context, deviceId, rows), nextCursor: null }
  }
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
}

/** Facts, presence, boots, the radio, and a message itself. */
const explainWord = async (context: RouteContext, asked: Asked): Promise<Static<typeof Explanation>> => {
  const { scope } = context
  const { of, deviceId, moment, range, limit, cursor } = asked
  if (range !== null && of !== 'radio') throw new ProblemError('REQUEST_INVALID', `Expected at for ${of}; bucket is for metrics and radio.`)
  const name = of === 'fact' || of === 'message' ? wanted(asked, of) : null
  const word = { subject: deviceId, name: name ?? '', knownMs: moment.knownMs }
  const rowsOf = async (): Promise<SourceRow[]> => {
    if (of === 'boot') return signsOfBootAt(scope, deviceId, moment.throughMs, moment.knownMs)
    if (of === 'message') {
      const [partition = 0, offset = 0] = (name ?? '').split(':').map(Number)
      return messageAt(scope, deviceId, partition, offset)
    }
    const kind = of === 'fact' || of === 'presence' ? of : 'radio'
    if (range === null) return wordAt(scope, { ...word, kind }, moment.throughMs)
    return wordsOfBucket(scope, { ...word, kind, ...range, limit, after: cursorOf(cursor, historyCursor) })
  }
  const page = pageOf(await rowsOf(), limit, (last) => [last.observed_at_ms, last.partition, last.offset])
  return {
    ...commonOf(context, asked),
    name,
    metric: null,
    kind: of === 'metric' ? 'measurement' : of,
    unit: null,
    bucket: null,
    items: await withMessages(context, deviceId, page.rows),
    nextCursor: range === null ? null : page.nextCursor,
  }
}

const commonOf = (context: RouteContext, { of, deviceId, moment }: Asked) => ({
  deviceId,
  of,
  knownAt: toTimeOrNull(moment.knownMs),
  completeThrough: completeThrough(context),
})

const wanted = (asked: Asked, name: 'metric' | 'fact' | 'message'): string => {
  const value = asked[name]
  if (value === undefined) throw new ProblemError('REQUEST_INVALID', `Expected ${name} with of=${asked.of}.`, { parameter: name })
  return value
}

const bucketRange = (bucket: string, step: string): { fromMs: number; toMs: number } => {
  const fromMs = parseTime('bucket', bucket)
  const { ms } = parseStep(step)
  if (ms > stepMaxMs) throw new ProblemError('STEP_INVALID', `Expected step of at most 1d, got ${step}; a day is explained at a time.`)
  return { fromMs, toMs: fromMs + ms }
}

const withMessages = async (context: RouteContext, deviceId: string, rows: readonly SourceRow[]): Promise<Static<typeof Source>[]> => {
  const { scope, deps } = context
  const place = ({ log_id, partition, offset }: Pick<SourceRow, 'log_id' | 'partition' | 'offset'>): string =>
    `${log_id}:${String(partition)}:${String(offset)}`
  const found = await messagesOf(scope, deviceId, rows)
  const messages = new Map(found.map((row) => [place(row), toMessage(row, deps.decodeFrame)]))
  const repeats = (await repeatsOf(scope, deviceId, found)).map((row) => toMessage(row, deps.decodeFrame))
  return rows.map((row) => {
    const message = messages.get(place(row)) ?? null
    return {
      observedAt: toTime(row.observed_at_ms),
      attributes: attributesObject(row.attributes),
      value: row.value,
      text: row.text,
      quality: row.word,
      delta: row.delta,
      message,
      repeats: message === null ? [] : repeats.filter((other) => isRepeat(message, other)),
    }
  })
}

type ToldMessage = Static<typeof Message>

/** Sealed payloads differ each time they are sealed: there topic and claimed time decide. */
const isRepeat = (message: ToldMessage, other: ToldMessage): boolean => {
  if (other.partition === message.partition && other.offset === message.offset) return false
  if (message.seq !== null) return other.seq === message.seq && other.bootId === message.bootId
  return other.seq === null && other.topic === message.topic && other.claimedAt === message.claimedAt && other.payload === message.payload
}

const toMessage = (row: SourceMessageRow, decodeFrame: RouteContext['deps']['decodeFrame']): ToldMessage => ({
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
): Pick<ToldMessage, 'payload' | 'payloadEncoding' | 'payloadBytes'> => {
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
