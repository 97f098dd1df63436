/** Part 1: the simulated fleet judged, and its score. */
import type { RuleSet } from '../../model/rule.ts'
import { createEvalEvents } from './eval-events.ts'
import { runEvents } from './eval-run.ts'
import { type EvalSize, evalPlan } from './eval-scenario.ts'
import { type Score, scoreOf } from './eval-score.ts'

export type FleetResult = EvalSize & Score & { events: number; refused: number; counts: Record<string, number> }

const sayEvery = 1_000_000

export const judgeFleet = (size: EvalSize, ruleSet: RuleSet, say: (line: string) => void = () => undefined): FleetResult => {
  const plan = evalPlan(size)
  let refused = 0
  let made = 0
  function* told() {
    for (const event of createEvalEvents(plan, { onRefused: () => (refused += 1) })) {
      if (++made % sayEvery === 0) say(`${made} events, at ${new Date(event.receivedAtMs).toISOString()}`)
      yield event
    }
  }
  const outcome = runEvents(told(), ruleSet)
  return { ...size, ...scoreOf(plan, outcome), events: outcome.events, refused, counts: outcome.counts }
}
