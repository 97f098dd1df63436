/** /alarms: the list and the counts. One of them: `alarm.ts`; actions: `alarm-actions.ts`. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { severities } from '../../model/alarm.ts'
import { parseTimeZone } from '../domain/time.ts'
import { offlineCausesOf } from '../queries/alarm-causes.ts'
import { subjectNames } from '../queries/alarm-subjects.ts'
import { alarmCursor, alarmPageOf, alarmSorts } from '../queries/alarms.ts'
import { countAlarmsAt, listAlarmsAt } from '../queries/alarms-at.ts'
import { alarmFilterQuery, alarmMomentOf, alarmMomentQuery, filterOf } from './alarm-filter.ts'
import { Alarm, alarmOf, rulesById } from './alarm-item.ts'
import { completeThrough, cursorOf, type RouteContext } from './context.ts'
import { answers, choice, CompleteThrough, list, orderQuery, pagingQuery, query, wordsQuery } from './schemas.ts'

const Counts = Type.Object({
  critical: Type.Integer(),
  major: Type.Integer(),
  minor: Type.Integer(),
  warning: Type.Integer(),
  indeterminate: Type.Integer(),
  total: Type.Integer(),
})

export const alarmRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope } = context
  const rules = rulesById(context)

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
          ...wordsQuery,
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
      const page = alarmPageOf(await listAlarmsAt(scope, wanted, moment), limit)
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
      const rows = await countAlarmsAt(scope, filter, moment)
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
}
