/** What tests and the benchmark of rules stand on: the shipped pack, a device, readings by short words, a run over them. */
import type { DeviceClass } from '../model/alarm.ts'
import type { DeviceProfile, RuleSet } from '../model/rule.ts'
import { loadRuleSet } from '../app/rules-file.ts'
import { createRuleBook, type CompiledRules } from '../processors/domain/rules/compile.ts'
import { evaluate, nextTickMs, type RuleInput } from '../processors/domain/rules/evaluate.ts'
import type { RuleCommand, RuleLimit } from '../processors/domain/rules/outcome.ts'
import { type DeviceRuleState, initialRuleState } from '../processors/domain/rules/state.ts'

/** On a quarter of an hour. */
export const startMs = Date.UTC(2026, 0, 5, 12)
export const minuteMs = 60_000
export const hourMs = 3_600_000
export const dayMs = 86_400_000

export const shippedRules = (): RuleSet => loadRuleSet('')

/** Optional and switched-off rules too. */
export const allOn = (ruleSet: RuleSet): RuleSet => ({ ...ruleSet, rules: ruleSet.rules.map((rule) => ({ ...rule, enabled: true })) })

export const profileOf = (changes: Partial<DeviceProfile> = {}): DeviceProfile => ({
  device: '00-11-22-33-44-55',
  class: 'business' satisfies DeviceClass,
  product: 'dwr',
  model: '311-a1',
  site: 's1',
  region: 'r1',
  firmware: '1.0',
  groups: [],
  plan: '',
  fixed: true,
  assignedFirmware: '',
  expectedIntervalMs: null,
  ...changes,
})

export type RuleDevice = ReturnType<typeof createRuleDevice>

/** One device run by rules. Inputs arrive at their own time unless told otherwise. */
export const createRuleDevice = (ruleSet: RuleSet, changes: Partial<DeviceProfile> = {}) => {
  const profile = profileOf(changes)
  let rules: CompiledRules = createRuleBook(ruleSet).forDevice(profile)
  let state: DeviceRuleState = initialRuleState()
  let offset = 0
  let healthySinceMs: number | null = 0
  const commands: RuleCommand[] = []
  const limits: RuleLimit[] = []

  const feed = (input: RuleInput, nowMs: number): RuleCommand[] => {
    const outcome = evaluate(state, input, {
      rules,
      profile,
      resource: `${profile.product}/${profile.model}/${profile.device}`,
      partition: 0,
      offset: offset++,
      nowMs,
      healthySinceMs,
      onLimit: (limit) => void limits.push(limit),
    })
    state = outcome.state
    commands.push(...outcome.commands)
    return [...outcome.commands]
  }

  return {
    feed: (input: RuleInput, nowMs = 'atMs' in input ? input.atMs : startMs) => feed(input, nowMs),
    tick: (nowMs: number) => feed({ kind: 'tick' }, nowMs),
    heard: (nowMs: number) => feed({ kind: 'heard' }, nowMs),
    /** It is known for 30 days already, so that nothing is only learned from. */
    age: () => {
      state.firstSeenMs = startMs - 30 * dayMs
    },
    useRules: (next: RuleSet) => {
      rules = createRuleBook(next).forDevice(profile)
    },
    /** A store keeps it between batches. */
    storeAndLoad: () => {
      state = structuredClone(state)
    },
    healthySince: (sinceMs: number | null) => {
      healthySinceMs = sinceMs
    },
    state: () => state,
    commands,
    limits,
    nextTickMs: () => nextTickMs(state, { rules, profile }, healthySinceMs ?? 0),
    /** `presence.offline active warning @ms`, of one rule or of all. */
    told: (id?: string): string[] => commands.filter(({ key }) => id === undefined || key.type === id).map(wordsOf),
  }
}

export const wordsOf = ({ key, command }: RuleCommand): string => {
  const who = `${key.type}${key.qualifier === '' ? '' : ` ${key.qualifier}`}`
  if (command.kind === 'Observe') {
    const worded = command.verdict === 'active' ? `active ${command.severity}` : command.verdict
    return `${who} ${worded} @${(command.observedAtMs - startMs) / 1_000}`
  }
  return `${who} ${command.kind}`
}
