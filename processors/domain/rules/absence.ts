/**
 * Is the device there: birth and will, its last message of any kind, a deadline learned from its gaps. By arrival and the
 * stage's time (ticks), never by the device's own. Not judged while devices cannot reach us, and for one deadline after: a
 * broker's restart is no outage of a device.
 */
import type { EvidenceValue } from '../../../model/alarm.ts'
import type { NeverSeenCondition, Rule, SilenceCondition } from '../../../model/rule.ts'
import { partsOfKey, streamKey, streamOf, never, type DeviceRuleState } from './state.ts'
import { type Run, type RuleContext, type Seen, tellActive, tellQuiet, tellUnknown } from './outcome.ts'

/** Gaps that the deadline is learned from, and how many it needs. */
export const arrivalGapsKept = 32
const gapsToLearn = 4
/** Messages of one round lie seconds apart: that is no gap. */
const gapLeastMs = 5_000
/** An hour of the day counts as usually off when it was so on about half of the last days. */
const usuallyAwayShare = 0.5
const awayStep = 0.2
const dayHours = 24
const hourMs = 3_600_000

/**
 * A message came: the device is there. One that is `aside` teaches no gap once gaps are known: log lines of a burst lie seconds
 * apart, and after it the device's usual quarter of an hour would be an outage.
 */
export const hear = (run: Run, aside = false): void => {
  const { state, context } = run
  const { nowMs } = context
  if (state.firstSeenMs === 0) state.firstSeenMs = nowMs
  const gapMs = nowMs - state.lastArrivalMs
  const teaches = !aside || state.arrivalGaps.length < gapsToLearn
  if (teaches && state.lastArrivalMs > 0 && gapMs >= gapLeastMs) {
    state.arrivalGaps.push(gapMs)
    if (state.arrivalGaps.length > arrivalGapsKept) state.arrivalGaps.shift()
  }
  if (state.lastArrivalMs > 0) noteHours(state, nowMs)
  state.lastArrivalMs = Math.max(state.lastArrivalMs, nowMs)
  state.lastOffset = context.offset
  state.goneMs = 0
  if (state.registeredMs > 0) {
    end(run, context.rules.neverSeen)
    state.registeredMs = 0
  }
  end(run, context.rules.silence)
}

const end = (run: Run, rule: Rule | null): void => {
  if (rule === null) return
  const stream = run.state.streams[streamKey(rule.id, '')]
  if (stream !== undefined) tellQuiet(run, rule, '', stream, seenOf(run, rule, run.context.nowMs, []))
}

const seenOf = ({ state, context }: Run, rule: Rule, atMs: number, values: EvidenceValue[]): Seen => ({
  atMs,
  firstOffset: Math.min(state.lastOffset, context.offset),
  lastOffset: context.offset,
  item: rule.id,
  values,
  raise: null,
  clear: null,
})

/** The will of the running session, or its goodbye. */
export const leave = ({ state, context }: Run): void => {
  if (state.goneMs === 0) state.goneMs = context.nowMs
}

/** How long it may be silent; null while its gaps are not known. */
export const deadlineMs = (state: DeviceRuleState, condition: SilenceCondition, expectedIntervalMs: number | null): number | null => {
  const { arrivalGaps } = state
  const learned = arrivalGaps.length < gapsToLearn ? null : p95(arrivalGaps)
  const gap = learned ?? expectedIntervalMs
  if (gap === null) return null
  return Math.max(condition.deadlineLeastMs, condition.gapFactor * gap, 1.5 * condition.keepAliveMs + 30_000)
}

/** Nearest rank. Of up to 39 values that is the greatest or the second: one pass, since it is asked at each tick that wakes a device. */
const p95 = (values: readonly number[]): number => {
  let [greatest, second] = [0, 0]
  for (const value of values) {
    if (value > greatest) [greatest, second] = [value, greatest]
    else if (value > second) second = value
  }
  return values.length - Math.ceil(values.length * 0.95) === 0 ? greatest : second
}

type Verdict = { dueMs: number; why: 'will' | 'silence'; deadlineMs: number }

/** When it is offline unless it speaks; null: not to be told, or it is told already. */
const dueOf = (
  state: DeviceRuleState,
  condition: SilenceCondition,
  healthySinceMs: number,
  expectedIntervalMs: number | null,
): Verdict | null => {
  const { goneMs, lastArrivalMs } = state
  if (goneMs > 0) return { dueMs: Math.max(goneMs, healthySinceMs) + condition.willDelayMs, why: 'will', deadlineMs: condition.willDelayMs }
  const deadline = deadlineMs(state, condition, expectedIntervalMs)
  if (lastArrivalMs === 0 || deadline === null) return null
  return { dueMs: Math.max(lastArrivalMs, healthySinceMs) + deadline, why: 'silence', deadlineMs: deadline }
}

/** The stage's time has passed to `nowMs`. */
export const passAbsence = (run: Run): void => {
  const { state, context } = run
  const { rules, healthySinceMs, nowMs } = context
  if (healthySinceMs === null) return
  const { silence, neverSeen } = rules
  if (neverSeen !== null && isNeverSeen(state, neverSeen.condition as NeverSeenCondition, nowMs)) tellNeverSeen(run, neverSeen)
  if (silence === null) return
  const condition = silence.condition as SilenceCondition
  const known = state.streams[streamKey(silence.id, '')]
  if (known !== undefined && known.told === 'active') {
    worsen(run, silence)
    return
  }
  const verdict = dueOf(state, condition, healthySinceMs, context.profile.expectedIntervalMs)
  if (verdict === null || nowMs < verdict.dueMs) return
  const stream = streamOf(state, streamKey(silence.id, ''))
  if (stream === undefined) {
    context.onLimit('rule-streams-per-device')
    return
  }
  tellActive(run, silence, '', stream, seenOf(run, silence, verdict.dueMs, valuesOf(state, verdict)), {
    severity: silence.severity,
    onDelayMs: 0,
  })
  if (stream.told === 'active') allUnknown(run, silence)
}

const valuesOf = (state: DeviceRuleState, { why, deadlineMs: deadline, dueMs }: Verdict): EvidenceValue[] => [
  { name: why === 'will' ? 'presence.will' : 'presence.silence', value: deadline, unit: 'ms', observedAtMs: dueMs },
  { name: 'presence.last_message', value: null, unit: '', observedAtMs: state.lastArrivalMs },
  { name: 'presence.usually_away', value: awayShare(state, dueMs), unit: '1', observedAtMs: dueMs },
]

/** After so long it is graver, save in the hours in which it usually is off. */
const worsen = (run: Run, rule: Rule): void => {
  const stream = run.state.streams[streamKey(rule.id, '')]
  if (stream === undefined) return
  for (const step of rule.steps) {
    if (step.by !== 'time' || run.context.nowMs < stream.sinceMs + step.afterMs) continue
    if (stream.severity === step.severity) continue
    if (isUsuallyAway(run.state, run.context.nowMs)) {
      run.state.awayLookMs = run.context.nowMs + hourMs
      continue
    }
    const atMs = Math.max(stream.toldMs, stream.sinceMs + step.afterMs)
    tellActive(
      run,
      rule,
      '',
      stream,
      { ...seenOf(run, rule, atMs, []), item: `${rule.id} ${step.severity}` },
      { severity: step.severity, onDelayMs: 0 },
    )
  }
}

/** Unknown is not cleared: what is told of a device that is away is neither up nor down. */
const allUnknown = (run: Run, silence: Rule): void => {
  for (const [key, stream] of Object.entries(run.state.streams)) {
    const [id, qualifier] = partsOfKey(key)
    const rule = run.context.rules.rules.get(id)
    if (rule === undefined || rule === silence || stream.told !== 'active') continue
    const { condition } = rule
    const observed =
      condition.form === 'level' ||
      condition.form === 'gap' ||
      (condition.form === 'count' && !condition.events.every(({ of }) => of === 'session')) ||
      (condition.form === 'event' && condition.clearOn.length > 0)
    if (observed) tellUnknown(run, rule, qualifier, stream, 'device offline')
  }
}

const isNeverSeen = (state: DeviceRuleState, { afterMs }: NeverSeenCondition, nowMs: number): boolean =>
  state.registeredMs > 0 && state.firstSeenMs === 0 && nowMs >= state.registeredMs + afterMs

const tellNeverSeen = (run: Run, rule: Rule): void => {
  const stream = streamOf(run.state, streamKey(rule.id, ''))
  if (stream === undefined || stream.told === 'active') return
  const { afterMs } = rule.condition as NeverSeenCondition
  const atMs = run.state.registeredMs + afterMs
  const values = [{ name: 'inventory.registered', value: null, unit: '', observedAtMs: run.state.registeredMs }]
  tellActive(run, rule, '', stream, seenOf(run, rule, atMs, values), { severity: rule.severity })
}

/** The stage's time at which `passAbsence` has something to say; `never`: not unless a message comes. */
export const absenceDueMs = (
  state: DeviceRuleState,
  { rules, profile }: Pick<RuleContext, 'rules' | 'profile'>,
  healthySinceMs: number,
): number => {
  const { silence, neverSeen } = rules
  let dueMs = never
  if (
    neverSeen !== null &&
    state.registeredMs > 0 &&
    state.firstSeenMs === 0 &&
    state.streams[streamKey(neverSeen.id, '')]?.told !== 'active'
  )
    dueMs = state.registeredMs + (neverSeen.condition as NeverSeenCondition).afterMs
  if (silence === null) return dueMs
  const stream = state.streams[streamKey(silence.id, '')]
  if (stream?.told === 'active') {
    for (const step of silence.steps) {
      if (step.by !== 'time' || stream.severity === step.severity) continue
      dueMs = Math.min(dueMs, Math.max(stream.sinceMs + step.afterMs, state.awayLookMs))
    }
    return dueMs
  }
  const verdict = dueOf(state, silence.condition as SilenceCondition, healthySinceMs, profile.expectedIntervalMs)
  return verdict === null ? dueMs : Math.min(dueMs, verdict.dueMs)
}

// ----------------------------------------------------------------------------------------------------------- usual hours

/** Once per hour in which it speaks; the hours in between it was away. */
const noteHours = (state: DeviceRuleState, nowMs: number): void => {
  const hour = Math.floor(nowMs / hourMs)
  if (hour === state.hour) return
  if (state.awayHours.length === 0) state.awayHours = new Array<number>(dayHours).fill(0)
  if (state.hour >= 0)
    for (let between = Math.max(state.hour + 1, hour - dayHours); between < hour; between++) move(state, between % dayHours, 1)
  move(state, hour % dayHours, 0)
  state.hour = hour
}

const move = ({ awayHours }: DeviceRuleState, hour: number, away: 0 | 1): void => {
  awayHours[hour] = Math.round(((awayHours[hour] ?? 0) * (1 - awayStep) + away * awayStep) * 1_000) / 1_000
}

const awayShare = ({ awayHours }: DeviceRuleState, atMs: number): number => awayHours[Math.floor(atMs / hourMs) % dayHours] ?? 0
/** Switched off within the hour before: the next one decides. */
export const isUsuallyAway = (state: DeviceRuleState, atMs: number): boolean =>
  Math.max(awayShare(state, atMs), awayShare(state, atMs + hourMs)) >= usuallyAwayShare
