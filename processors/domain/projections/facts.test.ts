import { describe, expect, it } from 'vitest'
import type { Row } from '../../../model/ports.ts'
import { arrivalMs, createBench, type EventWords, eventOf, only, withStore } from '../../../test/stage-fakes.ts'
import type { StageState } from '../state.ts'
import { factsPerDeviceMax, factTellingsMax } from './facts.ts'

type Told = EventWords & { at: number; value: string | null }

const rowsOf = async (...told: Told[]): Promise<Row[]> => {
  const bench = createBench()
  bench.append(
    ...told.map(({ at, value, ...words }, index) =>
      eventOf({
        observedAtMs: arrivalMs + at,
        text: `${index}`,
        bodies: [{ kind: 'Facts', items: [{ name: 'firmware.version', value, sealed: null }] }],
        ...words,
      }),
    ),
  )
  await bench.run(2)
  return bench.rowsOf('facts').map((row) => ({ at: Number(row['observed_at']) - arrivalMs, value: row['value'] }))
}

describe('facts', () => {
  it('are written when their value changes, also to none and back', async () => {
    const rows = await rowsOf({ at: 0, value: '1' }, { at: 1, value: '1' }, { at: 2, value: null }, { at: 3, value: '1' })
    expect(rows).toEqual([
      { at: 0, value: '1' },
      { at: 2, value: null },
      { at: 3, value: '1' },
    ])
  })

  it('are the newest again after the recorder had placed one while its clock was a year ahead', async () => {
    const year = 365 * 86_400_000
    const rows = await rowsOf(
      { at: year, value: '1', observedAtMs: null, receivedAtMs: arrivalMs + year },
      { at: 5, value: '2', receivedAtMs: arrivalMs + 5 },
      { at: 6, value: '2', receivedAtMs: arrivalMs + 6 },
      { at: 7, value: '1', receivedAtMs: arrivalMs + 7 },
    )
    expect(rows).toEqual([
      { at: year, value: '1' },
      { at: 5, value: '2' },
      { at: 7, value: '1' },
    ])
  })

  it('take a late older one for history and never for the newest', async () => {
    const rows = await rowsOf({ at: 100, value: '2' }, { at: 10, value: '1' }, { at: 20, value: '1' }, { at: 110, value: '2' })
    expect(rows).toEqual([
      { at: 100, value: '2' },
      { at: 10, value: '1' },
    ])
  })

  it('tell a value in between together with the one that held after it', async () => {
    const rows = await rowsOf({ at: 0, value: '1' }, { at: 100, value: '1' }, { at: 50, value: '2' }, { at: 60, value: '1' })
    expect(rows).toEqual([
      { at: 0, value: '1' },
      { at: 50, value: '2' },
      { at: 100, value: '1' },
      { at: 60, value: '1' },
    ])
  })

  it('say what held at any moment, whatever the order in which the words came', async () => {
    const rows = await rowsOf(
      { at: 100, value: '1' },
      { at: 200, value: '1' },
      { at: 300, value: '1' },
      { at: 50, value: '2' },
      { at: 30, value: '3' },
      // The telling of 50 holds again from 50 on; of 150 the one of 200, not that of 300.
      { at: 40, value: '2' },
      { at: 150, value: '2' },
    )
    expect(rows).toEqual([
      { at: 100, value: '1' },
      { at: 50, value: '2' },
      { at: 30, value: '3' },
      { at: 40, value: '2' },
      { at: 150, value: '2' },
      { at: 200, value: '1' },
    ])
  })

  it('remember twelve tellings: a late word before them holds until the next that is remembered', async () => {
    const told = (count: number) => Array.from({ length: count }, (_, n) => ({ at: n * 10, value: '1' }))
    const after = async (count: number) => (await rowsOf(...told(count), { at: 5, value: '2' })).slice(1)
    expect(await after(factTellingsMax)).toEqual([
      { at: 5, value: '2' },
      { at: 10, value: '1' },
    ])
    expect(await after(factTellingsMax + 1)).toEqual([
      { at: 5, value: '2' },
      { at: 20, value: '1' },
    ])
  })

  it('go on from the state that the first release kept', async () => {
    const bench = createBench()
    const told = (at: number, value: string) =>
      eventOf({ observedAtMs: arrivalMs + at, text: String(at), bodies: [{ kind: 'Facts', items: [{ name: 'f', value, sealed: null }] }] })
    const store = createBench().store
    const former = { kind: 'facts', byName: { f: { value: '1', sinceMs: arrivalMs, seenMs: arrivalMs + 100, late: null } } }
    bench.append(told(50, '2'), told(110, '1'))
    await bench.run(2, {
      store: withStore(store, { get: (_topic, _partition, key) => (key.startsWith('facts:') ? (former as StageState) : undefined) }),
    })
    expect(bench.rowsOf('facts').map((row) => [Number(row['observed_at']) - arrivalMs, row['value']])).toEqual([
      [50, '2'],
      [100, '1'],
    ])
  })

  it('are filled by a stored copy only where absent or older', async () => {
    const source = { storedCopy: true }
    expect(await rowsOf({ at: 0, value: 'copy', source })).toEqual([{ at: 0, value: 'copy' }])
    expect(await rowsOf({ at: 5, value: '1' }, { at: 5, value: 'copy', source }, { at: 6, value: 'newer', source })).toEqual([
      { at: 5, value: '1' },
      { at: 6, value: 'newer' },
    ])
    expect(await rowsOf({ at: 0, value: '1' }, { at: 0, value: 'copy', observedAtMs: null, source })).toEqual([{ at: 0, value: '1' }])
  })

  it('are remembered up to 512 a device; the one confirmed longest ago makes room', async () => {
    const bench = createBench()
    const fact = (n: number, later = 0) =>
      eventOf({
        observedAtMs: arrivalMs + n + later,
        text: `${n} ${later}`,
        bodies: [{ kind: 'Facts', items: [{ name: `f${n}`, value: 'x', sealed: null }] }],
      })
    for (let n = 0; n <= factsPerDeviceMax; n++) bench.append(fact(n))
    bench.append(fact(factsPerDeviceMax, 1_000), fact(0, 1_000))
    await bench.run()
    expect(only(bench.rowsOf('facts').slice(-2), 'name')).toEqual([{ name: 'f512' }, { name: 'f0' }])
    expect(bench.counts['facts-per-device']).toBe(2)
  })
})
