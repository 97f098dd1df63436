import { describe, expect, it } from 'vitest'
import { hourMs, liveThrough, minuteMs, observeOf, policyOf, startMs, tick } from '../../../test/alarm-fakes.ts'
import { nextDueMs } from './alarm-decider.ts'
import { edgesKeptMax } from './alarm-limits.ts'

/** Raises and clears in turn, one edge at each time. */
const edgesAt = (...timesMs: number[]) => timesMs.map((atMs, at) => observeOf(at % 2 === 0 ? 'active' : 'inactive', atMs))
const stabilityOf = (events: readonly { kind: string }[]) => events.filter(({ kind }) => kind.startsWith('Flapping'))

describe('flapping', () => {
  it('starts with the sixth edge within the hour, not with the fifth', () => {
    const five = [0, 10, 20, 30, 40].map((minutes) => minutes * minuteMs)
    expect(stabilityOf(liveThrough(policyOf(), edgesAt(...five)).events)).toEqual([])
    const six = liveThrough(policyOf(), edgesAt(...five, hourMs - 1))
    expect(stabilityOf(six.events)).toEqual([{ kind: 'FlappingStarted', edges: 6, episode: 3, atMs: startMs + hourMs - 1, version: 7 }])
  })

  it('does not start when the first of six is an hour old to the millisecond', () => {
    const { events } = liveThrough(policyOf(), edgesAt(0, 1, 2, 3, 4, hourMs))
    expect(stabilityOf(events)).toEqual([])
  })

  it('stops when two edges are left, at the moment at which the third last leaves the hour', () => {
    const flapping = liveThrough(policyOf(), edgesAt(0, 1, 2, 3 * minuteMs, 4 * minuteMs, 5 * minuteMs)).state
    const endsMs = 3 * minuteMs + hourMs
    expect(nextDueMs(flapping)).toBe(startMs + endsMs)
    expect(liveThrough(policyOf(), [tick(endsMs - 1)], flapping).events).toEqual([])
    expect(liveThrough(policyOf(), [tick(endsMs)], flapping).events).toEqual([
      { kind: 'FlappingStopped', edges: 2, episode: 3, atMs: startMs + endsMs, version: 8 },
    ])
  })

  it('stops before an edge that comes after a quiet hour starts to count anew', () => {
    const { events } = liveThrough(policyOf(), edgesAt(0, 1, 2, 3, 4, 5, 3 * hourMs))
    expect(stabilityOf(events)).toMatchObject([{ kind: 'FlappingStarted' }, { kind: 'FlappingStopped', edges: 1 }])
  })

  it('every edge is still recorded while it flaps, and the count saturates at the edges kept', () => {
    const { events, state } = liveThrough(policyOf(), edgesAt(...Array.from({ length: 40 }, (_, at) => at * 1_000)))
    expect(events.filter(({ kind }) => kind === 'AlarmRaised')).toHaveLength(20)
    expect(stabilityOf(events)).toHaveLength(1)
    expect(state.stability.edges).toEqual(Array.from({ length: edgesKeptMax }, (_, at) => startMs + (40 - edgesKeptMax + at) * 1_000))
  })
})
