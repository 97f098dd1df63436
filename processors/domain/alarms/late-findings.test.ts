import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LateCommand } from '../../../model/alarm.ts'
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { dayMs, evidenceOf, liveThrough, minuteMs, observeOf, policyOf, recorded, startMs } from '../../../test/alarm-fakes.ts'
import type { AlarmState } from './alarm-state.ts'
import { type EpisodeRow, episodesOf } from './episodes.ts'
import { reconciled, type Rejudge, type Span } from './late-findings.ts'

const ropMs = 15 * minuteMs
const span = (from: number, to: number | null): Span => ({
  raisedAtMs: startMs + from * ropMs,
  endMs: to === null ? null : startMs + to * ropMs,
  severity: 'major',
})
/** Between `from` and `to` the episodes are these; it is a day later. */
const rejudge = (from: number, to: number | null, spans: readonly Span[], change: Partial<Rejudge> = {}): Rejudge => ({
  kind: 'Rejudge',
  sourceEventId: 'device-events:0:1000',
  reason: 'readings of that time came later',
  ruleVersion: 1,
  atMs: startMs + dayMs,
  nowMs: startMs + dayMs,
  fromMs: startMs + from * ropMs,
  toMs: to === null ? null : startMs + to * ropMs,
  spans,
  onDelayMs: 0,
  endsBy: 'condition',
  evidence: evidenceOf(1),
  ...change,
})
/** Live episodes, as their rows. */
const rows = (...spans: readonly (readonly [from: number, to: number | null])[]): EpisodeRow[] => {
  const commands = spans.flatMap(([from, to]) => [
    observeOf('active', from * ropMs),
    ...(to === null ? [] : [observeOf('inactive', to * ropMs)]),
  ])
  return [...episodesOf(recorded(liveThrough(policyOf(), commands).events)).values()]
}
const brief = (commands: readonly LateCommand[] | null) =>
  commands?.map((command) => {
    const rop = (atMs: number | null) => (atMs === null ? '-' : `${(atMs - startMs) / ropMs}`)
    if (command.kind === 'Retract') return `retract ${command.of.episode}`
    const times = `${rop(command.raisedAtMs)}..${rop(command.clearedAtMs)}`
    return command.kind === 'Amend' ? `amend ${command.of.episode} ${times}` : `find ${times}`
  })
const whole = { live: 0, late: 0 }
const told = (known: readonly EpisodeRow[], stretch: Rejudge) => brief(reconciled(known, whole, stretch))

describe('a stretch that was judged again', () => {
  it('with an episode that nobody saw finds it late', () => {
    expect(told(rows([5, 6]), rejudge(2, 3, [span(2, 3)]))).toEqual(['find 2..3'])
  })
  it('that says what is known changes nothing', () => expect(told(rows([1, 4]), rejudge(1, 4, [span(1, 4)]))).toEqual([]))
  it('moves the begin and the end of an episode; of one that stands only the begin', () => {
    expect(told(rows([3, 4]), rejudge(2, 4, [span(2, 4)]))).toEqual(['amend 1 2..-'])
    expect(told(rows([1, 2]), rejudge(1, 3, [span(1, 3)]))).toEqual(['amend 1 -..3'])
    expect(told(rows([3, null]), rejudge(2, null, [span(2, null)]))).toEqual(['amend 1 2..-'])
    expect(told(rows([3, null]), rejudge(3, 4, [span(3, 4)]))).toEqual([])
  })
  it('makes one of two, and what stands is the one that stays', () => {
    expect(told(rows([1, 2], [3, 4]), rejudge(1, 4, [span(1, 4)]))).toEqual(['retract 2', 'amend 1 -..4'])
    expect(told(rows([1, 2], [3, null]), rejudge(1, null, [span(1, null)]))).toEqual(['retract 1', 'amend 2 1..-'])
  })
  it('makes two of one, and what stands is the later', () => {
    expect(told(rows([1, 5]), rejudge(1, 5, [span(1, 2), span(3, 5)]))).toEqual(['find 1..2', 'amend 1 3..-'])
    expect(told(rows([1, null]), rejudge(1, null, [span(1, 2), span(3, null)]))).toEqual(['find 1..2', 'amend 1 3..-'])
  })
  it('takes back what never was; what stands only when it is over by itself', () => {
    expect(told(rows([2, 3]), rejudge(2, 3, []))).toEqual(['retract 1'])
    expect(told(rows([2, null]), rejudge(2, null, []))).toEqual([])
    expect(told(rows([2, null]), rejudge(2, null, [], { endsBy: 'lack' }))).toEqual(['retract 1'])
  })
  it('leaves alone what reaches beyond it', () => expect(told(rows([1, 5]), rejudge(2, 3, []))).toEqual([]))
  it('raises the severity, never lowers it', () => {
    const graver = rejudge(1, 4, [{ ...span(1, 4), severity: 'critical' }])
    expect(reconciled(rows([1, 4]), whole, graver)).toMatchObject([
      { kind: 'Amend', raisedAtMs: null, clearedAtMs: null, severity: 'critical' },
    ])
    expect(told(rows([1, 4]), rejudge(1, 4, [{ ...span(1, 4), severity: 'minor' }]))).toEqual([])
  })
  it('with one that is not over ends it now, and after the delay in which it would be raised', () => {
    expect(told([], rejudge(2, null, [span(2, null)]))).toEqual(['find 2..96'])
    expect(told([], rejudge(2, null, [span(2, null)], { onDelayMs: ropMs }))).toEqual(['find 2..97'])
  })
  it('of what a person ends can only have begun earlier', () => {
    const byPerson = { endsBy: 'person' } as const
    expect(told(rows([3, null]), rejudge(2, null, [span(2, null)], byPerson))).toEqual(['amend 1 2..-'])
    expect(told(rows([1, null]), rejudge(2, null, [span(2, null)], byPerson))).toEqual([])
    expect(told([], rejudge(2, null, [span(2, null)], byPerson))).toEqual(['find 2..96'])
  })
  it('that reaches back to episodes which are forgotten is not told; from the oldest that is kept on it is', () => {
    expect(reconciled(rows([3, 4]), { live: 1, late: 0 }, rejudge(2, 4, [span(2, 4)]))).toBe(null)
    expect(brief(reconciled(rows([3, 4]), { live: 1, late: 0 }, rejudge(3, 5, [span(3, 5)])))).toEqual(['amend 1 -..5'])
  })
})

describe('in any order', () => {
  const windows = 12
  type Line = { live: boolean[]; late: { at: number; bad: boolean }[] }
  const lines: fc.Arbitrary<Line> = fc.record({
    live: fc.array(fc.boolean(), { minLength: windows, maxLength: windows }),
    late: fc.uniqueArray(fc.record({ at: fc.integer({ min: 0, max: windows - 1 }), bad: fc.boolean() }), { selector: ({ at }) => at }),
  })
  const spansOf = (line: readonly boolean[]): Span[] =>
    line.flatMap((bad, at) => (bad && line[at - 1] !== true ? [span(at, [...line, false].indexOf(false, at))] : []))

  it('the episodes as amended are those of the truth, live ones and late ones, and the condition stays', () => {
    fc.assert(
      fc.property(lines, ({ live, late }) => {
        const commands = live.map((bad, at) => observeOf(bad ? 'active' : 'inactive', at * ropMs))
        const lived = liveThrough(policyOf(), [...commands, observeOf('inactive', windows * ropMs)])
        const truth = [...live]
        let state: AlarmState = lived.state
        const events: AlarmEvent[] = [...lived.events]
        const known = () => [...episodesOf(recorded(events)).values()]
        for (const [order, { at, bad }] of late.entries()) {
          truth[at] = bad
          const stretch = {
            ...rejudge(0, windows, spansOf(truth)),
            sourceEventId: `device-events:0:${order}`,
            atMs: startMs + dayMs + order,
          }
          const annotated = liveThrough(policyOf(), reconciled(known(), whole, stretch) ?? [], state)
          expect(annotated.refusals).toEqual([])
          expect(annotated.state.condition).toEqual(state.condition)
          state = annotated.state
          events.push(...annotated.events)
        }
        const spans = known()
          .filter(({ retracted }) => !retracted)
          .map(({ amended: { raisedAtMs, clearedAtMs } }) => [raisedAtMs, clearedAtMs])
          .sort(([one = 0], [other = 0]) => Number(one) - Number(other))
        expect(spans).toEqual(spansOf(truth).map(({ raisedAtMs, endMs }) => [raisedAtMs, endMs]))
      }),
      { numRuns: 300 },
    )
  })
})
