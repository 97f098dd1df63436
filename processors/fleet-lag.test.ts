/** Rule 50's lag: how much later than its tick the device stage told the time. */
import { expect, it } from 'vitest'
import { minuteMs, secondMs } from '../test/fleet-fakes.ts'
import { shippedRules } from '../test/rule-kit.ts'
import { createSignalBench } from '../test/signal-bench.ts'
import { arrivalMs } from '../test/stage-fakes.ts'

/** Ticks of 20 minutes, each told `lagOf(its ms)` later than it was. */
const told = (lagOf: (ms: number) => number, time: (ms: number) => { healthySinceMs: number; isResumed: boolean }) => {
  const bench = createSignalBench()
  bench.tell({ ms: 0, lagMs: lagOf(0), body: { kind: 'rules', version: '1', rules: [...shippedRules().rules] } })
  for (let ms = 0; ms < 20 * minuteMs; ms += 5 * secondMs)
    bench.tell({ ms, lagMs: lagOf(ms), body: { kind: 'time', online: 1, ...time(ms) } })
  return bench.rows.map((row) => [row['kind'], row['severity'], (Number(row['at']) - arrivalMs) / minuteMs])
}
const steady = () => ({ healthySinceMs: arrivalMs, isResumed: false })

it('a minute behind is a warning, five are critical, and it is over when it has caught up', () => {
  const minutes = (ms: number): number =>
    ms < 5 * minuteMs ? 0 : ms < 10 * minuteMs ? ms - 5 * minuteMs : ms < 12 * minuteMs ? 301_000 : 0
  expect(told(() => 60_000, steady)).toEqual([])
  expect(told(minutes, steady)).toEqual([
    ['AlarmRaised', 'warning', 6 + 5 / 60],
    ['SeverityChanged', 'critical', 10],
    ['AlarmCleared', 'critical', 12],
  ])
})

it('what waited during a known outage is no alarm of lag', () => {
  const resumed = (ms: number) => ({
    healthySinceMs: ms < 5 * minuteMs ? arrivalMs : arrivalMs + 5 * minuteMs,
    isResumed: ms >= 5 * minuteMs,
  })
  const kinds = told((ms) => (ms < 5 * minuteMs ? 0 : Math.max(0, 15 * minuteMs - ms)), resumed)
  expect(kinds.map(([kind]) => kind)).toEqual(['AlarmRaised', 'AlarmCleared'])
})
