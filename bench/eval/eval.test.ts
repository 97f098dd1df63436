/** `npm run eval` in small: a fleet of the least size, and worse ways of delivery. */
import { expect, it } from 'vitest'
import { loadRuleSet } from '../../app/rules-file.ts'
import { judgeDelivery } from './eval-delivery.ts'
import { judgeFleet } from './eval-fleet.ts'
import { evalPlan } from './eval-scenario.ts'

const timeoutMs = 120_000
const size = { devices: 300, days: 1, seed: 1 }

it('a day of 300 devices with 30 faults: nearly all are told, hardly anything else, and nothing on first connect or restarts', {
  timeout: timeoutMs,
}, () => {
  const score = judgeFleet(evalPlan({ ...size, interval: '15m' }), loadRuleSet(''))
  expect(score.faults).toHaveLength(30)
  expect(score.precision, JSON.stringify(score.wrong)).toBeGreaterThanOrEqual(0.9)
  expect(score.recall, score.missed.join()).toBeGreaterThanOrEqual(0.95)
  expect([score.pagesWhileComingUp, score.pagesAroundRestarts]).toEqual([0, 0])
  expect(score.notificationsPerDay).toBeLessThanOrEqual(150)
})

it('messages that come twice, overtake each other or are hours late make the same episodes, no more and no less', {
  timeout: timeoutMs,
}, () => {
  const [twice, shuffled, late] = judgeDelivery(evalPlan({ ...size, interval: '5m' }), loadRuleSet(''))
  expect(twice?.episodes).toBeGreaterThan(20)
  expect(twice).toMatchObject({ missing: [], added: [] })
  expect(shuffled).toMatchObject({ missing: [], added: [] })
  expect(late).toMatchObject({ missing: [], added: [] })
})
