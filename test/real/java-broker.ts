/** An MQTT broker in a Java process of its own on loopback, for tests: ready when its port answers, stopped by its own handle. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type RealBroker = {
  url: string
  start: () => Promise<void>
  /** SIGKILL; `start` goes on with the same folder. */
  kill: () => Promise<void>
  stop: () => Promise<void>
}

const readyWithinMs = 90_000

export const startJavaBroker = async (name: string, port: number, args: readonly string[], logFile: string): Promise<RealBroker> => {
  let server: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const started = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    server = started
    const log = createWriteStream(logFile, { flags: 'a' })
    started.stdout.pipe(log)
    started.stderr.pipe(log, { end: false })
    const giveUpAtMs = Date.now() + readyWithinMs
    while (!(await listens(port))) {
      if (started.exitCode !== null || Date.now() > giveUpAtMs) throw new Error(`${name} did not start:\n${tail(logFile)}`)
      await sleep(50)
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
  return { url: `mqtt://127.0.0.1:${port}`, start, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
}

export const freePort = async (): Promise<number> => {
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
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const tail = (path: string): string => readFileSync(path, 'utf8').split('\n').slice(-15).join('\n')
