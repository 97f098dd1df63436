/** The filters that lists, counts and bulk actions of alarms share, and the moments at which lists and counts may be asked. */
import { Type } from 'typebox'
import { deviceClasses, severities, type Severity, severityRank } from '../../model/alarm.ts'
import { alarmIdOf, parseAlarmId } from '../domain/alarm-id.ts'
import type { AlarmFilter } from '../domain/alarm-row.ts'
import { parseDeviceId, subjectOf } from '../domain/device-id.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseKnownAt, parseTime, toTime } from '../domain/time.ts'
import type { AlarmMoment } from '../queries/alarms-then.ts'
import { choice, rangeQuery } from './schemas.ts'

export const alarmFilterQuery = {
  device: Type.Optional(Type.String({ maxLength: 60, description: 'MAC address in any common writing.' })),
  subject: Type.Optional(Type.String({ maxLength: 300, description: 'Device (any writing of its MAC), group or part of the recorder.' })),
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
  class: Type.Optional(choice(deviceClasses, { description: 'Of the device; what the inventory does not say is home.' })),
  situation: Type.Optional(Type.String({ maxLength: 300, description: 'Id of its root alarm: that one and those that it explains.' })),
  symptoms: Type.Optional(
    Type.Boolean({ description: 'false: without the alarms that a situation explains. Default: with them.', examples: [false] }),
  ),
  operator: Type.Optional(choice(['none', 'ack', 'closed'])),
  acknowledged: Type.Optional(Type.Boolean({ description: 'true: acknowledged or closed; false: neither.' })),
  shelved: Type.Optional(Type.Boolean({ description: 'Put aside by a person, or not.' })),
  suppressed: Type.Optional(
    Type.Boolean({ description: 'true: held down by another alarm or a maintenance window, so that it tells nobody; false: by none.' }),
  ),
  maintenance: Type.Optional(Type.Boolean({ description: 'Held down by a maintenance window, or by none.' })),
  foundLate: Type.Optional(Type.Boolean({ description: 'Only those that late data revealed, or none of them.' })),
  from: rangeQuery.from,
  to: Type.Optional(
    Type.String({ maxLength: 60, description: 'With from: those that stood at some time of the range. RFC 3339 with a zone.' }),
  ),
}

export const alarmMomentQuery = {
  knownAt: Type.Optional(
    Type.String({
      maxLength: 60,
      description:
        'As it was known then: what stood on the screen at that time, without what came or was done later. Default: all that is known now. RFC 3339 with a zone.',
      examples: ['2025-03-01T03:15:00Z'],
    }),
  ),
  at: Type.Optional(
    Type.String({
      maxLength: 60,
      description:
        'As it stood then by the devices’ own time, with all that became known since, or by knownAt. active: had begun and was not over. Default: now. RFC 3339 with a zone.',
      examples: ['2025-03-01T03:15:00Z'],
    }),
  ),
}

/** Null: as it is now. */
export const alarmMomentOf = (asked: { at?: string; knownAt?: string }): AlarmMoment | null => {
  const knownMs = parseKnownAt(asked.knownAt)
  const atMs = asked.at === undefined ? null : parseTime('at', asked.at)
  if (knownMs !== null) return { knownMs, atMs }
  return atMs === null ? null : { knownMs, atMs }
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
  acknowledged?: boolean
  shelved?: boolean
  suppressed?: boolean
  maintenance?: boolean
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
    subject: asked.device !== undefined ? parseDeviceId(asked.device) : asked.subject === undefined ? null : subjectOf(asked.subject),
    site: asked.site ?? null,
    type: asked.type ?? null,
    state: asked.state,
    severities: asked.severity === undefined || asked.severity === '' ? null : severitiesOf(asked.severity),
    class: asked.class ?? null,
    situation: asked.situation === undefined ? null : [alarmIdOf(parseAlarmId(asked.situation))],
    symptoms: asked.symptoms ?? true,
    operator: asked.operator ?? null,
    acknowledged: asked.acknowledged ?? null,
    shelved: asked.shelved ?? null,
    suppressed: asked.suppressed ?? null,
    maintenance: asked.maintenance ?? null,
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
