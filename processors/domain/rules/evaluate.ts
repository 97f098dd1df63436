/**
 * The rules of one device: what a message says goes in, commands for its alarms come out. Pure: state, input and context
 * decide, never a clock; the state given is changed in place and returned. Called by the device stage for each new event of a
 * device (in offset order, after the de-duplication) and for each device that is due at a tick.
 * Before: `inputs.ts`.  After: `processors/domain/alarms`.
 *
 * Live or late: what is older than the device's own time (its window is closed, its newer reading is known, or for events more
 * than a minute older) never changes a live condition. Its stretch is judged again (`rejudge.ts`).
 */
import type { LogClass } from '../log-classes.ts'
import { believedAheadMs } from '../placed-time.ts'
import { hash32 } from '../hash.ts'
import { absenceDueMs, hear, leave, passAbsence } from './absence.ts'
import { type BootInput, bootWithoutReason, readBoot } from './boots.ts'
import type { Trigger } from './compile.ts'
import { happen, noteValue, recheckGuards } from './events.ts'
import { type FactsInput, readFacts } from './facts.ts'
import { readLevel } from './levels.ts'
import { noteGuards } from './past-guards.ts'
import { ruleOfPast } from './past.ts'
import { eventSlackMs, isLate } from './rejudge.ts'
import { beyond, type RuleContext, type RuleOutcome, type Run } from './outcome.ts'
import { noteJump, noteSignal, passStage, passTime } from './passing.ts'
import { processOf, qualifierOf } from './qualifiers.ts'
import { type RadioReading, readRadio } from './radio-readings.ts'
import { type Change, changesBy } from './recent.ts'
import { type DeviceRuleState, isNewest, never, partsOfKey } from './state.ts'

export type RuleInput =
  /** Any message of the device but a will, a stored copy or a re-driven letter; first of the inputs of its event. */
  /** `aside`: said because something happened, not by a timer. */
  | { kind: 'heard'; aside?: boolean }
  | { kind: 'measurement'; metric: string; attributes: string; value: number; atMs: number }
  /** A step of a counter that counts (`ok`, `reset`, `wrap`). */
  | { kind: 'counter'; metric: string; attributes: string; delta: number; seconds: number; atMs: number }
  | { kind: 'radio'; reading: RadioReading; atMs: number }
  | ({ kind: 'facts' } & FactsInput)
  | { kind: 'log'; class: LogClass | 'burst' | ''; message: string; program: string | null; line: number; atMs: number }
  | ({ kind: 'boot' } & BootInput)
  /** A change that the presence projection accepted, in the order of arrival. */
  | { kind: 'presence'; state: 'online' | 'offline' | 'unknown'; sessionId: string | null }
  /** An estimate of the clock's skew. */
  | { kind: 'clock'; skewMs: number; atMs: number }
  /** The inventory has the device. */
  | { kind: 'registered' }
  | { kind: 'tick' }

/** Silent for so long by arrival, the stage's time stands for the device's own: its open windows end. */
export const silentMs = 5 * 60_000

export const evaluate = (state: DeviceRuleState, input: RuleInput, context: RuleContext): RuleOutcome => {
  const run: Run = { state, context, commands: [] }
  if (state.past === undefined) beginPast(state)
  if (state.rules !== context.rules.id) adopt(run)
  // Placed while the recorder's clock was ahead: what arrives now is newer.
  if (state.watermarkMs > context.nowMs + believedAheadMs) forgetTimes(state, context.nowMs)
  read(run, input)
  if ('atMs' in input) {
    if (input.atMs > state.watermarkMs) {
      if (state.watermarkMs > 0) noteJump(state, context.rules, state.watermarkMs, input.atMs)
      state.watermarkMs = input.atMs
    }
    if (state.watermarkMs >= state.dueMs) passTime(run, state.watermarkMs)
  }
  return run
}

/** When a tick has something to say to this device; it needs to be called no earlier, and not while `healthySinceMs` is null. */
export const nextTickMs = (state: DeviceRuleState, context: Pick<RuleContext, 'rules' | 'profile'>, healthySinceMs: number): number =>
  Math.min(
    state.stageDueMs,
    state.pendingBoot?.dueMs ?? never,
    absenceDueMs(state, context, healthySinceMs),
    state.dueMs === never ? never : Math.max(state.lastArrivalMs + silentMs, state.dueMs),
  )

const read = (run: Run, input: RuleInput): void => {
  switch (input.kind) {
    case 'heard':
      hear(run, input.aside === true)
      return
    case 'measurement':
      readMeasurement(run, input)
      return
    case 'counter': {
      const signal = run.context.rules.counters.get(input.metric)
      if (signal === undefined) return
      const { levels, attributes } = signal.of(input.attributes)
      if (levels.length > 0 && input.seconds > 0)
        readLevel(run, levels, { ...input, name: input.metric, value: input.delta / input.seconds }, (rule) =>
          qualifierOf(rule, attributes),
        )
      noteSignal(run, signal.gaps, input.metric, input.atMs)
      return
    }
    case 'radio':
      noteSignal(run, run.context.rules.radioGaps, 'radio', input.atMs)
      readRadio(run, input.reading, input.atMs)
      return
    case 'facts':
      readFacts(run, input)
      return
    case 'log':
      readLog(run, input)
      return
    case 'boot':
      readBoot(run, input)
      return
    case 'presence':
      readPresence(run, input)
      return
    case 'clock':
      if (run.context.rules.clock.length > 0)
        readLevel(
          run,
          run.context.rules.clock,
          { name: 'clock.skew', attributes: '', value: Math.abs(input.skewMs), atMs: input.atMs },
          () => '',
        )
      return
    case 'registered':
      if (run.state.registeredMs === 0 && run.state.firstSeenMs === 0) run.state.registeredMs = run.context.nowMs
      return
    case 'tick':
      tick(run)
  }
}

const readMeasurement = (run: Run, { metric, attributes: text, value, atMs }: RuleInput & { kind: 'measurement' }): void => {
  const signal = run.context.rules.metrics.get(metric)
  if (signal === undefined) return
  const { levels, radio, readings, edges, kept, attributes } = signal.of(text)
  const { state } = run
  const newest = (readings.length === 0 && !kept) || isNewest(state, `${metric}\n${text}`, atMs)
  const own = { atMs, value }
  const changes = kept || edges.length > 0 ? changesBy(state, `${metric}\n${text}`, own, state.watermarkMs - eventSlackMs) : noChange
  if (kept && newest && atMs >= state.watermarkMs - eventSlackMs) state.readings[metric] = value
  if (kept) {
    noteGuards(run, metric, value, atMs)
    recheckGuards(run, metric, atMs)
  }
  if (levels.length > 0) readLevel(run, levels, { name: metric, attributes: text, value, atMs }, (rule) => qualifierOf(rule, attributes))
  if (radio.length > 0) readLevel(run, radio, { name: metric, attributes: '', value, atMs }, noQualifier)
  for (const { rule, matcher, role } of readings)
    if ((newest || isLate(run, atMs)) && beyond(matcher.level, value))
      happen(run, rule, matcher, role, qualifierOf(rule, attributes), { atMs, item: 0, tag: 0, name: metric, value, byArrival: false })
  for (const { rule } of edges) noteValue(run, rule, `${metric}\n${text}`, `${metric} edge`, value, atMs)
  for (const change of changes)
    for (const { rule, matcher, role } of edges)
      happen(run, rule, matcher, role, '', { ...change, item: 0, tag: 0, name: `${metric} edge`, byArrival: false })
  noteSignal(run, signal.gaps, metric, atMs)
}

const noChange: readonly Change[] = []

const readLog = (run: Run, { class: lineClass, message, program, line, atMs }: RuleInput & { kind: 'log' }): void => {
  const { logs, logPatterns } = run.context.rules
  const happening = {
    atMs,
    item: line,
    tag: 0,
    name: lineClass === '' ? 'log' : `log ${lineClass}`,
    value: message.slice(0, 200),
    byArrival: false,
  }
  const qualifier = (trigger: Trigger): string => (trigger.rule.qualifier === 'process' ? processOf(message, program) : '')
  for (const trigger of logs.get(lineClass) ?? []) happen(run, trigger.rule, trigger.matcher, trigger.role, qualifier(trigger), happening)
  for (const { trigger, pattern } of logPatterns)
    if (pattern.test(message.length > 4_096 ? message.slice(0, 4_096) : message))
      happen(run, trigger.rule, trigger.matcher, trigger.role, qualifier(trigger), happening)
}

const noQualifier = (): string => ''

// ------------------------------------------------------------------------------------------------------------- presence

const readPresence = (run: Run, { state: presence, sessionId }: RuleInput & { kind: 'presence' }): void => {
  const { state, context } = run
  if (presence === 'unknown') return
  if (presence === 'offline') {
    leave(run)
    return
  }
  const session = sessionId === null ? 0 : hash32(sessionId)
  const started = state.goneMs > 0 || session === 0 || session !== state.session
  state.session = session
  hear(run)
  if (!started) return
  for (const { rule, matcher, role } of context.rules.sessions)
    happen(run, rule, matcher, role, '', { atMs: context.nowMs, item: 0, tag: 0, name: 'session', value: null, byArrival: true })
}

// ---------------------------------------------------------------------------------------------------------------- times

const tick = (run: Run): void => {
  const { state, context } = run
  const { nowMs } = context
  const { pendingBoot } = state
  if (pendingBoot !== null && nowMs >= pendingBoot.dueMs) {
    state.pendingBoot = null
    bootWithoutReason(run, pendingBoot)
  }
  if (nowMs >= state.stageDueMs) passStage(run)
  if (nowMs >= state.dueMs && nowMs >= state.lastArrivalMs + silentMs) passWindows(run)
  passAbsence(run)
}

/** A silent device's windows end by the stage's time; nothing is missing of it but itself. */
const passWindows = (run: Run): void => {
  const { state, context } = run
  const held = state.cadences
  state.cadences = {}
  passTime(run, context.nowMs)
  state.cadences = held
}

/** Nothing is known of what an earlier release was told. */
const beginPast = (state: DeviceRuleState): void => {
  state.past = {}
  if (state.watermarkMs > 0) state.pastFromMs = state.watermarkMs
}

const forgetTimes = (state: DeviceRuleState, nowMs: number): void => {
  state.watermarkMs = 0
  state.resumedMs = 0
  state.dueMs = never
  for (const series of Object.values(state.series))
    Object.assign(series, { lastMs: 0, windowMs: -1, closedMs: -1, times: [], values: [], late: null, partial: undefined })
  for (const { cadence } of Object.values(state.series)) cadence.lastMs = 0
  for (const cadence of Object.values(state.cadences)) cadence.lastMs = 0
  for (const usual of Object.values(state.usual)) usual.lastMs = 0
  delete state.recent
  // What lies before is no longer known, and is not held to be: it is counted when it comes late.
  state.past = {}
  state.pastFromMs = nowMs
  delete state.pastOpen
  for (const key of Object.keys(state.readings)) if (key.startsWith('at\n')) Reflect.deleteProperty(state.readings, key)
  for (const stream of Object.values(state.streams)) stream.toldMs = 0
}

/** Other rules hold from now on: streams of those that are gone are retired, series that nobody reads are dropped. */
const adopt = (run: Run): void => {
  const { state, context } = run
  const { rules } = context.rules
  for (const [key, stream] of Object.entries(state.streams)) {
    const [id, qualifier] = partsOfKey(key)
    if (rules.has(id)) continue
    if (stream.told !== 'none')
      run.commands.push({
        key: { resource: context.resource, type: id, qualifier },
        rule: null,
        delays: { onDelayMs: 0, offDelayMs: 0 },
        command: { kind: 'RetireRule', atMs: context.nowMs },
      })
    Reflect.deleteProperty(state.streams, key)
  }
  for (const key of Object.keys(state.past ?? {})) {
    const id = ruleOfPast(key)
    if (id !== '' && !rules.has(id)) Reflect.deleteProperty(state.past ?? {}, key)
  }
  if (state.rules !== '') dropUnread(run)
  state.rules = context.rules.id
}

const dropUnread = ({ state, context }: Run): void => {
  const { rules } = context
  const read = new Set([
    ...rules.metrics.keys(),
    ...rules.counters.keys(),
    ...(rules.clock.length > 0 ? ['clock.skew'] : []),
    ...rules.radioLevels.map(({ series }) => series),
  ])
  for (const key of Object.keys(state.series)) if (!read.has(partsOfKey(key)[0])) Reflect.deleteProperty(state.series, key)
}
