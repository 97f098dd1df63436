import { describe, expect, it } from 'vitest'
import type { LateCommand } from '../../../model/alarm.ts'
import { dayMs, evidenceOf, hourMs, liveThrough, observeOf, policyOf, startMs } from '../../../test/alarm-fakes.ts'
import { appliedIdsMax } from './alarm-limits.ts'

const atMs = startMs + dayMs
const finding = { sourceEventId: 'device-events:0:99', reason: 'a sample of that time came 20 h later', ruleVersion: 1, atMs }
const found: LateCommand = {
  kind: 'FindEpisodeLate',
  ...finding,
  raisedAtMs: startMs + hourMs,
  clearedAtMs: startMs + 2 * hourMs,
  severity: 'minor',
  evidence: evidenceOf(99),
}
const amend = (change: Partial<LateCommand & { kind: 'Amend' }> = {}): LateCommand => ({
  kind: 'Amend',
  ...finding,
  of: { episode: 1, foundLate: false },
  raisedAtMs: startMs - hourMs,
  clearedAtMs: null,
  severity: null,
  ...change,
})
const raised = liveThrough(policyOf(), [observeOf('active', 0)]).state

describe('late evidence', () => {
  it('finds an episode, counted apart from the live ones, and leaves the live condition alone', () => {
    const { events, state } = liveThrough(policyOf(), [found], raised)
    const { kind, ...told } = found
    expect(kind).toBe('FindEpisodeLate')
    expect(events).toEqual([{ ...told, kind: 'EpisodeFoundLate', episode: 1, version: 2 }])
    expect(state).toMatchObject({ episode: 1, episodesFoundLate: 1, condition: { is: 'active' } })
  })

  it('amends and retracts episodes that were there, and no others', () => {
    const of = { episode: 1, foundLate: true }
    expect(liveThrough(policyOf(), [amend(), amend({ of })], raised)).toMatchObject({
      events: [{ kind: 'AlarmAmended', of: { episode: 1, foundLate: false }, raisedAtMs: startMs - hourMs, episode: 1 }],
      refusals: [{ code: 'EPISODE_UNKNOWN' }],
    })
    expect(liveThrough(policyOf(), [found, { kind: 'Retract', ...finding, of }], raised).events.at(-1)).toMatchObject({
      kind: 'AlarmRetracted',
      of,
    })
    expect(liveThrough(policyOf(), [amend({ of: { episode: 0, foundLate: false } })], raised).refusals).toHaveLength(1)
  })

  it('with an end before its begin is refused, one that says nothing is nothing', () => {
    const clearedAtMs = startMs - hourMs - 1
    expect(liveThrough(policyOf(), [amend({ clearedAtMs }), { ...found, clearedAtMs: startMs }], raised).refusals).toMatchObject([
      { code: 'TIMES_INVALID' },
      { code: 'TIMES_INVALID' },
    ])
    expect(liveThrough(policyOf(), [amend({ raisedAtMs: null })], raised)).toMatchObject({ events: [], refusals: [] })
  })

  it('one sample may touch several episodes, each once', () => {
    const commands = [found, { ...found, raisedAtMs: startMs + hourMs + 1 }, amend(), found, amend()]
    expect(liveThrough(policyOf(), commands, raised).events).toHaveLength(3)
  })

  it('more than 64 at one moment are refused, so that none is written twice', () => {
    const many = Array.from({ length: appliedIdsMax + 2 }, (_, at) => ({ ...found, raisedAtMs: startMs + at }))
    const { events, refusals } = liveThrough(policyOf(), many, raised)
    expect(events).toHaveLength(appliedIdsMax + 1)
    expect(refusals).toMatchObject([{ code: 'COMMAND_TOO_OLD' }])
  })
})
