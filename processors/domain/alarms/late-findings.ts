/**
 * A late verdict about one window of the past, held against the episodes as they are known: what has to be annotated so that
 * they say the same. In whatever order late windows come, the same time is covered by episodes in the end. The verdict is the
 * rule's (after its windows in a row), of a window that is closed; within the hysteresis band nothing is known better.
 * Before: `processors/domain/rules` (late).  After: `amending.ts`.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { type EpisodeRef, type Evidence, type LateCommand, type Severity, severityRank } from '../../../model/alarm.ts'
import type { EpisodeRow } from './episodes.ts'

/** As amended, without those retracted; `clearedAtMs` null: it stands. */
export type KnownEpisode = { of: EpisodeRef; raisedAtMs: number; clearedAtMs: number | null; severity: Severity }

export type LateWindow = {
  fromMs: number
  /** Not included. */
  toMs: number
  verdict: 'raise' | 'between' | 'clear'
  severity: Severity
  evidence: Evidence
  sourceEventId: string
  reason: string
  ruleVersion: number
  atMs: number
}

type LateTime = Omit<LateWindow, 'verdict' | 'evidence'>

/** How far back late samples are judged again. */
export const lateAgeMsMax = 7 * 24 * 3_600_000

export const annotationsOf = (known: readonly KnownEpisode[], window: LateWindow, watermarkMs: number): LateCommand[] => {
  if (window.verdict === 'between' || window.toMs <= watermarkMs - lateAgeMsMax) return []
  return window.verdict === 'raise' ? raised(known, window) : cleared(known, window)
}

export type FoundLate = LateCommand & { kind: 'FindEpisodeLate' }

/** An event of the past is part of the episode that it touches; how far back it is judged, the rules have decided. */
export const partOf = (rows: readonly EpisodeRow[], found: FoundLate): LateCommand[] =>
  raised(knownOf(rows), { ...found, fromMs: found.raisedAtMs, toMs: found.clearedAtMs, verdict: 'raise' })

/** What was found late before and still lasts when the alarm is raised: it is the begin of this one. */
export const begunBefore = (rows: readonly EpisodeRow[], { episode, ...event }: AlarmEvent & { kind: 'AlarmRaised' }): LateCommand[] => {
  const own = rows.filter((row) => row.foundLate || row.episode === episode)
  if (!own.some((row) => row.foundLate && !row.retracted)) return []
  const { raisedAtMs, severity, ruleVersion, atMs } = event
  const sourceEventId = event.sourceEventId ?? `raise ${episode}`
  const reason = 'it had begun with what was told late'
  const moment = { fromMs: raisedAtMs, toMs: raisedAtMs, severity, sourceEventId, reason, ruleVersion, atMs }
  return joined(touchingOf(knownOf(own), moment), moment)
}

const knownOf = (rows: readonly EpisodeRow[]): KnownEpisode[] =>
  rows
    .filter(({ retracted }) => !retracted)
    .map(({ episode, foundLate, amended, severityMax }) => ({ of: { episode, foundLate }, ...amended, severity: severityMax }))

/** It was bad then: an episode that touches the window reaches over it, several become one, or it is a new one. */
const raised = (known: readonly KnownEpisode[], window: LateWindow): LateCommand[] => {
  const touching = touchingOf(known, window)
  return touching.length === 0 ? [found(window, window.fromMs, window.toMs)] : joined(touching, window)
}

const touchingOf = (known: readonly KnownEpisode[], { fromMs, toMs }: LateTime): KnownEpisode[] =>
  known
    .filter(({ raisedAtMs, clearedAtMs }) => raisedAtMs <= toMs && endOf(clearedAtMs) >= fromMs)
    .sort((a, b) => a.raisedAtMs - b.raisedAtMs)

const joined = (touching: readonly KnownEpisode[], window: LateTime): LateCommand[] => {
  const { fromMs, toMs } = window
  const first = touching[0]
  if (first === undefined) return []
  // What stands stays what it is; the others become part of it.
  const kept = touching.find(({ clearedAtMs }) => clearedAtMs === null) ?? first
  const raisedAtMs = Math.min(first.raisedAtMs, fromMs)
  const clearedAtMs = kept.clearedAtMs === null ? null : Math.max(toMs, ...touching.map((one) => endOf(one.clearedAtMs)))
  const severity = touching.reduce((worst, one) => worse(worst, one.severity), window.severity)
  const others = touching.filter((one) => one !== kept).map(({ of }): LateCommand => ({ kind: 'Retract', ...findingOf(window), of }))
  return [...others, ...amended(window, kept, { raisedAtMs, clearedAtMs, severity })]
}

/** It was well then: what lies within the window never was, what reaches into it ends or begins at its edge. */
const cleared = (known: readonly KnownEpisode[], window: LateWindow): LateCommand[] => {
  const { fromMs, toMs } = window
  return known
    .filter(({ raisedAtMs, clearedAtMs }) => raisedAtMs < toMs && endOf(clearedAtMs) > fromMs)
    .flatMap((episode): LateCommand[] => {
      const { of, raisedAtMs, clearedAtMs, severity } = episode
      const isOverBefore = clearedAtMs !== null && clearedAtMs <= toMs
      if (raisedAtMs >= fromMs && isOverBefore) return [{ kind: 'Retract', ...findingOf(window), of }]
      if (raisedAtMs >= fromMs) return amended(window, episode, { ...episode, raisedAtMs: toMs })
      if (isOverBefore) return amended(window, episode, { ...episode, clearedAtMs: fromMs })
      // In its middle: two episodes. One that stands keeps its end, which is now.
      return clearedAtMs === null
        ? [...amended(window, episode, { ...episode, raisedAtMs: toMs }), found({ ...window, severity }, raisedAtMs, fromMs)]
        : [...amended(window, episode, { ...episode, clearedAtMs: fromMs }), found({ ...window, severity }, toMs, clearedAtMs)]
    })
}

type Span = Pick<KnownEpisode, 'raisedAtMs' | 'clearedAtMs' | 'severity'>

/** Only what differs; nothing when nothing does. */
const amended = (window: LateTime, { of, ...was }: KnownEpisode, now: Span): LateCommand[] => {
  const raisedAtMs = now.raisedAtMs === was.raisedAtMs ? null : now.raisedAtMs
  const clearedAtMs = now.clearedAtMs === was.clearedAtMs ? null : now.clearedAtMs
  const severity = now.severity === was.severity ? null : now.severity
  if (raisedAtMs === null && clearedAtMs === null && severity === null) return []
  return [{ kind: 'Amend', ...findingOf(window), of, raisedAtMs, clearedAtMs, severity }]
}

const found = (window: LateWindow, raisedAtMs: number, clearedAtMs: number): LateCommand => ({
  kind: 'FindEpisodeLate',
  ...findingOf(window),
  raisedAtMs,
  clearedAtMs,
  severity: window.severity,
  evidence: window.evidence,
})

const findingOf = ({ sourceEventId, reason, ruleVersion, atMs }: LateTime) => ({ sourceEventId, reason, ruleVersion, atMs })

const endOf = (clearedAtMs: number | null): number => clearedAtMs ?? Number.POSITIVE_INFINITY

const worse = (a: Severity, b: Severity): Severity => (severityRank[b] > severityRank[a] ? b : a)
