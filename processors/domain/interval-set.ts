/**
 * Which sequence numbers of one boot have been seen, as sorted intervals. At most `gapsMax` gaps are kept; the lowest ones
 * are forgotten first and become one stretch of which nothing can be said any more. Used by `identity.ts`.
 */

export type IntervalSet = {
  /** first, last, first, last, ... (both included), ascending, never touching. */
  ranges: number[]
  /** The forgotten stretch lies between two neighbouring intervals; `forgottenTo` < `forgottenFrom` means none. */
  forgottenFrom: number
  forgottenTo: number
}

/** `forgotten`: it may have been seen or not; the set is unchanged. */
export type IntervalOutcome = 'added' | 'present' | 'forgotten'

/** Design section 5: a device that loses more than this in one boot is so broken that its oldest gaps tell nothing. */
export const gapsKeptMax = 64

export const emptyIntervals = (): IntervalSet => ({ ranges: [], forgottenFrom: 0, forgottenTo: -1 })

export const lowestOf = (set: IntervalSet): number | undefined => set.ranges[0]
export const highestOf = (set: IntervalSet): number | undefined => set.ranges[set.ranges.length - 1]

/** Adds one number in place. The usual one, the next after the highest, costs a comparison. */
export const addToIntervals = (set: IntervalSet, value: number, gapsMax: number = gapsKeptMax): IntervalOutcome => {
  const { ranges } = set
  const highest = highestOf(set)
  if (highest !== undefined && value === highest + 1) {
    ranges[ranges.length - 1] = value
    return 'added'
  }
  if (value >= set.forgottenFrom && value <= set.forgottenTo) return 'forgotten'
  const at = indexAfter(ranges, value)
  const lastBefore = at > 0 ? at2(ranges, at - 1) : undefined
  if (lastBefore !== undefined && value <= lastBefore) return 'present'
  const firstAfter = at < ranges.length ? at2(ranges, at) : undefined
  const joinsBefore = lastBefore === value - 1
  const joinsAfter = firstAfter === value + 1
  if (joinsBefore && joinsAfter) ranges.splice(at - 1, 2)
  else if (joinsBefore) ranges[at - 1] = value
  else if (joinsAfter) ranges[at] = value
  else {
    ranges.splice(at, 0, value, value)
    if (gapsOf(set) > gapsMax) forgetLowestGap(set)
  }
  return 'added'
}

/** Gaps that are still known; the forgotten stretch is none of them. */
export const gapsOf = (set: IntervalSet): number => Math.max(0, set.ranges.length / 2 - 1 - (set.forgottenTo >= set.forgottenFrom ? 1 : 0))

/** Index of the first interval that begins after `value`, times two. Searched from the end: new numbers are high. */
const indexAfter = (ranges: readonly number[], value: number): number => {
  let at = ranges.length
  while (at > 0 && at2(ranges, at - 2) > value) at -= 2
  return at
}

const forgetLowestGap = (set: IntervalSet): void => {
  const { ranges } = set
  const none = set.forgottenTo < set.forgottenFrom
  let gap = 1
  if (!none && at2(ranges, 1) + 1 === set.forgottenFrom) gap = 3 // The lowest one is forgotten already.
  const from = at2(ranges, gap) + 1
  const to = at2(ranges, gap + 1) - 1
  set.forgottenFrom = none ? from : Math.min(set.forgottenFrom, from)
  set.forgottenTo = none ? to : Math.max(set.forgottenTo, to)
  const kept: number[] = []
  for (let at = 0; at < ranges.length; at += 2) {
    const first = at2(ranges, at)
    if (first >= set.forgottenFrom && first <= set.forgottenTo) continue // An island inside of the stretch.
    kept.push(first, at2(ranges, at + 1))
  }
  set.ranges = kept
}

const at2 = (ranges: readonly number[], index: number): number => ranges[index] ?? Number.NaN
