/**
 * The past run anew on the embedded parts: log and stage of a data folder, records of every partition from their beginning,
 * into a warehouse that is named. Subjects are shared out over worker threads (`rebuild-worker.ts`); here they are started,
 * watched and added up. Used by `rebuild-verify.ts` and `rebuild-apply.ts`.
 */
import { boundPatternTime } from '../adapters/system/linear-patterns.ts'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { WarehouseOptions } from '../adapters/clickhouse/warehouse.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { createStageStore } from '../adapters/lmdb/stage-store.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { EventLog, Warehouse } from '../model/ports.ts'
import { seenIdsMax } from '../processors/domain/seen-ids.ts'
import { sessionMessagesMax } from '../processors/domain/session-window.ts'
import { consumerGroups } from '../processors/main.ts'
import { noFigures, type RebuildFigures } from '../processors/rebuild.ts'
import type { Span } from '../processors/rebuild-compare.ts'
import type { Kept } from '../processors/stage-run.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { readErasures } from './rebuild-erasures.ts'
import { abortPeers, createPeerMemory } from './rebuild-peers.ts'
import type { SourceFigures } from './rebuild-sources.ts'
import type { WorkerReport, WorkerTask } from './rebuild-worker.ts'

/** `fleet` is empty where its topic no longer reaches to its beginning, or was erased in part: it cannot be run anew then. */
export type Finished = { log: EventLog; stage: Span[]; sink: Span[]; fleet: Span[]; close: () => Promise<void> }

/** The log of the folder, and how far its stages have come; a running recorder is not disturbed. */
export const openFinished = async (config: Config): Promise<Finished> => {
  const environment = openEnvironment(config.DATA_DIR)
  const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
  const finished = async ({ group, topics }: (typeof consumerGroups)[number]): Promise<Span[]> => {
    const store = createStageStore({ environment, group, clock: systemClock })
    const partitions = Array.from({ length: log.partitionCount(topics[0]) }, (_, partition) => partition)
    return Promise.all(partitions.map(async (partition) => ({ partition, from: 0, to: (await store.resume(topics[0], partition)).next })))
  }
  const close = async (): Promise<void> => {
    await log.close()
    await environment.close()
  }
  const { first } = await log.bounds('fleet-signals', 0)
  const fleet = first > 0 || (await isErasedInPart(log)) ? [] : await finished(consumerGroups[2])
  return { log, stage: await finished(consumerGroups[0]), sink: await finished(consumerGroups[1]), fleet, close }
}

/** An erased device counts no more: run anew, shares would be others. */
const isErasedInPart = async (log: EventLog): Promise<boolean> => {
  const { next } = await log.bounds('fleet-signals', 0)
  for await (const { value } of log.read('fleet-signals', 0, 0, next)) if (value.byteLength === 0) return true
  return false
}

export type PastOptions = {
  config: Config
  /** Where frames are read that the log holds no more, and the marks of erasures. */
  live: Warehouse
  liveAccess: WarehouseOptions
  /** Gets the rows. */
  into: WarehouseOptions
  /** Empties what `into` has got, when the run must begin anew. */
  clear: () => Promise<void>
  /** Only these subjects; null: all. */
  sample: readonly string[] | null
  only: WorkerTask['only']
  /** Threads; null: `workersDefault`. */
  workers: number | null
  say: (line: string) => void
}

export type Past = {
  /** `cpuSeconds`: of this process, all threads; the engine's is its own. */
  figures: RebuildFigures & { seconds: number; cpuSeconds: number; workers: number }
  sources: { fromLog: number; fromMessages: number }
  /** Subjects whose key is gone without a mark that says up to where. */
  skipped: string[]
  /** Subjects that were erased: what they said before is left out. */
  erased: string[]
  /** Every record from offset 0 on was there, or is gone by an erasure. */
  whole: boolean
}

/** A worker has a young generation of its own and a log page in hand: some 200 MB. */
export const workersMax = 16
export const workersDefault = (): number => Math.min(availableParallelism(), workersMax)

/** Sets the `from` of the spans to the first record that was found. */
export const runPast = async (options: PastOptions, finished: Finished): Promise<Past> => {
  boundPatternTime() // Of the rules that the log has put in force.
  const { say, live } = options
  const workers = Math.max(1, Math.min(options.workers ?? workersDefault(), workersMax))
  const startedMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const erasures = await readErasures(live, finished.log.logId)
  let used = workers
  let reports = await runWorkers(options, finished, erasures, workers)
  if (reports === null) {
    say('more messages without time or sequence than one window holds: which are forgotten depends on all, so one worker runs them again')
    await options.clear()
    used = 1
    reports = (await runWorkers(options, finished, erasures, used)) ?? []
  }
  const figures = noFigures()
  for (const report of reports) for (const name of Object.keys(figures) as (keyof RebuildFigures)[]) figures[name] += report.figures[name]
  const { whole, lost, ...sources } = await takeSources(finished, reports[0]?.sources ?? [], erasures, options)
  const seconds = (performance.now() - startedMs) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  const cpuSeconds = (cpu.user + cpu.system) / 1e6
  say(
    `run anew: ${figures.records} events in ${seconds.toFixed(1)} s by ${used} workers, ${rate(sources.fromLog + sources.fromMessages, seconds)} events/s`,
  )
  if (!whole) {
    const first = Math.min(...finished.stage.map(({ from }) => from))
    say(`the history is not whole: it begins at offset ${first}, and ${lost} records are nowhere; what depends on them may differ`)
  }
  const skipped = reports.flatMap((report) => report.skipped).sort()
  for (const subject of skipped) say(`skipped, its key is gone: ${subject}`)
  const erased = [...new Set(reports.flatMap((report) => report.erased))].sort()
  if (erased.length > 0) say(`erased, left out up to the mark: ${erased.join(' ')}`)
  return { figures: { ...figures, seconds, cpuSeconds, workers: used }, sources, skipped, erased, whole }
}

type Done = Extract<WorkerReport, { kind: 'done' }>

/** All workers read the same records; the first one's count stands for them. */
const takeSources = async (
  { log, stage, sink }: Finished,
  sources: readonly SourceFigures[],
  erasures: Awaited<ReturnType<typeof readErasures>>,
  { sample }: PastOptions,
): Promise<{ fromLog: number; fromMessages: number; lost: number; whole: boolean }> => {
  const sums = { fromLog: 0, fromMessages: 0, lost: 0, whole: true }
  for (const [index, span] of stage.entries()) {
    const own = sources[index] ?? { fromLog: 0, fromMessages: 0, firstOffset: null }
    const lost = span.to - own.fromLog - own.fromMessages
    const erased = erasures.filter(({ topic, partition }) => topic === 'device-events' && partition === span.partition)
    // Beyond the log, an erased message is in no table: as many may be gone as were taken away.
    if (lost > erased.reduce((sum, { records }) => sum + records, 0)) sums.whole = false
    span.from = sample === null ? (own.firstOffset ?? span.to) : 0
    sums.fromLog += own.fromLog
    sums.fromMessages += own.fromMessages
    sums.lost += lost
  }
  for (const span of sink) span.from = (await log.bounds('dead-letters', span.partition)).first
  return sums
}

/** Bytes of a worker's young generation: rows of one insert die young in it. */
const youngGenerationMb = 64

/** Null: a window would have overflowed in a run of its own, so the shares cannot be proven equal to it. */
const runWorkers = async (
  { config, liveAccess, into, sample, only, say }: PastOptions,
  { stage, sink, fleet }: Finished,
  erasures: WorkerTask['erasures'],
  workers: number,
): Promise<Done[] | null> => {
  const peers = createPeerMemory()
  const windows = createWindows(stage.length, workers)
  const progress = everySecond(
    say,
    stage.reduce((sum, { to }) => sum + to, 0),
  )
  const failures: Error[] = []
  const fail = (error: Error): Error => {
    failures.push(error)
    abortPeers(peers)
    return error
  }
  const runOne = (worker: number): Promise<Done> =>
    new Promise((resolve, reject) => {
      const task: WorkerTask = {
        dataDir: config.DATA_DIR,
        tenant: config.TENANT,
        live: liveAccess,
        into,
        sample,
        only,
        stage,
        sink,
        fleet,
        erasures,
        worker,
        workers,
        peers,
      }
      const thread = new Worker(new URL('./rebuild-worker.ts', import.meta.url), {
        workerData: task,
        name: `rebuild-${worker}`,
        resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
      })
      thread.on('message', (report: WorkerReport) => {
        if (report.kind === 'progress') {
          progress(worker, report.partition, report.records)
          if (windows.overflow(worker, report.partition, report.kept)) abortPeers(peers)
        } else if (report.kind === 'done') resolve(report)
        else reject(fail(report.code === null ? new Error(report.message) : new AppError(report.code, report.message)))
      })
      thread.on('error', (error: Error) => reject(fail(error)))
      let isDone = false
      thread.on('message', ({ kind }: WorkerReport) => {
        isDone = kind === 'done'
      })
      thread.on('exit', () => {
        if (!isDone) reject(fail(new Error('a worker of the rebuild ended before its work')))
      })
    })
  const outcomes = await Promise.allSettled(Array.from({ length: workers }, (_, worker) => runOne(worker)))
  if (windows.hasOverflown()) return null
  const [first] = failures // The others ended because of it.
  if (first !== undefined) throw first
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}

/**
 * The shares' windows hold together at most what one window would: while the sum stays under its bound, that one would have
 * forgotten nothing early either. One worker alone is that window.
 */
const createWindows = (partitions: number, workers: number) => {
  const seenIds = Array.from({ length: partitions }, () => new Array<number>(workers).fill(0))
  const sessions = Array.from({ length: partitions }, () => new Array<number>(workers).fill(0))
  const seenIdsShare = Math.ceil(seenIdsMax / partitions)
  let isOver = false
  const note = (held: number[] | undefined, worker: number, now: number, max: number): void => {
    if (held === undefined) return
    held[worker] = Math.max(held[worker] ?? 0, now)
    if (held.reduce((sum, own) => sum + own, 0) >= max) isOver = true
  }
  return {
    overflow: (worker: number, partition: number, kept: Kept): boolean => {
      if (workers === 1) return false
      note(seenIds[partition], worker, kept.seenIds, seenIdsShare)
      note(sessions[partition], worker, kept.sessionMessages, sessionMessagesMax)
      return isOver
    },
    hasOverflown: (): boolean => isOver,
  }
}

const rate = (records: number, seconds: number): number => Math.round(records / Math.max(seconds, 0.001))

const progressEveryMs = 2_000

const everySecond = (say: (line: string) => void, total: number) => {
  const startedMs = performance.now()
  const done = new Map<string, number>()
  let saidMs = startedMs
  return (worker: number, partition: number, records: number): void => {
    done.set(`${worker}:${partition}`, records)
    const now = performance.now()
    if (now - saidMs < progressEveryMs) return
    saidMs = now
    const sum = [...done.values()].reduce((all, own) => all + own, 0)
    say(`${sum} of ${total} records, ${rate(sum, (now - startedMs) / 1000)} events/s`)
  }
}
