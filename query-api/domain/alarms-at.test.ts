import { describe, expect, it } from 'vitest'
import { alarmsAt, type EpisodeEvent } from './alarms-at.ts'

const event = (kind: string, atMs: number, more: Partial<EpisodeEvent> = {}): EpisodeEvent => ({
  id: 'alarm-1:1',
  type: 'wan.down',
  qualifier: '',
  foundLate: false,
  kind,
  severity: 'minor',
  actor: '',
  atMs,
  observedMs: atMs,
  detail: {},
  ...more,
})
const raised = event('AlarmRaised', 1_000, { detail: { raisedAtMs: 1_000 } })
const standing = (events: readonly EpisodeEvent[], atMs: number) => alarmsAt(events, atMs).map(({ id, severity }) => `${id} ${severity}`)

describe('the alarms that stood at a moment', () => {
  it('stand from the moment of the raise to before the moment of the clear', () => {
    const events = [raised, event('AlarmCleared', 2_000, { detail: { clearedAtMs: 2_000 } })]
    expect(standing(events, 999)).toEqual([])
    expect(standing(events, 1_000)).toEqual(['alarm-1:1 minor'])
    expect(standing(events, 1_999)).toEqual(['alarm-1:1 minor'])
    expect(standing(events, 2_000)).toEqual([])
  })

  it('have the severity of their last change before it, not of a later one', () => {
    const events = [raised, event('SeverityChanged', 1_500, { severity: 'major' })]
    expect(standing(events, 1_499)).toEqual(['alarm-1:1 minor'])
    expect(standing(events, 1_500)).toEqual(['alarm-1:1 major'])
  })

  it('are as what came late amended them, whenever it came: begin, end and severity; what it left alone stays', () => {
    const amended = (detail: EpisodeEvent['detail']): EpisodeEvent[] => [
      raised,
      event('AlarmAmended', 9_000, { severity: 'minor', detail }),
    ]
    expect(standing(amended({ raisedAtMs: 500, clearedAtMs: null, severity: 'critical' }), 500)).toEqual(['alarm-1:1 critical'])
    expect(standing(amended({ raisedAtMs: null, clearedAtMs: 1_200, severity: null }), 1_199)).toEqual(['alarm-1:1 minor'])
    expect(standing(amended({ raisedAtMs: null, clearedAtMs: 1_200, severity: null }), 1_200)).toEqual([])
  })

  it('do not stand when they were taken back', () => {
    expect(standing([raised, event('AlarmRetracted', 9_000)], 1_000)).toEqual([])
  })
})
