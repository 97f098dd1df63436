import { describe, expect, it } from 'vitest'
import {
  alarmType,
  by,
  dayMs,
  eventOnlyPolicy,
  evidenceOf,
  liveThrough,
  minuteMs,
  observeOf,
  policyOf,
  startMs,
  tick,
  unknownOf,
} from '../../../test/alarm-fakes.ts'
import { changesNothing, nextDueMs } from './alarm-decider.ts'
import { idsPerMomentMax } from './alarm-limits.ts'
import { initialAlarmState } from './alarm-state.ts'

const delayed = policyOf({ onDelayMs: 5 * minuteMs, offDelayMs: minuteMs })
const kindsOf = (events: readonly { kind: string }[]) => events.map(({ kind }) => kind)

describe('raising', () => {
  it('is raised once it stood for the delay, at the time of its deadline, known at the tick that passed it', () => {
    const suspected = liveThrough(delayed, [observeOf('active', 0)])
    expect(suspected.events).toEqual([
      {
        kind: 'RaiseDelayStarted',
        sourceEventId: 'device-events:0:0:active',
        observedAtMs: startMs,
        clamped: false,
        ruleVersion: 1,
        severity: 'major',
        deadline: { eventMs: startMs + 5 * minuteMs, tickMs: startMs + 5 * minuteMs },
        evidence: evidenceOf(0),
        episode: 0,
        atMs: startMs,
        version: 1,
      },
    ])
    expect(nextDueMs(suspected.state)).toBe(startMs + 5 * minuteMs)
    expect(liveThrough(delayed, [tick(5 * minuteMs - 1)], suspected.state).events).toEqual([])
    expect(liveThrough(delayed, [tick(5 * minuteMs)], suspected.state).events).toEqual([
      {
        kind: 'AlarmRaised',
        sourceEventId: null,
        observedAtMs: startMs + 5 * minuteMs,
        clamped: false,
        ruleVersion: 1,
        severity: 'major',
        raisedAtMs: startMs + 5 * minuteMs,
        evidence: evidenceOf(0),
        occurrences: 1,
        staleAt: null,
        episode: 1,
        atMs: startMs + 5 * minuteMs,
        version: 2,
      },
    ])
  })

  it('without a delay it is raised by the observation itself', () => {
    expect(liveThrough(policyOf(), [observeOf('active', 7)]).events).toMatchObject([
      { kind: 'AlarmRaised', episode: 1, raisedAtMs: startMs + 7, sourceEventId: 'device-events:0:7:active' },
    ])
  })

  it('the last severity and evidence before the deadline are those of the raise', () => {
    const commands = [observeOf('active', 0), observeOf('active', minuteMs, { severity: 'critical' }), tick(5 * minuteMs)]
    expect(liveThrough(delayed, commands).events.at(-1)).toMatchObject({
      kind: 'AlarmRaised',
      severity: 'critical',
      evidence: evidenceOf(minuteMs),
      occurrences: 2,
    })
  })

  it('an hour told afterwards in order raises and clears at the times at which it would have then', () => {
    const told = [
      observeOf('active', 0),
      observeOf('active', 10 * minuteMs),
      observeOf('inactive', 20 * minuteMs),
      observeOf('inactive', 30 * minuteMs),
    ]
    const late = told.map((command) => ({ ...command, atMs: startMs + 100 * minuteMs }))
    expect(liveThrough(delayed, late).events).toMatchObject([
      { kind: 'RaiseDelayStarted' },
      { kind: 'AlarmRaised', raisedAtMs: startMs + 5 * minuteMs, atMs: startMs + 100 * minuteMs },
      { kind: 'ObservationCounted', verdict: 'active' },
      { kind: 'ClearDelayStarted' },
      { kind: 'AlarmCleared', clearedAtMs: startMs + 21 * minuteMs },
      { kind: 'ObservationCounted', verdict: 'inactive' },
    ])
  })

  it('a reading that is well again at the very deadline abandons it; one that comes a millisecond later does not', () => {
    const atDeadline = liveThrough(delayed, [observeOf('active', 0), observeOf('inactive', 5 * minuteMs)])
    expect(kindsOf(atDeadline.events)).toEqual(['RaiseDelayStarted', 'RaiseDelayAbandoned'])
    const after = liveThrough(delayed, [observeOf('active', 0), observeOf('inactive', 5 * minuteMs + 1)])
    expect(kindsOf(after.events)).toEqual(['RaiseDelayStarted', 'AlarmRaised', 'ClearDelayStarted'])
  })

  it('a transient is kept, with how long it had stood', () => {
    const { events, state } = liveThrough(delayed, [observeOf('active', 0), observeOf('inactive', minuteMs)])
    expect(events.at(-1)).toEqual({
      kind: 'RaiseDelayAbandoned',
      sourceEventId: `device-events:0:${minuteMs}:inactive`,
      observedAtMs: startMs + minuteMs,
      clamped: false,
      ruleVersion: 1,
      cause: 'inactive',
      sinceMs: startMs,
      episode: 0,
      atMs: startMs + minuteMs,
      version: 2,
    })
    expect(state.condition).toEqual({ is: 'normal' })
  })
})

describe('clearing', () => {
  const raised = liveThrough(policyOf(), [observeOf('active', 0)]).state

  it('is cleared once it was gone for the delay, at the time of that deadline', () => {
    const clearing = liveThrough(delayed, [observeOf('inactive', minuteMs)], raised)
    expect(clearing.state.condition).toEqual({
      is: 'clearing',
      sinceMs: startMs + minuteMs,
      deadline: { eventMs: startMs + 2 * minuteMs, tickMs: startMs + 2 * minuteMs },
    })
    expect(liveThrough(delayed, [tick(2 * minuteMs - 1)], clearing.state).events).toEqual([])
    expect(liveThrough(delayed, [tick(2 * minuteMs)], clearing.state).events).toEqual([
      {
        kind: 'AlarmCleared',
        sourceEventId: null,
        observedAtMs: startMs + 2 * minuteMs,
        clamped: false,
        ruleVersion: 1,
        cause: 'condition',
        clearedAtMs: startMs + 2 * minuteMs,
        severity: 'major',
        occurrences: 1,
        actor: null,
        commandId: null,
        reason: null,
        episode: 1,
        atMs: startMs + 2 * minuteMs,
        version: 3,
      },
    ])
  })

  it('one that is bad again at the very deadline stays raised; a millisecond later it is the next episode', () => {
    const at = liveThrough(delayed, [observeOf('inactive', minuteMs), observeOf('active', 2 * minuteMs)], raised)
    expect(kindsOf(at.events)).toEqual(['ClearDelayStarted', 'ClearDelayAbandoned', 'ObservationCounted'])
    const after = liveThrough(delayed, [observeOf('inactive', minuteMs), observeOf('active', 2 * minuteMs + 1)], raised)
    expect(kindsOf(after.events)).toEqual(['ClearDelayStarted', 'AlarmCleared', 'RaiseDelayStarted'])
  })

  it('what nothing observes the end of stays until a person clears it', () => {
    const policy = policyOf({ type: alarmType({ willClear: false }) })
    const { state, events } = liveThrough(policy, [observeOf('active', 0), observeOf('inactive', minuteMs)])
    expect(state.condition).toEqual({ is: 'active', staleAt: null })
    expect(events.at(-1)?.kind).toBe('ObservationCounted')
    const cleared = liveThrough(policy, [{ ...by(2 * minuteMs), kind: 'ClearManually', reason: 'antenna mended', force: false }], state)
    expect(cleared.events).toMatchObject([
      { kind: 'AlarmCleared', cause: 'manual', actor: 'ann', reason: 'antenna mended', clearedAtMs: startMs + 2 * minuteMs },
    ])
  })

  it('one that clears by itself wants force, and a reason', () => {
    const command = { ...by(minuteMs), kind: 'ClearManually', reason: 'seen', force: false } as const
    expect(liveThrough(policyOf(), [command], raised).refusals).toMatchObject([{ code: 'CLEARS_BY_ITSELF' }])
    expect(liveThrough(policyOf(), [{ ...command, force: true, reason: '  ' }], raised).refusals).toMatchObject([
      { code: 'REASON_MISSING' },
    ])
    expect(liveThrough(policyOf(), [{ ...command, force: true }], raised).events).toMatchObject([{ kind: 'AlarmCleared', cause: 'manual' }])
  })
})

describe('the hysteresis band', () => {
  it('changes nothing: not normal, not a delay that runs, not what stands, not what is clearing', () => {
    expect(liveThrough(delayed, [observeOf('between', 0)]).events).toEqual([])
    const raising = liveThrough(delayed, [observeOf('active', 0)]).state
    const active = liveThrough(delayed, [tick(5 * minuteMs)], raising).state
    const clearing = liveThrough(delayed, [observeOf('inactive', 6 * minuteMs)], active).state
    for (const [state, atMs] of [
      [raising, minuteMs],
      [active, 6 * minuteMs],
      [clearing, 6 * minuteMs + 1],
    ] as const) {
      const { state: after, events } = liveThrough(delayed, [observeOf('between', atMs)], state)
      expect(after.condition).toEqual(state.condition)
      expect(kindsOf(events)).toEqual(['ObservationCounted'])
    }
  })
})

describe('evidence', () => {
  it('is written at most once in 15 minutes of the device, and counts all between', () => {
    const at = [0, 1, 14 * minuteMs, 15 * minuteMs - 1, 15 * minuteMs, 16 * minuteMs]
    const { events, state } = liveThrough(
      policyOf(),
      at.map((atMs) => observeOf('active', atMs)),
    )
    expect(events.filter(({ kind }) => kind !== 'ObservationCounted')).toMatchObject([
      { kind: 'AlarmRaised', occurrences: 1 },
      { kind: 'EvidenceUpdated', occurrences: 5, observedAtMs: startMs + 15 * minuteMs, evidence: evidenceOf(15 * minuteMs) },
    ])
    expect(state.last?.occurrences).toBe(6)
    expect(state.evidence).toEqual(evidenceOf(16 * minuteMs))
  })

  it('is bounded: eight values, words cut', () => {
    const values = Array.from({ length: 9 }, (_, at) => ({ name: `v${at}`, value: 'x'.repeat(301), unit: '', observedAtMs: startMs }))
    const nine = values.map((one) => ({ ...one, value: 1 }))
    const short = liveThrough(policyOf(), [observeOf('active', 0, { evidence: { ...evidenceOf(0), values: nine } })]).state
    expect(short.evidence?.values).toEqual(nine.slice(0, 8))
    const { state } = liveThrough(policyOf(), [observeOf('active', 0, { evidence: { ...evidenceOf(0), values } })])
    expect(state.evidence?.values).toEqual(values.slice(0, 8).map((one) => ({ ...one, value: 'x'.repeat(300) })))
  })
})

it('severity steps both ways; the newest decides', () => {
  const commands = (['warning', 'major', 'minor'] as const).map((severity, at) => observeOf('active', at, { severity }))
  expect(liveThrough(policyOf(), commands).events).toMatchObject([
    { kind: 'AlarmRaised', severity: 'warning' },
    { kind: 'SeverityChanged', from: 'warning', to: 'major', occurrences: 2 },
    { kind: 'SeverityChanged', from: 'major', to: 'minor', occurrences: 3 },
  ])
})

describe('unknown', () => {
  it('cancels delays that run, and the first observation returns to what is', () => {
    const raising = liveThrough(delayed, [observeOf('active', 0), unknownOf(minuteMs), tick(dayMs)])
    expect(kindsOf(raising.events)).toEqual(['RaiseDelayStarted', 'RaiseDelayAbandoned', 'ConditionUnknown'])
    const back = liveThrough(delayed, [observeOf('active', dayMs + 1)], raising.state)
    expect(kindsOf(back.events)).toEqual(['ConditionKnown', 'RaiseDelayStarted'])
  })

  it('an alarm that was known active is the same episode afterwards, or clears', () => {
    const unknown = liveThrough(policyOf(), [observeOf('active', 0), unknownOf(minuteMs)])
    expect(unknown.state.condition).toEqual({ is: 'unknown', was: 'active', sinceMs: startMs + minuteMs })
    const active = liveThrough(policyOf(), [observeOf('active', 2 * minuteMs)], unknown.state)
    expect(kindsOf(active.events)).toEqual(['ConditionKnown', 'ObservationCounted'])
    expect(active.state.episode).toBe(1)
    const well = liveThrough(policyOf(), [observeOf('inactive', 2 * minuteMs)], unknown.state)
    expect(kindsOf(well.events)).toEqual(['ConditionKnown', 'AlarmCleared'])
    const between = liveThrough(policyOf(), [observeOf('between', 2 * minuteMs)], unknown.state)
    expect(between.events).toMatchObject([{ kind: 'ConditionKnown', is: 'active' }])
  })
})

describe('event-only types', () => {
  const panicked = liveThrough(eventOnlyPolicy, [observeOf('active', 0)]).state

  it('are over a day after the last repeat, to the millisecond', () => {
    const repeated = liveThrough(eventOnlyPolicy, [observeOf('active', minuteMs)], panicked)
    expect(kindsOf(repeated.events)).toEqual(['ObservationCounted'])
    expect(liveThrough(eventOnlyPolicy, [tick(dayMs + minuteMs - 1)], repeated.state).events).toEqual([])
    expect(liveThrough(eventOnlyPolicy, [tick(dayMs + minuteMs)], repeated.state).events).toMatchObject([
      { kind: 'AlarmCleared', cause: 'staleEvent', clearedAtMs: startMs + dayMs + minuteMs, occurrences: 2 },
    ])
  })

  it('a repeat a day later is the next episode', () => {
    const again = (atMs: number) => liveThrough(eventOnlyPolicy, [observeOf('active', atMs)], panicked).state.episode
    expect([again(dayMs - 1), again(dayMs)]).toEqual([1, 2])
  })

  it('a rule may want another time than a day', () => {
    const { state } = liveThrough({ ...eventOnlyPolicy, staleAfterMs: minuteMs }, [observeOf('active', 0)])
    expect(nextDueMs(state)).toBe(startMs + minuteMs)
  })

  it('are neither cleared by a quiet reading nor made unknown', () => {
    expect(liveThrough(eventOnlyPolicy, [observeOf('inactive', 1), unknownOf(2)], panicked).events).toEqual([])
  })
})

describe('retiring', () => {
  it('a rule that goes clears what it had raised, and gives up what it suspected', () => {
    const raised = liveThrough(policyOf(), [observeOf('active', 0), { kind: 'RetireRule', atMs: startMs + 9 }])
    expect(raised.events.at(-1)).toMatchObject({ kind: 'AlarmCleared', cause: 'ruleRetired', clearedAtMs: startMs + 9 })
    const raising = liveThrough(delayed, [observeOf('active', 0), { kind: 'RetireRule', atMs: startMs + 9 }])
    expect(raising.events.at(-1)).toMatchObject({ kind: 'RaiseDelayAbandoned', cause: 'ruleRetired' })
  })
})

describe('the common case', () => {
  it('a quiet observation of a stream that is normal, or has no state, is answered without work', () => {
    expect(changesNothing(undefined, observeOf('inactive', 0))).toBe(true)
    expect(changesNothing(initialAlarmState, observeOf('between', 0))).toBe(true)
    expect(changesNothing(undefined, observeOf('active', 0))).toBe(false)
    expect(changesNothing(liveThrough(policyOf(), [observeOf('active', 0)]).state, observeOf('inactive', 1))).toBe(false)
  })
})

it('of one millisecond at most 16 observations are told apart; more are taken for repeats', () => {
  const at = (n: number) => observeOf('active', 0, { sourceEventId: `device-events:0:${n}` })
  const { state, events } = liveThrough(
    policyOf(),
    Array.from({ length: idsPerMomentMax + 5 }, (_, n) => at(n)),
  )
  expect(events).toHaveLength(idsPerMomentMax)
  expect(state.last?.occurrences).toBe(idsPerMomentMax)
  expect(liveThrough(policyOf(), [observeOf('active', 1)], state).events).toHaveLength(1)
})
