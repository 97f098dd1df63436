import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DriftState, initialDrift } from './clock-drift.ts'
import { changesPerDayMax, type ClockNotice, type ClockSample, initialClock, noteClock, observationsPerDayMax } from './clock-watch.ts'
import { placeTime } from './placed-time.ts'

const start = Date.UTC(2026, 0, 5)
const minuteMs = 60_000
type Words = { at: number; claim: number | null; uptime?: number; boot?: number; boots?: boolean; overtaken?: boolean }
const sampleOf = ({ at, claim, uptime, boot = 1, boots = false, overtaken = false }: Words, offset: number): ClockSample => ({
  arrivalMs: start + at,
  claimMs: claim === null ? null : start + claim,
  uptimeSeconds: uptime ?? null,
  verdict: placeTime(claim === null ? null : start + claim, start + at).verdict,
  bootKey: boot,
  bootId: `b${boot}`,
  boots,
  overtaken,
  offset,
})
const watched = (words: readonly Words[]) => {
  const state = initialClock(start)
  const drift: DriftState = initialDrift()
  return words.map((own, offset) => noteClock(state, sampleOf(own, offset), () => drift))
}
const told = (words: readonly Words[]): ClockNotice[] => watched(words).flat()
/** A message a minute whose claim is `aheadMs` ahead. */
const minutes = (from: number, to: number, aheadMs: number, more: (minute: number) => Partial<Words> = () => ({})): Words[] =>
  Array.from({ length: to - from }, (_, n) => ({
    at: (from + n) * minuteMs,
    claim: (from + n) * minuteMs + aheadMs,
    ...more(from + n),
  }))
const uptimes = (minute: number): Partial<Words> => ({ uptime: 100 + minute * 60 })

describe('the clock of a device', () => {
  it('in order tells its verdict once and an estimate per window', () => {
    expect(told(minutes(0, 31, -40))).toEqual([
      { kind: 'verdict', before: null },
      { kind: 'estimate', skewMs: -40, driftPpm: null, samples: 15, shownBy: { arrivalMs: start, bootId: 'b1', offset: 0 } },
      {
        kind: 'estimate',
        skewMs: -40,
        driftPpm: null,
        samples: 15,
        shownBy: { arrivalMs: start + 15 * minuteMs, bootId: 'b1', offset: 15 },
      },
    ])
  })

  it('tells the drift with the fifth estimate of a boot', () => {
    const drifts = told(minutes(0, 91, 0).map((own) => ({ ...own, claim: own.at + (own.at * 200) / 1e6 })))
      .filter(({ kind }) => kind === 'estimate')
      .map((notice) => notice.kind === 'estimate' && notice.driftPpm)
    expect(drifts.slice(0, 4)).toEqual([null, null, null, null])
    expect(drifts.slice(4)).toEqual([200, 200])
  })

  it('that was 1970 and is set by NTP tells the verdicts and the step, and no skew of 1970', () => {
    const unset = Array.from({ length: 3 }, (_, n) => ({ at: n * 10_000, claim: -start + n * 10_000 + 5_000, uptime: 5 + n * 10 }))
    expect(told([...unset, { at: 30_000, claim: 29_950, uptime: 35 }, ...minutes(1, 16, -50, (n) => ({ uptime: 5 + n * 60 }))])).toEqual([
      { kind: 'verdict', before: null },
      { kind: 'verdict', before: 'before-2010' },
      { kind: 'step', stepMs: start - 5_050, skewMs: -50, shownBy: null },
      { kind: 'estimate', skewMs: -50, driftPpm: null, samples: 15, shownBy: { arrivalMs: start + 30_000, bootId: 'b1', offset: 3 } },
    ])
  })

  it('that stays in 1970 tells so every 15 minutes, whatever its time does', () => {
    const unset = Array.from({ length: 40 }, (_, n) => ({ at: n * minuteMs, claim: -start + n * n * 1_000_000, uptime: 5 + n * 60 }))
    expect(watched(unset).flatMap((notices, minute) => notices.map((notice) => [minute, notice]))).toEqual([
      [0, { kind: 'verdict', before: null }],
      [15, { kind: 'unset' }],
      [30, { kind: 'unset' }],
    ])
  })

  it('tells a boot once, however many messages show it', () => {
    const shown = [1, 1, 2, 2].map((boot, n) => ({ at: n, claim: n, boot, boots: true }))
    expect(watched(shown).map((notices) => notices.map(({ kind }) => kind))).toEqual([['boot', 'verdict'], [], ['boot'], []])
  })

  it('that is set tells the step by its uptime at once, both ways, from 3 s on', () => {
    const steps = (aheadMs: number) =>
      told([...minutes(0, 5, 0, uptimes), ...minutes(5, 6, aheadMs, uptimes)]).filter(({ kind }) => kind === 'step')
    expect(steps(-2_999)).toEqual([])
    expect(steps(-3_000)).toEqual([{ kind: 'step', stepMs: -3_000, skewMs: -3_000, shownBy: null }])
    expect(steps(3_000)).toEqual([{ kind: 'step', stepMs: 3_000, skewMs: 3_000, shownBy: null }])
  })

  it('that is set ends its window: the estimate before and the one after are of one clock each', () => {
    expect(told([...minutes(0, 5, 90_000, uptimes), ...minutes(5, 16, 0, uptimes)]).slice(1)).toEqual([
      { kind: 'estimate', skewMs: 90_000, driftPpm: null, samples: 5, shownBy: { arrivalMs: start, bootId: 'b1', offset: 0 } },
      { kind: 'step', stepMs: -90_000, skewMs: 0, shownBy: null },
      { kind: 'estimate', skewMs: 0, driftPpm: null, samples: 10, shownBy: { arrivalMs: start + 5 * minuteMs, bootId: 'b1', offset: 5 } },
    ])
  })

  it('without an uptime tells a step by two estimates, when no drift explains it', () => {
    const steps = (aheadMs: number) => told([...minutes(0, 15, 0), ...minutes(15, 31, aheadMs)]).filter(({ kind }) => kind === 'step')
    expect(steps(2_900)).toEqual([])
    expect(steps(2_901)).toEqual([
      { kind: 'step', stepMs: 2_901, skewMs: 2_901, shownBy: { arrivalMs: start + 15 * minuteMs, bootId: 'b1', offset: 15 } },
    ])
    expect(steps(-2_901)).toEqual([
      { kind: 'step', stepMs: -2_901, skewMs: -2_901, shownBy: { arrivalMs: start + 15 * minuteMs, bootId: 'b1', offset: 15 } },
    ])
  })

  it('is not set by what was stored and comes late, in whatever order', () => {
    const stored = [3, 1, 2].map((minute) => ({ at: 10 * minuteMs, claim: minute * minuteMs, ...uptimes(minute) }))
    expect(told([...minutes(0, 1, 0, uptimes), ...minutes(4, 10, 0, uptimes), ...stored, ...minutes(11, 15, 0, uptimes)])).toEqual([
      { kind: 'verdict', before: null },
    ])
  })

  it('is not behind because what was stored comes at the pace at which it was made', () => {
    const stored = minutes(5, 40, -3_600_000)
    expect(told([...minutes(0, 5, 0), ...stored.map((own) => ({ ...own, overtaken: true }))]).map(({ kind }) => kind)).toEqual([
      'verdict',
      'estimate',
    ])
    expect(told([...minutes(60, 65, 0, uptimes), ...minutes(65, 99, -3_600_000, (n) => uptimes(n - 60))]).map(({ kind }) => kind)).toEqual([
      'verdict',
      'estimate',
    ])
  })

  it('is not set by a boot, which is told itself', () => {
    expect(
      told([...minutes(0, 5, 0, uptimes), { at: 300_000, claim: 330_000, uptime: 3, boot: 2, boots: true }]).map(({ kind }) => kind),
    ).toEqual(['verdict', 'estimate', 'boot'])
  })

  it('of a device that tells no time is told once; messages without a time change no verdict', () => {
    expect(told([0, 1, 2].map((minute) => ({ at: minute * minuteMs, claim: null })))).toEqual([{ kind: 'verdict', before: null }])
    const mixed = [
      { at: 0, claim: null },
      { at: 1, claim: 1 },
      { at: 2, claim: null },
      { at: 3, claim: 600_000 },
    ]
    expect(watched(mixed).map((notices) => notices.filter(({ kind }) => kind === 'verdict'))).toEqual([
      [{ kind: 'verdict', before: null }],
      [{ kind: 'verdict', before: 'missing' }],
      [],
      [{ kind: 'verdict', before: 'trusted' }],
    ])
  })

  it('tells 104 changes a day, the last of them that there are more; the next day begins anew', () => {
    const flapping = Array.from({ length: 300 }, (_, n) => ({ at: n * 1_000, claim: n % 2 === 0 ? n * 1_000 : n * 1_000 + 3_600_000 }))
    const notices = told(flapping).filter(({ kind }) => kind !== 'estimate')
    expect(notices).toHaveLength(changesPerDayMax)
    expect(notices.findIndex(({ kind }) => kind === 'limit')).toBe(changesPerDayMax - 1)
    const next = { at: 86_400_000, claim: 86_400_000 + 3_600_000 + 1 }
    expect(
      told([...flapping, { at: 86_399_999, claim: 86_399_999 }, next])
        .slice(-2)
        .map(({ kind }) => kind),
    ).toEqual(['verdict', 'step'])
  })

  it('never tells more than 200 things a day', () => {
    expect(observationsPerDayMax).toBe(200)
    const steps = fc.array(
      fc.record({
        laterMs: fc.oneof(fc.nat({ max: 20_000 }), fc.nat({ max: 2_000_000 })),
        aheadMs: fc.oneof(fc.constantFrom(0, -90_000, 3_600_000, -60 * 365 * 86_400_000), fc.integer({ min: -10_000, max: 10_000 })),
        uptime: fc.option(fc.nat({ max: 10_000 }), { nil: undefined }),
        boot: fc.integer({ min: 1, max: 3 }),
        boots: fc.boolean(),
        tells: fc.boolean(),
      }),
      { minLength: 300, maxLength: 600 },
    )
    fc.assert(
      fc.property(steps, (list) => {
        let at = 0
        const perDay = new Map<number, number>()
        const words = list.map(({ laterMs, aheadMs, uptime, boot, boots, tells }) => {
          at += laterMs
          return { at, claim: tells ? at + aheadMs : null, boot, boots, ...(uptime === undefined ? {} : { uptime }) }
        })
        for (const [index, notices] of watched(words).entries()) {
          const day = Math.floor((words[index]?.at ?? 0) / 86_400_000)
          perDay.set(day, (perDay.get(day) ?? 0) + notices.length)
        }
        expect(Math.max(...perDay.values())).toBeLessThanOrEqual(observationsPerDayMax)
      }),
      { numRuns: 100 },
    )
  })
})
