/**
 * Part of a situation: its root, or a symptom of it (which does not notify). It belongs to an episode, so a new raise starts
 * without one; the fleet stage's verdict about a cleared alarm still annotates that episode. One situation at a time: the newest.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import type { SystemCommand } from '../../../model/alarm.ts'
import type { Situation } from './alarm-state.ts'
import { type Answer, type Draft, done, happen, refuse } from './draft.ts'

export const correlate = (draft: Draft, command: SystemCommand & { kind: 'Correlate' }): Answer => {
  const { situation, role, reason } = command
  const known = draft.state.situation
  if (draft.state.episode === 0) return refuse('EPISODE_UNKNOWN', 'Expected a stream that was raised before, got one without an episode')
  if (known.is !== 'none' && known.of === situation && known.is === role) return done
  if (known.is !== 'none' && known.of !== situation) happen(draft, { kind: 'Uncorrelated', situation: known.of })
  happen(draft, { kind: 'Correlated', situation, role, reason })
  return done
}

export const uncorrelate = (draft: Draft, { situation }: SystemCommand & { kind: 'Uncorrelate' }): Answer => {
  const known = draft.state.situation
  if (known.is !== 'none' && known.of === situation) happen(draft, { kind: 'Uncorrelated', situation })
  return done
}

export const evolveSituation = (region: Situation, event: AlarmEvent): Situation => {
  switch (event.kind) {
    case 'Correlated':
      return { is: event.role, of: event.situation }
    case 'Uncorrelated':
    case 'AlarmRaised':
      return { is: 'none' }
    default:
      return region
  }
}
