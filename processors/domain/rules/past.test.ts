/** What rules remember of what they were told: runs, holes, bounds. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRuleDevice, dayMs, hourMs, minuteMs, shippedRules, startMs } from '../../../test/rule-kit.ts'
import {
  boundPast,
  isWholeAt,
  openPast,
  pastKey,
  pastListsMax,
  pastRunsMax,
  pastRunsPerDeviceMax,
  putMark,
  rowMs,
  runsOf,
  takeWindow,
} from './past.ts'
import { initialRuleState } from './state.ts'

const listOf = (marks: readonly (readonly [minute: number, code: number])[], gapMs = rowMs): number[] => {
  const list = [0]
  for (const [minute, code] of marks) putMark(list, { atMs: minute * minuteMs, code, offset: minute }, gapMs)
  return list
}
const brief = (list: readonly number[]) => runsOf(list).map(({ firstMs, lastMs, code }) => [firstMs / minuteMs, lastMs / minuteMs, code])

describe('what is told in a row', () => {
  it('is one run, until something else is told or a hole is too wide', () => {
    expect(brief(listOf([[0, 1], [5, 1], [10, 0], [15, 0]]))).toEqual([[0, 5, 1], [10, 15, 0]]) // biome-ignore format: one line
    expect(brief(listOf([[0, 1], [rowMs / minuteMs, 1], [2 * rowMs / minuteMs + 1, 1]]))).toHaveLength(2) // biome-ignore format: one line
  })
  it('ends before its hole and goes on behind it when something else comes late in there', () => {
    const list = listOf([[0, 0], [5, 0], [180, 0], [185, 0], [10, 0], [20, 1], [25, 1], [60, 0]]) // biome-ignore format: one line
    expect(brief(list)).toEqual([[0, 10, 0], [20, 25, 1], [60, 185, 0]]) // biome-ignore format: one line
  })
  it('of events each is one, the same of the same record is none', () => {
    expect(brief(listOf([[5, 1], [0, 1], [5, 1], [5, 2]], -1))).toEqual([[0, 0, 1], [5, 5, 1], [5, 5, 2]]) // biome-ignore format: one line
  })
  it('a window that is judged again leaves the others of its run', () => {
    const list = listOf([[15, 1], [30, 1], [45, 1]], 15 * minuteMs) // biome-ignore format: one line
    takeWindow(list, 30 * minuteMs)
    expect(brief(list)).toEqual([[15, 15, 1], [45, 45, 1]]) // biome-ignore format: one line
  })
  it('begins where it was told first, in whatever order it came', () => {
    const marks = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.constant(1)), {
      selector: ([minute]) => minute,
      minLength: 1,
    })
    fc.assert(
      fc.property(marks, (told) => {
        const minutes = told.map(([minute]) => minute)
        expect(brief(listOf(told))).toEqual([[Math.min(...minutes), Math.max(...minutes), 1]])
      }),
    )
  })
})

describe('is bounded', () => {
  const fill = (state: ReturnType<typeof initialRuleState>, key: string, runs: number): number[] => {
    const list = openPast(state, key)
    for (let n = 0; n < runs; n++) {
      putMark(list, { atMs: startMs + n * minuteMs, code: n % 2, offset: n }, rowMs)
      boundPast(state, list)
    }
    return list
  }
  it('by runs of a list: what is older than the oldest is not judged again', () => {
    const state = initialRuleState()
    const list = fill(state, 'a', pastRunsMax)
    expect([runsOf(list).length, isWholeAt(list, 0)]).toEqual([pastRunsMax, true])
    fill(state, 'a', pastRunsMax + 1)
    expect([runsOf(list).length, isWholeAt(list, startMs), isWholeAt(list, startMs + minuteMs)]).toEqual([pastRunsMax, false, true])
  })
  it('by runs of a device: the longest list gives', () => {
    const state = initialRuleState()
    const [a, b] = [fill(state, 'a', pastRunsMax), fill(state, 'b', pastRunsMax)]
    expect(runsOf(a).length + runsOf(b).length).toBe(pastRunsPerDeviceMax)
    fill(state, 'c', 1)
    expect(Object.values(state.past ?? {}).reduce((sum, list) => sum + runsOf(list).length, 0)).toBe(pastRunsPerDeviceMax)
  })
  it('by lists of a device: the one that ended first makes room, and what comes late of before is not judged', () => {
    const state = { ...initialRuleState(), watermarkMs: startMs + dayMs }
    for (let n = 0; n < pastListsMax; n++) putMark(openPast(state, `k${n}`), { atMs: startMs + n, code: 1, offset: n }, rowMs)
    expect(Object.keys(state.past ?? {})).toHaveLength(pastListsMax)
    const list = openPast(state, 'one more')
    expect([Object.keys(state.past ?? {}).length, state.past?.['k0'], isWholeAt(list, startMs)]).toEqual([pastListsMax, undefined, false])
  })
})

it('late data of before what is remembered is counted, and changes nothing', () => {
  const device = createRuleDevice(shippedRules())
  const up = (atMs: number, value: number) => ({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value, atMs }) as const
  for (let n = 0; n <= 2 * pastRunsMax; n++) device.feed(up(startMs + n * minuteMs, n % 2))
  const { length } = device.commands
  device.feed(up(startMs - hourMs, 0), startMs + dayMs)
  expect(device.limits).toContain('late-beyond-history')
  expect(device.commands).toHaveLength(length)
})

it('a state of an earlier release has no past: what comes late of before it is counted, what is newer is judged', () => {
  const device = createRuleDevice(shippedRules())
  const up = (atMs: number, value: number) => ({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value, atMs }) as const
  device.feed(up(startMs, 1))
  delete device.state().past
  device.feed(up(startMs + hourMs, 1))
  device.feed(up(startMs + 3 * hourMs, 1))
  device.feed(up(startMs - hourMs, 0), startMs + 3 * hourMs)
  expect([new Set(device.limits), device.told()]).toEqual([new Set(['late-beyond-history']), []])
  device.feed(up(startMs + 2 * hourMs, 0), startMs + 3 * hourMs)
  expect(device.told()).toEqual(['wan.down Rejudge'])
  expect(Object.keys(device.state().past ?? {})).toContain(pastKey('signs', 'wan.down', ''))
})
