/**
 * What the rules say: commands for the alarm decider. Only changes are told (and
 * for what stands, evidence once in 15 minutes): a reading that raises nothing costs the decider nothing.
 */
import type { AlarmDelays, AlarmKey, Evidence, EvidenceValue, Observe, ObserveUnknown, Severity } from '../../../model/alarm.ts'
import { severityRank } from '../../../model/alarm.ts'
import type { DeviceProfile, Level, Rule } from '../../../model/rule.ts'
import { ropMs } from '../../../model/rule.ts'
import type { Rejudge } from '../alarms/late-findings.ts'
import type { CompiledRules } from './compile.ts'
import { type DeviceRuleState, type Stream, streamKey } from './state.ts'

/** To the stream of `key`; the decider is made with these delays and the rule's `alarmTypeOf`. */
export type RuleCommand = {
  key: AlarmKey
  /** Null: it holds no more, the stream is retired. */
  rule: Rule | null
  delays: AlarmDelays
  command: Observe | ObserveUnknown | { kind: 'RetireRule'; atMs: number } | Rejudge
}

export type RuleOutcome = { commands: readonly RuleCommand[]; state: DeviceRuleState }

/** Bounds that were reached, for metrics. */
export type RuleLimit = 'late-beyond-history' | 'rule-series-per-device' | 'rule-streams-per-device'

export type RuleContext = {
  /** Of this device's profile (`compile.ts`), made once and kept by the caller. */
  rules: CompiledRules
  profile: DeviceProfile
  /** `<product>/<model>/<mac>`. */
  resource: string
  /** The record that is run. */
  partition: number
  offset: number
  /** The stage's time. */
  nowMs: number
  /** Since when devices can reach us without a break, by the stage's time; null: they cannot now, absence is not judged. */
  healthySinceMs: number | null
  onLimit: (limit: RuleLimit) => void
}

/** One evaluation in progress. */
export type Run = { state: DeviceRuleState; context: RuleContext; commands: RuleCommand[] }

export type Seen = {
  atMs: number
  firstOffset: number
  lastOffset: number
  /** Tells observations of one record apart. */
  item: string
  values: readonly EvidenceValue[]
  raise: Level | null
  clear: Level | null
}

export const evidenceOf = ({ context }: Run, { firstOffset, lastOffset, values, raise, clear }: Seen): Evidence => ({
  topic: 'device-events',
  partition: context.partition,
  firstOffset,
  lastOffset,
  values,
  raiseLevel: raise?.value ?? null,
  clearLevel: clear?.value ?? null,
})

export const sourceId = ({ context }: Run, item: string): string =>
  `device-events:${context.partition}:${context.offset}${item === '' ? '' : `#${item}`}`

export const keyOf = ({ context }: Run, rule: Rule, qualifier: string): AlarmKey => ({
  resource: context.resource,
  type: rule.id,
  qualifier,
})

const delaysOf = (rule: Rule, onDelayMs: number): AlarmDelays => ({
  onDelayMs,
  offDelayMs: rule.offDelayMs,
  ...(rule.condition.form === 'event' && rule.condition.staleAfterMs !== null ? { staleAfterMs: rule.condition.staleAfterMs } : {}),
})

/** In its first days a device is only learned from. */
export const isLearning = ({ state, context }: Run, rule: Rule): boolean =>
  rule.learnMs > 0 && context.nowMs - state.firstSeenMs < rule.learnMs

export type Telling = { severity: Severity; onDelayMs?: number; always?: boolean }

/** Tells that it is so. Nothing when it was told within these 15 minutes and is no worse or better, or is history. */
export const tellActive = (run: Run, rule: Rule, qualifier: string, stream: Stream, seen: Seen, telling: Telling): void => {
  const rop = Math.floor(seen.atMs / ropMs)
  const repeats = stream.told === 'active' && stream.severity === telling.severity && stream.toldRop === rop
  if (seen.atMs < stream.toldMs || (repeats && telling.always !== true) || isLearning(run, rule)) return
  if (stream.told !== 'active') {
    stream.sinceMs = seen.atMs
    stream.onDelayMs = telling.onDelayMs ?? rule.onDelayMs
  }
  stream.told = 'active'
  stream.severity = telling.severity
  stream.toldMs = seen.atMs
  stream.toldRop = rop
  push(run, rule, qualifier, stream.onDelayMs, {
    kind: 'Observe',
    sourceEventId: sourceId(run, seen.item),
    verdict: 'active',
    severity: telling.severity,
    observedAtMs: seen.atMs,
    atMs: run.context.nowMs,
    watermarkMs: null,
    ruleVersion: rule.version,
    evidence: evidenceOf(run, seen),
  })
}

/** Tells that it is over (or, after an absence, that it stands as it did), and forgets the stream unless it has events to count. */
export const tellQuiet = (
  run: Run,
  rule: Rule,
  qualifier: string,
  stream: Stream,
  seen: Seen,
  verdict: 'inactive' | 'between' = 'inactive',
): void => {
  if (stream.told === 'none' || seen.atMs < stream.toldMs) return
  stream.told = verdict === 'inactive' ? 'none' : 'active'
  stream.toldMs = seen.atMs
  push(run, rule, qualifier, stream.onDelayMs, {
    kind: 'Observe',
    sourceEventId: sourceId(run, seen.item),
    verdict,
    severity: rule.severity,
    observedAtMs: seen.atMs,
    atMs: run.context.nowMs,
    watermarkMs: null,
    ruleVersion: rule.version,
    evidence: evidenceOf(run, seen),
  })
  if (verdict === 'inactive' && stream.ring.length === 0) forget(run, rule, qualifier)
}

export const tellUnknown = (run: Run, rule: Rule, qualifier: string, stream: Stream, reason: string): void => {
  const { state, context } = run
  stream.told = 'unknown'
  stream.toldMs = Math.max(context.nowMs, state.watermarkMs)
  push(run, rule, qualifier, stream.onDelayMs, {
    kind: 'ObserveUnknown',
    sourceEventId: sourceId(run, `${rule.id} unknown`),
    reason,
    observedAtMs: stream.toldMs,
    atMs: context.nowMs,
    watermarkMs: null,
    ruleVersion: rule.version,
  })
}

export const forget = ({ state }: Run, rule: Rule, qualifier: string): void =>
  void Reflect.deleteProperty(state.streams, streamKey(rule.id, qualifier))

export const push = (run: Run, rule: Rule, qualifier: string, onDelayMs: number, command: RuleCommand['command']): void =>
  void run.commands.push({ key: keyOf(run, rule, qualifier), rule, delays: delaysOf(rule, onDelayMs), command })

export const beyond = ({ op, value }: Level, number: number): boolean => {
  switch (op) {
    case 'above':
      return number > value
    case 'atLeast':
      return number >= value
    case 'below':
      return number < value
    case 'atMost':
      return number <= value
  }
}

/** The gravest step that the number reaches. */
export const severityAt = (rule: Rule, value: number): Severity => {
  let severity = rule.severity
  for (const step of rule.steps)
    if (step.by === 'level' && beyond(step.level, value) && severityRank[step.severity] > severityRank[severity]) severity = step.severity
  return severity
}
