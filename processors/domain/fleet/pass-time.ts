/** The time of the fleet stage: the least of what its source partitions have told. When it moves on, everything is judged. */
import type { TimeSignal } from '../../../model/fleet-signal.ts'
import { fireDue } from './fleet-alarms.ts'
import { judgeOutages } from './outages.ts'
import type { FleetTurn } from './turn.ts'

export const passTime = (turn: FleetTurn, partition: number, { online, healthySinceMs }: TimeSignal): void => {
  const { state, atMs, sourcePartitions } = turn
  const known = state.partitions[partition]
  if (known === undefined) return // Made by `fleet-run.ts` for each record.
  known.ms = atMs
  known.online = online
  known.healthySinceMs = healthySinceMs
  const times = Object.values(state.partitions)
  if (times.filter(({ ms }) => ms > 0).length < sourcePartitions) return
  const leastMs = Math.min(...times.map(({ ms }) => ms))
  if (leastMs === state.nowMs) return
  state.nowMs = leastMs
  fireDue(turn)
  if (state.rules === null) return
  judgeOutages(turn)
}
