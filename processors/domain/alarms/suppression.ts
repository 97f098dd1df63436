/**
 * Held down by a cause: another alarm (offline holds down the radio) or a maintenance window. All is still recorded. It ends
 * with its cause: a window by its end, an alarm's by `unsuppressOrphans`, which the stage asks at each tick.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import type { Suppressor, SystemCommand } from '../../../model/alarm.ts'
import { suppressorsMax } from './alarm-limits.ts'
import type { AlarmState } from './alarm-state.ts'
import { type Answer, type Draft, done, happen, refuse } from './draft.ts'

export const suppress = (draft: Draft, { suppressor, reason }: SystemCommand & { kind: 'Suppress' }): Answer => {
  const { suppressedBy } = draft.state
  const known = suppressedBy.find(({ by }) => by === suppressor.by)
  if (known?.untilMs === suppressor.untilMs) return done
  if (suppressor.untilMs !== null && suppressor.untilMs <= draft.atMs) return done // Over before it began.
  if (known === undefined && suppressedBy.length >= suppressorsMax) {
    return refuse('SUPPRESSORS_TOO_MANY', `Expected at most ${suppressorsMax} causes that hold one alarm down`)
  }
  happen(draft, { kind: 'Suppressed', suppressor, reason })
  return done
}

export const unsuppress = (draft: Draft, by: string): Answer => {
  if (draft.state.suppressedBy.some((known) => known.by === by)) happen(draft, { kind: 'Unsuppressed', by, cause: 'ended' })
  return done
}

export const endWindows = (draft: Draft): void => {
  for (const { by, untilMs } of draft.state.suppressedBy) {
    if (untilMs !== null && untilMs <= draft.atMs) happen(draft, { kind: 'Unsuppressed', by, cause: 'expired' })
  }
}

/**
 * Alarms that are held down by an alarm that stands no more. `isStanding` answers for an alarm's id, false for one that is
 * not known: nothing may stay held down by a cause that nobody can find.
 */
export const unsuppressOrphans = <Id>(
  streams: Iterable<readonly [Id, AlarmState]>,
  isStanding: (by: string) => boolean,
  atMs: number,
): { stream: Id; command: SystemCommand & { kind: 'Unsuppress' } }[] => {
  const commands: { stream: Id; command: SystemCommand & { kind: 'Unsuppress' } }[] = []
  for (const [stream, { suppressedBy }] of streams) {
    for (const { kind, by } of suppressedBy) {
      if (kind === 'alarm' && !isStanding(by)) commands.push({ stream, command: { kind: 'Unsuppress', by, atMs } })
    }
  }
  return commands
}

export const evolveSuppression = (region: readonly Suppressor[], event: AlarmEvent): readonly Suppressor[] => {
  switch (event.kind) {
    case 'Suppressed':
      return [...region.filter(({ by }) => by !== event.suppressor.by), event.suppressor]
    case 'Unsuppressed':
      return region.filter(({ by }) => by !== event.by)
    default:
      return region
  }
}
