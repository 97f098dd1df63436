/** Why an alarm is there: in words and as data, with the messages that were judged, its timers and what holds it down. */
import type { Static } from 'typebox'
import { type Evidence, severities } from '../../model/alarm.ts'
import { alarmTypeOf, type Rule } from '../../model/rule.ts'
import { explanationWords } from '../domain/alarm-explanation.ts'
import { judgedUnit } from '../domain/alarm-reason.ts'
import { isDeviceId } from '../domain/device-id.ts'
import { runbookUrlOf } from '../domain/docs-pages.ts'
import { toTime, toTimeOrNull } from '../domain/time.ts'
import { valueText } from '../domain/value-words.ts'
import { evidenceMessages, type EvidenceMessageRow, evidencePeriods } from '../queries/alarm-evidence.ts'
import type { AlarmRow } from '../domain/alarm-row.ts'
import type { AlarmEventRow } from '../queries/alarm-events.ts'
import { detailOf } from './alarm-history.ts'
import { evidenceOf } from './alarm-item.ts'
import type { RouteContext } from './context.ts'
import type { EvidenceData, Explanation } from './explanation-schema.ts'

export const explain = async (
  context: RouteContext,
  row: AlarmRow,
  rule: Rule | undefined,
  history: readonly AlarmEventRow[],
  { tz, nowMs }: { tz: string; nowMs: number },
): Promise<Static<typeof Explanation>> => {
  const { scope } = context
  const raise = history.find(({ kind }) => kind === 'AlarmRaised' || kind === 'EpisodeFoundLate')
  const newest = evidenceOf(row.evidence)
  // A step to another severity has evidence of its own; what raised it is the first.
  const evidence = evidenceIn(raise) ?? newest
  const where = evidence === null ? null : { subject: row.subject, evidence, knownMs: row.detected_ms }
  const [messages, periods] = await Promise.all([
    where === null || where.evidence.topic !== 'device-events' ? [] : evidenceMessages(scope, where),
    where === null || rule?.condition.form !== 'level' ? [] : evidencePeriods(scope, where, rule.condition),
  ])
  const suppressors = suppressorsOf(row, history)
  const grouped = history.findLast(({ kind }) => kind === 'Correlated')
  const groupReason = grouped === undefined ? '' : textIn(detailOf(grouped), 'reason')
  const runbookUrl = rule === undefined ? null : runbookUrlOf(rule.runbook, context.pages)
  const device = isDeviceId(row.subject) ? `/api/v1/devices/${row.subject}` : null
  return {
    words: explanationWords({
      alarm: {
        type: row.type,
        qualifier: row.qualifier,
        severity: row.severity,
        raisedSeverity: severities.find((severity) => severity === raise?.severity) ?? row.first_severity,
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
      nowMs,
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
      runbookUrl,
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
      runbookUrl,
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
