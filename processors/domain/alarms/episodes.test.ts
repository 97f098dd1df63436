import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LateCommand } from '../../../model/alarm.ts'
import {
  alarmKey,
  by,
  dayMs,
  eventsOf,
  evidenceOf,
  hourMs,
  lifeArbitrary,
  liveThrough,
  minuteMs,
  observeOf,
  policyOf,
  recorded,
  startMs,
  stream,
  unknownOf,
} from '../../../test/alarm-fakes.ts'
import { isForLog } from '../../../model/alarm-event.ts'
import { isLive } from './alarm-state.ts'
import { type EpisodeRow, episodesOf } from './episodes.ts'

const rowsOf = (...lives: Parameters<typeof liveThrough>): EpisodeRow[] => [...episodesOf(recorded(liveThrough(...lives).events)).values()]
const late = { sourceEventId: 'device-events:0:99', reason: 'told 20 h later', ruleVersion: 1, atMs: startMs + dayMs }

describe('a row per episode', () => {
  it('tells its whole life', () => {
    const rows = rowsOf(policyOf(), [
      observeOf('active', 0),
      observeOf('active', 1, { severity: 'critical' }),
      { ...by(2 * minuteMs), kind: 'Acknowledge' },
      { ...by(2 * minuteMs), commandId: 'c', kind: 'Comment', text: 'on my way' },
      { ...by(2 * minuteMs), commandId: 'd', kind: 'Assign', to: 'bob', ticket: 'T-1' },
      { kind: 'Correlate', situation: 'cell:1', role: 'symptom', reason: 'same cell', atMs: startMs + 3 * minuteMs },
      observeOf('inactive', hourMs),
    ])
    const firstKnown = { raisedAtMs: startMs, clearedAtMs: startMs + hourMs, severity: 'critical' as const }
    expect(rows).toEqual([
      {
        id: `${stream}:1`,
        stream,
        key: alarmKey,
        episode: 1,
        foundLate: false,
        amended: firstKnown,
        firstKnown,
        retracted: false,
        amendments: 0,
        amendedReason: null,
        detectedAtMs: startMs,
        severityMax: 'critical',
        clearCause: 'condition',
        firstAcknowledgedAtMs: startMs + 2 * minuteMs,
        operator: 'ack',
        operatorActor: 'ann',
        closedReason: null,
        assignee: 'bob',
        ticket: 'T-1',
        comments: 1,
        situation: 'cell:1',
        role: 'symptom',
        unknown: false,
        unknownMs: 0,
        unknownSinceMs: null,
        occurrences: 2,
        escalations: 0,
        ruleVersion: 1,
        purged: false,
        version: 7,
      } satisfies EpisodeRow,
    ])
  })

  it('an amendment changes what is now known and leaves what was known first', () => {
    const [row] = rowsOf(policyOf(), [
      observeOf('active', 0),
      observeOf('inactive', hourMs),
      {
        kind: 'Amend',
        ...late,
        of: { episode: 1, foundLate: false },
        raisedAtMs: startMs - minuteMs,
        clearedAtMs: startMs + 2 * hourMs,
        severity: 'minor',
      },
    ])
    expect(row).toMatchObject({
      firstKnown: { raisedAtMs: startMs, clearedAtMs: startMs + hourMs, severity: 'major' },
      amended: { raisedAtMs: startMs - minuteMs, clearedAtMs: startMs + 2 * hourMs, severity: 'minor' },
      amendments: 1,
      amendedReason: 'told 20 h later',
      severityMax: 'major',
    })
  })

  it('an end that was amended before the live clear came stands', () => {
    const [row] = rowsOf(policyOf(), [
      observeOf('active', 0),
      { kind: 'Amend', ...late, of: { episode: 1, foundLate: false }, raisedAtMs: null, clearedAtMs: startMs + minuteMs, severity: null },
      observeOf('inactive', 2 * dayMs),
    ])
    expect(row).toMatchObject({ amended: { clearedAtMs: startMs + minuteMs }, firstKnown: { clearedAtMs: startMs + 2 * dayMs } })
  })

  it('the first acknowledgement is the one that counts', () => {
    const ack = (atMs: number) => ({ ...by(atMs), kind: 'Acknowledge' }) as const
    const [row] = rowsOf(policyOf(), [observeOf('active', 0), ack(1), { ...by(2), kind: 'Unacknowledge' }, ack(3)])
    expect(row).toMatchObject({ firstAcknowledgedAtMs: startMs + 1, operator: 'ack' })
  })

  it('one that late evidence takes back stays, and says so', () => {
    const retract: LateCommand = { kind: 'Retract', ...late, of: { episode: 1, foundLate: false } }
    expect(rowsOf(policyOf(), [observeOf('active', 0), observeOf('inactive', 1), retract])).toMatchObject([
      { id: `${stream}:1`, retracted: true },
    ])
  })

  it('one found late has a number of its own', () => {
    const span = { raisedAtMs: startMs + hourMs, clearedAtMs: startMs + 2 * hourMs, severity: 'minor' } as const
    const rows = rowsOf(policyOf(), [{ kind: 'FindEpisodeLate', ...late, ...span, evidence: evidenceOf(1) }])
    expect(rows).toMatchObject([{ id: `${stream}:L1`, foundLate: true, amended: span, firstKnown: span, detectedAtMs: startMs + dayMs }])
  })

  it('time in which nothing could be told is counted apart', () => {
    const [row] = rowsOf(policyOf(), [
      observeOf('active', 0),
      unknownOf(minuteMs),
      observeOf('active', 4 * minuteMs),
      unknownOf(5 * minuteMs),
      observeOf('inactive', 7 * minuteMs),
    ])
    expect(row).toMatchObject({ unknown: false, unknownMs: 5 * minuteMs, amended: { clearedAtMs: startMs + 7 * minuteMs } })
  })

  it('agrees with the state that the same events make, over any life', () => {
    fc.assert(
      fc.property(lifeArbitrary(), (life) => {
        const { after } = life.moments.at(-1) ?? {}
        // Of the log alone: what is kept in states only is not needed.
        const rows = episodesOf(recorded(eventsOf(life).filter(isForLog)))
        const live = [...rows.values()].filter(({ foundLate }) => !foundLate)
        expect(live.map(({ episode }) => episode)).toEqual(live.map((_, at) => at + 1))
        const row = live.at(-1)
        if (after === undefined || row === undefined) return
        expect(row.firstKnown).toEqual({
          raisedAtMs: after.last?.raisedAtMs,
          clearedAtMs: after.last?.clearedAtMs,
          severity: after.last?.severity,
        })
        expect(row.firstKnown.clearedAtMs === null).toBe(isLive(after))
        expect(row).toMatchObject({
          episode: after.episode,
          operator: after.operator.is,
          comments: after.operator.comments,
          purged: after.purged,
        })
        expect([row.situation, row.role]).toEqual(after.situation.is === 'none' ? [null, null] : [after.situation.of, after.situation.is])
        expect(row.unknown).toBe(after.condition.is === 'unknown' && isLive(after))
      }),
      { numRuns: 200 },
    )
  })
})
