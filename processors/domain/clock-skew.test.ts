import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, emptyWindow, finishWindow, isBeyondWindow, liveApartMs, noteSample, type SkewSample, skewWindowMs } from './clock-skew.ts'

const start = Math.ceil(Date.UTC(2026, 0, 1) / skewWindowMs) * skewWindowMs

const sampleOf = (afterMs: number, behindMs: number, offset = 0): SkewSample => ({
  arrivalMs: start + afterMs,
  behindMs,
  bootKey: 1,
  bootId: 'b1',
  offset,
})
const estimateOf = (samples: readonly SkewSample[], window = emptyWindow(start)) => {
  for (const sample of samples) noteSample(window, sample)
  return finishWindow(window, start + skewWindowMs)
}

describe('a skew estimate', () => {
  it('is the smallest arrival minus claim of 15 minutes, turned round: a clock that is behind has a negative skew', () => {
    const samples = Array.from({ length: 15 }, (_, minute) => sampleOf(minute * 60_000, 90_000 + ((minute + 1) % 3) * 500, minute))
    expect(estimateOf(samples)).toEqual({ skewMs: -90_000, samples: 15, best: sampleOf(2 * 60_000, 90_000, 2) })
  })

  it('counts what was held up by less than 2 s, and up to 4', () => {
    const samples = [sampleOf(0, 0), sampleOf(10_000, 1_999), sampleOf(20_000, 3_999), sampleOf(30_000, 4_000)]
    expect(estimateOf(samples)).toMatchObject({ skewMs: 0, samples: 3 })
  })

  it('is not made of samples that arrived less than 10 s apart', () => {
    expect(estimateOf([sampleOf(0, 5), sampleOf(liveApartMs - 1, 5)])).toBe(null)
    expect(estimateOf([sampleOf(0, 5), sampleOf(liveApartMs, 5)])).toMatchObject({ skewMs: -5, samples: 2 })
  })

  it('is not made of an upload, whose differences shrink while it lasts', () => {
    const week = 7 * 86_400_000
    expect(estimateOf(Array.from({ length: 1_000 }, (_, n) => sampleOf(n * 20, week - n * 1_000)))).toBe(null)
    // Half as fast again as time passes.
    expect(estimateOf(Array.from({ length: 100 }, (_, n) => sampleOf(n * 2_000, week - n * 1_000)))).toBe(null)
  })

  it('is of the live samples when an upload comes in between', () => {
    const upload = Array.from({ length: 500 }, (_, n) => sampleOf(300_000 + n, 7_200_000 - n * 10_000))
    expect(estimateOf([sampleOf(0, 40), ...upload, sampleOf(600_000, 30)])).toMatchObject({ skewMs: -30, samples: 2 })
  })

  it('of a device that speaks once in a window is made when the difference is that of its last window', () => {
    const window = emptyWindow(start)
    expect(estimateOf([sampleOf(0, 500)], window)).toBe(null)
    noteSample(window, sampleOf(3_600_000, 2_500))
    expect(finishWindow(window, start + 4_500_000)).toMatchObject({ skewMs: -2_500, samples: 1 })
    noteSample(window, sampleOf(7_200_000, 4_501))
    expect(finishWindow(window, start + 8_100_000)).toBe(null)
  })

  it('is not made of the first stored sample after a day of silence', () => {
    const window = emptyWindow(start)
    expect(estimateOf([sampleOf(0, 0), sampleOf(60_000, 0)], window)).toMatchObject({ skewMs: 0 })
    noteSample(window, sampleOf(86_400_000, 86_395_000))
    expect(finishWindow(window, start + 2 * 86_400_000)).toBe(null)
  })

  it('belongs to a window that begins on a quarter of an hour; a late arrival does not end it, a clock set back does', () => {
    const window = emptyWindow(start + 60_000)
    expect(window.numbers[at.startMs]).toBe(start)
    expect([-skewWindowMs - 1, -skewWindowMs, 0, skewWindowMs - 1, skewWindowMs].map((ms) => isBeyondWindow(window, start + ms))).toEqual([
      true,
      false,
      false,
      false,
      true,
    ])
  })

  it('is the same for the same live samples in any order', () => {
    const live = fc.array(
      fc.record({ afterMs: fc.nat({ max: skewWindowMs - 1 }), delayMs: fc.nat({ max: 60_000 }), offset: fc.nat({ max: 1_000 }) }),
      { minLength: 1, maxLength: 60 },
    )
    const shuffled = live.chain((samples) => fc.tuple(fc.constant(samples), fc.shuffledSubarray(samples, { minLength: samples.length })))
    fc.assert(
      fc.property(shuffled, fc.integer({ min: -86_400_000, max: 86_400_000 }), ([samples, permuted], behindMs) => {
        const of = (list: typeof samples) =>
          estimateOf(list.map(({ afterMs, delayMs, offset }) => sampleOf(afterMs, behindMs + delayMs, offset)))
        const estimate = of(samples)
        expect(of(permuted)).toEqual(estimate)
        if (estimate !== null) expect(estimate.skewMs).toBe(-(behindMs + Math.min(...samples.map(({ delayMs }) => delayMs))) + 0)
      }),
      { numRuns: 500 },
    )
  })
})
