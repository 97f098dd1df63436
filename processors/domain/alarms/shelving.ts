/**
 * Put aside by a person: for a time, or until it clears (one shot). Never without a reason and an end. All is still recorded,
 * nothing notifies.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import type { OperatorCommand } from '../../../model/alarm.ts'
import { shelveMsMax } from './alarm-limits.ts'
import type { Shelf } from './alarm-state.ts'
import { type Answer, type Draft, done, happen, refuse } from './draft.ts'

type Shelve = OperatorCommand & { kind: 'Shelve' }

export const shelve = (draft: Draft, { actor, commandId, untilMs, oneShot, reason }: Shelve): Answer => {
  if (oneShot === (untilMs !== null)) {
    return refuse('SHELF_END_INVALID', 'Expected either an end or one shot, got both or neither')
  }
  if (untilMs !== null && !(untilMs > draft.atMs && untilMs <= draft.atMs + shelveMsMax)) {
    return refuse('SHELF_END_INVALID', `Expected an end within ${shelveMsMax} ms from now, got ${untilMs - draft.atMs} ms`)
  }
  happen(draft, { kind: 'Shelved', actor, commandId, untilMs, oneShot, reason })
  return done
}

export const unshelve = (draft: Draft, { actor, commandId }: OperatorCommand): Answer => {
  if (draft.state.shelf.is !== 'none') happen(draft, { kind: 'Unshelved', cause: 'operator', actor, commandId })
  return done
}

export const endOneShot = (draft: Draft): void => {
  if (draft.state.shelf.is === 'oneShot') happen(draft, { kind: 'Unshelved', cause: 'cleared', actor: null, commandId: null })
}

export const endTimedShelf = (draft: Draft): void => {
  const { shelf } = draft.state
  if (shelf.is !== 'timed' || shelf.untilMs > draft.atMs) return
  happen(draft, { kind: 'Unshelved', cause: 'expired', actor: null, commandId: null })
}

export const evolveShelf = (region: Shelf, event: AlarmEvent): Shelf => {
  switch (event.kind) {
    case 'Shelved':
      return event.untilMs === null
        ? { is: 'oneShot', reason: event.reason }
        : { is: 'timed', untilMs: event.untilMs, reason: event.reason }
    case 'Unshelved':
      return { is: 'none' }
    default:
      return region
  }
}
