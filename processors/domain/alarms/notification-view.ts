/**
 * What of a stream's events is told to people: a pure function of the events, the stage's time and what the rule and the
 * inventory say of it. A raise is held first, so that the fleet stage's verdict (one fault, not five hundred) can come before
 * it. While a stream is shelved, suppressed, flapping, unknown or a symptom it is quiet, and what still stands when that ends
 * is told once; what had explained it is given as long again to take it along. What was told is always told over: a clear goes out whenever its raise did. Nothing late notifies; an
 * amendment of what was told annotates it without paging.
 * Before: the log topic `alarms`.  After: `notifications` (webhook), which sends each once by its id.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { type DeviceClass, type Severity, severityRank } from '../../../model/alarm.ts'

/** Default of how long a raise waits for the verdict of the fleet stage. */
export const situationSettleMsDefault = 6 * 60_000

export type NotifyPolicy = {
  /** Of the device; `group` for situations and cells, `platform` for the recorder's own alarms. */
  class: DeviceClass | 'group' | 'platform'
  /** The rule's own wish: most rules record without notifying. */
  notifies: boolean
  situationSettleMs: number
}

export type Notification = {
  kind: 'raise' | 'worse' | 'again' | 'clear' | 'amend'
  episode: number
  severity: Severity
  atMs: number
  /** Only annotates what was told before. */
  pages: boolean
  /** Number of the stream's event that brought it about: with the kind, what it is told once by. */
  version: number
}

/** Plain data, kept beside the stream's state. */
export type NotificationState = {
  /** `explained`: it reports what happened, and its cause stood then: nothing new is there to tell when the cause is over. */
  live: { episode: number; severity: Severity; version: number; isEvent?: boolean; explained?: boolean } | null
  unknown: boolean
  shelved: boolean
  suppressedBy: readonly string[]
  flapping: boolean
  symptomOf: string | null
  /** A raise that was not told yet: not before this time. Null: none waits. */
  waitsUntilMs: number | null
  /** What people know: the newest episode that was told, and its severity when it was told last. */
  told: { episode: number; severity: Severity } | null
}

export const initialNotificationState: NotificationState = {
  live: null,
  unknown: false,
  shelved: false,
  suppressedBy: [],
  flapping: false,
  symptomOf: null,
  waitsUntilMs: null,
  told: null,
}

type Told = { state: NotificationState; notifications: readonly Notification[] }

/** After one event of the log; time has come at least to the event's. */
export const afterEvent = (policy: NotifyPolicy, before: NotificationState, event: AlarmEvent): Told => {
  const state = evolveNotification(policy, before, event)
  if (!mayNotify(policy)) return { state, notifications: [] }
  const notifications: Notification[] = []
  const { told } = before
  const { live } = state
  if (event.kind === 'AlarmCleared' && told?.episode === event.episode) {
    notifications.push(notificationOf('clear', told, event, event.severity, true))
    return { state, notifications }
  }
  if (told !== null && isAmendmentOf(told.episode, event)) {
    notifications.push(notificationOf('amend', told, event, told.severity, false))
    return { state, notifications }
  }
  const isTold = told !== null && live !== null && told.episode === live.episode
  if (isTold && !isQuiet(state)) {
    // Also what became worse while it was quiet.
    const isWorse = severityRank[live.severity] > severityRank[told.severity]
    if (!isWorse && event.kind !== 'Escalated' && !isPutBack(before, event)) return { state, notifications }
    notifications.push(notificationOf(isWorse ? 'worse' : 'again', told, event, live.severity, true))
    return { state: { ...state, told: { ...told, severity: live.severity } }, notifications }
  }
  return tellRaise(state, event.atMs)
}

/** Time has come to `atMs`: a raise that waited long enough and still stands is told. */
export const afterTick = (policy: NotifyPolicy, state: NotificationState, atMs: number): Told =>
  mayNotify(policy) ? tellRaise(state, atMs) : { state, notifications: [] }

/** A home device alone never pages. */
export const mayNotify = (policy: NotifyPolicy): boolean => policy.notifies && policy.class !== 'home'

export const isQuiet = ({ shelved, suppressedBy, flapping, unknown, symptomOf }: NotificationState): boolean =>
  shelved || suppressedBy.length > 0 || flapping || unknown || symptomOf !== null

const tellRaise = (state: NotificationState, atMs: number): Told => {
  const { live, waitsUntilMs } = state
  if (live === null || waitsUntilMs === null || atMs < waitsUntilMs || isQuiet(state)) return { state, notifications: [] }
  const { episode, severity, version } = live
  return {
    state: { ...state, waitsUntilMs: null, told: { episode, severity } },
    notifications: [{ kind: 'raise', episode, severity, atMs, pages: true, version }],
  }
}

/** A critical device that is critically ill waits for nobody; nor do groups and the platform, of which there are no five hundred. */
const settleMsOf = (policy: NotifyPolicy, severity: Severity): number =>
  policy.class === 'group' || policy.class === 'platform' || (policy.class === 'critical' && severity === 'critical')
    ? 0
    : policy.situationSettleMs

const evolveNotification = (policy: NotifyPolicy, state: NotificationState, event: AlarmEvent): NotificationState => {
  const { live } = state
  switch (event.kind) {
    case 'AlarmRaised': {
      const { episode, severity, version, atMs, staleAt } = event
      const waitsUntilMs = atMs + settleMsOf(policy, severity)
      const own = { episode, severity, version, ...(staleAt === null ? {} : { isEvent: true }) }
      return { ...state, live: own, unknown: false, symptomOf: null, waitsUntilMs }
    }
    case 'SeverityChanged': {
      if (live === null) return state
      const { waitsUntilMs } = state
      const own = { ...live, severity: event.to }
      // What happens again and gets worse is news, whatever explained it before.
      if (live.explained === true && severityRank[event.to] > severityRank[live.severity]) {
        const { explained: _, ...news } = own
        return { ...state, live: news, waitsUntilMs: event.atMs + settleMsOf(policy, event.to) }
      }
      // One that becomes critical while it waits need not wait longer than it would have from now on.
      const sooner = waitsUntilMs === null ? null : Math.min(waitsUntilMs, event.atMs + settleMsOf(policy, event.to))
      return { ...state, live: own, waitsUntilMs: sooner }
    }
    case 'AlarmCleared':
      return { ...state, live: null, unknown: false, waitsUntilMs: null }
    case 'ConditionUnknown':
      return { ...state, unknown: event.was === 'active' }
    case 'ConditionKnown':
      return { ...state, unknown: false }
    case 'Shelved':
      return { ...state, shelved: true }
    case 'Unshelved':
      return { ...state, shelved: false }
    case 'Suppressed':
      return { ...state, suppressedBy: [...state.suppressedBy.filter((by) => by !== event.suppressor.by), event.suppressor.by] }
    case 'Unsuppressed':
      return standsAlone(policy, { ...state, suppressedBy: state.suppressedBy.filter((by) => by !== event.by) }, state, event.atMs)
    case 'FlappingStarted':
      return { ...state, flapping: true }
    case 'FlappingStopped':
      return { ...state, flapping: false }
    case 'Correlated':
      return { ...state, symptomOf: event.role === 'symptom' ? event.situation : null }
    case 'Uncorrelated':
      return standsAlone(policy, { ...state, symptomOf: state.symptomOf === event.situation ? null : state.symptomOf }, state, event.atMs)
    default:
      return state
  }
}

/**
 * What explained it is over. What goes with its cause ends a little later than the cause does (a modem is back before its uplink
 * is, one site's devices come one by one), so it is given the time that a raise is given; what only happened then is explained.
 */
const standsAlone = (policy: NotifyPolicy, state: NotificationState, before: NotificationState, atMs: number): NotificationState => {
  const { live, told, waitsUntilMs } = state
  if (live === null || told?.episode === live.episode || !isQuiet(before) || isQuiet(state)) return state
  if (live.isEvent === true) return { ...state, live: { ...live, explained: true }, waitsUntilMs: null }
  return { ...state, waitsUntilMs: Math.max(waitsUntilMs ?? 0, atMs + settleMsOf(policy, live.severity)) }
}

/** Was put aside or held down, and still stands: it is told once more, also where people knew of it before. */
const isPutBack = (before: NotificationState, { kind }: AlarmEvent): boolean =>
  isQuiet(before) && (kind === 'Unshelved' || (kind === 'Unsuppressed' && before.live?.isEvent !== true))

const isAmendmentOf = (episode: number, event: AlarmEvent): boolean =>
  (event.kind === 'AlarmAmended' || event.kind === 'AlarmRetracted') && !event.of.foundLate && event.of.episode === episode

const notificationOf = (
  kind: Notification['kind'],
  { episode }: { episode: number },
  { atMs, version }: AlarmEvent,
  severity: Severity,
  pages: boolean,
): Notification => ({ kind, episode, severity, atMs, pages, version })
