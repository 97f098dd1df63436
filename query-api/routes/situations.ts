/**
 * /situations: faults that many devices share. The alarm of the group is the root; the alarms of its members are symptoms, which
 * notify nobody. The same members are `/alarms?situation=<id>`.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { ProblemError } from '../domain/problems.ts'
import { parseTimeZone } from '../domain/time.ts'
import { idOfRow, parseAlarmId } from '../domain/alarm-id.ts'
import { offlineCausesOf } from '../queries/alarm-causes.ts'
import { type AlarmRow, everyAlarm } from '../domain/alarm-row.ts'
import { subjectNames } from '../queries/alarm-subjects.ts'
import { alarmCursor, alarmPageOf } from '../queries/alarms.ts'
import { countMembersAt, listAlarmsAt, oneAlarmAt } from '../queries/alarms-at.ts'
import type { AlarmMoment } from '../queries/alarms-then.ts'
import { isGroup, type SituationCounts } from '../queries/situations.ts'
import { alarmMomentOf, alarmMomentQuery, filterOf } from './alarm-filter.ts'
import { Alarm, alarmOf, evidenceOf, type RulesById, rulesById } from './alarm-item.ts'
import { completeThrough, cursorOf, type RouteContext, textOrNull } from './context.ts'
import { answers, choice, CompleteThrough, list, NumberOrNull, pagingQuery, query, rangeQuery, TextOrNull, wordsQuery } from './schemas.ts'

const Situation = Type.Object({
  id: Type.String({ description: 'Of its root alarm.' }),
  group: Type.String({ description: 'What its members share.', examples: ['group/cell/46692-81281'] }),
  reason: Type.String({ description: 'In words: how many of how many, and of all others.' }),
  cause: Type.Union([Type.String(), Type.Null()], { description: 'Why its members are offline; null: they are not, or nothing tells it.' }),
  figures: Type.Record(Type.String(), NumberOrNull, { description: 'What was counted when it was raised, or when it cleared.' }),
  devices: Type.Union([Type.String(), Type.Null()], {
    description:
      'The first devices of it by id and how many more, when it was raised: those that left a cell have no alarm of their own. Null: it names none.',
    examples: ['02-f2-00-00-00-06, 02-f2-00-00-00-09 and 20 more'],
  }),
  members: Type.Object({
    total: Type.Integer({ description: 'Alarms of devices that it explains.' }),
    active: Type.Integer({ description: 'Of those, that stand.' }),
    situations: Type.Integer({ description: 'Narrower situations that it explains.' }),
  }),
  root: Alarm,
})

export const situationRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope } = context
  const rules = rulesById(context)

  app.get(
    '/situations',
    {
      schema: {
        tags: ['alarms'],
        summary: 'Faults that many devices share, those that stand now unless asked otherwise, newest first',
        querystring: query({
          state: choice(['active', 'cleared', 'all'], { default: 'active' }),
          from: rangeQuery.from,
          to: Type.Optional(Type.String({ maxLength: 60, description: 'With from: those that stood at some time of the range.' })),
          ...alarmMomentQuery,
          ...wordsQuery,
          ...pagingQuery,
        }),
        response: answers(list(Situation, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { limit, cursor, tz, ...asked } = request.query
      const zone = parseTimeZone(tz)
      const moment = alarmMomentOf(asked)
      const wanted = { ...filterOf(asked), role: 'root' as const, ...newestFirst, limit, after: cursorOf(cursor, alarmCursor) }
      const page = alarmPageOf(await listAlarmsAt(scope, wanted, moment), limit)
      const counts = await countsOf(context, page.rows, moment)
      return {
        items: page.rows.map((row) => situationOf(row, counts, rules, zone)),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/situations/:id',
    {
      schema: {
        tags: ['alarms'],
        summary: 'One situation with its reason and its members',
        params: Type.Object({ id: Type.String({ maxLength: 300, description: 'As the list, or an alarm’s `situation`, gives it.' }) }),
        querystring: query({ ...alarmMomentQuery, ...wordsQuery, ...pagingQuery }),
        response: answers(
          Type.Intersect([
            Situation,
            Type.Object({
              items: Type.Array(Alarm, { description: 'Alarms that it explains, newest first.' }),
              nextCursor: TextOrNull,
              completeThrough: CompleteThrough,
            }),
          ]),
        ),
      },
    },
    async (request) => {
      const { limit, cursor, tz, ...asked } = request.query
      const zone = parseTimeZone(tz)
      const moment = alarmMomentOf(asked)
      const root = await oneAlarmAt(scope, parseAlarmId(request.params.id), moment)
      if (root === undefined || !isRoot(root)) throw unknownSituation(request.params.id, moment)
      const of = { ...everyAlarm, situation: [idOfRow(root)], role: 'symptom' as const }
      const wanted = { ...of, ...newestFirst, limit, after: cursorOf(cursor, alarmCursor) }
      const page = alarmPageOf(await listAlarmsAt(scope, wanted, moment), limit)
      const [counts, causes, names] = await Promise.all([
        countsOf(context, [root], moment),
        offlineCausesOf(scope, page.rows, moment?.knownMs),
        subjectNames(
          scope,
          page.rows.map(({ subject }) => subject),
        ),
      ])
      return {
        ...situationOf(root, counts, rules, zone),
        items: page.rows.map((row) => alarmOf(row, names, rules, zone, causes)),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )
}

/** One that lies under a wider one has that one's id, and is a situation all the same. */
const isRoot = (row: AlarmRow): boolean => isGroup(row) && row.situation !== ''

const newestFirst = { sort: 'raisedAt', descending: true } as const

const unknownSituation = (id: string, moment: AlarmMoment | null): ProblemError =>
  new ProblemError(
    'ALARM_UNKNOWN',
    moment === null
      ? `There is no situation ${id}; /api/v1/situations?state=all lists those that were.`
      : `There was no situation ${id} at that moment; without knownAt and at it is as it is known now.`,
  )

const countsOf = async (
  { scope }: RouteContext,
  rows: readonly AlarmRow[],
  moment: AlarmMoment | null,
): Promise<ReadonlyMap<string, SituationCounts>> =>
  new Map((await countMembersAt(scope, rows.map(idOfRow), moment)).map((counted) => [counted.situation, counted]))

const situationOf = (
  row: AlarmRow,
  counts: ReadonlyMap<string, SituationCounts>,
  rules: RulesById,
  tz: string,
): Static<typeof Situation> => {
  const id = idOfRow(row)
  const values = evidenceOf(row.evidence)?.values ?? []
  const told = (name: string): string => String(values.find((value) => value.name === name)?.value ?? '')
  const counted = counts.get(id)
  return {
    id,
    group: row.subject,
    reason: told('group.reason'),
    cause: textOrNull(told('presence.cause')),
    figures: Object.fromEntries(values.flatMap(({ name, value }) => (typeof value === 'number' ? [[name, value]] : []))),
    devices: textOrNull(told('group.devices')),
    members: { total: counted?.members ?? 0, active: counted?.active ?? 0, situations: counted?.groups ?? 0 },
    root: alarmOf(row, new Map(), rules, tz),
  }
}
