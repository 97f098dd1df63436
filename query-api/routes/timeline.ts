/** /devices/{mac}/timeline: what happened, of every kind, in one ordered list. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseKnownAt, parseRange, toTime, toTimeOrNull } from '../domain/time.ts'
import { timelineData, timelineKinds, type TimelineKind, timelineText } from '../domain/timeline-words.ts'
import { burstLinesMin, lateAfterMs, timeline, timelineCursor } from '../queries/timeline.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext } from './context.ts'
import { KnownAt } from './moment.ts'
import {
  answers,
  choice,
  CompleteThrough,
  DeviceParams,
  knownAtQuery,
  list,
  orderQuery,
  pagingQuery,
  query,
  rangeQuery,
  Time,
} from './schemas.ts'

const dayMs = 86_400_000
/** Beyond this a list of single events is not how to look at a device. */
const rangeMaxMs = 93 * dayMs

const Entry = Type.Object({
  observedAt: Time,
  receivedAt: Type.Unsafe<string>({ ...Time, description: 'Arrival of the message that tells it; of runs the first.' }),
  kind: choice(timelineKinds),
  text: Type.String({ description: 'In words; may quote the device: escape it before showing.' }),
  data: Type.Record(Type.String(), Type.Unknown(), { description: 'The same as fields: from, to, name, reason, lines, ... by kind.' }),
})

export const timelineRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  app.get(
    '/devices/:mac/timeline',
    {
      schema: {
        tags: ['devices'],
        summary: 'What happened to a device, in one list; default the last 24 hours',
        description: `Fact and firmware changes, boots, presence, cell and band changes, clock verdicts, counters that began again or wrapped, bursts of log lines (a minute with ${String(burstLinesMin)} lines and four times the usual), kinds of log lines never seen on this device before, and late uploads: runs of messages that arrived more than ${String(lateAfterMs / 60_000)} minutes after the time that they stand for (\`to\` and \`arrivedTo\` are the ends of the run within the range). At most 93 days.`,
        params: DeviceParams,
        querystring: query({
          ...rangeQuery,
          kind: Type.Optional(
            Type.String({
              maxLength: 200,
              description: `One or more, separated by commas: ${timelineKinds.join(', ')}.`,
              examples: ['boot,firmware'],
            }),
          ),
          text: Type.String({ default: '', maxLength: 200, description: 'Part of a name, value or message in the entry, in either case.' }),
          ...knownAtQuery,
          ...orderQuery,
          ...pagingQuery,
        }),
        response: answers(list(Entry, { from: Time, to: Time, knownAt: KnownAt, completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { limit, cursor, order, kind, text, knownAt, ...asked } = request.query
      const subject = await knownDevice(context, request.params.mac)
      const range = parseRange(asked, context.deps.clock.nowMs(), dayMs)
      if (range.toMs - range.fromMs > rangeMaxMs) {
        throw new ProblemError('TIME_RANGE_INVALID', 'Expected a range of at most 93 days; ask for a part of it.')
      }
      const knownMs = parseKnownAt(knownAt)
      const rows = await timeline(context.scope, {
        ...range,
        subject,
        kinds: kindsOf(kind),
        text,
        knownMs,
        descending: order === 'desc',
        limit,
        after: cursorOf(cursor, timelineCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.observed_at_ms, last.kind, last.partition, last.offset, last.key])
      return {
        items: page.rows.map((row) => ({
          observedAt: toTime(row.observed_at_ms),
          receivedAt: toTime(row.received_at_ms),
          kind: row.kind,
          text: timelineText(row.kind, JSON.parse(row.data) as never),
          data: timelineData(row.data),
        })),
        nextCursor: page.nextCursor,
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        knownAt: toTimeOrNull(knownMs),
        completeThrough: completeThrough(context),
      }
    },
  )
}

const kindsOf = (text: string | undefined): readonly TimelineKind[] => {
  if (text === undefined || text === '') return timelineKinds
  const asked = new Set(text.split(',').map((part) => part.trim()))
  const kinds = timelineKinds.filter((kind) => asked.has(kind))
  if (kinds.length !== asked.size) {
    throw new ProblemError(
      'REQUEST_INVALID',
      `Expected kind as some of ${timelineKinds.join(', ')}, got ${JSON.stringify(text.slice(0, 60))}.`,
      {
        parameter: 'kind',
      },
    )
  }
  return kinds
}
