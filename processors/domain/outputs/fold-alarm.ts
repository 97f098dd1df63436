/**
 * One event of a stream of alarms, or time that has passed: what is to be told of it, what is not and why. Pure: the same
 * events and times give the same messages with the same ids, so that whoever decides again tells nobody twice.
 * Before: the log topic `alarms`.  After: `delivery.ts` (messages), `current-record.ts`, `notice-rows.ts`.
 */
import type { AlarmEvent, AlarmRecord, Audience } from '../../../model/alarm-event.ts'
import { evolveAlarm } from '../alarms/alarm-decider.ts'
import {
  afterEvent,
  afterTick,
  initialNotificationState,
  isQuiet,
  type Notification,
  type NotifyPolicy,
} from '../alarms/notification-view.ts'
import { packAlarm, unpackAlarm } from '../alarms/packed-state.ts'
import { messageBodyOf, type NoticeWords } from './message-body.ts'
import { pushRow, whyQuiet } from './notice-rows.ts'
import {
  forgottenAfterMs,
  noticesPerAlarmMax,
  type OutputState,
  type RaiseNotice,
  silentReasons,
  type SilentReason,
} from './output-state.ts'

export type FoldContext = {
  words: NoticeWords
  situationSettleMs: number
  hasChannel: boolean
  /** What was appended before is history. */
  beganMs: number
  /** There is room for one more alarm that waits for the receiver. */
  hasRoom: () => boolean
  /** For metrics. */
  count: (what: 'transient' | 'dropped' | 'silent') => void
}

/** Null: known already. Changes `state`, or makes it. */
export const foldAlarm = (
  context: FoldContext,
  before: OutputState | undefined,
  record: AlarmRecord,
  appendedAtMs: number,
): OutputState | null => {
  const { event } = record
  const state = before ?? newState(record)
  if (event.version <= state.version) return null
  state.version = event.version
  state.alarm = packAlarm(evolveAlarm(unpackAlarm(state.alarm), event))
  if (event.kind === 'AlarmRaised') {
    state.audience = record.audience ?? audienceWithout(record)
    state.muted = mutedWhy(context, state.audience, appendedAtMs)
    state.forgetMs = 0
  }
  if (event.kind === 'AlarmCleared') state.forgetMs = event.atMs + forgottenAfterMs
  if (event.kind === 'Purged') state.forgetMs = event.atMs
  const { state: view, notifications } = afterEvent(policyOf(context, state), state.view, event)
  state.view = view
  if (event.kind === 'AlarmRaised') beginRaise(context, state, event)
  for (const notification of notifications) enqueue(context, state, notification, event)
  noteRaise(context, state, event)
  return state
}

/** The stage's time has come to `timeMs`: a raise that waited long enough is told. */
export const passTime = (context: FoldContext, state: OutputState, timeMs: number): void => {
  const { state: view, notifications } = afterTick(policyOf(context, state), state.view, timeMs)
  state.view = view
  for (const notification of notifications) enqueue(context, state, notification, null)
}

/** When `passTime` has something to do; 0: never. */
export const heldUntilMs = ({ view, raise }: OutputState): number =>
  raise?.status === 'held' && view.waitsUntilMs !== null ? view.waitsUntilMs : 0

const newState = ({ tenant, subject, stream, key, ...record }: AlarmRecord): OutputState => ({
  kind: 'output',
  tenant,
  subject,
  stream,
  key,
  version: 0,
  alarm: null,
  view: initialNotificationState,
  audience: record.audience ?? audienceWithout({ ...record, key }),
  muted: '',
  raise: null,
  queue: [],
  rows: [],
  rowVersion: 0,
  currentEpisode: 0,
  forgetMs: record.event.atMs + forgottenAfterMs,
})

/** Groups and the platform always notify; of a device nothing is known then, so it is one of a home. */
const audienceWithout = ({ key }: Pick<AlarmRecord, 'key'>): Audience => {
  const [kind] = key.resource.split('/')
  const isOfMany = kind === 'group' || kind === 'platform'
  return { class: isOfMany ? kind : 'home', notifies: isOfMany, model: '', site: '' }
}

const mutedWhy = ({ hasChannel, beganMs }: FoldContext, audience: Audience, appendedAtMs: number): SilentReason | '' => {
  if (audience.class === 'home') return 'home-device'
  if (!audience.notifies) return 'rule'
  if (!hasChannel) return 'no-channel'
  return appendedAtMs < beganMs ? 'before-notifications' : ''
}

const policyOf = ({ situationSettleMs }: FoldContext, { audience, muted }: OutputState): NotifyPolicy => ({
  class: audience.class,
  notifies: audience.notifies && muted === '',
  situationSettleMs,
})

export const noticeIdOf = (stream: string, { version, kind }: Pick<Notification, 'version' | 'kind'>): string =>
  `${stream}-${String(version)}-${kind}`

const beginRaise = ({ count }: FoldContext, state: OutputState, event: AlarmEvent & { kind: 'AlarmRaised' }): void => {
  const { episode, severity, atMs, version } = event
  const isSilent = state.muted !== ''
  if (isSilent) count('silent')
  state.raise = {
    id: noticeIdOf(state.stream, { version, kind: 'raise' }),
    episode,
    severity,
    atMs,
    status: isSilent ? 'silent' : 'held',
    why: isSilent ? silentReasons[state.muted as SilentReason] : '',
    heldUntilMs: isSilent ? null : state.view.waitsUntilMs,
  }
  if (isSilent || state.view.waitsUntilMs !== null) rowOfRaise(state, state.raise, event.atMs)
}

/** What became of a raise that was not told with this event. */
const noteRaise = ({ count }: FoldContext, state: OutputState, event: AlarmEvent): void => {
  const { raise, view } = state
  if (raise === null || (raise.status !== 'held' && raise.status !== 'quiet')) return
  if (event.kind === 'AlarmCleared') {
    const why = raise.status === 'held' ? 'over before it was told' : `over while it was held down: ${raise.why}`
    count('transient')
    change(state, raise, { status: 'transient', why, heldUntilMs: null }, event.atMs)
    state.raise = null
    return
  }
  const next: Pick<RaiseNotice, 'status' | 'why' | 'heldUntilMs'> = isQuiet(view)
    ? { status: 'quiet', why: whyQuiet(state, event), heldUntilMs: null }
    : view.live?.explained === true
      ? { status: 'quiet', why: 'what explains it stood when it happened', heldUntilMs: null }
      : { status: 'held', why: '', heldUntilMs: view.waitsUntilMs }
  change(state, raise, next, event.atMs)
}

const change = (state: OutputState, raise: RaiseNotice, next: Pick<RaiseNotice, 'status' | 'why' | 'heldUntilMs'>, atMs: number): void => {
  if (raise.status === next.status && raise.why === next.why && raise.heldUntilMs === next.heldUntilMs) return
  Object.assign(raise, next)
  rowOfRaise(state, raise, atMs)
}

const rowOfRaise = (state: OutputState, raise: RaiseNotice, updatedMs: number): void =>
  pushRow(state, { ...raise, kind: 'raise', attempts: 0, answer: '', nextMs: null, updatedMs })

const enqueue = (context: FoldContext, state: OutputState, notification: Notification, event: AlarmEvent | null): void => {
  const { kind, episode, severity, atMs } = notification
  const id = noticeIdOf(state.stream, notification)
  // A raise is told with the time at which it came about, not at which it was let go.
  const raisedMs = kind === 'raise' && state.raise?.episode === episode ? state.raise.atMs : atMs
  const facts = { id, kind, episode, severity, atMs: raisedMs, why: '', heldUntilMs: null, attempts: 0, answer: '', nextMs: null }
  if (kind === 'raise') state.raise = null
  if (state.queue.length === 0 && !context.hasRoom()) {
    context.count('dropped')
    pushRow(state, { ...facts, status: 'dropped', why: 'too many alarms wait for the receiver', updatedMs: atMs })
    return
  }
  makeRoom(context, state, atMs, episode)
  state.queue.push({
    ...{ id, kind, episode, severity, atMs: raisedMs },
    body: messageBodyOf(state, { ...notification, atMs: raisedMs }, id, event, context.words),
    parked: false,
    attempts: 0,
    step: 0,
    nextMs: 0,
    answer: '',
  })
  pushRow(state, { ...facts, status: 'pending', updatedMs: atMs })
}

/** What lies between is left out: what the receiver may know of, and the newest, are what a person must be told the end of. */
const makeRoom = ({ count }: FoldContext, state: OutputState, atMs: number, episode: number): void => {
  if (state.queue.length < noticesPerAlarmMax) return
  const left = leftOut(state.queue, episode)
  state.queue = state.queue.filter((notice) => !left.includes(notice))
  for (const dropped of left) {
    count('dropped')
    pushRow(state, {
      ...dropped,
      status: 'dropped',
      why: `more than ${String(noticesPerAlarmMax)} messages of this alarm wait`,
      heldUntilMs: null,
      nextMs: null,
      updatedMs: atMs,
    })
  }
}

/**
 * The oldest episode of which nothing has been tried, as a whole: its raise without its clear would stand open at the receiver for
 * ever. Where each episode may be known, a change in between, else the oldest.
 */
const leftOut = (queue: OutputState['queue'], episode: number): OutputState['queue'] => {
  const isTried = ({ attempts, parked }: OutputState['queue'][number]): boolean => attempts > 0 || parked
  const [first] = queue // It may be on its way.
  const known = new Set([episode, first?.episode, ...queue.filter(isTried).map((notice) => notice.episode)])
  const untold = queue.find((notice) => notice.kind === 'raise' && !known.has(notice.episode))
  if (untold !== undefined) return queue.filter((notice) => notice.episode === untold.episode)
  const between = queue.find((notice) => notice.kind !== 'raise' && notice.kind !== 'clear' && !isTried(notice)) ?? first
  return between === undefined ? [] : [between]
}
