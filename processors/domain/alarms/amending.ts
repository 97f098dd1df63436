/**
 * What late evidence showed about the past. The rule engine has evaluated the buckets anew and says what is now known; here it
 * is written down with its reason, beside what was known first. The live condition stays as it is, and nothing notifies.
 */
import type { EpisodeRef, LateCommand } from '../../../model/alarm.ts'
import type { AlarmState } from './alarm-state.ts'
import { appliedOf, lateIdOf } from './applied-ids.ts'
import { boundedEvidence } from './bounded-evidence.ts'
import { type Answer, type Draft, done, happen, refuse } from './draft.ts'

export const annotate = (draft: Draft, command: LateCommand): Answer => {
  const applied = appliedOf(draft.state.late, lateIdOf(eventKindOf(command)), command.atMs)
  if (applied === 'applied') return done
  if (applied === 'too-old') return refuse('COMMAND_TOO_OLD', 'Expected a late finding that is newer than those forgotten')
  const { sourceEventId, reason, ruleVersion } = command
  const late = { sourceEventId, reason, ruleVersion }
  if (command.kind === 'FindEpisodeLate') {
    const { raisedAtMs, clearedAtMs, severity } = command
    if (clearedAtMs < raisedAtMs) return refuse('TIMES_INVALID', 'Expected an end that is not before the begin')
    const evidence = boundedEvidence(command.evidence)
    if (!draft.policy.type.severities.includes(severity) || evidence === null) return severityRefused(draft, severity)
    happen(draft, { kind: 'EpisodeFoundLate', ...late, raisedAtMs, clearedAtMs, severity, evidence }, draft.state.episodesFoundLate + 1)
    return done
  }
  const { of } = command
  if (!isKnown(draft.state, of)) return refuse('EPISODE_UNKNOWN', `Expected an episode that was there, got ${of.episode}`)
  if (command.kind === 'Retract') {
    happen(draft, { kind: 'AlarmRetracted', ...late, of }, of.episode)
    return done
  }
  const { raisedAtMs, clearedAtMs, severity } = command
  if (raisedAtMs !== null && clearedAtMs !== null && clearedAtMs < raisedAtMs) {
    return refuse('TIMES_INVALID', 'Expected an end that is not before the begin')
  }
  if (severity !== null && !draft.policy.type.severities.includes(severity)) return severityRefused(draft, severity)
  if (raisedAtMs === null && clearedAtMs === null && severity === null) return done
  happen(draft, { kind: 'AlarmAmended', ...late, of, raisedAtMs, clearedAtMs, severity }, of.episode)
  return done
}

const isKnown = ({ episode, episodesFoundLate }: AlarmState, of: EpisodeRef): boolean =>
  of.episode >= 1 && of.episode <= (of.foundLate ? episodesFoundLate : episode)

const severityRefused = ({ policy }: Draft, severity: string): Answer =>
  refuse('SEVERITY_NOT_OF_TYPE', `Expected one of ${policy.type.severities.join(', ')} for ${policy.type.type}, got ${severity}`)

const eventKindOf = (command: LateCommand): Parameters<typeof lateIdOf>[0] => {
  switch (command.kind) {
    case 'FindEpisodeLate':
      return { ...command, kind: 'EpisodeFoundLate' }
    case 'Amend':
      return { ...command, kind: 'AlarmAmended' }
    case 'Retract':
      return { ...command, kind: 'AlarmRetracted' }
  }
}
