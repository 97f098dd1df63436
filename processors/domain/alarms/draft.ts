/** The events of one decision while it is being made: each is applied at once, so that what is decided after it sees it. */
import type { AlarmEvent, Happening } from '../../../model/alarm-event.ts'
import type { AlarmDelays, AlarmType } from '../../../model/alarm.ts'
import type { Result } from '../../../model/result.ts'
import type { AlarmState } from './alarm-state.ts'

/** What the inventory and the rule say of the stream's type. */
export type AlarmPolicy = AlarmDelays & { type: AlarmType }

export type RefusalCode =
  | 'ALARM_TYPE_UNKNOWN'
  | 'COMMAND_TOO_OLD'
  | 'COMMAND_UNKNOWN'
  | 'COMMENTS_TOO_MANY'
  | 'EPISODE_STALE'
  | 'EPISODE_UNKNOWN'
  | 'NOT_PURGEABLE'
  | 'CLEARS_BY_ITSELF'
  | 'REASON_MISSING'
  | 'SEVERITY_NOT_OF_TYPE'
  | 'SHELF_END_INVALID'
  | 'SUPPRESSORS_TOO_MANY'
  | 'TEXT_TOO_LONG'
  | 'TIMES_INVALID'

export type Refusal = { code: RefusalCode; detail: string }

export type Draft = {
  readonly policy: AlarmPolicy
  readonly evolve: (state: AlarmState, event: AlarmEvent) => AlarmState
  state: AlarmState
  readonly events: AlarmEvent[]
  readonly atMs: number
}

/** What a region answers: done (perhaps with nothing), or why not. */
export type Answer = Result<null, Refusal>
export const done: Answer = { ok: true, value: null }
export const refuse = (code: RefusalCode, detail: string): Answer => ({ ok: false, reason: { code, detail } })

export const happen = (draft: Draft, happening: Happening, episode = draft.state.episode): void => {
  const forLog = happening.kind !== 'ObservationCounted' && happening.kind !== 'CommandNoted'
  const event: AlarmEvent = { ...happening, episode, atMs: draft.atMs, version: draft.state.version + (forLog ? 1 : 0) }
  draft.state = draft.evolve(draft.state, event)
  draft.events.push(event)
}
