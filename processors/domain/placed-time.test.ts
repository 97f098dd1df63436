import { describe, expect, it } from 'vitest'
import { placeItem, placeTime, toDateTime64 } from './placed-time.ts'

const arrival = Date.UTC(2026, 0, 1)
const newYear2010 = Date.UTC(2010, 0, 1)

describe('placed time', () => {
  it('believes the device from 2010 on and up to 5 minutes ahead of the arrival', () => {
    expect(placeTime(newYear2010, arrival)).toEqual({ observedAtMs: newYear2010, verdict: 'trusted' })
    expect(placeTime(arrival + 300_000, arrival)).toEqual({ observedAtMs: arrival + 300_000, verdict: 'trusted' })
  })

  it('places anything else at its arrival and says why', () => {
    expect(placeTime(newYear2010 - 1, arrival)).toEqual({ observedAtMs: arrival, verdict: 'before-2010' })
    expect(placeTime(arrival + 300_001, arrival)).toEqual({ observedAtMs: arrival, verdict: 'future' })
    expect(placeTime(null, arrival)).toEqual({ observedAtMs: arrival, verdict: 'missing' })
  })

  it('takes an item at its own time by the same rule', () => {
    expect(placeItem(newYear2010, arrival, arrival)).toBe(newYear2010)
    expect(placeItem(arrival + 300_001, arrival - 5, arrival)).toBe(arrival - 5)
    expect(placeItem(null, arrival - 5, arrival)).toBe(arrival - 5)
  })

  it('keeps a wild claim within what the warehouse can hold', () => {
    expect(toDateTime64(Number.MAX_SAFE_INTEGER)).toBe(Date.UTC(2299, 11, 31))
    expect(toDateTime64(-Number.MAX_SAFE_INTEGER)).toBe(Date.UTC(1900, 0, 1))
    expect(toDateTime64(5)).toBe(5)
  })
})
