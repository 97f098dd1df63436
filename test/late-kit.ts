/**
 * One device under the shipped rules and its alarms, told a timeline in order or with a stretch of it hours later: what tests of late
 * data compare. Before: `processors/domain/watch/late-data.test.ts`.
 */
import type { RuleSet } from '../model/rule.ts'
import type { EpisodeRow } from '../processors/domain/alarms/episodes.ts'
import type { RuleInput } from '../processors/domain/rules/evaluate.ts'
import { createRuleBook } from '../processors/domain/rules/compile.ts'
import { initialAlarms, openAlarms, type Told } from '../processors/domain/watch/device-alarms.ts'
import { createRuleDevice, profileOf, startMs } from './rule-kit.ts'

export type Message = { atMs: number; inputs: readonly RuleInput[] }
export type Episode = { about: string; from: number; to: number | null; severity: string }

/** `[from, to)` comes `laterMs` later; what comes at one time comes in the order of its own. */
export const heldBack = (messages: readonly Message[], fromMs: number, toMs: number, laterMs: number) =>
  messages
    .map((message) => ({ message, arrivalMs: message.atMs + (message.atMs >= fromMs && message.atMs < toMs ? laterMs : 0) }))
    .sort((one, other) => one.arrivalMs - other.arrivalMs || one.message.atMs - other.message.atMs)

export const liveUnder = (ruleSet: RuleSet, arrivals: readonly { message: Message; arrivalMs: number }[]) => {
  const device = createRuleDevice(ruleSet)
  device.age()
  const alarms = initialAlarms('dwr/311-a1/00-11-22-33-44-55')
  const rules = createRuleBook(ruleSet).forDevice(profileOf())
  const rows = new Map<string, EpisodeRow>()
  const told: Told[] = []
  const limits: string[] = []
  const refusals: string[] = []
  for (const { message, arrivalMs } of arrivals) {
    const commands = message.inputs.flatMap((input) => device.feed(input, arrivalMs))
    const open = openAlarms(alarms, {
      tenant: 'main',
      rules,
      typeOf: () => undefined,
      nowMs: arrivalMs,
      onTold: (one) => {
        told.push(one)
        if (one.episode !== null) rows.set(one.episode.row.id, one.episode.row)
      },
      onLimit: (limit) => void limits.push(limit),
    })
    for (const { key, command, delays } of commands) {
      const refusal = open.observe(key, command, delays)
      if (refusal !== null) refusals.push(refusal.code)
    }
    open.fire()
    open.close()
  }
  const episodes = [...rows.values()]
    .filter(({ retracted }) => !retracted)
    .map(
      ({ key, amended, severityMax }): Episode => ({
        about: key.qualifier === '' ? key.type : `${key.type} ${key.qualifier}`,
        from: minutesOf(amended.raisedAtMs),
        to: amended.clearedAtMs === null ? null : minutesOf(amended.clearedAtMs),
        severity: severityMax,
      }),
    )
    .sort((one, other) => one.about.localeCompare(other.about) || one.from - other.from)
  return { episodes, told, limits: [...limits, ...device.limits], refusals, state: device.state() }
}

const minutesOf = (atMs: number): number => (atMs - startMs) / 60_000
