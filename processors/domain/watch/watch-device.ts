/**
 * Devices under the rules: each new event of a device is judged after its projections, ticks wake those that are due, persons'
 * commands go to the alarm that they name. All that comes of it depends on the log and the rules alone.
 * Before: the projections.  After: `alarm-rows.ts`.
 */
import type { AlarmCommandBody, GroupVerdictBody, InventoryChangedBody } from '../../../model/event.ts'
import { projectPastAbsence } from '../projections/presence.ts'
import type { RuleInput } from '../rules/evaluate.ts'
import { type Derived, inputsOf } from '../rules/inputs.ts'
import { never } from '../rules/state.ts'
import { writeRefused } from './alarm-rows.ts'
import { noteDoor } from './broker-health.ts'
import { everyoneDue, takeDue } from './due-list.ts'
import { initialMark, noteGroups, tellTime } from './group-signals.ts'
import { nextBeginMs } from './maintenance.ts'
import type { RulesInForce } from './rules-in-force.ts'
import { commandOf } from './operator-command.ts'
import { initialRefusals, tellRefusals } from './refusal-counts.ts'
import { correlateOver, correlateWith, heldOf, withdrawFrom } from './verdicts.ts'
import { noteInventory, noteOwnWords } from './watched.ts'
import { type Watch, contextOf, dueOf, healthOf, openWatched, passNow, sinkOf, timeAfter, toldOf } from './watch-record.ts'
import { hasOtherWindows, holdNow, judge, remind, retire, tellCause, visit, withAlarms } from './device-turn.ts'

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

/**
 * A window came, changed or was withdrawn: whoever it meets is held or let go now, whoever it will meet is reminded of it. Now is the
 * newest tick: the record's own time is that of the program that a person asked, whose clock may be another one. Nobody else is touched.
 */
export const watchWindow = (watch: Watch): void => {
  const { overlay, state, windows } = watch
  if (state.tickMs === 0) return // Nobody waits for anything yet.
  for (const id of everyoneDue(overlay, dueOf(state))) {
    const watched = overlay.look('watched', id)
    if (watched === undefined || watched.slot === 0 || watched.profile.retired) continue
    const context = contextOf(watch, watched, id, timeAfter(watched, state.tickMs))
    const isMet = hasOtherWindows(watch, watched, context)
    const isMeant = watched.stands === true && nextBeginMs(windows, context.profile, context.nowMs) !== never
    if (isMet || isMeant) holdNow(watch, watched, id, context)
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
