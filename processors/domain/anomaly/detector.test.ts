import { expect, it } from 'vitest'
import { type Anomaly, detect, initialDetector } from './detector.ts'

const minuteMs = 60_000
const dayMs = 1_440 * minuteMs
const fromMs = Date.UTC(2026, 0, 5)

/** A reading each 5 minutes. */
const found = (days: number, valueAt: (ms: number) => number): Anomaly[] => {
  const state = initialDetector()
  const all: Anomaly[] = []
  for (let ms = 0; ms < days * dayMs; ms += 5 * minuteMs) all.push(...detect(state, fromMs + ms, valueAt(ms)))
  return all
}

/** From 9 to 18 o'clock another level, with a noise that repeats nowhere near a day. */
const daily = (ms: number): number =>
  (ms % dayMs >= 9 * 60 * minuteMs && ms % dayMs < 18 * 60 * minuteMs ? 80 : 20) + 3 * Math.sin(ms / 777_777)

it('a constant, a daily square wave, and a small noise give no evidence', () => {
  expect(found(14, () => 45)).toEqual([])
  expect(found(14, daily)).toEqual([])
  expect(found(14, (ms) => 20 + 3 * Math.sin(ms / 777_777))).toEqual([])
})

it('a peak of the day that breaks off is evidence, though no limit is passed', () => {
  const isMissing = (ms: number): boolean => ms >= 10.5 * dayMs && ms < 11 * dayMs
  const evidence = found(14, (ms) => (isMissing(ms) ? 20 + 3 * Math.sin(ms / 777_777) : daily(ms)))
  expect(evidence.length).toBeGreaterThan(0)
  for (const one of evidence) {
    expect(one.kind).toBe('window')
    if (one.kind === 'window') expect(isMissing(one.startMs - fromMs)).toBe(true)
  }
})

it('a constant that is another value for an hour is evidence from the second day on', () => {
  const isOther = (ms: number): boolean => ms >= 2 * dayMs && ms < 2 * dayMs + 60 * minuteMs
  const evidence = found(3, (ms) => (isOther(ms) ? 70 : 45))
  expect(evidence.map((one) => (one.kind === 'window' ? one.by : one.kind))).toContain('rolling')
})

it('less than a day of past gives no evidence', () => {
  expect(found(0.9, (ms) => ms % 7_919)).toEqual([])
})

it('a level that moved for good is told once', () => {
  const evidence = found(30, (ms) => (ms < 25 * dayMs ? -90 : -110) + Math.sin(ms / 777_777))
  expect(evidence.filter(({ kind }) => kind === 'level-shift')).toHaveLength(1)
})

it('a peak of the day that does not come at all is evidence, once: it begins where the step of the day would', () => {
  const isMissing = (ms: number): boolean => ms >= 10 * dayMs && ms < 11 * dayMs
  const evidence = found(14, (ms) => (isMissing(ms) ? 20 + 3 * Math.sin(ms / 777_777) : daily(ms)))
  expect(evidence.map(({ kind }) => kind)).toEqual(['window'])
  for (const one of evidence) if (one.kind === 'window') expect(isMissing(one.startMs - fromMs)).toBe(true)
})

it('the amplitude of a daily rhythm hides nothing once the hour of the day is known', () => {
  const rhythm = (ms: number): number => 50 + 30 * Math.sin((2 * Math.PI * ms) / dayMs) + 2 * Math.sin(ms / 777_777)
  const isHigher = (ms: number): boolean => ms >= 8 * dayMs && ms < 8 * dayMs + 120 * minuteMs
  const evidence = found(10, (ms) => rhythm(ms) + (isHigher(ms) ? 40 : 0))
  expect(evidence.map((one) => (one.kind === 'window' ? one.by : one.kind))).toEqual(['hour-of-day'])
})

it('a little less than usual is evidence when it lasts for hours, and none when it ends after one', () => {
  const isLower = (ms: number, hours: number): boolean => ms >= 10.5 * dayMs && ms < 10.5 * dayMs + hours * 60 * minuteMs
  expect(found(12, (ms) => daily(ms) - (isLower(ms, 5) ? 18 : 0))).toHaveLength(1)
  expect(found(12, (ms) => daily(ms) - (isLower(ms, 1) ? 18 : 0))).toEqual([])
})

it('what is as far out each few hours is how the series is', () => {
  const bursts = (ms: number): number => 10 + Math.sin(ms / 777_777) + (Math.floor(ms / (50 * minuteMs)) % 7 === 3 ? 30 : 0)
  expect(found(14, bursts)).toEqual([])
})
