/** A fleet for tests: devices by cell and site, as events; both stages driven over one log in memory until nothing is left. */
import { createMemoryStageStore } from '../adapters/memory/memory-stage-store.ts'
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import type { Body, DeviceEvent } from '../model/event.ts'
import type { LogBatch, LogTopic } from '../model/ports.ts'
import { createFleetStage, type FleetStageDeps } from '../processors/fleet-stage.ts'
import type { FleetStageState } from '../processors/domain/fleet/fleet-state.ts'
import { alarmCodec, arrivalMs, type Bench, createBench, eventCodec, eventOf, fleetCodec, tickOf } from './stage-fakes.ts'

export const secondMs = 1_000
export const minuteMs = 60_000

export const deviceOf = (n: number): string =>
  `00-00-00-00-${(n >> 8).toString(16).padStart(2, '0')}-${(n & 255).toString(16).padStart(2, '0')}`

const base = {
  rat: 'LTE',
  mode: null,
  pci: 1,
  band: null,
  earfcn: null,
  rsrpDbm: -90,
  rsrqDb: -9,
  sinrDb: 12,
  rssiDbm: null,
  cqi: null,
  carriers: [],
}
let counted = 0

const says = (n: number, ms: number, bodies: Body[]): DeviceEvent =>
  eventOf({ device: deviceOf(n), receivedAtMs: arrivalMs + ms, observedAtMs: arrivalMs + ms, text: `{"n":${counted++}}`, bodies })

/** `cell` of eNB `cell >> 8`. */
export const radio = (n: number, ms: number, cell: number, tac = 1): DeviceEvent =>
  says(n, ms, [
    { kind: 'Radio', ...base, plmn: '00101', tac, cellId: cell, enbId: cell >> 8 },
    {
      kind: 'Facts',
      items: [
        { name: 'device.product', value: 'dwr', sealed: null },
        { name: 'device.model', value: '311-a1', sealed: null },
      ],
    },
  ])
export const online = (n: number, ms: number): DeviceEvent =>
  says(n, ms, [{ kind: 'Presence', state: 'online', sessionId: `s${ms}`, reason: null }])
export const will = (n: number, ms: number): DeviceEvent =>
  says(n, ms, [{ kind: 'Presence', state: 'offline', sessionId: null, reason: 'will' }])
export const boots = (n: number, ms: number, reason: string | null): DeviceEvent =>
  says(n, ms, [{ kind: 'Boot', bootId: `b${ms}`, reason, uptimeBeforeSeconds: null, taskId: null }])
export const inventory = (n: number, ms: number, fields: Record<string, string>): DeviceEvent => ({
  ...says(n, ms, [{ kind: 'InventoryChanged', entity: 'device', id: deviceOf(n), retired: false, fields }]),
  observedAtMs: null,
})
export const ticks = (fromMs: number, toMs: number, changes: Parameters<typeof tickOf>[1] = {}): DeviceEvent[] => {
  const made: DeviceEvent[] = []
  for (let ms = fromMs; ms <= toMs; ms += 5 * secondMs) made.push(tickOf(arrivalMs + ms, changes))
  return made
}
/** In the order in which they arrive. */
export const inOrder = (...events: (DeviceEvent | DeviceEvent[])[]): DeviceEvent[] =>
  events.flat().sort((one, other) => one.receivedAtMs - other.receivedAtMs)

export type FleetBench = ReturnType<typeof createFleetBench>

export const createFleetBench = () => {
  const bench: Bench = createBench()
  const { log, warehouse } = bench
  const store = createMemoryStageStore<FleetStageState>({ group: 'fleet-stage', log })
  const refused: string[] = []
  const limits: string[] = []
  const deps: FleetStageDeps = {
    logId: log.logId,
    tenant: 'main',
    partitions: 1,
    digest: md5,
    codec: eventCodec,
    decodeSignal: fleetCodec.decode,
    encodeAlarm: alarmCodec.encode,
    onLimit: (limit) => void limits.push(limit),
    onRefused: (_offset, reason) => void refused.push(reason),
    store,
    warehouse,
  }
  const batchFrom = async (topic: LogTopic, from: number, to: number): Promise<LogBatch> => {
    const records: LogBatch['records'] = []
    for await (const record of log.read(topic, 0, from, to + 1)) records.push(record)
    return { topic, partition: 0, firstOffset: from, lastOffset: to, records }
  }
  const runFleet = async (batchRecords = 50, changed: Partial<FleetStageDeps> = {}): Promise<boolean> => {
    const stage = createFleetStage({ ...deps, ...changed })
    const { next: end } = await log.bounds('fleet-signals', 0)
    let { next, repeatTo } = await stage.startAt(0)
    const isWork = next < end
    while (next < end) {
      const to = repeatTo ?? Math.min(end, next + batchRecords) - 1
      await stage.processBatch(await batchFrom('fleet-signals', next, to))
      next = to + 1
      repeatTo = null
    }
    return isWork
  }
  /** Events in, until both stages have read all, also what they told each other. */
  const run = async (...events: DeviceEvent[]): Promise<void> => {
    const frames = events.map((event) => ({
      partition: 0,
      key: event.subject.id,
      value: Uint8Array.from(eventCodec.encode(event)),
    }))
    // Slice by slice, as time passes: verdicts stand in the log where they would.
    for (let at = 0; at < frames.length; at += 20) {
      log.appendNow('device-events', frames.slice(at, at + 20))
      await bench.run(20)
      await runFleet()
    }
    await bench.run()
    if (await runFleet()) await bench.run()
  }
  return { ...bench, fleetStore: store, fleetDeps: deps, refused, limits, runFleet, run, runDevices: bench.run, batchOf: batchFrom }
}
