/**
 * The live warehouse for a rebuild: through the public door while the recorder runs, else by a child of our own on the
 * folder. Used by `rebuild-verify.ts` (reads only) and `rebuild-apply.ts` (wants the recorder stopped).
 */
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { openWarehouse, type WarehouseOptions } from '../adapters/clickhouse/warehouse.ts'
import { lockDataDir } from '../adapters/lmdb/data-dir-lock.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { adminToken } from './admin-token.ts'

export type LiveWarehouse = { warehouse: Warehouse; access: WarehouseOptions; how: string; close: () => Promise<void> }

/** `publicUrl`: where the running recorder's door is, when WAREHOUSE_LISTEN does not tell. */
export const openLive = async (config: Config, publicUrl: string | undefined): Promise<LiveWarehouse> => {
  const unlock = lockUnlessRunning(config.DATA_DIR)
  if (unlock === null) {
    const { token } = adminToken(config)
    const url = publicUrl ?? `http://${config.WAREHOUSE_LISTEN}`
    const access = { url, username: 'admin', password: token, database: 'fleet' }
    const warehouse = openWarehouse(access)
    return { warehouse, access, how: `the recorder runs, its tables are read at ${url}`, close: () => warehouse.close() }
  }
  const { warehouse, access, close } = await openStopped(config, unlock)
  return { warehouse, access, how: 'the recorder is stopped, its folder is held until the end', close }
}

export type OwnWarehouse = { access: WarehouseOptions; warehouse: Warehouse; close: () => Promise<void> }

/** Throws DATA_DIR_IN_USE when the recorder runs. May write. */
export const openForRepair = async (config: Config): Promise<OwnWarehouse> =>
  openStopped(config, lockDataDir(config.DATA_DIR, systemClock.nowMs()))

/** `unlock` is called when it is closed, or cannot be opened. */
const openStopped = async (config: Config, unlock: () => void): Promise<OwnWarehouse> => {
  const closing: (() => Promise<void>)[] = [async () => unlock()]
  const close = async (): Promise<void> => {
    for (const closeOne of closing.reverse()) await closeOne()
  }
  try {
    const child = await startWarehouseChild({
      dataDir: config.DATA_DIR,
      listen: null,
      adminToken: '',
      memoryBytesMax: config.WAREHOUSE_MEMORY_BYTES_MAX,
    })
    closing.push(child.stop)
    const access = { ...child.access, database: 'fleet' }
    const warehouse = openWarehouse(access)
    closing.push(() => warehouse.close())
    await migrate(warehouse, { alone: true }) // As the next start would: both sides have the columns of this release.
    return { access, warehouse, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Null: another program holds the folder, which is the recorder. */
const lockUnlessRunning = (dataDir: string): (() => void) | null => {
  try {
    return lockDataDir(dataDir, systemClock.nowMs())
  } catch (error) {
    if (error instanceof AppError && error.code === 'DATA_DIR_IN_USE') return null
    throw error
  }
}
