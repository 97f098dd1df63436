/**
 * The inventory of alarm types, checked before anything runs: a type that is not in it, or is not fully described, cannot be
 * raised. It says what RFC 8632 wants of an inventory: whether it clears, its severities, cause, action and runbook.
 */
import { type AlarmDelays, type AlarmType, eventTypes, severities } from '../../../model/alarm.ts'
import type { Result } from '../../../model/result.ts'
import { type AlarmDecider, createAlarmDecider } from './alarm-decider.ts'
import type { Refusal } from './draft.ts'

export type AlarmInventory = ReadonlyMap<string, AlarmType>

/** All that is wrong, so that it is mended in one go. */
export const checkInventory = (types: readonly AlarmType[]): Result<AlarmInventory, readonly string[]> => {
  const inventory = new Map<string, AlarmType>()
  const faults: string[] = []
  for (const type of types) {
    if (inventory.has(type.type)) faults.push(`${type.type}: expected once, got twice`)
    faults.push(...faultsOf(type))
    inventory.set(type.type, type)
  }
  return faults.length === 0 ? { ok: true, value: inventory } : { ok: false, reason: faults }
}

export const alarmDeciderOf = (inventory: AlarmInventory, typeId: string, delays: AlarmDelays): Result<AlarmDecider, Refusal> => {
  const type = inventory.get(typeId)
  return type === undefined
    ? { ok: false, reason: { code: 'ALARM_TYPE_UNKNOWN', detail: `Expected a type of the inventory, got ${typeId}` } }
    : { ok: true, value: createAlarmDecider({ type, ...delays }) }
}

const faultsOf = (type: AlarmType): string[] => {
  const faults: string[] = []
  for (const field of ['type', 'cause', 'action', 'runbook'] as const) {
    if (type[field].trim() === '') faults.push(`${type.type}: expected ${field}, got nothing`)
  }
  if (type.severities.length === 0) faults.push(`${type.type}: expected at least one severity`)
  for (const severity of type.severities) {
    if (!severities.includes(severity)) faults.push(`${type.type}: expected a severity, got ${severity as string}`)
  }
  if (!eventTypes.includes(type.eventType)) faults.push(`${type.type}: expected an X.733 event type, got ${type.eventType as string}`)
  if (type.eventOnly && type.willClear) faults.push(`${type.type}: expected willClear false, since it only reports events`)
  return faults
}
