/** Which of several groups explains what went bad. */
import { describe, expect, it } from 'vitest'
import { type Candidate, explain, passes } from './group-test.ts'

const ids = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => `d${from + at}`)
const group = (key: string, rank: number, bad: readonly string[], base: number): Candidate => ({
  key,
  rank,
  bad: new Set(bad),
  base,
  passes: (count) => count >= 5,
})
const named = (...candidates: Candidate[]): string[] =>
  explain(candidates, 0.8).map(({ candidate, bad }) => `${candidate.key} ${bad.length}`)

describe('what went bad together', () => {
  it('is the site, when nearly all of it hangs on one cell but three of its devices do not', () => {
    expect(named(group('cell', 0, ids(0, 47), 47), group('site', 1, ids(0, 50), 50))).toEqual(['site 50'])
  })

  it('is the cell, when the eNB around it has healthy devices', () => {
    expect(named(group('cell', 0, ids(0, 30), 30), group('enb', 2, ids(0, 31), 90))).toEqual(['cell 30'])
  })

  it('is the cell, when a site lies in it whole', () => {
    expect(named(group('cell', 0, ids(0, 30), 31), group('site', 1, ids(0, 25), 25))).toEqual(['cell 30'])
  })

  it('is the most specific of groups that hold the same devices', () => {
    expect(named(group('enb', 2, ids(0, 20), 20), group('site', 1, ids(0, 20), 20), group('cell', 0, ids(0, 20), 20))).toEqual(['cell 20'])
  })

  it('is two sites, not their region, when the rest of it is well, and the region when it is dark or they are many', () => {
    const sites = (count: number) => Array.from({ length: count }, (_, at) => group(`site-${at}`, 1, ids(at * 10, at * 10 + 10), 10))
    expect(named(...sites(2), group('region', 4, ids(0, 20), 30))).toEqual(['site-0 10', 'site-1 10'])
    expect(named(...sites(3), group('region', 4, ids(0, 30), 32))).toEqual(['region 30'])
    expect(named(...sites(4), group('region', 4, ids(0, 40), 90))).toEqual(['region 40'])
  })

  it('is two faults, when no group that passes explains most of it', () => {
    expect(named(group('a', 0, ids(0, 20), 20), group('b', 0, ids(20, 40), 20))).toEqual(['a 20', 'b 20'])
  })
})

it('one device in a hundred is none to compare with, three are', () => {
  const levels = { membersMin: 5, shareMin: 0.2, liftMin: 3 }
  const shares = (othersBase: number) => ({ bad: 109, base: 109, othersBad: 0, othersBase })
  expect([0, 1, 2, 3].map((others) => passes(levels, shares(others)))).toEqual([false, false, false, true])
})
