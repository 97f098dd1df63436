/**
 * Rows a second through the whole insert path: encode, HTTP, file, engine with the views behind the table. Prints the time
 * and the processor time of both processes a row. Run: `node bench/warehouse-insert.ts [rows per insert] [inserts] [at once]`;
 * with a fourth argument `bare` the views are dropped first, so that the difference is what rollups and marks cost.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { ByteBuffer } from '../adapters/clickhouse/byte-buffer.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { compileEncoder } from '../adapters/clickhouse/native-block.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { tables } from '../schemas/tables.ts'
import { type MeasurementRow, measurementRounds } from './measurement-rows.ts'

const rowsPerInsert = Number(process.argv[2] ?? 60_000)
const inserts = Number(process.argv[3] ?? 40)
const atOnce = Number(process.argv[4] ?? 1)

const dataDir = mkdtempSync(join(tmpdir(), 'warehouse-insert-'))
const child = await startWarehouseChild({ dataDir, listen: null, adminToken: 'bench', memoryBytesMax: 2_000_000_000 })
const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
await migrate(warehouse)
if (process.argv[5] === 'bare') {
  const views = await warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = 'fleet' AND engine = 'MaterializedView'",
  )
  for (const { name } of views) await warehouse.command(`DROP VIEW fleet.\`${name}\``)
}

const batches = makeBatches()
const encode = compileEncoder(tables.measurements)
const buffer = new ByteBuffer()
const encodeStartedAt = performance.now()
const encodeCpuBefore = process.cpuUsage()
for (const rows of batches) {
  buffer.reset()
  encode(rows, buffer)
}
const total = batches.reduce((sum, rows) => sum + rows.length, 0)
const encodeCpu = process.cpuUsage(encodeCpuBefore)
say('encode alone', performance.now() - encodeStartedAt, (encodeCpu.user + encodeCpu.system) / 1000)

const ownBefore = process.cpuUsage()
const cpuBefore = cpuMs()
const startedAt = performance.now()
let next = 0
const insertNext = async (): Promise<void> => {
  for (let index = next++; index < batches.length; index = next++) {
    await warehouse.insert('measurements', batches[index] ?? [], { dedupToken: `bench:${index}` })
  }
}
await Promise.all(Array.from({ length: atOnce }, insertNext))
say(`inserts of ${rowsPerInsert}, ${atOnce} at once`, performance.now() - startedAt, cpuMs() - cpuBefore)
const own = process.cpuUsage(ownBefore)
say('of that this process (encode, HTTP)', performance.now() - startedAt, (own.user + own.system) / 1000)
const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid() ?? 0}/status`, 'utf8'))?.[1]
process.stdout.write(`resident memory of the warehouse process: ${Math.round(Number(resident) / 1024)} MB\n`)
await warehouse.close()
await child.stop()
rmSync(dataDir, { recursive: true, force: true })

function makeBatches(): MeasurementRow[][] {
  const made: MeasurementRow[][] = []
  let batch: MeasurementRow[] = []
  const messagesPerDevice = Math.ceil((rowsPerInsert * inserts) / 6000)
  const startMs = Date.now() - messagesPerDevice * 10_000
  for (const rows of measurementRounds({ devices: 1000, intervalMs: 10_000, startMs, messagesPerDevice, seed: 1 })) {
    for (const row of rows) {
      batch.push(row)
      if (batch.length === rowsPerInsert) {
        made.push(batch)
        batch = []
      }
    }
  }
  return made.slice(0, inserts)
}

function cpuMs(): number {
  const own = process.cpuUsage()
  const fields =
    readFileSync(`/proc/${child.pid() ?? 0}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ') ?? []
  return (own.user + own.system) / 1000 + (Number(fields[11]) + Number(fields[12])) * 10
}

function say(what: string, tookMs: number, cpu: number): void {
  const perCore =
    cpu === 0 ? '' : `, ${((cpu * 1000) / total).toFixed(2)} us of processor time a row (${Math.round((total / cpu) * 1000)} rows/s a core)`
  process.stdout.write(`${what}: ${total} rows, ${Math.round((total / tookMs) * 1000)} rows/s${perCore}\n`)
}
