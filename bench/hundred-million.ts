/**
 * The answers' times on a warehouse of 100 million measurements of 1,000 devices over 30 days, in a fleet of 20,000, while rows
 * keep coming. Over HTTP through the query API itself: `state?at=` at random devices and times, a device's day as its page asks
 * for it, the list of the fleet in every order.
 * Run: `node bench/hundred-million.ts fill|measure|all <folder> [millions]`. `fill` makes about 2 GB and takes minutes.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { testDeps, testToken } from '../query-api/fakes.ts'
import { startQueryApi } from '../query-api/main.ts'
import { askedOf, fillStatements, liveRows } from './hundred-million-fleet.ts'

const [, , what = '', folder = '', millions = '100'] = process.argv
if (!['fill', 'measure', 'all'].includes(what) || folder === '') {
  throw new Error('usage: node bench/hundred-million.ts fill|measure|all <folder> [millions]')
}
const child = await startWarehouseChild({ dataDir: folder, listen: null, adminToken: 'bench', memoryBytesMax: 2_000_000_000 })
const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
await migrate(warehouse, { alone: true })
console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1) ?? ''}`,
)

/** Fewer millions are fewer devices: what one of them has said stays the same. */
const shape = { devices: Math.max(1, 10 * Number(millions)), days: 30, fleet: 20_000 }
/** Midnight after the last whole day: of a filled folder that of its fill, which the inventory keeps. */
const endMs = async (): Promise<number> => {
  const [row] = await warehouse.query<{ ms: number }>('SELECT toFloat64(toUnixTimestamp64Milli(max(received_at))) AS ms FROM devices')
  return row === undefined || row.ms === 0 ? Math.floor(Date.now() / 86_400_000) * 86_400_000 : row.ms + shape.days * 86_400_000
}

if (what !== 'measure') await fill()
if (what !== 'fill') await measure()
await warehouse.close()
await child.stop()

async function fill(): Promise<void> {
  const startedAt = performance.now()
  const statements = fillStatements({ ...shape, endMs: await endMs() })
  for (const { label, sql } of statements) {
    const at = performance.now()
    await warehouse.command(sql)
    const seconds = (performance.now() - at) / 1000
    if (seconds > 1) console.log(`  ${label}: ${seconds.toFixed(1)} s`)
  }
  console.log(`filled in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
}

async function measure(): Promise<void> {
  const sizes = await warehouse.query<{ table: string; rows: number; bytes: number; parts: number }>(
    `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts FROM system.parts
     WHERE database = 'fleet' AND active GROUP BY table HAVING rows > 1000 ORDER BY bytes DESC`,
  )
  for (const { table, rows, bytes, parts } of sizes) {
    console.log(
      `  ${table.padEnd(22)} ${String(rows).padStart(11)} rows ${(bytes / 1e6).toFixed(1).padStart(8)} MB ${(bytes / rows).toFixed(2).padStart(7)} B a row ${parts} parts`,
    )
  }
  const to = await endMs()
  const api = await startQueryApi(testDeps({ warehouse, clock: { nowMs: () => to } }))
  const ask = async (path: string): Promise<string> => {
    const answer = await fetch(`${api.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${testToken}` } })
    const body = await answer.text()
    if (!answer.ok) throw new Error(`${path}: ${String(answer.status)} ${body}`)
    return body
  }
  const live = keepWriting(to)
  console.log('  what is asked, milliseconds each; cpu: of the engine and of this process, what is written meanwhile included')
  for (const { label, rounds } of await askedOf({ ...shape, endMs: to }, ask)) {
    const took: number[] = []
    const cpuBefore = cpuMs()
    // The first two warm caches and connections, as a page that stands open has.
    for (const [index, paths] of rounds.entries()) {
      const at = performance.now()
      await Promise.all(paths.map(ask))
      if (index >= 2) took.push(performance.now() - at)
    }
    took.sort((a, b) => a - b)
    const at = (share: number): string => (took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0).toFixed(0).padStart(5)
    console.log(
      `  ${label.padEnd(44)} n ${String(took.length).padStart(3)}   p50 ${at(0.5)}   p95 ${at(0.95)}   p99 ${at(0.99)}   cpu ${((cpuMs() - cpuBefore) / rounds.length).toFixed(0).padStart(4)}`,
    )
  }
  const written = await live.stop()
  console.log(`  written meanwhile: ${String(written)} measurements; load ${loadavg()[0]?.toFixed(1) ?? ''}`)
  await api.stop()
}

function cpuMs(): number {
  const own = process.cpuUsage()
  const fields =
    readFileSync(`/proc/${child.pid() ?? 0}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ') ?? []
  return (own.user + own.system) / 1000 + (Number(fields[11]) + Number(fields[12])) * 10
}

/** A second's messages of 1,000 devices that report every five minutes, in batches of a second. */
function keepWriting(fromMs: number): { stop: () => Promise<number> } {
  let written = 0
  let ended = false
  const run = async (): Promise<void> => {
    for (let batch = 0; !ended; batch++) {
      const began = performance.now()
      const { table, rows } = liveRows(fromMs, batch)
      await warehouse.insert(table, rows, { dedupToken: `live:${String(Date.now())}:${String(batch)}` })
      written += rows.length
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 - (performance.now() - began))))
    }
  }
  const running = run()
  return {
    stop: async () => {
      ended = true
      await running
      return written
    },
  }
}
