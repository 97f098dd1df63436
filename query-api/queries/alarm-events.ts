/** What happened to one alarm: its events, as the stage wrote them. */
import type { AlarmRow } from '../domain/alarm-row.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

export type AlarmEventRow = {
  stream_version: number
  episode: number
  found_late: 0 | 1
  kind: string
  severity: string
  at_ms: number
  observed_ms: number
  actor: string
  command_id: string
  rule_version: number
  /** JSON of what else it says. */
  detail: string
  log_topic: string
  partition: number
  offset: number
}

export const eventColumns = `toFloat64(stream_version) AS stream_version, toUInt32(episode) AS episode, found_late, kind, severity, ${msOf('at')} AS at_ms, ${msOf('observed_at')} AS observed_ms,
  actor, command_id, rule_version, detail, log_topic, toUInt32(partition) AS partition, toFloat64(offset) AS offset`

export const historyMax = 1_000
const dayMs = 86_400_000

/**
 * Newest first, at most `historyMax` (a command that was refused has the number of the event before it); of live episode n also the
 * delay that came before its raise. `knownMs`: written by then, null: all.
 */
export const alarmHistory = ({ warehouse, tenant }: Scope, row: AlarmRow, knownMs: number | null): Promise<AlarmEventRow[]> =>
  warehouse.query<AlarmEventRow>(
    `SELECT ${eventColumns}
FROM alarm_events WHERE tenant = {tenant:String} AND received_at >= ${timeParam('from_ms')} AND subject = {subject:String} AND stream = {stream:String}
  AND found_late = {late:UInt8} AND episode IN ({episode:UInt32}, {before:UInt32})${knownMs === null ? '' : ` AND at <= ${timeParam('known_ms')}`}
ORDER BY alarm_events.stream_version DESC, alarm_events.at DESC, alarm_events.offset DESC LIMIT {limit:UInt32}`,
    {
      tenant,
      subject: row.subject,
      stream: row.stream,
      late: row.found_late,
      episode: row.episode,
      before: row.found_late === 1 ? row.episode : row.episode - 1,
      // The delay before a raise may be days; what was known first was known on `detected_ms`.
      from_ms: Math.max(0, row.detected_ms - 8 * dayMs),
      limit: historyMax + 1,
      ...(knownMs === null ? {} : { known_ms: knownMs }),
    },
  )
