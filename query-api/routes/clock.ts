/** /devices/{mac}/clock and /clocks: how far clocks are off, whether they are believed, and on what evidence. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { clockText, confidenceOf, verdictPeriods } from '../domain/clock-words.ts'
import { pageOf } from '../domain/cursor.ts'
import { parseBoundedRange, toTime, toTimeOrNull } from '../domain/time.ts'
import {
  clockList,
  clockListCursor,
  clockProblems,
  type ClockRow,
  clockRows,
  clockTotals,
  placedByPeriod,
  verdictBefore,
} from '../queries/clock.ts'
import { namesOf } from '../queries/devices.ts'
import { completeThrough, completenessOf, cursorOf, knownDevice, type RouteContext, textOrNull } from './context.ts'
import {
  answers,
  choice,
  CompleteThrough,
  completeness,
  DeviceParams,
  list,
  nullable,
  NumberOrNull,
  pagingQuery,
  query,
  rangeQuery,
  TextOrNull,
  Time,
  TimeOrNull,
} from './schemas.ts'

const dayMs = 86_400_000
/** Of alarms: a clock that is off by a minute breaks TLS and the order of logs. */
const minSkewMsDefault = 60_000
/** Ten times what a crystal in order does. */
const minDriftPpmDefault = 200

const verdicts = ['trusted', 'missing', 'before-2010', 'future'] as const
const Verdict = choice(verdicts, {
  description: 'trusted; missing: it tells no time; before-2010: not set; future: more than 5 minutes ahead.',
})

const Evidence = Type.Object(
  {
    receivedAt: Time,
    claimedAt: TimeOrNull,
    topic: TextOrNull,
    logId: Type.String(),
    partition: Type.Integer(),
    offset: Type.Integer(),
  },
  { description: 'The message that shows it: when it arrived, what time it claimed, and where it lies in the log.' },
)

const skewMs = { description: "The device's time minus ours, in milliseconds: positive when its clock is ahead." }
const driftPpm = {
  description:
    'Millionths; positive: fast. From the estimates of one boot; null when there are fewer than five or they span less than an hour.',
}

const Skew = Type.Object({
  skewMs: Type.Number(skewMs),
  samples: Type.Integer({ description: 'Live messages of the 15 minutes that agree within 2 to 4 s.' }),
  confidence: choice(['high', 'medium', 'low'], { description: 'high: five samples or more; low: one.' }),
  at: Time,
  bootId: TextOrNull,
  evidence: Evidence,
})

const DeviceClock = Type.Object({
  deviceId: Type.String(),
  verdict: nullable(Verdict),
  verdictSince: Type.Union([Time, Type.Null()], { description: 'Arrival of the message that changed it.' }),
  skew: nullable(Type.Intersect([Skew, Type.Object({ stillHolds: Type.Boolean({ description: 'False: it booted or was set since.' }) })])),
  driftPpm: Type.Union([Type.Number(driftPpm), Type.Null()]),
  text: Type.String(),
  estimates: Type.Array(Type.Intersect([Skew, Type.Object({ driftPpm: NumberOrNull })]), {
    description: 'One per 15 minutes with live messages, oldest first.',
  }),
  steps: Type.Array(
    Type.Object({
      at: Time,
      byMs: Type.Number({ description: 'Positive: set forward.' }),
      skewMs: Type.Number({ description: 'What that message said after it; a stored message has its delay in it.' }),
      bootId: TextOrNull,
      evidence: Evidence,
    }),
  ),
  boots: Type.Array(Type.Object({ at: Time, bootId: TextOrNull, verdict: Verdict, evidence: Evidence })),
  verdicts: Type.Array(
    Type.Object({
      verdict: Verdict,
      from: Type.Unsafe<string>({ ...Time, description: 'By arrival; may lie before the range.' }),
      to: TimeOrNull,
      placedBy: choice(['own time', 'arrival'], { description: 'Where the recorder put the messages that this verdict is about.' }),
      messages: Type.Integer({ description: 'That arrived in this period, within the range.' }),
      placedByArrival: Type.Integer({ description: 'Of these: placed by arrival, whatever the verdict on the first was.' }),
      evidence: Evidence,
    }),
  ),
  changesCut: Type.Boolean({ description: 'A day had more changes than are kept (104): later ones of that day are not in this answer.' }),
  from: Time,
  to: Time,
  completeThrough: CompleteThrough,
})

const ClockItem = Type.Object({
  deviceId: Type.String(),
  name: TextOrNull,
  site: TextOrNull,
  problems: Type.Array(choice(clockProblems)),
  verdict: Verdict,
  text: Type.String(),
  skewMs: Type.Union([Type.Number(skewMs), Type.Null()]),
  samples: Type.Integer(),
  confidence: nullable(choice(['high', 'medium', 'low'])),
  skewAt: TimeOrNull,
  stillHolds: Type.Boolean({ description: 'False: it booted or was set since that estimate, or there is none.' }),
  driftPpm: Type.Union([Type.Number(driftPpm), Type.Null()]),
  steps: Type.Integer(),
  boots: Type.Integer(),
  lastHeardAt: Type.Unsafe<string>({ ...Time, description: 'Arrival of the newest message that taught something of its clock.' }),
})

export const clockRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context
  const rangeOf = (asked: { from?: string; to?: string }, defaultMs: number) => parseBoundedRange(asked, deps.clock.nowMs(), defaultMs)

  app.get(
    '/devices/:mac/clock',
    {
      schema: {
        tags: ['devices'],
        summary: "One device's clock: skew, drift, boots, steps and verdicts with their evidence; default the last 7 days",
        description: 'From and to are of arrival. At most 93 days.',
        params: DeviceParams,
        querystring: query(rangeQuery),
        response: answers(DeviceClock),
      },
    },
    async (request) => {
      const subject = await knownDevice(context, request.params.mac)
      const range = rangeOf(request.query, 7 * dayMs)
      const [rows, before] = await Promise.all([clockRows(scope, subject, range), verdictBefore(scope, subject, range.fromMs)])
      const changes = [...(before === undefined ? [] : [before]), ...rows.filter(({ kind }) => kind === 'verdict')]
      const periods = verdictPeriods(
        changes.map((row) => ({ verdict: row.verdict, receivedMs: row.received_ms, evidence: evidenceOf(row) })),
      )
      const since = periods.map(({ fromMs }) => Math.max(fromMs, range.fromMs))
      const placed = new Map((await placedByPeriod(scope, subject, since, range.toMs)).map((row) => [row.since_ms, row]))
      const estimates = rows.filter(({ kind }) => kind === 'estimate')
      const newest = estimates.at(-1)
      const verdict = rows.at(-1)?.verdict ?? before?.verdict ?? null
      const stillHolds =
        newest !== undefined &&
        !rows.some(
          ({ kind, evidence_received_ms }) => (kind === 'boot' || kind === 'step') && evidence_received_ms > newest.evidence_received_ms,
        )
      return {
        deviceId: subject,
        verdict,
        verdictSince: toTimeOrNull(changes.at(-1)?.received_ms ?? null),
        skew: newest === undefined ? null : { ...toSkew(newest), stillHolds },
        driftPpm: newest?.drift_ppm ?? null,
        text: clockText({ verdict, skewMs: newest?.skew_ms ?? null, driftPpm: newest?.drift_ppm ?? null, stillHolds }),
        estimates: estimates.map((row) => ({ ...toSkew(row), driftPpm: row.drift_ppm })),
        steps: rows
          .filter(({ kind }) => kind === 'step')
          .map((row) => ({
            at: toTime(row.received_ms),
            byMs: row.step_ms ?? 0,
            skewMs: row.skew_ms ?? 0,
            bootId: textOrNull(row.boot_id),
            evidence: evidenceOf(row),
          })),
        boots: rows
          .filter(({ kind }) => kind === 'boot')
          .map((row) => ({
            at: toTime(row.received_ms),
            bootId: textOrNull(row.boot_id),
            verdict: row.verdict,
            evidence: evidenceOf(row),
          })),
        verdicts: periods.map((period, index) => {
          const own = placed.get(since[index] ?? 0)
          return {
            verdict: period.verdict,
            from: toTime(period.fromMs),
            to: toTimeOrNull(period.toMs),
            placedBy: period.verdict === 'trusted' ? ('own time' as const) : ('arrival' as const),
            messages: own?.messages ?? 0,
            placedByArrival: own?.by_arrival ?? 0,
            evidence: period.evidence,
          }
        }),
        changesCut: rows.some(({ kind }) => kind === 'limit'),
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/clocks',
    {
      schema: {
        tags: ['devices'],
        summary: 'Devices with wrong clocks, the largest skew first; default the last 24 hours',
        description:
          'Devices that were heard in the range (by arrival) and have a problem: `verdict`: not believed at some time in it; `skew` and `drift`: the newest estimate is over the threshold; `step`: it was set by 3 s or more. Devices that tell no time, and retired ones, are not listed.',
        querystring: query({
          ...rangeQuery,
          problem: choice(['any', ...clockProblems, 'none'], {
            default: 'any',
            description: 'none: all devices whose clock is known, good ones too.',
          }),
          minSkewMs: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: minSkewMsDefault }),
          minDriftPpm: Type.Number({ minimum: 0, maximum: 1e9, default: minDriftPpmDefault }),
          ...pagingQuery,
        }),
        response: answers(
          list(ClockItem, {
            total: Type.Object({
              devices: Type.Integer(),
              wrong: Type.Integer(),
              verdict: Type.Integer(),
              skew: Type.Integer(),
              drift: Type.Integer(),
              step: Type.Integer(),
            }),
            from: Time,
            to: Time,
            ...completeness,
          }),
        ),
      },
    },
    async (request) => {
      const { limit, cursor, problem, minSkewMs, minDriftPpm, ...asked } = request.query
      const range = rangeOf(asked, dayMs)
      const thresholds = { ...range, minSkewMs, minDriftPpm }
      const [rows, total, complete] = await Promise.all([
        clockList(scope, { ...thresholds, problem, limit, after: cursorOf(cursor, clockListCursor) }),
        clockTotals(scope, thresholds),
        completenessOf(context),
      ])
      const page = pageOf(rows, limit, (last) => [last.sort_skew, last.subject])
      const names = await namesOf(
        scope,
        page.rows.map((row) => row.subject),
      )
      return {
        items: page.rows.map((row): Static<typeof ClockItem> => {
          const named = names.get(row.subject)
          return {
            deviceId: row.subject,
            name: textOrNull(named?.name ?? ''),
            site: textOrNull(named === undefined || named.site_name === '' ? (named?.site ?? '') : named.site_name),
            problems: row.problems,
            verdict: row.verdict,
            text: clockText({ verdict: row.verdict, skewMs: row.skew_ms, driftPpm: row.drift_ppm, stillHolds: row.changed === 0 }),
            skewMs: row.skew_ms,
            samples: row.samples,
            confidence: row.skew_ms === null ? null : confidenceOf(row.samples),
            skewAt: toTimeOrNull(row.skew_at_ms),
            stillHolds: row.skew_ms !== null && row.changed === 0,
            driftPpm: row.drift_ppm,
            steps: row.steps,
            boots: row.boots,
            lastHeardAt: toTime(row.last_ms),
          }
        }),
        nextCursor: page.nextCursor,
        total,
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        ...complete,
      }
    },
  )
}

const evidenceOf = (row: ClockRow): Static<typeof Evidence> => ({
  receivedAt: toTime(row.evidence_received_ms),
  claimedAt: toTimeOrNull(row.claimed_ms),
  topic: textOrNull(row.topic),
  logId: row.log_id,
  partition: row.partition,
  offset: row.evidence_offset,
})

const toSkew = (row: ClockRow): Static<typeof Skew> => ({
  skewMs: row.skew_ms ?? 0,
  samples: row.samples,
  confidence: confidenceOf(row.samples),
  at: toTime(row.observed_ms),
  bootId: textOrNull(row.boot_id),
  evidence: evidenceOf(row),
})
