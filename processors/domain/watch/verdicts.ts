/**
 * The fleet stage's verdict about a device, carried out on its alarms: those that the situation explains are its symptoms, also
 * one that is raised later, until the verdict is withdrawn or the device is back. What is over keeps its situation as history.
 */
import type { GroupVerdictBody } from '../../../model/event.ts'
import { isLive } from '../alarms/alarm-state.ts'
import type { DeviceAlarms } from './device-alarms.ts'
import type { HeldVerdict } from './fleet-mark.ts'

export const heldOf = ({ situation, group, rule, cause, reason, alarmTypes }: GroupVerdictBody): HeldVerdict => ({
  situation,
  group,
  rule,
  cause,
  reason,
  alarmTypes,
})

/** Those that stand and are not told yet. */
export const correlateWith = (alarms: DeviceAlarms, { situation, reason, alarmTypes }: HeldVerdict, atMs: number): void => {
  for (const id of alarms.ofTypes(alarmTypes)) {
    const state = alarms.stateOf(id)
    if (state === null || !isLive(state)) continue
    alarms.tell(id, { kind: 'Correlate', situation, role: 'symptom', reason, atMs })
  }
}

/** Those that stand notify again; what is over stays as it was told. */
export const withdrawFrom = (alarms: DeviceAlarms, situation: string, atMs: number): void => {
  for (const id of alarms.ofTypes(null)) {
    const state = alarms.stateOf(id)
    if (state === null || !isLive(state)) continue
    alarms.tell(id, { kind: 'Uncorrelate', situation, atMs })
  }
}

/** A device that is back when the verdict comes: its alarm that has just ended had this cause. */
export const endedWithinMs = 30 * 60_000

/** Answers when the one that it explains was raised; null: there is none. */
export const correlateOver = (alarms: DeviceAlarms, { situation, reason, alarmTypes }: HeldVerdict, atMs: number): number | null => {
  let raisedMs: number | null = null
  for (const id of alarms.ofTypes(alarmTypes)) {
    const state = alarms.stateOf(id)
    if (state?.last === null || state === null) continue
    if (isLive(state) || (state.last.clearedAtMs ?? 0) < atMs - endedWithinMs) continue
    alarms.tell(id, { kind: 'Correlate', situation, role: 'symptom', reason, atMs })
    raisedMs ??= state.last.raisedAtMs
  }
  return raisedMs
}
