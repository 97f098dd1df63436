/** Which alarms stood at a moment, and how they stood, from their events; those not known by then were left out by the caller. */
import { type Evidence, type Severity, severities } from '../../model/alarm.ts'

export type EpisodeEvent = {
  id: string
  type: string
  qualifier: string
  foundLate: boolean
  kind: string
  severity: string
  actor: string
  atMs: number
  observedMs: number
  detail: Readonly<Record<string, unknown>>
}

export type AlarmThen = {
  id: string
  type: string
  qualifier: string
  severity: Severity
  unknown: boolean
  operator: 'none' | 'ack' | 'closed'
  raisedMs: number
  detectedMs: number
  foundLate: boolean
  evidence: Evidence | null
}

type Known = AlarmThen & { clearedMs: number | null; retracted: boolean }

/** Each episode's events in their order. Raised at `atMs` counts, cleared at `atMs` does not. Newest first. */
export const alarmsAt = (events: readonly EpisodeEvent[], atMs: number): AlarmThen[] => {
  const episodes = new Map<string, Known>()
  for (const event of events) {
    const known = episodes.get(event.id)
    const next = known === undefined ? begun(event) : evolved(known, event, atMs)
    if (next !== null) episodes.set(event.id, next)
  }
  return [...episodes.values()]
    .filter(({ raisedMs, clearedMs, retracted }) => !retracted && raisedMs <= atMs && (clearedMs === null || clearedMs > atMs))
    .map(({ clearedMs: _cleared, retracted: _retracted, ...then }) => then)
    .sort((a, b) => b.raisedMs - a.raisedMs || (a.id < b.id ? -1 : 1))
}

const begun = (event: EpisodeEvent): Known | null => {
  if (event.kind !== 'AlarmRaised' && event.kind !== 'EpisodeFoundLate') return null
  const { id, type, qualifier, foundLate, atMs, observedMs, detail } = event
  return {
    id,
    type,
    qualifier,
    severity: severityOf(event.severity) ?? 'indeterminate',
    unknown: false,
    operator: 'none',
    raisedMs: numberOf(detail, 'raisedAtMs') ?? observedMs,
    detectedMs: atMs,
    foundLate,
    evidence: evidenceOf(detail),
    clearedMs: numberOf(detail, 'clearedAtMs'),
    retracted: false,
  }
}

const evolved = (known: Known, event: EpisodeEvent, atMs: number): Known => {
  const { detail } = event
  switch (event.kind) {
    // What came late is about the whole episode, whenever it came.
    case 'AlarmAmended':
      return {
        ...known,
        raisedMs: numberOf(detail, 'raisedAtMs') ?? known.raisedMs,
        clearedMs: numberOf(detail, 'clearedAtMs') ?? known.clearedMs,
        severity: severityOf(detail['severity']) ?? known.severity,
      }
    case 'AlarmRetracted':
      return { ...known, retracted: true }
    case 'AlarmCleared':
      // An end that was amended already is better known than the live one.
      return known.clearedMs !== null ? known : { ...known, clearedMs: numberOf(detail, 'clearedAtMs') ?? event.observedMs }
    default:
      return event.observedMs > atMs ? known : { ...known, ...changes(event) }
  }
}

const changes = (event: EpisodeEvent): Partial<AlarmThen> => {
  switch (event.kind) {
    case 'SeverityChanged': {
      const severity = severityOf(event.severity)
      return { ...(severity === undefined ? {} : { severity }), ...evidencePart(event.detail) }
    }
    case 'EvidenceUpdated':
      return evidencePart(event.detail)
    case 'ConditionUnknown':
      return { unknown: true }
    case 'ConditionKnown':
      return { unknown: false }
    case 'Acknowledged':
      return { operator: 'ack' }
    case 'Closed':
      return { operator: 'closed' }
    case 'AckWithdrawn':
      return { operator: 'none' }
    default:
      return {}
  }
}

const evidencePart = (detail: EpisodeEvent['detail']): Partial<AlarmThen> => {
  const evidence = evidenceOf(detail)
  return evidence === null ? {} : { evidence }
}
const evidenceOf = (detail: EpisodeEvent['detail']): Evidence | null => (detail['evidence'] ?? null) as Evidence | null
const severityOf = (text: unknown): Severity | undefined => severities.find((severity) => severity === text)
const numberOf = (detail: EpisodeEvent['detail'], name: string): number | null => {
  const value = detail[name]
  return typeof value === 'number' ? value : null
}
