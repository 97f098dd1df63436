/**
 * How far a device's clock is off: per 15 minutes of arrival the smallest arrival minus claimed time, since a message can be
 * held up on its way but never arrives before it was made. Only of live samples: a stored upload of last week says nothing
 * about the clock. Live is told without the order of the samples: near the smallest difference lie samples that arrived some
 * time apart, so time passed at the device as it passed here; of an upload the differences shrink too fast for that.
 *
 * A window is finished by the first sample after it. Before: `clock-watch.ts`.  After: `clock-drift.ts`.
 */

export type SkewSample = {
  /** Arrival minus claim; positive: the claim is behind. */
  behindMs: number
  arrivalMs: number
  /** The message: its boot, and where it lies in the partition. */
  bootKey: number
  bootId: string
  offset: number
}

export type SkewBin = { bin: number; samples: number; firstMs: number; lastMs: number }

export type SkewWindow = {
  startMs: number
  /** The two lowest of all bins of 2 s of difference that the window has seen, lowest first. */
  bins: SkewBin[]
  smallest: SkewSample | null
  /** Of the last window that had samples: what a device that speaks once in a while is compared with. */
  before: { behindMs: number; arrivalMs: number } | null
}

export type SkewEstimate = {
  /** The device's time minus ours: positive when its clock is ahead. */
  skewMs: number
  /** Samples within 2 to 4 s of the best one. */
  samples: number
  best: SkewSample
}

export const skewWindowMs = 15 * 60_000
/** Live samples are held up by no more than this against each other. */
export const delayedMs = 2_000
/** Samples so far apart that are so near in their difference: time passed there as here, within a factor of 1.4. */
export const liveApartMs = 10_000

export const emptyWindow = (arrivalMs: number): SkewWindow => ({ startMs: startOf(arrivalMs), bins: [], smallest: null, before: null })

/** Of an arrival beyond the window; one that is a little older still belongs to it, after a jump back of our own clock none does. */
export const isBeyondWindow = ({ startMs }: SkewWindow, arrivalMs: number): boolean =>
  arrivalMs >= startMs + skewWindowMs || arrivalMs < startMs - skewWindowMs

/** Takes one sample in, in place. The order of samples within one window does not matter. */
export const noteSample = (window: SkewWindow, sample: SkewSample): void => {
  const { arrivalMs, behindMs } = sample
  const { bins, smallest } = window
  if (smallest === null || comesBefore(sample, smallest)) window.smallest = sample
  const bin = Math.floor(behindMs / delayedMs)
  const at = bins.findIndex((known) => known.bin >= bin)
  const known = at < 0 ? undefined : bins[at]
  if (known?.bin === bin) {
    known.samples++
    if (arrivalMs < known.firstMs) known.firstMs = arrivalMs
    if (arrivalMs > known.lastMs) known.lastMs = arrivalMs
    return
  }
  // A third one is never needed again: bins only come in below it.
  if (at < 0 && bins.length === 2) return
  bins.splice(at < 0 ? bins.length : at, 0, { bin, samples: 1, firstMs: arrivalMs, lastMs: arrivalMs })
  if (bins.length > 2) bins.pop()
}

/** Ends the window in place; the next begins at `arrivalMs`. Null: it had no live sample. */
export const finishWindow = (window: SkewWindow, arrivalMs: number): SkewEstimate | null => {
  const { bins, smallest, before } = window
  window.startMs = startOf(arrivalMs)
  window.bins = []
  window.smallest = null
  const [lowest, next] = bins
  if (smallest === null || lowest === undefined) return null
  window.before = { behindMs: smallest.behindMs, arrivalMs: smallest.arrivalMs }
  const near = next?.bin === lowest.bin + 1 ? [lowest, next] : [lowest]
  const lastMs = Math.max(...near.map((bin) => bin.lastMs))
  const apartMs = lastMs - Math.min(...near.map((bin) => bin.firstMs))
  const asBefore = before !== null && Math.abs(smallest.behindMs - before.behindMs) <= delayedMs && lastMs - before.arrivalMs >= liveApartMs
  if (apartMs < liveApartMs && !asBefore) return null
  const samples = near.reduce((sum, bin) => sum + bin.samples, 0)
  return { skewMs: smallest.behindMs === 0 ? 0 : -smallest.behindMs, samples, best: smallest }
}

/** Of equal ones the first to arrive, so that the order of reading does not choose. */
const comesBefore = (one: SkewSample, other: SkewSample): boolean =>
  one.behindMs !== other.behindMs
    ? one.behindMs < other.behindMs
    : one.arrivalMs !== other.arrivalMs
      ? one.arrivalMs < other.arrivalMs
      : one.offset < other.offset

const startOf = (timeMs: number): number => timeMs - (timeMs % skewWindowMs)
