/**
 * Keeps the warehouse child alive: started with what it needs, restarted with back-off when it dies, stopped in order.
 * While it is away, inserts and queries end in `WAREHOUSE_UNAVAILABLE` and are repeated by their callers; the address stays.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../runtime/errors.ts'
import type { ChildConfig, FromChild, ToChild } from './child-protocol.ts'

export type WarehouseChildOptions = {
  /** The engine's files go to `<dataDir>/warehouse`. */
  dataDir: string
  /** Public, read-only door; null: none. */
  listen: { host: string; port: number } | null
  /** Password of the public door's user `admin`. */
  adminToken: string
  memoryBytesMax: number
  database?: string
  /** Names beside addresses and localhost that may stand in the Host header. */
  hostNames?: string[]
  /** Tables of the database that the public door does not show. */
  hiddenTables?: string[]
  /** How long a start waits for a predecessor to let go of the folder. */
  lockWaitMs?: number
  /** The child died by itself (or by someone's hand) and is started again. */
  onRestart?: (reason: string) => void
  /** One line per request at the public door. */
  onAsked?: (line: Extract<FromChild, { kind: 'asked' }>) => void
}

export type WarehouseChild = {
  /** For `openWarehouse`: anything is allowed here. The same for the life of this object. */
  access: { url: string; username: string; password: string }
  /** Of the public door, '' when there is none. */
  publicUrl: string
  /** Of the process now running, or undefined between two. */
  pid: () => number | undefined
  /** Running statements get five seconds. A second call is harmless. */
  stop: () => Promise<void>
}

const restartAfterMsMin = 100
const restartAfterMsMax = 5000
/** A child that lived so long was well: the next restart is quick again. */
const wellAfterMs = 30_000
const stopWithinMs = 10_000
/** Sixteen statements at once, a kill each for some, and the file system. */
const threads = 16 + 8

/** Rejects when the first child cannot start: DATA_DIR_IN_USE, PORT_IN_USE, DATA_DIR_NOT_WRITABLE, WAREHOUSE_UNAVAILABLE. */
export const startWarehouseChild = async (options: WarehouseChildOptions): Promise<WarehouseChild> => {
  const secret = randomBytes(32).toString('base64url')
  const config: ChildConfig = {
    path: join(options.dataDir, 'warehouse'),
    uploadDir: join(options.dataDir, 'warehouse-uploads'),
    database: options.database ?? 'fleet',
    memoryBytesMax: options.memoryBytesMax,
    lockWaitMs: options.lockWaitMs ?? 15_000,
    publicListen: options.listen,
    hostNames: options.hostNames ?? [],
    hiddenTables: options.hiddenTables ?? [],
    adminToken: options.adminToken,
    privatePort: 0,
    serviceSecret: secret,
  }
  let current: Running | undefined
  let stopping = false

  const keepAlive = async (first: Running): Promise<void> => {
    let running = first
    let restartAfterMs = restartAfterMsMin
    for (;;) {
      const reason = await running.ended
      current = undefined
      if (stopping) return
      options.onRestart?.(reason)
      restartAfterMs = Date.now() - running.startedAtMs > wellAfterMs ? restartAfterMsMin : Math.min(restartAfterMs * 2, restartAfterMsMax)
      for (;;) {
        await delay(restartAfterMs)
        if (isStopping()) return
        try {
          running = await startChild(config, options)
          break
        } catch (error) {
          options.onRestart?.(error instanceof Error ? error.message : String(error))
          restartAfterMs = Math.min(restartAfterMs * 2, restartAfterMsMax)
        }
      }
      current = running
      // Told to stop while it started.
      if (isStopping()) running.stop()
    }
  }
  const isStopping = (): boolean => stopping

  const first = await startChild(config, options)
  // The same ports in the next life.
  config.privatePort = first.privatePort
  if (config.publicListen && first.publicPort !== null) config.publicListen = { ...config.publicListen, port: first.publicPort }
  current = first
  const kept = keepAlive(first)

  const host = config.publicListen?.host ?? ''
  return {
    access: { url: `http://127.0.0.1:${first.privatePort}`, username: 'service', password: secret },
    publicUrl: config.publicListen ? `http://${host.includes(':') ? `[${host}]` : host}:${config.publicListen.port}` : '',
    pid: () => current?.pid,
    stop: async () => {
      stopping = true
      current?.stop()
      await kept
    },
  }
}

type Running = {
  pid: number | undefined
  startedAtMs: number
  privatePort: number
  publicPort: number | null
  /** Resolves with why, when the process is gone. */
  ended: Promise<string>
  stop: () => void
}

const startChild = (config: ChildConfig, options: WarehouseChildOptions): Promise<Running> =>
  new Promise((resolve, reject) => {
    const startedAtMs = Date.now()
    const child = spawn(process.execPath, [fileURLToPath(new URL('./child-main.ts', import.meta.url))], {
      // Nothing of ours leaks into the engine; its sessions speak UTC.
      env: { UV_THREADPOOL_SIZE: String(threads), TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const lastWords = keepLastWords(child)
    let refusal: AppError | undefined
    const ended = new Promise<string>((resolveEnded) => {
      child.once('error', (error) => resolveEnded(error.message))
      child.once('exit', (code, signal) => resolveEnded(`the warehouse process ended (${signal ?? `code ${code}`})${lastWords()}`))
    })
    child.on('message', (message: FromChild) => {
      switch (message.kind) {
        case 'ready':
          resolve({
            pid: child.pid,
            startedAtMs,
            privatePort: message.privatePort,
            publicPort: message.publicPort,
            ended,
            stop: () => stopChild(child),
          })
          return
        case 'refused':
          refusal = new AppError(message.code, message.message)
          return
        case 'asked':
          options.onAsked?.(message)
      }
    })
    // Only when it is gone: the next start must find folder and ports free.
    void ended.then((reason) =>
      reject(refusal ?? new AppError('WAREHOUSE_UNAVAILABLE', `Expected the warehouse process to start: ${reason}`)),
    )
    send(child, { kind: 'start', config })
  })

const send = (child: ChildProcess, message: ToChild): void => {
  // A closed pipe means that it is gone, and its exit tells that.
  if (child.connected) child.send(message, () => undefined)
}

const stopChild = (child: ChildProcess): void => {
  send(child, { kind: 'stop' })
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
  child.once('exit', () => clearTimeout(timer))
}

const lastWordsMax = 2000

/** The end of its standard error, for the message when it dies. */
const keepLastWords = (child: ChildProcess): (() => string) => {
  let words = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-lastWordsMax)
  })
  return () => (words === '' ? '' : `: ${words.trim()}`)
}
