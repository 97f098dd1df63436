/**
 * `npm run rules -- --what-if`: the stored past judged by the rules in force and, beside them, by edited ones, with the engine
 * that judges live. Reads the log (and `messages`, where the log no longer reaches) and writes nothing; the recorder may run.
 * Called by `rules-main.ts` and `try/`; the report in words is `what-if-report.ts`.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { peekArrivalMs } from '../adapters/avro/peek-arrival.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { createStageStore } from '../adapters/lmdb/stage-store.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { EventLog } from '../model/ports.ts'
import type { RuleSet } from '../model/rule.ts'
import { hash53 } from '../processors/domain/hash.ts'
import type { StageState } from '../processors/domain/state.ts'
import { consumerGroups } from '../processors/main.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { openLive } from './rebuild-live.ts'
import { abortPeers, createPeerMemory } from './rebuild-peers.ts'
import { addTallies, type Tally } from './what-if-tally.ts'
import type { PastSpan, WhatIfCount, WhatIfReportOfWorker, WhatIfTask } from './what-if-worker.ts'

export type NamedRules = { name: string; version: string; ruleSet: RuleSet }

export type WhatIfOptions = {
  config: Pick<Config, 'DATA_DIR' | 'TENANT'> & Config
  ruleSets: readonly NamedRules[]
  /** Null: as far back as there is something. */
  fromMs: number | null
  toMs: number | null
  devices: readonly string[] | null
  models: readonly string[] | null
  workers: number | null
  say: (line: string) => void
}

export type WhatIf = {
  fromMs: number
  toMs: number
  devices: number
  records: number
  seconds: number
  workers: number
  rules: { name: string; version: string; tally: Tally }[]
}

/** What rules look back on at most; it is run before `fromMs`, and counts nothing. */
export const warmUpMs = 28 * 86_400_000
const workersMax = 16

export const versionOf = (ruleSet: RuleSet): string => hash53(JSON.stringify(ruleSet), '').toString(36)

export const runWhatIf = async (options: WhatIfOptions): Promise<WhatIf> => {
  const startedMs = performance.now()
  const closing: (() => Promise<void>)[] = []
  try {
    const environment = openEnvironment(options.config.DATA_DIR)
    closing.push(() => environment.close())
    const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
    closing.push(() => log.close())
    const past = await spansOf(log, options)
    const isAllInLog = past.spans.every(({ from, first }) => from === 0 && first === 0)
    const live = isAllInLog ? null : await openLive(options.config, undefined)
    if (live !== null) closing.push(live.close)
    if (live !== null) options.say(`${live.how}; the log does not reach back far enough alone`)
    const workers = Math.max(1, Math.min(options.workers ?? availableParallelism(), workersMax))
    const peers = createPeerMemory()
    const task = {
      dataDir: options.config.DATA_DIR,
      tenant: options.config.TENANT,
      live: live?.access ?? null,
      ruleSets: options.ruleSets.map(({ ruleSet }) => ruleSet),
      fromMs: past.fromMs,
      toMs: past.toMs,
      devices: options.devices,
      models: options.models,
      spans: past.spans.map(({ partition, from, to }) => ({ partition, from, to })),
      workers,
      peers,
    }
    const reports = await runWorkers(task, options.say)
    const sum = (of: (count: WhatIfCount) => number): number =>
      reports.reduce((all, counts) => all + (counts[0] === undefined ? 0 : of(counts[0])), 0)
    return {
      fromMs: past.fromMs,
      toMs: past.toMs,
      devices: sum(({ devices }) => devices),
      records: past.spans.reduce((all, { from, to }) => all + to - from, 0),
      seconds: (performance.now() - startedMs) / 1_000,
      workers,
      rules: options.ruleSets.map(({ name, version }, at) => ({
        name,
        version,
        tally: addTallies(reports.flatMap((counts) => counts[at]?.tally ?? [])),
      })),
    }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

type Span = PastSpan & { first: number }

const spansOf = async (log: EventLog, { fromMs, toMs }: WhatIfOptions): Promise<{ spans: Span[]; fromMs: number; toMs: number }> => {
  const spans: Span[] = []
  let oldestMs = Number.POSITIVE_INFINITY
  let newestMs = 0
  for (let partition = 0; partition < log.partitionCount('device-events'); partition++) {
    const { first, next } = await log.bounds('device-events', partition)
    const to = toMs === null ? next : await offsetAt(log, partition, first, next, toMs)
    const from = fromMs === null ? 0 : await offsetAt(log, partition, first, next, fromMs - warmUpMs)
    // The beginning of the log is as far as times are known; before it lies what `messages` keeps.
    spans.push({ partition, first, from: from <= first ? 0 : from, to })
    if (to === 0) continue
    oldestMs = Math.min(oldestMs, await arrivedAt(log, partition, Math.min(first, to - 1)))
    newestMs = Math.max(newestMs, await arrivedAt(log, partition, to - 1))
  }
  if (newestMs === 0) throw new AppError('CONFIG_INVALID', 'There is no past to judge: expected records in the log of DATA_DIR, got none')
  return { spans, fromMs: fromMs ?? oldestMs, toMs: Math.max((fromMs ?? oldestMs) + 1, toMs ?? newestMs + 1) }
}

const arrivedAt = async (log: EventLog, partition: number, offset: number): Promise<number> => {
  for await (const { appendedAtMs, value } of log.read('device-events', partition, offset, offset + 1))
    return peekArrivalMs(value) ?? appendedAtMs
  return 0
}

/** The first record that arrived then or later; arrivals hardly go back. */
const offsetAt = async (log: EventLog, partition: number, first: number, next: number, atMs: number): Promise<number> => {
  let [low, high] = [first, next]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((await arrivedAt(log, partition, middle)) < atMs) low = middle + 1
    else high = middle
  }
  return low
}

type Task = Omit<WhatIfTask, 'worker'>

const runWorkers = async (task: Task, say: (line: string) => void): Promise<WhatIfCount[][]> => {
  const progress = everySeconds(say, task)
  let failure: Error | undefined
  const runOne = (worker: number): Promise<WhatIfCount[]> =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL('./what-if-worker.ts', import.meta.url), {
        workerData: { ...task, worker } satisfies WhatIfTask,
        name: `what-if-${worker}`,
        resourceLimits: { maxYoungGenerationSizeMb: 64 },
      })
      const fail = (error: Error): void => {
        failure ??= error
        abortPeers(task.peers)
        reject(error)
      }
      let isDone = false
      thread.on('message', (report: WhatIfReportOfWorker) => {
        if (report.kind === 'progress') progress(worker, report.records)
        else if (report.kind === 'done') {
          isDone = true
          resolve(report.counts)
        } else fail(report.code === null ? new Error(report.message) : new AppError(report.code, report.message))
      })
      thread.on('error', fail)
      thread.on('exit', () => {
        if (!isDone) fail(new Error('a worker of the what-if ended before its work'))
      })
    })
  const outcomes = await Promise.allSettled(Array.from({ length: task.workers }, (_, worker) => runOne(worker)))
  if (failure !== undefined) throw failure
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}

const progressEveryMs = 5_000

const everySeconds = (say: (line: string) => void, { spans, ruleSets }: Task) => {
  const total = spans.reduce((sum, { from, to }) => sum + to - from, 0)
  const done = new Map<number, { records: number; rounds: number }>()
  let saidMs = performance.now()
  return (worker: number, records: number): void => {
    const own = done.get(worker) ?? { records: 0, rounds: 0 }
    done.set(worker, { records, rounds: own.rounds + Number(records < own.records) })
    if (performance.now() - saidMs < progressEveryMs) return
    saidMs = performance.now()
    const rounds = Math.min(...[...done.values()].map(({ rounds: round }) => round))
    say(`rules ${rounds + 1} of ${ruleSets.length}: ${[...done.values()].reduce((sum, own) => sum + own.records, 0)} of ${total} records`)
  }
}

/** The newest rules that the log has put in force; null: none yet. */
export const rulesInForce = async (dataDir: string): Promise<NamedRules | null> => {
  const environment = openEnvironment(dataDir)
  try {
    const store = createStageStore<StageState>({ environment, group: consumerGroups[0].group, clock: systemClock })
    const state = store.get('device-events', 0, 'rule-book')
    if (state?.kind !== 'rule-book') return null
    const ruleSet = JSON.parse(state.ruleSet) as RuleSet
    return { name: 'in force', version: state.version, ruleSet }
  } finally {
    await environment.close()
  }
}
