/**
 * Steps of a series (`30s`, `15m`, `6h`, `1d`) and the choice of where to read it from: raw rows, which are exact and
 * expire, or a rollup, which is quick and outlives them. The answer names its choice in `source`.
 */
import { ProblemError } from './problems.ts'
import { offsetMinutesAt, type TimeRange, toTime } from './time.ts'

export type Step = { text: string; count: number; unit: 'second' | 'minute' | 'hour' | 'day'; ms: number }
export type SeriesSource = 'raw' | '15m' | '1h' | '1d'
export const aggregates = ['avg', 'min', 'max', 'sum', 'count', 'last', 'p95'] as const
export type Aggregate = (typeof aggregates)[number]

/** As many points as a wide screen can show a few times over; more is a download, not a chart. */
export const pointsMax = 11_000

/** A raw read of one series beyond this is slower than its rollup is coarse, and raw rows may be gone. */
const rawRangeMaxMs = 14 * 86_400_000

const minuteMs = 60_000
const units = { s: ['second', 1000], m: ['minute', minuteMs], h: ['hour', 3_600_000], d: ['day', 86_400_000] } as const

export const parseStep = (text: string): Step => {
  const parts = /^([1-9]\d{0,5})([smhd])$/.exec(text)
  const letter = parts?.[2] as keyof typeof units | undefined
  const count = Number(parts?.[1])
  if (letter === undefined || count * units[letter][1] > 366 * 86_400_000) {
    throw new ProblemError('STEP_INVALID', `Expected step like 30s, 15m, 6h or 1d, at most 366d, got ${JSON.stringify(text.slice(0, 20))}.`)
  }
  return { text, count, unit: units[letter][0], ms: count * units[letter][1] }
}

export const checkPoints = (range: TimeRange, step: Step): void => {
  const points = Math.ceil((range.toMs - range.fromMs) / step.ms)
  if (points > pointsMax) {
    throw new ProblemError(
      'TOO_MANY_POINTS',
      `Expected at most ${String(pointsMax)} points, but ${toTime(range.fromMs)} to ${toTime(range.toMs)} by ${step.text} has ${String(points)}; ask for a longer step or a shorter range.`,
    )
  }
}

/** A default that gives some 300 points. */
export const stepFor = (range: TimeRange): Step => {
  const wanted = (range.toMs - range.fromMs) / 300
  const steps = ['10s', '30s', '1m', '5m', '15m', '1h', '6h', '1d']
  return parseStep(steps.find((text) => parseStep(text).ms >= wanted) ?? '1d')
}

const rollups: readonly { source: '1d' | '1h' | '15m'; ms: number }[] = [
  { source: '1d', ms: 86_400_000 },
  { source: '1h', ms: 3_600_000 },
  { source: '15m', ms: 15 * minuteMs },
]

/**
 * A rollup serves when its buckets (which are cut in UTC) nest in the steps asked for in `tz`, and when either the range
 * begins and ends on its buckets, so that the answer is the same as from raw rows, or the range is long. `last` and `p95`
 * are not in the rollups.
 */
export const sourceFor = (range: TimeRange, step: Step, aggregate: Aggregate, tz: string): SeriesSource => {
  if (aggregate === 'last' || aggregate === 'p95') return 'raw'
  const long = range.toMs - range.fromMs > rawRangeMaxMs
  const fits = rollups.find(
    ({ ms }) =>
      step.ms % ms === 0 &&
      [range.fromMs, range.toMs].every((at) => (offsetMinutesAt(tz, at) * minuteMs) % ms === 0) &&
      (long || (range.fromMs % ms === 0 && range.toMs % ms === 0)),
  )
  return fits?.source ?? 'raw'
}

/** A long range read from a rollup is widened to whole buckets; the answer shows the range that was read. */
export const rangeFor = (range: TimeRange, source: SeriesSource): TimeRange => {
  const ms = rollups.find((rollup) => rollup.source === source)?.ms
  return ms === undefined ? range : { fromMs: Math.floor(range.fromMs / ms) * ms, toMs: Math.ceil(range.toMs / ms) * ms }
}
