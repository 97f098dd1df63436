/** An alarm as lists, one alarm, a device's state and the page show it; and the filters that lists, counts and bulk actions share. */
import { type Static, Type } from 'typebox'
import { type Evidence, severities, type Severity, severityRank } from '../../model/alarm.ts'
import type { Rule } from '../../model/rule.ts'
import { reasonInShort } from '../domain/alarm-explanation.ts'
import { alarmIdOf } from '../domain/alarm-id.ts'
import { isDeviceId, parseDeviceId } from '../domain/device-id.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseTime, toTime, toTimeOrNull } from '../domain/time.ts'
import type { AlarmFilter, AlarmRow, SubjectNames } from '../queries/alarms.ts'
import { textOrNull } from './context.ts'
import { choice, nullable, rangeQuery, TextOrNull, Time, TimeOrNull } from './schemas.ts'

export const SeverityName = choice(severities)

export const Alarm = Type.Object({
  id: Type.String({ description: '`<stream>:<n>`; of an episode that late data revealed `<stream>:L<n>`.' }),
  deviceId: Type.Union([Type.String(), Type.Null()], { description: 'Null: it is about a group or the recorder itself.' }),
  subject: Type.String({ description: 'Device, group or part of the recorder that it is about.' }),
  resource: Type.String({ description: '`<product>/<model>/<mac>`, or the key of the group.' }),
  name: TextOrNull,
  site: nullable(Type.Object({ id: Type.String(), name: TextOrNull })),
  class: choice(['critical', 'business', 'home', 'other'], { description: 'other: no device.' }),
  type: Type.String({ description: 'Id of the rule.', examples: ['radio.rsrp-poor'] }),
  qualifier: Type.String({
    description: 'Tells alarms of one type on one device apart: an interface, a mount point; empty when there is one.',
  }),
  title: Type.Union([Type.String(), Type.Null()], { description: 'Of the rule as it is loaded; null when it is not (any more).' }),
  text: Type.String({ description: 'What was seen last, in one sentence; may quote the device: escape it before showing.' }),
  severity: SeverityName,
  severityMax: SeverityName,
  active: Type.Boolean(),
  condition: Type.String({ description: 'normal, raising, active, clearing, unknown: neither up nor down.' }),
  operator: Type.Object({
    state: choice(['none', 'ack', 'closed']),
    actor: TextOrNull,
    firstAcknowledgedAt: TimeOrNull,
    reason: Type.Union([Type.String(), Type.Null()], { description: 'Of closing.' }),
    assignee: TextOrNull,
    ticket: TextOrNull,
    comments: Type.Integer(),
    escalations: Type.Integer({ description: 'How often it went back to the operators: critical and acknowledged for too long.' }),
  }),
  shelf: Type.Object({ state: choice(['none', 'timed', 'oneShot']), until: TimeOrNull }),
  suppressedBy: Type.Array(Type.String(), {
    description: 'Ids of alarms that hold it down; of maintenance windows, once these can be made.',
  }),
  flapping: Type.Boolean(),
  situation: nullable(Type.Object({ id: Type.String(), role: Type.String() })),
  cause: Type.Union([Type.String(), Type.Null()], {
    description: 'Of presence.offline: why, as far as is known; null: not known, or another alarm.',
  }),
  raisedAt: Type.Unsafe<string>({ ...Time, description: 'When it had become so, by the device’s time; as amended by what came late.' }),
  detectedAt: Type.Unsafe<string>({ ...Time, description: 'When the recorder knew.' }),
  clearedAt: TimeOrNull,
  clearCause: TextOrNull,
  foundLate: Type.Boolean({ description: 'Nobody saw it then: data that came late showed it. It never notified.' }),
  retracted: Type.Boolean({ description: 'Data that came late showed that it never was.' }),
  amendments: Type.Integer(),
  firstKnown: Type.Object(
    { raisedAt: Time, clearedAt: TimeOrNull, severity: SeverityName },
    { description: 'As it was known before anything came late.' },
  ),
  occurrences: Type.Integer({ description: 'Readings that said so.' }),
  unknownSeconds: Type.Number({ description: 'Of its time, in which nothing could be told.' }),
  rule: Type.Object({ id: Type.String(), version: Type.Integer() }),
})

export const alarmOf = (
  row: AlarmRow,
  names: ReadonlyMap<string, SubjectNames>,
  rules: RulesById,
  tz: string,
  causes: ReadonlyMap<string, string> = noCauses,
): Static<typeof Alarm> => {
  const id = alarmIdOf({ stream: row.stream, episode: row.episode, foundLate: row.found_late === 1 })
  const about = names.get(row.subject)
  const rule = rules.get(row.type)
  const isDevice = isDeviceId(row.subject)
  return {
    id,
    deviceId: isDevice ? row.subject : null,
    subject: row.subject,
    resource: row.resource,
    name: textOrNull(about?.name ?? ''),
    site: about === undefined || about.site === '' ? null : { id: about.site, name: textOrNull(about.site_name) },
    class: isDevice ? classOf(about?.class ?? '') : 'other',
    type: row.type,
    qualifier: row.qualifier,
    title: rule?.title ?? null,
    text: reasonInShort(row, rule, evidenceOf(row.evidence), tz),
    severity: row.severity,
    severityMax: row.severity_max,
    active: row.cleared_ms === null && row.retracted === 0,
    condition: row.condition,
    operator: {
      state: row.operator,
      actor: textOrNull(row.operator_actor),
      firstAcknowledgedAt: toTimeOrNull(row.acknowledged_ms),
      reason: textOrNull(row.closed_reason),
      assignee: textOrNull(row.assignee),
      ticket: textOrNull(row.ticket),
      comments: row.comments,
      escalations: row.escalations,
    },
    shelf: { state: row.shelf, until: toTimeOrNull(row.shelved_until_ms) },
    suppressedBy: row.suppressed_by,
    flapping: row.flapping === 1,
    situation: row.situation === '' ? null : { id: row.situation, role: row.situation_role },
    cause: causes.get(id) ?? null,
    raisedAt: toTime(row.raised_ms),
    detectedAt: toTime(row.detected_ms),
    clearedAt: toTimeOrNull(row.cleared_ms),
    clearCause: textOrNull(row.clear_cause),
    foundLate: row.found_late === 1,
    retracted: row.retracted === 1,
    amendments: row.amendments,
    firstKnown: { raisedAt: toTime(row.first_raised_ms), clearedAt: toTimeOrNull(row.first_cleared_ms), severity: row.first_severity },
    occurrences: row.occurrences,
    unknownSeconds: row.unknown_ms / 1_000,
    rule: { id: row.type, version: row.rule_version },
  }
}

const noCauses: ReadonlyMap<string, string> = new Map()

const classOf = (told: string): 'critical' | 'business' | 'home' => (told === 'critical' || told === 'business' ? told : 'home')

export type RulesById = ReadonlyMap<string, Rule>

/** Evidence from its stored JSON; null where none was stored or it cannot be read. */
export const evidenceOf = (json: string): Evidence | null => {
  if (json === '' || json === 'null') return null
  const found = JSON.parse(json) as Evidence | null
  return found !== null && Array.isArray(found.values) ? found : null
}

// ---------------------------------------------------------------------------------------------------------------- filters

export const alarmFilterQuery = {
  device: Type.Optional(Type.String({ maxLength: 60, description: 'MAC address in any common writing.' })),
  subject: Type.Optional(Type.String({ maxLength: 300, description: 'Exactly this device, group or part of the recorder.' })),
  site: Type.Optional(Type.String({ maxLength: 200, description: 'Id of a site: alarms of its devices and its own.' })),
  type: Type.Optional(Type.String({ maxLength: 100, description: 'Id of a rule.', examples: ['presence.offline'] })),
  state: choice(['active', 'cleared', 'all'], {
    default: 'active',
    description: 'cleared leaves out what was purged or retracted; all is everything.',
  }),
  severity: Type.Optional(
    Type.String({
      maxLength: 100,
      description: 'One or more, separated by commas; or one with + for "at least".',
      examples: ['major+', 'minor,warning'],
    }),
  ),
  class: Type.Optional(
    choice(['critical', 'business', 'home'], { description: 'Of the device; what the inventory does not say is home.' }),
  ),
  situation: Type.Optional(Type.String({ maxLength: 300 })),
  symptoms: Type.Optional(
    Type.Boolean({ description: 'false: without the alarms that a situation explains. Default: with them.', examples: [false] }),
  ),
  operator: Type.Optional(choice(['none', 'ack', 'closed'])),
  shelved: Type.Optional(Type.Boolean()),
  foundLate: Type.Optional(Type.Boolean({ description: 'Only those that late data revealed, or none of them.' })),
  from: rangeQuery.from,
  to: Type.Optional(
    Type.String({ maxLength: 60, description: 'With from: those that stood at some time of the range. RFC 3339 with a zone.' }),
  ),
}

type AskedFilter = {
  device?: string
  subject?: string
  site?: string
  type?: string
  state: 'active' | 'cleared' | 'all'
  severity?: string
  class?: 'critical' | 'business' | 'home'
  situation?: string
  symptoms?: boolean
  operator?: 'none' | 'ack' | 'closed'
  shelved?: boolean
  foundLate?: boolean
  from?: string
  to?: string
}

export const filterOf = (asked: AskedFilter): AlarmFilter => {
  if (asked.device !== undefined && asked.subject !== undefined)
    throw new ProblemError('REQUEST_INVALID', 'Expected device or subject, not both.')
  const fromMs = asked.from === undefined ? null : parseTime('from', asked.from)
  const toMs = asked.to === undefined ? null : parseTime('to', asked.to)
  if (fromMs !== null && toMs !== null && fromMs >= toMs) {
    throw new ProblemError('TIME_RANGE_INVALID', `Expected from before to, got from ${toTime(fromMs)} and to ${toTime(toMs)}.`)
  }
  return {
    subject: asked.device === undefined ? (asked.subject ?? null) : parseDeviceId(asked.device),
    site: asked.site ?? null,
    type: asked.type ?? null,
    state: asked.state,
    severities: asked.severity === undefined || asked.severity === '' ? null : severitiesOf(asked.severity),
    class: asked.class ?? null,
    situation: asked.situation ?? null,
    symptoms: asked.symptoms ?? true,
    operator: asked.operator ?? null,
    shelved: asked.shelved ?? null,
    foundLate: asked.foundLate ?? null,
    fromMs,
    toMs,
  }
}

/** `major+` is major and critical. A plus sign in a URL may come as a blank. */
const severitiesOf = (text: string): Severity[] => {
  const atLeast = /^([a-z]+)(?:\+| |%2B)$/.exec(text)?.[1]
  if (atLeast !== undefined && isSeverity(atLeast)) return severities.filter((one) => severityRank[one] >= severityRank[atLeast])
  const asked = text.split(',').map((part) => part.trim())
  if (!asked.every(isSeverity)) {
    throw new ProblemError(
      'REQUEST_INVALID',
      `Expected severity as some of ${severities.join(', ')}, or one with +, got ${JSON.stringify(text.slice(0, 60))}.`,
      { parameter: 'severity' },
    )
  }
  return asked
}

const isSeverity = (text: string): text is Severity => (severities as readonly string[]).includes(text)
