/**
 * Keeps the processors' worker thread alive: started with what it needs, restarted with back-off when it ends, stopped in
 * order. The thread reports lag and counts once a second; a restart loses nothing, because progress lies in the store.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { OutputsStatus } from '../processors/alarm-outputs.ts'
import type { FailingBatch } from '../processors/main.ts'
import type { Refilled } from '../processors/recovery.ts'
import type { Config } from '../runtime/config.ts'
import { AppError, type ErrorCode } from '../runtime/errors.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { oncePerMinute } from './quiet-warnings.ts'
import type { WarehouseAccess } from './warehouse-parts.ts'

export type ProcessorsData = { config: Config; warehouse: WarehouseAccess }

type Progress = { lagRecords: number; completeThroughMs: number | null; failing: FailingBatch[]; outputs: OutputsStatus }

/** Thread to main. */
export type ProcessorsReport =
  | { kind: 'started' }
  | ({ kind: 'progress'; counts: Record<string, Record<string, number>> } & Progress)
  | { kind: 'failed-batch'; stage: string; partition: number; error: Record<string, unknown> }
  | { kind: 'refilled'; refilled: Refilled }
  | { kind: 'watchdog'; takenMs: number }
  | { kind: 'no-heartbeat'; why: string }
  | { kind: 'trouble'; error: Record<string, unknown> }
  | { kind: 'refused-start'; code: ErrorCode; message: string }

export type ProcessorsThread = {
  lagRecords: () => number | null
  completeThroughMs: () => number | null
  /** Batches that fail again and again (`processors/main.ts`). */
  failing: () => FailingBatch[]
  /** What waits to be told; null while the thread starts. */
  outputs: () => OutputsStatus | null
  stop: () => Promise<void>
}

const restartAfterMsMin = 500
const restartAfterMsMax = 10_000

type Options = {
  data: ProcessorsData
  logger: Logger
  metrics: Metrics
  onRefusedStart: (report: { code: ErrorCode; message: string }) => void
}

export const startProcessorsThread = ({ data, logger, metrics, onRefusedStart }: Options): ProcessorsThread => {
  let worker: Worker | undefined
  let latest: Progress | undefined
  let restartAfterMs = restartAfterMsMin
  let timer: NodeJS.Timeout | undefined
  let stopping = false

  const trouble = oncePerMinute(Date.now, (error, times) =>
    logger.warn({ times, ...(error as Record<string, unknown>) }, 'the log or the state of the stages is in trouble; it is tried again'),
  )

  const missing = oncePerMinute(Date.now, (error, times) =>
    logger.warn({ times, ...describeError(error) }, 'no heartbeat was sent, so that whoever waits for it is alarmed'),
  )
  const unreached = oncePerMinute(Date.now, (error, times) =>
    logger.warn({ times, ...describeError(error) }, 'alarms do not reach their receiver; they wait and are tried again'),
  )
  let parkedTold = 0
  const tellOfOutputs = (outputs: OutputsStatus): void => {
    observeOutputs(metrics, outputs, Date.now())
    const { disabled, failingSinceMs, lastAnswer, parked } = outputs
    if (disabled)
      unreached.tell(new AppError('WEBHOOK_FAILING', `410 of the receiver: nothing is sent until the next start (${lastAnswer})`))
    else if (failingSinceMs !== null) unreached.tell(new AppError('WEBHOOK_FAILING', `the last try: ${lastAnswer}`))
    if (parked > parkedTold)
      logger.warn(
        { parked, ...describeError(new AppError('WEBHOOK_FAILING', `the receiver refuses messages: ${lastAnswer}`)) },
        'messages of alarms were refused and are parked until the next start',
      )
    parkedTold = parked
  }

  const hear = (report: ProcessorsReport): void => {
    switch (report.kind) {
      case 'started':
        restartAfterMs = restartAfterMsMin
        return
      case 'progress':
        latest = report
        count(metrics, report)
        tellOfOutputs(report.outputs)
        return
      case 'watchdog':
        metrics.watchdogLastSent.set(report.takenMs / 1000)
        return
      case 'no-heartbeat':
        missing.tell(new Error(report.why))
        return
      case 'failed-batch':
        metrics.stageFailures.inc({ stage: report.stage })
        logger.warn({ stage: report.stage, partition: report.partition, ...report.error }, 'a batch failed and comes again')
        return
      case 'refilled':
        logger.warn(report.refilled, 'the warehouse had lost rows; what the log tells was written again')
        return
      case 'trouble':
        trouble.tell(report.error)
        return
      case 'refused-start':
        stopping = true
        onRefusedStart(report)
    }
  }

  const launch = (): void => {
    worker = new Worker(new URL('./processors-worker.ts', import.meta.url), { workerData: data, name: 'processors' })
    worker.on('message', hear)
    worker.on('error', (error) => logger.error(describeError(error), 'the processors failed'))
    worker.on('exit', () => {
      worker = undefined
      latest = undefined
      if (stopping) return
      metrics.processorsRestarts.inc()
      timer = setTimeout(launch, restartAfterMs)
      restartAfterMs = Math.min(restartAfterMs * 2, restartAfterMsMax)
    })
  }
  launch()

  return {
    lagRecords: () => latest?.lagRecords ?? null,
    completeThroughMs: () => latest?.completeThroughMs ?? null,
    failing: () => latest?.failing ?? [],
    outputs: () => latest?.outputs ?? null,
    stop: async () => {
      stopping = true
      clearTimeout(timer)
      if (worker === undefined) return
      const ended = once(worker, 'exit')
      worker.postMessage('stop')
      await ended
    },
  }
}

const observeOutputs = (metrics: Metrics, outputs: OutputsStatus, nowMs: number): void => {
  const { held, pending, parked, oldestPendingMs, disabled, failingSinceMs } = outputs
  metrics.notificationsHeld.set(held)
  metrics.notificationsPending.set(pending)
  metrics.notificationsParked.set(parked)
  metrics.notificationsOldest.set(oldestPendingMs === null ? 0 : Math.max(0, (nowMs - oldestPendingMs) / 1000))
  metrics.notifyFailing.set(failingSinceMs === null ? 0 : Math.max(0, (nowMs - failingSinceMs) / 1000))
  metrics.notifyDisabled.set(Number(disabled))
}

const tries = new Set(['sent', 'failed', 'refused', 'gone'])

const count = (metrics: Metrics, report: Extract<ProcessorsReport, { kind: 'progress' }>): void => {
  metrics.stageLag.set(report.lagRecords)
  if (report.completeThroughMs !== null) metrics.completeThrough.set(report.completeThroughMs / 1000)
  const { counts } = report
  for (const [table, rows] of Object.entries(counts['rows'] ?? {})) metrics.rows.inc({ table }, rows)
  for (const [stage, batches] of Object.entries(counts['batches'] ?? {})) metrics.stageBatches.inc({ stage }, batches)
  for (const [limit, times] of Object.entries(counts['limits'] ?? {})) metrics.limitsReached.inc({ limit }, times)
  for (const [table, rows] of Object.entries(counts['refilled'] ?? {})) metrics.refilledRows.inc({ table }, rows)
  for (const [what, times] of Object.entries(counts['outputs'] ?? {})) {
    if (tries.has(what)) metrics.notificationTries.inc({ outcome: what }, times)
    else metrics.notificationsNotSent.inc({ why: what }, times)
  }
  metrics.duplicates.inc(counts['outcomes']?.['duplicate'] ?? 0)
  metrics.ambiguous.inc(counts['outcomes']?.['ambiguous'] ?? 0)
}
