/** What must hold besides, by the device's time as far as readings are kept (`recent.ts`). What was never told does not hinder. */
import type { Guard, Rule } from '../../../model/rule.ts'
import { wordFits } from './compile.ts'
import { beyond } from './outcome.ts'
import { heldAt, pastKey, runsOf } from './past.ts'
import { recentFrom } from './recent.ts'
import type { DeviceRuleState } from './state.ts'

/** By the last that was told. */
export const guardsHold = (state: DeviceRuleState, guards: readonly Guard[]): boolean => {
  for (const guard of guards) {
    if ('metric' in guard) {
      const value = state.readings[guard.metric]
      if (value !== undefined && !beyond(guard.level, value)) return false
    } else {
      const word = state.words[guard.fact]
      if (word !== undefined && !wordFits(word, guard.is, guard.isNot)) return false
    }
  }
  return true
}

/** And by what was told of `atMs` and later, so that it does not matter which of two readings of one minute comes first. */
export const guardsHoldFrom = (state: DeviceRuleState, guards: readonly Guard[], atMs: number): boolean => {
  for (const guard of guards)
    if ('metric' in guard && recentFrom(state, `${guard.metric}\n`, atMs).some((value) => !beyond(guard.level, value))) return false
  return guardsHold(state, guards)
}

/** By what was told of the time until `atMs`, whenever it came. */
export const guardsHeldAt = (state: DeviceRuleState, { id }: Rule, guards: readonly Guard[], atMs: number): boolean =>
  guards.every((guard, index) => {
    const list = state.past?.[pastKey('guard', id, String(index))]
    return list === undefined ? guardsHold(state, [guard]) : heldAt(runsOf(list), atMs)
  })

export const holdsWith = (guard: Guard, told: number | string | null): boolean =>
  'metric' in guard
    ? typeof told === 'number' && beyond(guard.level, told)
    : typeof told !== 'string' || wordFits(told, guard.is, guard.isNot)
