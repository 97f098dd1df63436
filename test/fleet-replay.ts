/** The fleet stage over a topic as it was recorded: run again, killed at any step, and what came of it as one text. */
import type { DeviceEvent } from '../model/event.ts'
import type { StoredRecord } from '../model/ports.ts'
import { createFleetBench, type FleetBench } from './fleet-fakes.ts'

/** What the device stage tells of these events, with both stages run to the end. */
export const recordFleet = async (events: readonly DeviceEvent[]): Promise<{ whole: FleetBench; recorded: StoredRecord[] }> => {
  const whole = createFleetBench()
  await whole.run(...events)
  const recorded: StoredRecord[] = []
  for await (const record of whole.log.read('fleet-signals', 0, 0, Number.MAX_SAFE_INTEGER)) recorded.push(record)
  return { whole, recorded }
}

/** A log that holds these signals. */
export const replayOf = (records: readonly StoredRecord[]): FleetBench => {
  const bench = createFleetBench()
  bench.log.appendNow(
    'fleet-signals',
    records.map(({ value }) => ({ partition: 0, key: '', value })),
  )
  return bench
}

/** Rows, records, verdicts and the states of these keys; offsets and the log's id are those of another log. */
export const resultOf = async ({ log, warehouse, fleetStore }: FleetBench, stateKeys: readonly string[]): Promise<string> => {
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
  const states = stateKeys.map((key) => fleetStore.get('fleet-signals', 0, key))
  const rows = Object.entries(warehouse.rows).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([rows, outputs, states]).replaceAll(log.logId, 'LOG')
}

/** Store and warehouse that fail at one step, before or after it; `steps` says how many were made. */
export const failingAt = (bench: FleetBench, failAt: number, after: boolean) => {
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
