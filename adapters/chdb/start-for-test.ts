/** For tests: a warehouse child on a folder of its own, everything removed at the end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openWarehouse } from '../clickhouse/warehouse.ts'
import { startWarehouseChild, type WarehouseChildOptions } from './supervisor.ts'

export const testToken = 'test-admin-token'

export const startForTest = async (options: Partial<WarehouseChildOptions> = {}) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'fleet-warehouse-'))
  const child = await startWarehouseChild({
    dataDir,
    listen: { host: '127.0.0.1', port: 0 },
    adminToken: testToken,
    memoryBytesMax: 1_200_000_000,
    ...options,
  })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  return {
    dataDir,
    child,
    warehouse,
    stop: async () => {
      await warehouse.close()
      await child.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** A query at the public door as `admin`. */
export const askPublic = async (
  publicUrl: string,
  sql: string,
  url = '',
): Promise<{ status: number; text: string; code: string | null }> => {
  const response = await fetch(`${publicUrl}/?${url}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`admin:${testToken}`).toString('base64')}` },
    body: sql,
  })
  const text = await response.text().catch((error: unknown) => `cut: ${String(error)}`)
  return { status: response.status, text, code: response.headers.get('x-clickhouse-exception-code') }
}
