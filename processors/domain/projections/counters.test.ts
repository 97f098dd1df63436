import { describe, expect, it } from 'vitest'
import type { CounterItem } from '../../../model/event.ts'
import type { Row } from '../../../model/ports.ts'
import { arrivalMs, createBench, type EventWords, eventOf, only } from '../../../test/stage-fakes.ts'
import { countersPerDeviceMax } from './counters.ts'

type Reading = EventWords & { at: number; value: number; item?: Partial<CounterItem> }

/** One counter read at these seconds; rows without what all of them share. */
const rowsOf = async (...readings: Reading[]): Promise<Row[]> => {
  const bench = createBench()
  bench.append(
    ...readings.map(({ at, value, item, ...words }, index) => {
      const counter = { metric: 'network.io', attributes: '', value, widthBits: null, linkBitsPerSecond: null, ...item }
      const receivedAtMs = arrivalMs + 3_600_000
      return eventOf({
        observedAtMs: arrivalMs + at * 1_000,
        receivedAtMs,
        text: `${index}`,
        bodies: [{ kind: 'Counters', items: [counter] }],
        ...words,
      })
    }),
  )
  await bench.run(3)
  return only(bench.rowsOf('counters'), 'observed_at', 'value', 'delta', 'seconds', 'flag')
}
const row = (at: number, value: number, delta: number | null, seconds: number | null, flag: string): Row => ({
  observed_at: arrivalMs + at * 1_000,
  value,
  delta,
  seconds,
  flag,
})
const top = 2 ** 32

describe('counters', () => {
  it('are what was added since the reading before; an equal value adds nothing', async () => {
    expect(await rowsOf({ at: 0, value: 100 }, { at: 10, value: 250 }, { at: 20, value: 250 })).toEqual([
      row(0, 100, null, null, 'first'),
      row(10, 250, 150, 10, 'ok'),
      row(20, 250, 0, 10, 'ok'),
    ])
  })

  it('go on after the recorder had placed a reading while its clock was a year ahead', async () => {
    const year = 365 * 86_400
    const ahead = { observedAtMs: null, receivedAtMs: arrivalMs + year * 1_000 }
    const rows = await rowsOf({ at: year, value: 100, ...ahead }, { at: 10, value: 150 }, { at: 20, value: 180 })
    expect(rows.slice(1)).toEqual([row(10, 150, 50, null, 'ok'), row(20, 180, 30, 10, 'ok')])
  })

  it('begin anew after a reboot: what stands there was added since', async () => {
    const rows = await rowsOf({ at: 0, value: 1_000, bootId: 'a' }, { at: 10, value: 30, bootId: 'b' }, { at: 20, value: 50, bootId: 'b' })
    expect(rows.slice(1)).toEqual([row(10, 30, 30, 10, 'reset'), row(20, 50, 20, 10, 'ok')])
  })

  it('begin anew when the uptime fell, for a device without boot ids', async () => {
    const rows = await rowsOf({ at: 0, value: 1_000, uptimeSeconds: 5_000 }, { at: 300, value: 30, uptimeSeconds: 100 })
    expect(rows.slice(1)).toEqual([row(300, 30, 30, 300, 'reset')])
  })

  it('keep a value that outlives the reboot as a lower bound', async () => {
    const rows = await rowsOf({ at: 0, value: 1_000, bootId: 'a' }, { at: 10, value: 1_400, bootId: 'b' })
    expect(rows.slice(1)).toEqual([row(10, 1_400, 400, 10, 'reset')])
  })

  it('wrap at exactly 2^32 when they are 32 bits wide and the rate is one the link can carry', async () => {
    const narrow = { widthBits: 32 }
    expect((await rowsOf({ at: 0, value: top - 1, item: narrow }, { at: 10, value: 0, item: narrow })).slice(1)).toEqual([
      row(10, 0, 1, 10, 'wrap'),
    ])
    // 1.2 x 8 bit/s for 10 s is 12 bytes.
    const slow = { widthBits: 32, linkBitsPerSecond: 8 }
    expect((await rowsOf({ at: 0, value: top - 6, item: slow }, { at: 10, value: 6, item: slow })).slice(1)).toEqual([
      row(10, 6, 12, 10, 'wrap'),
    ])
    expect((await rowsOf({ at: 0, value: top - 6, item: slow }, { at: 10, value: 7, item: slow })).slice(1)).toEqual([
      row(10, 7, null, 10, 'suspect'),
    ])
  })

  it('learn their width: a plausible wrap from the last quarter, or a value that 32 bits cannot hold', async () => {
    expect((await rowsOf({ at: 0, value: top * 0.75 }, { at: 60, value: 5 })).slice(1)).toEqual([row(60, 5, top / 4 + 5, 60, 'wrap')])
    expect((await rowsOf({ at: 0, value: top * 0.75 - 1 }, { at: 60, value: 5 })).slice(1)).toEqual([row(60, 5, null, 60, 'suspect')])
    expect((await rowsOf({ at: 0, value: top }, { at: 10, value: top - 1 }, { at: 20, value: 5 })).slice(1)).toEqual([
      row(10, top - 1, null, 10, 'suspect'),
      row(20, 5, null, 10, 'suspect'),
    ])
  })

  it('are suspect when 32 bits could have gone round more than once', async () => {
    const narrow = { widthBits: 32, linkBitsPerSecond: 8 * top } // Exactly one round a second.
    const rows = await rowsOf({ at: 0, value: 5, item: narrow }, { at: 1, value: 9, item: narrow }, { at: 2.001, value: 20, item: narrow })
    expect(rows.slice(1)).toEqual([row(1, 9, 4, 1, 'ok'), row(2.001, 20, null, 1.001, 'suspect')])
  })

  it('flag a distance of more than three learned intervals', async () => {
    const usual = [0, 10, 20, 30].map((at) => ({ at, value: at }))
    expect((await rowsOf(...usual, { at: 60, value: 60 })).at(-1)).toEqual(row(60, 60, 30, 30, 'ok'))
    expect((await rowsOf(...usual, { at: 60.001, value: 60 })).at(-1)).toEqual(row(60.001, 60, 30, 30.001, 'gap'))
    expect((await rowsOf(...usual.slice(0, 3), { at: 300, value: 60 })).at(-1)).toEqual(row(300, 60, 40, 280, 'ok'))
  })

  it('split a step by a late reading, in rows that add up', async () => {
    const rows = await rowsOf({ at: 0, value: 100 }, { at: 20, value: 300 }, { at: 10, value: 150 }, { at: 15, value: 200 })
    expect(rows).toEqual([
      row(0, 100, null, null, 'first'),
      row(20, 300, 200, 20, 'ok'),
      row(10, 150, 50, 10, 'amendment'),
      row(20, 300, -50, -10, 'amendment'),
      row(15, 200, 50, 5, 'amendment'),
      row(20, 300, -50, -5, 'amendment'),
    ])
  })

  it('take a reading that is older by its sequence for older, whatever the clock says', async () => {
    const boot = { bootId: 'a', observedAtMs: null }
    const rows = await rowsOf(
      { at: 0, value: 100, ...boot, seq: 1 },
      { at: 0, value: 300, ...boot, seq: 3 },
      { at: 0, value: 200, ...boot, seq: 2 },
    )
    expect(rows.map(({ delta, flag }) => [delta, flag])).toEqual([
      [null, 'first'],
      [200, 'ok'],
      [100, 'amendment'],
      [-100, 'amendment'],
    ])
  })

  it('never take an older boot, arriving late, for a reset', async () => {
    const rows = await rowsOf(
      { at: 0, value: 1_000, bootId: 'a', seq: 1 },
      { at: 20, value: 40, bootId: 'b', seq: 1 },
      { at: 10, value: 1_200, bootId: 'a', seq: 2 },
    )
    expect(rows.slice(1)).toEqual([row(20, 40, 40, 20, 'reset'), row(10, 1_200, 200, 10, 'amendment'), row(20, 40, 0, -10, 'amendment')])
  })

  it('flag an older reading that fits nowhere, and one older than all that are kept', async () => {
    expect((await rowsOf({ at: 0, value: 100 }, { at: 20, value: 300 }, { at: 10, value: 900 })).at(-1)).toEqual(
      row(10, 900, null, null, 'suspect'),
    )
    const many = [10, 20, 30, 40, 50].map((at) => ({ at, value: at }))
    expect((await rowsOf(...many, { at: 5, value: 5 })).at(-1)).toEqual(row(5, 5, null, null, 'suspect'))
    expect((await rowsOf(...many.slice(0, 2), { at: 5, value: 5 })).slice(-2)).toEqual([
      row(5, 5, null, null, 'amendment'),
      row(10, 10, 5, 5, 'amendment'),
    ])
  })

  it('are remembered up to 1,024 a device; one beyond has no delta and is counted', async () => {
    const bench = createBench()
    const items = Array.from({ length: countersPerDeviceMax + 1 }, (_, n) => ({
      metric: `c${n}`,
      attributes: '',
      value: 1,
      widthBits: null,
      linkBitsPerSecond: null,
    }))
    bench.append(eventOf({ bodies: [{ kind: 'Counters', items }] }))
    await bench.run()
    expect(bench.rowsOf('counters').at(-1)).toMatchObject({ metric: 'c1024', delta: null, flag: 'suspect' })
    expect(bench.counts['counters-per-device']).toBe(1)
  })
})
