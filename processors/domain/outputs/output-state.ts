/**
 * What the outputs keep of one stream of alarms: the stream as its events tell it, what people know of it, and what is still to
 * be told. Plain data, stored under the stream's id. A stream that has been over for `forgottenAfterMs` is forgotten.
 */
import type { Audience } from '../../../model/alarm-event.ts'
import type { AlarmKey, Severity } from '../../../model/alarm.ts'
import type { NoticeKind, NoticeStatus } from '../../../model/notification.ts'
import type { Row } from '../../../model/ports.ts'
import type { NotificationState } from '../alarms/notification-view.ts'
import type { PackedAlarm } from '../alarms/packed-state.ts'

/** Waits for the receiver, oldest first. */
export type QueuedNotice = {
  /** `webhook-id`: the same on every try, whoever decides it again. */
  id: string
  kind: NoticeKind
  episode: number
  severity: Severity
  /** Time of the event that it tells. */
  atMs: number
  body: string
  parked: boolean
  /** All tries. */
  attempts: number
  /** Of the schedule: tries between, which only ask whether the receiver is back, do not count. */
  step: number
  /** By the clock of the machine; 0: at once. */
  nextMs: number
  /** The receiver's own wish (Retry-After), by the clock of the machine; left out: none. */
  notBeforeMs?: number
  answer: string
}

/** What became of the raise of the newest episode, until it is told. */
export type RaiseNotice = {
  id: string
  episode: number
  severity: Severity
  atMs: number
  status: NoticeStatus
  /** Words of `silentReasons`, or what holds it down. */
  why: string
  heldUntilMs: number | null
}

export type OutputState = {
  kind: 'output'
  tenant: string
  subject: string
  stream: string
  key: AlarmKey
  /** Of the newest event: one that comes again is dropped. */
  version: number
  alarm: PackedAlarm | null
  view: NotificationState
  audience: Audience
  /** Why nothing of this episode is told; '' where it is. */
  muted: string
  raise: RaiseNotice | null
  queue: QueuedNotice[]
  /** Of the table `notifications`, not there yet. */
  rows: Row[]
  rowVersion: number
  /** Episode whose record stands in `alarms-current`; 0: none. */
  currentEpisode: number
  /** By the stage's time; 0: not while it stands. */
  forgetMs: number
}

/** Streams with what they wait for, in parts, so that one change rewrites a short list. */
export type OutputIndex = { kind: 'output-index'; entries: IndexEntry[] }
/** 0: nothing. */
export type IndexEntry = [
  stream: string,
  heldMs: number,
  nextMs: number,
  forgetMs: number,
  rows: number,
  parked: number,
  sinceMs: number,
  notBeforeMs?: number,
]
/** When this partition was read for the first time: what was appended before is history. */
export type OutputBegin = { kind: 'output-begin'; atMs: number }

export type OutputsState = OutputState | OutputIndex | OutputBegin

/** Of one alarm: a dozen changes while a receiver is away for a night; beyond, the oldest change between is left out. */
export const noticesPerAlarmMax = 16
/** Alarms with something to send, in one partition, at 4 kB each: 40 MB. Beyond, a new one is not sent, and told so. */
export const waitingAlarmsMax = 10_000
/** What is over stays in `alarms-current` for so long when nobody acknowledges it, and its version is known so long. */
export const forgottenAfterMs = 7 * 86_400_000

/** Why an alarm is never told. */
export const silentReasons = {
  'home-device': 'a home device alone never pages',
  rule: 'its rule only records for devices of this class',
  'no-channel': 'no channel was set (WEBHOOK_URL)',
  'before-notifications': 'it was raised before notifications began here',
} as const
export type SilentReason = keyof typeof silentReasons
