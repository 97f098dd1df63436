/** /alarms, what is read: the list, the counts, and one alarm with its history and its explanation. Actions: `alarm-actions.ts`. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { severities } from '../../model/alarm.ts'
import { alarmIdOf, parseAlarmId } from '../domain/alarm-id.ts'
import type { AlarmRow } from '../domain/alarm-row.ts'
import { pageOf } from '../domain/cursor.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseKnownAt, parseTimeZone, toTime } from '../domain/time.ts'
import { offlineCausesOf } from '../queries/alarm-causes.ts'
import { alarmHistory, historyMax } from '../queries/alarm-events.ts'
import { subjectNames } from '../queries/alarm-subjects.ts'
import { countAlarmsThen, listAlarmsThen, oneAlarmThen } from '../queries/alarms-then.ts'
import { alarmCursor, alarmSorts, countAlarms, listAlarms, oneAlarm } from '../queries/alarms.ts'
import { explain, Explanation } from './alarm-explained.ts'
import { EventItem, eventOf, ofEpisode } from './alarm-history.ts'
import { alarmFilterQuery, alarmMomentOf, alarmMomentQuery, filterOf } from './alarm-filter.ts'
import { Alarm, alarmOf } from './alarm-item.ts'
import { completeThrough, cursorOf, type RouteContext } from './context.ts'
import { answers, choice, CompleteThrough, list, orderQuery, pagingQuery, query } from './schemas.ts'

export const AlarmParams = Type.Object({
  id: Type.String({ maxLength: 300, description: 'As the list gives it.', examples: ['alarm-default-0123456789abcdef:1'] }),
})
const tzQuery = { tz: Type.String({ default: 'UTC', maxLength: 64, description: 'IANA time zone of the times in sentences.' }) }

const Counts = Type.Object({
  critical: Type.Integer(),
  major: Type.Integer(),
  minor: Type.Integer(),
  warning: Type.Integer(),
  indeterminate: Type.Integer(),
  total: Type.Integer(),
})

export const alarmRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  const rules = new Map((deps.rules ?? []).map((rule) => [rule.id, rule]))

  app.get(
    '/alarms',
    {
      schema: {
        tags: ['alarms'],
        summary: 'Alarms, those that stand now unless asked otherwise, newest first',
        description:
          'An alarm is one episode of a resource, type and qualifier. Condition, operator state, shelf, suppression and stability are independent of each other: an alarm may be cleared and not acknowledged, or shelved and active. With knownAt or at all of an item and all filters are those of that moment; names, site and class are the inventory’s of now.',
        querystring: query({
          ...alarmFilterQuery,
          ...alarmMomentQuery,
          sort: choice(alarmSorts, { default: 'raisedAt', description: 'severity: the worst first, of one severity the newest.' }),
          ...orderQuery,
          ...tzQuery,
          ...pagingQuery,
        }),
        response: answers(list(Alarm, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { sort, order, limit, cursor, tz, ...asked } = request.query
      const zone = parseTimeZone(tz)
      const moment = alarmMomentOf(asked)
      const wanted = { ...filterOf(asked), sort, descending: order === 'desc', limit, after: cursorOf(cursor, alarmCursor) }
      const rows = await (moment === null ? listAlarms(scope, wanted) : listAlarmsThen(scope, wanted, moment))
      const page = pageOf(rows, limit, (last) => [last.rank, last.raised_ms, last.stream, last.found_late, last.episode])
      const subjects = page.rows.map(({ subject }) => subject)
      const [names, causes] = await Promise.all([subjectNames(scope, subjects), offlineCausesOf(scope, page.rows, moment?.knownMs)])
      return {
        items: page.rows.map((row) => alarmOf(row, names, rules, zone, causes)),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/alarms/counts',
    {
      schema: {
        tags: ['alarms'],
        summary: 'How many alarms of each severity (3GPP TS 28.532 alarmCount)',
        querystring: query({ ...alarmFilterQuery, ...alarmMomentQuery }),
        response: answers(
          Type.Object({
            active: Counts,
            unacknowledged: Counts,
            shelved: Type.Integer({ description: 'Of the active ones.' }),
            cleared: Type.Integer({ description: 'Of those asked for; 0 with state=active.' }),
            completeThrough: CompleteThrough,
          }),
        ),
      },
    },
    async (request) => {
      const moment = alarmMomentOf(request.query)
      const filter = filterOf(request.query)
      const rows = await (moment === null ? countAlarms(scope, filter) : countAlarmsThen(scope, filter, moment))
      const sum = (of: 'active' | 'unacknowledged' | 'shelved' | 'cleared'): number => rows.reduce((total, row) => total + row[of], 0)
      const counts = (of: 'active' | 'unacknowledged'): Static<typeof Counts> => ({
        ...(Object.fromEntries(
          severities.map((severity) => [severity, rows.find((row) => row.severity === severity)?.[of] ?? 0]),
        ) as Record<(typeof severities)[number], number>),
        total: sum(of),
      })
      return {
        active: counts('active'),
        unacknowledged: counts('unacknowledged'),
        shelved: sum('shelved'),
        cleared: sum('cleared'),
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/alarms/:id',
    {
      schema: {
        tags: ['alarms'],
        summary: 'One alarm with its history and why it is there, in words and as data',
        params: AlarmParams,
        querystring: query({ knownAt: alarmMomentQuery.knownAt, ...tzQuery }),
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
  const row = await (knownMs === null ? oneAlarm(scope, id) : oneAlarmThen(scope, id, knownMs))
  if (row !== undefined) return row
  throw new ProblemError(
    'ALARM_UNKNOWN',
    knownMs === null
      ? `There is no alarm ${alarmIdOf(id)}; /api/v1/alarms?state=all lists those that were.`
      : `Nobody knew of an alarm ${alarmIdOf(id)} at ${toTime(knownMs)}; without knownAt it is as it is known now.`,
  )
}
