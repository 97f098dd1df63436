import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addToIntervals, emptyIntervals, gapsKeptMax, gapsOf, type IntervalSet } from './interval-set.ts'

const setOf = (...values: number[]): IntervalSet => {
  const set = emptyIntervals()
  for (const value of values) addToIntervals(set, value)
  return set
}

describe('interval set', () => {
  it('joins neighbours and keeps gaps', () => {
    expect(setOf(5, 6, 7, 10, 9, 1).ranges).toEqual([1, 1, 5, 7, 9, 10])
    expect(setOf(5, 7, 6).ranges).toEqual([5, 7])
  })

  it('keeps exactly 64 gaps and forgets the lowest with the 65th', () => {
    const set = emptyIntervals()
    for (let value = 0; value <= gapsKeptMax; value++) addToIntervals(set, value * 2)
    expect({ gaps: gapsOf(set), to: set.forgottenTo }).toEqual({ gaps: 64, to: -1 })
    addToIntervals(set, 130)
    expect({ gaps: gapsOf(set), from: set.forgottenFrom, to: set.forgottenTo }).toEqual({ gaps: 64, from: 1, to: 1 })
    expect(addToIntervals(set, 1)).toBe('forgotten')
    expect(addToIntervals(set, 0)).toBe('present')
    expect(addToIntervals(set, 3)).toBe('added')
  })

  it('forgets a gap that opens below the forgotten stretch together with what lay between', () => {
    const set = emptyIntervals()
    for (const value of [10, 12, 14]) addToIntervals(set, value, 1)
    expect(set).toEqual({ ranges: [10, 10, 12, 12, 14, 14], forgottenFrom: 11, forgottenTo: 11 })
    addToIntervals(set, 5, 1)
    expect(set).toEqual({ ranges: [5, 5, 12, 12, 14, 14], forgottenFrom: 6, forgottenTo: 11 })
  })

  it('agrees with a set of all numbers, save for what it says it forgot', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 200 }), fc.integer({ min: 0, max: 6 }), (values, gapsMax) => {
        const set = emptyIntervals()
        const model = new Set<number>()
        for (const value of values) {
          const outcome = addToIntervals(set, value, gapsMax)
          if (outcome === 'added') expect(model.has(value)).toBe(false)
          if (outcome === 'present') expect(model.has(value)).toBe(true)
          model.add(value)
          expect(gapsOf(set)).toBeLessThanOrEqual(gapsMax)
          for (let at = 1; at + 1 < set.ranges.length; at++) {
            const step = (set.ranges[at + 1] ?? 0) - (set.ranges[at] ?? 0)
            expect(step).toBeGreaterThanOrEqual(at % 2 === 1 ? 2 : 0)
          }
        }
      }),
    )
  })
})
