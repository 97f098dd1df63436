/**
 * Records of the compacted topic `alarms-current`: the newest state of each alarm in the shape of TMF642 v4, JSON text, under
 * the alarm's id. An empty value takes it away: acknowledged or closed after it was over, followed by a newer episode, purged.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import type { AlarmType } from '../../../model/alarm.ts'
import { type AlarmState, isLive } from '../alarms/alarm-state.ts'
import { unpackAlarm } from '../alarms/packed-state.ts'
import { episodeIdOf } from '../alarms/stream-id.ts'
import { tmf642Of } from '../alarms/views.ts'
import type { OutputState } from './output-state.ts'

/** `text` null: a tombstone. */
export type CurrentRecord = { key: string; text: string | null }

/** What the event changes; notes in the state what then stands there. */
export const currentRecords = (state: OutputState, event: AlarmEvent, type: AlarmType): CurrentRecord[] => {
  if (unseen.has(event.kind)) return []
  const alarm = unpackAlarm(state.alarm)
  const records: CurrentRecord[] = []
  const { stream, key, tenant, currentEpisode } = state
  const isGone = alarm.last === null || isDone(alarm)
  if (currentEpisode !== 0 && (isGone || currentEpisode !== alarm.episode)) records.push(tombstoneOf(state))
  state.currentEpisode = isGone ? 0 : alarm.episode
  if (isGone) return records
  const shown = tmf642Of({ stream, key, type, state: alarm }, `fleet-recorder/${tenant}`)
  if (shown !== null) records.push({ key: shown.id, text: JSON.stringify(shown) })
  return records
}

export const tombstoneOf = ({ stream, currentEpisode }: OutputState): CurrentRecord => ({
  key: episodeIdOf(stream, { episode: currentEpisode, foundLate: false }),
  text: null,
})

const isDone = (alarm: AlarmState): boolean => !isLive(alarm) && (alarm.operator.is !== 'none' || alarm.purged)

/** They change nothing that is shown. */
const unseen: ReadonlySet<AlarmEvent['kind']> = new Set([
  'RaiseDelayStarted',
  'RaiseDelayAbandoned',
  'ClearDelayStarted',
  'ClearDelayAbandoned',
  'EpisodeFoundLate',
])
