/**
 * Each night a few random devices are run anew and compared with their rows (`rebuild-verify.ts`), in a child process of low
 * priority, bounded in memory and time. What differs is a metric and a log line that names the first rows; nothing else of
 * the program depends on it. Started by `recorder.ts`.
 */
import { randomInt } from 'node:crypto'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { askChild } from '../adapters/system/child-question.ts'
import { removeFolder } from '../adapters/system/folder.ts'
import { makeFolder } from '../adapters/system/output-file.ts'
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
  let killChild: (() => void) | undefined
  let running: Promise<void> | undefined
  let stopping = false

  const runOnce = async (): Promise<void> => {
    const beganMs = nowMs()
    const seed = randomInt(seedsEnd)
    try {
      const report = await inChild(options, seed, (kill) => {
        killChild = kill
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
      killChild = undefined
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
      killChild?.() // Its engine ends when its pipe closes, and its folder is removed by `inChild`.
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

const inChild = async ({ config, publicUrl }: NightlySampleOptions, seed: number, onStarted: (kill: () => void) => void): Promise<Done> => {
  // Within the data folder: the space is accounted for, and what a killed sample left is found and removed.
  const scratch = resolve(join(config.DATA_DIR, 'rebuild-scratch'))
  await removeFolder(scratch)
  await makeFolder(scratch)
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
    await removeFolder(scratch)
  }
}

const ask = async (order: SampleOrder, scratch: string, onStarted: (kill: () => void) => void): Promise<Done> => {
  const report = await askChild<SampleReport>({
    script: fileURLToPath(new URL('./nightly-sample-child.ts', import.meta.url)),
    order,
    env: { TMPDIR: scratch, TZ: 'UTC', MALLOC_ARENA_MAX: '2' },
    heapMb,
    withinMs,
    onStarted,
  })
  if (report.kind === 'failed') throw new Error(report.message)
  return report
}
