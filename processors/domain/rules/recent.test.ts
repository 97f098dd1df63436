import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Change, changesBy, changingMax, recentFrom, recentMax } from './recent.ts'
import { type DeviceRuleState, initialRuleState } from './state.ts'

const tell = (state: DeviceRuleState, readings: readonly Change[], keptFromMs = 0): Change[] =>
  readings.flatMap((reading) => changesBy(state, 'up', reading, keptFromMs))
const at = (atMs: number, value: number): Change => ({ atMs, value })

describe('changes', () => {
  it('are told of each reading that differs from the one before it', () => {
    expect(tell(initialRuleState(), [at(1, 1), at(2, 1), at(3, 0), at(4, 1)])).toEqual([at(3, 0), at(4, 1)])
  })

  it('of a reading that was overtaken are its own and that of the one after it', () => {
    expect(tell(initialRuleState(), [at(1, 1), at(3, 1), at(2, 0)])).toEqual([at(2, 0), at(3, 1)])
    expect(tell(initialRuleState(), [at(1, 1), at(3, 0), at(2, 0)])).toEqual([at(3, 0)])
    expect(tell(initialRuleState(), [at(1, 1), at(3, 0), at(2, 1)])).toEqual([at(3, 0)])
  })

  it('are as many in whatever order readings of one minute come', () => {
    const readings = fc.uniqueArray(fc.record({ atMs: fc.integer({ min: 0, max: 60_000 }), value: fc.integer({ min: 0, max: 2 }) }), {
      selector: ({ atMs }) => atMs,
      maxLength: recentMax,
    })
    const shuffled = readings.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
    )
    fc.assert(
      fc.property(shuffled, ([all, worse]) => {
        const inOrder = [...all].sort((one, other) => one.atMs - other.atMs)
        expect(tell(initialRuleState(), worse)).toHaveLength(tell(initialRuleState(), inOrder).length)
      }),
    )
  })

  it('are none of what is late', () => {
    expect(tell(initialRuleState(), [at(100, 1)])).toEqual([])
    const state = initialRuleState()
    tell(state, [at(10, 1), at(100, 1)])
    expect(tell(state, [at(59, 0)], 60)).toEqual([])
    expect(tell(state, [at(60, 0)], 60)).toEqual([at(60, 0), at(100, 1)])
  })
})

describe('bounds', () => {
  it('what is older than the sixteen newest of one signal shows nothing', () => {
    const state = initialRuleState()
    tell(
      state,
      Array.from({ length: recentMax }, (_, n) => at(100 + n, 1)),
    )
    expect(tell(state, [at(99, 0)])).toEqual([])
    expect(tell(state, [at(100, 0)])).toEqual([at(100, 0), at(101, 1)])
    expect(state.recent?.['up']).toHaveLength(2 * recentMax)
  })

  it('of 64 signals; one beyond is not watched', () => {
    const state = initialRuleState()
    for (let n = 0; n <= changingMax; n++) changesBy(state, String(n), at(1, 1), 0)
    expect(Object.keys(state.recent ?? {})).toHaveLength(changingMax)
    expect(changesBy(state, String(changingMax), at(2, 0), 0)).toEqual([])
  })

  it('keeps the minute, and the one that held before it', () => {
    const state = initialRuleState()
    tell(state, [at(1, 1), at(2, 0), at(3, 1)])
    tell(state, [at(60_002, 0)], 2)
    expect(state.recent?.['up']).toEqual([2, 0, 3, 1, 60_002, 0])
    expect([recentFrom(state, 'up', 2), recentFrom(state, 'up', 3), recentFrom(state, 'up', 1), recentFrom(state, 'down', 1)]).toEqual([
      [0, 1, 0],
      [0, 1],
      [0, 1, 0],
      [],
    ])
  })
})
