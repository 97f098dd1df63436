/** How far a group has come in a partition, and which ranges it may begin and finish. One rule for every `StageStore`. */
import type { StageRange } from '../../model/ports.ts'

export type Progress = {
  /** Next offset to process. */
  next: number
  /** Rows of `next..pendingTo` may be in the warehouse already; null when none can be. */
  pendingTo: number | null
  /** `held` of the pending range; absent when it is empty. */
  pendingHeld?: readonly string[]
  /** For each table the end of the last range that gave it rows. */
  lastRowOffsets: Record<string, number>
}

export const noProgress: Progress = { next: 0, pendingTo: null, lastRowOffsets: {} }

export const begun = (progress: Progress, { to, held = [] }: Pick<StageRange, 'to' | 'held'>): Progress => {
  const { next, lastRowOffsets } = progress
  return { next, pendingTo: to, ...(held.length === 0 ? {} : { pendingHeld: [...held] }), lastRowOffsets }
}

/** Where a stage starts; `StageStore.resume` of a store without pending ranges ahead. */
export const positionOf = ({ next, pendingTo, pendingHeld, lastRowOffsets }: Progress) => ({
  next,
  repeatTo: pendingTo,
  ...(pendingHeld === undefined ? {} : { repeatHeld: pendingHeld }),
  lastRowOffsets: { ...lastRowOffsets },
})

/**
 * A range must go on where the last one ended, and a pending one be repeated as it was: its tokens are written already.
 * Anything else is a mistake of the stage and throws.
 */
export const checkRange = (progress: Progress, { topic, partition, from, to }: StageRange, group: string): Progress => {
  const { next, pendingTo } = progress
  if (from === next && to >= from && (pendingTo === null || pendingTo === to)) return progress
  const expected = `from ${next}${pendingTo === null ? '' : ` to ${pendingTo}`}`
  throw new Error(`Group ${group} expected a range of ${topic}:${partition} ${expected}, got ${from} to ${to}`)
}
