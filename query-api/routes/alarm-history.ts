/** An alarm's history: its events in words and as data. */
import { type Static, Type } from 'typebox'
import { alarmEventText } from '../domain/alarm-event-words.ts'
import { toTime } from '../domain/time.ts'
import { momentsIn } from '../domain/value-words.ts'
import type { AlarmRow } from '../domain/alarm-row.ts'
import type { AlarmEventRow } from '../queries/alarm-events.ts'
import { textOrNull } from './context.ts'
import { TextOrNull, Time } from './schemas.ts'

export const EventItem = Type.Object({
  id: Type.String({ description: '`<stream>#<version>`; of a command that was not carried out with `!<offset>` behind it.' }),
  kind: Type.String(),
  at: Type.Unsafe<string>({ ...Time, description: 'When the recorder knew.' }),
  observedAt: Type.Unsafe<string>({ ...Time, description: 'When it was so, by the device’s time.' }),
  severity: TextOrNull,
  actor: TextOrNull,
  text: Type.String({ description: 'In words; may quote a device or a person: escape it before showing.' }),
  ruleVersion: Type.Union([Type.Integer(), Type.Null()]),
  data: Type.Record(Type.String(), Type.Unknown()),
  source: Type.Object({ topic: Type.String(), partition: Type.Integer(), offset: Type.Integer() }),
})

export const eventOf = (row: AlarmRow, event: AlarmEventRow, tz: string): Static<typeof EventItem> => {
  const detail = detailOf(event)
  return {
    id: `${row.stream}#${String(event.stream_version)}${event.kind === 'Refused' ? `!${String(event.offset)}` : ''}`,
    kind: event.kind,
    at: toTime(event.at_ms),
    observedAt: toTime(event.observed_ms),
    severity: textOrNull(event.severity),
    actor: textOrNull(event.actor),
    text: alarmEventText({ kind: event.kind, severity: event.severity, actor: event.actor, detail }, momentsIn(tz, row.raised_ms)),
    ruleVersion: event.rule_version === 0 ? null : event.rule_version,
    data: detail,
    source: { topic: event.log_topic, partition: event.partition, offset: event.offset },
  }
}

/** Of the episode before only what led to this raise, which had not begun yet: its delay, and what held it down from its beginning. */
export const ofEpisode = (events: readonly AlarmEventRow[], row: AlarmRow): AlarmEventRow[] => {
  const isDelay = ({ kind }: AlarmEventRow): boolean => kind === 'RaiseDelayStarted' || kind === 'RaiseDelayAbandoned'
  if (row.found_late === 1) return [...events]
  const own = events.filter((event) => event.episode === row.episode && !isDelay(event))
  const before = events.filter(({ episode }) => episode === row.episode - 1)
  const delay = before.findLast(isDelay)
  const sinceCleared = before.slice(before.findLastIndex(({ kind }) => kind === 'AlarmCleared') + 1)
  const holds = sinceCleared.filter(({ kind, detail }, index) => {
    const by = kind === 'Suppressed' ? suppressorIn(detail) : ''
    return (
      by !== '' && !sinceCleared.slice(index + 1).some((later) => later.kind.endsWith('uppressed') && suppressorIn(later.detail) === by)
    )
  })
  return [...before.filter((event) => holds.includes(event) || (event === delay && delay.kind === 'RaiseDelayStarted')), ...own]
}

const suppressorIn = (detail: string): string => {
  const { suppressor, by } = JSON.parse(detail) as { suppressor?: { by: string }; by?: string }
  return suppressor?.by ?? by ?? ''
}

export const detailOf = ({ detail }: AlarmEventRow): Record<string, unknown> =>
  detail === '' ? {} : (JSON.parse(detail) as Record<string, unknown>)
