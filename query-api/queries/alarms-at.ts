/** Alarms and situations as they are now, or of a moment: one question for both. */
import type { AlarmId } from '../domain/alarm-id.ts'
import { type AlarmFilter, type AlarmRow, everyAlarm, isStanding } from '../domain/alarm-row.ts'
import { type AlarmCountRow, type AlarmListQuery, countAlarms, listAlarms, oneAlarm } from './alarms.ts'
import { type AlarmMoment, alarmsThen, countAlarmsThen, listAlarmsThen, oneAlarmThen } from './alarms-then.ts'
import type { Scope } from './scope.ts'
import { countMembers, isGroup, type SituationCounts } from './situations.ts'

/** Null: as they are now. */
type Moment = AlarmMoment | null

export const listAlarmsAt = (scope: Scope, query: AlarmListQuery, moment: Moment): Promise<AlarmRow[]> =>
  moment === null ? listAlarms(scope, query) : listAlarmsThen(scope, query, moment)

export const countAlarmsAt = (scope: Scope, filter: AlarmFilter, moment: Moment): Promise<AlarmCountRow[]> =>
  moment === null ? countAlarms(scope, filter) : countAlarmsThen(scope, filter, moment)

export const oneAlarmAt = (scope: Scope, id: AlarmId, moment: Moment): Promise<AlarmRow | undefined> =>
  moment === null ? oneAlarm(scope, id) : oneAlarmThen(scope, id, moment)

export const countMembersAt = async (scope: Scope, ids: readonly string[], moment: Moment): Promise<SituationCounts[]> => {
  if (moment === null || ids.length === 0) return countMembers(scope, ids)
  const counts = new Map(ids.map((situation) => [situation, { situation, members: 0, active: 0, groups: 0 }]))
  for (const row of await alarmsThen(scope, { ...everyAlarm, situation: ids, role: 'symptom' }, moment)) {
    const count = counts.get(row.situation)
    if (count === undefined) continue
    count.groups += Number(isGroup(row))
    count.members += Number(!isGroup(row))
    count.active += Number(!isGroup(row) && isStanding(row))
  }
  return [...counts.values()]
}
