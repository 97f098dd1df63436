import { describe, expect, it } from 'vitest'
import { by, dayMs, liveThrough, observeOf, policyOf, startMs } from '../../../test/alarm-fakes.ts'

const purge = (atMs: number) => ({ kind: 'Purge', atMs: startMs + atMs }) as const
const over = liveThrough(policyOf(), [observeOf('active', 0), { ...by(1), kind: 'Acknowledge' }, observeOf('inactive', 2)]).state

describe('purging', () => {
  it('is possible 30 days after the clear, to the millisecond, and once', () => {
    expect(liveThrough(policyOf(), [purge(30 * dayMs + 1)], over).refusals).toMatchObject([{ code: 'NOT_PURGEABLE' }])
    const purged = liveThrough(policyOf(), [purge(30 * dayMs + 2), purge(31 * dayMs)], over)
    expect(purged.events).toEqual([{ kind: 'Purged', episode: 1, atMs: startMs + 30 * dayMs + 2, version: 4 }])
    expect(purged.state.purged).toBe(true)
  })

  it('not while it stands, nor before somebody has handled it', () => {
    const standing = liveThrough(policyOf(), [observeOf('active', 0), { ...by(1), kind: 'Close', reason: '' }]).state
    const unseen = liveThrough(policyOf(), [observeOf('active', 0), observeOf('inactive', 2)]).state
    for (const state of [standing, unseen]) {
      expect(liveThrough(policyOf(), [purge(90 * dayMs)], state).refusals).toMatchObject([{ code: 'NOT_PURGEABLE' }])
    }
  })

  it('the next episode stands in the list again', () => {
    expect(liveThrough(policyOf(), [purge(31 * dayMs), observeOf('active', 32 * dayMs)], over).state).toMatchObject({
      episode: 2,
      purged: false,
    })
  })
})
