/**
 * Alarms as they are now: episodes as lists, counts and one by one; as they were: `alarms-then.ts`. A row of `alarm_episodes` is
 * replaced by the next of its episode, so that every read is FINAL; conditions stand on what never changes of it, or after the merge.
 */
import { type Severity, severities } from '../../model/alarm.ts'
import type { AlarmId } from '../domain/alarm-id.ts'
import type { AlarmFilter, AlarmRow } from '../domain/alarm-row.ts'
import { type CursorPart, pageOf } from '../domain/cursor.ts'
import { alarmConditions } from './alarm-conditions.ts'
import { msOf, type Scope } from './scope.ts'

const rank = `indexOf([${severities.map((severity) => `'${severity}'`).join(', ')}], severity)`
const msOrNull = (column: string): string => `if(isNull(${column}), NULL, ${msOf(`assumeNotNull(${column})`)})`
export const alarmColumns = `subject, stream, toUInt32(episode) AS episode, found_late, resource, type, qualifier, ${msOf('raised_at')} AS raised_ms, ${msOf('detected_at')} AS detected_ms,
  ${msOrNull('cleared_at')} AS cleared_ms, severity, severity_max, ${msOf('first_raised_at')} AS first_raised_ms, ${msOrNull('first_cleared_at')} AS first_cleared_ms, first_severity,
  retracted, amendments, amended_reason, toString(condition) AS condition, clear_cause, toString(operator) AS operator, operator_actor, ${msOrNull('acknowledged_at')} AS acknowledged_ms,
  closed_reason, assignee, ticket, comments, toString(shelf) AS shelf, ${msOrNull('shelved_until')} AS shelved_until_ms, suppressed_by, flapping, situation, situation_role,
  toFloat64(unknown_ms) AS unknown_ms, occurrences, escalations, rule_version, evidence, purged, toUInt8(${rank}) AS rank`

export type AlarmSort = 'raisedAt' | 'severity'
export const alarmSorts = ['raisedAt', 'severity'] as const satisfies readonly AlarmSort[]
export const alarmCursor = ['number', 'number', 'string', 'number', 'number'] as const
/** `rows` are one more than `limit` where there are more. */
export const alarmPageOf = (rows: readonly AlarmRow[], limit: number): { rows: AlarmRow[]; nextCursor: string | null } =>
  pageOf(rows, limit, (last) => [last.rank, last.raised_ms, last.stream, last.found_late, last.episode])

export type AlarmListQuery = AlarmFilter & { sort: AlarmSort; descending: boolean; limit: number; after: CursorPart[] | null }

/** Asks for `limit + 1` rows, so that the caller sees whether there are more. */
export const listAlarms = ({ warehouse, tenant }: Scope, query: AlarmListQuery): Promise<AlarmRow[]> => {
  const { fixed, changing, params } = alarmConditions(query)
  const { sort, descending, after, limit } = query
  const direction = descending ? 'DESC' : 'ASC'
  const keys =
    sort === 'severity' ? ['rank', 'raised_ms', 'stream', 'found_late', 'episode'] : ['raised_ms', 'stream', 'found_late', 'episode']
  const position = [after?.[0], after?.[1], after?.[2], after?.[3], after?.[4]]
  const placed = sort === 'severity' ? '({after_rank:UInt8}, ' : '('
  const beyond =
    after === null
      ? ''
      : `WHERE (${keys.join(', ')}) ${descending ? '<' : '>'} ${placed}{after_ms:Float64}, {after_stream:String}, {after_late:UInt8}, {after_episode:UInt32})`
  return warehouse.query<AlarmRow>(
    `SELECT * FROM (SELECT ${alarmColumns} FROM alarm_episodes FINAL WHERE ${['tenant = {tenant:String}', ...fixed, ...changing].join(' AND ')}) ${beyond}
ORDER BY ${keys.map((key) => `${key} ${direction}`).join(', ')} LIMIT {limit:UInt32}`,
    {
      tenant,
      ...params,
      limit: limit + 1,
      ...(after === null
        ? {}
        : {
            after_rank: position[0],
            after_ms: position[1],
            after_stream: position[2],
            after_late: position[3],
            after_episode: position[4],
          }),
    },
  )
}

/** An id names no subject, by which the table is ordered: that is looked up by one narrow column first. */
export const oneAlarm = async ({ warehouse, tenant }: Scope, { stream, episode, foundLate }: AlarmId): Promise<AlarmRow | undefined> =>
  (
    await warehouse.query<AlarmRow>(
      `SELECT ${alarmColumns} FROM alarm_episodes FINAL
WHERE tenant = {tenant:String} AND subject IN (SELECT subject FROM alarm_episodes WHERE tenant = {tenant:String} AND stream = {stream:String})
  AND stream = {stream:String} AND found_late = {late:UInt8} AND episode = {episode:UInt32}`,
      { tenant, stream, late: foundLate ? 1 : 0, episode },
    )
  )[0]

/** Newest live episode of the stream. */
export const liveEpisode = async ({ warehouse, tenant }: Scope, stream: string): Promise<number> =>
  (
    await warehouse.query<{ episode: number }>(
      'SELECT toUInt32(max(episode)) AS episode FROM alarm_episodes WHERE tenant = {tenant:String} AND stream = {stream:String} AND found_late = 0',
      { tenant, stream },
    )
  )[0]?.episode ?? 0

export type AlarmCountRow = { severity: Severity; active: number; unacknowledged: number; shelved: number; cleared: number }

export const countAlarms = ({ warehouse, tenant }: Scope, filter: AlarmFilter): Promise<AlarmCountRow[]> => {
  const { fixed, changing, params } = alarmConditions(filter)
  return warehouse.query<AlarmCountRow>(
    `SELECT severity, toFloat64(countIf(isNull(cleared_at) AND retracted = 0)) AS active, toFloat64(countIf(isNull(cleared_at) AND retracted = 0 AND operator = 'none')) AS unacknowledged,
  toFloat64(countIf(isNull(cleared_at) AND retracted = 0 AND shelf != 'none')) AS shelved, toFloat64(countIf(isNotNull(cleared_at) AND retracted = 0 AND purged = 0)) AS cleared
FROM alarm_episodes FINAL WHERE ${['tenant = {tenant:String}', ...fixed, ...changing].join(' AND ')} GROUP BY severity`,
    { tenant, ...params },
  )
}
