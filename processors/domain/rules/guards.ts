/** What must hold besides, by the device's time as far as readings are kept (`recent.ts`). What was never told does not hinder. */
import type { Guard } from '../../../model/rule.ts'
import { wordFits } from './compile.ts'
import { beyond } from './outcome.ts'
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
