/** /ledger/hops, /devices/{mac}/ledger and /devices/{mac}/gaps: where on its way a message was counted last. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { ledgerHops } from '../domain/ledger-hops.ts'
import { ledgerVerdict } from '../domain/ledger-words.ts'
import { parseBoundedRange, toTime } from '../domain/time.ts'
import { gapCursor, gapList, type GapRow, gapTotals, overtakenMs, refusedIn } from '../queries/ledger-gaps.ts'
import { hopInputs, provableDevices, wholeHours } from '../queries/ledger-hops.ts'
import { completeThrough, completenessOf, cursorOf, knownDevice, type RouteContext } from './context.ts'
import { LedgerEntry } from './ledger.ts'
import {
  answers,
  choice,
  CompleteThrough,
  completeness,
  DeviceParams,
  list,
  nullable,
  orderQuery,
  pagingQuery,
  query,
  rangeQuery,
  TextOrNull,
  Time,
  TimeOrNull,
} from './schemas.ts'

const dayMs = 86_400_000
/** Refused messages that are counted into gaps of one page; with more, the count of none is told. */
const refusedMax = 10_000

const Hop = Type.Object({
  hop: choice(['device', 'front_door', 'log', 'stage', 'warehouse']),
  counted: Type.Record(Type.String(), Type.Integer()),
  difference: Type.Union([Type.Integer(), Type.Literal('unknown'), Type.Null()], {
    description: 'What this hop counted and the next did not. "unknown": the device does not number its messages. Null: see note.',
  }),
  note: TextOrNull,
})

const Neighbour = Type.Object({
  seq: Type.Integer(),
  observedAt: Time,
  receivedAt: Time,
  offset: Type.Integer({ description: 'In the partition of the log that the gap names.' }),
})

const Gap = Type.Object({
  bootId: Type.String(),
  firstSeq: Type.Integer(),
  lastSeq: Type.Integer(),
  messages: Type.Integer(),
  state: choice(['open', 'filled'], { description: 'open: missing still. filled: came after higher numbers had come.' }),
  openedAt: Type.Unsafe<string>({ ...Time, description: 'From then on a lower and a higher number were here.' }),
  filledAt: TimeOrNull,
  before: Neighbour,
  after: Neighbour,
  logId: Type.String(),
  partition: Type.Integer(),
  refusedBetween: nullable(
    Type.Integer({
      description: 'Refused messages of the device that arrived between the two: their number could not be read. Null: too many.',
    }),
  ),
})

export const ledgerHopRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context
  const rangeOf = (asked: { from?: string; to?: string }) => parseBoundedRange(asked, deps.clock.nowMs(), dayMs)

  app.get(
    '/ledger/hops',
    {
      schema: {
        tags: ['ledger'],
        summary: 'What each hop counted over the fleet, and whether the next one counted the same; default the last 24 hours',
        description: 'Device, front door, log, stage, warehouse. Counted over whole hours of arrival; at most 93 days.',
        querystring: query(rangeQuery),
        response: answers(
          Type.Object({
            hops: Type.Array(Hop),
            devices: Type.Integer({ description: 'Devices that were received from.' }),
            devicesProvable: Type.Integer({ description: 'Those that number their messages, so that a loss shows.' }),
            provableShare: nullable(Type.Number({ description: '0 to 1; null when nothing was received.' })),
            from: Time,
            to: Time,
            ...completeness,
          }),
        ),
      },
    },
    async (request) => {
      const range = wholeHours(rangeOf(request.query))
      const [inputs, share, complete] = await Promise.all([
        hopInputs(scope, range, null),
        provableDevices(scope, range),
        completenessOf(context),
      ])
      return {
        hops: ledgerHops(inputs),
        devices: share.devices,
        devicesProvable: share.provable,
        provableShare: share.devices === 0 ? null : share.provable / share.devices,
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        ...complete,
      }
    },
  )

  app.get(
    '/devices/:mac/ledger',
    {
      schema: {
        tags: ['ledger'],
        summary: "One device's account by hop, and its gaps in sum; default the last 24 hours",
        description:
          'Accounts are of whole hours of arrival; gaps are those of `/devices/{mac}/gaps` in the range. Their sums may differ: the account keeps 64 gaps of a boot, and what comes into one that it has forgotten is stored, flagged `ambiguous` and not taken off `missing`; gaps are located from all messages that are kept.',
        params: DeviceParams,
        querystring: query(rangeQuery),
        response: answers(
          Type.Object({
            deviceId: Type.String(),
            account: LedgerEntry,
            hops: Type.Array(Hop),
            gaps: Type.Object({
              open: Type.Integer(),
              messagesMissing: Type.Integer(),
              filled: Type.Integer(),
              messagesFilled: Type.Integer(),
            }),
            from: Time,
            to: Time,
            completeThrough: CompleteThrough,
          }),
        ),
      },
    },
    async (request) => {
      const subject = await knownDevice(context, request.params.mac)
      const range = wholeHours(rangeOf(request.query))
      const [inputs, gaps] = await Promise.all([hopInputs(scope, range, subject), gapTotals(scope, subject, range)])
      return {
        deviceId: subject,
        account: { subject, ...ledgerVerdict(inputs.ledger) },
        hops: ledgerHops(inputs),
        gaps: { open: gaps.open, messagesMissing: gaps.messages_missing, filled: gaps.filled, messagesFilled: gaps.messages_filled },
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/devices/:mac/gaps',
    {
      schema: {
        tags: ['ledger'],
        summary: "Gaps in a device's numbering, each between which two messages; default the last 24 hours",
        description: `By the time of the message above the gap. Exact as long as the messages are kept. A stretch that came late is a filled gap when it was open for ${String(overtakenMs / 1000)} s or longer. A device that does not number its messages has no gaps, and \`missing\` in its ledger is "unknown".`,
        params: DeviceParams,
        querystring: query({ ...rangeQuery, state: choice(['open', 'filled', 'all'], { default: 'all' }), ...orderQuery, ...pagingQuery }),
        response: answers(list(Gap, { from: Time, to: Time, completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { limit, cursor, order, state, ...asked } = request.query
      const subject = await knownDevice(context, request.params.mac)
      const range = rangeOf(asked)
      const rows = await gapList(scope, {
        ...range,
        subject,
        state,
        descending: order === 'desc',
        limit,
        after: cursorOf(cursor, gapCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.after_observed_ms, last.boot_id, last.first_seq])
      const refused = await refusedBetween(context, subject, page.rows)
      return {
        items: page.rows.map((row) => toGap(row, refused)),
        nextCursor: page.nextCursor,
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        completeThrough: completeThrough(context),
      }
    },
  )
}

/** Arrivals of refused messages around these gaps; null: more than can be told. */
const refusedBetween = async ({ scope }: RouteContext, subject: string, rows: readonly GapRow[]): Promise<number[] | null> => {
  if (rows.length === 0) return []
  const range = {
    fromMs: Math.min(...rows.map((row) => Math.min(row.before_received_ms, row.after_received_ms))),
    toMs: Math.max(...rows.map((row) => Math.max(row.before_received_ms, row.after_received_ms))),
  }
  const found = await refusedIn(scope, subject, range, refusedMax + 1)
  return found.length > refusedMax ? null : found.map((row) => row.received_ms)
}

const toGap = (row: GapRow, refused: readonly number[] | null): Static<typeof Gap> => {
  const [fromMs, toMs] = [row.before_received_ms, row.after_received_ms].sort((a, b) => a - b) as [number, number]
  return {
    bootId: row.boot_id,
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    messages: row.last_seq - row.first_seq + 1,
    state: row.open === 1 ? 'open' : 'filled',
    openedAt: toTime(row.opened_ms),
    filledAt: row.open === 1 ? null : toTime(row.filled_ms),
    before: {
      seq: row.before_seq,
      observedAt: toTime(row.before_observed_ms),
      receivedAt: toTime(row.before_received_ms),
      offset: row.before_offset,
    },
    after: {
      seq: row.after_seq,
      observedAt: toTime(row.after_observed_ms),
      receivedAt: toTime(row.after_received_ms),
      offset: row.after_offset,
    },
    logId: row.log_id,
    partition: row.partition,
    refusedBetween: row.open === 1 ? (refused?.filter((atMs) => atMs >= fromMs && atMs <= toMs).length ?? null) : 0,
  }
}
