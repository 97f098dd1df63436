/**
 * The whole program as `npm start` runs it, and the load generator beside it on the same machine:
 *
 *   node bench/whole-program.ts [--connections 1000] [--in-flight 1] [--rate 15000] [--seconds 20]
 *
 * Prints messages per second acknowledged (each parsed, made an event and synced), PUBACK latency, how many messages were
 * waiting for their rows at the end and how long they took, PUBLISH-to-queryable (sampled by a marker message every 250 ms),
 * and CPU and memory of the program's processes.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import mqtt from 'mqtt'
import { createRecorder } from '../test/ledger/recorder-process.ts'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1000' },
    'in-flight': { type: 'string', default: '1' },
    rate: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '20' },
  },
})

const folder = mkdtempSync(join(tmpdir(), 'bench-whole-'))
const recorder = await createRecorder(folder)

const sql = async (query: string): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${recorder.ports.warehouse}/?user=admin&password=${recorder.adminToken}`, {
    method: 'POST',
    body: query,
  })
  return (await answer.text()).trim()
}

/** CPU seconds and resident bytes of the program and its children. */
const usage = (): Record<string, { cpuSeconds: number; residentMb: number }> => {
  const found: Record<string, { cpuSeconds: number; residentMb: number }> = {}
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      const name = command.includes('app/main.ts') ? 'program' : command.includes('chdb/child-main') ? 'warehouse' : null
      if (name === null || !readFileSync(`/proc/${pid}/environ`, 'utf8').includes(name === 'program' ? folder : '')) continue
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      const residentMb = (Number(fields[21]) * 4096) / 1e6
      found[name] = { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, residentMb: Math.round(residentMb) }
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

const quantile = (sorted: readonly number[], q: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0)

/** A message with a value of its own every 250 ms; asked for until it can be selected. */
const probe = async (client: mqtt.MqttClient, stopped: () => boolean): Promise<number[]> => {
  const tookMs: number[] = []
  const pending: Promise<void>[] = []
  for (let n = 1; !stopped(); n++) {
    const sentAtMs = performance.now()
    await client.publishAsync('world/bench/probe/city/temperature', `${n / 1000}`, { qos: 1 })
    pending.push(
      (async () => {
        while (
          (await sql(`SELECT count() FROM fleet.measurements WHERE subject = 'world/bench/probe/city' AND value = ${n / 1000}`)) !== '1'
        ) {
          await new Promise((resolve) => setTimeout(resolve, 25))
        }
        tookMs.push(performance.now() - sentAtMs)
      })(),
    )
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  await Promise.all(pending)
  return tookMs.sort((a, b) => a - b)
}

try {
  const startSeconds = await recorder.start()
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const idle = usage()
  const generator = spawn(
    process.execPath,
    [
      'bench/load-generator.ts',
      '--port',
      String(recorder.ports.mqtt),
      ...['connections', 'in-flight', 'rate', 'seconds'].flatMap((name) => [`--${name}`, values[name as keyof typeof values]]),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let line = ''
  generator.stdout.on('data', (bytes: Buffer) => {
    line += bytes.toString()
  })
  let ended = false
  const exited = new Promise<void>((resolve) =>
    generator.once('exit', () => {
      ended = true
      resolve()
    }),
  )
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${recorder.ports.mqtt}`)
  const before = usage()
  const probing = probe(client, () => ended)
  await exited
  const after = usage()
  const drainFromMs = performance.now()
  const stored = async () => Number(await sql("SELECT count() FROM fleet.messages WHERE topic LIKE 'dwr/%'"))
  const atEnd = await stored()
  let last = -1
  let now = atEnd
  while (now !== last) {
    last = now
    await new Promise((resolve) => setTimeout(resolve, 1500))
    now = await stored()
  }
  const drainSeconds = (performance.now() - drainFromMs - 1500) / 1000
  const queryableMs = await probing
  await client.endAsync()
  const generated = JSON.parse(line.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>
  const cpu = Object.fromEntries(
    Object.entries(after).map(([name, { cpuSeconds }]) => [name, Math.round((cpuSeconds - (before[name]?.cpuSeconds ?? 0)) * 10) / 10]),
  )
  console.log(
    JSON.stringify(
      {
        machine: `${cpus().length} x ${cpus()[0]?.model ?? ''}, Node ${process.version}`,
        settings: values,
        startSeconds: Math.round(startSeconds * 10) / 10,
        idleMb: Object.fromEntries(Object.entries(idle).map(([name, { residentMb }]) => [name, residentMb])),
        generator: generated,
        rows: { atEnd, waiting: now - atEnd, drainSeconds: Math.round(drainSeconds * 10) / 10, all: now },
        publishToQueryableMs: { p50: quantile(queryableMs, 0.5), p95: quantile(queryableMs, 0.95), samples: queryableMs.length },
        cpuSeconds: cpu,
        residentMb: Object.fromEntries(Object.entries(after).map(([name, { residentMb }]) => [name, residentMb])),
      },
      null,
      1,
    ),
  )
} finally {
  await recorder.stop()
  rmSync(folder, { recursive: true, force: true })
}
