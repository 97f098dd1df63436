/** The fleet stage alone, over signals written by a test: by batches of any size, its states kept as a store would. */
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import type { SignalBody } from '../model/fleet-signal.ts'
import type { Row, StoredRecord } from '../model/ports.ts'
import type { FleetStageState } from '../processors/domain/fleet/fleet-state.ts'
import { createFleetRun } from '../processors/fleet-run.ts'
import { alarmCodec, arrivalMs, eventCodec, fleetCodec } from './stage-fakes.ts'

/** `lagMs`: how much later the log took it. */
export type ToldSignal = { ms: number; lagMs?: number; partition?: number; body: SignalBody }

/** Ticks of a partition, as the device stage tells them. */
export const timeAt = (ms: number, partition = 0): ToldSignal => ({
  ms,
  partition,
  body: { kind: 'time', online: 1, healthySinceMs: arrivalMs, isResumed: false },
})

export const createSignalBench = ({ partitions = 1, batchRecords = 1_000 } = {}) => {
  const states = new Map<string, FleetStageState>()
  const limits: string[] = []
  const rows: Row[] = []
  let offset = 0
  const run = createFleetRun(
    {
      logId: 'log',
      tenant: 'main',
      partitions,
      digest: md5,
      codec: eventCodec,
      decodeSignal: fleetCodec.decode,
      encodeAlarm: alarmCodec.encode,
      onLimit: (limit) => void limits.push(limit),
      onRefused: (_offset, reason) => {
        throw new Error(reason)
      },
    },
    0,
    (key) => states.get(key),
  )
  const recordOf = ({ ms, lagMs = 0, partition = 0, body }: ToldSignal): StoredRecord => {
    const source = { partition, offset, item: 0 }
    const value = Uint8Array.from(fleetCodec.encode({ tenant: 'main', atMs: arrivalMs + ms, source, body }))
    return { offset: offset++, appendedAtMs: arrivalMs + ms + lagMs, key: '', value }
  }
  const tell = (...signals: ToldSignal[]): void => {
    const records = signals.map(recordOf)
    for (let at = 0; at < records.length; at += batchRecords) {
      const prepared = run.prepare(records.slice(at, at + batchRecords), 0, () => false, 10_000)
      for (const [key, state] of prepared.states) {
        if (state === null) states.delete(key)
        else states.set(key, structuredClone(state))
      }
      rows.push(...prepared.rows.alarm_events)
    }
  }
  return {
    tell,
    limits,
    rows,
    states,
    /** Events of alarms in short: resource, kind, minutes after the start. */
    events: (): string[] =>
      rows.map((row) => `${String(row['resource'])} ${String(row['kind'])} ${(Number(row['at']) - arrivalMs) / 60_000}`),
  }
}
