/** What was told to people about alarms, and what was not and why. */
import type { NoticeKind, NoticeStatus } from '../../model/notification.ts'
import type { TimeRange } from '../domain/time.ts'
import { msOf, type Scope, timeParam } from './scope.ts'

export type NotificationRow = {
  id: string
  stream: string
  episode: number
  subject: string
  name: string
  kind: NoticeKind
  severity: string
  resource: string
  type: string
  qualifier: string
  device_class: string
  status: NoticeStatus
  why: string
  answer: string
  attempts: number
  at_ms: number
  held_until_ms: number | null
  next_attempt_ms: number | null
  sent_ms: number | null
  updated_ms: number
}

export type NotificationQuery = TimeRange & {
  subject: string | null
  stream: string | null
  episode: number | null
  status: NoticeStatus | null
  limit: number
  /** Time and id of the last one shown. */
  after: readonly [atMs: number, id: string] | null
}

const orNull = (column: string): string => `if(isNull(${column}), NULL, ${msOf(`assumeNotNull(${column})`)})`

/** Newest first. */
export const listNotifications = ({ warehouse, tenant }: Scope, asked: NotificationQuery): Promise<NotificationRow[]> => {
  const { subject, stream, episode, status, after } = asked
  const conditions = [
    `tenant = {tenant:String} AND at >= ${timeParam('from_ms')} AND at < ${timeParam('to_ms')}`,
    ...(subject === null ? [] : ['subject = {subject:String}']),
    ...(stream === null ? [] : ['stream = {stream:String}']),
    ...(episode === null ? [] : ['episode = {episode:UInt32}']),
    ...(after === null ? [] : [`(at, id) < (${timeParam('after_ms')}, {after_id:String})`]),
  ]
  return warehouse.query<NotificationRow>(
    `SELECT notices.id AS id, notices.stream AS stream, toUInt32(notices.episode) AS episode, notices.subject AS subject, known.name AS name,
  notices.kind AS kind, notices.severity AS severity, notices.resource AS resource, notices.type AS type, notices.qualifier AS qualifier,
  notices.device_class AS device_class, notices.status AS status, notices.why AS why, notices.answer AS answer, toUInt32(notices.attempts) AS attempts,
  ${msOf('notices.at')} AS at_ms, ${orNull('notices.held_until')} AS held_until_ms, ${orNull('notices.next_attempt_at')} AS next_attempt_ms,
  ${orNull('notices.sent_at')} AS sent_ms, ${msOf('notices.updated_at')} AS updated_ms
FROM (SELECT * FROM notifications FINAL WHERE ${conditions.join(' AND ')}${status === null ? '' : ' AND status = {status:String}'}
  ORDER BY at DESC, id DESC LIMIT {limit:UInt32}) AS notices
LEFT JOIN (SELECT device_id, name FROM devices FINAL WHERE tenant = {tenant:String}) AS known ON known.device_id = notices.subject
ORDER BY notices.at DESC, notices.id DESC`,
    {
      tenant,
      from_ms: asked.fromMs,
      to_ms: asked.toMs,
      limit: asked.limit + 1,
      ...(subject === null ? {} : { subject }),
      ...(stream === null ? {} : { stream }),
      ...(episode === null ? {} : { episode }),
      ...(status === null ? {} : { status }),
      ...(after === null ? {} : { after_ms: after[0], after_id: after[1] }),
    },
  )
}
