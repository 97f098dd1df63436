/** One of the recorder's programs (`npm run start:<kind>`) as a process of its own, to be killed, stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import type { ProgramName } from '../../app/programs.ts'

export type ServiceProgram = {
  name: string
  /** Of its HTTP server. */
  url: string
  start: () => void
  /** SIGKILL; resolves when it has ended. */
  kill: () => Promise<void>
  /** SIGTERM, and the exit code. */
  stop: () => Promise<number | null>
  /** What `/readyz` says it waits for: nothing when it is ready, null when it does not answer. */
  waitingFor: () => Promise<string[] | null>
  /** Sum of a metric over its labels; null when the program does not answer. */
  metric: (name: string) => Promise<number | null>
}

export type ServiceProgramOptions = {
  name: string
  kind: ProgramName
  statusPort: number
  environment: () => Record<string, string>
  onOutput: (bytes: Buffer) => void
}

const project = resolve(import.meta.dirname, '../..')
const answerWithinMs = 5_000

export const serviceProgram = ({ name, kind, statusPort, environment, onOutput }: ServiceProgramOptions): ServiceProgram => {
  const url = `http://127.0.0.1:${statusPort}`
  let child: ChildProcess | undefined
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    const ending = child
    if (ending === undefined) return null
    ending.kill(signal)
    if (ending.exitCode === null && ending.signalCode === null) await new Promise((done) => ending.once('exit', done))
    return ending.exitCode
  }
  const ask = async (path: string): Promise<string | null> => {
    try {
      const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(answerWithinMs) })
      return await response.text()
    } catch {
      return null
    }
  }
  return {
    name,
    url,
    start: () => {
      const started = spawn(process.execPath, ['--max-semi-space-size=16', 'app/program-main.ts', kind], {
        cwd: project,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, MALLOC_ARENA_MAX: '2', ...environment() },
      })
      started.stdout.on('data', onOutput)
      started.stderr.on('data', onOutput)
      child = started
    },
    kill: async () => {
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
    waitingFor: async () => {
      const text = await ask('/readyz')
      return text === null ? null : (JSON.parse(text) as { waitingFor: string[] }).waitingFor
    },
    metric: async (metric) => {
      const lines = (await ask('/metrics'))?.split('\n').filter((line) => line.startsWith(`${metric} `) || line.startsWith(`${metric}{`))
      return lines === undefined ? null : lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    },
  }
}
