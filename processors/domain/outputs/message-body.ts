/**
 * A notification as a CloudEvents 1.0 event in structured JSON. Under 20 kB whatever the alarm holds: every text is cut. The id
 * is that of the message, `dedupkey` that of the episode: a late clear never closes a newer one.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import type { AlarmType } from '../../../model/alarm.ts'
import type { NoticeKind } from '../../../model/notification.ts'
import type { Notification } from '../alarms/notification-view.ts'
import { episodeIdOf } from '../alarms/stream-id.ts'
import { unpackAlarm } from '../alarms/packed-state.ts'
import type { OutputState } from './output-state.ts'

/** Standard Webhooks: small, since receivers limit it. */
export const bodyBytesMax = 20_000
/** Texts are cut at the first of these lengths with which the whole is small enough; the last always is, however they are escaped. */
const textCharsMax = [500, 200, 60] as const
const worstBytesPerChar = 6

export type NoticeWords = {
  /** Of the recorder; with it the message has a link to the alarm. */
  publicUrl: string
  titleOf: (type: string) => string
  typeOf: (type: string) => AlarmType | undefined
}

export const cloudEventTypes: Readonly<Record<NoticeKind, string>> = {
  raise: 'io.fleet-recorder.alarm.raise',
  worse: 'io.fleet-recorder.alarm.change',
  again: 'io.fleet-recorder.alarm.change',
  amend: 'io.fleet-recorder.alarm.change',
  clear: 'io.fleet-recorder.alarm.clear',
}

export const sourceOf = (tenant: string): string => `/fleet-recorder/${tenant}`

/** `event`: what brought it about; null: a raise whose time to wait was over. */
export const messageBodyOf = (
  state: OutputState,
  notification: Notification,
  id: string,
  event: AlarmEvent | null,
  words: NoticeWords,
): string => {
  let body = ''
  for (const charsMax of textCharsMax) {
    body = bodyOf(state, notification, id, event, words, (text) => (text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text))
    if (body.length * worstBytesPerChar < bodyBytesMax || utf8BytesOf(body) < bodyBytesMax) break
  }
  return body
}

const utf8BytesOf = (text: string): number => {
  let bytes = 0
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}

type Cut = (text: string) => string

const bodyOf = (
  state: OutputState,
  { kind, episode, severity, atMs }: Notification,
  id: string,
  event: AlarmEvent | null,
  words: NoticeWords,
  cut: Cut,
): string => {
  const { stream, key, subject, audience, tenant } = state
  const alarm = unpackAlarm(state.alarm)
  const type = words.typeOf(key.type)
  const alarmId = episodeIdOf(stream, { episode, foundLate: false })
  const isNewest = alarm.episode === episode
  const { evidence, last } = alarm
  const data = {
    dedupKey: alarmId,
    alarmId,
    notification: kind,
    state: kind === 'clear' ? 'cleared' : 'active',
    severity,
    title: cut(words.titleOf(key.type)),
    type: key.type,
    qualifier: cut(key.qualifier),
    resource: cut(key.resource),
    subject: cut(subject),
    deviceClass: audience.class,
    model: cut(audience.model),
    site: cut(audience.site),
    raisedAt: isNewest && last !== null ? rfc3339(last.raisedAtMs) : null,
    detectedAt: isNewest && last !== null ? rfc3339(last.detectedAtMs) : null,
    clearedAt: event?.kind === 'AlarmCleared' ? rfc3339(event.clearedAtMs) : null,
    cause: cut(type?.cause ?? ''),
    action: cut(type?.action ?? ''),
    runbook: cut(type?.runbook ?? ''),
    situation: alarm.situation.is === 'none' ? null : { role: alarm.situation.is, id: cut(alarm.situation.of) },
    change: event === null ? null : changeOf(kind, event, cut),
    evidence:
      isNewest && evidence !== null
        ? {
            values: evidence.values.slice(0, 8).map(({ name, value, unit, observedAtMs }) => ({
              name: cut(name),
              value: typeof value === 'string' ? cut(value) : value,
              unit: cut(unit),
              observedAt: rfc3339(observedAtMs),
            })),
            raiseLevel: evidence.raiseLevel,
            clearLevel: evidence.clearLevel,
          }
        : null,
    link: words.publicUrl === '' ? null : `${words.publicUrl}/#alarm=${encodeURIComponent(alarmId)}`,
  }
  return JSON.stringify({
    specversion: '1.0',
    id,
    source: sourceOf(tenant),
    type: cloudEventTypes[kind],
    subject: cut(key.resource),
    time: rfc3339(atMs),
    datacontenttype: 'application/json',
    dedupkey: alarmId,
    data,
  })
}

const changeOf = (kind: NoticeKind, event: AlarmEvent, cut: Cut): { what: string; from: string | null; reason: string | null } | null => {
  switch (kind) {
    case 'raise':
      return null
    case 'clear':
      return { what: 'cleared', from: null, reason: 'cause' in event ? event.cause : null }
    case 'worse':
      return { what: 'severity', from: event.kind === 'SeverityChanged' ? event.from : null, reason: event.kind }
    case 'again':
      return { what: 'still stands', from: null, reason: event.kind }
    case 'amend':
      return {
        what: event.kind === 'AlarmRetracted' ? 'retracted' : 'amended',
        from: null,
        reason: 'reason' in event && event.reason !== null ? cut(event.reason) : null,
      }
  }
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString()
