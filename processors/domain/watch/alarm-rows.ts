/** What became of alarms, as rows of `alarm_events` and `alarm_episodes` and as records of the log topic `alarms`. */
import type { AlarmRecord, Audience } from '../../../model/alarm-event.ts'
import type { AlarmKey } from '../../../model/alarm.ts'
import type { LogTopic, Row } from '../../../model/ports.ts'
import type { AlarmState } from '../alarms/alarm-state.ts'
import type { Refusal } from '../alarms/draft.ts'
import { toDateTime64 } from '../placed-time.ts'
import type { Place, TableRows } from '../projection.ts'
import type { Told } from './device-alarms.ts'
import type { KeptEpisode } from './kept-episodes.ts'

export type AlarmSink = {
  tenant: string
  subject: string
  place: Place
  /** Of the records that bring alarms about. */
  topic: LogTopic
  receivedAtMs: number
  rows: Pick<TableRows, 'alarm_events' | 'alarm_episodes'>
  /** Records for the topic, in their order. */
  records: AlarmRecord[]
  /** Of an alarm of this type. */
  audienceOf: (type: string) => Audience
}

export const writeTold = (sink: AlarmSink, told: Told): void => {
  sink.rows.alarm_events.push(eventRow(sink, told))
  if (told.episode !== null) sink.rows.alarm_episodes.push(episodeRow(sink, told, told.episode))
  const { tenant, subject, place } = sink
  const { stream, key, event } = told
  sink.records.push({
    tenant,
    subject,
    stream,
    key,
    event,
    source: { topic: sink.topic, logId: place.logId, partition: place.partition, offset: place.offset },
    ...(event.kind === 'AlarmRaised' ? { audience: sink.audienceOf(key.type) } : {}),
  })
}

/** A person's command that was not carried out: the stream stays as it is, so nothing goes to the log. */
export const writeRefused = (
  sink: AlarmSink,
  refused: {
    stream: string
    key: AlarmKey
    state: AlarmState | null
    refusal: Refusal
    command: { name: string; actor: string; commandId: string; expectedEpisode: number }
    atMs: number
  },
): void => {
  const { stream, key, state, refusal, command, atMs } = refused
  sink.rows.alarm_events.push({
    ...common(sink, stream, key),
    stream_version: state?.version ?? 0,
    episode: command.expectedEpisode,
    found_late: 0,
    kind: 'Refused',
    severity: state?.last?.severity ?? '',
    at: toDateTime64(atMs),
    observed_at: toDateTime64(atMs),
    actor: command.actor,
    command_id: command.commandId,
    rule_version: state?.ruleVersion ?? 0,
    detail: JSON.stringify({ command: command.name, ...refusal }),
  })
}

const common = ({ tenant, subject, place, topic, receivedAtMs }: AlarmSink, stream: string, { resource, type, qualifier }: AlarmKey) => ({
  tenant,
  subject,
  stream,
  resource,
  type,
  qualifier,
  received_at: receivedAtMs,
  log_topic: topic,
  log_id: place.logId,
  partition: place.partition,
  offset: place.offset,
})

const eventRow = (sink: AlarmSink, { stream, key, event, after }: Told): Row => {
  const {
    kind,
    atMs,
    version,
    episode,
    actor = null,
    commandId = null,
    ruleVersion,
    observedAtMs,
    severity,
    ...detail
  } = event as typeof event & {
    actor?: string | null
    commandId?: string | null
    ruleVersion?: number
    observedAtMs?: number
    severity?: string | null
  }
  const isLate = event.kind === 'EpisodeFoundLate' || ('of' in event && event.of.foundLate)
  return {
    ...common(sink, stream, key),
    stream_version: version,
    episode: 'of' in event ? event.of.episode : episode,
    found_late: Number(isLate),
    kind,
    severity: (event.kind === 'SeverityChanged' ? event.to : severity) ?? after.last?.severity ?? '',
    at: toDateTime64(atMs),
    observed_at: toDateTime64(Math.round(observedAtMs ?? (event.kind === 'EpisodeFoundLate' ? event.raisedAtMs : atMs))),
    actor: actor ?? '',
    command_id: commandId ?? '',
    rule_version: ruleVersion ?? after.ruleVersion,
    // The column is what stands after it; what the amendment itself said of the severity belongs to its words.
    detail: JSON.stringify(event.kind === 'AlarmAmended' ? { ...detail, severity: event.severity } : detail),
  }
}

const episodeRow = (sink: AlarmSink, { stream, key, event, after }: Told, { row, evidence }: KeptEpisode): Row => {
  const { amended, firstKnown } = row
  const isNewest = !row.foundLate && row.episode === after.episode
  return {
    ...common(sink, stream, key),
    episode: row.episode,
    found_late: Number(row.foundLate),
    stream_version: row.version,
    raised_at: time(amended.raisedAtMs),
    detected_at: time(row.detectedAtMs),
    cleared_at: timeOrNull(amended.clearedAtMs),
    severity: amended.severity,
    severity_max: row.severityMax,
    first_raised_at: time(firstKnown.raisedAtMs),
    first_cleared_at: timeOrNull(firstKnown.clearedAtMs),
    first_severity: firstKnown.severity,
    retracted: Number(row.retracted),
    amendments: row.amendments,
    amended_reason: row.amendedReason ?? '',
    condition: isNewest ? after.condition.is : 'normal',
    clear_cause: row.clearCause ?? '',
    operator: row.operator,
    operator_actor: row.operatorActor ?? '',
    acknowledged_at: timeOrNull(row.firstAcknowledgedAtMs),
    closed_reason: row.closedReason ?? '',
    assignee: row.assignee ?? '',
    ticket: row.ticket ?? '',
    comments: row.comments,
    shelf: isNewest ? after.shelf.is : 'none',
    shelved_until: isNewest && after.shelf.is === 'timed' ? time(after.shelf.untilMs) : null,
    suppressed_by: isNewest ? after.suppressedBy.map(({ by }) => by) : [],
    flapping: Number(isNewest && after.stability.is === 'flapping'),
    situation: row.situation ?? '',
    situation_role: row.role ?? '',
    unknown_ms: Math.max(0, Math.round(row.unknownMs)),
    occurrences: row.occurrences,
    escalations: row.escalations,
    rule_version: row.ruleVersion,
    evidence: evidence === null ? '' : JSON.stringify(evidence),
    purged: Number(row.purged),
    updated_at: time(event.atMs),
  }
}

const time = (ms: number): number => toDateTime64(Math.round(ms))
const timeOrNull = (ms: number | null): number | null => (ms === null ? null : time(ms))
