/** A device's clock in words, and the periods in which one verdict held. Pure; before: `queries/clock.ts`. */

export type Verdict = 'trusted' | 'missing' | 'before-2010' | 'future'

/** Samples that agree within some seconds: one may have been held up, of five hardly all. */
export const confidenceOf = (samples: number): 'high' | 'medium' | 'low' => (samples >= 5 ? 'high' : samples >= 2 ? 'medium' : 'low')

const units: readonly (readonly [ms: number, name: string])[] = [
  [365.25 * 86_400_000, 'year'],
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1_000, 'second'],
]

/** `0.12 seconds`, `90 seconds`, `1.5 hours`, `56 years` */
export const lengthOf = (ms: number): string => {
  const size = Math.abs(ms)
  const [unitMs, name] = units.find(([length]) => size >= 2 * length) ?? [1_000, 'second']
  const value = size / unitMs
  const shown = value >= 10 ? Math.round(value) : Math.round(value * 100) / 100
  return `${String(shown)} ${name}${shown === 1 ? '' : 's'}`
}

export type ClockNow = { verdict: Verdict | null; skewMs: number | null; driftPpm: number | null; stillHolds: boolean }

/** One or two sentences that a support engineer can repeat. */
export const clockText = ({ verdict, skewMs, driftPpm, stillHolds }: ClockNow): string => {
  if (verdict === null) return 'Nothing is known of its clock in this range.'
  if (verdict === 'missing') return 'It tells no time: its data are placed by their arrival.'
  const drift = driftPpm === null ? '' : ` It runs ${driftWords(driftPpm)}.`
  if (verdict === 'before-2010') return 'Its clock is not set: its data are placed by their arrival.'
  const held = stillHolds ? '' : ' That was measured before it booted or was set.'
  if (verdict === 'future') {
    const by = skewMs !== null && skewMs > 0 ? ` by ${lengthOf(skewMs)}` : ''
    return `Its clock is ahead${by}, too far to be believed: its data are placed by their arrival.${held}${drift}`
  }
  if (skewMs === null) return 'Its clock is believed; how far it is off is not known yet (15 minutes of live messages are needed).'
  if (Math.abs(skewMs) < 1_000) return `Its clock is right to a second.${held}${drift}`
  return `Its clock is ${lengthOf(skewMs)} ${skewMs > 0 ? 'ahead' : 'behind'}; its data stand where it says.${held}${drift}`
}

const driftWords = (ppm: number): string => {
  if (Math.abs(ppm) < 1) return 'evenly'
  const secondsPerDay = Math.abs(ppm) * 0.0864
  const shown = secondsPerDay >= 10 ? Math.round(secondsPerDay) : Math.round(secondsPerDay * 100) / 100
  return `${ppm > 0 ? 'fast' : 'slow'} by ${String(Math.round(Math.abs(ppm) * 10) / 10)} ppm, ${String(shown)} s a day`
}

export type VerdictChange<T> = { verdict: Verdict; receivedMs: number; evidence: T }
export type VerdictPeriod<T> = { verdict: Verdict; fromMs: number; toMs: number | null; evidence: T }

/** `changes` in order of arrival; the first may lie before the range. The last period has no end: it holds. */
export const verdictPeriods = <T>(changes: readonly VerdictChange<T>[]): VerdictPeriod<T>[] =>
  changes.map(({ verdict, receivedMs, evidence }, index) => ({
    verdict,
    fromMs: receivedMs,
    toMs: changes[index + 1]?.receivedMs ?? null,
    evidence,
  }))
