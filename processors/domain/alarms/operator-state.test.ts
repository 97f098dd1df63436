import { describe, expect, it } from 'vitest'
import { by, hourMs, liveThrough, minuteMs, observeOf, policyOf, startMs, tick } from '../../../test/alarm-fakes.ts'
import { nextDueMs } from './alarm-decider.ts'
import { appliedIdsMax, commentCharsMax, commentsPerEpisodeMax } from './alarm-limits.ts'

const critical = observeOf('active', 0, { severity: 'critical' })
const acknowledged = liveThrough(policyOf(), [critical, { ...by(minuteMs), kind: 'Acknowledge' }])

describe('acknowledging', () => {
  it('says who and when, once', () => {
    expect(acknowledged.events.slice(1)).toEqual([
      { kind: 'Acknowledged', actor: 'ann', commandId: `cmd-${minuteMs}`, episode: 1, atMs: startMs + minuteMs, version: 2 },
    ])
    const again = liveThrough(policyOf(), [{ ...by(2 * minuteMs), kind: 'Acknowledge' }], acknowledged.state)
    expect(again.events).toEqual([
      { kind: 'CommandNoted', commandId: `cmd-${2 * minuteMs}`, episode: 1, atMs: startMs + 2 * minuteMs, version: 2 },
    ])
  })

  it('of an episode that was not there is refused', () => {
    expect(liveThrough(policyOf(), [{ ...by(0, 0), kind: 'Acknowledge' }]).refusals).toMatchObject([{ code: 'EPISODE_UNKNOWN' }])
    expect(liveThrough(policyOf(), [{ ...by(9, 2), kind: 'Acknowledge' }], acknowledged.state).refusals).toEqual([
      { code: 'EPISODE_STALE', detail: 'Expected episode 1, got 2' },
    ])
  })

  it('the next raise withdraws it, and forgets assignee and ticket', () => {
    const { events, state } = liveThrough(
      policyOf(),
      [
        { ...by(2 * minuteMs), kind: 'Assign', to: 'bob', ticket: 'T-1' },
        observeOf('inactive', 3 * minuteMs),
        observeOf('active', 4 * minuteMs),
      ],
      acknowledged.state,
    )
    expect(events.slice(2)).toMatchObject([
      { kind: 'AlarmRaised', episode: 2 },
      { kind: 'AckWithdrawn', by: 'reraise', was: 'ack', actor: null, episode: 2 },
    ])
    expect(state.operator).toMatchObject({ is: 'none', assignee: null, ticket: null })
  })

  it('a rise in severity withdraws it, also when it was closed', () => {
    const closed = liveThrough(policyOf(), [observeOf('active', 0), { ...by(1), kind: 'Close', reason: 'known' }]).state
    const worse = liveThrough(policyOf(), [observeOf('active', 2, { severity: 'critical' })], closed)
    expect(worse.events).toMatchObject([{ kind: 'SeverityChanged' }, { kind: 'AckWithdrawn', by: 'escalation', was: 'closed' }])
    const better = liveThrough(policyOf(), [observeOf('active', 2, { severity: 'minor' })], closed)
    expect(better.state.operator).toMatchObject({ is: 'closed', actor: 'ann' })
  })
})

describe('a critical alarm that stands acknowledged', () => {
  it('goes back to the operators after more than 8 hours, not after 8', () => {
    const atMs = minuteMs + 8 * hourMs
    expect(nextDueMs(acknowledged.state)).toBe(startMs + atMs + 1)
    expect(liveThrough(policyOf(), [tick(atMs)], acknowledged.state).events).toEqual([])
    expect(liveThrough(policyOf(), [tick(atMs + 1)], acknowledged.state).events).toEqual([
      { kind: 'AckWithdrawn', by: 'realarm', was: 'ack', actor: null, commandId: null, episode: 1, atMs: startMs + atMs + 1, version: 3 },
      { kind: 'Escalated', times: 1, acknowledgedAtMs: startMs + minuteMs, episode: 1, atMs: startMs + atMs + 1, version: 4 },
    ])
  })

  it('a major one stays acknowledged', () => {
    const major = liveThrough(policyOf(), [observeOf('active', 0), { ...by(1), kind: 'Acknowledge' }, tick(30 * hourMs)])
    expect(major.state.operator.is).toBe('ack')
  })
})

describe('bounds', () => {
  const comment = (n: number, text = 'on my way') => ({ ...by(n), commandId: `c-${n}`, kind: 'Comment', text }) as const
  it('a comment has an end, an episode has at most 200', () => {
    const texts = [comment(1, 'x'.repeat(commentCharsMax)), comment(2, 'x'.repeat(commentCharsMax + 1)), comment(3, ' ')]
    expect(liveThrough(policyOf(), texts, acknowledged.state)).toMatchObject({
      state: { operator: { comments: 1 } },
      refusals: [{ code: 'TEXT_TOO_LONG' }, { code: 'REASON_MISSING' }],
    })
    const many = Array.from({ length: commentsPerEpisodeMax + 1 }, (_, n) => comment(minuteMs + 1 + n))
    expect(liveThrough(policyOf(), many, acknowledged.state)).toMatchObject({
      state: { operator: { comments: commentsPerEpisodeMax } },
      refusals: [{ code: 'COMMENTS_TOO_MANY' }],
    })
  })

  it('a command as old as one whose id is forgotten is refused rather than perhaps applied twice', () => {
    const many = Array.from({ length: appliedIdsMax + 1 }, (_, n) => comment(n))
    const { state } = liveThrough(policyOf(), [critical, ...many])
    expect(state.commands.ids).toHaveLength(appliedIdsMax)
    expect(liveThrough(policyOf(), [comment(0)], state)).toMatchObject({ events: [], refusals: [{ code: 'COMMAND_TOO_OLD' }] })
    expect(liveThrough(policyOf(), [comment(1)], state)).toMatchObject({ events: [], refusals: [] }) // Still known: applied before.
    expect(liveThrough(policyOf(), [comment(appliedIdsMax + 1)], state).events).toHaveLength(1)
  })
})
