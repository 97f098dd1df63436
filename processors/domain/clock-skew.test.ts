import { describe, expect, it } from 'vitest'
import { firstSkew, noteSkew, skewWindowMs } from './clock-skew.ts'

const start = Math.ceil(Date.UTC(2026, 0, 1) / skewWindowMs) * skewWindowMs

describe('clock skew', () => {
  it('is the smallest arrival minus claim of the last 15 minutes of a live stream', () => {
    const skew = firstSkew(start, start - 90_000)
    for (let minute = 1; minute < 15; minute++)
      noteSkew(skew, start + minute * 60_000 + (minute % 3) * 500, start + minute * 60_000 - 90_000)
    expect(skew.estimateMs).toBe(null)
    noteSkew(skew, start + skewWindowMs, start + skewWindowMs - 90_000)
    expect(skew.estimateMs).toBe(90_000)
  })

  it('is not judged from an upload of stored samples', () => {
    const lastWeek = start - 7 * 86_400_000
    const skew = firstSkew(start, lastWeek)
    for (let n = 1; n < 1_000; n++) noteSkew(skew, start + n, lastWeek + n * 1_000)
    noteSkew(skew, start + skewWindowMs, lastWeek + 1_000_000)
    expect(skew).toMatchObject({ estimateMs: null, smallestMs: null })
  })

  it('is not judged from the first stored sample after a day of silence', () => {
    const skew = firstSkew(start, start)
    noteSkew(skew, start + 86_400_000, start + 5_000)
    expect(skew.live).toBe(false)
  })
})
