/** Members of situations, counted: episodes that carry the id of their root. */
import type { AlarmRow } from '../domain/alarm-row.ts'
import type { Scope } from './scope.ts'

export type SituationCounts = { situation: string; members: number; active: number; groups: number }

export const isGroup = ({ subject }: Pick<AlarmRow, 'subject'>): boolean => subject.startsWith('group/')

/** `groups`: narrower situations that lie under it. */
export const countMembers = ({ warehouse, tenant }: Scope, ids: readonly string[]): Promise<SituationCounts[]> =>
  ids.length === 0
    ? Promise.resolve([])
    : warehouse.query<SituationCounts>(
        `SELECT situation, toUInt32(countIf(NOT startsWith(subject, 'group/'))) AS members,
  toUInt32(countIf(NOT startsWith(subject, 'group/') AND isNull(cleared_at) AND retracted = 0)) AS active, toUInt32(countIf(startsWith(subject, 'group/'))) AS groups
FROM alarm_episodes FINAL WHERE tenant = {tenant:String} AND situation IN {ids:Array(String)} AND situation_role = 'symptom' GROUP BY situation`,
        { tenant, ids: [...ids] },
      )
