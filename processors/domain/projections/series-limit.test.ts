import { describe, expect, it } from 'vitest'
import type { Body } from '../../../model/event.ts'
import { arrivalMs, createBench, eventOf } from '../../../test/stage-fakes.ts'
import { hash53 } from '../hash.ts'
import { countersPerDeviceMax } from './counters.ts'
import { seriesLimitFact, seriesPerDeviceMax } from './series-limit.ts'

const named = (from: number, to: number): Body => ({
  kind: 'Measurements',
  items: Array.from({ length: to - from }, (_, n) => ({
    metric: `m${from + n}`,
    attributes: '',
    value: 1,
    quality: 'ok' as const,
    observedAtMs: null,
  })),
})
const counted = (count: number): Body => ({
  kind: 'Counters',
  items: Array.from({ length: count }, (_, n) => ({
    metric: `c${n}`,
    attributes: '',
    value: 1,
    widthBits: null,
    linkBitsPerSecond: null,
  })),
})

describe('series of one device', () => {
  it('are 2,000; a metric name that is new each time fills no column: not stored, counted, told once, kept in messages', async () => {
    const bench = createBench()
    bench.append(eventOf({ bodies: [named(0, seriesPerDeviceMax)], observedAtMs: arrivalMs - 1 }))
    await bench.run()
    expect(bench.rowsOf('measurements')).toHaveLength(seriesPerDeviceMax)
    expect(bench.counts['series-per-device']).toBe(undefined)

    // Known ones go on, new ones do not; in a batch of its own, so that the state has been stored and read.
    bench.append(eventOf({ bodies: [named(seriesPerDeviceMax - 1, seriesPerDeviceMax + 1)] }))
    bench.append(eventOf({ bodies: [named(seriesPerDeviceMax + 1, seriesPerDeviceMax + 3)] }))
    bench.append(eventOf({ bodies: [named(0, 1)] }))
    bench.append(eventOf({ device: 'another', bodies: [named(seriesPerDeviceMax, seriesPerDeviceMax + 1)] }))
    await bench.run(1)
    const beyond = bench.rowsOf('measurements').slice(seriesPerDeviceMax)
    expect(beyond.map((row) => row['metric'])).toEqual([`m${seriesPerDeviceMax - 1}`, 'm0', `m${seriesPerDeviceMax}`])
    expect(bench.counts['series-per-device']).toBe(3)
    expect(bench.rowsOf('messages')).toHaveLength(5)
    expect(bench.rowsOf('facts').map((row) => [row['name'], row['value'], row['offset']])).toEqual([
      [seriesLimitFact, '2000 metrics are kept; readings of new names are in messages only', 1],
    ])
  })

  it('are bounded for counters beyond those that have a state', async () => {
    const bench = createBench()
    const count = countersPerDeviceMax + seriesPerDeviceMax + 1
    bench.append(eventOf({ bodies: [counted(count)] }))
    await bench.run()
    expect(bench.rowsOf('counters')).toHaveLength(count - 1)
    expect(bench.counts['series-per-device']).toBe(1)
  })

  it('are told apart by metric and attributes', () => {
    expect(new Set([hash53('a', 'b'), hash53('ab', ''), hash53('', 'ab'), hash53('b', 'a')]).size).toBe(4)
    const many = Array.from({ length: 100_000 }, (_, n) => hash53('network.io', `{"port":"${n}"}`))
    expect(new Set(many).size).toBe(many.length)
    expect(many.every(Number.isSafeInteger)).toBe(true)
  })
})
