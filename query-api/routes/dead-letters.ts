/** /dead-letters: what was refused, by cause, with the newest letters in full; and their second try. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { parseRange, toTime } from '../domain/time.ts'
import { type DeadLetterRow, deadLetterGroups, newestDeadLetters } from '../queries/dead-letters.ts'
import { completeThrough, type RouteContext } from './context.ts'
import { answers, choice, CompleteThrough, limitMax, query, rangeQuery, TextOrNull, Time } from './schemas.ts'

const Letter = Type.Object({
  receivedAt: Time,
  topic: Type.String(),
  detail: Type.String(),
  subject: TextOrNull,
  clientId: Type.String(),
  payloadBytes: Type.Integer(),
  cut: Type.Boolean({ description: 'Only the first 4 KiB were kept: it is never re-driven.' }),
  payload: Type.Union([Type.String(), Type.Null()], {
    description: 'As it came: escape it before showing. Null: its key is past its life.',
  }),
  payloadEncoding: choice(['utf8', 'base64', 'erased']),
})

const Group = Type.Object({
  topicShape: Type.String(),
  reason: Type.String({ description: 'Stable code.' }),
  means: TextOrNull,
  whatToDo: TextOrNull,
  count: Type.Integer(),
  cut: Type.Integer({ description: 'Of these, kept only in part.' }),
  firstSeenAt: Time,
  lastSeenAt: Time,
  newest: Type.Array(Letter),
})

/** Re-driving is one request's work: bounded, so that it answers; ask again for the rest. */
const redriveMax = 10_000

export const deadLetterRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context

  app.get(
    '/dead-letters',
    {
      schema: {
        tags: ['dead letters'],
        summary: 'Refused messages by topic shape and reason; default the last 30 days',
        querystring: query({
          ...rangeQuery,
          topicShape: Type.Optional(Type.String({ maxLength: 2000 })),
          reason: Type.Optional(Type.String({ maxLength: 100 })),
          newest: Type.Integer({ minimum: 0, maximum: 50, default: 3, description: 'How many of each group to show in full.' }),
          limit: Type.Integer({ minimum: 1, maximum: limitMax, default: 100, description: 'Groups, those seen last first.' }),
        }),
        response: answers(
          Type.Object({
            items: Type.Array(Group),
            nextCursor: Type.Null(),
            more: Type.Boolean({ description: 'There are more groups than `limit`.' }),
            completeThrough: CompleteThrough,
          }),
        ),
      },
    },
    async (request) => {
      const { topicShape, reason, newest, limit, ...range } = request.query
      const asked = {
        ...parseRange(range, deps.clock.nowMs(), 30 * 86_400_000),
        topicShape: topicShape ?? null,
        reason: reason ?? null,
        limit,
      }
      const [groups, letters] = await Promise.all([
        deadLetterGroups(scope, asked),
        newest === 0 ? Promise.resolve([]) : newestDeadLetters(scope, asked, newest),
      ])
      const opened = new Map<string, Static<typeof Letter>[]>()
      for (const row of letters) {
        const key = `${row.topic_shape}\n${row.reason}`
        opened.set(key, [...(opened.get(key) ?? []), await openLetter(deps.openSealed, row)])
      }
      return {
        items: groups.slice(0, limit).map((row) => ({
          means: deps.explainReason?.(row.reason)?.means ?? null,
          whatToDo: deps.explainReason?.(row.reason)?.whatToDo ?? null,
          topicShape: row.topic_shape,
          reason: row.reason,
          count: row.count,
          cut: row.cut,
          firstSeenAt: toTime(row.first_seen_ms),
          lastSeenAt: toTime(row.last_seen_ms),
          newest: opened.get(`${row.topic_shape}\n${row.reason}`) ?? [],
        })),
        nextCursor: null,
        more: groups.length > limit,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.post(
    '/dead-letters/redrive',
    {
      schema: {
        tags: ['dead letters'],
        summary: 'Try one group again, after a mapping fix; each keeps its original time of arrival',
        body: Type.Object(
          {
            topicShape: Type.String({ minLength: 1, maxLength: 2000 }),
            reason: Type.String({ minLength: 1, maxLength: 100 }),
            limit: Type.Integer({ minimum: 1, maximum: redriveMax, default: redriveMax }),
          },
          { additionalProperties: false },
        ),
        response: answers(
          Type.Object({
            redriven: Type.Integer({ description: 'Became events.' }),
            stillRefused: Type.Integer(),
            skippedCut: Type.Integer({ description: 'Kept only in part.' }),
          }),
        ),
      },
    },
    (request) => deps.redrive(request.body, request.actor),
  )
}

/** Payloads are sealed under a key of their day of arrival, which does not live long. */
const openLetter = async (openSealed: RouteContext['deps']['openSealed'], row: DeadLetterRow): Promise<Static<typeof Letter>> => {
  const receivedAt = toTime(row.received_at_ms)
  const sealed = Uint8Array.from(atob(row.sealed_base64), (char) => char.charCodeAt(0))
  return {
    receivedAt,
    topic: row.topic,
    detail: row.detail,
    subject: row.subject === '' ? null : row.subject,
    clientId: row.client_id,
    payloadBytes: row.payload_bytes,
    cut: row.cut === 1,
    ...shown(await openSealed(`dead-letters:${receivedAt.slice(0, 10)}`, sealed)),
  }
}

const shown = (bytes: Uint8Array | null): Pick<Static<typeof Letter>, 'payload' | 'payloadEncoding'> => {
  if (bytes === null) return { payload: null, payloadEncoding: 'erased' }
  try {
    return { payload: new TextDecoder('utf-8', { fatal: true }).decode(bytes), payloadEncoding: 'utf8' }
  } catch {
    return { payload: Buffer.from(bytes).toString('base64'), payloadEncoding: 'base64' }
  }
}
