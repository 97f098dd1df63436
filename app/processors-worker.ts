/**
 * The worker thread of the processors: the same log and warehouse as the main thread, opened anew, and nothing else shared
 * (decision 0002). Reports once a second; ends when told, or when an error leaves it (the main thread starts it again).
 */
import { parentPort, workerData } from 'node:worker_threads'
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { md5, systemClock } from '../adapters/system/clock-ids-digest.ts'
import { startProcessors } from '../processors/main.ts'
import { AppError } from '../runtime/errors.ts'
import { describeError } from '../runtime/logger.ts'
import { openStageParts } from './log-parts.ts'
import { openAlarmOutputs } from './parts/alarm-outputs.ts'
import { watchRecorder } from './parts/recorder-watch.ts'
import type { ProcessorsData, ProcessorsReport } from './processors-thread.ts'

const { config, warehouse: access } = workerData as ProcessorsData
const report = (message: ProcessorsReport): void => parentPort?.postMessage(message)

const reportEveryMs = 250

const run = async (): Promise<void> => {
  const warehouse = openWarehouse({ ...access, database: 'fleet' })
  const parts = await openStageParts(config, systemClock, warehouse, (error) => report({ kind: 'trouble', error: describeError(error) }))
  const counts = createCounts()
  const letters = createDeadLetterCodec()
  const processors = await startProcessors({
    log: parts.log,
    warehouse,
    createStore: parts.createStore,
    codec: createEventCodec(),
    decodeDeadLetter: letters.decode,
    encodeDeadLetter: letters.encode,
    encodeAlarm: createAlarmCodec().encode,
    encodeSignal: createFleetCodec().encode,
    decodeSignal: createFleetCodec().decode,
    digest: md5,
    tenant: config.TENANT,
    clock: systemClock,
    limits: { batchRecordsMax: config.STAGE_BATCH_RECORDS_MAX, batchAfterMs: config.STAGE_BATCH_AFTER_MS },
    onError: (error, where) => report({ kind: 'failed-batch', ...where, error: describeError(error) }),
    onCount: counts.add,
    onRefilled: (refilled) => report({ kind: 'refilled', refilled }),
  })
  const outputs = await openAlarmOutputs({
    config,
    log: parts.log,
    warehouse,
    createStore: parts.createStore,
    processors,
    report,
    onCount: counts.add,
  })
  const stopWatching = watchRecorder({ config, log: parts.log, warehouse, processors, report })
  report({ kind: 'started' })
  const progress = (): void =>
    report({
      kind: 'progress',
      lagRecords: processors.lagRecords(),
      completeThroughMs: processors.completeThroughMs(),
      failing: processors.failing(),
      outputs: outputs.status(),
      counts: counts.take(),
    })
  progress()
  const timer = setInterval(progress, reportEveryMs)

  parentPort?.once('message', () => {
    clearInterval(timer)
    const stop = async (): Promise<void> => {
      await stopWatching()
      await outputs.stop()
      await processors.stop()
      await parts.close()
      await warehouse.close()
    }
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  })
}

/** Counts since the last report, by what and label. */
const createCounts = () => {
  let counts: Record<string, Record<string, number>> = {}
  return {
    add: (what: string, label: string, by: number): void => {
      const of = (counts[what] ??= {})
      of[label] = (of[label] ?? 0) + by
    },
    take: (): typeof counts => {
      const taken = counts
      counts = {}
      return taken
    },
  }
}

run().catch((error: unknown) => {
  if (error instanceof AppError && !error.retryable) report({ kind: 'refused-start', code: error.code, message: error.message })
  else throw error
})
