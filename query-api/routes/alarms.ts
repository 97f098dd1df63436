/** /alarms: the list, the counts, and one alarm with its history and its explanation. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import type { Evidence } from '../../model/alarm.ts'
import { severities } from '../../model/alarm.ts'
import { alarmTypeOf, type Rule } from '../../model/rule.ts'
import { alarmEventText } from '../domain/alarm-event-words.ts'
import { explanationWords } from '../domain/alarm-explanation.ts'
import { judgedUnit } from '../domain/alarm-reason.ts'
import { alarmIdOf, parseAlarmId } from '../domain/alarm-id.ts'
import { pageOf } from '../domain/cursor.ts'
import { isDeviceId } from '../domain/device-id.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseTimeZone, toTime, toTimeOrNull } from '../domain/time.ts'
import { momentsIn, valueText } from '../domain/value-words.ts'
import { evidenceMessages, evidenceMessagesMax, type EvidenceMessageRow, evidencePeriods } from '../queries/alarm-evidence.ts'
import {
  alarmCursor,
  type AlarmEventRow,
  alarmHistory,
  type AlarmRow,
  alarmSorts,
  countAlarms,
  historyMax,
  listAlarms,
  oneAlarm,
  subjectNames,
} from '../queries/alarms.ts'
import { Alarm, alarmFilterQuery, alarmOf, evidenceOf, filterOf } from './alarm-item.ts'
import { completeThrough, cursorOf, type RouteContext, textOrNull } from './context.ts'
import {
  answers,
  choice,
  CompleteThrough,
  list,
  nullable,
  NumberOrNull,
  orderQuery,
  pagingQuery,
  query,
  TextOrNull,
  Time,
  TimeOrNull,
} from './schemas.ts'

export const AlarmParams = Type.Object({
  id: Type.String({ maxLength: 300, description: 'As the list gives it.', examples: ['alarm-default-0123456789abcdef:1'] }),
})
const tzQuery = { tz: Type.String({ default: 'UTC', maxLength: 64, description: 'IANA time zone of the times in sentences.' }) }

const EvidenceData = Type.Object({
  topic: Type.String({ description: 'Of the log.' }),
  partition: Type.Integer(),
  firstOffset: Type.Integer(),
  lastOffset: Type.Integer(),
  values: Type.Array(
    Type.Object({
      name: Type.String(),
      value: Type.Union([Type.Number(), Type.String(), Type.Null()]),
      unit: Type.String({ description: 'UCUM; empty where it has none.' }),
      text: Type.String({ description: 'The value with its unit as people write it.' }),
      observedAt: Time,
    }),
  ),
  raiseLevel: NumberOrNull,
  clearLevel: NumberOrNull,
  raiseText: TextOrNull,
  clearText: TextOrNull,
})

const EventItem = Type.Object({
  id: Type.String({ description: '`<stream>#<version>`; of a command that was not carried out with `!<offset>` behind it.' }),
  kind: Type.String(),
  at: Type.Unsafe<string>({ ...Time, description: 'When the recorder knew.' }),
  observedAt: Type.Unsafe<string>({ ...Time, description: 'When it was so, by the device’s time.' }),
  severity: TextOrNull,
  actor: TextOrNull,
  text: Type.String({ description: 'In words; may quote a device or a person: escape it before showing.' }),
  ruleVersion: Type.Union([Type.Integer(), Type.Null()]),
  data: Type.Record(Type.String(), Type.Unknown()),
  source: Type.Object({ topic: Type.String(), partition: Type.Integer(), offset: Type.Integer() }),
})

const Explanation = Type.Object({
  words: Type.Array(Type.String(), { description: 'In the order in which they are read; may quote a device: escape before showing.' }),
  rule: Type.Object({
    id: Type.String(),
    version: Type.Integer({ description: 'That decided.' }),
    inForce: Type.Union([Type.Integer(), Type.Null()], { description: 'Version that is loaded; null: none.' }),
    title: TextOrNull,
    why: TextOrNull,
    cause: TextOrNull,
    action: TextOrNull,
    runbook: TextOrNull,
    eventType: TextOrNull,
    clearsByItself: Type.Union([Type.Boolean(), Type.Null()]),
    condition: Type.Unknown({ description: 'As loaded: levels, window, aggregate, counts.' }),
    dependsOn: Type.Array(Type.String()),
  }),
  thresholds: Type.Object(
    { raise: NumberOrNull, clear: NumberOrNull },
    { description: 'That were compared with; null for rules without levels.' },
  ),
  evidence: nullable(EvidenceData),
  newestEvidence: nullable(EvidenceData),
  periods: Type.Array(Time, { description: 'Starts of the periods of 15 minutes that the evidence fills.' }),
  messages: Type.Array(
    Type.Object({
      topic: Type.String({ description: 'MQTT topic.' }),
      place: Type.String({ description: 'partition:offset in the log.' }),
      receivedAt: Time,
      observedAt: Time,
      outcome: Type.String(),
      explain: Type.String({ description: 'Address of the message with its payload.' }),
    }),
    { description: `The device’s messages between those offsets, newest first, at most ${String(evidenceMessagesMax)}.` },
  ),
  timers: Type.Object({
    onDelaySeconds: NumberOrNull,
    offDelaySeconds: NumberOrNull,
    raiseDelay: nullable(Type.Object({ startedAt: Time, dueAt: TimeOrNull })),
    clearDelay: nullable(Type.Object({ startedAt: Time, dueAt: TimeOrNull }, { description: 'It runs now.' })),
    clearsWithoutRepeatAt: TimeOrNull,
    shelvedUntil: TimeOrNull,
  }),
  suppressedBy: Type.Array(Type.Object({ kind: Type.String(), by: Type.String(), reason: Type.String(), since: Time })),
  groupedBy: nullable(Type.Object({ situation: Type.String(), role: Type.String(), reason: Type.String() })),
  links: Type.Object({ device: TextOrNull, stateThen: TextOrNull, timeline: TextOrNull, rule: Type.String(), runbook: TextOrNull }),
})

const Counts = Type.Object({
  critical: Type.Integer(),
  major: Type.Integer(),
  minor: Type.Integer(),
  warning: Type.Integer(),
  indeterminate: Type.Integer(),
  total: Type.Integer(),
})

export const alarmRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  const rules = new Map((deps.rules ?? []).map((rule) => [rule.id, rule]))

  app.get(
    '/alarms',
    {
      schema: {
        tags: ['alarms'],
        summary: 'Alarms, those that stand now unless asked otherwise, newest first',
        description:
          'An alarm is one episode of a resource, type and qualifier. Condition, operator state, shelf, suppression and stability are independent of each other: an alarm may be cleared and not acknowledged, or shelved and active.',
        querystring: query({
          ...alarmFilterQuery,
          sort: choice(alarmSorts, { default: 'raisedAt', description: 'severity: the worst first, of one severity the newest.' }),
          ...orderQuery,
          ...tzQuery,
          ...pagingQuery,
        }),
        response: answers(list(Alarm, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { sort, order, limit, cursor, tz, ...asked } = request.query
      const zone = parseTimeZone(tz)
      const rows = await listAlarms(scope, {
        ...filterOf(asked),
        sort,
        descending: order === 'desc',
        limit,
        after: cursorOf(cursor, alarmCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.rank, last.raised_ms, last.stream, last.found_late, last.episode])
      const names = await subjectNames(
        scope,
        page.rows.map(({ subject }) => subject),
      )
      return {
        items: page.rows.map((row) => alarmOf(row, names, rules, zone)),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/alarms/counts',
    {
      schema: {
        tags: ['alarms'],
        summary: 'How many alarms of each severity (3GPP TS 28.532 alarmCount)',
        querystring: query(alarmFilterQuery),
        response: answers(
          Type.Object({
            active: Counts,
            unacknowledged: Counts,
            shelved: Type.Integer({ description: 'Of the active ones.' }),
            cleared: Type.Integer({ description: 'Of those asked for; 0 with state=active.' }),
            completeThrough: CompleteThrough,
          }),
        ),
      },
    },
    async (request) => {
      const rows = await countAlarms(scope, filterOf(request.query))
      const sum = (of: 'active' | 'unacknowledged' | 'shelved' | 'cleared'): number => rows.reduce((total, row) => total + row[of], 0)
      const counts = (of: 'active' | 'unacknowledged'): Static<typeof Counts> => ({
        ...(Object.fromEntries(
          severities.map((severity) => [severity, rows.find((row) => row.severity === severity)?.[of] ?? 0]),
        ) as Record<(typeof severities)[number], number>),
        total: sum(of),
      })
      return {
        active: counts('active'),
        unacknowledged: counts('unacknowledged'),
        shelved: sum('shelved'),
        cleared: sum('cleared'),
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/alarms/:id',
    {
      schema: {
        tags: ['alarms'],
        summary: 'One alarm with its history and why it is there, in words and as data',
        params: AlarmParams,
        querystring: query(tzQuery),
        response: answers(
          Type.Intersect([
            Alarm,
            Type.Object({
              history: Type.Array(EventItem, { description: `Oldest first; of more than ${String(historyMax)} events the newest.` }),
              historyCut: Type.Boolean(),
              explanation: Explanation,
              completeThrough: CompleteThrough,
            }),
          ]),
        ),
      },
    },
    async (request) => {
      const zone = parseTimeZone(request.query.tz)
      const row = await knownAlarm(context, request.params.id)
      const [names, events] = await Promise.all([subjectNames(scope, [row.subject]), alarmHistory(scope, row)])
      const cut = events.length > historyMax
      const history = ofEpisode(events.slice(0, historyMax).reverse(), row)
      return {
        ...alarmOf(row, names, rules, zone),
        history: history.map((event) => eventOf(row, event, zone)),
        historyCut: cut,
        explanation: await explain(context, row, rules.get(row.type), history, zone),
        completeThrough: completeThrough(context),
      }
    },
  )
}

/** Else ALARM_UNKNOWN. */
export const knownAlarm = async ({ scope }: RouteContext, text: string): Promise<AlarmRow> => {
  const id = parseAlarmId(text)
  const row = await oneAlarm(scope, id)
  if (row === undefined)
    throw new ProblemError('ALARM_UNKNOWN', `There is no alarm ${alarmIdOf(id)}; /api/v1/alarms?state=all lists those that were.`)
  return row
}

/** Of the episode before only the delay that led to this raise: it had not begun yet. */
const ofEpisode = (events: readonly AlarmEventRow[], row: AlarmRow): AlarmEventRow[] => {
  const isDelay = ({ kind }: AlarmEventRow): boolean => kind === 'RaiseDelayStarted' || kind === 'RaiseDelayAbandoned'
  if (row.found_late === 1) return [...events]
  const own = events.filter((event) => event.episode === row.episode && !isDelay(event))
  const before = events.filter(({ episode }) => episode === row.episode - 1).filter(isDelay)
  const delay = before.at(-1)
  return delay?.kind === 'RaiseDelayStarted' ? [delay, ...own] : own
}

const detailOf = ({ detail }: AlarmEventRow): Record<string, unknown> =>
  detail === '' ? {} : (JSON.parse(detail) as Record<string, unknown>)

const eventOf = (row: AlarmRow, event: AlarmEventRow, tz: string): Static<typeof EventItem> => {
  const detail = detailOf(event)
  return {
    id: `${row.stream}#${String(event.stream_version)}${event.kind === 'Refused' ? `!${String(event.offset)}` : ''}`,
    kind: event.kind,
    at: toTime(event.at_ms),
    observedAt: toTime(event.observed_ms),
    severity: textOrNull(event.severity),
    actor: textOrNull(event.actor),
    text: alarmEventText({ kind: event.kind, severity: event.severity, actor: event.actor, detail }, momentsIn(tz, row.raised_ms)),
    ruleVersion: event.rule_version === 0 ? null : event.rule_version,
    data: detail,
    source: { topic: event.log_topic, partition: event.partition, offset: event.offset },
  }
}

const explain = async (
  context: RouteContext,
  row: AlarmRow,
  rule: Rule | undefined,
  history: readonly AlarmEventRow[],
  tz: string,
): Promise<Static<typeof Explanation>> => {
  const { scope, deps } = context
  const raise = history.find(({ kind }) => kind === 'AlarmRaised' || kind === 'EpisodeFoundLate')
  const newest = evidenceOf(row.evidence)
  // A step to another severity has evidence of its own; what raised it is the first.
  const evidence = evidenceIn(raise) ?? newest
  const where = evidence === null ? null : { subject: row.subject, evidence, knownMs: row.detected_ms }
  const [messages, periods] = await Promise.all([
    where === null ? [] : evidenceMessages(scope, where),
    where === null || rule?.condition.form !== 'level' ? [] : evidencePeriods(scope, where, rule.condition),
  ])
  const suppressors = suppressorsOf(row, history)
  const grouped = history.findLast(({ kind }) => kind === 'Correlated')
  const groupReason = grouped === undefined ? '' : textIn(detailOf(grouped), 'reason')
  const device = isDeviceId(row.subject) ? `/api/v1/devices/${row.subject}` : null
  return {
    words: explanationWords({
      alarm: {
        type: row.type,
        qualifier: row.qualifier,
        severity: row.severity,
        condition: row.condition,
        foundLate: row.found_late === 1,
        retracted: row.retracted === 1,
        amendments: row.amendments,
        amendedReason: row.amended_reason,
        raisedMs: row.raised_ms,
        detectedMs: row.detected_ms,
        clearedMs: row.cleared_ms,
        clearCause: row.clear_cause,
        firstRaisedMs: row.first_raised_ms,
        firstClearedMs: row.first_cleared_ms,
        occurrences: row.occurrences,
        ruleVersion: row.rule_version,
        operator: row.operator,
        operatorActor: row.operator_actor,
        acknowledgedMs: row.acknowledged_ms,
        shelf: row.shelf,
        shelvedUntilMs: row.shelved_until_ms,
        suppressedBy: suppressors,
        flapping: row.flapping === 1,
        situation: row.situation,
        situationRole: row.situation_role,
        situationReason: groupReason,
      },
      rule,
      evidence,
      newest,
      periods,
      tz,
      nowMs: deps.clock.nowMs(),
    }),
    rule: {
      id: row.type,
      version: row.rule_version,
      inForce: rule?.version ?? null,
      title: rule?.title ?? null,
      why: rule?.why ?? null,
      cause: rule?.cause ?? null,
      action: rule?.action ?? null,
      runbook: rule?.runbook ?? null,
      eventType: rule?.eventType ?? null,
      clearsByItself: rule === undefined ? null : alarmTypeOf(rule).willClear,
      condition: rule?.condition ?? null,
      dependsOn: [...(rule?.dependsOn ?? [])],
    },
    thresholds: { raise: evidence?.raiseLevel ?? null, clear: evidence?.clearLevel ?? null },
    evidence: evidenceData(evidence, rule),
    newestEvidence: evidenceData(newest, rule),
    periods: periods.map(toTime),
    messages: evidence === null || device === null ? [] : messages.map((message) => messageOf(device, evidence, message)),
    timers: timersOf(row, rule, history),
    suppressedBy: suppressors.map(({ sinceMs, ...rest }) => ({ ...rest, since: toTime(sinceMs) })),
    groupedBy: row.situation === '' ? null : { situation: row.situation, role: row.situation_role, reason: groupReason },
    links: {
      device,
      stateThen: device === null ? null : `${device}/state?at=${toTime(row.raised_ms)}`,
      timeline:
        device === null ? null : `${device}/timeline?from=${toTime(row.raised_ms - 3_600_000)}&to=${toTime(row.raised_ms + 3_600_000)}`,
      rule: `/api/v1/rules?id=${row.type}`,
      runbook: rule?.runbook ?? null,
    },
  }
}

const evidenceIn = (event: AlarmEventRow | undefined): Evidence | null =>
  event === undefined ? null : ((detailOf(event)['evidence'] ?? null) as Evidence | null)

const textIn = (data: Record<string, unknown>, name: string): string => {
  const value = data[name]
  return typeof value === 'string' ? value : ''
}

/** What holds it down now, with the reason that was told when it began. */
const suppressorsOf = (row: AlarmRow, history: readonly AlarmEventRow[]) =>
  row.suppressed_by.map((by) => {
    const event = history.findLast(({ kind, detail }) => kind === 'Suppressed' && detail.includes(JSON.stringify(by)))
    const detail = event === undefined ? {} : detailOf(event)
    const suppressor = (detail['suppressor'] ?? {}) as Record<string, unknown>
    return { kind: textIn(suppressor, 'kind') || 'alarm', by, reason: textIn(detail, 'reason'), sinceMs: event?.at_ms ?? row.detected_ms }
  })

const evidenceData = (evidence: Evidence | null, rule: Rule | undefined): Static<typeof EvidenceData> | null => {
  if (evidence === null) return null
  const [first] = evidence.values
  // The first value is the one that was compared with the levels: a share or a quotient has not the unit of its readings.
  const unit = judgedUnit(rule, first?.unit ?? '')
  const level = (value: number | null): string | null => (value === null ? null : valueText(value, unit, first?.name))
  return {
    ...evidence,
    raiseText: level(evidence.raiseLevel),
    clearText: level(evidence.clearLevel),
    values: evidence.values.map(({ observedAtMs, ...value }, index) => ({
      ...value,
      text: valueText(value.value, index === 0 ? unit : value.unit, value.name),
      observedAt: toTime(observedAtMs),
    })),
  }
}

const messageOf = (device: string, { partition }: Evidence, message: EvidenceMessageRow) => {
  const place = `${String(partition)}:${String(message.offset)}`
  return {
    topic: message.topic,
    place,
    receivedAt: toTime(message.received_ms),
    observedAt: toTime(message.observed_ms),
    outcome: message.outcome,
    explain: `${device}/explain?of=message&message=${place}`,
  }
}

const timersOf = (row: AlarmRow, rule: Rule | undefined, history: readonly AlarmEventRow[]): Static<typeof Explanation>['timers'] => {
  const delay = (event: AlarmEventRow | undefined) =>
    event === undefined ? null : { startedAt: toTime(event.observed_ms), dueAt: toTimeOrNull(deadlineOf(detailOf(event), 'deadline')) }
  const stale = history.findLast(({ kind }) => kind === 'AlarmRaised' || kind === 'EvidenceUpdated' || kind === 'SeverityChanged')
  return {
    onDelaySeconds: rule === undefined ? null : rule.onDelayMs / 1_000,
    offDelaySeconds: rule === undefined ? null : rule.offDelayMs / 1_000,
    raiseDelay: delay(history.find(({ kind }) => kind === 'RaiseDelayStarted')),
    clearDelay: row.condition === 'clearing' ? delay(history.findLast(({ kind }) => kind === 'ClearDelayStarted')) : null,
    clearsWithoutRepeatAt: row.cleared_ms !== null || stale === undefined ? null : toTimeOrNull(deadlineOf(detailOf(stale), 'staleAt')),
    shelvedUntil: toTimeOrNull(row.shelved_until_ms),
  }
}

const deadlineOf = (data: Record<string, unknown>, name: string): number | null => {
  const { eventMs } = (data[name] ?? {}) as Record<string, unknown>
  return typeof eventMs === 'number' ? eventMs : null
}
