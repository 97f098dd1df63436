/**
 * One real Mosquitto (Debian's package) on loopback, for tests: own port, own folder, stopped by its own handle. It is set up
 * as `compose.yaml` sets it up, to keep what it acknowledged; `kill` is SIGKILL, `start` goes on with the same folder.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export type MosquittoServer = {
  url: string
  port: number
  start: () => Promise<void>
  kill: () => Promise<void>
  stop: () => Promise<void>
  /** The end of its log. */
  log: () => string
}

export type MosquittoOptions = {
  dir: string
  /** Default: a free one. */
  port?: number
  /** Beside the settings below, one line each. */
  lines?: readonly string[]
}

const readyWithinMs = 20_000

export const startMosquitto = async (options: MosquittoOptions): Promise<MosquittoServer> => {
  const program = mosquittoProgram()
  const port = options.port ?? (await freePort())
  mkdirSync(options.dir, { recursive: true })
  const settings = join(options.dir, 'mosquitto.conf')
  const logFile = join(options.dir, 'mosquitto.log')
  writeFileSync(settings, `${settingsOf(options, port).join('\n')}\n`)
  let server: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const started = spawn(program, ['-c', settings], { stdio: ['ignore', 'ignore', 'pipe'] })
    server = started
    started.stderr.pipe(createWriteStream(logFile, { flags: 'a' }))
    const giveUpAtMs = Date.now() + readyWithinMs
    while (!(await listens(port))) {
      if (started.exitCode !== null || Date.now() > giveUpAtMs) throw new Error(`Mosquitto did not start:\n${tail(logFile)}`)
      await sleep(20)
    }
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const ending = server
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = once(ending, 'exit')
    ending.kill(signal)
    await ended
  }
  await start()
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    start,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    log: () => tail(logFile),
  }
}

const settingsOf = ({ dir, lines = [] }: MosquittoOptions, port: number): string[] => [
  'per_listener_settings false',
  `listener ${port} 127.0.0.1`,
  ...(lines.some((line) => line.startsWith('allow_anonymous')) ? [] : ['allow_anonymous true']),
  // Started by root it would become the user mosquitto, who may not write here.
  'user root',
  'persistence true',
  `persistence_location ${dir}/`,
  'autosave_on_changes true',
  'autosave_interval 1',
  'max_queued_messages 0',
  'max_inflight_messages 0',
  'log_dest stderr',
  'log_type error',
  'log_type warning',
  'log_type notice',
  ...lines,
]

/** Throws with what to install. */
export const mosquittoProgram = (): string => {
  for (const candidate of ['mosquitto', '/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto']) {
    try {
      execFileSync(candidate, ['-h'], { stdio: 'ignore' })
      return candidate
    } catch (error) {
      // `mosquitto -h` answers with status 3.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return candidate
    }
  }
  throw new Error('Mosquitto is missing: apt-get install mosquitto')
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

const tail = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(-20).join('\n')
  } catch {
    return 'no log'
  }
}
