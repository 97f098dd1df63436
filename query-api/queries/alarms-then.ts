/**
 * Alarms as they were known at a moment, or as they stood at one: lists, counts and one by one. What nothing was told of since is
 * as the table has it; the others are folded anew from their events, which are only ever added to.
 */
import type { AlarmFact } from '../domain/alarm-fact.ts'
import { asOf, foldAlarms } from '../domain/alarm-fold.ts'
import { type AlarmId, idOfRow } from '../domain/alarm-id.ts'
import { type AlarmFilter, type AlarmRow, fits, isStanding } from '../domain/alarm-row.ts'
import type { CursorPart } from '../domain/cursor.ts'
import { ProblemError } from '../domain/problems.ts'
import { clockAheadMaxMs } from '../domain/time.ts'
import { alarmConditions } from './alarm-conditions.ts'
import { type AlarmEventRow, eventColumns } from './alarm-events.ts'
import { alarmColumns, type AlarmCountRow, type AlarmListQuery } from './alarms.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

/** `knownMs`: what was written by then, null: all; `atMs`: as it stood then by the device's time, null: as it was known. */
export type AlarmMoment = { knownMs: number; atMs: number | null } | { knownMs: null; atMs: number }

/** Episodes of one question, some 2 KB each while it is answered. A fleet of 20,000 devices has some thousands standing. */
export const episodesThenMax = 10_000
/** Of these, events of those that changed since: ten each, of evidence and delays only the newest. */
export const eventsThenMax = 100_000

/** Asks for `limit + 1` rows, as `listAlarms` does, in the same order. */
export const listAlarmsThen = async (scope: Scope, query: AlarmListQuery, moment: AlarmMoment): Promise<AlarmRow[]> => {
  const keyOf = query.sort === 'severity' ? [rankOf, ...timeKey] : timeKey
  const direction = query.descending ? -1 : 1
  const rows = (await alarmsThen(scope, query, moment)).sort((one, other) => direction * compared(keysOf(one, keyOf), keysOf(other, keyOf)))
  const after = query.after === null ? null : query.sort === 'severity' ? query.after : query.after.slice(1)
  const beyond = after === null ? rows : rows.filter((row) => direction * compared(keysOf(row, keyOf), after) > 0)
  return beyond.slice(0, query.limit + 1)
}

export const countAlarmsThen = async (scope: Scope, filter: AlarmFilter, moment: AlarmMoment): Promise<AlarmCountRow[]> => {
  const counts = new Map<string, AlarmCountRow>()
  for (const row of await alarmsThen(scope, filter, moment)) {
    const { severity } = row
    const count = counts.get(severity) ?? { severity, active: 0, unacknowledged: 0, shelved: 0, cleared: 0 }
    counts.set(severity, count)
    const stands = isStanding(row)
    count.active += Number(stands)
    count.unacknowledged += Number(stands && row.operator === 'none')
    count.shelved += Number(stands && row.shelf !== 'none')
    count.cleared += Number(row.cleared_ms !== null && row.retracted === 0 && row.purged === 0)
  }
  return [...counts.values()]
}

/** Undefined also where nobody knew of it by then, or it had not begun. */
export const oneAlarmThen = async (
  scope: Scope,
  { stream, episode, foundLate }: AlarmId,
  moment: AlarmMoment,
): Promise<AlarmRow | undefined> =>
  (
    await alarmsWhere(
      scope,
      {
        where: [
          'subject IN (SELECT subject FROM alarm_episodes WHERE tenant = {tenant:String} AND stream = {stream:String})',
          'stream = {stream:String} AND found_late = {late:UInt8} AND episode = {episode:UInt32}',
          ...(moment.knownMs === null ? [] : [`detected_at <= ${timeParam('known_ms')}`]),
        ],
        params: { stream, episode, late: foundLate ? 1 : 0, ...momentParams(moment) },
      },
      moment,
    )
  )[0]

/** All that fit, in no order. Refused beyond `episodesThenMax` and `eventsThenMax`. */
export const alarmsThen = async (scope: Scope, filter: AlarmFilter, moment: AlarmMoment): Promise<AlarmRow[]> => {
  const { knownMs, atMs } = moment
  const { fixed, changing, params } = alarmConditions({ ...filter, state: 'all' })
  const at = timeParam('at_ms')
  const isOver = atMs === null ? 'isNotNull(cleared_at)' : `ifNull(cleared_at <= ${at}, 0)`
  const spans = [
    ...(atMs === null ? [] : [`raised_at <= ${at}`]),
    ...(filter.state === 'active' ? [`NOT ${isOver} AND retracted = 0`] : []),
    ...(filter.state === 'cleared' ? [`${isOver} AND retracted = 0`] : []),
  ]
  const unlessChanged = (conditions: readonly string[]): string[] =>
    conditions.length === 0 ? [] : [`(${changedSince} OR (${conditions.join(' AND ')}))`]
  const where =
    knownMs === null
      ? // Begin, end and retraction are those that are known now.
        [...fixed, ...spans, ...unlessChanged(changing)]
      : [...fixed, `detected_at <= ${timeParam('known_ms')}`, ...unlessChanged([...spans, ...changing])]
  const rows = await alarmsWhere(scope, { where, params: { ...params, ...momentParams(moment) } }, moment)
  return rows.filter((row) => fits(row, filter))
}

const momentParams = ({ knownMs, atMs }: AlarmMoment): Record<string, number> => ({
  ...(knownMs === null ? {} : { known_ms: knownMs }),
  ...(atMs === null ? {} : { at_ms: atMs }),
})

/** Their rows hold more than was known, or than had been. */
const changedSince = `updated_at > ${timeParam('unchanged_ms')}`

const alarmsWhere = async (
  scope: Scope,
  { where, params }: { where: readonly string[]; params: Record<string, unknown> },
  { knownMs, atMs }: AlarmMoment,
): Promise<AlarmRow[]> => {
  const { warehouse, tenant } = scope
  // An event may tell of a moment that lies ahead of when it was written, by as much as a clock is believed to.
  const unchangedMs = Math.max(
    0,
    Math.min(knownMs ?? Number.POSITIVE_INFINITY, atMs === null ? Number.POSITIVE_INFINITY : atMs - clockAheadMaxMs),
  )
  const episodes = `alarm_episodes FINAL WHERE ${['tenant = {tenant:String}', ...where].join(' AND ')}`
  const all = { tenant, ...params, unchanged_ms: unchangedMs }
  const rows = await warehouse.query<AlarmRow & { updated_ms: number }>(
    `SELECT ${alarmColumns}, ${msOf('updated_at')} AS updated_ms FROM ${episodes} LIMIT ${String(episodesThenMax + 1)}`,
    all,
  )
  if (rows.length > episodesThenMax) throw tooMany(`${String(episodesThenMax)} alarms`)
  const isChanged = ({ updated_ms }: { updated_ms: number }): boolean => updated_ms > unchangedMs
  const folded = rows.some(isChanged)
    ? foldAlarms(await eventsOf(scope, `FROM ${episodes} AND ${changedSince}`, knownMs, all), atMs)
    : new Map<string, AlarmRow>()
  return rows.flatMap(({ updated_ms, ...row }) => {
    // Where the raise is older than events are kept: as it is now, but for an end that came later.
    const known = isChanged({ updated_ms }) ? (folded.get(idOfRow(row)) ?? asOf(row, knownMs ?? atMs)) : row
    return (known === null || atMs === null ? known : asOf(known, atMs)) ?? []
  })
}

type FactRow = AlarmEventRow & Pick<AlarmRow, 'subject' | 'stream' | 'resource' | 'type' | 'qualifier'>

/** Of these episodes, and what was told of their streams as a whole before them; those of a stream in their order. */
const eventsOf = async (
  { warehouse }: Scope,
  episodes: string,
  knownMs: number | null,
  params: Record<string, unknown>,
): Promise<AlarmFact[]> => {
  const known = knownMs === null ? '' : `AND at <= ${timeParam('known_ms')}`
  const counted = 'at_ms' in params ? `AND (kind NOT IN (${quoted(newestOnly)}) OR observed_at <= ${timeParam('at_ms')})` : ''
  const rows = await warehouse.query<FactRow>(
    `WITH asked AS (SELECT subject, stream, found_late, toUInt32(episode) AS number ${episodes})
SELECT subject, stream, resource, type, qualifier, ${eventColumns}
FROM alarm_events WHERE tenant = {tenant:String} AND kind != 'Refused' ${known} ${counted}
  AND subject IN (SELECT subject FROM asked) AND stream IN (SELECT stream FROM asked)
  AND (kind IN (${quoted(ofStream)}) OR (stream, found_late, alarm_events.episode) IN (SELECT stream, found_late, number FROM asked))
ORDER BY stream, alarm_events.stream_version DESC
LIMIT 1 BY stream, found_late, alarm_events.episode, if(kind IN (${quoted(newestOnly)}), kind, toString(alarm_events.stream_version))
LIMIT ${String(eventsThenMax + 1)}`,
    params,
  )
  if (rows.length > eventsThenMax) throw tooMany(`${String(eventsThenMax)} events`)
  return rows
    .reverse()
    .map(({ detail, ...row }) => ({ ...row, detail: detail === '' ? {} : (JSON.parse(detail) as Record<string, unknown>) }))
}

/** They outlast an episode, or tell which one is the newest of its stream: only that shows what is of the stream. */
const ofStream = ['AlarmRaised', 'Shelved', 'Unshelved', 'Suppressed', 'Unsuppressed', 'FlappingStarted', 'FlappingStopped']
/** Each says all that the ones before it said: an alarm that stands for a week has hundreds. */
const newestOnly = ['EvidenceUpdated', 'RaiseDelayStarted', 'RaiseDelayAbandoned', 'ClearDelayStarted', 'ClearDelayAbandoned']
const quoted = (kinds: readonly string[]): string => kinds.map((kind) => `'${kind}'`).join(', ')

const tooMany = (what: string): ProblemError =>
  new ProblemError(
    'TOO_MANY_ALARMS',
    `More than ${what} would have to be looked at to tell how it was then; narrow it by device, site, type, class or from and to, or ask for state=active.`,
  )

const rankOf = ({ rank }: AlarmRow): CursorPart => rank
const timeKey = [
  ({ raised_ms }: AlarmRow): CursorPart => raised_ms,
  ({ stream }: AlarmRow): CursorPart => stream,
  ({ found_late }: AlarmRow): CursorPart => found_late,
  ({ episode }: AlarmRow): CursorPart => episode,
]
const keysOf = (row: AlarmRow, key: readonly ((row: AlarmRow) => CursorPart)[]): CursorPart[] => key.map((part) => part(row))

/** Part by part; of one place both have one type. */
const compared = (one: readonly CursorPart[], other: readonly CursorPart[]): number => {
  for (const [index, part] of one.entries()) {
    const against = other[index]
    if (against === undefined || part === against) continue
    return part < against ? -1 : 1
  }
  return 0
}
