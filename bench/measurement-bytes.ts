/**
 * What a measurement costs on disk after merges, column by column. Run: `node bench/measurement-bytes.ts [devices] [hours]`.
 * Goal: at most 2 bytes. The fleet is that of `measurement-rows.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { type MeasurementRow, measurementRounds } from './measurement-rows.ts'

const devices = Number(process.argv[2] ?? 1000)
const hours = Number(process.argv[3] ?? 2)
const intervalMs = 10_000
const batchRows = 60_000

const dataDir = mkdtempSync(join(tmpdir(), 'measurement-bytes-'))
const child = await startWarehouseChild({ dataDir, listen: null, adminToken: 'bench', memoryBytesMax: 2_000_000_000 })
const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
await migrate(warehouse)

let batch: MeasurementRow[] = []
let batches = 0
const flush = async (): Promise<void> => {
  await warehouse.insert('measurements', batch, { dedupToken: `bench:${batches++}` })
  batch = []
}
const startMs = Date.now() - hours * 3_600_000
for (const rows of measurementRounds({ devices, intervalMs, startMs, messagesPerDevice: (hours * 3_600_000) / intervalMs, seed: 1 })) {
  batch.push(...rows)
  if (batch.length >= batchRows) await flush()
}
if (batch.length > 0) await flush()

await warehouse.command('OPTIMIZE TABLE measurements FINAL')
const columns = await warehouse.query<{ column: string; bytes: number; rows: number }>(
  `SELECT column, sum(column_data_compressed_bytes) AS bytes, sum(rows) AS rows FROM system.parts_columns
   WHERE database = 'fleet' AND table = 'measurements' AND active GROUP BY column ORDER BY bytes DESC`,
)
for (const { column, bytes, rows } of columns) process.stdout.write(`  ${column.padEnd(12)} ${(bytes / rows).toFixed(3)}\n`)
const wholes = await warehouse.query<{ table: string; rows: number; data: number; disk: number }>(
  `SELECT table, sum(rows) AS rows, sum(data_compressed_bytes) AS data, sum(bytes_on_disk) AS disk FROM system.parts
   WHERE database = 'fleet' AND table LIKE 'measurements%' AND active GROUP BY table ORDER BY table`,
)
for (const { table, rows, data, disk } of wholes) {
  process.stdout.write(
    `${table}: ${rows} rows, ${(data / rows).toFixed(3)} bytes a row (${(disk / rows).toFixed(3)} with marks and index)\n`,
  )
}
await warehouse.close()
await child.stop()
rmSync(dataDir, { recursive: true, force: true })
