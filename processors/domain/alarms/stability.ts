/**
 * Stable or flapping: raises and clears within a sliding hour of the device's time. Every edge is recorded and counted, also
 * while the stream is shelved, suppressed or flapping; only notifications go quiet.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { edgesKeptMax, flappingEdgesMin, flappingStopEdgesMax, flappingWindowMs } from './alarm-limits.ts'
import type { Stability } from './alarm-state.ts'
import { type Draft, happen } from './draft.ts'

/** After an edge, or when time has passed. */
export const judgeStability = (draft: Draft, nowMs: number): void => {
  const { is, edges: kept } = draft.state.stability
  const edges = edgesWithin(kept, nowMs)
  if (is === 'stable' && edges >= flappingEdgesMin) happen(draft, { kind: 'FlappingStarted', edges })
  if (is === 'flapping' && edges <= flappingStopEdgesMax) happen(draft, { kind: 'FlappingStopped', edges })
}

/** When so few edges will be left that flapping ends: the oldest one that must leave the window has left it. */
export const flappingEndsMs = ({ is, edges }: Stability): number | null => {
  if (is === 'stable') return null
  const mustLeave = edges[edges.length - 1 - flappingStopEdgesMax]
  return mustLeave === undefined ? 0 : mustLeave + flappingWindowMs
}

/** An edge that is exactly one window old has left it. */
const edgesWithin = (edges: readonly number[], nowMs: number): number => {
  let count = 0
  for (const edgeMs of edges) if (edgeMs > nowMs - flappingWindowMs) count++
  return count
}

export const evolveStability = (region: Stability, event: AlarmEvent): Stability => {
  switch (event.kind) {
    case 'AlarmRaised':
      return withEdge(region, event.raisedAtMs)
    case 'AlarmCleared':
      return withEdge(region, event.clearedAtMs)
    case 'FlappingStarted':
      return { ...region, is: 'flapping' }
    case 'FlappingStopped':
      return { ...region, is: 'stable' }
    default:
      return region
  }
}

/** Edges that left the window are dropped with the next one; ascending, since a person's clear may lie ahead of the device's time. */
const withEdge = ({ is, edges }: Stability, edgeMs: number): Stability => {
  const kept = edges.filter((other) => other > edgeMs - flappingWindowMs)
  return { is, edges: [...kept, edgeMs].sort((a, b) => a - b).slice(-edgesKeptMax) }
}
