/**
 * Steps of a series (`30s`, `15m`, `6h`, `1d`) and the choice of where to read it from: raw rows, which are exact and
 * expire, or a rollup, which is quick and outlives them. The answer names its choice in `source`.
 */
import { ProblemError } from './problems.ts'
import { offsetMinutesAt, type TimeRange, toTime } from './time.ts'

export type Step = { text: string; count: number; unit: 'second' | 'minute' | 'hour' | 'day'; ms: number }
export type SeriesSource = 'raw' | '15m' | '1h' | '1d'
export const aggregates = ['avg', 'min', 'max', 'sum', 'count', 'last', 'p50', 'p95', 'p99'] as const
export type Aggregate = (typeof aggregates)[number]
export type Percentile = 'p50' | 'p95' | 'p99'
export const levelOf: Record<Percentile, number> = { p50: 0.5, p95: 0.95, p99: 0.99 }
export const isPercentile = (aggregate: Aggregate): aggregate is Percentile => Object.hasOwn(levelOf, aggregate)

/** Levels of one request: more are a distribution, which is for SQL. */
export const quantilesMax = 10

/** `0.5,0.95`; each above 0 and below 1 with at most four decimals. */
export const parseQuantiles = (text: string): number[] => {
  const levels = text.split(',').map((part) => (/^0\.\d{1,4}$/.test(part) ? Number(part) : 0))
  if (levels.length > quantilesMax || levels.some((level) => level === 0) || new Set(levels).size < levels.length) {
    throw new ProblemError(
      'QUANTILES_INVALID',
      `Expected quantiles like 0.5,0.95: at most ${String(quantilesMax)} different numbers between 0.0001 and 0.9999, got ${JSON.stringify(text.slice(0, 60))}.`,
    )
  }
  return levels
}

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
 * begins and ends on its buckets, so that the answer is the same as from raw rows, or the range is long. `last` is not in the
 * rollups; percentiles are, within 0.4 %, so only a long range takes them from there.
 */
export const sourceFor = (
  range: TimeRange,
  step: Step,
  aggregate: Aggregate,
  tz: string,
  quantiles: readonly number[] = [],
): SeriesSource => {
  if (aggregate === 'last') return 'raw'
  const long = range.toMs - range.fromMs > rawRangeMaxMs
  if (!long && (isPercentile(aggregate) || quantiles.length > 0)) return 'raw'
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
