/** /alarms/:id: one alarm with its history and its explanation, as it is or as it was known at a moment. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { alarmIdOf, parseAlarmId } from '../domain/alarm-id.ts'
import type { AlarmRow } from '../domain/alarm-row.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseKnownAt, parseTimeZone, toTime } from '../domain/time.ts'
import { offlineCausesOf } from '../queries/alarm-causes.ts'
import { alarmHistory, historyMax } from '../queries/alarm-events.ts'
import { subjectNames } from '../queries/alarm-subjects.ts'
import { oneAlarmAt } from '../queries/alarms-at.ts'
import { explain } from './alarm-explained.ts'
import { alarmMomentQuery } from './alarm-filter.ts'
import { EventItem, eventOf, ofEpisode } from './alarm-history.ts'
import { Alarm, alarmOf, rulesById } from './alarm-item.ts'
import { completeThrough, type RouteContext } from './context.ts'
import { Explanation } from './explanation-schema.ts'
import { answers, CompleteThrough, query, wordsQuery } from './schemas.ts'

export const AlarmParams = Type.Object({
  id: Type.String({ maxLength: 300, description: 'As the list gives it.', examples: ['alarm-default-0123456789abcdef:1'] }),
})

export const oneAlarmRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  const rules = rulesById(context)

  app.get(
    '/alarms/:id',
    {
      schema: {
        tags: ['alarms'],
        summary: 'One alarm with its history and why it is there, in words and as data',
        params: AlarmParams,
        querystring: query({ knownAt: alarmMomentQuery.knownAt, ...wordsQuery }),
        response: answers(
          Type.Intersect([
            Alarm,
            Type.Object({
              history: Type.Array(EventItem, { description: `Oldest first; of more than ${String(historyMax)} events the newest.` }),
              historyCut: Type.Boolean(),
              explanation: Explanation,
              completeThrough: CompleteThrough,
            }),
          ]),
        ),
      },
    },
    async (request) => {
      const zone = parseTimeZone(request.query.tz)
      const knownMs = parseKnownAt(request.query.knownAt)
      const row = await knownAlarm(context, request.params.id, knownMs)
      const [names, causes, events] = await Promise.all([
        subjectNames(scope, [row.subject]),
        offlineCausesOf(scope, [row], knownMs),
        alarmHistory(scope, row, knownMs),
      ])
      const cut = events.length > historyMax
      const history = ofEpisode(events.slice(0, historyMax).reverse(), row)
      return {
        ...alarmOf(row, names, rules, zone, causes),
        history: history.map((event) => eventOf(row, event, zone)),
        historyCut: cut,
        explanation: await explain(context, row, rules.get(row.type), history, { tz: zone, nowMs: knownMs ?? deps.clock.nowMs() }),
        completeThrough: completeThrough(context),
      }
    },
  )
}

/** As it is now, or as it was known at `knownMs`; else ALARM_UNKNOWN. */
export const knownAlarm = async ({ scope }: RouteContext, text: string, knownMs: number | null = null): Promise<AlarmRow> => {
  const id = parseAlarmId(text)
  const row = await oneAlarmAt(scope, id, knownMs === null ? null : { knownMs, atMs: null })
  if (row !== undefined) return row
  throw new ProblemError(
    'ALARM_UNKNOWN',
    knownMs === null
      ? `There is no alarm ${alarmIdOf(id)}; /api/v1/alarms?state=all lists those that were.`
      : `Nobody knew of an alarm ${alarmIdOf(id)} at ${toTime(knownMs)}; without knownAt it is as it is known now.`,
  )
}
