/** The time of the fleet stage: the least of what its source partitions have told. When it moves on, everything is judged. */
import type { TimeSignal } from '../../../model/fleet-signal.ts'
import { endExodus, judgeExodus } from './exodus.ts'
import { fireDue } from './fleet-alarms.ts'
import { endOutages, judgeOutages } from './outages.ts'
import { judgePlatform } from './platform.ts'
import { endPower, judgePower } from './power.ts'
import { judgeRefusals } from './refusals.ts'
import type { FleetTurn } from './turn.ts'
import { endWordings } from './wordings.ts'

export const passTime = (turn: FleetTurn, partition: number, signal: TimeSignal): void => {
  const { state, sourcePartitions } = turn
  noteTime(turn, partition, signal)
  const times = Object.values(state.partitions)
  if (times.filter(({ ms }) => ms > 0).length < sourcePartitions) return
  const leastMs = Math.min(...times.map(({ ms }) => ms))
  if (leastMs === state.nowMs) return
  state.nowMs = leastMs
  fireDue(turn)
  if (state.rules === null) return
  const canJudge = judgePlatform(turn)
  // Whoever is heard again is there, whatever was missed: an end needs no grace after a restart.
  endOutages(turn)
  endExodus(turn)
  endPower(turn)
  judgeRefusals(turn)
  endWordings(turn)
  if (!canJudge) return
  judgeOutages(turn)
  judgeExodus(turn)
  judgePower(turn)
}

const noteTime = (
  { state, atMs, appendedAtMs }: FleetTurn,
  partition: number,
  { online, healthySinceMs, isResumed, brokers }: TimeSignal,
): void => {
  const known = state.partitions[partition]
  if (known === undefined) return // Made by `fleet-run.ts` for each record.
  if (isResumed && healthySinceMs !== null && healthySinceMs !== known.healthySinceMs) {
    known.resumedMs = healthySinceMs
    state.platform['gap'] = known.ms > 0 ? Math.max(0, atMs - known.ms) : 0
  }
  known.ms = atMs
  known.lagMs = Math.max(0, appendedAtMs - atMs)
  known.online = online
  known.healthySinceMs = healthySinceMs
  if (brokers === undefined) delete known.brokers
  else known.brokers = brokers
}
