/**
 * Events of alarms, folded to episodes: as they were known when the last of these events was written, or as they stood at a
 * moment of the device's time. Without a moment an episode comes out as the stage had written its row by then
 * (`test/any-moment/alarms-known-at.test.ts` holds the two against each other).
 */
import { graver, type Severity, severities, severityRank } from '../../model/alarm.ts'
import { idOfRow } from './alarm-id.ts'
import { type AlarmFact, momentOf, numberOf, textOf } from './alarm-fact.ts'
import { evolveStream, newStream, quiet, shown, type Stream } from './alarm-regions.ts'
import type { AlarmRow } from './alarm-row.ts'

type Folded = { row: AlarmRow; unknownSinceMs: number | null }

/**
 * By id; those of a stream in their order. Of the moment `atMs` (null: none): what happened after it does not count, save what
 * tells of the time before it: an amendment, a retraction, an end. `asOf` makes of these what stood.
 */
export const foldAlarms = (facts: readonly AlarmFact[], atMs: number | null): Map<string, AlarmRow> => {
  const streams = new Map<string, Stream>()
  const episodes = new Map<string, Folded>()
  for (const fact of facts) {
    const counts = atMs === null || momentOf(fact) <= atMs
    const stream = streams.get(fact.stream) ?? newStream
    if (counts) streams.set(fact.stream, evolveStream(stream, fact))
    const id = idOfRow(fact)
    const before = episodes.get(id)
    const isAboutAll = aboutAll.has(fact.kind)
    if (!counts && !isAboutAll) continue
    const after = isBegin(fact) ? begun(fact) : before === undefined ? undefined : evolved(before, fact)
    if (after !== undefined) episodes.set(id, { ...after, row: { ...after.row, ...shown(streams.get(fact.stream), fact) } })
  }
  return new Map([...episodes].map(([id, { row }]) => [id, row]))
}

/** As it stood at a moment: an end behind it has not come yet. Null where it had not begun. */
export const asOf = (row: AlarmRow, atMs: number): AlarmRow | null => {
  if (row.raised_ms > atMs) return null
  const isOver = row.cleared_ms !== null && row.cleared_ms <= atMs
  const isFirstOver = row.first_cleared_ms !== null && row.first_cleared_ms <= atMs
  const stands = ['active', 'clearing', 'unknown'].includes(row.condition)
  return {
    ...row,
    first_cleared_ms: isFirstOver ? row.first_cleared_ms : null,
    ...(isOver
      ? { condition: stands ? 'normal' : row.condition }
      : { cleared_ms: null, clear_cause: '', condition: stands ? row.condition : 'active' }),
  }
}

const isBegin = ({ kind }: AlarmFact): boolean => kind === 'AlarmRaised' || kind === 'EpisodeFoundLate'
const aboutAll: ReadonlySet<string> = new Set(['AlarmRaised', 'EpisodeFoundLate', 'AlarmAmended', 'AlarmRetracted', 'AlarmCleared'])

const begun = (fact: AlarmFact): Folded => {
  const { subject, stream, episode, found_late, resource, type, qualifier } = fact
  const severity = severityOf(fact.severity) ?? 'indeterminate'
  const raisedMs = numberOf(fact, 'raisedAtMs') ?? fact.observed_ms
  const clearedMs = found_late === 1 ? numberOf(fact, 'clearedAtMs') : null
  return {
    unknownSinceMs: null,
    row: {
      ...{ subject, stream, episode, found_late, resource, type, qualifier },
      raised_ms: raisedMs,
      detected_ms: fact.at_ms,
      cleared_ms: clearedMs,
      ...withRank(severity),
      severity_max: severity,
      first_raised_ms: raisedMs,
      first_cleared_ms: clearedMs,
      first_severity: severity,
      retracted: 0,
      amendments: 0,
      amended_reason: found_late === 1 ? textOf(fact, 'reason') : '',
      ...quiet,
      clear_cause: found_late === 1 ? 'condition' : '',
      operator: 'none',
      operator_actor: '',
      acknowledged_ms: null,
      closed_reason: '',
      assignee: '',
      ticket: '',
      comments: 0,
      situation: '',
      situation_role: '',
      unknown_ms: 0,
      occurrences: numberOf(fact, 'occurrences') ?? 1,
      escalations: 0,
      rule_version: fact.rule_version,
      evidence: evidenceOf(fact) ?? '',
      purged: 0,
    },
  }
}

const evolved = ({ row, unknownSinceMs }: Folded, fact: AlarmFact): Folded => {
  switch (fact.kind) {
    case 'ConditionUnknown':
      return { row, unknownSinceMs: textOf(fact, 'was') === 'active' ? fact.observed_ms : unknownSinceMs }
    case 'ConditionKnown':
      return { row: { ...row, unknown_ms: unknownUntil(row, unknownSinceMs, fact.observed_ms) }, unknownSinceMs: null }
    case 'AlarmCleared': {
      const clearedMs = numberOf(fact, 'clearedAtMs') ?? fact.observed_ms
      return {
        row: {
          ...row,
          first_cleared_ms: clearedMs,
          // An end that was amended already is better known than the live one.
          cleared_ms: row.amendments > 0 && row.cleared_ms !== null ? row.cleared_ms : clearedMs,
          unknown_ms: unknownUntil(row, unknownSinceMs, clearedMs),
          clear_cause: textOf(fact, 'cause'),
          occurrences: numberOf(fact, 'occurrences') ?? row.occurrences,
        },
        unknownSinceMs: null,
      }
    }
    default:
      return { row: { ...row, ...changes(row, fact) }, unknownSinceMs }
  }
}

const changes = (row: AlarmRow, fact: AlarmFact): Partial<AlarmRow> => {
  switch (fact.kind) {
    case 'SeverityChanged': {
      const severity = severityOf(fact.severity) ?? row.severity
      return { ...withRank(severity), first_severity: severity, severity_max: graver(row.severity_max, severity), ...seen(row, fact) }
    }
    case 'EvidenceUpdated':
      return seen(row, fact)
    case 'AlarmAmended': {
      const severity = severityOf(fact.detail['severity']) ?? row.severity
      return {
        raised_ms: numberOf(fact, 'raisedAtMs') ?? row.raised_ms,
        cleared_ms: numberOf(fact, 'clearedAtMs') ?? row.cleared_ms,
        ...withRank(severity),
        severity_max: graver(row.severity_max, severity),
        amendments: row.amendments + 1,
        amended_reason: textOf(fact, 'reason'),
      }
    }
    case 'AlarmRetracted':
      return { retracted: 1, amendments: row.amendments + 1, amended_reason: textOf(fact, 'reason') }
    case 'Correlated':
      return { situation: textOf(fact, 'situation'), situation_role: textOf(fact, 'role') }
    case 'Uncorrelated':
      return row.situation === textOf(fact, 'situation') ? { situation: '', situation_role: '' } : {}
    case 'Escalated':
      return { escalations: numberOf(fact, 'times') ?? row.escalations }
    case 'Purged':
      return { purged: 1 }
    default:
      return operated(row, fact)
  }
}

const operated = (row: AlarmRow, fact: AlarmFact): Partial<AlarmRow> => {
  switch (fact.kind) {
    case 'Acknowledged':
      return { operator: 'ack', operator_actor: fact.actor, acknowledged_ms: row.acknowledged_ms ?? fact.at_ms }
    case 'AckWithdrawn':
      return { operator: 'none', operator_actor: '', closed_reason: '' }
    case 'Closed':
      return { operator: 'closed', operator_actor: fact.actor, closed_reason: textOf(fact, 'reason') }
    case 'Commented':
      return { comments: row.comments + 1 }
    case 'Assigned':
      return { assignee: textOf(fact, 'to'), ticket: textOf(fact, 'ticket') }
    default:
      return {}
  }
}

const seen = (row: AlarmRow, fact: AlarmFact): Pick<AlarmRow, 'occurrences' | 'rule_version' | 'evidence'> => ({
  occurrences: numberOf(fact, 'occurrences') ?? row.occurrences,
  rule_version: fact.rule_version,
  evidence: evidenceOf(fact) ?? row.evidence,
})

const unknownUntil = ({ unknown_ms }: AlarmRow, sinceMs: number | null, atMs: number): number =>
  sinceMs === null ? unknown_ms : unknown_ms + Math.max(0, atMs - sinceMs)

/** `rank` as the queries sort by it. */
const withRank = (severity: Severity): Pick<AlarmRow, 'severity' | 'rank'> => ({ severity, rank: severityRank[severity] + 1 })
const severityOf = (text: unknown): Severity | undefined => severities.find((severity) => severity === text)

const evidenceOf = ({ detail }: AlarmFact): string | null => {
  const evidence = detail['evidence'] ?? null
  return evidence === null ? null : JSON.stringify(evidence)
}
