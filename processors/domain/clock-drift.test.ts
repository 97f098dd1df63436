import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { driftPpmOf, estimatesForDriftMin, estimatesKeptMax, initialDrift, noteEstimate } from './clock-drift.ts'

const quarterMs = 15 * 60_000
const start = Date.UTC(2026, 0, 1)
const driftOf = (skewsMs: readonly number[], everyMs = quarterMs) => {
  const drift = initialDrift()
  for (const [n, skewMs] of skewsMs.entries()) noteEstimate(drift, 1, start + n * everyMs, skewMs)
  return drift
}

describe('drift', () => {
  it('is the slope of the estimates, in millionths; positive is fast', () => {
    expect(driftPpmOf(driftOf([0, 90, 180, 270, 360]))).toBe(100)
    expect(driftPpmOf(driftOf([0, -9, -18, -27, -36]))).toBe(-10)
    expect(driftPpmOf(driftOf([7, 7, 7, 7, 7]))).toBe(0)
  })

  it('is not known of four estimates, nor of five within less than an hour', () => {
    expect(estimatesForDriftMin).toBe(5)
    expect(driftPpmOf(driftOf([0, 90, 180, 270]))).toBe(null)
    expect(driftPpmOf(driftOf([0, 90, 180, 270, 360], quarterMs - 1))).toBe(null)
  })

  it('is not moved by estimates of windows in which all messages were held up', () => {
    const skews = Array.from({ length: 20 }, (_, n) => n * 90)
    for (const held of [3, 4, 11, 17]) skews[held] = (skews[held] ?? 0) - 60_000
    expect(Math.abs((driftPpmOf(driftOf(skews)) ?? 0) - 100)).toBeLessThan(1)
  })

  it('begins anew at another boot', () => {
    const drift = driftOf([0, 90, 180, 270, 360])
    noteEstimate(drift, 2, start + 5 * quarterMs, 450)
    expect(drift).toEqual({ kind: 'clock', bootKey: 2, arrivalsMs: [start + 5 * quarterMs], skewsMs: [450] })
  })

  it('keeps the last 64 estimates', () => {
    const drift = driftOf(Array.from({ length: estimatesKeptMax + 1 }, (_, n) => n))
    expect([drift.arrivalsMs.length, drift.skewsMs[0], drift.skewsMs.at(-1)]).toEqual([64, 1, 64])
  })

  it('of any line is its slope', () => {
    fc.assert(
      fc.property(fc.integer({ min: -500, max: 500 }), fc.integer({ min: 5, max: 64 }), (ppm, count) => {
        expect(driftPpmOf(driftOf(Array.from({ length: count }, (_, n) => (n * quarterMs * ppm) / 1e6)))).toBeCloseTo(ppm, 3)
      }),
    )
  })
})
