/** The fleet stage killed at any step, run in other slices, or given its outputs twice: the same rows, alarms and verdicts. */
import { describe, expect, it } from 'vitest'
import {
  boots,
  createFleetBench,
  deviceOf,
  type FleetBench,
  inOrder,
  inventory,
  minuteMs,
  online,
  radio,
  secondMs,
  ticks,
  will,
} from '../test/fleet-fakes.ts'
import { rulesEvent } from '../test/stage-fakes.ts'

const fleet = Array.from({ length: 24 }, (_, n) => n)
const cellOf = (n: number): number => 0x100 * (1 + Math.floor(n / 8)) + 1
const events = [
  rulesEvent(),
  ...inOrder(
    ticks(0, 14 * minuteMs),
    fleet.flatMap((n) => [inventory(n, n, n < 8 ? { site: 'one' } : {}), online(n, 100 + n * 10), radio(n, 100 + n * 10 + 5, cellOf(n))]),
    fleet.slice(0, 8).map((n, at) => will(n, 3 * minuteMs + at * secondMs)),
    fleet.slice(0, 8).flatMap((n, at) => [online(n, 8 * minuteMs + at), boots(n, 8 * minuteMs + at + 200, 'power')]),
    will(9, 4 * minuteMs),
  ),
]

/** The device stage's part: it has told all, and read what it was told. */
const told = async (): Promise<FleetBench> => {
  const bench = createFleetBench()
  await bench.run(...events)
  return bench
}

const whole = await told()
const signals = async ({ log }: FleetBench): Promise<Uint8Array[]> => {
  const frames: Uint8Array[] = []
  for await (const { value } of log.read('fleet-signals', 0, 0, Number.MAX_SAFE_INTEGER)) frames.push(value)
  return frames
}
const recorded = await signals(whole)

/** A log that holds these signals, as they were recorded. */
const replayOf = (frames: readonly Uint8Array[]): FleetBench => {
  const bench = createFleetBench()
  bench.log.appendNow(
    'fleet-signals',
    frames.map((value) => ({ partition: 0, key: '', value })),
  )
  return bench
}

/** Rows, records and verdicts; offsets and the log's id are those of another log. */
const resultOf = async ({ log, warehouse, fleetStore }: FleetBench, withState = true): Promise<string> => {
  const outputs: unknown[] = []
  for (const topic of ['alarms', 'device-events'] as const)
    for await (const { key, value } of log.read(topic, 0, 0, Number.MAX_SAFE_INTEGER))
      outputs.push([
        topic,
        key,
        Buffer.from(value)
          .toString('latin1')
          .slice(topic === 'device-events' ? 21 : 0),
      ])
  const state = withState
    ? [fleetStore.get('fleet-signals', 0, 'fleet'), ...fleet.map((n) => fleetStore.get('fleet-signals', 0, `member:${deviceOf(n)}`))]
    : []
  const rows = Object.entries(warehouse.rows).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([rows, outputs, state]).replaceAll(log.logId, 'LOG')
}

const failing = (bench: FleetBench, failAt: number, after: boolean) => {
  let step = 0
  const wrap =
    <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
    async (...args: A): Promise<void> => {
      const own = step++
      if (own === failAt && !after) throw new Error('killed before')
      await work(...args)
      if (own === failAt && after) throw new Error('killed after')
    }
  return {
    store: { ...bench.fleetStore, begin: wrap(bench.fleetStore.begin), finish: wrap(bench.fleetStore.finish) },
    warehouse: { ...bench.warehouse, insert: wrap(bench.warehouse.insert) },
    steps: () => step,
  }
}

const batchRecords = 20
const replayed = replayOf(recorded)
await replayed.runFleet(batchRecords)
const expected = await resultOf(replayed)
const counted = replayOf(recorded)
const parts = failing(counted, -1, false)
await counted.runFleet(batchRecords, parts)
const steps = parts.steps()

describe('the fleet stage', () => {
  it('has raised, grouped and cleared what is killed here', () => {
    const kinds = whole
      .rowsOf('alarm_events')
      .filter(({ log_topic }) => log_topic === 'fleet-signals')
      .map(({ type, kind }) => `${String(type)} ${String(kind)}`)
    expect(kinds).toEqual(
      expect.arrayContaining(['presence.group-outage AlarmRaised', 'presence.group-outage AlarmCleared', 'site.power-outage AlarmRaised']),
    )
    expect(steps).toBeGreaterThan(20)
  })

  it('run over its topic as it was recorded gives the rows of the first time', async () => {
    const live = whole.rowsOf('alarm_events').filter(({ log_topic }) => log_topic === 'fleet-signals')
    expect(JSON.stringify(replayed.rowsOf('alarm_events')).replaceAll(replayed.log.logId, 'LOG')).toBe(
      JSON.stringify(live).replaceAll(whole.log.logId, 'LOG'),
    )
  })

  for (const after of [false, true])
    it(`gives the same when the process dies ${after ? 'after' : 'before'} any step and starts anew`, async () => {
      for (let failAt = 0; failAt < steps; failAt++) {
        const bench = replayOf(recorded)
        await expect(bench.runFleet(batchRecords, failing(bench, failAt, after))).rejects.toThrow('killed')
        await bench.runFleet(batchRecords)
        expect(await resultOf(bench)).toBe(expected)
      }
    })

  it('gives the same whatever its batches are', async () => {
    for (const size of [1, 7, 1_000]) {
      const bench = replayOf(recorded)
      await bench.runFleet(size)
      expect(await resultOf(bench)).toBe(expected)
    }
  })

  it('passes over signals that it has had: outputs may come twice after a kill', async () => {
    const twice = recorded.flatMap((frame, at) => (at % 10 === 9 ? [frame, ...recorded.slice(Math.max(0, at - 9), at + 1)] : [frame]))
    const bench = replayOf(twice)
    await bench.runFleet(batchRecords)
    const plain = (rows: readonly object[]): string =>
      JSON.stringify(rows.map((row) => ({ ...row, offset: 0, log_id: '', evidence: '', detail: '' })))
    expect(plain(bench.rowsOf('alarm_events'))).toBe(plain(replayed.rowsOf('alarm_events')))
    const count = async ({ log }: FleetBench): Promise<number> => (await log.bounds('device-events', 0)).next
    expect(await count(bench)).toBe(await count(replayed))
  })
})
