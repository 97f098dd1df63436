/** Which warehouse: the server of `CLICKHOUSE_URL` when that is set, else the embedded engine in a child process. */
import { writeDoorFile } from '../adapters/chdb/door-file.ts'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { openWarehouse, type WarehouseTls } from '../adapters/clickhouse/warehouse.ts'
import { firstLineOf, readSettingFile } from '../adapters/system/text-file.ts'
import { trustCa } from '../adapters/system/trust-ca.ts'
import type { Warehouse } from '../model/ports.ts'
import { type Config, splitListen } from '../runtime/config.ts'

/** Plain data: the processors' thread gets it too. */
export type WarehouseAccess = { url: string; username: string; password: string; tls: WarehouseTls | null }

export type WarehouseParts = {
  warehouse: Warehouse
  access: WarehouseAccess
  /** For people and their tools. */
  url: string
  close: () => Promise<void>
}

export type EmbeddedOptions = { adminToken: string; onRestart: (reason: string) => void }

export const openWarehouseParts = (config: Config, embedded: EmbeddedOptions): Promise<WarehouseParts> =>
  config.CLICKHOUSE_URL === '' ? openEmbedded(config, embedded) : openServer(config)

const openEmbedded = async (config: Config, { adminToken, onRestart }: EmbeddedOptions): Promise<WarehouseParts> => {
  const child = await startWarehouseChild({
    dataDir: config.DATA_DIR,
    listen: splitListen(config.WAREHOUSE_LISTEN),
    adminToken,
    memoryBytesMax: config.WAREHOUSE_MEMORY_BYTES_MAX,
    onRestart,
  })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  await migrate(warehouse, { alone: true })
  const removeDoorFile = writeDoorFile(config.DATA_DIR, child.access)
  return {
    warehouse,
    access: { ...child.access, tls: null },
    url: child.publicUrl,
    close: async () => {
      removeDoorFile()
      await warehouse.close()
      await child.stop()
    },
  }
}

const openServer = async (config: Config): Promise<WarehouseParts> => {
  const access = serverAccess(config)
  // Exports are read by fetch, which knows no CA but these.
  if (access.tls?.ca) trustCa(access.tls.ca)
  const warehouse = openServerWarehouse(access)
  try {
    await migrate(warehouse)
  } catch (error) {
    await warehouse.close()
    throw error
  }
  return { warehouse, access, url: access.url, close: () => warehouse.close() }
}

export const openServerWarehouse = (access: WarehouseAccess): Warehouse => openWarehouse({ ...access, database: 'fleet' })

/** Throws CONFIG_INVALID when a file that is named cannot be read. */
export const serverAccess = (config: Config): WarehouseAccess => ({
  url: config.CLICKHOUSE_URL.replace(/\/$/, ''),
  username: config.CLICKHOUSE_USERNAME,
  password: firstLineOf(named('CLICKHOUSE_PASSWORD_FILE', config.CLICKHOUSE_PASSWORD_FILE) ?? ''),
  tls:
    config.CLICKHOUSE_CA_FILE === ''
      ? null
      : {
          ca: named('CLICKHOUSE_CA_FILE', config.CLICKHOUSE_CA_FILE),
          cert: named('CLICKHOUSE_CERT_FILE', config.CLICKHOUSE_CERT_FILE),
          key: named('CLICKHOUSE_KEY_FILE', config.CLICKHOUSE_KEY_FILE),
        },
})

const named = (setting: string, path: string): string | null => (path === '' ? null : readSettingFile(setting, path))
