/**
 * Each night a few random devices are run anew and compared with their rows (`rebuild-verify.ts`), in a child process of low
 * priority, bounded in memory and time. What differs is a metric and a log line that names the first rows; nothing else of
 * the program depends on it. Started by `recorder.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'

export type SampleOrder = { config: Config; publicUrl: string; count: number; seed: number; memoryBytesMax: number }

export type SampleReport =
  | { kind: 'done'; devices: number; events: number; differing: Record<string, number>; lines: string[] }
  | { kind: 'failed'; message: string }

export type NightlySample = {
  /** One sample, now; never two at once. Does not reject: a failure is a metric and a log line. */
  run: () => Promise<void>
  stop: () => Promise<void>
}

export type NightlySampleOptions = {
  config: Config
  /** Of the warehouse's read-only door. */
  publicUrl: string
  logger: Logger
  metrics: Metrics
  nowMs: () => number
}

/** A start is busy with itself, and perhaps with a fleet that comes back. */
const afterStartMs = 10 * 60_000
/** A sample that takes longer would meet the morning; it counts as failed. */
const withinMs = 2 * 3_600_000
/** Of its scratch engine, or less when the live one has less. */
const memoryBytesMax = 600_000_000
const heapMb = 512
const dayMs = 86_400_000
const seedsEnd = 2 ** 31

export const startNightlySample = (options: NightlySampleOptions): NightlySample => {
  const { config, nowMs, metrics, logger } = options
  const startedMs = nowMs()
  let timer: NodeJS.Timeout | undefined
  let child: ChildProcess | undefined
  let running: Promise<void> | undefined
  let stopping = false

  const runOnce = async (): Promise<void> => {
    const beganMs = nowMs()
    const seed = randomInt(seedsEnd)
    try {
      const report = await inChild(options, seed, (started) => {
        child = started
      })
      for (const [table, rows] of Object.entries(report.differing)) metrics.sampleDifferingRows.set({ table }, rows)
      metrics.sampleDevices.set(report.devices)
      metrics.sampleEvents.set(report.events)
      metrics.sampleDuration.set((nowMs() - beganMs) / 1000)
      metrics.sampleLastRun.set(nowMs() / 1000)
      const rows = Object.values(report.differing).reduce((sum, own) => sum + own, 0)
      if (rows > 0)
        logger.warn({ ...describeError(differs(rows, report.devices, seed)), first: report.lines }, 'the nightly sample found differences')
    } catch (error) {
      if (stopping) return
      metrics.sampleFailures.inc()
      logger.warn({ seed, ...describeError(error) }, 'the nightly sample could not be done; the next night tries again')
    } finally {
      child = undefined
    }
  }
  const run = (): Promise<void> =>
    (running ??= runOnce().finally(() => {
      running = undefined
    }))

  const schedule = (): void => {
    timer = setTimeout(
      () => void run().then(() => (stopping ? undefined : schedule())),
      nextRunMs(config.REBUILD_SAMPLE_AT, nowMs(), startedMs) - nowMs(),
    )
  }
  // Over Kafka there is no folder to read the past from.
  if (config.REBUILD_SAMPLE_DEVICES > 0 && config.KAFKA_BROKERS === '') schedule()

  return {
    run,
    stop: async () => {
      stopping = true
      clearTimeout(timer)
      child?.kill('SIGKILL') // Its engine ends when its pipe closes, and its folder is removed by `inChild`.
      await running
    },
  }
}

/** The next such time of day (UTC) that lies `afterStartMs` behind the start; one that falls into it is made up then. */
export const nextRunMs = (timeOfDay: string, nowMs: number, startedMs: number): number => {
  const [hours = 0, minutes = 0] = timeOfDay.split(':').map(Number)
  const ofDayMs = (hours * 60 + minutes) * 60_000
  const today = Math.floor(nowMs / dayMs) * dayMs + ofDayMs
  const next = today > nowMs ? today : today + dayMs
  return Math.max(next, startedMs + afterStartMs)
}

const differs = (rows: number, devices: number, seed: number): AppError =>
  new AppError(
    'REBUILD_DIFFERENCES',
    `Expected the tables to be what the log says, got ${rows} rows of ${devices} devices that differ (seed ${seed})`,
  )

type Done = Extract<SampleReport, { kind: 'done' }>

const inChild = async (
  { config, publicUrl }: NightlySampleOptions,
  seed: number,
  onStarted: (child: ChildProcess) => void,
): Promise<Done> => {
  // Within the data folder: the space is accounted for, and what a killed sample left is found and removed.
  const scratch = resolve(join(config.DATA_DIR, 'rebuild-scratch'))
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    const order: SampleOrder = {
      config,
      publicUrl,
      count: config.REBUILD_SAMPLE_DEVICES,
      seed,
      memoryBytesMax: Math.min(memoryBytesMax, config.WAREHOUSE_MEMORY_BYTES_MAX),
    }
    return await ask(order, scratch, onStarted)
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

const ask = (order: SampleOrder, scratch: string, onStarted: (child: ChildProcess) => void): Promise<Done> =>
  new Promise((resolveDone, reject) => {
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${heapMb}`, fileURLToPath(new URL('./nightly-sample-child.ts', import.meta.url))],
      {
        env: { TMPDIR: scratch, TZ: 'UTC', MALLOC_ARENA_MAX: '2' },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    )
    onStarted(child)
    let words = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      words = (words + bytes.toString('utf8')).slice(-wordsMax)
    })
    let report: SampleReport | undefined
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs)
    child.on('message', (message: SampleReport) => {
      report = message
    })
    child.once('error', reject)
    // Only when it is gone: its folder is removed next.
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (report?.kind === 'done') resolveDone(report)
      else if (report?.kind === 'failed') reject(new Error(report.message))
      else reject(new Error(`the sample's process ended (${signal ?? `code ${code ?? 0}`}) ${words.trim()}`))
    })
    child.send(order)
  })

const wordsMax = 2_000
