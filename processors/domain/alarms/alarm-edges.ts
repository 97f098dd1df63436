/** A raise and a clear, with what they bring about in the other regions: in one place, so that no way to them forgets one. */
import type { ClearCause, Deadline, Observed } from '../../../model/alarm-event.ts'
import type { Evidence, Severity } from '../../../model/alarm.ts'
import { staleEventAfterMsDefault } from './alarm-limits.ts'
import { type Draft, happen } from './draft.ts'
import { withdrawAck } from './operator-state.ts'
import { endOneShot } from './shelving.ts'
import { judgeStability } from './stability.ts'

type Raise = { severity: Severity; atEventMs: number; evidence: Evidence | null; occurrences: number; seen: Observed }

export const raise = (draft: Draft, { seen, severity, atEventMs, evidence, occurrences }: Raise): void => {
  const staleAt = staleAtOf(draft, atEventMs)
  // A clear by a tick or a person may lie ahead of the device's time: episodes of a stream never overlap.
  const raisedAtMs = Math.max(atEventMs, draft.state.last?.clearedAtMs ?? atEventMs)
  happen(draft, { kind: 'AlarmRaised', ...seen, severity, raisedAtMs, evidence, occurrences, staleAt }, draft.state.episode + 1)
  withdrawAck(draft, 'reraise')
  judgeStability(draft, raisedAtMs)
}

type ClearedBy = { actor: string; commandId: string; reason: string }

export const clear = (draft: Draft, cause: ClearCause, atEventMs: number, seen: Observed, by?: ClearedBy): void => {
  const { last } = draft.state
  if (last === null) return
  const { severity, occurrences, raisedAtMs } = last
  // An episode never ends before it began.
  const clearedAtMs = Math.max(atEventMs, raisedAtMs)
  const { actor = null, commandId = null, reason = null } = by ?? {}
  happen(draft, { kind: 'AlarmCleared', ...seen, cause, clearedAtMs, severity, occurrences, actor, commandId, reason })
  endOneShot(draft)
  judgeStability(draft, clearedAtMs)
}

/** Null for types that have a state to observe. */
export const staleAtOf = ({ policy, atMs }: Draft, observedAtMs: number): Deadline | null => {
  const { type, staleAfterMs = staleEventAfterMsDefault } = policy
  return type.eventOnly ? { eventMs: observedAtMs + staleAfterMs, tickMs: atMs + staleAfterMs } : null
}
