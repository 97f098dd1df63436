/**
 * The program as its users run it, in a folder of its own on ports of its own, to be killed and started again. The ports
 * stay the same over restarts, so that clients find it again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'

export type RecorderPorts = { mqtt: number; websocket: number; http: number; warehouse: number }
export type Recorder = {
  ports: RecorderPorts
  adminToken: string
  /** Starts it and waits until it is ready; answers the seconds that took. */
  start: () => Promise<number>
  /** SIGKILL of the whole program: its main process; the warehouse child leaves by itself, as after any crash. */
  killProgram: () => Promise<void>
  /** SIGKILL of the warehouse child alone; answers the seconds until another one answers queries. */
  killWarehouse: () => Promise<number>
  /** SIGTERM, and the exit code. */
  stop: () => Promise<number | null>
  /** The last lines it wrote. */
  output: () => string
}

const project = resolve(import.meta.dirname, '../..')
const readyWithinMs = 60_000
const outputLinesMax = 200

/** `plantedBug`: one of `planted-bugs.ts`, in the program and its threads. `settings`: over the usual ones. */
export const createRecorder = async (
  dataFolder: string,
  plantedBug?: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Recorder> => {
  const [mqtt = 0, websocket = 0, http = 0, warehouse = 0] = await freePorts(4)
  const ports = { mqtt, websocket, http, warehouse }
  const adminToken = 'ledger-test-token-0123456789'
  let child: ChildProcess | undefined
  let lines: string[] = []

  const launch = (): void => {
    const hook = plantedBug === undefined ? [] : ['--import', join(project, 'test/ledger/plant-hook.fixture.ts')]
    const started = spawn(process.execPath, ['--max-semi-space-size=16', ...hook, 'app/main.ts'], {
      // As `npm start` does.
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(plantedBug === undefined ? {} : { PLANTED_BUG: plantedBug }),
        MALLOC_ARENA_MAX: '2',
        DATA_DIR: dataFolder,
        ADMIN_TOKEN: adminToken,
        MQTT_LISTEN: `127.0.0.1:${mqtt}`,
        MQTT_WS_LISTEN: `127.0.0.1:${websocket}`,
        HTTP_LISTEN: `127.0.0.1:${http}`,
        WAREHOUSE_LISTEN: `127.0.0.1:${warehouse}`,
        ...settings,
      },
    })
    const keep = (bytes: Buffer): void => {
      lines = [...lines, ...bytes.toString().split('\n').filter(Boolean)].slice(-outputLinesMax)
    }
    started.stdout.on('data', keep)
    started.stderr.on('data', keep)
    child = started
  }
  const output = (): string => lines.join('\n')
  const ready = async (): Promise<boolean> => (await fetchStatus(`http://127.0.0.1:${http}/readyz`)) === 200
  const exited = (process: ChildProcess): Promise<number | null> =>
    process.exitCode !== null || process.signalCode !== null
      ? Promise.resolve(process.exitCode)
      : new Promise((done) => process.once('exit', done))
  const running = (): ChildProcess & { pid: number } => {
    if (child?.pid === undefined || child.exitCode !== null) throw new Error(`The recorder is not running:\n${output()}`)
    return child as ChildProcess & { pid: number }
  }

  return {
    ports,
    adminToken,
    output,
    start: async () => {
      const startedAt = performance.now()
      launch()
      await waitFor('the recorder is ready', async () => {
        running()
        return ready()
      }, readyWithinMs, output) // biome-ignore format: one call
      return (performance.now() - startedAt) / 1000
    },
    killProgram: async () => {
      const target = running()
      target.kill('SIGKILL')
      await exited(target)
    },
    killWarehouse: async () => {
      const main = running()
      const before = warehousePid(main.pid)
      if (before === undefined) throw new Error(`No warehouse child below process ${main.pid}:\n${output()}`)
      const startedAt = performance.now()
      process.kill(before, 'SIGKILL')
      await waitFor('another warehouse answers', async () => {
        const now = warehousePid(running().pid)
        return now !== undefined && now !== before && (await ready()) && (await fetchStatus(`http://127.0.0.1:${warehouse}/ping`)) === 200
      }, readyWithinMs, output) // biome-ignore format: one call
      return (performance.now() - startedAt) / 1000
    },
    stop: async () => {
      const target = child
      if (target === undefined) return null
      target.kill('SIGTERM')
      return exited(target)
    },
  }
}

/** The child of `parent` whose command line names the warehouse's program. */
const warehousePid = (parent: number): number | undefined =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        const fields = readFileSync(join('/proc', String(pid), 'stat'), 'utf8')
          .split(') ')
          .at(-1)
          ?.split(' ')
        if (fields?.[1] !== String(parent) || fields[0] === 'Z') return false
        return /chdb|warehouse/.test(readFileSync(join('/proc', String(pid), 'cmdline'), 'utf8'))
      } catch {
        return false // It ended while we looked.
      }
    })

export const fetchStatus = async (url: string): Promise<number | undefined> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}

/** All asked for at once, so that no two are the same. */
export const freePorts = async (count: number): Promise<number[]> => {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((done) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address()
            done(typeof address === 'object' && address !== null ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

/** Asks until `check` holds; fails with what the program said last. */
export const waitFor = async (
  what: string,
  check: () => Promise<boolean>,
  withinMs: number,
  explain: () => string = () => '',
): Promise<void> => {
  const endMs = performance.now() + withinMs
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`Not within ${withinMs / 1000} s: ${what}\n${explain()}`)
    await new Promise((done) => setTimeout(done, 50))
  }
}
