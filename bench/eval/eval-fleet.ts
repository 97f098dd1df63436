/** Part 1: the simulated fleet judged, and its score. */
import type { Plan, Truth } from '../../agent/world/plan-types.ts'
import type { RuleSet } from '../../model/rule.ts'
import { createEvalEvents } from './eval-events.ts'
import { runEvents } from './eval-run.ts'
import { type Score, scoreOf } from './eval-score.ts'

export type FleetResult = Score & { events: number; seconds: number; refused: number; counts: Record<string, number> }

const sayEvery = 1_000_000

export const judgeFleet = (plan: Plan, ruleSet: RuleSet, say: (line: string) => void = () => undefined): FleetResult => {
  const startedMs = performance.now()
  let refused = 0
  let made = 0
  const seen: Truth[] = []
  function* told() {
    for (const event of createEvalEvents(plan, { onRefused: () => (refused += 1), note: (truth) => seen.push(truth) })) {
      if (++made % sayEvery === 0) say(`${made} events, at ${new Date(event.receivedAtMs).toISOString()}`)
      yield event
    }
  }
  const outcome = runEvents(told(), ruleSet)
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10
  return {
    ...scoreOf({ ...plan, truth: [...plan.truth, ...seen] }, outcome),
    events: outcome.events,
    seconds,
    refused,
    counts: outcome.counts,
  }
}
