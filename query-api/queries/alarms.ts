/**
 * Alarms: episodes as lists, counts and one by one, and the events that made one. A row of `alarm_episodes` is replaced by the
 * next of its episode, so that every read is FINAL; conditions stand on what never changes of it, or after the merge.
 */
import { type Severity, severities } from '../../model/alarm.ts'
import type { CursorPart } from '../domain/cursor.ts'
import { type AlarmId, alarmIdOf } from '../domain/alarm-id.ts'
import { msOf, type Scope, timeParam } from './scope.ts'
import { askTogether } from './together.ts'

export type AlarmRow = {
  subject: string
  stream: string
  episode: number
  found_late: 0 | 1
  resource: string
  type: string
  qualifier: string
  raised_ms: number
  detected_ms: number
  cleared_ms: number | null
  severity: Severity
  severity_max: Severity
  first_raised_ms: number
  first_cleared_ms: number | null
  first_severity: Severity
  retracted: 0 | 1
  amendments: number
  amended_reason: string
  condition: string
  clear_cause: string
  operator: 'none' | 'ack' | 'closed'
  operator_actor: string
  acknowledged_ms: number | null
  closed_reason: string
  assignee: string
  ticket: string
  comments: number
  shelf: 'none' | 'timed' | 'oneShot'
  shelved_until_ms: number | null
  suppressed_by: string[]
  flapping: 0 | 1
  situation: string
  situation_role: string
  unknown_ms: number
  occurrences: number
  escalations: number
  rule_version: number
  /** JSON of the newest evidence; '' none. */
  evidence: string
  purged: 0 | 1
  rank: number
}

const rank = `indexOf([${severities.map((severity) => `'${severity}'`).join(', ')}], severity)`
const msOrNull = (column: string): string => `if(isNull(${column}), NULL, ${msOf(`assumeNotNull(${column})`)})`
const columns = `subject, stream, toUInt32(episode) AS episode, found_late, resource, type, qualifier, ${msOf('raised_at')} AS raised_ms, ${msOf('detected_at')} AS detected_ms,
  ${msOrNull('cleared_at')} AS cleared_ms, severity, severity_max, ${msOf('first_raised_at')} AS first_raised_ms, ${msOrNull('first_cleared_at')} AS first_cleared_ms, first_severity,
  retracted, amendments, amended_reason, toString(condition) AS condition, clear_cause, toString(operator) AS operator, operator_actor, ${msOrNull('acknowledged_at')} AS acknowledged_ms,
  closed_reason, assignee, ticket, comments, toString(shelf) AS shelf, ${msOrNull('shelved_until')} AS shelved_until_ms, suppressed_by, flapping, situation, situation_role,
  toFloat64(unknown_ms) AS unknown_ms, occurrences, escalations, rule_version, evidence, purged, toUInt8(${rank}) AS rank`

export type AlarmState = 'active' | 'cleared' | 'all'
export type DeviceClassName = 'critical' | 'business' | 'home'

export type AlarmFilter = {
  subject: string | null
  site: string | null
  type: string | null
  state: AlarmState
  /** Any of these; null: all. */
  severities: readonly Severity[] | null
  class: DeviceClassName | null
  situation: string | null
  /** In their situation; left out: any, or in none. */
  role?: 'root' | 'symptom'
  /** False: without those that a situation explains. Left out: with them. */
  symptoms?: boolean
  operator: 'none' | 'ack' | 'closed' | null
  shelved: boolean | null
  foundLate: boolean | null
  /** Those that stood at some time of the range. */
  fromMs: number | null
  toMs: number | null
}

const filtered = (filter: AlarmFilter): { conditions: string[]; params: Record<string, unknown> } => {
  const conditions: string[] = []
  const params: Record<string, unknown> = {}
  const add = (condition: string, more: Record<string, unknown> = {}): void => {
    conditions.push(condition)
    Object.assign(params, more)
  }
  if (filter.subject !== null) add('subject = {subject:String}', { subject: filter.subject })
  if (filter.site !== null) {
    add(
      '(subject = {site:String} OR subject IN (SELECT device_id FROM devices FINAL WHERE tenant = {tenant:String} AND site = {site:String}))',
      {
        site: filter.site,
      },
    )
  }
  if (filter.type !== null) add('type = {type:String}', { type: filter.type })
  if (filter.severities !== null) add('severity IN {severities:Array(String)}', { severities: [...filter.severities] })
  if (filter.class !== null) {
    // What the inventory does not say is a home device.
    const ofClass = (classes: string): string =>
      `(SELECT device_id FROM devices FINAL WHERE tenant = {tenant:String} AND class IN (${classes}))`
    if (filter.class === 'home') add(`subject NOT IN ${ofClass("'critical', 'business'")} AND match(subject, '${macPattern}')`)
    else add(`subject IN ${ofClass('{class:String}')}`, { class: filter.class })
  }
  if (filter.situation !== null) add('situation = {situation:String}', { situation: filter.situation })
  if (filter.role !== undefined) add('situation_role = {role:String}', { role: filter.role })
  if (filter.symptoms === false) add("situation_role != 'symptom'")
  if (filter.operator !== null) add('toString(operator) = {operator:String}', { operator: filter.operator })
  if (filter.shelved !== null) add(`shelf ${filter.shelved ? '!=' : '='} 'none'`)
  if (filter.foundLate !== null) add(`found_late = ${filter.foundLate ? '1' : '0'}`)
  if (filter.fromMs !== null) add(`(isNull(cleared_at) OR cleared_at >= ${timeParam('from_ms')})`, { from_ms: filter.fromMs })
  if (filter.toMs !== null) add(`raised_at < ${timeParam('to_ms')}`, { to_ms: filter.toMs })
  if (filter.state === 'active') add('isNull(cleared_at) AND retracted = 0')
  if (filter.state === 'cleared') add('isNotNull(cleared_at) AND retracted = 0 AND purged = 0')
  return { conditions, params }
}

const macPattern = '^([0-9a-f]{2}-){5}[0-9a-f]{2}$'

export type AlarmSort = 'raisedAt' | 'severity'
export const alarmSorts = ['raisedAt', 'severity'] as const satisfies readonly AlarmSort[]
export const alarmCursor = ['number', 'number', 'string', 'number', 'number'] as const

export type AlarmListQuery = AlarmFilter & { sort: AlarmSort; descending: boolean; limit: number; after: CursorPart[] | null }

/** Asks for `limit + 1` rows, so that the caller sees whether there are more. */
export const listAlarms = ({ warehouse, tenant }: Scope, query: AlarmListQuery): Promise<AlarmRow[]> => {
  const { conditions, params } = filtered(query)
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
    `SELECT * FROM (SELECT ${columns} FROM alarm_episodes FINAL WHERE ${['tenant = {tenant:String}', ...conditions].join(' AND ')}) ${beyond}
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
      `SELECT ${columns} FROM alarm_episodes FINAL
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
  const { conditions, params } = filtered(filter)
  return warehouse.query<AlarmCountRow>(
    `SELECT severity, toFloat64(countIf(isNull(cleared_at) AND retracted = 0)) AS active, toFloat64(countIf(isNull(cleared_at) AND retracted = 0 AND operator = 'none')) AS unacknowledged,
  toFloat64(countIf(isNull(cleared_at) AND retracted = 0 AND shelf != 'none')) AS shelved, toFloat64(countIf(isNotNull(cleared_at) AND retracted = 0 AND purged = 0)) AS cleared
FROM alarm_episodes FINAL WHERE ${['tenant = {tenant:String}', ...conditions].join(' AND ')} GROUP BY severity`,
    { tenant, ...params },
  )
}

// -------------------------------------------------------------------------------------------------------- whom it is about

export type SubjectNames = { name: string; class: string; site: string; site_name: string }

/** Inventory names of these subjects, else what a device calls itself; a subject that is not there has none. */
export const subjectNames = async (scope: Scope, subjects: readonly string[]): Promise<Map<string, SubjectNames>> => {
  if (subjects.length === 0) return new Map()
  const params = { tenant: scope.tenant, subjects: [...new Set(subjects)] }
  const [devices, sites, hosts] = await askTogether(scope.warehouse, [
    {
      cells: ['device_id', 'name', 'class', 'site'],
      read: ([id, name, deviceClass, site]: [string, string, string, string]) => ({ id, name, class: deviceClass, site }),
      from: 'devices FINAL WHERE tenant = {tenant:String} AND device_id IN {subjects:Array(String)}',
      params,
    },
    {
      cells: ['site_id', 'name'],
      read: ([id, name]: [string, string]) => ({ id, name }),
      from: 'sites FINAL WHERE tenant = {tenant:String} AND (site_id IN {subjects:Array(String)} OR site_id IN (SELECT site FROM devices FINAL WHERE tenant = {tenant:String} AND device_id IN {subjects:Array(String)}))',
      params,
    },
    {
      cells: ['subject', "ifNull(tupleElement(argMax(tuple(value), (observed_at, offset)), 1), '')"],
      read: ([id, name]: [string, string]) => ({ id, name }),
      from: "facts WHERE tenant = {tenant:String} AND subject IN {subjects:Array(String)} AND name = 'device.hostname' GROUP BY subject",
      params,
    },
  ])
  const siteNames = new Map(sites.map(({ id, name }) => [id, name]))
  const hostNames = new Map(hosts.map(({ id, name }) => [id, name]))
  const known = new Map(devices.map((device) => [device.id, device]))
  return new Map(
    params.subjects.map((id) => {
      const device = known.get(id)
      const name = device === undefined || device.name === '' ? (hostNames.get(id) ?? siteNames.get(id) ?? '') : device.name
      const site = device?.site ?? ''
      return [id, { name, class: device?.class ?? '', site, site_name: siteNames.get(site) ?? '' }]
    }),
  )
}

// ---------------------------------------------------------------------------------------------------------------- history

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

const eventColumns = `toFloat64(stream_version) AS stream_version, toUInt32(episode) AS episode, found_late, kind, severity, ${msOf('at')} AS at_ms, ${msOf('observed_at')} AS observed_ms,
  actor, command_id, rule_version, detail, log_topic, toUInt32(partition) AS partition, toFloat64(offset) AS offset`

export const historyMax = 1_000
const dayMs = 86_400_000

/** Newest first, at most `historyMax` (a command that was refused has the number of the event before it); of live episode n also the delay that came before its raise. */
export const alarmHistory = ({ warehouse, tenant }: Scope, row: AlarmRow): Promise<AlarmEventRow[]> =>
  warehouse.query<AlarmEventRow>(
    `SELECT ${eventColumns}
FROM alarm_events WHERE tenant = {tenant:String} AND received_at >= ${timeParam('from_ms')} AND subject = {subject:String} AND stream = {stream:String}
  AND found_late = {late:UInt8} AND episode IN ({episode:UInt32}, {before:UInt32}) ORDER BY alarm_events.stream_version DESC, alarm_events.at DESC, alarm_events.offset DESC LIMIT {limit:UInt32}`,
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
    },
  )

// ------------------------------------------------------------------------------------------------------------ at a moment

/** Events of the episodes of one subject that may have stood at a moment, each stream in its order; `knownMs`: known by then. */
export const eventsAround = async (
  { warehouse, tenant }: Scope,
  { subject, atMs, knownMs }: { subject: string; atMs: number; knownMs: number | null },
): Promise<(AlarmEventRow & AlarmKeyRow)[]> => {
  const params = { tenant, subject, at_ms: atMs, ...(knownMs === null ? {} : { known_ms: knownMs }) }
  // The widest that is known of them, and all that was told of since the reader's moment: the events say what held.
  const episodes = await warehouse.query<{ stream: string; episode: number; found_late: 0 | 1; detected_ms: number }>(
    `SELECT stream, toUInt32(episode) AS episode, found_late, ${msOf('detected_at')} AS detected_ms FROM alarm_episodes FINAL
WHERE tenant = {tenant:String} AND subject = {subject:String} AND least(raised_at, first_raised_at) <= ${timeParam('at_ms')}
  AND (isNull(cleared_at) OR isNull(first_cleared_at) OR greatest(cleared_at, first_cleared_at) > ${timeParam('at_ms')}${knownMs === null ? '' : ` OR updated_at > ${timeParam('known_ms')}`})
ORDER BY detected_at DESC LIMIT ${String(aroundMax)}`,
    params,
  )
  if (episodes.length === 0) return []
  return warehouse.query<AlarmEventRow & AlarmKeyRow>(
    `SELECT stream, type, qualifier, ${eventColumns}
FROM alarm_events WHERE tenant = {tenant:String} AND received_at >= ${timeParam('from_ms')} AND subject = {subject:String}
  AND stream IN {streams:Array(String)} AND concat(stream, if(found_late = 1, ':L', ':'), toString(alarm_events.episode)) IN {ids:Array(String)}
  ${knownMs === null ? '' : `AND at <= ${timeParam('known_ms')}`}
ORDER BY stream, alarm_events.stream_version LIMIT ${String(aroundEventsMax)}`,
    {
      ...params,
      from_ms: Math.max(0, Math.min(...episodes.map(({ detected_ms }) => detected_ms)) - dayMs),
      streams: [...new Set(episodes.map(({ stream }) => stream))],
      ids: episodes.map(({ stream, episode, found_late }) => alarmIdOf({ stream, episode, foundLate: found_late === 1 })),
    },
  )
}

export type AlarmKeyRow = { stream: string; type: string; qualifier: string }
/** A device has some dozen kinds of alarms; of what stood at once no more is shown. */
const aroundMax = 100
const aroundEventsMax = 20_000
