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

/**
 * A window as a flat list, which costs a fifth of what objects cost to store with each batch; places by `at`. It holds the two
 * lowest of all bins of 2 s of difference that it has seen, lowest first, and its best sample. `before` is of the last window
 * that had samples: what a device that speaks once in a while is compared with. `clock-watch.ts` keeps its own numbers behind.
 */
export type SkewWindow = { numbers: number[]; bestBootId: string }

export const at = {
  startMs: 0,
  bestBehindMs: 1,
  /** `none`: no sample yet. */
  bestArrivalMs: 2,
  bestBootKey: 3,
  bestOffset: 4,
  beforeBehindMs: 5,
  /** `none`: no window before. */
  beforeArrivalMs: 6,
  firstBin: 7,
  secondBin: 11,
} as const
/** Of a bin: its number, its samples (0: no bin), its first and its last arrival. */
const ofBin = { bin: 0, samples: 1, firstMs: 2, lastMs: 3 } as const
export const windowNumbers = 15
/** Where a number that is never negative is absent. */
export const none = -1

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

export const emptyWindow = (arrivalMs: number): SkewWindow => ({
  numbers: [startOf(arrivalMs), 0, none, 0, 0, 0, none, 0, 0, 0, 0, 0, 0, 0, 0],
  bestBootId: '',
})

export const numberAt = ({ numbers }: SkewWindow, place: number): number => numbers[place] ?? none

/** Of an arrival beyond the window; one that is a little older still belongs to it, after a jump back of our own clock none does. */
export const isBeyondWindow = (window: SkewWindow, arrivalMs: number): boolean => {
  const startMs = numberAt(window, at.startMs)
  return arrivalMs >= startMs + skewWindowMs || arrivalMs < startMs - skewWindowMs
}

/** Takes one sample in, in place. The order of samples within one window does not matter. */
export const noteSample = (window: SkewWindow, sample: SkewSample): void => {
  const { arrivalMs, behindMs } = sample
  if (comesBeforeBest(window, sample)) putBest(window, sample)
  const bin = Math.floor(behindMs / delayedMs)
  if (samplesOf(window, at.firstBin) === 0) putBin(window, at.firstBin, bin, arrivalMs)
  else if (bin === binOf(window, at.firstBin)) addToBin(window, at.firstBin, arrivalMs)
  else if (bin < binOf(window, at.firstBin)) {
    // What was second is never needed again: bins only come in below it.
    window.numbers.copyWithin(at.secondBin, at.firstBin, at.secondBin)
    putBin(window, at.firstBin, bin, arrivalMs)
  } else if (samplesOf(window, at.secondBin) === 0 || bin < binOf(window, at.secondBin)) putBin(window, at.secondBin, bin, arrivalMs)
  else if (bin === binOf(window, at.secondBin)) addToBin(window, at.secondBin, arrivalMs)
}

/** Ends the window in place; the next begins at `arrivalMs`. Null: it had no live sample. */
export const finishWindow = (window: SkewWindow, arrivalMs: number): SkewEstimate | null => {
  const { numbers } = window
  const best = bestOf(window)
  const beforeArrivalMs = numberAt(window, at.beforeArrivalMs)
  const beforeBehindMs = numberAt(window, at.beforeBehindMs)
  const isNear = samplesOf(window, at.secondBin) > 0 && binOf(window, at.secondBin) === binOf(window, at.firstBin) + 1
  const near = isNear ? [at.firstBin, at.secondBin] : [at.firstBin]
  const lastMs = Math.max(...near.map((bin) => numberAt(window, bin + ofBin.lastMs)))
  const apartMs = lastMs - Math.min(...near.map((bin) => numberAt(window, bin + ofBin.firstMs)))
  const samples = near.reduce((sum, bin) => sum + samplesOf(window, bin), 0)
  numbers[at.startMs] = startOf(arrivalMs)
  numbers[at.bestArrivalMs] = none
  numbers.fill(0, at.firstBin, windowNumbers)
  window.bestBootId = ''
  if (best === null) return null
  numbers[at.beforeBehindMs] = best.behindMs
  numbers[at.beforeArrivalMs] = best.arrivalMs
  const asBefore =
    beforeArrivalMs !== none && Math.abs(best.behindMs - beforeBehindMs) <= delayedMs && lastMs - beforeArrivalMs >= liveApartMs
  if (apartMs < liveApartMs && !asBefore) return null
  return { skewMs: best.behindMs === 0 ? 0 : -best.behindMs, samples, best }
}

const binOf = (window: SkewWindow, place: number): number => numberAt(window, place + ofBin.bin)
const samplesOf = (window: SkewWindow, place: number): number => numberAt(window, place + ofBin.samples)

const putBin = ({ numbers }: SkewWindow, place: number, bin: number, arrivalMs: number): void => {
  numbers[place + ofBin.bin] = bin
  numbers[place + ofBin.samples] = 1
  numbers[place + ofBin.firstMs] = arrivalMs
  numbers[place + ofBin.lastMs] = arrivalMs
}

const addToBin = (window: SkewWindow, place: number, arrivalMs: number): void => {
  const { numbers } = window
  numbers[place + ofBin.samples] = samplesOf(window, place) + 1
  if (arrivalMs < numberAt(window, place + ofBin.firstMs)) numbers[place + ofBin.firstMs] = arrivalMs
  if (arrivalMs > numberAt(window, place + ofBin.lastMs)) numbers[place + ofBin.lastMs] = arrivalMs
}

const bestOf = (window: SkewWindow): SkewSample | null => {
  const arrivalMs = numberAt(window, at.bestArrivalMs)
  if (arrivalMs === none) return null
  return {
    behindMs: numberAt(window, at.bestBehindMs),
    arrivalMs,
    bootKey: numberAt(window, at.bestBootKey),
    bootId: window.bestBootId,
    offset: numberAt(window, at.bestOffset),
  }
}

const putBest = (window: SkewWindow, { behindMs, arrivalMs, bootKey, bootId, offset }: SkewSample): void => {
  const { numbers } = window
  numbers[at.bestBehindMs] = behindMs
  numbers[at.bestArrivalMs] = arrivalMs
  numbers[at.bestBootKey] = bootKey
  numbers[at.bestOffset] = offset
  window.bestBootId = bootId
}

/** Of equal ones the first to arrive, so that the order of reading does not choose. */
const comesBeforeBest = (window: SkewWindow, one: SkewSample): boolean => {
  const bestArrivalMs = numberAt(window, at.bestArrivalMs)
  if (bestArrivalMs === none) return true
  const bestBehindMs = numberAt(window, at.bestBehindMs)
  if (one.behindMs !== bestBehindMs) return one.behindMs < bestBehindMs
  return one.arrivalMs !== bestArrivalMs ? one.arrivalMs < bestArrivalMs : one.offset < numberAt(window, at.bestOffset)
}

const startOf = (timeMs: number): number => timeMs - (timeMs % skewWindowMs)
