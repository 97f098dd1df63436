/** An alarm as lists, one alarm and the page show it. */
import { type Static, Type } from 'typebox'
import { deviceClasses, type Evidence, severities } from '../../model/alarm.ts'
import type { Rule } from '../../model/rule.ts'
import { reasonInShort } from '../domain/alarm-explanation.ts'
import { idOfRow } from '../domain/alarm-id.ts'
import { isDeviceId } from '../domain/device-id.ts'
import { runbookUrlOf } from '../domain/docs-pages.ts'
import { toTime, toTimeOrNull } from '../domain/time.ts'
import type { AlarmRow } from '../domain/alarm-row.ts'
import type { SubjectNames } from '../queries/alarm-subjects.ts'
import { type RouteContext, textOrNull } from './context.ts'
import { choice, nullable, TextOrNull, Time, TimeOrNull } from './schemas.ts'

export const SeverityName = choice(severities)

export const Alarm = Type.Object({
  id: Type.String({ description: '`<stream>:<n>`; of an episode that late data revealed `<stream>:L<n>`.' }),
  deviceId: Type.Union([Type.String(), Type.Null()], { description: 'Null: it is about a group or the recorder itself.' }),
  subject: Type.String({ description: 'Device, group or part of the recorder that it is about.' }),
  resource: Type.String({ description: '`<product>/<model>/<mac>`, or the key of the group.' }),
  name: TextOrNull,
  site: nullable(Type.Object({ id: Type.String(), name: TextOrNull })),
  class: choice([...deviceClasses, 'other'], { description: 'other: no device.' }),
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
    description: 'Ids of alarms that hold it down (with a colon), and of maintenance windows (without).',
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
  runbookUrl: Type.Union([Type.String(), Type.Null()], {
    description: 'Page that says what to do, of this server or elsewhere; null: none, or its rule is not loaded.',
  }),
})

export const alarmOf = (
  row: AlarmRow,
  names: ReadonlyMap<string, SubjectNames>,
  rules: RulesById,
  tz: string,
  causes: ReadonlyMap<string, string> = noCauses,
): Static<typeof Alarm> => {
  const id = idOfRow(row)
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
    runbookUrl: rule?.runbookUrl ?? null,
  }
}

const noCauses: ReadonlyMap<string, string> = new Map()

const classOf = (told: string): 'critical' | 'business' | 'home' => (told === 'critical' || told === 'business' ? told : 'home')

/** A rule with the address of its runbook; null where that is no page of ours and no address. */
type LinkedRule = Rule & { runbookUrl: string | null }
export type RulesById = ReadonlyMap<string, LinkedRule>
export const rulesById = ({ deps, pages }: RouteContext): RulesById =>
  new Map((deps.rules ?? []).map((rule) => [rule.id, { ...rule, runbookUrl: runbookUrlOf(rule.runbook, pages) }]))

/** Evidence from its stored JSON; null where none was stored or it cannot be read. */
export const evidenceOf = (json: string): Evidence | null => {
  if (json === '' || json === 'null') return null
  const found = JSON.parse(json) as Evidence | null
  return found !== null && Array.isArray(found.values) ? found : null
}
