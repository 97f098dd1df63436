/** A bridge as a process of its own: started, killed, and its processor time looked at as it runs (`/proc/PID`, Linux only). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import type { Peer } from './bridge-peers.ts'

export type BridgeProcess = {
  start: () => Promise<void>
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>
  /** Microseconds of processor time, user and system of all its threads, between two moments of its life. */
  cpuMicrosBetween: (fromMs: number, toMs: number) => number
  /** Highest resident memory of the process as it runs (VmHWM). */
  memoryBytesMax: () => number
  logFile: string
}

const lookEveryMs = 50
/** Of `/proc/PID/stat`, on every Linux of today. */
const ticksPerSecond = 100

export const bridgeProcess = ({ program, args, env }: Peer, logFile: string): BridgeProcess => {
  let child: ChildProcess | undefined
  let looking: NodeJS.Timeout | undefined
  let looks: { atMs: number; ticks: number }[] = []

  const look = (): void => {
    const ticks = child?.pid === undefined ? undefined : ticksOf(child.pid)
    if (ticks !== undefined) looks.push({ atMs: Date.now(), ticks })
  }
  const ticksAt = (atMs: number): number => {
    const behind = looks.findIndex((look) => look.atMs >= atMs)
    const after = looks[behind] ?? looks.at(-1)
    const before = looks[behind - 1] ?? after
    if (after === undefined || before === undefined) throw new Error('the process was not looked at')
    const share = after.atMs === before.atMs ? 1 : (atMs - before.atMs) / (after.atMs - before.atMs)
    return before.ticks + (after.ticks - before.ticks) * Math.min(1, Math.max(0, share))
  }

  return {
    start: async () => {
      const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
      await once(started, 'spawn')
      const log = createWriteStream(logFile, { flags: 'a' })
      started.stdout.pipe(log, { end: false })
      started.stderr.pipe(log, { end: false })
      child = started
      looks = []
      looking = setInterval(look, lookEveryMs)
      look()
    },
    end: async (signal) => {
      clearInterval(looking)
      const ending = child
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
      const ended = once(ending, 'exit')
      ending.kill(signal)
      await ended
    },
    cpuMicrosBetween: (fromMs, toMs) => {
      look()
      return ((ticksAt(toMs) - ticksAt(fromMs)) / ticksPerSecond) * 1_000_000
    },
    memoryBytesMax: () => {
      const status = readFileSync(`/proc/${child?.pid ?? 0}/status`, 'utf8')
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
    },
    logFile,
  }
}

/** Undefined when it is gone. */
const ticksOf = (pid: number): number | undefined => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return undefined
  }
}
