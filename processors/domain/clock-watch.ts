/**
 * What is learned about a device's clock, message by message: its verdict changed, it was set (a step), it booted, and an
 * estimate of its skew per 15 minutes. Decides from the event and the kept state alone. Called by `projections/clock.ts`.
 *
 * A step is told by, in this order: claim minus uptime, which stands still within a boot unless the clock is set (needs a
 * device that tells its uptime, works for stored messages too); a verdict that changed within a boot; without an uptime,
 * two estimates of one boot that no drift explains.
 */
import { type DriftState, driftPpmOf, forgetEstimates, noteEstimate } from './clock-drift.ts'
import { emptyWindow, finishWindow, isBeyondWindow, none, noteSample, numberAt, type SkewWindow, windowNumbers } from './clock-skew.ts'
import type { ClockVerdict } from './placed-time.ts'

/** The running window's numbers, and behind them those of `placesOfWatch`: flat, since it is stored with each batch. */
export type ClockState = SkewWindow

/** Verdicts as numbers. */
const verdicts: readonly ClockVerdict[] = ['trusted', 'missing', 'before-2010', 'future']
export const verdictNumber = (verdict: ClockVerdict): number => verdicts.indexOf(verdict)

export const placesOfWatch = {
  /** `none`: no message yet. */
  verdict: windowNumbers,
  /** The boot told last: a boot shows itself in several ways. `none`: none was told. */
  bootKey: windowNumbers + 1,
  /** The last message with a time, for a step that its successor tells. `none`: no such message. */
  lastBootKey: windowNumbers + 2,
  lastArrivalMs: windowNumbers + 3,
  lastClaimMs: windowNumbers + 4,
  lastVerdict: windowNumbers + 5,
  /** When the running boot began, by claim and uptime of its message with the greatest uptime. `none`: not knplacesOfWatch. */
  beganBootKey: windowNumbers + 6,
  beganUptimeSeconds: windowNumbers + 7,
  beganAtMs: windowNumbers + 8,
  /** Rows of one day of arrival, for the bound. */
  dayMs: windowNumbers + 9,
  estimates: windowNumbers + 10,
  changes: windowNumbers + 11,
} as const

/** One message, as far as clocks are concerned. */
export type ClockSample = {
  arrivalMs: number
  claimMs: number | null
  uptimeSeconds: number | null
  verdict: ClockVerdict
  bootKey: number
  bootId: string
  /** This message told of a boot that was not knplacesOfWatch. */
  boots: boolean
  /** A message with a higher number of its boot has come before: it was stored, or overtaken on its way. */
  overtaken: boolean
  offset: number
}

/** The message that shows it; null: the one that is being read. */
export type Shown = { arrivalMs: number; bootId: string; offset: number }

export type ClockNotice =
  | { kind: 'verdict'; before: ClockVerdict | null }
  | { kind: 'boot' }
  /** Positive: the clock was set forward. `skewMs` is what this message says, which may have been held up. */
  | { kind: 'step'; stepMs: number; skewMs: number; shownBy: Shown | null }
  | { kind: 'estimate'; skewMs: number; driftPpm: number | null; samples: number; shownBy: Shown }
  /** 15 minutes passed, and its clock was still not set. */
  | { kind: 'unset' }
  /** The day's bound is reached: later changes of the day are not told. */
  | { kind: 'limit' }

/** Whole seconds of uptime move it by one, and so does the network. */
export const stepMinMs = 3_000
/** Of two estimates, 15 minutes apart: 2 s of noise, and a drift that no clock in order has. */
export const stepOfEstimatesMinMs = 2_000
export const driftAllowedPpm = 1_000

/** Rows per device and day of arrival: 96 windows, and as many changes as a device in order never has. */
export const estimatesPerDayMax = 96
export const changesPerDayMax = 104
export const observationsPerDayMax = estimatesPerDayMax + changesPerDayMax
const dayLengthMs = 86_400_000

export const initialClock = (arrivalMs: number): ClockState => {
  const { numbers, bestBootId } = emptyWindow(arrivalMs)
  return { numbers: [...numbers, none, none, none, 0, 0, 0, none, 0, 0, 0, 0, 0], bestBootId }
}

export const verdictOf = (state: ClockState): ClockVerdict | null => verdicts[numberAt(state, placesOfWatch.verdict)] ?? null

/** Takes one message in, in place. `drift` is asked for once in 15 minutes and at steps, `ppmOf` with each estimate. Empty for nearly every message. */
export const noteClock = (state: ClockState, sample: ClockSample, drift: () => DriftState, ppmOf = driftPpmOf): ClockNotice[] => {
  const { arrivalMs, claimMs, verdict, bootKey } = sample
  const { numbers } = state
  const notices: ClockNotice[] = []
  const overtaken = isOvertaken(state, sample)
  const stepMs = claimMs === null || overtaken ? null : stepOf(state, sample, claimMs)
  const boots = sample.boots && bootKey !== numberAt(state, placesOfWatch.bootKey)
  if (boots || stepMs !== null || isBeyondWindow(state, arrivalMs)) endWindow(state, arrivalMs, drift, ppmOf, notices)
  if (boots) {
    notices.push({ kind: 'boot' })
    numbers[placesOfWatch.bootKey] = bootKey
  }
  const before = verdictOf(state)
  if (verdict === 'missing' ? before === null : verdict !== before) {
    notices.push({ kind: 'verdict', before })
    numbers[placesOfWatch.verdict] = verdictNumber(verdict)
  }
  // One that was overtaken is no live sample, at whatever pace its like come; and of live ones it is never the best.
  if (claimMs !== null && !overtaken) {
    if (stepMs !== null) {
      notices.push({ kind: 'step', stepMs, skewMs: claimMs - arrivalMs, shownBy: null })
      forgetEstimates(drift())
      numbers[placesOfWatch.beganBootKey] = none
    }
    noteBegan(state, sample, claimMs)
    numbers[placesOfWatch.lastBootKey] = bootKey
    numbers[placesOfWatch.lastArrivalMs] = arrivalMs
    numbers[placesOfWatch.lastClaimMs] = claimMs
    numbers[placesOfWatch.lastVerdict] = verdictNumber(verdict)
    // The skew of a clock that was never set is no number to work with: a small `ts` may be of seconds or of milliseconds.
    if (verdict !== 'before-2010') {
      noteSample(state, { behindMs: arrivalMs - claimMs, arrivalMs, bootKey, bootId: sample.bootId, offset: sample.offset })
    }
  }
  return notices.length === 0 ? notices : withinDay(state, arrivalMs, notices)
}

const isOvertaken = (state: ClockState, { overtaken, uptimeSeconds, bootKey }: ClockSample): boolean =>
  overtaken ||
  (uptimeSeconds !== null &&
    numberAt(state, placesOfWatch.beganBootKey) === bootKey &&
    uptimeSeconds < numberAt(state, placesOfWatch.beganUptimeSeconds))

const stepOf = (state: ClockState, sample: ClockSample, claimMs: number): number | null => {
  const { uptimeSeconds, bootKey, arrivalMs, verdict } = sample
  const lastBootKey = numberAt(state, placesOfWatch.lastBootKey)
  const lastVerdict = lastBootKey === none ? null : verdicts[numberAt(state, placesOfWatch.lastVerdict)]
  if (verdict === 'before-2010' && lastVerdict === 'before-2010') return null
  const beganBootKey = numberAt(state, placesOfWatch.beganBootKey)
  if (uptimeSeconds !== null && beganBootKey !== none) {
    if (beganBootKey !== bootKey) return null
    const stepMs = Math.round(claimMs - uptimeSeconds * 1_000 - numberAt(state, placesOfWatch.beganAtMs))
    return Math.abs(stepMs) >= stepMinMs ? stepMs : null
  }
  if (lastBootKey === none || lastBootKey !== bootKey || lastVerdict === verdict) return null
  const stepMs = claimMs - numberAt(state, placesOfWatch.lastClaimMs) - (arrivalMs - numberAt(state, placesOfWatch.lastArrivalMs))
  return Math.abs(stepMs) >= stepMinMs ? stepMs : null
}

const noteBegan = ({ numbers }: ClockState, { uptimeSeconds, bootKey }: ClockSample, claimMs: number): void => {
  if (uptimeSeconds === null) return
  numbers[placesOfWatch.beganBootKey] = bootKey
  numbers[placesOfWatch.beganUptimeSeconds] = uptimeSeconds
  numbers[placesOfWatch.beganAtMs] = claimMs - uptimeSeconds * 1_000
}

const endWindow = (
  state: ClockState,
  arrivalMs: number,
  drift: () => DriftState,
  ppmOf: typeof driftPpmOf,
  notices: ClockNotice[],
): void => {
  const over = isBeyondWindow(state, arrivalMs)
  const estimate = finishWindow(state, arrivalMs)
  if (estimate === null) {
    if (verdictOf(state) === 'before-2010' && over) notices.push({ kind: 'unset' })
    return
  }
  const { skewMs, samples, best } = estimate
  const known = drift()
  const shownBy = { arrivalMs: best.arrivalMs, bootId: best.bootId, offset: best.offset }
  const stepMs = numberAt(state, placesOfWatch.beganBootKey) === none ? stepOfEstimates(known, best.bootKey, best.arrivalMs, skewMs) : null
  if (stepMs !== null) {
    notices.push({ kind: 'step', stepMs, skewMs, shownBy })
    forgetEstimates(known)
  }
  noteEstimate(known, best.bootKey, best.arrivalMs, skewMs)
  notices.push({ kind: 'estimate', skewMs, driftPpm: ppmOf(known), samples, shownBy })
}

const stepOfEstimates = ({ bootKey: knownKey, arrivalsMs, skewsMs }: DriftState, bootKey: number, arrivalMs: number, skewMs: number) => {
  const beforeMs = arrivalsMs[arrivalsMs.length - 1]
  const skewBeforeMs = skewsMs[skewsMs.length - 1]
  if (beforeMs === undefined || skewBeforeMs === undefined || knownKey !== bootKey) return null
  const stepMs = skewMs - skewBeforeMs
  const allowedMs = stepOfEstimatesMinMs + (Math.abs(arrivalMs - beforeMs) * driftAllowedPpm) / 1e6
  return Math.abs(stepMs) > allowedMs ? stepMs : null
}

/** A day that went by does not come back, unless our own clock was days ahead. */
const withinDay = (state: ClockState, arrivalMs: number, notices: readonly ClockNotice[]): ClockNotice[] => {
  const { numbers } = state
  const dayMs = arrivalMs - (arrivalMs % dayLengthMs)
  const knownDayMs = numberAt(state, placesOfWatch.dayMs)
  if (dayMs > knownDayMs || dayMs < knownDayMs - dayLengthMs) {
    numbers[placesOfWatch.dayMs] = dayMs
    numbers[placesOfWatch.estimates] = 0
    numbers[placesOfWatch.changes] = 0
  }
  const told: ClockNotice[] = []
  for (const notice of notices) {
    if (notice.kind === 'estimate' || notice.kind === 'unset') {
      const estimates = numberAt(state, placesOfWatch.estimates)
      if (estimates < estimatesPerDayMax) told.push(notice)
      numbers[placesOfWatch.estimates] = Math.min(estimates + 1, estimatesPerDayMax)
      continue
    }
    const changes = numberAt(state, placesOfWatch.changes)
    if (changes < changesPerDayMax - 1) told.push(notice)
    else if (changes === changesPerDayMax - 1) told.push({ kind: 'limit' })
    numbers[placesOfWatch.changes] = Math.min(changes + 1, changesPerDayMax)
  }
  return told
}
