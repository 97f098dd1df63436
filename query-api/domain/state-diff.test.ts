import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyDiff, type ComparedState, diffStates, seriesKey, withoutAges } from './state-diff.ts'

const time = fc.integer({ min: 0, max: 2e12 }).map((ms) => new Date(ms).toISOString())
const attributes = fc.constantFrom<Record<string, string>>(
  {},
  { 'cpu.mode': 'user' },
  { 'cpu.mode': 'idle', b: '2' },
  { b: '2', 'cpu.mode': 'idle' },
)
const series = { metric: fc.constantFrom('a', 'b', 'c'), attributes }
const value = fc.option(fc.constantFrom(0, 1, -2.5, 1e12))
const radio = fc.record({
  observedAt: time,
  receivedAt: time,
  ageSeconds: fc.nat(100),
  rsrpDbm: value,
  band: fc.option(fc.constantFrom('B3', 'B7')),
  cell: fc.option(fc.record({ id: fc.nat(3) })),
  carriers: fc.array(fc.record({ role: fc.constantFrom('PCC', 'SCC'), rsrpDbm: value }), { maxLength: 3 }),
})
const state = fc.record({
  presence: fc.record({ state: fc.constantFrom('online', 'offline', 'unknown'), since: fc.option(time), reason: fc.option(fc.string()) }),
  boot: fc.option(fc.record({ bootId: fc.constantFrom('b1', 'b2'), observedAt: time })),
  radio: fc.option(radio),
  measurements: fc.uniqueArray(fc.record({ ...series, value, quality: fc.constantFrom('ok', 'missing'), observedAt: time }), {
    selector: seriesKey,
  }),
  counters: fc.uniqueArray(fc.record({ ...series, value: fc.nat(), observedAt: time }), { selector: seriesKey }),
  facts: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('f', 'g', 'firmware.version'),
      value: fc.option(fc.string()),
      masked: fc.boolean(),
      observedAt: time,
    }),
    { selector: ({ name }) => name },
  ),
  alarms: fc.uniqueArray(
    fc.record({
      id: fc.constantFrom('s:1', 's:2', 't:L1'),
      severity: fc.constantFrom('minor', 'major'),
      unknown: fc.boolean(),
      operator: fc.constantFrom('none', 'ack'),
      text: fc.string(),
    }),
    { selector: ({ id }) => id },
  ),
})

/** In the order of keys, as a diff makes them. */
const ordered = (of: ComparedState): ComparedState => ({
  ...of,
  measurements: byKey(of.measurements, seriesKey),
  counters: byKey(of.counters, seriesKey),
  facts: byKey(of.facts, ({ name }) => name),
  alarms: byKey(of.alarms, ({ id }) => id),
})
const byKey = <T>(items: readonly T[], keyOf: (item: T) => string): T[] => [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))

describe('a diff of two states', () => {
  it('applied to one gives the other', () => {
    fc.assert(
      fc.property(state, state, (from, to) => {
        expect(applyDiff(from, diffStates(from, to))).toEqual(ordered(to))
        expect(applyDiff(to, diffStates(to, from))).toEqual(ordered(from))
      }),
      { numRuns: 500 },
    )
  })

  it('of a state with itself is empty, also when all was told again later', () => {
    fc.assert(
      fc.property(state, time, (from, observedAt) => {
        const again = {
          ...from,
          radio: from.radio === null ? null : { ...from.radio, observedAt, receivedAt: observedAt, ageSeconds: 5 },
          measurements: from.measurements.map((item) => ({ ...item, observedAt })),
          counters: from.counters.map((item) => ({ ...item, observedAt })),
          facts: from.facts.map((item) => ({ ...item, observedAt })),
        }
        const { toldAgain, ...diff } = diffStates(from, again)
        expect(diff).toEqual({ presence: null, boot: null, radio: null, measurements: [], counters: [], facts: [], alarms: [] })
        expect(toldAgain.facts).toEqual(again.facts.filter((_fact, index) => from.facts[index]?.observedAt !== observedAt))
      }),
    )
  })

  it('knows nothing of ages, which say when it was asked', () => {
    expect(withoutAges({ a: [{ ageSeconds: 5, lastKnown: { ageSeconds: 6, value: 1 } }], ageSeconds: 7 })).toEqual({
      a: [{ lastKnown: { value: 1 } }],
    })
  })
})
