/** Whose an alarm is, by what is known of the device right then: what decides whether it pages. For `what-if-worker.ts` and the evaluation. */
import type { AlarmRecord } from '../model/alarm-event.ts'
import type { RuleSet } from '../model/rule.ts'
import { createRuleBook } from '../processors/domain/rules/compile.ts'
import type { Overlay } from '../processors/domain/state.ts'
import { type KnownProfile, profileOf } from '../processors/domain/watch/watched.ts'
import type { AlarmOwner } from './what-if-tally.ts'

export const createOwners = (ruleSet: RuleSet) => {
  const book = createRuleBook(ruleSet)
  const byId = new Map(ruleSet.rules.map((rule) => [rule.id, rule]))
  let overlay: Overlay | undefined

  const ofDevice = (type: string, device: string, profile: KnownProfile): AlarmOwner => {
    const rule = book.forDevice(profileOf(device, profile)).rules.get(type)
    return { device, model: `${profile.product}/${profile.model}`, class: profile.class, notifies: rule?.notify[profile.class] ?? false }
  }

  return {
    /** Where devices are looked up from now on. */
    look: (states: Overlay): void => {
      overlay = states
    },
    ownerOf: ({ subject, key }: AlarmRecord): AlarmOwner | null => {
      const scope = byId.get(key.type)?.scope ?? 'device'
      if (scope !== 'device') return { device: key.resource, model: '', class: scope, notifies: true }
      const watched = overlay?.look('watched', subject)
      return watched === undefined ? null : ofDevice(key.type, subject, watched.profile)
    },
  }
}
