/** Killed or refused at any step: the same range comes again with the same tokens and rows, and nothing stands there twice. */
import { describe, expect, it } from 'vitest'
import { createDeviceStage } from './device-stage.ts'
import type { DeviceEvent } from '../model/event.ts'
import { arrivalMs, type Bench, createBench, eventOf, readingsOf, rulesEvent, tickOf, withStore } from '../test/stage-fakes.ts'

const events: DeviceEvent[] = [rulesEvent()]
for (let n = 0; n < 12; n++) {
  const device = `00-00-00-00-00-0${n % 3}`
  const at = { receivedAtMs: arrivalMs + n * 1_000, observedAtMs: arrivalMs + n * 1_000 }
  const counter = { metric: 'network.io', attributes: '', value: n * 100, widthBits: null, linkBitsPerSecond: null } as const
  const bodies: DeviceEvent['bodies'] = [
    readingsOf(n),
    { kind: 'Counters', items: [counter] },
    { kind: 'Facts', items: [{ name: 'firmware.version', value: `v${n >> 2}`, sealed: null }] },
  ]
  events.push(eventOf({ ...at, device, bootId: 'b', seq: n, bodies }))
  events.push(eventOf({ ...at, device, text: `{"n":${n % 5}}`, bodies: [readingsOf(n)] }))
  events.push(
    eventOf({
      ...at,
      observedAtMs: null,
      device,
      text: '23.4',
      source: { sessionId: 's', connection: 1 + (n >> 2), packetId: n % 4 },
      bodies: [readingsOf(n)],
    }),
  )
  const up = { metric: 'network.wan.up', attributes: '', value: n % 2, quality: 'ok', observedAtMs: null } as const
  const panic = { observedAtMs: null, writtenAt: '', severity: 0, facility: 'kernel', program: null, cut: false } as const
  events.push(
    eventOf({
      ...at,
      device,
      text: `{"up":${n}}`,
      bodies: [
        { kind: 'Measurements', items: [up] },
        {
          kind: 'LogLines',
          source: 'log/dmesg',
          items: n === 4 ? [{ ...panic, message: 'Kernel panic - not syncing: Fatal exception' }] : [],
        },
      ],
    }),
  )
  events.push(tickOf(arrivalMs + n * 1_000))
}
events.push(...events.slice(3, 20))

/** Fails the n-th step of any kind, before or after it took effect. */
const failing = (bench: Bench, failAt: number, after: boolean) => {
  let step = 0
  const wrap = <A extends unknown[]>(work: (...args: A) => Promise<void>) => {
    return async (...args: A): Promise<void> => {
      const own = step++
      if (own === failAt && !after) throw new Error('killed before')
      await work(...args)
      if (own === failAt && after) throw new Error('killed after')
    }
  }
  return {
    store: withStore(bench.store, { begin: wrap(bench.store.begin), finish: wrap(bench.store.finish) }),
    warehouse: { ...bench.warehouse, insert: wrap(bench.warehouse.insert) },
    steps: () => step,
  }
}

const benchOf = (): Bench => {
  const bench = createBench()
  bench.append(...events)
  return bench
}
/** The log's random id is part of every row; compared are logs of different ids. */
const plain = ({ warehouse, store, log }: Bench): string => {
  const rows = Object.keys(warehouse.rows)
    .sort()
    .map((table) => [table, warehouse.rows[table]?.map((row) => ({ ...row, frame: null }))])
  return JSON.stringify([rows, store.get('device-events', 0, 'partition')], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  ).replaceAll(log.logId, 'LOG')
}

const whole = benchOf()
await whole.run(20)
const { steps } = await (async () => {
  const counted = benchOf()
  const parts = failing(counted, -1, false)
  await counted.run(20, parts)
  return { steps: parts.steps() }
})()

describe('a batch that fails', () => {
  it('has steps to fail at', () => {
    expect(steps).toBeGreaterThan(20)
    expect(whole.rowsOf('alarm_events').map(({ kind }) => kind)).toContain('AlarmRaised')
    expect(whole.rowsOf('alarm_episodes').length).toBeGreaterThan(0)
  })

  for (const after of [false, true]) {
    it(`gives the same rows when the process dies ${after ? 'after' : 'before'} any step and starts anew`, async () => {
      for (let failAt = 0; failAt < steps; failAt++) {
        const bench = benchOf()
        await expect(bench.run(20, failing(bench, failAt, after))).rejects.toThrow('killed')
        await bench.run(20)
        expect(plain(bench)).toBe(plain(whole))
        expectSameByToken(bench)
      }
    })

    it(`gives the same rows when the same stage is handed the batch again after a failure ${after ? 'after' : 'before'} any step`, async () => {
      for (let failAt = 0; failAt < steps; failAt++) {
        const bench = benchOf()
        const stage = createDeviceStage({ ...bench.deps, ...failing(bench, failAt, after) })
        let failures = 0
        for (let from = 0; from < events.length; from += 20) {
          const batch = await bench.batchFrom(from, Math.min(from + 20, events.length) - 1)
          await stage.processBatch(batch).catch(async () => {
            failures++
            await stage.processBatch(batch)
          })
        }
        expect(failures).toBe(1)
        expect(plain(bench)).toBe(plain(whole))
        expectSameByToken(bench)
      }
    })
  }
})

const expectSameByToken = ({ warehouse }: Bench): void => {
  const first = new Map<string, unknown>()
  for (const { token, rows } of warehouse.inserts) {
    if (first.has(token)) expect(rows).toEqual(first.get(token))
    else first.set(token, rows)
  }
}
