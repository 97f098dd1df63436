/**
 * What idle connections cost, and how they come back: N devices that are connected and say nothing (`idle-devices.ts`, some
 * processes), twenty that publish, and the program as `npm start` runs it (or its broker alone) beside them.
 *
 *   node bench/connections.ts [--program whole|broker] [--connections 19500] [--birth word|session] [--watch 90]
 *
 * 1. resident memory before and with the connections; 2. kill -9 and a new start: until all devices are back (connected,
 * birth acknowledged), PUBACK latency of the twenty meanwhile, presence rows written, `--watch` seconds more for what comes
 * later; 3. a storm: all connections are lost at once and all come back in the same instant, PUBACK latency as before.
 *
 * Connections of one process are bounded by the machine's open files (`ulimit -Hn`): the recorder needs one for each.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { generate } from 'mqtt-packet'
import { createRecorder } from '../test/ledger/recorder-process.ts'
import type { Standing } from './idle-devices.ts'

const { values } = parseArgs({
  options: {
    program: { type: 'string', default: 'whole' },
    connections: { type: 'string', default: '19500' },
    birth: { type: 'string', default: 'word' },
    watch: { type: 'string', default: '90' },
  },
})
const connections = Number(values.connections)
const devicesPerProcess = 5_000
const publishersCount = 20
const publishEveryMs = 200
const backWithinMs = 600_000

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const seconds = (fromMs: number): number => Math.round((performance.now() - fromMs) / 100) / 10

type Program = { pid: () => number; port: number; start: () => Promise<number>; kill: () => Promise<void>; stop: () => Promise<unknown> }
type Presence = { rows: Record<string, number>; messages: number } | null

const folder = mkdtempSync(join(tmpdir(), 'bench-connections-'))

const wholeProgram = async (): Promise<Program & { presence: () => Promise<Presence> }> => {
  const recorder = await createRecorder(folder)
  const sql = async <T>(query: string): Promise<T[]> => {
    const url = `http://127.0.0.1:${recorder.ports.warehouse}/?user=admin&password=${recorder.adminToken}`
    const answer = await fetch(url, { method: 'POST', body: `${query} FORMAT JSONEachRow` })
    const text = await answer.text()
    if (!answer.ok) throw new Error(text)
    return text
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as T)
  }
  return {
    port: recorder.ports.mqtt,
    pid: () => programPid(folder),
    start: recorder.start,
    kill: recorder.killProgram,
    stop: recorder.stop,
    presence: async () => {
      const rows = await sql<{ what: string; n: string }>(
        "SELECT concat(state, if(coalesce(reason, '') = '', '', concat(' (', coalesce(reason, ''), ')'))) AS what, toString(count()) AS n FROM fleet.presence GROUP BY what ORDER BY what",
      )
      const [all] = await sql<{ n: string }>("SELECT toString(count()) AS n FROM fleet.messages WHERE topic LIKE '%/status'")
      return { rows: Object.fromEntries(rows.map(({ what, n }) => [what, Number(n)])), messages: Number(all?.n) }
    },
  }
}

const brokerAlone = async (): Promise<Program & { presence: () => Promise<Presence> }> => {
  let child: ChildProcess | undefined
  const program = {
    port: 0,
    pid: () => child?.pid ?? 0,
    start: async () => {
      const startedAtMs = performance.now()
      const started = spawn(process.execPath, ['--max-semi-space-size=16', 'adapters/mqtt/broker-child.ts', folder, String(program.port)], {
        env: { ...process.env, MALLOC_ARENA_MAX: '2' },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      child = started
      for await (const line of createInterface({ input: started.stdout })) {
        program.port = Number(line)
        break
      }
      return seconds(startedAtMs)
    },
    kill: async () => {
      child?.kill('SIGKILL')
      await new Promise((resolve) => child?.once('exit', resolve))
    },
    stop: async () => program.kill(),
    presence: async () => null,
  }
  return program
}

const programPid = (dataDir: string): number =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('app/main.ts') &&
          readFileSync(`/proc/${pid}/environ`, 'utf8').includes(dataDir)
        )
      } catch {
        return false // It ended while we looked.
      }
    }) ?? 0

/** `own`: without the pages of mapped files (log and broker store), which the kernel takes back when it wants. */
type Memory = { residentMb: number; ownMb: number; peakMb: number }
const memoryOf = (pid: number): Memory => {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0) / 102.4) / 10
  return { residentMb: megabytes('VmRSS'), ownMb: megabytes('RssAnon'), peakMb: megabytes('VmHWM') }
}
const cpuSecondsOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The idle devices, over as many processes as are needed. */
const startDevices = (port: number) => {
  const processes = Array.from({ length: Math.ceil(connections / devicesPerProcess) }, (_, index) => {
    const first = index * devicesPerProcess
    const count = Math.min(devicesPerProcess, connections - first)
    return fork(
      join(import.meta.dirname, 'idle-devices.ts'),
      [
        ...['--port', String(port), '--source', `127.0.0.${index + 2}`, '--first', String(first), '--count', String(count)],
        ...['--birth', values.birth, '--rate', String(Math.ceil(1_500 / Math.ceil(connections / devicesPerProcess)))],
      ],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    )
  })
  const standings: Standing[] = processes.map(() => ({ connected: 0, back: 0, attempts: 0, refused: 0, sessionsResumed: 0, pings: 0 }))
  for (const [index, child] of processes.entries()) child.on('message', (standing) => (standings[index] = standing as Standing))
  return {
    tell: (go: 'open' | 'storm' | 'end') => {
      for (const child of processes) if (child.connected) child.send({ go })
    },
    sum: (of: keyof Standing): number => standings.reduce((total, standing) => total + standing[of], 0),
  }
}
type Devices = ReturnType<typeof startDevices>

/** Devices that have something to say: each five times a second, QoS 1; they come back at once when they are cut off. */
const startPublishers = (port: number) => {
  let latencies: number[] = []
  let cutOff = 0
  let ended = false
  let text = 0
  const open = (n: number): void => {
    if (ended) return
    const socket: Socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.200', noDelay: true })
    const sentAtMs = new Map<number, number>()
    let id = 0
    let timer: NodeJS.Timeout | undefined
    socket.once('connect', () =>
      socket.write(
        generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: `publisher-${n}`, clean: true, keepalive: 60 }),
      ),
    )
    const publish = (): void => {
      id = (id % 65_535) + 1
      sentAtMs.set(id, performance.now())
      const payload = JSON.stringify({ load1: (text++ % 100) / 100, seq: text, bootId: `bench-${process.pid}`, ts: Date.now() })
      const topic = `dwr/311-a1/02-ff-00-00-00-${n.toString(16).padStart(2, '0')}/hardware/loadavg`
      socket.write(generate({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false, messageId: id }))
    }
    socket.on('data', (bytes: Buffer) => {
      for (let at = 0; at + 1 < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
        const type = (bytes[at] ?? 0) >> 4
        if (type === 2) timer = setInterval(publish, publishEveryMs)
        else if (type === 4) {
          const acknowledged = bytes.readUInt16BE(at + 2)
          latencies.push(performance.now() - (sentAtMs.get(acknowledged) ?? 0))
          sentAtMs.delete(acknowledged)
        }
      }
    })
    socket.on('error', () => undefined)
    socket.once('close', () => {
      clearInterval(timer)
      if (timer !== undefined) cutOff++
      setTimeout(open, 50, n)
    })
  }
  for (let n = 0; n < publishersCount; n++) open(n)
  return {
    /** Since the last call. */
    take: () => {
      const sorted = Float64Array.from(latencies).sort()
      latencies = []
      const quantile = (q: number): number =>
        Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) * 10) / 10
      const taken = { pubacks: sorted.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs: quantile(1), cutOff }
      cutOff = 0
      return taken
    },
    end: () => {
      ended = true
    },
  }
}

const until = async (what: string, condition: () => boolean, devices: Devices): Promise<void> => {
  const startedAtMs = performance.now()
  while (!condition()) {
    if (performance.now() - startedAtMs > backWithinMs) {
      throw new Error(`${what}: not within ${backWithinMs / 1000} s, ${devices.sum('back')} of ${connections} are back`)
    }
    await wait(100)
  }
}

/** Seconds until each share of the devices is back. */
const watchReturn = async (devices: Devices, fromMs: number): Promise<Record<string, number>> => {
  const reached: Record<string, number> = {}
  const shares = { half: 0.5, p95: 0.95, all: 1 }
  await until(
    'all are back',
    () => {
      for (const [name, share] of Object.entries(shares)) {
        if (reached[name] === undefined && devices.sum('back') >= connections * share) reached[name] = seconds(fromMs)
      }
      return reached['all'] !== undefined
    },
    devices,
  )
  return reached
}

const difference = (after: Presence, before: Presence): unknown =>
  after && before
    ? {
        statusMessages: after.messages - before.messages,
        presenceRows: Object.fromEntries(Object.entries(after.rows).map(([what, n]) => [what, n - (before.rows[what] ?? 0)])),
      }
    : undefined

const program = values.program === 'broker' ? await brokerAlone() : await wholeProgram()
const report: Record<string, unknown> = {
  machine: `${cpus().length} x ${cpus()[0]?.model ?? ''}, Node ${process.version}`,
  settings: values,
}
let devices: Devices | undefined
try {
  await program.start()
  const publishers = startPublishers(program.port)
  await wait(15_000)
  report['pubackBefore'] = publishers.take()
  const alone = memoryOf(program.pid())

  devices = startDevices(program.port)
  const { tell, sum } = devices
  const openedAtMs = performance.now()
  tell('open')
  await until('all are connected', () => sum('back') === connections, devices)
  report['firstConnect'] = { seconds: seconds(openedAtMs), puback: publishers.take() }
  await wait(30_000)
  const withAll = memoryOf(program.pid())
  const kilobytesEach = (after: number, before: number): number => Math.round(((after - before) * 10_240) / connections) / 10
  report['idle'] = {
    alone,
    withAll,
    kilobytesEach: {
      resident: kilobytesEach(withAll.residentMb, alone.residentMb),
      own: kilobytesEach(withAll.ownMb, alone.ownMb),
    },
    puback: publishers.take(),
  }

  const presenceBefore = await program.presence()
  const attemptsBefore = { attempts: sum('attempts'), refused: sum('refused'), sessionsResumed: sum('sessionsResumed') }
  const killedAtMs = performance.now()
  await program.kill()
  const startSeconds = await program.start()
  const returned = await watchReturn(devices, killedAtMs)
  const puback = publishers.take()
  const cpuSeconds = cpuSecondsOf(program.pid())
  await wait(Number(values.watch) * 1_000)
  report['restart'] = {
    startSeconds,
    backAfterSeconds: returned,
    attempts: sum('attempts') - attemptsBefore.attempts,
    refused: sum('refused') - attemptsBefore.refused,
    sessionsResumed: sum('sessionsResumed') - attemptsBefore.sessionsResumed,
    puback,
    cpuSeconds,
    memory: memoryOf(program.pid()),
    ...(difference(await program.presence(), presenceBefore) as object | undefined),
    pubackAfter: publishers.take(),
  }

  const presenceBeforeStorm = await program.presence()
  const cpuBefore = cpuSecondsOf(program.pid())
  const stormAtMs = performance.now()
  const attemptsBeforeStorm = sum('attempts')
  tell('storm')
  await until('all try again', () => sum('attempts') >= attemptsBeforeStorm + connections, devices)
  const stormReturned = await watchReturn(devices, stormAtMs)
  const stormPuback = publishers.take()
  const stormCpu = cpuSecondsOf(program.pid()) - cpuBefore
  await wait(10_000)
  report['storm'] = {
    backAfterSeconds: stormReturned,
    puback: stormPuback,
    cpuSeconds: Math.round(stormCpu * 10) / 10,
    memory: memoryOf(program.pid()),
    ...(difference(await program.presence(), presenceBeforeStorm) as object | undefined),
  }
  publishers.end()
} catch (error) {
  report['failed'] = String(error)
  process.exitCode = 1
} finally {
  console.log(JSON.stringify(report, null, 1))
  devices?.tell('end')
  await program.stop()
  rmSync(folder, { recursive: true, force: true })
  process.exit()
}
