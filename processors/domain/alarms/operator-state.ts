/**
 * What persons did with an episode: acknowledged, closed, assigned, commented. Never changes the condition. A new raise, a
 * severity that rises and a critical alarm that stands acknowledged for too long withdraw the acknowledgement (and the close).
 */
import type { AlarmEvent, AlarmEventOf } from '../../../model/alarm-event.ts'
import type { OperatorCommand } from '../../../model/alarm.ts'
import { commentsPerEpisodeMax, reAlarmAfterMs } from './alarm-limits.ts'
import { type AlarmState, nobody, type OperatorState } from './alarm-state.ts'
import { type Answer, type Draft, done, happen, refuse } from './draft.ts'

/** Of closed: nothing to acknowledge any more. */
export const acknowledge = (draft: Draft, { actor, commandId }: OperatorCommand): Answer => {
  if (draft.state.operator.is === 'none') happen(draft, { kind: 'Acknowledged', actor, commandId })
  return done
}

export const unacknowledge = (draft: Draft, { actor, commandId }: OperatorCommand): Answer => {
  const was = draft.state.operator.is
  if (was !== 'none') happen(draft, { kind: 'AckWithdrawn', by: 'operator', was, actor, commandId })
  return done
}

export const close = (draft: Draft, { actor, commandId, reason }: OperatorCommand & { kind: 'Close' }): Answer => {
  if (draft.state.operator.is !== 'closed') happen(draft, { kind: 'Closed', actor, commandId, reason })
  return done
}

export const comment = (draft: Draft, { actor, commandId, text }: OperatorCommand & { kind: 'Comment' }): Answer => {
  if (draft.state.operator.comments >= commentsPerEpisodeMax) {
    return refuse('COMMENTS_TOO_MANY', `Expected at most ${commentsPerEpisodeMax} comments on one episode`)
  }
  happen(draft, { kind: 'Commented', actor, commandId, text })
  return done
}

export const assign = (draft: Draft, { actor, commandId, to, ticket }: OperatorCommand & { kind: 'Assign' }): Answer => {
  const { assignee, ticket: known } = draft.state.operator
  if (assignee !== to || known !== ticket) happen(draft, { kind: 'Assigned', actor, commandId, to, ticket })
  return done
}

export const withdrawAck = (draft: Draft, by: Exclude<AlarmEventOf<'AckWithdrawn'>['by'], 'operator'>): void => {
  const was = draft.state.operator.is
  if (was !== 'none') happen(draft, { kind: 'AckWithdrawn', by, was, actor: null, commandId: null })
}

/** The first moment that is *more than* 8 h after the acknowledgement, while critical and known to be active. */
export const reAlarmMs = ({ operator, condition, last }: AlarmState): number | null =>
  operator.is === 'ack' && operator.sinceMs !== null && condition.is === 'active' && last?.severity === 'critical'
    ? operator.sinceMs + reAlarmAfterMs + 1
    : null

export const reAlarm = (draft: Draft): void => {
  const dueMs = reAlarmMs(draft.state)
  const { sinceMs, escalations } = draft.state.operator
  if (dueMs === null || sinceMs === null || draft.atMs < dueMs) return
  withdrawAck(draft, 'realarm')
  happen(draft, { kind: 'Escalated', times: escalations + 1, acknowledgedAtMs: sinceMs })
}

export const evolveOperator = (region: OperatorState, event: AlarmEvent): OperatorState => {
  switch (event.kind) {
    case 'AlarmRaised':
      // The acknowledgement stands until AckWithdrawn says that it was withdrawn, and why.
      return { ...nobody, is: region.is, sinceMs: region.sinceMs, actor: region.actor }
    case 'Acknowledged':
      return { ...region, is: 'ack', sinceMs: event.atMs, actor: event.actor }
    case 'Closed':
      return { ...region, is: 'closed', sinceMs: event.atMs, actor: event.actor }
    case 'AckWithdrawn':
      return { ...region, is: 'none', sinceMs: null, actor: null }
    case 'Commented':
      return { ...region, comments: region.comments + 1 }
    case 'Assigned':
      return { ...region, assignee: event.to, ticket: event.ticket }
    case 'Escalated':
      return { ...region, escalations: event.times }
    default:
      return region
  }
}
