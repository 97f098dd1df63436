/**
 * The warehouse for a tool that keeps or erases: of the running program through its private door, or, when none runs on the
 * data folder, an engine started for the tool, which then holds the folder like a program would.
 */
import { setTimeout as delay } from 'node:timers/promises'
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

/** A busy program may miss one question, or begin its warehouse anew just now. */
const patienceMs = 30_000
const askEveryMs = 250

/**
 * DATA_DIR_IN_USE: a program holds the folder, but its warehouse does not answer. WAREHOUSE_UNAVAILABLE: the program is not
 * ready. Both only after half a minute of asking.
 */
export const openOperatorWarehouse = async (config: Options): Promise<OperatorWarehouse> => {
  for (const until = performance.now() + patienceMs; ; ) {
    const running = await openOfRunning(config.DATA_DIR)
    if (running !== null) {
      const status = await readyStatus(config.HTTP_LISTEN)
      if (status === 200) return running
      await running.close()
      if (performance.now() > until) throw unready(config.HTTP_LISTEN, status)
    } else {
      try {
        return await openOwn(config, lockDataDir(config.DATA_DIR, Date.now()))
      } catch (error) {
        const isHeld = error instanceof AppError && error.code === 'DATA_DIR_IN_USE'
        if (!isHeld || readDoorFile(config.DATA_DIR) === null || performance.now() > until) throw error
      }
    }
    await delay(askEveryMs)
  }
}

/** Null: no program left a door file, or nobody answers behind it. */
const openOfRunning = async (dataDir: string): Promise<OperatorWarehouse | null> => {
  const access = readDoorFile(dataDir)
  if (access === null) return null
  const warehouse = openWarehouse({ ...access, database: 'fleet' })
  if (await warehouse.ping()) return { warehouse, running: true, close: () => warehouse.close() }
  await warehouse.close()
  return null
}

const openOwn = async (config: Options, unlock: () => void): Promise<OperatorWarehouse> => {
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
const readyStatus = (httpListen: string): Promise<number | null> =>
  fetch(`http://${httpListen}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
    (answer) => answer.status,
    () => null,
  )

const unready = (httpListen: string, status: number | null): AppError =>
  new AppError(
    'WAREHOUSE_UNAVAILABLE',
    `Expected the running recorder at http://${httpListen} to be ready (HTTP_LISTEN), got ${status ?? 'no answer'}: try again when GET /readyz answers 200`,
  )
