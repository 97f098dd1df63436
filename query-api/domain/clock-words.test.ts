import { describe, expect, it } from 'vitest'
import { clockText, confidenceOf, lengthOf, verdictPeriods } from './clock-words.ts'

describe('a clock in words', () => {
  it.each([
    [0, '0 seconds'],
    [-120, '0.12 seconds'],
    [1_000, '1 second'],
    [119_999, '120 seconds'],
    [120_000, '2 minutes'],
    [5_400_000, '90 minutes'],
    [-7_200_000, '2 hours'],
    [56 * 365.25 * 86_400_000, '56 years'],
  ])('%d ms are %s', (ms, text) => {
    expect(lengthOf(ms)).toBe(text)
  })

  it.each([
    [{ verdict: null, skewMs: null }, 'Nothing is known of its clock in this range.'],
    [{ verdict: 'missing' as const, skewMs: null }, 'It tells no time: its data are placed by their arrival.'],
    [{ verdict: 'before-2010' as const, skewMs: -1.7e12 }, 'Its clock is not set: its data are placed by their arrival.'],
    [
      { verdict: 'future' as const, skewMs: 10_800_000, driftPpm: 0.5 },
      'Its clock is ahead by 3 hours, too far to be believed: its data are placed by their arrival. It runs evenly.',
    ],
    [{ verdict: 'trusted' as const, skewMs: 999 }, 'Its clock is right to a second.'],
    [{ verdict: 'trusted' as const, skewMs: -1_000 }, 'Its clock is 1 second behind; its data stand where it says.'],
    [
      { verdict: 'trusted' as const, skewMs: 90_000, driftPpm: -200, stillHolds: false },
      'Its clock is 90 seconds ahead; its data stand where it says. That was measured before it booted or was set. It runs slow by 200 ppm, 17 s a day.',
    ],
  ])('%j', (now, text) => {
    expect(clockText({ driftPpm: null, stillHolds: true, ...now })).toBe(text)
  })

  it('is trusted by the number of samples', () => {
    expect([1, 2, 4, 5].map(confidenceOf)).toEqual(['low', 'medium', 'medium', 'high'])
  })

  it('has periods, each up to the next change; the last holds', () => {
    const change = (verdict: 'trusted' | 'future', receivedMs: number) => ({ verdict, receivedMs, evidence: receivedMs })
    expect(verdictPeriods([change('trusted', 1), change('future', 5)])).toEqual([
      { verdict: 'trusted', fromMs: 1, toMs: 5, evidence: 1 },
      { verdict: 'future', fromMs: 5, toMs: null, evidence: 5 },
    ])
    expect(verdictPeriods([])).toEqual([])
  })
})
