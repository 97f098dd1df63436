import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { alarmEventKindsTold, alarmEventText } from './alarm-event-words.ts'
import { momentsIn } from './value-words.ts'

const at = momentsIn('UTC', Date.UTC(2025, 2, 1))
const text = (kind: string, detail: Record<string, unknown> = {}, more: { actor?: string; severity?: string } = {}): string =>
  alarmEventText({ kind, severity: more.severity ?? '', actor: more.actor ?? '', detail }, at)

describe('the history of an alarm in words', () => {
  it('has words for every kind that the log holds, and for commands that were not carried out', () => {
    const model = readFileSync(new URL('../../model/alarm-event.ts', import.meta.url), 'utf8')
    const kinds = [...new Set([...model.matchAll(/kind: '([A-Z]\w+)'/g)].map(([, kind]) => kind ?? ''))]
    expect(kinds.length).toBeGreaterThan(25)
    const stateOnly = ['ObservationCounted', 'CommandNoted']
    expect([...alarmEventKindsTold].sort()).toEqual([...kinds.filter((kind) => !stateOnly.includes(kind)), 'Refused'].sort())
  })

  it.each([
    ['AlarmRaised', {}, { severity: 'major' }, 'Raised as major.'],
    ['AlarmCleared', { cause: 'condition' }, {}, 'Cleared: it is well again.'],
    ['AlarmCleared', { cause: 'manual', reason: 'swapped' }, { actor: 'eve' }, 'Cleared by eve: swapped.'],
    ['AckWithdrawn', { by: 'escalation' }, {}, 'Acknowledgement withdrawn: it got worse.'],
    ['Assigned', { to: 'eve', ticket: 'T-1' }, { actor: 'admin' }, 'Assigned to eve, ticket T-1 by admin.'],
    ['Shelved', { untilMs: Date.UTC(2025, 2, 1, 9), reason: 'works' }, { actor: 'eve' }, 'Shelved by eve until 09:00: works.'],
    ['Shelved', { untilMs: null, reason: 'works' }, { actor: 'eve' }, 'Shelved by eve until it clears: works.'],
    ['Unshelved', { cause: 'expired' }, {}, 'Off the shelf: its time is over.'],
    [
      'Suppressed',
      { suppressor: { kind: 'alarm', by: 'alarm-x:1' }, reason: 'wan.down explains it' },
      {},
      'Held down by alarm alarm-x:1: wan.down explains it.',
    ],
    [
      'EpisodeFoundLate',
      { clearedAtMs: Date.UTC(2025, 2, 1, 4), reason: 'late data' },
      { severity: 'minor' },
      'Found late as minor, over by 04:00: late data.',
    ],
    [
      'AlarmAmended',
      { clearedAtMs: Date.UTC(2025, 2, 1, 4), reason: 'late data' },
      {},
      'Amended by what came late: cleared 04:00 (late data).',
    ],
    [
      'Refused',
      { command: 'Acknowledge', code: 'EPISODE_STALE', detail: 'Expected episode 2, got 1' },
      { actor: 'eve' },
      'Acknowledge by eve was not carried out: Expected episode 2, got 1.',
    ],
    ['SomethingNew', {}, {}, 'SomethingNew'],
  ])('%s %j', (kind, detail, more, words) => {
    expect(text(kind, detail, more)).toBe(words)
  })

  it('leaves out what an event does not say', () => {
    for (const kind of alarmEventKindsTold) expect(text(kind)).not.toMatch(/undefined|null|NaN|\[object/)
  })
})
