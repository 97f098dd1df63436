import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LateCommand } from '../../../model/alarm.ts'
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { dayMs, evidenceOf, liveThrough, minuteMs, observeOf, policyOf, recorded, startMs } from '../../../test/alarm-fakes.ts'
import type { AlarmState } from './alarm-state.ts'
import { episodesOf } from './episodes.ts'
import { annotationsOf, type KnownEpisode, lateAgeMsMax, type LateWindow } from './late-findings.ts'

const ropMs = 15 * minuteMs
const windowOf = (at: number, verdict: LateWindow['verdict'], order = 0): LateWindow => ({
  fromMs: startMs + at * ropMs,
  toMs: startMs + (at + 1) * ropMs,
  verdict,
  severity: 'major',
  evidence: evidenceOf(at),
  sourceEventId: `device-events:0:${1_000 + order}`,
  reason: 'samples of that time came later',
  ruleVersion: 1,
  atMs: startMs + dayMs + order,
})
const known = (fromRop: number, toRop: number | null, episode = 1): KnownEpisode => ({
  of: { episode, foundLate: false },
  raisedAtMs: startMs + fromRop * ropMs,
  clearedAtMs: toRop === null ? null : startMs + toRop * ropMs,
  severity: 'major',
})
const brief = (commands: readonly LateCommand[]) =>
  commands.map((command) => {
    const rop = (atMs: number | null) => (atMs === null ? '-' : `${(atMs - startMs) / ropMs}`)
    if (command.kind === 'Retract') return `retract ${command.of.episode}`
    const span = `${rop(command.raisedAtMs)}..${rop(command.clearedAtMs)}`
    return command.kind === 'Amend' ? `amend ${command.of.episode} ${span}` : `find ${span}`
  })
const annotate = (episodes: readonly KnownEpisode[], window: LateWindow) => brief(annotationsOf(episodes, window, startMs + dayMs))

describe('a window that was bad', () => {
  it('alone is an episode that nobody saw', () => expect(annotate([known(5, 6)], windowOf(2, 'raise'))).toEqual(['find 2..3']))
  it('within an episode is nothing new', () => expect(annotate([known(1, 4)], windowOf(2, 'raise'))).toEqual([]))
  it('beside an episode makes it longer', () => {
    expect(annotate([known(3, 4)], windowOf(2, 'raise'))).toEqual(['amend 1 2..-'])
    expect(annotate([known(1, 2)], windowOf(2, 'raise'))).toEqual(['amend 1 -..3'])
    expect(annotate([known(3, null)], windowOf(2, 'raise'))).toEqual(['amend 1 2..-'])
  })
  it('between two makes them one, and what stands is the one that stays', () => {
    expect(annotate([known(1, 2, 1), known(3, 4, 2)], windowOf(2, 'raise'))).toEqual(['retract 2', 'amend 1 -..4'])
    expect(annotate([known(1, 2, 1), known(3, null, 2)], windowOf(2, 'raise'))).toEqual(['retract 1', 'amend 2 1..-'])
  })
  it('and worse than was known raises the severity', () => {
    expect(annotationsOf([known(1, 4)], { ...windowOf(2, 'raise'), severity: 'critical' }, startMs)).toMatchObject([
      { kind: 'Amend', raisedAtMs: null, clearedAtMs: null, severity: 'critical' },
    ])
  })
})

describe('a window that was well', () => {
  it('takes back what lies within it', () => expect(annotate([known(2, 3)], windowOf(2, 'clear'))).toEqual(['retract 1']))
  it('beside an episode is nothing new', () => expect(annotate([known(3, 4), known(1, 2, 2)], windowOf(2, 'clear'))).toEqual([]))
  it('cuts what reaches into it', () => {
    expect(annotate([known(2, 5)], windowOf(2, 'clear'))).toEqual(['amend 1 3..-'])
    expect(annotate([known(1, 3)], windowOf(2, 'clear'))).toEqual(['amend 1 -..2'])
    expect(annotate([known(2, null)], windowOf(2, 'clear'))).toEqual(['amend 1 3..-'])
  })
  it('in the middle makes two of one', () => {
    expect(annotate([known(1, 5)], windowOf(2, 'clear'))).toEqual(['amend 1 -..2', 'find 3..5'])
    expect(annotate([known(1, null)], windowOf(2, 'clear'))).toEqual(['amend 1 3..-', 'find 1..2'])
  })
})

it('in the hysteresis band, and older than 7 days, nothing is known better', () => {
  expect(annotate([known(1, 5)], windowOf(2, 'between'))).toEqual([])
  const edgeMs = windowOf(2, 'raise').toMs + lateAgeMsMax
  expect(annotationsOf([], windowOf(2, 'raise'), edgeMs)).toEqual([])
  expect(annotationsOf([], windowOf(2, 'raise'), edgeMs - 1)).toHaveLength(1)
})

describe('in any order', () => {
  const windows = 12
  type Line = { live: boolean[]; late: { at: number; bad: boolean }[] }
  const lines: fc.Arbitrary<Line> = fc.record({
    live: fc.array(fc.boolean(), { minLength: windows, maxLength: windows }),
    late: fc.uniqueArray(fc.record({ at: fc.integer({ min: 0, max: windows - 1 }), bad: fc.boolean() }), { selector: ({ at }) => at }),
  })

  it('the episodes as amended cover what was bad, live ones and late ones, and no two of them overlap', () => {
    fc.assert(
      fc.property(lines, ({ live, late }) => {
        const commands = live.map((bad, at) => observeOf(bad ? 'active' : 'inactive', at * ropMs))
        const lived = liveThrough(policyOf(), [...commands, observeOf('inactive', windows * ropMs)])
        const truth = [...live]
        let state: AlarmState = lived.state
        const events: AlarmEvent[] = [...lived.events]
        for (const [order, { at, bad }] of late.entries()) {
          truth[at] = bad
          const told = annotationsOf(episodesNow(events), windowOf(at, bad ? 'raise' : 'clear', order), startMs + dayMs)
          const annotated = liveThrough(policyOf(), told, state)
          expect(annotated.refusals).toEqual([])
          expect(annotated.state.condition).toEqual(state.condition)
          state = annotated.state
          events.push(...annotated.events)
        }
        const spans = episodesNow(events).sort((a, b) => a.raisedAtMs - b.raisedAtMs)
        const covered = truth.map((_, at) =>
          spans.some((one) => one.raisedAtMs <= startMs + at * ropMs && (one.clearedAtMs ?? 0) > startMs + at * ropMs),
        )
        expect(covered).toEqual(truth)
        for (const [at, one] of spans.entries())
          expect(one.raisedAtMs).toBeGreaterThan(at === 0 ? 0 : (spans[at - 1]?.clearedAtMs ?? 0) - 1)
      }),
      { numRuns: 300 },
    )
  })

  const episodesNow = (events: readonly AlarmEvent[]): KnownEpisode[] =>
    [...episodesOf(recorded(events)).values()]
      .filter(({ retracted }) => !retracted)
      .map(({ episode, foundLate, amended }) => ({ of: { episode, foundLate }, ...amended }))
})
