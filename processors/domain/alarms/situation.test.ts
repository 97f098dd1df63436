import { describe, expect, it } from 'vitest'
import type { SituationRole, SystemCommand } from '../../../model/alarm.ts'
import { liveThrough, observeOf, policyOf, startMs } from '../../../test/alarm-fakes.ts'

const correlate = (situation: string, role: SituationRole = 'symptom'): SystemCommand => ({
  kind: 'Correlate',
  situation,
  role,
  reason: '7 of 9 devices of the cell within 5 min',
  atMs: startMs + 5,
})
const raised = liveThrough(policyOf(), [observeOf('active', 0)]).state

describe('a situation', () => {
  it('is told with its role and reason; the same verdict again is nothing new', () => {
    expect(liveThrough(policyOf(), [correlate('cell:1'), correlate('cell:1')], raised).events).toEqual([
      {
        kind: 'Correlated',
        situation: 'cell:1',
        role: 'symptom',
        reason: '7 of 9 devices of the cell within 5 min',
        episode: 1,
        atMs: startMs + 5,
        version: 2,
      },
    ])
  })

  it('is one at a time: a more specific one takes the place of the first', () => {
    const { events, state } = liveThrough(policyOf(), [correlate('tac:1'), correlate('cell:1')], raised)
    expect(events.slice(1)).toMatchObject([
      { kind: 'Uncorrelated', situation: 'tac:1' },
      { kind: 'Correlated', situation: 'cell:1' },
    ])
    const gone = liveThrough(policyOf(), [{ kind: 'Uncorrelate', situation: 'tac:1', atMs: startMs + 6 }], state)
    expect(gone.events).toEqual([])
  })

  it('annotates an episode that is over already, and the next one starts without', () => {
    const { state } = liveThrough(policyOf(), [observeOf('inactive', 1), correlate('cell:1')], raised)
    expect(state.situation).toEqual({ is: 'symptom', of: 'cell:1' })
    expect(liveThrough(policyOf(), [observeOf('active', 9)], state).state.situation).toEqual({ is: 'none' })
  })

  it('of a stream that was never raised is refused', () => {
    expect(liveThrough(policyOf(), [correlate('cell:1')]).refusals).toMatchObject([{ code: 'EPISODE_UNKNOWN' }])
  })
})
