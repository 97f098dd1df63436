/**
 * A stretch of the past that was judged again, held against the episodes as they are known: what has to be annotated so that they
 * say the same. In whatever order late data comes, the same time is covered by episodes in the end. What stands now stays as it is:
 * its begin may move, its end is the live condition's.
 * Before: `processors/domain/rules/rejudge.ts`.  After: `amending.ts`.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { type EpisodeRef, type Evidence, graver, type LateCommand, type Severity, severityRank } from '../../../model/alarm.ts'
import type { EpisodeRow } from './episodes.ts'

/** An episode as it should be; `endMs` null: it is not over. */
export type Span = { raisedAtMs: number; endMs: number | null; severity: Severity }

/** Between these two times the episodes are known to be these. */
export type Rejudge = {
  kind: 'Rejudge'
  sourceEventId: string
  reason: string
  ruleVersion: number
  atMs: number
  /** The device's own time: an end after it has not come yet. */
  nowMs: number
  fromMs: number
  /** Null: until now. */
  toMs: number | null
  /** Ascending. */
  spans: readonly Span[]
  onDelayMs: number
  /** What ends an episode: its condition, a person, or that it does not come again. */
  endsBy: 'condition' | 'person' | 'lack'
  evidence: Evidence
}

export type KnownEpisode = { of: EpisodeRef; raisedAtMs: number; clearedAtMs: number | null; severity: Severity }

/** `forgotten`: live episodes and ones found late that are not among the rows. Null: the stretch reaches back to those. */
export const reconciled = (rows: readonly EpisodeRow[], forgotten: { live: number; late: number }, told: Rejudge): LateCommand[] | null => {
  if (told.fromMs < knownFromMs(rows, forgotten)) return null
  const known = knownOf(rows)
  return told.endsBy === 'person' ? begun(known, told) : matched(known, told)
}

const knownFromMs = (rows: readonly EpisodeRow[], { live, late }: { live: number; late: number }): number => {
  const firstOf = (foundLate: boolean): number =>
    Math.min(...rows.filter((row) => row.foundLate === foundLate).map(({ amended }) => amended.raisedAtMs))
  return Math.max(live > 0 ? firstOf(false) : Number.NEGATIVE_INFINITY, late > 0 ? firstOf(true) : Number.NEGATIVE_INFINITY)
}

/** What was found late before and still lasts when the alarm is raised: it is the begin of this one. */
export const begunBefore = (rows: readonly EpisodeRow[], { episode, ...event }: AlarmEvent & { kind: 'AlarmRaised' }): LateCommand[] => {
  const { raisedAtMs, ruleVersion, atMs } = event
  const known = knownOf(rows)
  const own = known.find(({ of }) => !of.foundLate && of.episode === episode)
  const before = known.filter((one) => one.of.foundLate && one.raisedAtMs <= raisedAtMs && endOf(one.clearedAtMs) >= raisedAtMs)
  if (own === undefined || before.length === 0) return []
  const finding = {
    sourceEventId: event.sourceEventId ?? `raise ${episode}`,
    reason: 'it had begun with what was told late',
    ruleVersion,
    atMs,
  }
  const span = {
    raisedAtMs: Math.min(...before.map((one) => one.raisedAtMs)),
    endMs: null,
    severity: before.reduce((worst, one) => graver(worst, one.severity), own.severity),
  }
  return [...before.map(({ of }): LateCommand => ({ kind: 'Retract', ...finding, of })), ...amended(finding, own, span)]
}

const knownOf = (rows: readonly EpisodeRow[]): KnownEpisode[] =>
  rows
    .filter(({ retracted }) => !retracted)
    .map(({ episode, foundLate, amended: span, severityMax }) => ({ of: { episode, foundLate }, ...span, severity: severityMax }))
    .sort((one, other) => one.raisedAtMs - other.raisedAtMs)

const matched = (known: readonly KnownEpisode[], told: Rejudge): LateCommand[] => {
  const finding = findingOf(told)
  const open = new Set(known)
  const changes: LateCommand[] = []
  // The newest first: what stands is part of it.
  for (const span of [...told.spans].reverse()) {
    const touching = [...open].filter((one) => one.raisedAtMs <= endOf(span.endMs) && endOf(one.clearedAtMs) >= span.raisedAtMs)
    const own = touching.find(isStanding) ?? touching.find(({ of }) => !of.foundLate) ?? touching[0]
    if (own === undefined) changes.unshift(found(told, span))
    else {
      open.delete(own)
      const endMs = isStanding(own) ? null : (span.endMs ?? (own.of.foundLate ? unendedMs(told) : own.clearedAtMs))
      changes.unshift(...amended(finding, own, { ...span, endMs }))
    }
  }
  const gone = [...open].filter(
    (one) => one.raisedAtMs >= told.fromMs && (isStanding(one) ? told.endsBy === 'lack' : endOf(one.clearedAtMs) <= endOf(told.toMs)),
  )
  return [...gone.map(({ of }): LateCommand => ({ kind: 'Retract', ...finding, of })), ...changes]
}

/** Its end is a person's: it can only have begun earlier. */
const begun = (known: readonly KnownEpisode[], told: Rejudge): LateCommand[] => {
  const [first] = told.spans
  if (first === undefined || known.some((one) => one.raisedAtMs <= first.raisedAtMs && endOf(one.clearedAtMs) >= first.raisedAtMs))
    return []
  const [next] = known.filter(({ raisedAtMs }) => raisedAtMs > first.raisedAtMs)
  if (next === undefined) return [found(told, first)]
  return amended(findingOf(told), next, { ...first, endMs: next.clearedAtMs })
}

const isStanding = ({ clearedAtMs }: KnownEpisode): boolean => clearedAtMs === null

/** A raise that waits now comes within this, and is part of it then. */
const unendedMs = ({ nowMs, onDelayMs }: Rejudge): number => nowMs + onDelayMs

/** Only what differs; nothing when nothing does. What was grave stays so. */
const amended = (finding: Finding, { of, ...was }: KnownEpisode, now: Span): LateCommand[] => {
  const raisedAtMs = now.raisedAtMs === was.raisedAtMs ? null : now.raisedAtMs
  const clearedAtMs = now.endMs === was.clearedAtMs ? null : now.endMs
  const severity = severityRank[now.severity] > severityRank[was.severity] ? now.severity : null
  if (raisedAtMs === null && clearedAtMs === null && severity === null) return []
  return [{ kind: 'Amend', ...finding, of, raisedAtMs, clearedAtMs, severity }]
}

const found = (told: Rejudge, { raisedAtMs, endMs, severity }: Span): LateCommand => ({
  kind: 'FindEpisodeLate',
  ...findingOf(told),
  raisedAtMs,
  clearedAtMs: endMs ?? Math.max(raisedAtMs, unendedMs(told)),
  severity,
  evidence: told.evidence,
})

type Finding = Pick<Rejudge, 'sourceEventId' | 'reason' | 'ruleVersion' | 'atMs'>
const findingOf = ({ sourceEventId, reason, ruleVersion, atMs }: Rejudge): Finding => ({ sourceEventId, reason, ruleVersion, atMs })

const endOf = (endMs: number | null): number => endMs ?? Number.POSITIVE_INFINITY
