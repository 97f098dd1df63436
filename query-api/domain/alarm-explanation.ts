/**
 * Why an alarm is there, in the sentences that a person needs at 3 a.m., in that order: what was seen, since when, how it is
 * told apart from noise, what holds it down, when it ends, what to do. The same as data stands beside them.
 */
import type { Evidence, Severity } from '../../model/alarm.ts'
import type { Rule } from '../../model/rule.ts'
import { capital, clearText, lowered, type Periods, reasonText } from './alarm-reason.ts'
import { durationText, momentsIn } from './value-words.ts'

/** What of an episode is explained. */
export type ExplainedAlarm = {
  type: string
  qualifier: string
  severity: Severity
  /** At first. */
  raisedSeverity: Severity
  condition: string
  foundLate: boolean
  retracted: boolean
  amendments: number
  amendedReason: string
  raisedMs: number
  detectedMs: number
  clearedMs: number | null
  clearCause: string
  firstRaisedMs: number
  firstClearedMs: number | null
  occurrences: number
  ruleVersion: number
  operator: 'none' | 'ack' | 'closed'
  operatorActor: string
  acknowledgedMs: number | null
  shelf: 'none' | 'timed' | 'oneShot'
  shelvedUntilMs: number | null
  /** Ids of alarms and windows, and why. */
  suppressedBy: readonly { by: string; reason: string }[]
  flapping: boolean
  situation: string
  situationRole: string
  situationReason: string
}

export type Told = {
  alarm: ExplainedAlarm
  rule: Rule | undefined
  /** That raised it, and the newest. */
  evidence: Evidence | null
  newest: Evidence | null
  periods: Periods
  tz: string
  nowMs: number
}

/** What a list shows beside the title. */
export const reasonInShort = (
  { type, qualifier }: { type: string; qualifier: string },
  rule: Rule | undefined,
  evidence: Evidence | null,
  tz: string,
): string =>
  evidence === null
    ? (rule?.title ?? type)
    : reasonText(rule, qualifier, evidence, [], momentsIn(tz, evidence.values[0]?.observedAtMs ?? 0))

export const explanationWords = (told: Told): string[] =>
  [
    reasonSentence(told),
    sinceSentence(told),
    newestSentence(told),
    conditionSentence(told),
    lateSentence(told),
    ...quietSentences(told),
    operatorSentence(told),
    endSentence(told),
    ruleSentence(told),
  ].filter((sentence) => sentence !== '')

const moments = ({ tz, alarm }: Told) => momentsIn(tz, alarm.raisedMs)

const reasonSentence = (told: Told): string => reasonText(told.rule, told.alarm.qualifier, told.evidence, told.periods, moments(told))

/** A message may come some seconds after what it tells; more than that is worth a word. */
const knewLaterMs = 2 * 60_000

const sinceSentence = (told: Told): string => {
  const { alarm, rule, tz } = told
  const at = moments(told)
  const delay = rule === undefined || rule.onDelayMs === 0 ? '' : ` It had to stay so for ${durationText(rule.onDelayMs)} first.`
  const knew =
    alarm.detectedMs - alarm.raisedMs > knewLaterMs
      ? ` The recorder knew at ${at.second(alarm.detectedMs)}, ${stoodText(alarm.detectedMs - alarm.raisedMs)} later.`
      : ''
  const found = alarm.foundLate ? 'Found late: it stood' : 'Raised'
  const since = alarm.clearedMs === null ? `; ${alarm.severity} now` : `; ${alarm.severity} at the end`
  const changed = alarm.severity === alarm.raisedSeverity ? '' : since
  return `${found} as ${alarm.raisedSeverity} ${alarm.foundLate ? 'from' : 'at'} ${at.full(alarm.raisedMs)} (${tz})${changed}.${delay}${knew}`
}

const newestSentence = (told: Told): string => {
  const { alarm, evidence, newest, rule } = told
  if (newest === null || evidence === null || newest.lastOffset === evidence.lastOffset || alarm.foundLate) return ''
  return `Seen ${String(alarm.occurrences)} times; the last: ${reasonText(rule, alarm.qualifier, newest, [], moments(told))}`
}

const conditionSentence = (told: Told): string => {
  const { alarm, nowMs } = told
  const at = moments(told)
  if (alarm.retracted) return ''
  if (alarm.clearedMs !== null)
    return `${capital(clearedWords[alarm.clearCause] ?? 'cleared')} at ${at.second(alarm.clearedMs)}, after ${stoodText(alarm.clearedMs - alarm.raisedMs)}.`
  const stands = `It has stood for ${stoodText(nowMs - alarm.raisedMs)}`
  if (alarm.condition === 'unknown') return `${stands}, but nothing can be told of it now: it counts as neither up nor down.`
  if (alarm.condition === 'clearing') return `${stands}; it is well again, and clears unless it comes back.`
  return `${stands}.`
}

const clearedWords: Readonly<Record<string, string>> = {
  condition: 'well again: cleared',
  manual: 'cleared by hand',
  ruleRetired: 'cleared, since its rule is no longer in force,',
  resourceRetired: 'cleared, since the device was retired,',
  staleEvent: 'cleared, since it did not come again,',
}

const lateSentence = (told: Told): string => {
  const { alarm } = told
  if (alarm.amendments === 0) return ''
  const at = moments(told)
  const why = alarm.amendedReason === '' ? '' : ` (${alarm.amendedReason})`
  if (alarm.retracted) return `What came late shows that it never was${why}.`
  const first = `${at.minute(alarm.firstRaisedMs)} to ${alarm.firstClearedMs === null ? 'open' : at.minute(alarm.firstClearedMs)}`
  return `What came late changed it${why}; as first known it was ${first}.`
}

const quietSentences = (told: Told): string[] => {
  const { alarm } = told
  const at = moments(told)
  return [
    ...alarm.suppressedBy.map(({ by, reason }) => {
      // Ids of maintenance windows have no colon.
      const within = by.includes(':') ? `while ${by} stands` : `within the maintenance window ${by}`
      return `It notifies nobody ${within}${reason === '' ? '' : `: ${reason}`}.`
    }),
    alarm.shelf === 'none'
      ? ''
      : `It is shelved ${alarm.shelvedUntilMs === null ? 'until it clears' : `until ${at.minute(alarm.shelvedUntilMs)}`}.`,
    alarm.flapping ? 'It flaps, and notifies nobody until that is over.' : '',
    situationSentence(alarm),
  ]
}

const situationSentence = ({ situation, situationRole, situationReason }: ExplainedAlarm): string => {
  if (situation === '') return ''
  if (situationRole === 'root') return 'What the devices of the group have of it is part of this one fault, and notifies nobody by itself.'
  return `It is part of one fault that several share, so it notifies nobody by itself${situationReason === '' ? '' : `: ${situationReason}`}.`
}

const operatorSentence = (told: Told): string => {
  const { operator, operatorActor, acknowledgedMs } = told.alarm
  const at = acknowledgedMs === null ? '' : ` at ${moments(told).minute(acknowledgedMs)}`
  if (operator === 'none') return told.alarm.clearedMs === null ? 'Nobody has acknowledged it.' : ''
  return operator === 'ack' ? `Acknowledged by ${operatorActor}${at}.` : `Closed by ${operatorActor}.`
}

const endSentence = ({ alarm, rule, evidence }: Told): string =>
  alarm.clearedMs !== null || rule === undefined ? '' : clearText(rule, evidence)

const ruleSentence = ({ alarm, rule }: Told): string => {
  if (rule === undefined) return `Its rule ${alarm.type}, version ${String(alarm.ruleVersion)}, is no longer loaded.`
  const version =
    rule.version === alarm.ruleVersion
      ? ''
      : ` It was decided by version ${String(alarm.ruleVersion)} of the rule; version ${String(rule.version)} is in force now.`
  return `${rule.why} Likely cause: ${lowered(rule.cause)} To do: ${lowered(rule.action)}${version}`
}

/** Nobody reads how long something stood to the hundredth of a second. */
const stoodText = (ms: number): string => durationText(Math.round(ms / 1_000) * 1_000)
