/** Alarm types, observations and generated lives of one stream, for tests of the alarm decider and of what follows it. */
import fc from 'fast-check'
import type { AlarmEvent, RecordedAlarmEvent } from '../model/alarm-event.ts'
import type { AlarmCommand, AlarmKey, AlarmType, Evidence, Observe, ObserveUnknown, OperatorCommand, Severity } from '../model/alarm.ts'
import type { Result } from '../model/result.ts'
import { createAlarmDecider } from '../processors/domain/alarms/alarm-decider.ts'
import { type AlarmState, initialAlarmState } from '../processors/domain/alarms/alarm-state.ts'
import type { AlarmPolicy, Refusal } from '../processors/domain/alarms/draft.ts'

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs
export const dayMs = 24 * hourMs
/** 2026-03-01T00:00:00Z, the begin of a 15-minute period. */
export const startMs = 1_772_323_200_000

export const alarmKey: AlarmKey = { resource: 'dwr/311-a1/00-11-22-33-44-55', type: 'radio.rsrp-poor', qualifier: '' }
export const stream = 'alarm-default-0123456789abcdef'

export const alarmType = (change: Partial<AlarmType> = {}): AlarmType => ({
  type: 'radio.rsrp-poor',
  eventType: 'communications',
  willClear: true,
  eventOnly: false,
  severities: ['warning', 'minor', 'major', 'critical'],
  cause: 'The modem hears its cell weakly',
  action: 'Check antenna and place',
  runbook: 'radio.md',
  ...change,
})

export const policyOf = (change: Partial<AlarmPolicy> = {}): AlarmPolicy => ({ type: alarmType(), onDelayMs: 0, offDelayMs: 0, ...change })
/** Reports what happened: a panic. */
export const eventOnlyPolicy = policyOf({ type: alarmType({ eventOnly: true, willClear: false }) })

export const evidenceOf = (offset: number, value = -120): Evidence => ({
  topic: 'device-events',
  partition: 0,
  firstOffset: offset,
  lastOffset: offset,
  values: [{ name: 'cellular.rsrp', value, unit: 'dBm', observedAtMs: startMs }],
  raiseLevel: -115,
  clearLevel: -110,
})

/** `atMs` counts from `startMs`; the device's clock is right and nothing is under way unless `change` says so. */
export const observeOf = (verdict: Observe['verdict'], atMs: number, change: Partial<Observe> = {}): Observe => ({
  kind: 'Observe',
  sourceEventId: `device-events:0:${atMs}:${verdict}`,
  verdict,
  severity: 'major',
  observedAtMs: startMs + atMs,
  atMs: startMs + atMs,
  watermarkMs: null,
  ruleVersion: 1,
  evidence: verdict === 'active' ? evidenceOf(atMs) : null,
  ...change,
})

export const unknownOf = (atMs: number): ObserveUnknown => ({
  kind: 'ObserveUnknown',
  sourceEventId: `device-events:0:${atMs}:unknown`,
  reason: 'device offline',
  observedAtMs: startMs + atMs,
  atMs: startMs + atMs,
  watermarkMs: null,
  ruleVersion: 1,
})

export const tick = (atMs: number): AlarmCommand => ({ kind: 'TimerFired', atMs: startMs + atMs })

export const by = (atMs: number, expectedEpisode = 1) => ({
  actor: 'ann',
  commandId: `cmd-${atMs}`,
  expectedEpisode,
  atMs: startMs + atMs,
})

export type Life = { state: AlarmState; events: AlarmEvent[]; refusals: Refusal[] }

/** Commands one after the other; a refused one changes nothing. */
export const liveThrough = (policy: AlarmPolicy, commands: readonly AlarmCommand[], state = initialAlarmState): Life => {
  const decider = createAlarmDecider(policy)
  const life: Life = { state, events: [], refusals: [] }
  for (const command of commands) {
    const stepped = decider.step(life.state, command)
    if (!stepped.ok) life.refusals.push(stepped.reason)
    else {
      life.state = stepped.value.state
      life.events.push(...stepped.value.events)
    }
  }
  return life
}

export const recorded = (events: readonly AlarmEvent[]): RecordedAlarmEvent[] => events.map((event) => ({ stream, key: alarmKey, event }))

// ------------------------------------------------------------------------------------------------------ generated lives

export type Moment = {
  before: AlarmState
  command: AlarmCommand
  answer: Result<readonly AlarmEvent[], Refusal>
  after: AlarmState
}
export type GeneratedLife = { policy: AlarmPolicy; moments: Moment[] }

type Plan = {
  advanceMs: number
  make: (context: { atMs: number; count: number; watermarkMs: number; state: AlarmState; told: AlarmCommand[] }) => AlarmCommand
}

const severityArbitrary = fc.constantFrom<Severity>('warning', 'minor', 'major', 'critical')
/** Where the decider's bounds lie, on, before and behind them. */
const advanceArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 999, 1_000, 59_999, minuteMs, minuteMs + 1, 5 * minuteMs, 15 * minuteMs) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 * minuteMs }) },
  { weight: 1, arbitrary: fc.constantFrom(hourMs, 8 * hourMs, 8 * hourMs + 1, dayMs - 1, dayMs, 7 * dayMs, 31 * dayMs) },
)
const lagArbitrary = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constantFrom(1, 30_000, 10 * minuteMs, 3 * hourMs, -3 * minuteMs, -5 * minuteMs, -5 * minuteMs - 1, -dayMs) },
)

const observationPlan: fc.Arbitrary<Plan['make']> = fc
  .record({
    verdict: fc.constantFrom('active', 'active', 'inactive', 'between', 'unknown'),
    severity: severityArbitrary,
    lagMs: lagArbitrary,
    knowsWatermark: fc.boolean(),
    ruleVersion: fc.constantFrom(1, 1, 1, 2),
  })
  .map(({ verdict, severity, lagMs, knowsWatermark, ruleVersion }) => ({ atMs, count, watermarkMs }) => {
    const common = {
      sourceEventId: `device-events:0:${count}`,
      observedAtMs: atMs - lagMs,
      atMs,
      ruleVersion,
      watermarkMs: knowsWatermark ? watermarkMs : null,
    }
    return verdict === 'unknown'
      ? { kind: 'ObserveUnknown', ...common, reason: 'device offline' }
      : {
          kind: 'Observe',
          ...common,
          verdict: verdict,
          severity,
          evidence: verdict === 'active' ? evidenceOf(count) : null,
        }
  })

const operatorPlan: fc.Arbitrary<Plan['make']> = fc
  .record({
    kind: fc.constantFrom(
      'Acknowledge',
      'Acknowledge',
      'Unacknowledge',
      'Close',
      'Comment',
      'Assign',
      'ClearManually',
      'Shelve',
      'Unshelve',
    ),
    stale: fc.constantFrom(false, false, false, true),
    force: fc.boolean(),
    shelfMs: fc.constantFrom(null, 0, 1, hourMs, 7 * dayMs, 7 * dayMs + 1),
    reason: fc.constantFrom('planned works', ' ', ''),
  })
  .map(({ kind, stale, force, shelfMs, reason }) => ({ atMs, count, state }) => {
    const who = { actor: 'ann', commandId: `cmd-${count}`, expectedEpisode: state.episode - (stale ? 1 : 0), atMs }
    const byKind: Record<OperatorCommand['kind'], OperatorCommand> = {
      Acknowledge: { kind: 'Acknowledge', ...who },
      Unacknowledge: { kind: 'Unacknowledge', ...who },
      Close: { kind: 'Close', reason, ...who },
      Comment: { kind: 'Comment', text: reason, ...who },
      Assign: { kind: 'Assign', to: 'bob', ticket: null, ...who },
      ClearManually: { kind: 'ClearManually', reason, force, ...who },
      Shelve: { kind: 'Shelve', reason, untilMs: shelfMs === null ? null : atMs + shelfMs, oneShot: shelfMs === null, ...who },
      Unshelve: { kind: 'Unshelve', ...who },
    }
    return byKind[kind]
  })

const systemPlan: fc.Arbitrary<Plan['make']> = fc
  .record({
    kind: fc.constantFrom('Suppress', 'Suppress', 'Unsuppress', 'Correlate', 'Uncorrelate', 'RetireRule', 'RetireResource', 'Purge'),
    name: fc.constantFrom('a', 'b', 'c'),
    untilMs: fc.constantFrom(null, null, 0, hourMs),
    role: fc.constantFrom('root' as const, 'symptom' as const),
  })
  .map(({ kind, name, untilMs, role }) => ({ atMs }) => {
    switch (kind) {
      case 'Suppress': {
        const suppressor = {
          kind: untilMs === null ? ('alarm' as const) : ('maintenance' as const),
          by: name,
          untilMs: untilMs === null ? null : atMs + untilMs,
        }
        return { kind, suppressor, reason: 'offline', atMs }
      }
      case 'Unsuppress':
        return { kind, by: name, atMs }
      case 'Correlate':
        return { kind, situation: name, role, reason: 'same cell', atMs }
      case 'Uncorrelate':
        return { kind, situation: name, atMs }
      case 'RetireRule':
      case 'RetireResource':
        return { kind, atMs }
      default:
        return { kind: 'Purge', atMs }
    }
  })

const latePlan: fc.Arbitrary<Plan['make']> = fc
  .record({
    kind: fc.constantFrom('FindEpisodeLate', 'Amend', 'Retract'),
    agoMs: fc.integer({ min: 1, max: 7 * dayMs }),
    severity: severityArbitrary,
    episode: fc.integer({ min: 0, max: 4 }),
    foundLate: fc.boolean(),
  })
  .map(({ kind, agoMs, severity, episode, foundLate }) => ({ atMs, count }) => {
    const finding = { sourceEventId: `device-events:0:${count}`, reason: 'told late', ruleVersion: 1, atMs }
    const of = { episode, foundLate }
    if (kind === 'FindEpisodeLate') {
      return { kind, ...finding, raisedAtMs: atMs - agoMs, clearedAtMs: atMs - agoMs / 2, severity, evidence: evidenceOf(count) }
    }
    return kind === 'Amend'
      ? { kind, ...finding, of, raisedAtMs: atMs - agoMs, clearedAtMs: null, severity: null }
      : { kind: 'Retract', ...finding, of }
  })

const planArbitrary: fc.Arbitrary<Plan> = fc.record({
  advanceMs: advanceArbitrary,
  make: fc.oneof(
    { weight: 10, arbitrary: observationPlan },
    { weight: 4, arbitrary: fc.constant<Plan['make']>(({ atMs }) => ({ kind: 'TimerFired', atMs })) },
    { weight: 5, arbitrary: operatorPlan },
    { weight: 3, arbitrary: systemPlan },
    { weight: 1, arbitrary: latePlan },
    // What was told before comes again, word for word.
    {
      weight: 2,
      arbitrary: fc.nat().map(
        (pick): Plan['make'] =>
          ({ told, atMs }) =>
            told[pick % Math.max(1, told.length)] ?? { kind: 'TimerFired', atMs },
      ),
    },
  ),
})

const policyArbitrary: fc.Arbitrary<AlarmPolicy> = fc.record({
  type: fc.constantFrom(alarmType(), alarmType(), alarmType({ willClear: false }), alarmType({ willClear: false, eventOnly: true })),
  onDelayMs: fc.constantFrom(0, 0, minuteMs, 5 * minuteMs),
  offDelayMs: fc.constantFrom(0, 0, minuteMs, 5 * minuteMs),
})

/** A stream's life from its first command: whole, with all that was refused. */
export const lifeArbitrary = (change: Partial<AlarmPolicy> = {}, commandsMax = 60): fc.Arbitrary<GeneratedLife> =>
  fc
    .tuple(policyArbitrary, fc.array(planArbitrary, { minLength: 1, maxLength: commandsMax, size: 'max' }))
    .map(([policy, plans]) => live({ ...policy, ...change }, plans))

const live = (policy: AlarmPolicy, plans: readonly Plan[]): GeneratedLife => {
  const decider = createAlarmDecider(policy)
  const moments: Moment[] = []
  const told: AlarmCommand[] = []
  let state = decider.initialState
  let atMs = startMs
  let watermarkMs = startMs
  for (const [count, { advanceMs, make }] of plans.entries()) {
    atMs += advanceMs
    const command = make({ atMs, count, watermarkMs, state, told })
    if (command.kind === 'Observe') watermarkMs = Math.max(watermarkMs, Math.min(command.observedAtMs, atMs + 5 * minuteMs))
    told.push(command)
    const answer = decider.decide(state, command)
    const after = answer.ok ? answer.value.reduce(decider.evolve, state) : state
    moments.push({ before: state, command, answer, after })
    state = after
  }
  return { policy, moments }
}

export const eventsOf = ({ moments }: GeneratedLife): AlarmEvent[] => moments.flatMap(({ answer }) => (answer.ok ? [...answer.value] : []))
