/** Child of `migrations.test.ts`: migrates a folder's engine until it is killed; says so once the table `one` is there. */
import { setTimeout as delay } from 'node:timers/promises'
import { startWarehouseChild } from '../chdb/supervisor.ts'
import { migrate } from './migrations.ts'
import { openWarehouse } from './warehouse.ts'

const [, , dataDir = '', directory = ''] = process.argv
const child = await startWarehouseChild({ dataDir, listen: null, adminToken: 'test-admin-token', memoryBytesMax: 1_200_000_000 })
const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
void migrate(warehouse, { directory })
for (;;) {
  const rows = await warehouse.query("SELECT name FROM system.tables WHERE database = 'fleet' AND name = 'one'")
  if (rows.length > 0) break
  await delay(50)
}
process.stdout.write('half-way\n')
await delay(600_000)
