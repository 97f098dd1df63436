/**
 * One device's turn: its rules are asked, their commands carried to its alarms, the fleet stage and presence told of what became
 * of it, and a reminder entered for what is due later.
 * Before: `watch-device.ts`.  After: `device-alarms.ts`, `alarm-rows.ts`.
 */
import type { Audience } from '../../../model/alarm-event.ts'
import type { AlarmType } from '../../../model/alarm.ts'
import { type DeviceProfile, alarmTypeOf } from '../../../model/rule.ts'
import type { CompiledRules, RuleBook } from '../rules/compile.ts'
import { isUsuallyAway } from '../rules/absence.ts'
import { projectAbsence } from '../projections/presence.ts'
import { type RuleInput, evaluate, nextTickMs } from '../rules/evaluate.ts'
import type { RuleCommand, RuleContext } from '../rules/outcome.ts'
import { never, streamKey } from '../rules/state.ts'
import { hash32 } from '../hash.ts'
import { type AlarmSink, writeTold } from './alarm-rows.ts'
import { type AlarmsState, type DeviceAlarms, initialAlarms, openAlarms, suppressorOf } from './device-alarms.ts'
import { enterDue, horizonMs, slotMs } from './due-list.ts'
import { tellDevice } from './group-signals.ts'
import { activeWindows, holdBy, markOf, nextBeginMs } from './maintenance.ts'
import { correlateWith } from './verdicts.ts'
import type { WatchedState } from './watched.ts'
import { type Watch, contextOf, dueOf, passNow, sinkOf, toldOf } from './watch-record.ts'

/** While devices cannot reach us, they are looked at this often, so that what waited is not told much later. */
const unhealthyHorizonMs = 60_000
/** Reminders that are no deadline are spread: devices that came back together are not all met by one tick. */
const spreadMs = 60_000

const noInputs: readonly RuleInput[] = []

/** The fleet stage hears of it when something has changed; a verdict ends with what it was about. */
const tellFleet = (watch: Watch, watched: WatchedState, id: string, context: RuleContext, inputs: readonly RuleInput[]): void => {
  tellDevice(sinkOf(watch), toldOf(watch.state), watched, context, inputs)
  tellCause(watch, watched, id, context)
  const { verdict, fleet } = watched
  if (verdict === undefined || fleet === undefined) return
  if (verdict.cause === '' ? fleet.awaySinceMs === 0 : !fleet.isAbsent) delete watched.verdict
}

/** Presence says why it is offline: what it knows of itself, until the fleet stage knows better. */
export const tellCause = (watch: Watch, watched: WatchedState, id: string, { rules, nowMs }: RuleContext): void => {
  const { silence } = rules
  const isTold = silence !== null && watched.rules.streams[streamKey(silence.id, '')]?.told === 'active'
  if (!isTold) {
    delete watched.offline
    return
  }
  const isPlanned = watched.fleet?.isPlanned === true
  if (watched.offline === undefined || (watched.offline.cause === 'planned' && !isPlanned)) {
    const cause = isPlanned ? 'planned' : isUsuallyAway(watched.rules, nowMs) ? 'usual-night-off' : 'device'
    watched.offline = { cause, told: watched.offline?.told ?? '' }
  }
  const ofGroup = watched.verdict?.cause ?? ''
  const cause = ofGroup === '' ? watched.offline.cause : ofGroup
  if (watched.offline.told === cause) return
  watched.offline.told = cause
  projectAbsence(watch, id, cause)
}

export const hasOtherWindows = ({ windows }: Watch, watched: WatchedState, { profile, nowMs }: RuleContext): boolean =>
  (windows.known.length > 0 || watched.windows !== undefined) && markOf(activeWindows(windows, profile, nowMs)) !== (watched.windows ?? '')

export const visit = (watch: Watch, watched: WatchedState, id: string): void => {
  const nowMs = passNow(watch, watched)
  watch.overlay.keep('watched', id, watched)
  watched.slot = 0
  const context = contextOf(watch, watched, id, nowMs)
  const rulesDue = !watched.profile.retired && nextTickMs(watched.rules, context, context.healthySinceMs ?? nowMs) <= nowMs
  const alarmsDue = watched.alarmDueMs > 0 && watched.alarmDueMs <= nowMs
  const commands = rulesDue ? evaluate(watched.rules, { kind: 'tick' }, context).commands : []
  if (commands.length > 0 || alarmsDue || hasOtherWindows(watch, watched, context))
    turn(watch, watched, id, context, commands, alarmsDue ? 'first' : 'no')
  tellFleet(watch, watched, id, context, noInputs)
  remind(watch, watched, id, context)
}

/** Its windows alone: no rule is asked. */
export const holdNow = (watch: Watch, watched: WatchedState, id: string, context: RuleContext): void => {
  watched.nowMs = context.nowMs
  watch.overlay.keep('watched', id, watched)
  turn(watch, watched, id, context, [], 'no')
  tellFleet(watch, watched, id, context, noInputs)
  remind(watch, watched, id, context)
}

export const judge = (watch: Watch, watched: WatchedState, inputs: readonly RuleInput[], id = watch.event.subject.id): void => {
  if (watched.profile.retired) return
  const nowMs = passNow(watch, watched)
  const context = contextOf(watch, watched, id, nowMs)
  const commands: RuleCommand[] = []
  for (const input of inputs) for (const command of evaluate(watched.rules, input, context).commands) commands.push(command)
  // What the message says comes before the deadlines that its arrival has passed.
  const alarmsDue = watched.alarmDueMs > 0 && watched.alarmDueMs <= nowMs
  if (commands.length > 0 || alarmsDue || hasOtherWindows(watch, watched, context))
    turn(watch, watched, id, context, commands, alarmsDue ? 'last' : 'no')
  tellFleet(watch, watched, id, context, inputs)
  const { slot, rules, alarmDueMs } = watched
  // A message puts silence off: the entry that stands is early enough for it, but not for what is due sooner.
  const soonMs = Math.min(
    rules.stageDueMs,
    rules.pendingBoot?.dueMs ?? never,
    alarmDueMs === 0 ? never : alarmDueMs,
    rules.goneMs > 0 ? 0 : never,
    watched.stands === true ? nextBeginMs(watch.windows, context.profile, nowMs) : never,
  )
  if (slot === 0 || soonMs < slot * slotMs) remind(watch, watched, id, context)
}

/** An entry for its next deadline, or for looking again. Whoever has nothing to wait for, and no alarm that a window could hold down, has none. */
export const remind = ({ overlay, state, windows }: Watch, watched: WatchedState, id: string, context: RuleContext): void => {
  const { nowMs, healthySinceMs } = context
  const rulesMs = watched.profile.retired ? never : nextTickMs(watched.rules, context, healthySinceMs ?? nowMs)
  const beginMs = watched.stands === true ? nextBeginMs(windows, context.profile, nowMs) : never
  const dueMs = Math.min(rulesMs, beginMs, watched.alarmDueMs === 0 ? never : watched.alarmDueMs)
  if (dueMs === never && watched.stands !== true) return
  const lookMs = nowMs + (healthySinceMs === null ? unhealthyHorizonMs : horizonMs - (hash32(id) % spreadMs))
  const wantedMs = Math.max(nowMs, Math.min(dueMs, lookMs))
  if (watched.slot > 0 && watched.slot * slotMs <= wantedMs) return
  watched.slot = enterDue(overlay, dueOf(state), id, wantedMs)
}

/** Commands of one record, what holds alarms down before what it explains. */
const turn = (
  watch: Watch,
  watched: WatchedState,
  id: string,
  context: RuleContext,
  commands: readonly RuleCommand[],
  fire: 'first' | 'last' | 'no',
): void => {
  const { dependents } = context.rules
  const explains = ({ rule }: RuleCommand): boolean => rule !== null && dependents.has(rule.id)
  withAlarms(watch, watched, id, context, (alarms) => {
    if (fire === 'first') alarms.fire()
    for (const one of commands) if (explains(one)) alarms.observe(one.key, one.command, one.delays)
    for (const one of commands) if (!explains(one)) alarms.observe(one.key, one.command, one.delays)
    if (fire === 'last') alarms.fire()
    if (watched.verdict !== undefined) correlateWith(alarms, watched.verdict, context.nowMs)
  })
}

export const retire = (watch: Watch, watched: WatchedState, id: string): void => {
  const context = contextOf(watch, watched, id, passNow(watch, watched))
  withAlarms(watch, watched, id, context, (alarms) => alarms.retireAll())
  tellFleet(watch, watched, id, context, noInputs)
}

export const withAlarms = (
  watch: Watch,
  watched: WatchedState,
  id: string,
  { rules, nowMs, resource, profile }: RuleContext,
  work: (alarms: DeviceAlarms, sink: AlarmSink) => void,
): void => {
  const { overlay, book, event, place, rows, records, onLimit } = watch
  const stored: AlarmsState = overlay.look('alarms', id) ?? initialAlarms(resource)
  const audienceOf = (type: string): Audience => audienceFor(rules, profile, type)
  const sink: AlarmSink = {
    tenant: event.tenant,
    subject: id,
    place,
    topic: 'device-events',
    receivedAtMs: event.receivedAtMs,
    rows,
    records,
    audienceOf,
  }
  const active = activeWindows(watch.windows, profile, nowMs)
  const alarms = openAlarms(stored, {
    tenant: event.tenant,
    rules,
    typeOf: (type) => typesOf(book).get(type),
    nowMs,
    windows: active.map((window) => ({ suppressor: suppressorOf(window), reason: window.reason })),
    onTold: (told) => writeTold(sink, told),
    onLimit,
  })
  if (active.length > 0 || watched.windows !== undefined) holdBy(alarms, active, nowMs)
  work(alarms, sink)
  const { isChanged, dueMs, stands } = alarms.close()
  if (isChanged) overlay.keep('alarms', id, stored)
  watched.alarmDueMs = dueMs
  if (active.length > 0) watched.windows = markOf(active)
  else delete watched.windows
  if (stands) watched.stands = true
  else delete watched.stands
}

const audienceFor = (rules: CompiledRules, { class: own, product, model, site }: DeviceProfile, type: string): Audience => ({
  class: own,
  notifies: rules.rules.get(type)?.notify[own] === true,
  model: product === '' ? model : `${product}/${model}`,
  site,
})

const inventories = new WeakMap<RuleBook, ReadonlyMap<string, AlarmType>>()
const typesOf = (book: RuleBook): ReadonlyMap<string, AlarmType> => {
  let types = inventories.get(book)
  if (types === undefined) inventories.set(book, (types = new Map(book.ruleSet.rules.map((rule) => [rule.id, alarmTypeOf(rule)]))))
  return types
}
