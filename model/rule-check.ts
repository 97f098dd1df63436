/**
 * Rules as a set: what no single word of the file shows. A rule that names an unknown metric, that could never fire or never
 * clear, or that waits for itself is refused before it runs, with what was expected and what came.
 */
import { severityRank } from './alarm.ts'
import { metricDefinition } from './measurement-catalogue.ts'
import type { Level, LevelCondition, Matcher, Rule, RuleChange, RuleOverride, RuleSet } from './rule.ts'

/** `rule`: its id; `of` tells the part. */
export type SetProblem = { rule: string; reason: string }

/** Readings of one window that are kept: one for each 15 s. */
export const windowReadingsMax = 60
/** A sliding window is fitted through one mean an hour. */
export const slopePointMs = 3_600_000
export const slopePointsMax = 168
/** Events that are remembered of one alarm. */
export const eventsKeptMax = 100

export const checkRules = ({ rules, overrides }: RuleSet): SetProblem[] => {
  const problems: SetProblem[] = []
  const ids = new Set<string>()
  for (const rule of rules) {
    const tell = (reason: string): void => void problems.push({ rule: rule.id, reason })
    if (ids.has(rule.id)) tell('expected one rule of this id, got two')
    ids.add(rule.id)
    checkRule(rule, tell)
  }
  for (const rule of rules) {
    for (const other of rule.dependsOn)
      if (!ids.has(other)) problems.push({ rule: rule.id, reason: `dependsOn: expected the id of a rule, got "${other}"` })
  }
  for (const cycle of cyclesOf(rules))
    problems.push({ rule: cycle[0] ?? '', reason: `dependsOn: expected no cycle, got ${cycle.join(' -> ')}` })
  checkOverrides(rules, overrides, problems)
  return problems
}

type Tell = (reason: string) => void

const checkRule = (rule: Rule, tell: Tell): void => {
  const { condition } = rule
  if ((condition.form === 'fleet') === (rule.scope === 'device'))
    tell(
      `expected ${rule.scope === 'device' ? 'a condition of one device, got fleet' : `fleet for scope ${rule.scope}, got ${condition.form}`}`,
    )
  checkSteps(rule, tell)
  switch (condition.form) {
    case 'level':
      checkLevel(rule, condition, tell)
      return
    case 'count':
      for (const matcher of condition.events) checkMatcher(matcher, tell)
      if (condition.clearAtMost >= condition.raiseAtLeast)
        tell(`it can never clear: expected clearAtMost below atLeast, got ${condition.clearAtMost} and ${condition.raiseAtLeast}`)
      if (condition.withinMs <= 0 || condition.clearWithinMs <= 0) tell('it can never fire: expected a time, got 0')
      return
    case 'event': {
      for (const matcher of [...condition.raiseOn, ...condition.clearOn]) checkMatcher(matcher, tell)
      const ends = [condition.clearOn.length > 0, condition.staleAfterMs !== null, condition.clearByOperator].filter(Boolean).length
      if (ends === 0) tell('it can never clear: expected clearOn, staleAfter or clearBy, got none')
      if (ends > 1) tell('expected one of clearOn, staleAfter and clearBy, got several')
      return
    }
    case 'gap':
      for (const signal of condition.signals) if (signal !== 'radio') checkMetric(signal, null, tell)
      return
    case 'silence':
    case 'neverSeen':
    case 'fleet':
  }
}

const checkLevel = (rule: Rule, condition: LevelCondition, tell: Tell): void => {
  const { signal, aggregate, window, dividedBy } = condition
  if (signal.of === 'metric' || signal.of === 'counter') {
    checkMetric(signal.name, signal.of === 'metric' ? 'gauge' : 'counter', tell)
    for (const attribute of [...Object.keys(signal.attributes), ...Object.keys(signal.except)]) checkAttribute(signal.name, attribute, tell)
    if (rule.qualifier !== null) checkAttribute(signal.name, rule.qualifier, tell)
  } else if (rule.qualifier !== null) tell(`expected no qualifier, got "${rule.qualifier}"`)
  if (signal.of === 'radio' && signal.metric !== null) checkMetric(signal.metric, 'gauge', tell)
  if (dividedBy !== null && dividedBy.metric !== null) checkMetric(dividedBy.metric, 'gauge', tell)
  for (const guard of condition.when) if ('metric' in guard) checkMetric(guard.metric, 'gauge', tell)

  const fits = window.kind === 'event' ? aggregate === 'last' : window.kind === 'sliding' ? aggregate === 'slope' : aggregate !== 'slope'
  if (!fits) tell(`expected last for window event, slope for a sliding one, another for rop; got ${aggregate} for ${window.kind}`)
  if (aggregate === 'rate' && signal.of !== 'counter') tell('expected a counter for aggregate rate')
  if ((aggregate === 'share') !== (condition.shareOf !== null)) tell('expected shareOf with aggregate share, and only with it')
  if (aggregate === 'slope' && condition.horizonMs <= 0) tell('expected a horizon for aggregate slope')
  if (window.kind === 'sliding' && window.lengthMs > slopePointsMax * slopePointMs)
    tell(`expected a window of at most ${slopePointsMax} h, got ${window.lengthMs / slopePointMs} h`)

  const holds = window.kind === 'event' ? 1 : window.kind === 'rop' ? windowReadingsMax : Math.floor(window.lengthMs / slopePointMs)
  if (condition.samplesMin > holds)
    tell(`it can never fire: expected minSamples of at most ${holds}, which the window holds, got ${condition.samplesMin}`)
  checkHysteresis(condition, tell)
  const range = rangeOf(condition)
  if (range !== null) {
    if (!isWithin(condition.raise, range)) tell(`it can never fire: ${worded(condition.raise)} lies outside ${range.min}..${range.max}`)
    if (!isWithin(condition.clear, range)) tell(`it can never clear: ${worded(condition.clear)} lies outside ${range.min}..${range.max}`)
  }
}

const isUp = ({ op }: Level): boolean => op === 'above' || op === 'atLeast'

/** No value may satisfy both levels, or the alarm would rise and fall with each reading. */
const checkHysteresis = ({ raise, clear }: { raise: Level; clear: Level }, tell: Tell): void => {
  const both = `got raise ${worded(raise)} and clear ${worded(clear)}`
  if (isUp(raise) === isUp(clear)) {
    tell(`it can never clear: expected raise and clear to look to opposite sides, ${both}`)
    return
  }
  const gap = isUp(raise) ? raise.value - clear.value : clear.value - raise.value
  const touch = (raise.op === 'atLeast' || raise.op === 'atMost') && (clear.op === 'atLeast' || clear.op === 'atMost')
  if (gap < 0 || (gap === 0 && touch)) tell(`it can never clear: expected levels that do not cross, ${both}`)
}

const worded = ({ op, value }: Level): string => `${op} ${value}`

type Range = { min: number; max: number }
const rangeOf = ({ signal, aggregate, dividedBy, baseline }: LevelCondition): Range | null => {
  if (aggregate === 'share') return { min: 0, max: 1 }
  if (aggregate === 'count') return { min: 0, max: windowReadingsMax }
  if (aggregate === 'slope' || dividedBy !== null || baseline !== null || signal.of !== 'metric') return null
  return metricDefinition(signal.name) ?? null
}

/** Some value of the range lies beyond the level. */
const isWithin = ({ op, value }: Level, { min, max }: Range): boolean =>
  op === 'above' ? value < max : op === 'atLeast' ? value <= max : op === 'below' ? value > min : value >= min

const checkMetric = (name: string, kind: 'gauge' | 'counter' | null, tell: Tell): void => {
  const known = metricDefinition(name)
  if (known === undefined) tell(`expected a metric of docs/reference/metrics-catalogue.md, got "${name}"`)
  else if (kind !== null && known.kind !== kind) tell(`expected a ${kind}, got "${name}", a ${known.kind}`)
}

const checkAttribute = (metric: string, attribute: string, tell: Tell): void => {
  const known = metricDefinition(metric)?.attributes
  if (known !== undefined && !known.includes(attribute))
    tell(`expected an attribute of ${metric} (${known.length === 0 ? 'it has none' : known.join(', ')}), got "${attribute}"`)
}

const checkMatcher = (matcher: Matcher, tell: Tell): void => {
  if (matcher.of !== 'metric' && matcher.of !== 'edge') return
  checkMetric(matcher.name, 'gauge', tell)
  for (const attribute of Object.keys(matcher.attributes)) checkAttribute(matcher.name, attribute, tell)
}

const checkSteps = ({ severity, steps, condition }: Rule, tell: Tell): void => {
  let before = severityRank[severity]
  let level = condition.form === 'level' ? condition.raise : null
  for (const step of steps) {
    if (severityRank[step.severity] <= before) tell(`steps: expected severities that rise, got ${step.severity}`)
    before = severityRank[step.severity]
    if (step.by === 'level') {
      if (level === null) tell('steps: expected a level only in a rule with level')
      else if (isUp(level) !== isUp(step.level) || (isUp(level) ? step.level.value <= level.value : step.level.value >= level.value))
        tell(`steps: expected a level beyond ${worded(level)}, got ${worded(step.level)}`)
      level = step.level
    }
    if (step.by === 'count' && condition.form !== 'event' && condition.form !== 'count')
      tell('steps: expected count only in a rule with event or count')
  }
}

/** Each cycle once, from its first rule in the set's order. */
const cyclesOf = (rules: readonly Rule[]): string[][] => {
  const next = new Map(rules.map(({ id, dependsOn }) => [id, dependsOn]))
  const done = new Set<string>()
  const cycles: string[][] = []
  const visit = (id: string, path: readonly string[]): void => {
    const at = path.indexOf(id)
    if (at >= 0) {
      cycles.push([...path.slice(at), id])
      return
    }
    if (done.has(id)) return
    for (const other of next.get(id) ?? []) visit(other, [...path, id])
    done.add(id)
  }
  for (const { id } of rules) visit(id, [])
  return cycles
}

const checkOverrides = (rules: readonly Rule[], overrides: readonly RuleOverride[], problems: SetProblem[]): void => {
  const changed = new Map(rules.map((rule) => [rule.id, rule]))
  for (const { rule: id, set } of overrides) {
    const tell = (reason: string): void => void problems.push({ rule: id, reason: `override: ${reason}` })
    const rule = changed.get(id)
    if (rule === undefined) {
      tell('expected the id of a rule')
      continue
    }
    if ((set.raise !== null || set.clear !== null) && rule.condition.form !== 'level')
      tell('expected raise and clear only for a rule with level')
    const alone = withChange(rules.find((one) => one.id === id) ?? rule, set)
    const together = withChange(rule, set)
    changed.set(id, together)
    for (const one of [alone, together]) if (one.condition.form === 'level') checkLevel(one, one.condition, tell)
    checkSteps(together, tell)
  }
}

export const withChange = (rule: Rule, set: RuleChange): Rule => ({
  ...rule,
  enabled: set.enabled ?? rule.enabled,
  onDelayMs: set.onDelayMs ?? rule.onDelayMs,
  offDelayMs: set.offDelayMs ?? rule.offDelayMs,
  severity: set.severity ?? rule.severity,
  notify: set.notify ?? rule.notify,
  condition:
    rule.condition.form === 'level'
      ? { ...rule.condition, raise: set.raise ?? rule.condition.raise, clear: set.clear ?? rule.condition.clear }
      : rule.condition,
})
