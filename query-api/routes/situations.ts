/**
 * /situations: faults that many devices share. The alarm of the group is the root; the alarms of its members are symptoms, which
 * notify nobody. The same members are `/alarms?situation=<id>`.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseTimeZone } from '../domain/time.ts'
import { idOfRow, parseAlarmId } from '../domain/alarm-id.ts'
import { offlineCausesOf } from '../queries/alarm-causes.ts'
import { type AlarmRow, everyAlarm } from '../domain/alarm-row.ts'
import { subjectNames } from '../queries/alarm-subjects.ts'
import { alarmCursor, listAlarms, oneAlarm } from '../queries/alarms.ts'
import { countMembers, type SituationCounts } from '../queries/situations.ts'
import { filterOf } from './alarm-filter.ts'
import { Alarm, alarmOf, evidenceOf, type RulesById } from './alarm-item.ts'
import { completeThrough, cursorOf, type RouteContext, textOrNull } from './context.ts'
import { answers, choice, CompleteThrough, list, NumberOrNull, pagingQuery, query, rangeQuery, TextOrNull } from './schemas.ts'

const Situation = Type.Object({
  id: Type.String({ description: 'Of its root alarm.' }),
  group: Type.String({ description: 'What its members share.', examples: ['group/cell/46692-81281'] }),
  reason: Type.String({ description: 'In words: how many of how many, and of all others.' }),
  cause: Type.Union([Type.String(), Type.Null()], { description: 'Why its members are offline; null: they are not, or nothing tells it.' }),
  figures: Type.Record(Type.String(), NumberOrNull, { description: 'What was counted when it was raised, or when it cleared.' }),
  members: Type.Object({
    total: Type.Integer({ description: 'Alarms of devices that it explains.' }),
    active: Type.Integer({ description: 'Of those, that stand.' }),
    situations: Type.Integer({ description: 'Narrower situations that it explains.' }),
  }),
  root: Alarm,
})

const tzQuery = { tz: Type.String({ default: 'UTC', maxLength: 64, description: 'IANA time zone of the times in sentences.' }) }

export const situationRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  const rules: RulesById = new Map((deps.rules ?? []).map((rule) => [rule.id, rule]))

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
          ...tzQuery,
          ...pagingQuery,
        }),
        response: answers(list(Situation, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { limit, cursor, tz, ...asked } = request.query
      const zone = parseTimeZone(tz)
      const rows = await listAlarms(scope, {
        ...filterOf(asked),
        role: 'root',
        sort: 'raisedAt',
        descending: true,
        limit,
        after: cursorOf(cursor, alarmCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.rank, last.raised_ms, last.stream, last.found_late, last.episode])
      const counts = await countsOf(context, page.rows)
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
        querystring: query({ ...tzQuery, ...pagingQuery }),
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
      const { limit, cursor, tz } = request.query
      const zone = parseTimeZone(tz)
      const root = await oneAlarm(scope, parseAlarmId(request.params.id))
      if (root === undefined || !isRoot(root))
        throw new ProblemError(
          'ALARM_UNKNOWN',
          `There is no situation ${request.params.id}; /api/v1/situations?state=all lists those that were.`,
        )
      const id = idOfRow(root)
      const rows = await listAlarms(scope, {
        ...everyAlarm,
        situation: id,
        role: 'symptom',
        sort: 'raisedAt',
        descending: true,
        limit,
        after: cursorOf(cursor, alarmCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.rank, last.raised_ms, last.stream, last.found_late, last.episode])
      const [counts, causes, names] = await Promise.all([
        countsOf(context, [root]),
        offlineCausesOf(scope, page.rows),
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
const isRoot = ({ subject, situation }: AlarmRow): boolean => subject.startsWith('group/') && situation !== ''

const countsOf = async ({ scope }: RouteContext, rows: readonly AlarmRow[]): Promise<ReadonlyMap<string, SituationCounts>> =>
  new Map((await countMembers(scope, rows.map(idOfRow))).map((counted) => [counted.situation, counted]))

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
    members: { total: counted?.members ?? 0, active: counted?.active ?? 0, situations: counted?.groups ?? 0 },
    root: alarmOf(row, new Map(), rules, tz),
  }
}
