/**
 * Rules made into an index by signal, once per rule set and kind of device, so that a reading touches only the rules that read
 * it. Devices that the same rules and overrides fit share one index.
 */
import type { AlarmType } from '../../../model/alarm.ts'
import {
  alarmTypeOf,
  type DeviceProfile,
  type Guard,
  type LevelCondition,
  type Matcher,
  type RadioSignal,
  type Rule,
  type RuleSet,
} from '../../../model/rule.ts'
import { withChange } from '../../../model/rule-check.ts'
import { selectorOf } from '../../../model/selector.ts'
import { hash53 } from '../hash.ts'
import { attributesFit, fitsOf, parseAttributes } from './patterns.ts'

export type GuardReader = { rule: Rule; index: number; guard: Guard }
export type LevelReader = { rule: Rule; condition: LevelCondition }
export type Trigger<M extends Matcher = Matcher> = { rule: Rule; matcher: M; role: 'raise' | 'clear' | 'count' }
type OfKind<K extends Matcher['of']> = Extract<Matcher, { of: K }>

/** Who reads one series. */
export type SeriesReaders = {
  attributes: Readonly<Record<string, string>>
  levels: readonly LevelReader[]
  /** Of rules on the radio: single readings of the same thing, whatever modem they name, but not of one antenna. */
  radio: readonly LevelReader[]
  readings: readonly Trigger<OfKind<'metric'>>[]
  edges: readonly Trigger<OfKind<'edge'>>[]
  /** Someone asks for the last reading of this metric. */
  kept: boolean
}
export type SignalReaders = { of: (attributes: string) => SeriesReaders; gaps: readonly Rule[] }

export type CompiledRules = {
  /** Changes with the rules, so that a state knows by which it was made. */
  id: string
  rules: ReadonlyMap<string, Rule>
  metrics: ReadonlyMap<string, SignalReaders>
  counters: ReadonlyMap<string, SignalReaders>
  /** `series`: the name of the readings, the metric's where there is one. */
  radioLevels: readonly { signal: RadioSignal; series: string; readers: readonly LevelReader[] }[]
  radioSigns: readonly Trigger<OfKind<'radio'>>[]
  radioGaps: readonly Rule[]
  facts: ReadonlyMap<string, readonly Trigger<OfKind<'fact'>>[]>
  /** Facts whose last word is kept: guards ask for it. */
  keptFacts: ReadonlySet<string>
  /** By metric or fact: rules with a delay that ask for it while they wait. */
  guarded: ReadonlyMap<string, readonly Rule[]>
  /** By metric or fact: who asks whether it is so. */
  guards: ReadonlyMap<string, readonly GuardReader[]>
  logs: ReadonlyMap<string, readonly Trigger[]>
  logPatterns: readonly { trigger: Trigger; pattern: RegExp }[]
  boots: readonly Trigger<OfKind<'boot'>>[]
  sessions: readonly Trigger[]
  clock: readonly LevelReader[]
  gaps: readonly Rule[]
  silence: Rule | null
  neverSeen: Rule | null
  /** Rules of this device that name it in `dependsOn`: an alarm of the key explains theirs. */
  dependents: ReadonlyMap<string, readonly string[]>
}

export type RuleBook = {
  /** Grows with nothing, differs with each edit. */
  version: string
  ruleSet: RuleSet
  /** The alarm inventory: every type that may be raised, fleet and platform included. */
  types: readonly AlarmType[]
  forDevice: (profile: DeviceProfile) => CompiledRules
}

/** Kinds of devices whose index is kept; beyond, all are made anew as they come. */
export const profilesKeptMax = 20_000
const attributeSetsKeptMax = 1_024

export const createRuleBook = (ruleSet: RuleSet): RuleBook => {
  const version = hash53(JSON.stringify(ruleSet), '').toString(36)
  const own = ruleSet.rules.filter(({ scope }) => scope === 'device')
  const ruleFits = own.map(({ select }) => selectorOf(select))
  const overrides = ruleSet.overrides.map((override) => ({ override, fits: selectorOf(override.select) }))
  const namesDevices = [...own, ...ruleSet.overrides].some(({ select }) => select.device !== null)
  const byProfile = new Map<string, CompiledRules>()
  const byShape = new Map<string, CompiledRules>()

  const make = (profile: DeviceProfile): CompiledRules => {
    const changes = overrides.map(({ fits }) => fits(profile))
    const shape = `${ruleFits.map((fits) => Number(fits(profile))).join('')}.${changes.map(Number).join('')}`
    let compiled = byShape.get(shape)
    if (compiled === undefined) {
      const rules = own
        .filter((_, index) => ruleFits[index]?.(profile) === true)
        .map((rule) =>
          overrides.reduce(
            (changed, { override }, index) =>
              changes[index] === true && override.rule === rule.id ? withChange(changed, override.set) : changed,
            rule,
          ),
        )
        .filter(({ enabled }) => enabled)
      compiled = compile(`${version}.${hash53(shape, '').toString(36)}`, rules)
      byShape.set(shape, compiled)
    }
    return compiled
  }

  return {
    version,
    ruleSet,
    types: ruleSet.rules.map(alarmTypeOf),
    forDevice: (profile) => {
      const { class: deviceClass, product, model, site, region, firmware, groups, plan, fixed } = profile
      const device = namesDevices ? profile.device : ''
      const key = [deviceClass, product, model, site, region, firmware, plan, fixed ? '1' : '', device, ...groups].join('\n')
      let compiled = byProfile.get(key)
      if (compiled === undefined) {
        if (byProfile.size >= profilesKeptMax) byProfile.clear()
        compiled = make(profile)
        byProfile.set(key, compiled)
      }
      return compiled
    },
  }
}

type Building = {
  levels: LevelReader[]
  readings: Trigger<OfKind<'metric'>>[]
  edges: Trigger<OfKind<'edge'>>[]
  gaps: Rule[]
  kept: boolean
}

const compile = (id: string, rules: readonly Rule[]): CompiledRules => {
  const metrics = new Map<string, Building>()
  const counters = new Map<string, Building>()
  const radio = new Map<string, { signal: RadioSignal; series: string; readers: LevelReader[] }>()
  const facts = new Map<string, Trigger<OfKind<'fact'>>[]>()
  const logs = new Map<string, Trigger[]>()
  const dependents = new Map<string, string[]>()
  const keptFacts = new Set<string>()
  const guarded = new Map<string, Rule[]>()
  const guards = new Map<string, GuardReader[]>()
  const radioSigns: Trigger<OfKind<'radio'>>[] = []
  const logPatterns: { trigger: Trigger; pattern: RegExp }[] = []
  const boots: Trigger<OfKind<'boot'>>[] = []
  const sessions: Trigger[] = []
  const clock: LevelReader[] = []
  const radioGaps: Rule[] = []

  const readersOf = (map: Map<string, Building>, name: string): Building =>
    entry(map, name, () => ({ levels: [], readings: [], edges: [], gaps: [], kept: false }))

  const addTrigger = (trigger: Trigger): void => {
    const { rule, matcher, role } = trigger
    switch (matcher.of) {
      case 'log':
        for (const name of matcher.classes) entry(logs, name, (): Trigger[] => []).push(trigger)
        return
      case 'logPattern':
        logPatterns.push({ trigger, pattern: new RegExp(matcher.pattern) })
        return
      case 'fact':
        entry(facts, matcher.name, (): Trigger<OfKind<'fact'>>[] => []).push({ rule, matcher, role })
        if (matcher.beside !== null) entry(facts, matcher.beside, (): Trigger<OfKind<'fact'>>[] => []).push({ rule, matcher, role })
        return
      case 'metric':
        readersOf(metrics, matcher.name).readings.push({ rule, matcher, role })
        return
      case 'edge':
        readersOf(metrics, matcher.name).edges.push({ rule, matcher, role })
        return
      case 'radio':
        radioSigns.push({ rule, matcher, role })
        return
      case 'boot':
        boots.push({ rule, matcher, role })
        return
      case 'session':
        sessions.push(trigger)
    }
  }
  const addLevel = (reader: LevelReader): void => {
    const { signal, dividedBy } = reader.condition
    if (signal.of === 'clock') clock.push(reader)
    else if (signal.of === 'radio') {
      const series = signal.metric ?? `radio.${signal.name}`
      entry(radio, `${signal.name} ${series}`, () => ({ signal: signal.name, series, readers: [] as LevelReader[] })).readers.push(reader)
      if (signal.metric !== null) readersOf(metrics, signal.metric).levels.push(reader)
    } else readersOf(signal.of === 'metric' ? metrics : counters, signal.name).levels.push(reader)
    if (dividedBy !== null && dividedBy.metric !== null) readersOf(metrics, dividedBy.metric).kept = true
    if (dividedBy !== null && dividedBy.fact !== null) keptFacts.add(dividedBy.fact)
  }

  for (const rule of rules) {
    const { condition } = rule
    for (const other of rule.dependsOn) entry(dependents, other, (): string[] => []).push(rule.id)
    if (condition.form === 'level' || condition.form === 'count' || condition.form === 'event') {
      for (const [index, guard] of condition.when.entries()) {
        entry(guards, 'metric' in guard ? guard.metric : guard.fact, (): GuardReader[] => []).push({ rule, index, guard })
        if ('metric' in guard) readersOf(metrics, guard.metric).kept = true
        else keptFacts.add(guard.fact)
        if (condition.form === 'event' && condition.clearOn.length > 0)
          entry(guarded, 'metric' in guard ? guard.metric : guard.fact, (): Rule[] => []).push(rule)
      }
    }
    if (condition.form === 'level') addLevel({ rule, condition })
    if (condition.form === 'count') for (const matcher of condition.events) addTrigger({ rule, matcher, role: 'count' })
    if (condition.form === 'event') {
      for (const matcher of condition.raiseOn) addTrigger({ rule, matcher, role: 'raise' })
      for (const matcher of condition.clearOn) addTrigger({ rule, matcher, role: 'clear' })
    }
    if (condition.form === 'gap') {
      for (const signal of condition.signals) {
        if (signal === 'radio') radioGaps.push(rule)
        else {
          readersOf(metrics, signal).gaps.push(rule)
          readersOf(counters, signal).gaps.push(rule)
        }
      }
    }
  }

  return {
    id,
    rules: new Map(rules.map((rule) => [rule.id, rule])),
    metrics: new Map([...metrics].map(([name, readers]) => [name, signalReaders(readers)])),
    counters: new Map([...counters].map(([name, readers]) => [name, signalReaders(readers)])),
    radioLevels: [...radio.values()],
    radioSigns,
    radioGaps,
    facts,
    keptFacts,
    guarded,
    guards,
    logs,
    logPatterns,
    boots,
    sessions,
    clock,
    gaps: rules.filter(({ condition }) => condition.form === 'gap'),
    silence: rules.find(({ condition }) => condition.form === 'silence') ?? null,
    neverSeen: rules.find(({ condition }) => condition.form === 'neverSeen') ?? null,
    dependents,
  }
}

const entry = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

const signalReaders = ({ levels, readings, edges, gaps, kept }: Building): SignalReaders => {
  const known = new Map<string, SeriesReaders>()
  const make = (text: string): SeriesReaders => {
    const attributes = parseAttributes(text)
    return {
      attributes,
      levels: levels.filter(({ condition: { signal } }) =>
        signal.of === 'metric' || signal.of === 'counter' ? attributesFit(attributes, signal.attributes, signal.except) : false,
      ),
      radio: attributes['cellular.antenna'] === undefined ? levels.filter(({ condition: { signal } }) => signal.of === 'radio') : [],
      readings: readings.filter(({ matcher }) => attributesFit(attributes, matcher.attributes, {})),
      edges: edges.filter(({ matcher }) => attributesFit(attributes, matcher.attributes, {})),
      kept: kept && text === '',
    }
  }
  return {
    gaps,
    of: (text) => {
      let readers = known.get(text)
      if (readers === undefined) {
        if (known.size >= attributeSetsKeptMax) known.clear()
        readers = make(text)
        known.set(text, readers)
      }
      return readers
    },
  }
}

/** Does a word of a guard or matcher hold? Null: there is none, or it is not known. */
export const wordFits = (word: string | null, is: readonly string[] | null, isNot: readonly string[] | null): boolean =>
  word !== null && (is === null || fitsOf(is)(word)) && (isNot === null || !fitsOf(isNot)(word))
