/**
 * A rule file as written: words of the YAML to `Rule` and `RuleOverride`, every mistake with its path. What concerns the set as
 * a whole (dependencies, levels that cross) is judged by `rule-check.ts`. The same shapes give `schemas/rules.schema.json`.
 */
import { eventTypes, severities } from './alarm.ts'
import {
  aggregates,
  type Condition,
  type Guard,
  type Level,
  type LevelCondition,
  type Matcher,
  type Notify,
  type NumberSignal,
  radioSignals,
  type Rule,
  type RuleOverride,
  type SeverityStep,
  type Window,
} from './rule.ts'
import { everyDevice, patterns, select } from './selector-form.ts'
import {
  flag,
  integer,
  listOf,
  made,
  mapOf,
  type Mistake,
  mistake,
  number,
  object,
  oneOf,
  oneOrMore,
  optional,
  type Path,
  type Read,
  required,
  type Shape,
  type Tell,
  text,
} from './shape.ts'

export type RuleFile = { rules: readonly Rule[]; overrides: readonly RuleOverride[] }
export type RuleProblem = { path: Path; reason: string }

export const rulesInFileMax = 200

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const durationForm = /^(\d{1,9}) (ms|s|min|h|d)$/

/** `60 s`, `24 h`. */
const duration: Shape<number> = made(text(20, durationForm, 'a time such as 60 s, 15 min, 24 h or 7 d'), (written) => {
  const [, count = '', unit = ''] = durationForm.exec(written) ?? []
  return Number(count) * (unitMs[unit] ?? 0)
})

const anyNumber = number(-1e15, 1e15)
const attributes = mapOf(patterns)

const levelFields = {
  above: optional(anyNumber, null, 'Beyond it.'),
  atLeast: optional(anyNumber, null, 'It or more.'),
  below: optional(anyNumber, null, 'Under it.'),
  atMost: optional(anyNumber, null, 'It or less.'),
}
const levelOps = ['above', 'atLeast', 'below', 'atMost'] as const
const levelOf = (read: Read<typeof levelFields>): Level | null => {
  for (const op of levelOps) {
    const value = read[op]
    if (value !== null) return { op, value }
  }
  return null
}
const level: Shape<Level> = made(object(levelFields, levelOps), (read) => levelOf(read) ?? mistake)

const guard: Shape<Guard> = made(
  object(
    {
      fact: optional(text(200), null, 'Name of a fact.'),
      metric: optional(text(200), null, 'Name of a metric.'),
      is: optional(patterns, null, 'Any of these words.'),
      isNot: optional(patterns, null, 'None of these words.'),
      ...levelFields,
    },
    ['fact', 'metric'],
  ),
  (read, at, tell): Guard | Mistake => {
    const own = levelOf(read)
    if (read.fact !== null && own === null && (read.is !== null || read.isNot !== null))
      return { fact: read.fact, is: read.is, isNot: read.isNot }
    if (read.metric !== null && own !== null && read.is === null && read.isNot === null) return { metric: read.metric, level: own }
    return refuse(at, tell, 'expected a fact with is or isNot, or a metric with above, atLeast, below or atMost')
  },
)
const when = optional(listOf(guard), [], 'What must hold besides, as far as it was told.')

const windowShape: Shape<Window> = made(
  text(20, /^(rop|event|\d{1,9} (ms|s|min|h|d))$/, 'rop, event, or a time such as 72 h for a sliding window'),
  (written, at, tell): Window | Mistake => {
    if (written === 'rop' || written === 'event') return { kind: written }
    const lengthMs = duration.read(written, at, tell)
    return lengthMs === mistake ? mistake : { kind: 'sliding', lengthMs }
  },
)

const levelCondition: Shape<LevelCondition> = made(
  object({
    metric: optional(text(200), null, 'A gauge of the catalogue. Beside `radio`: single readings of the same thing.'),
    counter: optional(text(200), null, 'A counter of the catalogue; its rate per second is judged.'),
    radio: optional(oneOf(radioSignals), null, 'A number of the radio snapshot.'),
    clock: optional(oneOf(['skew']), null, 'Absolute skew of the clock, milliseconds.'),
    attributes: optional(attributes, {}, 'Only series with these attributes.'),
    except: optional(attributes, {}, 'Not series with one of these attributes.'),
    dividedBy: optional(
      object({ metric: optional(text(200), null, 'A metric.'), fact: optional(text(200), null, 'A fact.') }, ['metric', 'fact']),
      null,
      'Divides each reading by the last value of this.',
    ),
    baseline: optional(oneOf(['hourOfDay']), null, 'Divides the number by what is usual at this hour of the day.'),
    aggregate: required(oneOf(aggregates), 'How the readings of a window become one number.'),
    shareOf: optional(level, null, 'Of aggregate share: which readings count.'),
    window: required(windowShape, 'rop (15 minutes), event (each reading), or a sliding time for slope.'),
    raise: required(level, 'From here on it is an alarm.'),
    clear: required(level, 'From here on it is none.'),
    inARow: optional(integer(1, 96), 1, 'So many complete windows beyond the level.'),
    clearInARow: optional(integer(1, 96), null, 'The same for the end; as inARow when left out.'),
    completeness: optional(number(0, 1), 0.8, 'Share of the expected readings that a window must hold.'),
    minSamples: optional(integer(1, 1_000), 1, 'At least so many readings.'),
    horizon: optional(duration, 0, 'Of slope: how far ahead the line is read.'),
    fitMin: optional(number(0, 1), 0, 'Of slope: how well the line must fit (R²).'),
    when,
  }),
  (read, at, tell): LevelCondition | Mistake => {
    const signal = signalOf(read, at, tell)
    if (signal === mistake) return mistake
    const { horizon, minSamples, metric: _m, counter: _c, radio: _r, clock: _k, attributes: _a, except: _e, ...rest } = read
    return {
      form: 'level',
      ...rest,
      signal,
      clearInARow: read.clearInARow ?? read.inARow,
      samplesMin: minSamples,
      horizonMs: horizon,
    }
  },
)

type SignalWords = {
  metric: string | null
  counter: string | null
  radio: (typeof radioSignals)[number] | null
  clock: 'skew' | null
  attributes: Readonly<Record<string, readonly string[]>>
  except: Readonly<Record<string, readonly string[]>>
}
const signalOf = ({ metric, counter, radio, clock, ...filter }: SignalWords, at: Path, tell: Tell): NumberSignal | Mistake => {
  if (radio !== null && counter === null && clock === null) return { of: 'radio', name: radio, metric }
  const named = [metric, counter, clock].filter((name) => name !== null)
  if (named.length !== 1 || radio !== null)
    return refuse(at, tell, `expected one of metric, counter, radio or clock, got ${named.length === 0 ? 'none' : 'several'}`)
  if (clock !== null) return { of: 'clock', name: clock }
  if (metric !== null) return { of: 'metric', name: metric, ...filter }
  return { of: 'counter', name: counter ?? '', ...filter }
}

const refuse = (at: Path, tell: Tell, reason: string): Mistake => {
  tell(at, reason)
  return mistake
}

/** RE2 has neither lookaround nor backreferences: the same text must work in SQL. */
const logPattern: Shape<string> = made(text(300), (pattern, at, tell) => {
  if (/\(\?[=!<]|\\[1-9]/.test(pattern)) return refuse(at, tell, `expected a pattern without lookaround and backreferences, got ${pattern}`)
  try {
    new RegExp(pattern)
    return pattern
  } catch (error) {
    return refuse(at, tell, `expected a regular expression, ${(error as Error).message}`)
  }
})

export const logClassNames = [
  'panic',
  'oops',
  'oom',
  'stall',
  'modem-tx',
  'usb-gone',
  'usb-error',
  'flash',
  'read-only-fs',
  'conntrack',
  'alloc',
  'segv',
  'crash-loop',
  'thermal',
  'auth',
] as const

const matcher: Shape<Matcher> = made(
  object(
    {
      log: optional(oneOrMore(oneOf(logClassNames)), null, 'A log line of these classes.'),
      logPattern: optional(logPattern, null, 'A log line that this pattern (RE2) fits.'),
      fact: optional(text(200), null, 'A fact is told.'),
      metric: optional(text(200), null, 'A reading beyond a level.'),
      edge: optional(text(200), null, 'A 0/1 metric changes.'),
      radio: optional(oneOf(['reading', 'cell-changed', 'cell-usual', 'cell-unusual']), null, 'A radio snapshot.'),
      boot: optional(
        object({
          reasons: optional(patterns, null, 'Only these reasons.'),
          exceptReasons: optional(patterns, [], 'Not these.'),
          planned: optional(flag, null, 'With a task (true) or without (false).'),
        }),
        null,
        'A boot.',
      ),
      session: optional(oneOf(['started']), null, 'The device came online.'),
      is: optional(patterns, null, 'Of a fact: any of these words.'),
      isNot: optional(patterns, null, 'Of a fact: none of these words.'),
      present: optional(flag, null, 'Of a fact: it has a value (true), or none (false).'),
      beside: optional(text(200), null, 'Of a fact with present false: left out of a message that tells this one counts too.'),
      changed: optional(flag, false, 'Of a fact: it differs from the last one told.'),
      usual: optional(flag, null, 'Of a fact: it is (true) or is not (false) the word that mostly holds.'),
      differsFrom: optional(oneOf(['assignedFirmware']), null, 'Of a fact: it differs from what the inventory names.'),
      equals: optional(oneOf(['assignedFirmware']), null, 'Of a fact: it is what the inventory names.'),
      attributes: optional(attributes, {}, 'Of a metric: only series with these attributes.'),
      ...levelFields,
      weight: optional(integer(1, 100), 1, 'Counts as so many.'),
      onDelay: optional(duration, null, "In place of the rule's own."),
      severity: optional(oneOf(severities), null, "In place of the rule's own."),
      notAfterBoot: optional(duration, 0, 'Not within so long after a boot.'),
    },
    ['log', 'logPattern', 'fact', 'metric', 'edge', 'radio', 'boot', 'session'],
  ),
  (read, at, tell): Matcher | Mistake => {
    const common = { weight: read.weight, onDelayMs: read.onDelay, severity: read.severity, notAfterBootMs: read.notAfterBoot }
    const own = levelOf(read)
    if (read.log !== null) return { of: 'log', classes: read.log, ...common }
    if (read.logPattern !== null) return { of: 'logPattern', pattern: read.logPattern, ...common }
    if (read.edge !== null) return { of: 'edge', name: read.edge, attributes: read.attributes, ...common }
    if (read.radio !== null) return { of: 'radio', sign: read.radio, ...common }
    if (read.boot !== null) return { of: 'boot', ...read.boot, ...common }
    if (read.session !== null) return { of: 'session', ...common }
    if (read.metric !== null)
      return own === null
        ? refuse(at, tell, 'expected above, atLeast, below or atMost beside metric')
        : { of: 'metric', name: read.metric, attributes: read.attributes, level: own, ...common }
    const { is, isNot, present, beside, changed, usual, differsFrom, equals } = read
    const asked = [is, isNot, present, usual, differsFrom, equals].filter((word) => word !== null).length + Number(changed)
    if (asked === 0) return refuse(at, tell, 'expected is, isNot, present, changed, usual, differsFrom or equals beside fact')
    return {
      of: 'fact',
      name: read.fact ?? '',
      is,
      isNot,
      present,
      beside,
      changed,
      usual,
      differsFrom: differsFrom ?? equals,
      differs: differsFrom !== null,
      ...common,
    }
  },
)
const matchers = oneOrMore(matcher)

const count = object({
  events: required(matchers, 'What is counted.'),
  within: required(duration, 'In so long.'),
  atLeast: required(integer(1, 100), 'So many are an alarm.'),
  clearAtMost: required(integer(0, 99), 'So many are none.'),
  clearWithin: optional(duration, null, 'The time for the end; as within when left out.'),
  cellsMax: optional(integer(2, 16), null, 'Only while no more cells than these are involved.'),
  when,
})
const event = object({
  raiseOn: required(matchers, 'What begins it.'),
  clearOn: optional(matchers, [], 'What ends it.'),
  staleAfter: optional(duration, null, 'Event-only: over after so long without a repeat.'),
  clearBy: optional(oneOf(['operator']), null, 'Nothing observes the end: a person clears it.'),
  mergeWithin: optional(duration, 0, 'Events this close together are one.'),
  when,
})
const silence = object({
  deadlineLeast: required(duration, 'No deadline is shorter.'),
  gapFactor: required(number(1, 100), "Times the 95th percentile of the device's gaps."),
  keepAlive: required(duration, 'MQTT keep-alive of the devices; the deadline is at least 1.5 of it and 30 s.'),
  willDelay: required(duration, 'After a will.'),
})
const gap = object({
  signals: required(listOf(text(200)), 'Metrics, or radio.'),
  intervals: required(integer(2, 100), 'So many learned intervals without a reading.'),
})
const neverSeen = object({ after: required(duration, 'After the import.') })
const fleet = object({
  signal: required(text(), 'What is watched.'),
  parameters: required(mapOf(anyNumber), 'Its levels, names with units.'),
  severities: optional(listOf(oneOf(severities)), [], 'What it may become beside its first severity.'),
})

const step: Shape<SeverityStep> = made(
  object(
    {
      severity: required(oneOf(severities), 'From here on.'),
      ...levelFields,
      count: optional(integer(2, 100), null, 'So many events, with within.'),
      within: optional(duration, null, 'The time for count.'),
      after: optional(duration, null, 'So long active.'),
    },
    ['above', 'atLeast', 'below', 'atMost', 'count', 'after'],
  ),
  (read, at, tell): SeverityStep | Mistake => {
    const { severity, after, within } = read
    const own = levelOf(read)
    if ((read.count === null) !== (within === null)) return refuse(at, tell, 'expected count and within together')
    if (own !== null) return { severity, by: 'level', level: own }
    if (after !== null) return { severity, by: 'time', afterMs: after }
    return { severity, by: 'count', atLeast: read.count ?? 0, withinMs: within ?? 0 }
  },
)

const notify: Shape<Notify> = object({
  critical: required(flag, 'Devices of class critical.'),
  business: required(flag, 'Devices of class business.'),
  home: required(flag, 'Devices of class home; they never page alone.'),
})
const paged: Notify = { critical: true, business: true, home: false }

const forms = ['level', 'count', 'event', 'silence', 'gap', 'neverSeen', 'fleet'] as const

const rule: Shape<Rule> = made(
  object(
    {
      id: required(text(100, /^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/, 'a name such as radio.rsrp-poor'), 'Type of its alarms.'),
      number: required(integer(1, 9_999), 'Number in the list of rules.'),
      version: optional(integer(1, 1_000_000), 1, 'Grows with each change of meaning.'),
      scope: optional(oneOf(['device', 'group', 'platform']), 'device', 'Who it is about.'),
      pack: optional(oneOf(['default', 'optional']), 'default', 'The optional pack is off until enabled.'),
      enabled: optional(flag, null, 'As the pack when left out.'),
      title: required(text(120), 'A few words.'),
      why: required(text(), 'Why it matters.'),
      cause: required(text(), 'Probable cause.'),
      action: required(text(), 'What a person can do.'),
      runbook: optional(text(300), null, 'Page that helps; its part of docs/reference/rules.md when left out.'),
      eventType: required(oneOf(eventTypes), 'ITU-T X.733 or X.736.'),
      select: optional(select, everyDevice, 'Which devices; all when left out.'),
      level: optional(levelCondition, null, 'A number beyond a level.'),
      count: optional(count, null, 'Too many events in a time.'),
      event: optional(event, null, 'Something happened, or is so.'),
      silence: optional(silence, null, 'The device says nothing.'),
      gap: optional(gap, null, 'One signal is missing.'),
      neverSeen: optional(neverSeen, null, 'It never connected.'),
      fleet: optional(fleet, null, 'Judged elsewhere: group and platform rules.'),
      qualifier: optional(text(100), null, 'What tells alarms apart: an attribute, process or signal.'),
      onDelay: optional(duration, 0, 'Must hold for so long.'),
      offDelay: optional(duration, 0, 'Must be over for so long.'),
      severity: required(oneOf(severities), 'At the beginning.'),
      steps: optional(listOf(step, 1, 4), [], 'When it gets worse.'),
      dependsOn: optional(listOf(text(100), 0), [], 'Rules whose alarm explains this one.'),
      notify: optional(notify, paged, 'Whom it pages for.'),
      learn: optional(duration, 0, "Only records for so long after the device's first sign."),
    },
    forms,
  ),
  (read): Rule => {
    const { level: _l, count: _c, event: _e, silence: _s, gap: _g, neverSeen: _n, fleet: _f, onDelay, offDelay, learn, ...rest } = read
    return {
      ...rest,
      enabled: read.enabled ?? read.pack === 'default',
      runbook: read.runbook ?? `docs/reference/rules.md#${anchorOf(read.id)}`,
      condition: conditionOf(read),
      onDelayMs: onDelay,
      offDelayMs: offDelay,
      learnMs: learn,
    }
  },
)

/** As sites that show Markdown make it of a heading. */
export const anchorOf = (id: string): string => id.replaceAll('.', '')

type ConditionWords = {
  level: LevelCondition | null
  count: ShapeOf<typeof count> | null
  event: ShapeOf<typeof event> | null
  silence: ShapeOf<typeof silence> | null
  gap: ShapeOf<typeof gap> | null
  neverSeen: ShapeOf<typeof neverSeen> | null
  fleet: ShapeOf<typeof fleet> | null
}
type ShapeOf<S> = S extends Shape<infer T> ? T : never

const conditionOf = (read: ConditionWords): Condition => {
  if (read.level !== null) return read.level
  if (read.count !== null) {
    const { events, within, atLeast, clearAtMost, clearWithin, cellsMax, when: guards } = read.count
    return {
      form: 'count',
      events,
      withinMs: within,
      raiseAtLeast: atLeast,
      clearAtMost,
      clearWithinMs: clearWithin ?? within,
      cellsMax,
      when: guards,
    }
  }
  if (read.event !== null) {
    const { raiseOn, clearOn, staleAfter, clearBy, mergeWithin, when: guards } = read.event
    return {
      form: 'event',
      raiseOn,
      clearOn,
      staleAfterMs: staleAfter,
      clearByOperator: clearBy === 'operator',
      mergeWithinMs: mergeWithin,
      when: guards,
    }
  }
  if (read.silence !== null) {
    const { deadlineLeast, gapFactor, keepAlive, willDelay } = read.silence
    return { form: 'silence', deadlineLeastMs: deadlineLeast, gapFactor, keepAliveMs: keepAlive, willDelayMs: willDelay }
  }
  if (read.gap !== null) return { form: 'gap', ...read.gap }
  if (read.neverSeen !== null) return { form: 'neverSeen', afterMs: read.neverSeen.after }
  const { signal, parameters, severities: also } = read.fleet ?? { signal: '', parameters: {}, severities: [] }
  return { form: 'fleet', signal, parameters, severities: also }
}

const override: Shape<RuleOverride> = made(
  object({
    rule: required(text(100), 'Id of the rule.'),
    select: required(select, 'Which devices; {} is all.'),
    set: required(
      object({
        enabled: optional(flag, null, 'On or off.'),
        raise: optional(level, null, 'Of a rule with level.'),
        clear: optional(level, null, 'Of a rule with level.'),
        onDelay: optional(duration, null, 'Must hold for so long.'),
        offDelay: optional(duration, null, 'Must be over for so long.'),
        severity: optional(oneOf(severities), null, 'At the beginning.'),
        notify: optional(notify, null, 'Whom it pages for.'),
      }),
      'What is different.',
    ),
  }),
  ({ rule: id, select: who, set: { onDelay, offDelay, ...set } }): RuleOverride => ({
    rule: id,
    select: who,
    set: { ...set, onDelayMs: onDelay, offDelayMs: offDelay },
  }),
)

const file = object({
  rules: optional(listOf(rule, 0, rulesInFileMax), [], 'The rules.'),
  overrides: optional(listOf(override, 0, rulesInFileMax), [], 'Changes of rules for some devices.'),
})

export const parseRuleFile = (value: unknown): { ok: true; value: RuleFile } | { ok: false; problems: RuleProblem[] } => {
  const problems: RuleProblem[] = []
  const read = file.read(value ?? {}, [], (path, reason) => void problems.push({ path, reason }))
  return read === mistake || problems.length > 0 ? { ok: false, problems } : { ok: true, value: read }
}

/** What editors check a rule file with; `schemas/rules.schema.json` is this text. */
export const ruleFileSchema = (): string =>
  `${JSON.stringify(
    { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Fleet Recorder: a file of rules', ...file.schema },
    null,
    2,
  )}\n`
