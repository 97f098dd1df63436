/**
 * What a fleet costs a day, for the sizing table of the deploy guide: the whole program takes the messages of a simulated
 * fleet at a steady rate; printed are processor time, memory and bytes on disk of each part, a message.
 *
 *   node bench/fleet-size.ts [--devices 1000] [--rate 500] [--seconds 120]
 *
 * Bytes are those after merges. The simulated fleet sends what `agent/simulate-main.ts` says: load, CPU, memory, temperature,
 * counters, LTE radio, log lines, presence.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { createRecorder } from '../test/ledger/recorder-process.ts'

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '120' },
  },
})
const ticksPerSecond = 100
const folder = mkdtempSync(join(tmpdir(), 'bench-fleet-'))
const dataDir = join(folder, 'data')
const recorder = await createRecorder(dataDir)

type Usage = { cpuMicros: number; memoryBytesMax: number }

/** Of the program, which has our folder in its environment, and of its child, the warehouse. */
const usage = (): { program: Usage; warehouse: Usage } => {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const program = processes.find((pid) => textOf(pid, 'cmdline').includes('app/main.ts') && textOf(pid, 'environ').includes(folder))
  const warehouse = processes.find((pid) => statOf(pid)[1] === program && textOf(pid, 'cmdline').includes('chdb/child-main'))
  return { program: usageOf(program), warehouse: usageOf(warehouse) }
}

const usageOf = (pid: string | undefined): Usage => {
  if (pid === undefined) throw new Error('the program and its warehouse are not running')
  const fields = statOf(pid)
  const kilobytes = Number(/VmHWM:\s+(\d+) kB/.exec(textOf(pid, 'status'))?.[1])
  return { cpuMicros: ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6, memoryBytesMax: kilobytes * 1024 }
}

const statOf = (pid: string): string[] => textOf(pid, 'stat').split(') ').at(-1)?.split(' ') ?? []

/** Empty when the process has ended while we looked. */
const textOf = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

const sql = async (query: string): Promise<number> => {
  const address = `http://127.0.0.1:${recorder.ports.warehouse}/?user=admin&password=${recorder.adminToken}`
  return Number(await (await fetch(address, { method: 'POST', body: query })).text())
}

const messagesStored = (): Promise<number> => sql('SELECT count() FROM fleet.messages')

const untilStill = async (): Promise<number> => {
  let last = -1
  for (let now = await messagesStored(); now !== last; now = await messagesStored()) {
    last = now
    await sleep(2_000)
  }
  return last
}

const folderBytes = (path: string): number =>
  readdirSync(path, { withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isDirectory() ? folderBytes(join(path, entry.name)) : statSync(join(path, entry.name)).blocks * 512),
    0,
  )

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

try {
  await recorder.start()
  const before = usage()
  const storedBefore = await untilStill()
  const flags = { url: `mqtt://127.0.0.1:${recorder.ports.mqtt}`, ...values, 'ack-file': join(folder, 'acknowledged') }
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])
  const fleet = spawn(process.execPath, ['agent/simulate-main.ts', ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  await once(fleet, 'exit')
  const messages = (await untilStill()) - storedBefore
  const after = usage()
  await recorder.stop()
  say(`${cpus().length} x ${cpus()[0]?.model ?? ''}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`)
  say(`${messages} messages of ${values.devices} devices at ${values.rate}/s`)
  for (const name of ['program', 'warehouse'] as const) {
    const micros = (after[name].cpuMicros - before[name].cpuMicros) / messages
    say(`${name}: ${micros.toFixed(1)} us of CPU a message, at most ${Math.round(after[name].memoryBytesMax / 1e6)} MB`)
  }
  await sayTables(messages)
} finally {
  await recorder.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function sayTables(messages: number): Promise<void> {
  const child = await startWarehouseChild({ dataDir, listen: null, adminToken: 'bench', memoryBytesMax: 2_000_000_000 })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  const large = await warehouse.query<{ table: string }>(
    `SELECT table FROM system.parts WHERE database = 'fleet' AND active GROUP BY table HAVING sum(rows) > 1000`,
  )
  for (const { table } of large) await warehouse.command(`OPTIMIZE TABLE fleet.\`${table}\` FINAL`)
  const tables = await warehouse.query<{ table: string; rows: number; bytes: number }>(
    `SELECT table, toFloat64(sum(rows)) AS rows, toFloat64(sum(bytes_on_disk)) AS bytes FROM system.parts
     WHERE database = 'fleet' AND active GROUP BY table HAVING rows > 1000 ORDER BY bytes DESC`,
  )
  for (const { table, rows, bytes } of tables) {
    say(
      `  ${table.padEnd(24)} ${(rows / messages).toFixed(2).padStart(6)} rows a message ${(bytes / messages).toFixed(1).padStart(7)} bytes a message`,
    )
  }
  const all = tables.reduce((sum, { bytes }) => sum + bytes, 0)
  say(`warehouse: ${(all / messages).toFixed(0)} bytes a message`)
  await warehouse.close()
  await child.stop()
  for (const entry of readdirSync(dataDir, { withFileTypes: true }).filter((own) => own.isDirectory())) {
    say(`${entry.name}/: ${(folderBytes(join(dataDir, entry.name)) / messages).toFixed(0)} bytes a message`)
  }
}
