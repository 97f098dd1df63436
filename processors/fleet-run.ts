/**
 * The deterministic part of the fleet stage: signals of `fleet-signals` in; rows, alarm events, verdicts and changed states out.
 * Nothing is written here, and nothing but the topic and the stored state decides, so a replay of the topic as it was recorded
 * gives the same. Carried out by `stage-protocol.ts`; `recovery.ts` and `rebuild.ts` run it over the past.
 */
import type { AlarmRecord } from '../model/alarm-event.ts'
import type { DeviceEvent } from '../model/event.ts'
import type { FleetSignal } from '../model/fleet-signal.ts'
import { ownSource } from '../model/own-source.ts'
import { partitionOf } from '../model/partition.ts'
import type { Digest, EventCodec, LogRecord, Row, StoredRecord } from '../model/ports.ts'
import type { Result } from '../model/result.ts'
import { commandGroup } from './domain/fleet/fleet-alarms.ts'
import {
  createFleetOverlay,
  fleetKey,
  type FleetReader,
  type FleetStageState,
  type FleetState,
  initialFleet,
} from './domain/fleet/fleet-state.ts'
import { applyDevice } from './domain/fleet/members.ts'
import { passTime } from './domain/fleet/pass-time.ts'
import { applyRecorder } from './domain/fleet/recorder-health.ts'
import { applyRefusals } from './domain/fleet/refusals.ts'
import { endWithoutRule } from './domain/fleet/retired-rules.ts'
import { type FleetLimit, type FleetTable, fleetTables, type FleetTurn, type Verdict } from './domain/fleet/turn.ts'
import { applyWording } from './domain/fleet/wordings.ts'
import { misfitOf } from './domain/row-fit.ts'
import type { PreparedRange, RangeRun } from './stage-protocol.ts'

export type FleetRunDeps = {
  logId: string
  tenant: string
  /** Of `device-events` and `alarms`. */
  partitions: number
  digest: Digest
  codec: EventCodec
  decodeSignal: (frame: Uint8Array) => Result<FleetSignal>
  encodeAlarm: (record: AlarmRecord) => Uint8Array
  /** A bound that was reached. */
  onLimit: (limit: FleetLimit) => void
  /** A signal that cannot be read or that the stage fails on is passed over and counted. */
  onRefused: (offset: number, reason: string) => void
}

export type FleetRows = Record<FleetTable, Row[]>

type Batch = {
  state: FleetState
  overlay: ReturnType<typeof createFleetOverlay>
  rows: FleetRows
  records: AlarmRecord[]
  verdicts: LogRecord[]
}

export const createFleetRun = (deps: FleetRunDeps, partition: number, read: FleetReader): RangeRun<FleetStageState, FleetTable> => {
  const stored = read(fleetKey)
  const state: FleetState = stored?.kind === 'fleet' ? stored : initialFleet()

  const runRecord = (batch: Batch, record: StoredRecord): void => {
    if (record.value.byteLength === 0) return // Erased (`adapters/lmdb/blank-records.ts`).
    const decoded = deps.decodeSignal(record.value)
    if (!decoded.ok) {
      deps.onRefused(record.offset, decoded.reason)
      return
    }
    const signal = decoded.value
    if (isRepeat(batch.state, signal)) return
    const { rows, records } = batch
    const before = { events: rows.alarm_events.length, episodes: rows.alarm_episodes.length, records: records.length }
    const verdicts: Verdict[] = []
    try {
      runSignal(batch, signal, record, verdicts)
      refuseMisfits(rows, before)
    } catch (error) {
      rows.alarm_events.length = before.events
      rows.alarm_episodes.length = before.episodes
      records.length = before.records
      deps.onRefused(record.offset, error instanceof Error ? error.message : String(error))
      return
    }
    for (const [n, verdict] of verdicts.entries()) batch.verdicts.push(recordOf(deps, signal, record, n, verdict))
  }

  const runSignal = (batch: Batch, { tenant, atMs, source, body }: FleetSignal, record: StoredRecord, verdicts: Verdict[]): void => {
    const turn: FleetTurn = {
      tenant,
      place: { logId: deps.logId, partition, offset: record.offset },
      atMs,
      appendedAtMs: record.appendedAtMs,
      sourcePartitions: deps.partitions,
      state: batch.state,
      overlay: batch.overlay,
      rows: batch.rows,
      records: batch.records,
      verdicts,
      observations: 0,
      onLimit: deps.onLimit,
    }
    switch (body.kind) {
      case 'device':
        applyDevice(turn, body)
        return
      case 'time':
        passTime(turn, source.partition, body)
        return
      case 'rules':
        endWithoutRule(turn, body.rules)
        batch.state.rules = { version: body.version, rules: body.rules }
        return
      case 'refusals':
        applyRefusals(turn, body)
        return
      case 'recorder':
        applyRecorder(turn, body)
        return
      case 'command':
        commandGroup(turn, body)
        return
      case 'wording':
        applyWording(turn, body)
        return
      default: // Of a later release.
    }
  }

  const prepare: RangeRun<FleetStageState, FleetTable>['prepare'] = (records, index, cutAfter, rowsMax) => {
    const batch: Batch = {
      state,
      overlay: createFleetOverlay(read),
      rows: { alarm_events: [], alarm_episodes: [] },
      records: [],
      verdicts: [],
    }
    let at = index
    while (at < records.length) {
      const record = records[at]
      if (record === undefined) break
      runRecord(batch, record)
      at++
      if (cutAfter(record.offset) || batch.rows.alarm_events.length >= rowsMax) break
    }
    for (const table of fleetTables) {
      const last = batch.rows[table].at(-1)
      if (last !== undefined) state.lastRows[table] = Number(last['offset'])
    }
    const states = batch.overlay.changed()
    states.set(fleetKey, state)
    const prepared: PreparedRange<FleetStageState, FleetTable> = {
      from: records[index]?.offset ?? 0,
      to: records[at - 1]?.offset ?? -1,
      records: at - index,
      rows: batch.rows,
      states,
      segments: [],
      outputs: outputsOf(deps, batch),
      tickMs: state.nowMs,
    }
    return prepared
  }

  return { prepare, tickMs: () => state.nowMs }
}

/**
 * With Kafka outputs may come twice, after a kill between them and the state. They come in the order of their sources, so what is
 * not beyond the last one of its partition was seen. Counts also the sources: the time is known when all have been heard.
 */
const isRepeat = ({ partitions }: FleetState, { source }: FleetSignal): boolean => {
  if (source.partition < 0) return false
  let known = partitions[source.partition]
  if (known === undefined)
    partitions[source.partition] = known = { ms: 0, healthySinceMs: null, online: 0, offset: -1, item: 0, resumedMs: 0 }
  if (source.offset < known.offset || (source.offset === known.offset && source.item <= known.item)) return true
  known.offset = source.offset
  known.item = source.item
  return false
}

/** Held to their columns like the device stage's rows: one that the warehouse refuses would hold up the topic for ever. */
const refuseMisfits = (rows: FleetRows, { events, episodes }: { events: number; episodes: number }): void => {
  const looked = [...rows.alarm_events.slice(events), ...rows.alarm_episodes.slice(episodes)]
  for (const [at, row] of looked.entries()) {
    const misfit = misfitOf(at < rows.alarm_events.length - events ? 'alarm_events' : 'alarm_episodes', row)
    if (misfit !== null) throw new Error(`the value of ${misfit} does not fit its column`)
  }
}

/** To the device's partition; its id is the same on every run. */
const recordOf = (deps: FleetRunDeps, signal: FleetSignal, record: StoredRecord, n: number, { device, body }: Verdict): LogRecord => {
  const event: DeviceEvent = {
    eventId: deps.digest(deps.logId, `fleet-signals ${record.offset} ${n}`),
    tenant: signal.tenant,
    subject: { kind: 'device', id: device },
    observedAtMs: null,
    receivedAtMs: signal.atMs,
    bootId: null,
    seq: null,
    uptimeSeconds: null,
    source: ownSource('recorder', null),
    bodies: [body],
    payload: { encoding: 'none', bytes: new Uint8Array(0) },
  }
  return { partition: partitionOf(device, deps.partitions), key: device, value: Uint8Array.from(deps.codec.encode(event)) }
}

const outputsOf = (deps: FleetRunDeps, { records, verdicts }: Batch): PreparedRange<FleetStageState, FleetTable>['outputs'] => {
  const told = records.map(
    (alarm): LogRecord => ({
      partition: partitionOf(alarm.subject, deps.partitions),
      key: alarm.subject,
      value: Uint8Array.from(deps.encodeAlarm(alarm)),
    }),
  )
  return [
    ...(told.length === 0 ? [] : [{ topic: 'alarms' as const, records: told }]),
    ...(verdicts.length === 0 ? [] : [{ topic: 'device-events' as const, records: verdicts }]),
  ]
}
