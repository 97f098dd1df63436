/** What must hold besides: judged by the last that was told. What was never told does not hinder. */
import type { Guard } from '../../../model/rule.ts'
import { wordFits } from './compile.ts'
import { beyond } from './outcome.ts'
import type { DeviceRuleState } from './state.ts'

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
