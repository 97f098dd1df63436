/** A real server as a process of its own on loopback: ready when its port answers, killed or stopped by its own handle. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type ServerProcess = {
  /** Goes on with the same folder, as a supervisor would. */
  start: () => Promise<void>
  /** SIGKILL; resolves when it has ended. */
  kill: () => Promise<void>
  /** In order; for a suite's end. */
  stop: () => Promise<void>
  /** SIGSTOP: it answers nobody, its connections stay; until `thaw`, SIGCONT. */
  freeze: () => void
  thaw: () => void
  /** The end of its log. */
  log: () => string
}

export type ServerProcessOptions = {
  name: string
  program: string
  args: readonly string[]
  /** It is ready when this one answers. */
  port: number
  /** What it says goes to the end of this file. */
  logFile: string
  readyWithinMs: number
}

/** Not started yet. */
export const serverProcess = ({ name, program, args, port, logFile, readyWithinMs }: ServerProcessOptions): ServerProcess => {
  let server: ChildProcess | undefined
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const ending = server
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = once(ending, 'exit')
    ending.kill(signal)
    await ended
  }
  return {
    start: async () => {
      const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      server = started
      const log = createWriteStream(logFile, { flags: 'a' })
      started.stdout.pipe(log)
      started.stderr.pipe(log, { end: false })
      const giveUpAtMs = Date.now() + readyWithinMs
      while (!(await listens(port))) {
        if (started.exitCode !== null || Date.now() > giveUpAtMs) {
          started.kill('SIGKILL')
          throw new Error(`${name} did not start:\n${tail(logFile)}`)
        }
        await sleep(20)
      }
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    freeze: () => void server?.kill('SIGSTOP'),
    thaw: () => void server?.kill('SIGCONT'),
    log: () => tail(logFile),
  }
}

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const tail = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(-20).join('\n')
  } catch {
    return 'no log'
  }
}
