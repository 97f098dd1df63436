/** Rule 50's lag: how much later than its tick the device stage told the time. Own records, since it hangs on when they were appended. */
import { expect, it } from 'vitest'
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import type { SignalBody } from '../model/fleet-signal.ts'
import type { StoredRecord } from '../model/ports.ts'
import { minuteMs, secondMs } from '../test/fleet-fakes.ts'
import { shippedRules } from '../test/rule-kit.ts'
import { alarmCodec, arrivalMs, eventCodec, fleetCodec } from '../test/stage-fakes.ts'
import { createFleetRun } from './fleet-run.ts'

/** Ticks of 20 minutes, each told `lagOf(its ms)` later than it was. */
const told = (lagOf: (ms: number) => number, time: (ms: number) => { healthySinceMs: number; isResumed: boolean }) => {
  const run = createFleetRun(
    {
      logId: 'log',
      tenant: 'main',
      partitions: 1,
      digest: md5,
      codec: eventCodec,
      decodeSignal: fleetCodec.decode,
      encodeAlarm: alarmCodec.encode,
      onLimit: () => undefined,
      onRefused: (_offset, reason) => {
        throw new Error(reason)
      },
    },
    0,
    () => undefined,
  )
  const bodies: { ms: number; body: SignalBody }[] = [{ ms: 0, body: { kind: 'rules', version: '1', rules: [...shippedRules().rules] } }]
  for (let ms = 0; ms < 20 * minuteMs; ms += 5 * secondMs) bodies.push({ ms, body: { kind: 'time', online: 1, ...time(ms) } })
  const records = bodies.map(
    ({ ms, body }, offset): StoredRecord => ({
      offset,
      appendedAtMs: arrivalMs + ms + lagOf(ms),
      key: '',
      value: Uint8Array.from(fleetCodec.encode({ tenant: 'main', atMs: arrivalMs + ms, source: { partition: 0, offset, item: 0 }, body })),
    }),
  )
  return run
    .prepare(records, 0, () => false, 1_000)
    .rows.alarm_events.map((row) => [row['kind'], row['severity'], (Number(row['at']) - arrivalMs) / minuteMs])
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
