/**
 * The warehouse for a tool that keeps or erases: of the running program through its private door, or, when none runs on the
 * data folder, an engine started for the tool, which then holds the folder like a program would.
 */
import { readDoorFile } from '../adapters/chdb/door-file.ts'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { lockDataDir } from '../adapters/lmdb/data-dir-lock.ts'
import type { Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'

export type OperatorWarehouse = { warehouse: Warehouse; running: boolean; close: () => Promise<void> }

type Options = Pick<Config, 'DATA_DIR' | 'HTTP_LISTEN' | 'WAREHOUSE_MEMORY_BYTES_MAX'>

/** DATA_DIR_IN_USE: a program holds the folder, but its warehouse does not answer. */
export const openOperatorWarehouse = async (config: Options): Promise<OperatorWarehouse> => {
  const access = readDoorFile(config.DATA_DIR)
  if (access !== null) {
    const warehouse = openWarehouse({ ...access, database: 'fleet' })
    if (await warehouse.ping()) {
      await refuseUnready(config.HTTP_LISTEN)
      return { warehouse, running: true, close: () => warehouse.close() }
    }
    await warehouse.close()
  }
  const unlock = lockDataDir(config.DATA_DIR, Date.now())
  try {
    const own = await startOwnWarehouse(config)
    await migrate(own.warehouse, { alone: true })
    return {
      warehouse: own.warehouse,
      running: false,
      close: async () => {
        await own.close()
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Whoever calls holds the folder's lock. */
export const startOwnWarehouse = async ({
  DATA_DIR,
  WAREHOUSE_MEMORY_BYTES_MAX,
}: Pick<Options, 'DATA_DIR' | 'WAREHOUSE_MEMORY_BYTES_MAX'>): Promise<{ warehouse: Warehouse; close: () => Promise<void> }> => {
  const child = await startWarehouseChild({
    dataDir: DATA_DIR,
    listen: null,
    adminToken: '',
    memoryBytesMax: WAREHOUSE_MEMORY_BYTES_MAX,
  })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  return {
    warehouse,
    close: async () => {
      await warehouse.close()
      await child.stop()
    },
  }
}

/** While it starts, the program may refill tables without a range under way. */
const refuseUnready = async (httpListen: string): Promise<void> => {
  const status = await fetch(`http://${httpListen}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
    (answer) => answer.status,
    () => null,
  )
  if (status === 200) return
  throw new AppError(
    'WAREHOUSE_UNAVAILABLE',
    `Expected the running recorder at http://${httpListen} to be ready (HTTP_LISTEN), got ${status ?? 'no answer'}: try again when GET /readyz answers 200`,
  )
}
