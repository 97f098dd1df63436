/**
 * What is learned about a device's clock, message by message: its verdict changed, it was set (a step), it booted, and an
 * estimate of its skew per 15 minutes. Decides from the event and the kept state alone. Called by `projections/clock.ts`.
 *
 * A step is told by, in this order: claim minus uptime, which stands still within a boot unless the clock is set (needs a
 * device that tells its uptime, works for stored messages too); a verdict that changed within a boot; without an uptime,
 * two estimates of one boot that no drift explains.
 */
import { type DriftState, driftPpmOf, forgetEstimates, noteEstimate } from './clock-drift.ts'
import { emptyWindow, finishWindow, isBeyondWindow, noteSample, type SkewWindow } from './clock-skew.ts'
import type { ClockVerdict } from './placed-time.ts'

export type ClockState = {
  verdict: ClockVerdict | null
  /** The boot told last: a boot shows itself in several ways. */
  bootKey: number | null
  /** The last message with a time, for a step that its successor tells. */
  last: { bootKey: number; arrivalMs: number; claimMs: number; verdict: ClockVerdict } | null
  /** When the running boot began, by claim and uptime of its message with the greatest uptime. */
  began: { bootKey: number; uptimeSeconds: number; atMs: number } | null
  window: SkewWindow
  /** Rows of one day of arrival, for the bound. */
  dayMs: number
  estimates: number
  changes: number
}

/** One message, as far as clocks are concerned. */
export type ClockSample = {
  arrivalMs: number
  claimMs: number | null
  uptimeSeconds: number | null
  verdict: ClockVerdict
  bootKey: number
  bootId: string
  /** This message told of a boot that was not known. */
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

export const initialClock = (arrivalMs: number): ClockState => ({
  verdict: null,
  bootKey: null,
  last: null,
  began: null,
  window: emptyWindow(arrivalMs),
  dayMs: 0,
  estimates: 0,
  changes: 0,
})

/** Takes one message in, in place. `drift` is asked for once in 15 minutes and at steps. Empty for nearly every message. */
export const noteClock = (state: ClockState, sample: ClockSample, drift: () => DriftState): ClockNotice[] => {
  const { arrivalMs, claimMs, verdict, bootKey } = sample
  const notices: ClockNotice[] = []
  const stepMs = claimMs === null || isOvertaken(state, sample) ? null : stepOf(state, sample, claimMs)
  const boots = sample.boots && bootKey !== state.bootKey
  if (boots || stepMs !== null || isBeyondWindow(state.window, arrivalMs)) endWindow(state, arrivalMs, drift, notices)
  if (boots) {
    notices.push({ kind: 'boot' })
    state.bootKey = bootKey
  }
  if (verdict === 'missing' ? state.verdict === null : verdict !== state.verdict) {
    notices.push({ kind: 'verdict', before: state.verdict })
    state.verdict = verdict
  }
  // One that was overtaken is no live sample, at whatever pace its like come; and of live ones it is never the best.
  if (claimMs !== null && !isOvertaken(state, sample)) {
    if (stepMs !== null) {
      notices.push({ kind: 'step', stepMs, skewMs: claimMs - arrivalMs, shownBy: null })
      forgetEstimates(drift())
      state.began = null
    }
    noteBegan(state, sample, claimMs)
    state.last = { bootKey, arrivalMs, claimMs, verdict }
    // The skew of a clock that was never set is no number to work with: a small `ts` may be of seconds or of milliseconds.
    if (verdict !== 'before-2010') {
      noteSample(state.window, { behindMs: arrivalMs - claimMs, arrivalMs, bootKey, bootId: sample.bootId, offset: sample.offset })
    }
  }
  return notices.length === 0 ? notices : withinDay(state, arrivalMs, notices)
}

const isOvertaken = ({ began }: ClockState, { overtaken, uptimeSeconds, bootKey }: ClockSample): boolean =>
  overtaken || (uptimeSeconds !== null && began?.bootKey === bootKey && uptimeSeconds < began.uptimeSeconds)

const stepOf = (state: ClockState, sample: ClockSample, claimMs: number): number | null => {
  const { began, last } = state
  const { uptimeSeconds, bootKey, arrivalMs, verdict } = sample
  if (verdict === 'before-2010' && last?.verdict === 'before-2010') return null
  if (uptimeSeconds !== null && began !== null) {
    if (began.bootKey !== bootKey) return null
    const stepMs = Math.round(claimMs - uptimeSeconds * 1_000 - began.atMs)
    return Math.abs(stepMs) >= stepMinMs ? stepMs : null
  }
  if (last === null || last.bootKey !== bootKey || last.verdict === verdict) return null
  const stepMs = claimMs - last.claimMs - (arrivalMs - last.arrivalMs)
  return Math.abs(stepMs) >= stepMinMs ? stepMs : null
}

const noteBegan = (state: ClockState, { uptimeSeconds, bootKey }: ClockSample, claimMs: number): void => {
  if (uptimeSeconds === null) return
  state.began = { bootKey, uptimeSeconds, atMs: claimMs - uptimeSeconds * 1_000 }
}

const endWindow = (state: ClockState, arrivalMs: number, drift: () => DriftState, notices: ClockNotice[]): void => {
  const over = isBeyondWindow(state.window, arrivalMs)
  const estimate = finishWindow(state.window, arrivalMs)
  if (estimate === null) {
    if (state.verdict === 'before-2010' && over) notices.push({ kind: 'unset' })
    return
  }
  const { skewMs, samples, best } = estimate
  const known = drift()
  const shownBy = { arrivalMs: best.arrivalMs, bootId: best.bootId, offset: best.offset }
  const stepMs = state.began === null ? stepOfEstimates(known, best.bootKey, best.arrivalMs, skewMs) : null
  if (stepMs !== null) {
    notices.push({ kind: 'step', stepMs, skewMs, shownBy })
    forgetEstimates(known)
  }
  noteEstimate(known, best.bootKey, best.arrivalMs, skewMs)
  notices.push({ kind: 'estimate', skewMs, driftPpm: driftPpmOf(known), samples, shownBy })
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
  const dayMs = arrivalMs - (arrivalMs % dayLengthMs)
  if (dayMs > state.dayMs || dayMs < state.dayMs - dayLengthMs) {
    state.dayMs = dayMs
    state.estimates = 0
    state.changes = 0
  }
  const told: ClockNotice[] = []
  for (const notice of notices) {
    if (notice.kind === 'estimate' || notice.kind === 'unset') {
      if (state.estimates < estimatesPerDayMax) told.push(notice)
      state.estimates = Math.min(state.estimates + 1, estimatesPerDayMax)
      continue
    }
    if (state.changes < changesPerDayMax - 1) told.push(notice)
    else if (state.changes === changesPerDayMax - 1) told.push({ kind: 'limit' })
    state.changes = Math.min(state.changes + 1, changesPerDayMax)
  }
  return told
}
