/**
 * How fast a clock runs wrong, from the estimates of one boot: the median of the slopes between all pairs (Theil and Sen), so
 * that up to a quarter of wrong estimates (a window in which all messages were held up) moves it little. A step of the clock
 * or a boot begins anew. Before: `clock-skew.ts`.
 */

export type DriftState = {
  kind: 'clock'
  /** The boot that the estimates are of. */
  bootKey: number
  /** Oldest first. */
  arrivalsMs: number[]
  skewsMs: number[]
}

/** 16 hours of estimates and 2,016 pairs, once in 15 minutes and device. Over them 50 ms of noise is 1 ppm. */
export const estimatesKeptMax = 64
/** Fewer, or over less time, and the noise of the network is taken for drift. */
export const estimatesForDriftMin = 5
export const driftSpanMinMs = 60 * 60_000

export const initialDrift = (): DriftState => ({ kind: 'clock', bootKey: 0, arrivalsMs: [], skewsMs: [] })

/** Takes one estimate in, in place; one of another boot begins anew. */
export const noteEstimate = (drift: DriftState, bootKey: number, arrivalMs: number, skewMs: number): void => {
  if (drift.bootKey !== bootKey) forgetEstimates(drift)
  drift.bootKey = bootKey
  drift.arrivalsMs.push(arrivalMs)
  drift.skewsMs.push(skewMs)
  if (drift.arrivalsMs.length <= estimatesKeptMax) return
  drift.arrivalsMs.shift()
  drift.skewsMs.shift()
}

export const forgetEstimates = (drift: DriftState): void => {
  drift.arrivalsMs = []
  drift.skewsMs = []
}

/** Millionths; positive: the clock is fast. Null: too few estimates, or over too short a time. */
export const driftPpmOf = ({ arrivalsMs, skewsMs }: DriftState): number | null => {
  const count = arrivalsMs.length
  if (count < estimatesForDriftMin || Math.max(...arrivalsMs) - Math.min(...arrivalsMs) < driftSpanMinMs) return null
  const pairs = new Float64Array((count * (count - 1)) / 2)
  let found = 0
  for (let one = 0; one < count; one++) {
    for (let other = one + 1; other < count; other++) {
      const passedMs = at(arrivalsMs, other) - at(arrivalsMs, one)
      if (passedMs !== 0) pairs[found++] = (at(skewsMs, other) - at(skewsMs, one)) / passedMs
    }
  }
  const slopes = pairs.subarray(0, found)
  const middle = found >> 1
  const upper = selected(slopes, middle)
  const median = found % 2 === 1 ? upper : (greatest(slopes.subarray(0, middle)) + upper) / 2
  return Math.round(median * 1e6 * 1_000) / 1_000
}

/** The value that would stand at `rank` were they sorted; those before it are none greater. Quicker than sorting 2,016 pairs (Hoare). */
const selected = (values: Float64Array, rank: number): number => {
  let [from, to] = [0, values.length - 1]
  while (from < to) {
    const pivot = at(values, (from + to) >> 1)
    let [low, high] = [from, to]
    while (low <= high) {
      while (at(values, low) < pivot) low++
      while (at(values, high) > pivot) high--
      if (low > high) break
      const kept = at(values, low)
      values[low++] = at(values, high)
      values[high--] = kept
    }
    if (rank <= high) to = high
    else if (rank >= low) from = low
    else break
  }
  return at(values, rank)
}

const greatest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? Number.NaN
