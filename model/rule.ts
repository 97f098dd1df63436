/**
 * Rules as data: what is watched on which devices, from which level on it is an alarm and from which it is none. Read from
 * `rules/*.yaml` (`rule-form.ts`), judged as a set (`rule-check.ts`), compiled per device by `processors/domain/rules`. The
 * rule's id is the type of its alarms. Times are milliseconds, shares 0..1.
 */
import type { AlarmEventType, AlarmType, DeviceClass, Severity } from './alarm.ts'

/** All that it names must fit; a list is any of them, `*` stands for any characters. `{}` fits every device. */
export type Selector = {
  class: readonly string[] | null
  /** `<product>/<model>`, or the model alone where the pattern has no slash. */
  model: readonly string[] | null
  site: readonly string[] | null
  region: readonly string[] | null
  firmware: readonly string[] | null
  group: readonly string[] | null
  device: readonly string[] | null
  plan: readonly string[] | null
  /** True: only devices that stand somewhere (a site or coordinates in the inventory). */
  fixed: boolean | null
}

/** Exactly one of the four. */
export type Level = { op: 'above' | 'atLeast' | 'below' | 'atMost'; value: number }

/** Numbers of a radio snapshot; the last three are made by the engine. */
export const radioSignals = [
  'rsrpDbm',
  'rsrqDb',
  'sinrDb',
  'rssiDbm',
  'cqi',
  /** Steps below the best technology of the last 7 days: GSM 0, UMTS 1, LTE 2, NR 3. EN-DC counts as LTE. */
  'ratDrop',
  /** 1 while more than one carrier is active. */
  'aggregated',
  /** 1 while the device aggregates none though it usually does (80 % of 7 days). */
  'aggregationLost',
] as const
export type RadioSignal = (typeof radioSignals)[number]

export type NumberSignal =
  | {
      of: 'metric' | 'counter'
      name: string
      attributes: Readonly<Record<string, readonly string[]>>
      except: Readonly<Record<string, readonly string[]>>
    }
  /** `metric`: single readings of the same thing. */
  | { of: 'radio'; name: RadioSignal; metric: string | null }
  /** Absolute skew of the device's clock, one estimate per 15 minutes of live samples. */
  | { of: 'clock'; name: 'skew' }

export const aggregates = ['last', 'mean', 'median', 'min', 'max', 'p95', 'count', 'rate', 'share', 'slope'] as const
export type Aggregate = (typeof aggregates)[number]

/** `rop`: tumbling 15 minutes of the device's time. `event`: each reading. Sliding windows are for `slope`. */
export type Window = { kind: 'event' } | { kind: 'rop' } | { kind: 'sliding'; lengthMs: number }

/** What must hold besides, by the last that was told of it; what was never told does not hinder. */
export type Guard = { fact: string; is: readonly string[] | null; isNot: readonly string[] | null } | { metric: string; level: Level }

export type LevelCondition = {
  form: 'level'
  signal: NumberSignal
  /** Divides the signal by the last value of a metric or fact; unknown: no verdict. */
  dividedBy: { metric: string | null; fact: string | null } | null
  /** Divides the window's number by what is usual at this hour of the day; while unlearned no verdict. */
  baseline: 'hourOfDay' | null
  aggregate: Aggregate
  /** Of `share`: which readings count. */
  shareOf: Level | null
  window: Window
  raise: Level
  clear: Level
  /** So many complete windows in a row must be beyond the level. */
  inARow: number
  clearInARow: number
  /** Share of the expected readings that a window must hold. */
  completeness: number
  /** At least so many readings, learned or not. */
  samplesMin: number
  /** Of `slope`: how far ahead the line is read, and how well it must fit (R²). */
  horizonMs: number
  fitMin: number
  when: readonly Guard[]
}

export type Matcher = (
  | { of: 'log'; classes: readonly string[] }
  | { of: 'logPattern'; pattern: string }
  | {
      of: 'fact'
      name: string
      is: readonly string[] | null
      isNot: readonly string[] | null
      /** True: it has a value. False: the device says that it has none, or leaves it out beside `beside`. */
      present: boolean | null
      beside: string | null
      changed: boolean
      /** By dwell time of the last 28 days: is this the word that mostly holds? */
      usual: boolean | null
      /** The value that the inventory names differs (true) or is the same (false); unknown: no match. */
      differsFrom: 'assignedFirmware' | null
      differs: boolean
    }
  | { of: 'metric'; name: string; attributes: Readonly<Record<string, readonly string[]>>; level: Level }
  | { of: 'edge'; name: string; attributes: Readonly<Record<string, readonly string[]>> }
  | { of: 'radio'; sign: 'reading' | 'cell-changed' | 'cell-usual' | 'cell-unusual' }
  | { of: 'boot'; reasons: readonly string[] | null; exceptReasons: readonly string[]; planned: boolean | null }
  | { of: 'session' }
) & {
  /** Counts as so many. */
  weight: number
  /** In place of the rule's own. */
  onDelayMs: number | null
  severity: Severity | null
  /** Not within so long after a boot, which explains it. */
  notAfterBootMs: number
}

export type CountCondition = {
  form: 'count'
  events: readonly Matcher[]
  withinMs: number
  raiseAtLeast: number
  clearAtMost: number
  clearWithinMs: number
  /** Of cell changes: counts only while no more cells than these are involved. */
  cellsMax: number | null
  when: readonly Guard[]
}

export type EventCondition = {
  form: 'event'
  raiseOn: readonly Matcher[]
  clearOn: readonly Matcher[]
  /** Event-only: cleared after so long without a repeat. */
  staleAfterMs: number | null
  /** Nothing observes the end: a person clears it. */
  clearByOperator: boolean
  /** Events this close together are one (a trace has many lines). */
  mergeWithinMs: number
  when: readonly Guard[]
}

/** By arrival; frozen while the front door is not healthy. */
export type SilenceCondition = {
  form: 'silence'
  /** Deadline: the greater of this, `gapFactor` times the 95th percentile of the device's gaps, and 1.5 keep-alives + 30 s. */
  deadlineLeastMs: number
  gapFactor: number
  keepAliveMs: number
  /** After a will. */
  willDelayMs: number
}

export type GapCondition = { form: 'gap'; signals: readonly string[]; intervals: number }
export type NeverSeenCondition = { form: 'neverSeen'; afterMs: number }
/** Judged in the fleet stage or by the platform; here stand only its levels. */
export type FleetCondition = {
  form: 'fleet'
  signal: string
  parameters: Readonly<Record<string, number>>
  severities: readonly Severity[]
}

export type Condition =
  | LevelCondition
  | CountCondition
  | EventCondition
  | SilenceCondition
  | GapCondition
  | NeverSeenCondition
  | FleetCondition

/** Reached from the first severity on: by level, by so many events within a time, or after so long. */
export type SeverityStep = { severity: Severity } & (
  | { by: 'level'; level: Level }
  | { by: 'count'; atLeast: number; withinMs: number }
  | { by: 'time'; afterMs: number }
)

export type RuleScope = 'device' | 'group' | 'platform'
export type RulePack = 'default' | 'optional'
export type Notify = Readonly<Record<DeviceClass, boolean>>

export type Rule = {
  /** Type of its alarms: `radio.rsrp-poor`. */
  id: string
  /** Number in the list of rules, by which docs name it. */
  number: number
  version: number
  scope: RuleScope
  pack: RulePack
  enabled: boolean
  title: string
  why: string
  /** Probable cause, in words. */
  cause: string
  /** What a person can do about it. */
  action: string
  runbook: string
  eventType: AlarmEventType
  select: Selector
  condition: Condition
  /** What tells alarms of this rule on one device apart: an attribute's name, `process`, `signal`; null: one alarm. */
  qualifier: string | null
  onDelayMs: number
  offDelayMs: number
  severity: Severity
  steps: readonly SeverityStep[]
  /** Ids of rules whose alarm on the same device explains this one. */
  dependsOn: readonly string[]
  notify: Notify
  /** From the device's first sign on, it only records for so long. */
  learnMs: number
}

/** Changes of a rule for some devices: a model's temperature limit. The last that fits decides, field by field. */
export type RuleOverride = { rule: string; select: Selector; set: RuleChange }
export type RuleChange = {
  enabled: boolean | null
  raise: Level | null
  clear: Level | null
  onDelayMs: number | null
  offDelayMs: number | null
  severity: Severity | null
  notify: Notify | null
}

export type RuleSet = { rules: readonly Rule[]; overrides: readonly RuleOverride[] }

/** What selectors and guards know of a device; '' where nothing is known, which only `*` fits. */
export type DeviceProfile = {
  device: string
  class: DeviceClass
  product: string
  model: string
  site: string
  region: string
  firmware: string
  groups: readonly string[]
  plan: string
  fixed: boolean
  /** Firmware that the inventory assigns; '' none. */
  assignedFirmware: string
  /** Inventory's `expected_interval_seconds`; null unknown. */
  expectedIntervalMs: number | null
}

export const ropMs = 15 * 60_000

export const isEventOnly = ({ condition }: Rule): boolean => condition.form === 'event' && condition.staleAfterMs !== null

/** All severities that the rule may give, ascending as told. */
export const severitiesOf = (rule: Rule): readonly Severity[] => {
  const { condition } = rule
  const further =
    condition.form === 'event'
      ? condition.raiseOn.flatMap(({ severity }) => severity ?? [])
      : condition.form === 'fleet'
        ? condition.severities
        : []
  return [...new Set([rule.severity, ...rule.steps.map(({ severity }) => severity), ...further])]
}

/** The entry of the alarm inventory that the rule makes. */
export const alarmTypeOf = (rule: Rule): AlarmType => ({
  type: rule.id,
  eventType: rule.eventType,
  willClear: !(rule.condition.form === 'event' && (rule.condition.clearByOperator || rule.condition.staleAfterMs !== null)),
  eventOnly: isEventOnly(rule),
  severities: severitiesOf(rule),
  cause: rule.cause,
  action: rule.action,
  runbook: rule.runbook,
})
