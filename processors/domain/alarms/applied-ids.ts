/**
 * What was applied before is not applied again. Observations are ordered by the device's time, so only the ids of the newest
 * moment are kept; commands of persons and late findings have a ring of ids and the time of the newest one that left it.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { appliedIdsMax, idsPerMomentMax } from './alarm-limits.ts'
import type { AlarmState, AppliedIds } from './alarm-state.ts'

export type Applied = 'new' | 'applied' | 'too-old'

export const appliedOf = ({ ids, forgottenMs }: AppliedIds, id: string, atMs: number): Applied => {
  if (ids.some((kept) => kept.id === id)) return 'applied'
  return forgottenMs !== null && atMs <= forgottenMs ? 'too-old' : 'new'
}

/** History only: older than what the stream or its device has seen, or applied at that moment already. */
export const isLateOrApplied = (
  state: AlarmState,
  command: { sourceEventId: string; watermarkMs: number | null },
  observedAtMs: number,
): boolean => {
  const { lastObservedAtMs, momentIds } = state
  if (command.watermarkMs !== null && observedAtMs < command.watermarkMs) return true
  if (lastObservedAtMs === null || observedAtMs > lastObservedAtMs) return false
  if (observedAtMs < lastObservedAtMs) return true
  return momentIds.length >= idsPerMomentMax || momentIds.includes(command.sourceEventId)
}

type Seen = Pick<AlarmState, 'lastObservedAtMs' | 'momentIds' | 'commands' | 'late'>

export const evolveApplied = (state: AlarmState, event: AlarmEvent): Seen => {
  let { lastObservedAtMs, momentIds, commands, late } = state
  if (event.kind === 'AlarmRaised') commands = { ids: [], forgottenMs: null }
  if (event.kind === 'EpisodeFoundLate' || event.kind === 'AlarmAmended' || event.kind === 'AlarmRetracted') {
    late = withId(late, lateIdOf(event), event.atMs)
  } else if ('commandId' in event && event.commandId !== null) {
    if (!commands.ids.some(({ id }) => id === event.commandId)) commands = withId(commands, event.commandId, event.atMs)
  } else if ('sourceEventId' in event && event.sourceEventId !== null) {
    momentIds = event.observedAtMs === lastObservedAtMs ? withMomentId(momentIds, event.sourceEventId) : [event.sourceEventId]
    lastObservedAtMs = event.observedAtMs
  }
  return { lastObservedAtMs, momentIds, commands, late }
}

type LateEvent = Extract<AlarmEvent, { kind: 'EpisodeFoundLate' | 'AlarmAmended' | 'AlarmRetracted' }>

/** One late sample may touch several episodes: its id alone does not tell them apart. */
export const lateIdOf = (
  late:
    | Pick<LateEvent & { kind: 'EpisodeFoundLate' }, 'kind' | 'sourceEventId' | 'raisedAtMs'>
    | Pick<Exclude<LateEvent, { kind: 'EpisodeFoundLate' }>, 'kind' | 'sourceEventId' | 'of'>,
): string =>
  late.kind === 'EpisodeFoundLate'
    ? `${late.sourceEventId} found ${late.raisedAtMs}`
    : `${late.sourceEventId} ${late.kind} ${late.of.foundLate ? 'L' : ''}${late.of.episode}`

const withMomentId = (ids: readonly string[], id: string): readonly string[] => (ids.includes(id) ? ids : [...ids, id])

const withId = ({ ids, forgottenMs }: AppliedIds, id: string, atMs: number): AppliedIds => {
  const kept = [...ids, { id, atMs }]
  const dropped = kept.length > appliedIdsMax ? kept.shift() : undefined
  return { ids: kept, forgottenMs: dropped === undefined ? forgottenMs : Math.max(dropped.atMs, forgottenMs ?? dropped.atMs) }
}
