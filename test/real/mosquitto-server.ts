/**
 * One real Mosquitto (Debian's package) on loopback, for tests: own port, own folder, stopped by its own handle. It is set up
 * as `compose.yaml` sets it up, to keep what it acknowledged; `kill` is SIGKILL, `start` goes on with the same folder.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, serverProcess, type ServerProcess } from './server-process.ts'

export type MosquittoServer = ServerProcess & { url: string; port: number }

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
  const server = serverProcess({ name: 'Mosquitto', program, args: ['-c', settings], port, logFile, readyWithinMs })
  await server.start()
  return { ...server, url: `mqtt://127.0.0.1:${port}`, port }
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
