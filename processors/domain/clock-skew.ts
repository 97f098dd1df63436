/**
 * How far a device's clock is off: the smallest arrival minus claimed time per 15 minutes, of live samples only. A stored
 * upload of last week says nothing about the clock; it is told from a live stream by its pace (alarms: section 17).
 */

export type SkewState = {
  lastArrivalMs: number
  lastClaimMs: number
  live: boolean
  /** The running 15 minutes and the smallest difference in them; NaN-free: `smallestMs` is null until a live sample came. */
  windowStartMs: number
  smallestMs: number | null
  /** Of the last complete window; positive: the device's clock is behind. Null until known. */
  estimateMs: number | null
}

export const skewWindowMs = 15 * 60_000
/** Two samples that left a device together may arrive this much closer than they were taken. */
const jitterMs = 50
/** A live sample may be held up by this much on its way. */
const delayedMs = 2_000

export const firstSkew = (arrivalMs: number, claimMs: number): SkewState => ({
  lastArrivalMs: arrivalMs,
  lastClaimMs: claimMs,
  live: false,
  windowStartMs: startOf(arrivalMs),
  smallestMs: null,
  estimateMs: null,
})

/** Takes one sample in, in place. */
export const noteSkew = (skew: SkewState, arrivalMs: number, claimMs: number): void => {
  const start = startOf(arrivalMs)
  if (start !== skew.windowStartMs) {
    if (skew.smallestMs !== null) skew.estimateMs = skew.smallestMs
    skew.windowStartMs = start
    skew.smallestMs = null
  }
  const claimed = claimMs - skew.lastClaimMs
  if (claimed !== 0) {
    const arrived = arrivalMs - skew.lastArrivalMs
    // An upload claims more time than passes here; the first message after a pause claims far less.
    skew.live = claimed > 0 && claimed <= 2 * arrived + jitterMs && arrived <= 2 * claimed + delayedMs
    skew.lastArrivalMs = arrivalMs
    skew.lastClaimMs = claimMs
  }
  if (skew.live) skew.smallestMs = Math.min(skew.smallestMs ?? Number.POSITIVE_INFINITY, arrivalMs - claimMs)
}

const startOf = (timeMs: number): number => timeMs - (timeMs % skewWindowMs)
