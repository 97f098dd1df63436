import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyDiff, type ComparedState, diffStates, seriesKey } from './state-diff.ts'

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
})
type State = ComparedState<{ observedAt: string }, { bootId: string; observedAt: string }, { state: string; since: string | null }>

/** What a state says, without when it was told again, in one order. */
const said = (of: State) => ({
  presence: [of.presence.state, of.presence.since],
  boot: of.boot === null ? null : [of.boot.bootId, of.boot.observedAt],
  radio: of.radio === null ? null : { ...of.radio, observedAt: '', receivedAt: '', ageSeconds: 0 },
  measurements: of.measurements.map((item) => [seriesKey(item), item.value, item.quality]).sort(),
  counters: of.counters.map((item) => [seriesKey(item), item.value]).sort(),
  facts: of.facts.map((item) => [item.name, item.value, item.masked]).sort(),
})

describe('a diff of two states', () => {
  it('applied to one gives the other', () => {
    fc.assert(
      fc.property(state, state, (from, to) => {
        expect(said(applyDiff(from, diffStates(from, to)))).toEqual(said(to))
        expect(said(applyDiff(to, diffStates(to, from)))).toEqual(said(from))
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
        expect(diffStates(from, again)).toEqual({ presence: null, boot: null, radio: null, measurements: [], counters: [], facts: [] })
      }),
    )
  })
})
