/** For tests: a scenario text run to its end, and what its devices said. */
import { planScenario } from './plan.ts'
import type { Plan, Truth } from './plan-types.ts'
import type { WorldEvent } from './outbound.ts'
import { parseScenario, type Scenario } from './scenario.ts'
import { createWorld } from './world.ts'

/** Monday, 12:00 local time. */
export const startMs = Date.parse('2026-01-05T11:00:00Z')

export const scenarioOf = (yaml: string): Scenario => {
  const parsed = parseScenario(yaml)
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  return parsed.value
}

export const problemsOf = (yaml: string): string[] => {
  const parsed = parseScenario(yaml)
  if (!parsed.ok) return parsed.problems
  const planned = planScenario(parsed.value, 1, startMs)
  return planned.ok ? [] : planned.problems
}

export const planOf = (yaml: string, seed = 1, fromMs = startMs): Plan => {
  const planned = planScenario(scenarioOf(yaml), seed, fromMs)
  if (!planned.ok) throw new Error(planned.problems.join('\n'))
  return planned.value
}

export const eventsOf = (plan: Plan, part?: { index: number; of: number }): WorldEvent[] => {
  const world = createWorld(plan, part)
  const events: WorldEvent[] = []
  for (let event = world.next(); event !== undefined; event = world.next()) events.push(event)
  return events
}

/** `topic` is what follows the device; `values` is undefined where the payload is no JSON. */
export type Said = {
  atMs: number
  ts: number
  device: string
  topic: string
  seq: number
  bootId: string
  dup: boolean
  kind: WorldEvent['kind']
  values: Record<string, unknown> | undefined
  payload: string
}

export const saidIn = (plan: Plan, events: readonly WorldEvent[]): Said[] =>
  events
    .filter(({ topic }) => topic !== '')
    .map(({ atMs, deviceIndex, topic, payload, seq, bootId, dup, kind }) => {
      let values: Record<string, unknown> | undefined
      try {
        values = JSON.parse(payload) as Record<string, unknown>
      } catch {
        values = undefined
      }
      return {
        atMs,
        ts: Number(values?.['ts']),
        device: plan.devices[deviceIndex]?.mac ?? '',
        topic: topic.split('/').slice(3).join('/'),
        seq,
        bootId,
        dup,
        kind,
        values,
        payload,
      }
    })

export const truthOf = (plan: Plan, id: string): Truth => {
  const found = plan.truth.find((truth) => truth.id === id)
  if (found === undefined) throw new Error(`no truth ${id}`)
  return found
}

/** A calm fleet without chance events, with one fault. */
export const oneFault = (
  kind: string,
  rest: string,
  { duration = '4h', who = '{ group: tested }', group = '', interval = '60s' } = {},
): string => `
name: one fault
duration: ${duration}
network: { masts: 9 }
fleet:
  sites: 4
  groups:
    - { name: tested, count: 4, model: dwr/961-c1, class: business, activity: machine, counters_32_bit: 0${group} }
    - { name: others, count: 4, model: edge/gw-40, activity: machine }
telemetry: { interval: ${interval} }
background: { reboots_per_day: 0, link_losses_per_day: 0, new_sessions_per_day: 0, log_lines_per_hour: 0 }
faults:
  - { id: tested-fault, kind: ${kind}, who: ${who}, ${rest} }
`
