/**
 * Why a rule spoke, in one sentence: what was seen, the level it was compared with, how long or how often. From the evidence
 * that the alarm keeps; the rule as it is loaded gives the words. Where the rule is gone or another version by now, the
 * evidence's own levels stand.
 */
import type { Evidence, EvidenceValue } from '../../model/alarm.ts'
import type { CountCondition, Level, LevelCondition, Rule, SilenceCondition } from '../../model/rule.ts'
import { countText, durationText, type Moments, signalName, valueText } from './value-words.ts'

/** Starts of the periods of 15 minutes in the evidence, oldest first; empty where the readings are no longer kept. */
export type Periods = readonly number[]

type Told = { rule: Rule | undefined; qualifier: string; evidence: Evidence; periods: Periods; at: Moments }

export const reasonText = (rule: Rule | undefined, qualifier: string, evidence: Evidence | null, periods: Periods, at: Moments): string => {
  if (evidence === null) return 'No evidence was kept with it.'
  const told: Told = { rule, qualifier, evidence, periods, at }
  const [first] = evidence.values
  if (first === undefined) return `It was seen in ${placeText(evidence)}.`
  // Of a group: the fleet stage's own words.
  if (first.name === 'group.reason') return `${capital(String(first.value))}.`
  switch (rule?.condition.form) {
    case 'level':
      return levelText(told, rule.condition, first)
    case 'count':
      return countTextOf(told, rule.condition, first)
    case 'silence':
      return silenceText(told, rule.condition)
    case 'gap':
      return gapText(told, first)
    case 'neverSeen':
      return `It was registered and has not been heard once in ${durationText(rule.condition.afterMs)}.`
    case 'event':
      return eventText(told, first)
    default:
      return plainText(told, first)
  }
}

const placeText = ({ topic, partition, firstOffset, lastOffset }: Evidence): string =>
  firstOffset === lastOffset
    ? `message ${String(partition)}:${String(firstOffset)} of ${topic}`
    : `messages ${String(partition)}:${String(firstOffset)} to ${String(partition)}:${String(lastOffset)} of ${topic}`

const levelWords: Readonly<Record<Level['op'], string>> = { above: 'above', atLeast: 'at least', below: 'below', atMost: 'at most' }

/** The level that was compared with; an override for the device may differ from the rule. */
const levelText = (told: Told, condition: LevelCondition, { name, value, unit, observedAtMs }: EvidenceValue): string => {
  const { evidence, qualifier, at } = told
  const special = radioText(condition, value)
  if (special !== null) return `${special} (${at.minute(observedAtMs)}).`
  const metric = baseName(name, condition.aggregate)
  const shown = shownUnit(condition, unit)
  const level = evidence.raiseLevel ?? condition.raise.value
  const against = `${levelWords[condition.raise.op]} ${valueText(level, shown, metric)}`
  const what = signalName(metric)
  const which = `${qualifier === '' ? '' : ` (${qualifier})`}${relation(condition)}`
  const number = `${valueText(value, shown, metric)}${condition.baseline === null ? '' : ' times what is usual at that hour'}`
  switch (condition.window.kind) {
    case 'event':
      return `${what}${which} was ${number} at ${at.second(observedAtMs)}, ${against}.`
    case 'rop':
      return `${what} ${aggregateWord(condition)} of 15 minutes${which} was ${number}, ${against}, ${rowText(told, condition, observedAtMs)}.`
    case 'sliding':
      return `At its pace of the last ${durationText(condition.window.lengthMs)}, ${lowered(what)}${which} comes to ${number} within ${durationText(condition.horizonMs)}, ${against}${nowText(evidence, metric)}.`
  }
}

/** `cellular.rsrp median` is the median of `cellular.rsrp`. */
const baseName = (name: string, aggregate: string): string =>
  name.endsWith(` ${aggregate}`) ? name.slice(0, -aggregate.length - 1) : name.replace(/ in [\d.]+ h$/, '')

const aggregateWord = ({ aggregate }: LevelCondition): string => (aggregate === 'last' ? '(last reading)' : aggregate)

/** Of the value that was compared with the levels. */
export const judgedUnit = (rule: Rule | undefined, unit: string): string => {
  const condition = rule?.condition
  if (condition?.form === 'level') return shownUnit(condition, unit)
  return condition?.form === 'fleet' && shareParameters.some((name) => name in condition.parameters) ? '%share' : unit
}

/** What a rule of groups compares with its level; the others count devices. */
const shareParameters = ['shareMin', 'shareAbove']

/** A quotient has no unit of its own; a rate is so much a second. */
const shownUnit = ({ dividedBy, baseline, aggregate, signal }: LevelCondition, unit: string): string => {
  if (dividedBy !== null || baseline !== null || aggregate === 'count') return ''
  if (aggregate === 'share') return '%share'
  return signal.of === 'counter' && aggregate === 'rate' && !unit.endsWith('/s') ? `${unit}/s` : unit
}

const relation = ({ dividedBy }: LevelCondition): string =>
  dividedBy === null ? '' : `, divided by ${dividedBy.metric ?? dividedBy.fact ?? ''},`

const rowText = ({ periods, at }: Told, { inARow }: LevelCondition, endMs: number): string => {
  const lastMs = endMs - 15 * 60_000
  // Of the readings that are kept, the newest so many periods are the row; without them only the last is known.
  const row = periods.filter((startMs) => startMs <= lastMs).slice(-inARow)
  const known = row.length === inARow && row.at(-1) === lastMs ? row : [lastMs]
  const times = known.map(at.minute).join(', ')
  if (inARow === 1) return `in the interval from ${times}`
  const words = `in ${countText(inARow)} intervals in a row`
  return known.length === inARow ? `${words} (${times})` : `${words}, the last from ${times}`
}

const nowText = ({ values }: Evidence, metric: string): string => {
  const now = values.find(({ name }) => name === `${metric} now`)
  return now === undefined ? '' : `; it is ${valueText(now.value, now.unit, metric)} now`
}

/** What the engine makes of radio snapshots has no level that would tell a person anything. */
const radioText = ({ signal }: LevelCondition, value: number | string | null): string | null => {
  if (signal.of !== 'radio' || signal.metric !== null) return null
  if (signal.name === 'ratDrop' && typeof value === 'number')
    return `It runs on an older radio technology, ${countText(value)} step${value === 1 ? '' : 's'} below the best of its last 7 days`
  if (signal.name === 'aggregationLost') return 'It aggregates no carriers though it usually does'
  return null
}

const countTextOf = ({ evidence, qualifier, rule, at }: Told, condition: CountCondition, first: EvidenceValue): string => {
  const what = first.name.replace(/ in [\d.]+ min$/, '')
  const within = durationText(condition.withinMs)
  const last = evidence.values[1]
  const newest = last === undefined || last.value === null ? '' : `; the last: ${happeningText(last)}`
  const noun = nouns[what] ?? `${what.replace(/^log /, '')} ${what.startsWith('log ') ? 'lines in its log' : 'events'}`
  const of = qualifier === '' ? '' : ` of ${qualifier}`
  const steps = rule?.severity === undefined ? '' : ` (the rule asks for ${countText(condition.raiseAtLeast)})`
  return `${capital(countText(Number(first.value)))} ${noun}${of} within ${within} up to ${at.second(first.observedAtMs)}${steps}${newest}.`
}

const nouns: Readonly<Record<string, string>> = {
  cell: 'cell changes',
  boot: 'boots',
  session: 'new sessions',
  'network.wan.up edge': 'changes of the uplink',
}

const silenceText = ({ evidence, at }: Told, condition: SilenceCondition): string => {
  const named = (name: string) => evidence.values.find((value) => value.name === name)
  const will = named('presence.will')
  const silence = named('presence.silence')
  const heard = named('presence.last_message')
  const away = named('presence.usually_away')
  const last = heard === undefined || heard.observedAtMs <= 0 ? '' : `; its last message came at ${at.second(heard.observedAtMs)}`
  const usual =
    typeof away?.value === 'number' && away.value >= 0.05
      ? ` At this hour it is away ${valueText(away.value, '1', 'usually_away')} of the time.`
      : ''
  if (will !== undefined) {
    return `Its connection broke or was ended, and it did not come back within ${durationText(Number(will.value ?? condition.willDelayMs))}${last}.${usual}`
  }
  if (silence !== undefined) {
    return `Nothing came for ${durationText(Number(silence.value))}, longer than it ever pauses${last}.${usual}`
  }
  return `It has been silent since${last.replace('; its last message came at', '')}.`
}

const gapText = ({ at, rule }: Told, { name, value, observedAtMs }: EvidenceValue): string => {
  const signal = name.replace(/ interval$/, '')
  const intervals = rule?.condition.form === 'gap' ? rule.condition.intervals : 3
  return `${signalName(signal)} is missing since ${at.second(observedAtMs)}: it comes every ${valueText(value, 'ms')}, and ${countText(intervals)} are missing while other data arrive.`
}

const eventText = ({ at, qualifier }: Told, first: EvidenceValue): string => {
  const of = qualifier === '' ? '' : ` (${qualifier})`
  return `${capital(happeningText(first))}${of}, at ${at.second(first.observedAtMs)}.`
}

/** What was told: a line, a boot, a word, a number. */
const happeningText = ({ name, value, unit }: EvidenceValue): string => {
  if (name === 'boot') return `it booted, reason ${String(value)}`
  if (name === 'cell') return `cell ${String(value)}`
  if (name === 'session') return 'a new session began'
  if (name === 'log' || name.startsWith('log ')) return `its log says ${valueText(value, '')}`
  if (name === 'network.wan.up') return value === 0 ? 'it lost its uplink' : 'its uplink is up'
  return value === null ? `it has no ${nounOf(name)}` : `${name} is ${typeof value === 'string' ? value : valueText(value, unit, name)}`
}

/** `wan.address`: uplink address. */
const nounOf = (name: string): string => (name.startsWith('wan.') ? `uplink ${name.slice(4)}` : name).replaceAll('_', ' ')

const plainText = ({ evidence, at }: Told, { name, value, unit, observedAtMs }: EvidenceValue): string => {
  const level = evidence.raiseLevel === null ? '' : `; the level to raise was ${valueText(evidence.raiseLevel, unit, name)}`
  return `${signalName(name)} was ${valueText(value, unit, name)} at ${at.second(observedAtMs)}${level}.`
}

/** When it is over, by the rule: for the reader who asks what to wait for. */
export const clearText = (rule: Rule, evidence: Evidence | null): string => {
  const { condition, offDelayMs } = rule
  const stays = offDelayMs === 0 ? '' : ` and stays so for ${durationText(offDelayMs)}`
  switch (condition.form) {
    case 'level': {
      const [first] = evidence?.values ?? []
      const metric = first === undefined ? '' : baseName(first.name, condition.aggregate)
      const unit = first === undefined ? '' : shownUnit(condition, first.unit)
      const level = `${levelWords[condition.clear.op]} ${valueText(evidence?.clearLevel ?? condition.clear.value, unit, metric)}`
      const row =
        condition.window.kind === 'rop' && condition.clearInARow > 1 ? `, ${countText(condition.clearInARow)} intervals in a row` : ''
      return `It clears when that is ${level}${row}${stays}.`
    }
    case 'count':
      return `It clears when ${condition.clearAtMost === 0 ? 'none came' : `at most ${countText(condition.clearAtMost)} came`} within ${durationText(condition.clearWithinMs)}.`
    case 'silence':
      return `It clears when the device is heard again${stays}.`
    case 'gap':
      return `It clears when the reading comes again${stays}.`
    case 'neverSeen':
      return 'It clears with its first message.'
    case 'event':
      if (condition.staleAfterMs !== null)
        return `Nothing tells its end: it clears when it has not come again for ${durationText(condition.staleAfterMs)}.`
      return condition.clearByOperator
        ? 'Nothing tells its end: a person clears it.'
        : `It clears when the device tells the opposite${stays}.`
    case 'fleet':
      return `It clears when ${fleetEnds[rule.id] ?? 'that is no longer so'}${stays}.`
  }
}

const fleetEnds: Readonly<Record<string, string>> = {
  'presence.group-outage': 'so many devices are back that the share that is offline is less than half of what it was',
  'site.power-outage': 'most of its devices are back and no more of them boot',
  'cell.exodus': 'half of the devices that left are back, or after a day',
  'platform.ingest-lag': 'devices reach the recorder without a break and its processors are not behind',
}

/** Within a sentence; abbreviations stay. */
export const lowered = (text: string): string => (/^(?:[A-Z][a-z]|An? )/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text)

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
