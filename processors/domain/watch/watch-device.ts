/**
 * Devices under the rules: each new event of a device is judged after its projections, ticks wake those that are due, persons'
 * commands go to the alarm that they name. All that comes of it depends on the log and the rules alone.
 * Before: the projections.  After: `alarm-rows.ts`.
 */
import type { AlarmRecord, Audience } from '../../../model/alarm-event.ts'
import type { AlarmType } from '../../../model/alarm.ts'
import type { AlarmCommandBody, DeviceEvent, GroupVerdictBody, InventoryChangedBody } from '../../../model/event.ts'
import type { FleetSignal } from '../../../model/fleet-signal.ts'
import { alarmTypeOf, type DeviceProfile } from '../../../model/rule.ts'
import { believedAheadMs } from '../placed-time.ts'
import type { LimitName, Place, TableRows } from '../projection.ts'
import type { CompiledRules, RuleBook } from '../rules/compile.ts'
import { isUsuallyAway } from '../rules/absence.ts'
import { projectAbsence, projectPastAbsence } from '../projections/presence.ts'
import { evaluate, nextTickMs, type RuleInput } from '../rules/evaluate.ts'
import { type Derived, inputsOf } from '../rules/inputs.ts'
import type { RuleCommand, RuleContext } from '../rules/outcome.ts'
import { never, streamKey } from '../rules/state.ts'
import { hash32 } from '../hash.ts'
import type { Overlay, PartitionState } from '../state.ts'
import { type AlarmSink, writeRefused, writeTold } from './alarm-rows.ts'
import { healthySinceOf, noteDoor } from './broker-health.ts'
import { type AlarmsState, type DeviceAlarms, initialAlarms, openAlarms, suppressorOf } from './device-alarms.ts'
import { enterDue, everyoneDue, horizonMs, initialDue, slotMs, takeDue } from './due-list.ts'
import type { DueBounds } from './due-state.ts'
import type { PartitionTold } from './fleet-mark.ts'
import { initialMark, initialTold, noteGroups, type SignalSink, tellDevice, tellTime } from './group-signals.ts'
import { type HealthState, initialHealth } from './ingest-health.ts'
import { activeWindows, holdBy, markOf, nextBeginMs, reasonOf, type WindowsInForce } from './maintenance.ts'
import type { RulesInForce } from './rules-in-force.ts'
import { commandOf } from './operator-command.ts'
import { initialRefusals, tellRefusals } from './refusal-counts.ts'
import { correlateOver, correlateWith, heldOf, withdrawFrom } from './verdicts.ts'
import { initialWatched, type KnownProfile, noteInventory, noteOwnWords, profileOf, resourceOf, type WatchedState } from './watched.ts'

/** Of the record that is run. */
export type Watch = {
  book: RuleBook
  event: DeviceEvent
  place: Place
  overlay: Overlay
  state: PartitionState
  rows: TableRows
  records: AlarmRecord[]
  windows: WindowsInForce
  signals: FleetSignal[]
  onLimit: (limit: LimitName) => void
}

/** While devices cannot reach us, they are looked at this often, so that what waited is not told much later. */
const unhealthyHorizonMs = 60_000
/** Reminders that are no deadline are spread: devices that came back together are not all met by one tick. */
const spreadMs = 60_000

export const healthOf = (state: PartitionState): HealthState => (state.health ??= initialHealth())
const dueOf = (state: PartitionState): DueBounds => (state.due ??= initialDue())
export const toldOf = (state: PartitionState): PartitionTold => (state.fleet ??= initialTold())

/**
 * The device's share of the stage's time: by the arrivals of its own records and the ticks that met it, so that no other device
 * has a say. It does not go back, unless the recorder's clock had been ahead and was set back.
 */
const passNow = ({ event }: Watch, watched: WatchedState): number => {
  const { receivedAtMs } = event
  const isBehind = watched.nowMs > receivedAtMs && watched.nowMs <= receivedAtMs + believedAheadMs
  return isBehind ? watched.nowMs : (watched.nowMs = receivedAtMs)
}

const openWatched = (overlay: Overlay, id: string): WatchedState => overlay.open('watched', id, initialWatched)

/** A new event of a device. */
export const watchEvent = (watch: Watch, derived: Derived): void => {
  if (watch.event.subject.kind !== 'device') return
  const inputs = inputsOf(watch.event, derived)
  if (inputs.length === 0) return
  const watched = openWatched(watch.overlay, watch.event.subject.id)
  noteOwnWords(watched, watch.event)
  noteDoor(watched, healthOf(watch.state), watch.event.source, watch.event.receivedAtMs)
  noteGroups((watched.fleet ??= initialMark()), watch.event, derived.observedAtMs)
  judge(watch, watched, inputs)
}

const heard: readonly RuleInput[] = [{ kind: 'heard' }]

/** A repeat, or a message that could not be read: it only shows that the device lives. A will does not. */
export const watchSign = (watch: Watch): void => {
  const { subject, source, bodies } = watch.event
  if (subject.kind !== 'device' || source.storedCopy || source.redriveOf !== null) return
  if (bodies.some((body) => body.kind === 'Presence' && body.state === 'offline')) return
  judge(watch, openWatched(watch.overlay, subject.id), heard)
}

export const watchInventory = (watch: Watch, body: InventoryChangedBody): void => {
  if (body.entity !== 'device') return
  const watched = openWatched(watch.overlay, body.id)
  noteInventory(watched, body)
  if (body.retired) retire(watch, watched, body.id)
  else judge(watch, watched, [{ kind: 'registered' }], body.id)
}

/** Devices that are due by this tick; then the time is told to the fleet stage, after all that it had brought. */
export const watchTick = (watch: Watch, rules: RulesInForce): void => {
  for (const { slot, id } of takeDue(watch.overlay, dueOf(watch.state), watch.event.receivedAtMs)) {
    const watched = watch.overlay.look('watched', id)
    if (watched?.slot === slot) visit(watch, watched, id)
  }
  const [sink, told] = [sinkOf(watch), toldOf(watch.state)]
  tellRefusals(sink, (told.refusals ??= initialRefusals()))
  tellTime(sink, told, healthOf(watch.state), rules)
}

export const sinkOf = ({ event, place, signals }: Watch): SignalSink => ({ tenant: event.tenant, place, atMs: event.receivedAtMs, signals })

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
const tellCause = (watch: Watch, watched: WatchedState, id: string, { rules, nowMs }: RuleContext): void => {
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

const hasOtherWindows = ({ windows }: Watch, watched: WatchedState, { profile, nowMs }: RuleContext): boolean =>
  (windows.known.length > 0 || watched.windows !== undefined) && markOf(activeWindows(windows, profile, nowMs)) !== (watched.windows ?? '')

const visit = (watch: Watch, watched: WatchedState, id: string): void => {
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

const judge = (watch: Watch, watched: WatchedState, inputs: readonly RuleInput[], id = watch.event.subject.id): void => {
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
  )
  if (slot === 0 || soonMs < slot * slotMs) remind(watch, watched, id, context)
}

/** An entry for its next deadline, or for looking again. Whoever has nothing to wait for, and no alarm that a window could hold down, has none. */
const remind = ({ overlay, state, windows }: Watch, watched: WatchedState, id: string, context: RuleContext): void => {
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

const retire = (watch: Watch, watched: WatchedState, id: string): void => {
  const context = contextOf(watch, watched, id, passNow(watch, watched))
  withAlarms(watch, watched, id, context, (alarms) => alarms.retireAll())
  tellFleet(watch, watched, id, context, noInputs)
}

const withAlarms = (
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
    windows: active.map((window) => ({ suppressor: suppressorOf(window), reason: reasonOf(window) })),
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

/** What the fleet stage found about this device. */
export const watchVerdict = (watch: Watch, body: GroupVerdictBody): void => {
  const { id } = watch.event.subject
  const watched = openWatched(watch.overlay, id)
  const nowMs = passNow(watch, watched)
  const context = contextOf(watch, watched, id, nowMs)
  const { fleet } = watched
  const isOver = body.cause === '' ? fleet?.awaySinceMs === 0 : fleet?.isAbsent !== true
  if (body.withdrawn && watched.verdict?.situation === body.situation) delete watched.verdict
  else if (!body.withdrawn && !isOver) watched.verdict = heldOf(body)
  withAlarms(watch, watched, id, context, (alarms) => {
    if (body.withdrawn) withdrawFrom(alarms, body.situation, nowMs)
    else if (isOver) {
      const fromMs = correlateOver(alarms, heldOf(body), nowMs)
      if (fromMs !== null && body.cause !== '') projectPastAbsence(watch, id, body.cause, fromMs)
    } else correlateWith(alarms, heldOf(body), nowMs)
  })
  tellCause(watch, watched, id, context)
  remind(watch, watched, id, context)
}

const audienceFor = (rules: CompiledRules, { class: own, product, model, site }: DeviceProfile, type: string): Audience => ({
  class: own,
  notifies: rules.rules.get(type)?.notify[own] === true,
  model: product === '' ? model : `${product}/${model}`,
  site,
})

/** A window came, changed or was withdrawn: whoever it meets now is looked at now, whoever it will meet is reminded of it. */
export const watchWindow = (watch: Watch): void => {
  for (const id of everyoneDue(watch.overlay, dueOf(watch.state))) {
    const watched = watch.overlay.look('watched', id)
    if (watched === undefined || watched.slot === 0 || watched.profile.retired) continue
    const context = contextOf(watch, watched, id, passNow(watch, watched))
    const isMet = hasOtherWindows(watch, watched, context)
    const isMeant = watched.stands === true && nextBeginMs(watch.windows, context.profile, context.nowMs) !== never
    if (isMet || isMeant) visit(watch, watched, id)
  }
}

/** What a person asks. One that cannot be done is a row of its own, so that whoever asked can see why. */
export const watchCommand = (watch: Watch, body: AlarmCommandBody): void => {
  const { id } = watch.event.subject
  const watched = openWatched(watch.overlay, id)
  const nowMs = passNow(watch, watched)
  const context = contextOf(watch, watched, id, nowMs)
  const actor = watch.event.source.actor ?? ''
  withAlarms(watch, watched, id, context, (alarms, sink) => {
    const own = alarms.find(body.stream)
    const command = commandOf(body, actor, nowMs)
    const refusal =
      own === null
        ? { code: 'EPISODE_UNKNOWN' as const, detail: `Expected a stream of alarms of ${id}, got ${body.stream}` }
        : command === null
          ? { code: 'COMMAND_UNKNOWN' as const, detail: `Expected a command that this release knows, got ${body.name}` }
          : alarms.tell(own, command)
    if (refusal === null) return
    const key = own === null ? { resource: context.resource, type: '', qualifier: '' } : alarms.keyOf(own)
    const { name, commandId, expectedEpisode } = body
    const said = { name, actor, commandId, expectedEpisode: Math.min(Math.max(0, Math.trunc(expectedEpisode)), 2 ** 32 - 1) }
    writeRefused(sink, { stream: body.stream, key, state: own === null ? null : alarms.stateOf(own), refusal, command: said, atMs: nowMs })
  })
  remind(watch, watched, id, context)
}

/** The index of a device's kind is looked up once a batch. */
const kindOf = new WeakMap<KnownProfile, { book: RuleBook; profile: DeviceProfile; rules: CompiledRules }>()

const contextOf = (
  { book, place, state, onLimit }: Watch,
  { profile: known, door }: WatchedState,
  id: string,
  nowMs: number,
): RuleContext => {
  let own = kindOf.get(known)
  if (own?.book !== book) {
    const profile = profileOf(id, known)
    kindOf.set(known, (own = { book, profile, rules: book.forDevice(profile) }))
  }
  const { profile, rules } = own
  return {
    rules,
    profile,
    resource: resourceOf(id, known),
    partition: place.partition,
    offset: place.offset,
    nowMs,
    healthySinceMs: healthySinceOf(healthOf(state), door),
    onLimit,
  }
}

const inventories = new WeakMap<RuleBook, ReadonlyMap<string, AlarmType>>()
const typesOf = (book: RuleBook): ReadonlyMap<string, AlarmType> => {
  let types = inventories.get(book)
  if (types === undefined) inventories.set(book, (types = new Map(book.ruleSet.rules.map((rule) => [rule.id, alarmTypeOf(rule)]))))
  return types
}
