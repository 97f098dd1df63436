import { describe, expect, it } from 'vitest'
import { by, liveThrough, minuteMs, observeOf, policyOf } from '../../../test/alarm-fakes.ts'
import { initialAlarmState } from './alarm-state.ts'
import { packAlarm, unpackAlarm } from './packed-state.ts'

const bytesOf = (value: unknown) => JSON.stringify(value).length

/** As long as real ones: `<topic>:<partition>:<offset>`. */
const id = (n: number) => ({ sourceEventId: `device-events:0:${123_456_789 + n}` })

const delayed = policyOf({ onDelayMs: 5 * minuteMs })
const transient = packAlarm(liveThrough(delayed, [observeOf('active', 0, id(0)), observeOf('inactive', 1, id(1))]).state)
const cleared = packAlarm(liveThrough(policyOf(), [observeOf('active', 0, id(0)), observeOf('inactive', 1, id(1))]).state)
const active = packAlarm(liveThrough(policyOf(), [observeOf('active', 0, id(0)), { ...by(1), kind: 'Acknowledge' }]).state)

describe('a stored state', () => {
  it('of a stream that nothing happened to is nothing', () => {
    expect(packAlarm(initialAlarmState)).toBeNull()
    expect(unpackAlarm(null)).toEqual(initialAlarmState)
    expect(unpackAlarm(undefined)).toEqual(initialAlarmState)
  })

  it('is small once it is normal again', () => {
    expect(bytesOf(transient)).toBeLessThanOrEqual(110)
    expect(bytesOf(cleared)).toBeLessThanOrEqual(270)
    expect(bytesOf(active)).toBeLessThanOrEqual(700)
  })

  it('sixty streams stay under 20 KB for a device, though all of them were raised once and five stand', () => {
    expect(5 * bytesOf(active) + 55 * bytesOf(cleared)).toBeLessThan(20_000)
  })
})
