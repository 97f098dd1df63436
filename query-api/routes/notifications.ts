/** /notifications: what was told of which alarm, when, how often, with what answer; and why an alarm was not told. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { noticeKinds, noticeStatuses } from '../../model/notification.ts'
import { alarmIdOf, parseAlarmId } from '../domain/alarm-id.ts'
import { pageOf } from '../domain/cursor.ts'
import { subjectOf } from '../domain/device-id.ts'
import { parseRange, toTime, toTimeOrNull } from '../domain/time.ts'
import { listNotifications, type NotificationRow } from '../queries/notifications.ts'
import { cursorOf, type RouteContext, textOrNull } from './context.ts'
import { answers, choice, list, nullable, pagingQuery, query, rangeQuery, TextOrNull, Time, TimeOrNull } from './schemas.ts'

const Notice = Type.Object({
  id: Type.String({ description: 'Header webhook-id: the same on every try.' }),
  alarmId: Type.String(),
  subject: Type.String(),
  name: TextOrNull,
  deviceClass: Type.String(),
  kind: choice(noticeKinds, { description: 'raise: for the first time; worse, again, amend: a change; clear.' }),
  type: Type.String(),
  qualifier: Type.String(),
  resource: Type.String(),
  severity: Type.String(),
  at: Type.String({ format: 'date-time', description: 'The event that it tells.' }),
  status: choice(noticeStatuses, {
    description:
      'held: waits for the verdict about the fleet until heldUntil; quiet: stands and is held down (why); silent: never told (why); transient: over before its time came; pending: waits for the receiver; sent; parked: refused by the receiver; superseded; dropped.',
  }),
  why: TextOrNull,
  heldUntil: TimeOrNull,
  attempts: Type.Integer(),
  answer: nullable(Type.String({ description: 'Of the receiver, to the last try.' })),
  nextAttemptAt: TimeOrNull,
  sentAt: TimeOrNull,
  updatedAt: Time,
})

const Channel = Type.Object(
  {
    configured: Type.Boolean({ description: 'WEBHOOK_URL is set.' }),
    disabled: Type.Boolean({ description: 'The receiver answered 410: nothing is sent until the next start.' }),
    failingSince: TimeOrNull,
    lastAnswer: TextOrNull,
    lastSentAt: TimeOrNull,
    held: Type.Integer({ description: 'Alarms whose raise waits for the verdict about the fleet.' }),
    pending: Type.Integer({ description: 'Alarms with something to send.' }),
    parked: Type.Integer({ description: 'Messages that the receiver refused.' }),
    oldestPendingAt: TimeOrNull,
  },
  { description: 'As this program sees its channel now; null where another program sends.' },
)

const weekMs = 7 * 86_400_000
/** The table's rows leave after that. */
const keptMs = 400 * 86_400_000

export const notificationRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  app.get(
    '/notifications',
    {
      schema: {
        tags: ['alarms'],
        summary: 'What was told of which alarm, when and with what answer, and why an alarm was not told; newest first',
        description:
          'Every raise has a row, told or not: so that "why was I not paged" has an answer. Default: the last 7 days; of one alarm all.',
        querystring: query({
          subject: Type.Optional(Type.String({ maxLength: 300, description: 'Device (any writing of its MAC), or group.' })),
          alarm: Type.Optional(
            Type.String({ maxLength: 300, description: 'Id of an alarm. Of one that was found late (`:L<n>`) nobody is ever told: none.' }),
          ),
          status: Type.Optional(choice(noticeStatuses)),
          ...rangeQuery,
          ...pagingQuery,
        }),
        response: answers(list(Notice, { channel: nullable(Channel) })),
      },
    },
    async (request) => {
      const { limit, cursor, subject, alarm, status } = request.query
      const after = cursorOf(cursor, ['number', 'string'])
      const about = alarm === undefined ? null : parseAlarmId(alarm)
      const asked = {
        ...parseRange(request.query, deps.clock.nowMs(), about === null ? weekMs : keptMs),
        subject: subject === undefined ? null : subjectOf(subject),
        stream: about?.stream ?? null,
        episode: about?.episode ?? null,
        status: status ?? null,
        limit,
        after: after === null ? null : ([Number(after[0]), String(after[1])] as const),
      }
      // Episodes found late are numbered apart: the row of their number is another's.
      const rows = about?.foundLate === true ? [] : await listNotifications(scope, asked)
      const page = pageOf(rows, limit, ({ at_ms, id }) => [at_ms, id])
      return { items: page.rows.map(toNotice), nextCursor: page.nextCursor, channel: channelOf(context) }
    },
  )
}

const toNotice = (row: NotificationRow): Static<typeof Notice> => ({
  id: row.id,
  alarmId: alarmIdOf({ stream: row.stream, episode: row.episode, foundLate: false }),
  subject: row.subject,
  name: textOrNull(row.name),
  deviceClass: row.device_class,
  kind: row.kind,
  type: row.type,
  qualifier: row.qualifier,
  resource: row.resource,
  severity: row.severity,
  at: toTime(row.at_ms),
  status: row.status,
  why: textOrNull(row.why),
  heldUntil: toTimeOrNull(row.held_until_ms),
  attempts: row.attempts,
  answer: textOrNull(row.answer),
  nextAttemptAt: toTimeOrNull(row.next_attempt_ms),
  sentAt: toTimeOrNull(row.sent_ms),
  updatedAt: toTime(row.updated_ms),
})

const channelOf = ({ deps }: RouteContext): Static<typeof Channel> | null => {
  const channel = deps.channel?.() ?? null
  if (channel === null) return null
  const { configured, disabled, failingSinceMs, lastAnswer, lastSentMs, held, pending, parked, oldestPendingMs } = channel
  return {
    configured,
    disabled,
    failingSince: toTimeOrNull(failingSinceMs),
    lastAnswer: textOrNull(lastAnswer),
    lastSentAt: toTimeOrNull(lastSentMs),
    held,
    pending,
    parked,
    oldestPendingAt: toTimeOrNull(oldestPendingMs),
  }
}
