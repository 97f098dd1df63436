/**
 * What is usual for a window, from those before it: the same hour of the same weekdays once three weeks are known, else the same
 * hour of all days once a week is (so that a weekend was among them), else the past as a whole once a day is. A quarter of an
 * hour to either side belongs to it three times: what a timer starts each night does not start to the minute. Today is no part of
 * it, else what begins at a step of the day would be usual by its own first quarter of an hour.
 * Before: `rop-series.ts`.  After: `detector.ts`.
 */
import { ropMs } from '../../../model/rule.ts'
import { medianOf, type Rop, ropsPerDay } from './rop-series.ts'

export type Baseline = 'hour-of-week' | 'hour-of-day' | 'rolling'
export type Expectation = { by: Baseline; median: number; low: number; high: number }

export type ExpectationOptions = {
  /** Local time of the site. */
  utcOffsetMs: number
  /** Quarters of an hour to either side. */
  reachRops: number
}

const dayMs = 86_400_000
const weekMs = 7 * dayMs
/** Of the past that is there, so much may be missing. */
const coverageLeast = 0.7
const weeksLeast = 3
const daysLeast = 7
/** Newer is today's. */
const todayMs = dayMs / 2

/** Null: less than a day is known. */
export const expectationOf = (past: readonly Rop[], startMs: number, options: ExpectationOptions): Expectation | null => {
  const oldest = past[0]
  if (oldest === undefined) return null
  const knownMs = startMs - oldest.startMs
  const isCovered = (days: number): boolean => knownMs >= days * dayMs && past.length >= coverageLeast * days * ropsPerDay
  if (isCovered(weeksLeast * 7)) return usualBy('hour-of-week', past, startMs, options)
  if (isCovered(daysLeast)) return usualBy('hour-of-day', past, startMs, options)
  return isCovered(1) ? usualBy('rolling', past, startMs, options) : null
}

export const usualBy = (
  by: Baseline,
  past: readonly Rop[],
  startMs: number,
  { utcOffsetMs, reachRops }: ExpectationOptions,
): Expectation | null => {
  if (by === 'rolling')
    return madeOf(
      by,
      past.map(({ value }) => value),
    )
  const periodMs = by === 'hour-of-week' ? weekMs : dayMs
  const localMs = startMs + utcOffsetMs
  return madeOf(
    by,
    past.flatMap((rop) =>
      Math.abs(startMs - rop.startMs) > todayMs && distance(rop.startMs + utcOffsetMs, localMs, periodMs) <= reachRops * ropMs
        ? [rop.value]
        : [],
    ),
  )
}

const madeOf = (by: Baseline, values: readonly number[]): Expectation | null =>
  values.length === 0 ? null : { by, median: medianOf(values), low: Math.min(...values), high: Math.max(...values) }

/** On a circle of one period. */
const distance = (one: number, other: number, periodMs: number): number => {
  const apart = Math.abs(one - other) % periodMs
  return Math.min(apart, periodMs - apart)
}
