/**
 * The warehouse child: owns the engine's folder and answers on two doors. Started by `supervisor.ts` and by nobody else:
 * without a parent's pipe it ends at once, and it ends when the pipe closes, also after a kill -9 of the parent.
 * A Ctrl-C reaches the whole process group; only the parent decides when the child stops, so signals are ignored.
 */
import { readFileSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createAdmission } from './admission.ts'
import type { ChildConfig, FromChild, ToChild } from './child-protocol.ts'
import { type DoorServer, startDoor } from './door-server.ts'
import { type Engine, openEngine } from './engine.ts'
import { createPrivateDoor } from './private-door.ts'
import { createPublicDoor } from './public-door.ts'
import { mendTokenLogs } from './token-log.ts'

/** Sixteen statements at once over both doors, each on a thread of libuv; the supervisor sets UV_THREADPOOL_SIZE to fit. */
const publicLimits = { runningMax: 8, waitingMax: 64 }
const privateLimits = { runningMax: 8, waitingMax: 64 }
/** Running statements get so long at a stop. */
const stopWithinMs = 5000

const say = (message: FromChild): void => {
  process.send?.(message)
}

const start = async (config: ChildConfig): Promise<() => Promise<void>> => {
  await mkdir(config.path, { recursive: true, mode: 0o700 })
  const engine = await openWhenFree(config)
  await mendTokenLogs(engine, config.database)
  const doors: DoorServer[] = []
  const privateDoor = await startDoor(
    { host: '127.0.0.1', port: config.privatePort },
    createPrivateDoor({
      engine,
      admission: createAdmission(privateLimits),
      database: config.database,
      uploadDir: config.uploadDir,
      credentials: { user: 'service', secret: config.serviceSecret },
    }),
  )
  doors.push(privateDoor)
  let publicPort: number | null = null
  if (config.publicListen) {
    const publicDoor = await startDoor(
      config.publicListen,
      createPublicDoor({
        engine,
        admission: createAdmission(publicLimits),
        database: config.database,
        hostNames: config.hostNames,
        hiddenTables: new Set(config.hiddenTables),
        queryMemoryBytesMax: Math.min(1_500_000_000, Math.floor(config.memoryBytesMax / 2)),
        credentials: { user: 'admin', secret: config.adminToken },
        onAsked: (line) => say({ kind: 'asked', ...line }),
      }),
    )
    doors.push(publicDoor)
    publicPort = publicDoor.port
  }
  say({ kind: 'ready', privatePort: privateDoor.port, publicPort })
  return async () => {
    await Promise.race([Promise.all(doors.map((door) => door.close())), delay(stopWithinMs, undefined, { ref: false })])
    engine.close()
  }
}

const lockRetryMs = 100

const openWhenFree = async (config: ChildConfig): Promise<Engine> => {
  for (const until = Date.now() + config.lockWaitMs; ; ) {
    try {
      return openEngine({ path: config.path, database: config.database, memoryBytesMax: config.memoryBytesMax })
    } catch (error) {
      // The engine says only that it failed; whether a lock is the reason, the kernel knows.
      const holder = holderOf(join(config.path, 'status'))
      if (holder === null) throw error
      if (Date.now() >= until) {
        throw new Refused('DATA_DIR_IN_USE', `Expected the warehouse folder ${config.path} to be free, but it is held by ${holder}`)
      }
      await delay(lockRetryMs)
    }
  }
}

class Refused extends Error {
  readonly code: 'DATA_DIR_IN_USE'
  constructor(code: 'DATA_DIR_IN_USE', message: string) {
    super(message)
    this.code = code
  }
}

/** Who has locked the file, from Linux' list of locks: `1: FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF`. Null: nobody. */
const holderOf = (file: string): string | null => {
  try {
    const inode = statSync(file).ino
    const line = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .find((lock) => lock.includes(`:${inode} `))
    return line === undefined ? null : `process ${/ (?:READ|WRITE) +(-?\d+) /.exec(line)?.[1] ?? 'unknown'}`
  } catch {
    return null
  }
}

const refuse = (error: unknown, config: ChildConfig): void => {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Refused) say({ kind: 'refused', code: error.code, message })
  else if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    const listen = config.publicListen
    say({
      kind: 'refused',
      code: 'PORT_IN_USE',
      message: `Expected ${listen ? `${listen.host}:${listen.port}` : `port ${config.privatePort}`} to be free: ${message}`,
    })
  } else if ((error as NodeJS.ErrnoException).code === 'EACCES') say({ kind: 'refused', code: 'DATA_DIR_NOT_WRITABLE', message })
  else say({ kind: 'refused', code: 'WAREHOUSE_UNAVAILABLE', message })
}

const run = (): void => {
  let stop: () => Promise<void> = async () => undefined
  let refused = false
  // The library's own tear-down at exit crashes now and then, after everything is closed: it is not waited for.
  const end = (): void => void stop().finally(endAtOnce)
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  // The parent is gone, perhaps by kill -9, and its next start wants the folder: closing could wait for a long merge, and the
  // engine's files stand a kill.
  process.on('disconnect', () => {
    if (refused) process.exit(1)
    endAtOnce()
  })
  process.on('message', (message: ToChild) => {
    if (message.kind === 'stop') {
      end()
      return
    }
    start(message.config).then(
      (started) => {
        stop = started
      },
      (error: unknown) => {
        refused = true
        refuse(error, message.config)
        process.disconnect()
      },
    )
  })
}

const endAtOnce = (): void => {
  process.kill(process.pid, 'SIGKILL')
}

if (process.send === undefined) {
  process.stderr.write('Expected to be started by the recorder. Start the recorder instead: npm start\n')
  process.exit(1)
}
run()
