/**
 * One partition's batch of device events in; rows, dead letters, alarm events, fleet signals and new device states out, by the
 * protocol of every stage (`stage-protocol.ts`).
 * Before: `ingest/accept.ts`, by way of the log.  After: `adapters/warehouse`, then `query-api/queries/*.ts`; `fleet-stage.ts`.
 */
import type { StageStore, Warehouse } from '../model/ports.ts'
import { type StageTable, stageTables } from './domain/projection.ts'
import type { StageState } from './domain/state.ts'
import type { RunDeps } from './run-record.ts'
import { createStage, type MarksOf } from './stage-protocol.ts'
import { createPartitionRun, rowsPerRangeMax } from './stage-run.ts'

export type DeviceStageDeps = RunDeps & {
  store: StageStore<StageState>
  warehouse: Warehouse
  /** Rows that were written, for metrics. */
  onRows?: (table: StageTable, rows: number) => void
  /** Rows per range before a batch is cut; only tests set it. */
  rowsMax?: number
}

export type Marks = MarksOf<StageTable>

const topic = 'device-events'

export const createDeviceStage = (deps: DeviceStageDeps) =>
  createStage({
    topic,
    tables: stageTables,
    logId: deps.logId,
    store: deps.store,
    warehouse: deps.warehouse,
    openRun: (partition) =>
      createPartitionRun(deps, partition, {
        read: (key) => deps.store.get(topic, partition, key),
        segments: (name) => deps.store.segments(topic, partition, name),
      }),
    onRows: (table, rows) => deps.onRows?.(table, rows),
    rowsMax: deps.rowsMax ?? rowsPerRangeMax,
  })
