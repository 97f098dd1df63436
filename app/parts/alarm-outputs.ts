/** The outputs of alarms and the watchdog, on the processors' thread: beside the stages whose time they follow. */
import { createAlarmCodec } from '../../adapters/avro/alarm-codec.ts'
import { systemClock } from '../../adapters/system/clock-ids-digest.ts'
import type { EventLog, StageStore, Warehouse } from '../../model/ports.ts'
import { type AlarmOutputs, outputsGroup, startAlarmOutputs } from '../../processors/alarm-outputs.ts'
import type { OutputsState } from '../../processors/domain/outputs/output-state.ts'
import type { Processors } from '../../processors/main.ts'
import { startWatchdog } from '../../processors/watchdog.ts'
import type { Config } from '../../runtime/config.ts'
import { describeError } from '../../runtime/logger.ts'
import type { ProcessorsReport } from '../processors-thread.ts'
import { loadRuleSet } from '../rules-file.ts'
import { webhookChannels } from '../webhook-parts.ts'
import { readCompleteThrough } from './complete-through.ts'
import { followStageTime } from './stage-time.ts'

type Options = {
  config: Config
  log: EventLog
  warehouse: Warehouse
  createStore: <S>(group: string) => StageStore<S>
  processors: Pick<Processors, 'completeThroughMs' | 'fleet'>
  report: (message: ProcessorsReport) => void
  onCount: (what: 'outputs', label: string, by: number) => void
}

export const openAlarmOutputs = async (options: Options): Promise<AlarmOutputs> => {
  const { config, log, warehouse, report } = options
  const channels = webhookChannels(config, systemClock)
  const time = stageTime(options)
  const outputs = await startAlarmOutputs({
    log,
    warehouse,
    store: options.createStore<OutputsState>(outputsGroup),
    decodeAlarm: createAlarmCodec().decode,
    channel: channels.alarms,
    clock: systemClock,
    timeMs: time.nowMs,
    rules: loadRuleSet(config.RULES_DIR).rules,
    situationSettleMs: config.SITUATION_SETTLE_MS,
    publicUrl: config.PUBLIC_URL,
    random: Math.random,
    onError: (error, where) => report({ kind: 'failed-batch', ...where, error: describeError(error) }),
    onCount: (what, by) => options.onCount('outputs', what, by),
  })
  const stopWatchdog =
    channels.watchdog === null
      ? null
      : startWatchdog({
          channel: channels.watchdog,
          clock: systemClock,
          warehouse,
          tenant: config.TENANT,
          everyMs: config.WATCHDOG_EVERY_SECONDS * 1_000,
          timeMs: time.nowMs,
          fleet: options.processors.fleet,
          outputs: outputs.status,
          onTaken: (takenMs) => report({ kind: 'watchdog', takenMs }),
          onMissing: (why) => report({ kind: 'no-heartbeat', why }),
        })
  return {
    status: outputs.status,
    stop: async () => {
      await stopWatchdog?.()
      time.stop()
      await outputs.stop()
    },
  }
}

/**
 * With the embedded log this thread's own stage has all partitions, and its time counts once its alarm events are in the log.
 * With Kafka other machines have some, and the ticks in the warehouse tell of all.
 */
const stageTime = ({ config, log, warehouse, processors, report }: Options): { nowMs: () => number | null; stop: () => void } => {
  if (config.KAFKA_BROKERS === '') return { nowMs: processors.completeThroughMs, stop: () => undefined }
  return followStageTime({
    read: () => readCompleteThrough({ warehouse, log, tenant: config.TENANT, nowMs: systemClock.nowMs() }),
    onError: (error) => report({ kind: 'trouble', error: describeError(error) }),
  })
}
