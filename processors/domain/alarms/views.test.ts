import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  alarmKey,
  alarmType,
  by,
  lifeArbitrary,
  liveThrough,
  minuteMs,
  observeOf,
  policyOf,
  startMs,
  stream,
} from '../../../test/alarm-fakes.ts'
import { initialAlarmState, isLive } from './alarm-state.ts'
import { ackStateOf, alarmRecordOf, availabilityOf, ietfAlarmOf, perceivedSeverityOf, tmf642Of, tmfStateOf } from './views.ts'

const type = alarmType()
const viewed = (...lived: Parameters<typeof liveThrough>) => ({ stream, key: alarmKey, type, state: liveThrough(...lived).state })
const standing = viewed(policyOf(), [observeOf('active', 0), { ...by(minuteMs), kind: 'Acknowledge' }])

describe('one alarm as others name it', () => {
  it('3GPP TS 28.532', () => {
    expect(alarmRecordOf(standing)).toEqual({
      alarmId: `${stream}:1`,
      notificationId: 2,
      objectInstance: 'dwr/311-a1/00-11-22-33-44-55',
      alarmType: 'COMMUNICATIONS_ALARM',
      probableCause: 'radio.rsrp-poor',
      specificProblem: '',
      perceivedSeverity: 'MAJOR',
      alarmRaisedTime: '2026-03-01T00:00:00.000Z',
      alarmClearedTime: null,
      ackState: 'ACKNOWLEDGED',
      ackTime: '2026-03-01T00:01:00.000Z',
      ackUserId: 'ann',
      rootCauseIndicator: false,
      thresholdInfo: { observedMeasurement: 'cellular.rsrp', observedValue: -120, raiseLevel: -115, clearLevel: -110, direction: 'down' },
      proposedRepairActions: 'Check antenna and place',
      additionalInformation: {
        condition: 'active',
        severity: 'major',
        occurrences: 1,
        shelved: false,
        suppressedBy: [],
        flapping: false,
        closed: false,
        ruleVersion: 1,
      },
    })
  })

  it('TMF642, with all that its Create requires', () => {
    const tmf = tmf642Of(standing, 'fleet-recorder')
    expect(tmf).toMatchObject({
      id: `${stream}:1`,
      alarmType: 'communicationsAlarm',
      perceivedSeverity: 'major',
      probableCause: 'radio.rsrp-poor',
      alarmedObject: { id: 'dwr/311-a1/00-11-22-33-44-55' },
      sourceSystemId: 'fleet-recorder',
      state: 'updated',
      ackState: 'acknowledged',
      alarmRaisedTime: '2026-03-01T00:00:00.000Z',
      crossedThresholdInformation: { indicatorName: 'cellular.rsrp', observedValue: '-120', direction: 'down' },
    })
    const cleared = viewed(policyOf(), [observeOf('active', 0), observeOf('inactive', 9)])
    expect(tmf642Of(cleared, 'fleet-recorder')).toMatchObject({
      state: 'cleared',
      perceivedSeverity: 'cleared',
      additionalInformation: { severity: 'major' },
    })
  })

  it('RFC 8632: a clear keeps its severity, a shelf is shown as an operator state', () => {
    const shelve = { ...by(1), kind: 'Shelve', untilMs: startMs + minuteMs, oneShot: false, reason: 'works' } as const
    expect(ietfAlarmOf(viewed(policyOf(), [observeOf('active', 0), shelve, observeOf('inactive', 9)]))).toMatchObject({
      'is-cleared': true,
      'perceived-severity': 'major',
      'operator-state': 'shelved',
      'time-created': '2026-03-01T00:00:00.000Z',
    })
  })

  it('a stream that was never raised is no alarm', () => {
    const never = { stream, key: alarmKey, type, state: initialAlarmState }
    expect([alarmRecordOf(never), tmf642Of(never, 'x'), ietfAlarmOf(never)]).toEqual([null, null, null])
  })

  it('TMF says raised until something of it changed', () => {
    expect(tmfStateOf(viewed(policyOf(), [observeOf('active', 0)]).state)).toBe('raised')
    expect(tmfStateOf(viewed(policyOf(), [observeOf('active', 0), observeOf('active', 1)]).state)).toBe('updated')
  })

  it('all agree on whether it stands and whether it was acknowledged, over any life', () => {
    fc.assert(
      fc.property(lifeArbitrary(), ({ moments }) => {
        for (const { after: state } of moments) {
          const alarm = { stream, key: alarmKey, type, state }
          const live = isLive(state)
          expect(perceivedSeverityOf(state) === 'CLEARED').toBe(!live)
          expect(tmfStateOf(state) === 'cleared').toBe(!live)
          expect(ackStateOf(state) === 'UNACKNOWLEDGED').toBe(state.operator.is === 'none')
          expect(ietfAlarmOf(alarm)?.['is-cleared'] ?? true).toBe(!live)
          expect(JSON.stringify(ietfAlarmOf(alarm)?.['perceived-severity'] ?? '')).not.toContain('cleared')
          if (state.condition.is === 'unknown') expect(availabilityOf(state)).toBe('unknown')
          else expect(availabilityOf(state)).toBe(live ? 'down' : 'up')
        }
      }),
      { numRuns: 100 },
    )
  })
})
