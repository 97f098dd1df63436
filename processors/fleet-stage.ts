/**
 * Signals of all devices in; alarms of groups and of the platform, situations and verdicts out, by the protocol of every stage
 * (`stage-protocol.ts`). One partition, one owner: groups are weighed against each other and against the fleet.
 * Before: `device-stage.ts`, by way of `fleet-signals`.  After: the warehouse, the topic `alarms`, and `device-stage.ts` again.
 */
import type { StageStore, Warehouse } from '../model/ports.ts'
import type { FleetStageState } from './domain/fleet/fleet-state.ts'
import { type FleetTable, fleetTables } from './domain/fleet/turn.ts'
import { createFleetRun, type FleetRunDeps } from './fleet-run.ts'
import { createStage } from './stage-protocol.ts'

export type FleetStageDeps = FleetRunDeps & {
  store: StageStore<FleetStageState>
  warehouse: Warehouse
  onRows?: (table: FleetTable, rows: number) => void
  /** Rows per range before a batch is cut; only tests set it. */
  rowsMax?: number
}

/** A raise with 20,000 members gives one row: what is many here are the verdicts. */
const rowsPerRangeMax = 50_000

export const createFleetStage = (deps: FleetStageDeps) =>
  createStage({
    topic: 'fleet-signals',
    tables: fleetTables,
    logId: deps.logId,
    store: deps.store,
    warehouse: deps.warehouse,
    openRun: (partition) => createFleetRun(deps, partition, (key) => deps.store.get('fleet-signals', partition, key)),
    onRows: (table, rows) => deps.onRows?.(table, rows),
    rowsMax: deps.rowsMax ?? rowsPerRangeMax,
  })
