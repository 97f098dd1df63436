/** Which log, and which keeper of keys beside it: Kafka's when `KAFKA_BROKERS` is set, else the embedded ones. */
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { markParts } from '../adapters/lmdb/low-water.ts'
import { startRetention } from '../adapters/lmdb/retention.ts'
import { createKeepFrom, createStageStore } from '../adapters/lmdb/stage-store.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { createKafkaStageStore, type KafkaStageStore } from '../adapters/kafka/stage-store.ts'
import type { Clock, EventLog, StageStore, SubjectKeys, Warehouse } from '../model/ports.ts'
import { outputsGroup } from '../processors/alarm-outputs.ts'
import { consumerGroups } from '../processors/main.ts'
import type { Config } from '../runtime/config.ts'
import { openKafkaKeysOf, openKafkaLogOf } from './kafka-parts.ts'

export type LogParts = { log: EventLog; keys: SubjectKeys; close: () => Promise<void> }

export type Warn = (what: string) => (error: unknown) => void

const retentionEveryMs = 60_000

/** For the front door and the query API. */
export const openLogParts = async (
  config: Config,
  clock: Clock,
  warn: Warn,
  surroundings: { diskFreeBytes?: () => number },
): Promise<LogParts> => (config.KAFKA_BROKERS === '' ? openEmbedded(config, clock, warn, surroundings) : openKafka(config, clock, warn))

const openEmbedded = (config: Config, clock: Clock, warn: Warn, surroundings: { diskFreeBytes?: () => number }): LogParts => {
  const environment = openEnvironment(config.DATA_DIR)
  const log = openEventLog({
    environment,
    clock,
    partitions: config.LOG_PARTITIONS,
    diskFreeBytesMin: config.DISK_FREE_BYTES_MIN,
    ...surroundings,
  })
  const keys = openSubjectKeys(config.DATA_DIR)
  const stopRetention = startRetention({
    environment,
    clock,
    ageMsMax: config.LOG_RETENTION_HOURS * 3_600_000,
    bytesMax: config.LOG_RETENTION_BYTES_MAX,
    keepFrom: createKeepFrom(environment, [...consumerGroups, { group: outputsGroup, topics: ['alarms'] }]),
    everyMs: retentionEveryMs,
    onError: warn('retention failed and tries again'),
  })
  return {
    log,
    keys,
    close: async () => {
      await stopRetention()
      await log.close()
      await keys.close()
      await environment.close()
    },
  }
}

const openKafka = async (config: Config, clock: Clock, warn: Warn): Promise<LogParts> => {
  const log = await openKafkaLogOf(config, clock, warn('Kafka does not do what it should; it is tried again'))
  const keys = await openKafkaKeysOf(config, clock, warn('the keys of subjects cannot be followed; it is tried again')).catch(
    async (error: unknown) => {
      await log.close() // The start is tried again.
      throw error
    },
  )
  return {
    log,
    keys,
    close: async () => {
      await log.close()
      await keys.close()
    },
  }
}

export type StageParts = { log: EventLog; createStore: <S>(group: string) => StageStore<S>; close: () => Promise<void> }

/** For the processors' thread. */
export const openStageParts = async (
  config: Config,
  clock: Clock,
  warehouse: Warehouse,
  onError: (error: Error) => void,
): Promise<StageParts> => {
  const diskFreeBytesMin = config.DISK_FREE_BYTES_MIN
  if (config.KAFKA_BROKERS === '') {
    const environment = openEnvironment(config.DATA_DIR)
    // What is appended on this thread is our own: it goes on as long as the stages do, so that a full disk can be told.
    const log = openEventLog({ environment, clock, diskFreeBytesMin: diskFreeBytesMin * markParts.progress })
    return {
      log,
      createStore: (group) => createStageStore({ environment, group, clock, diskFreeBytesMin }),
      close: async () => {
        await log.close()
        await environment.close()
      },
    }
  }
  const log = await openKafkaLogOf(config, clock, onError)
  // A folder per log: the state of one that was deleted is never taken for another's.
  const environment = openEnvironment(config.DATA_DIR, `stages-${log.logId}`)
  const stores: KafkaStageStore<unknown>[] = []
  return {
    log,
    createStore: <S>(group: string) => {
      const store = createKafkaStageStore<S>({ environment, log, group, warehouse, clock, diskFreeBytesMin, onError })
      stores.push(store as KafkaStageStore<unknown>)
      return store
    },
    close: async () => {
      for (const store of stores) await store.close()
      await log.close()
      await environment.close()
    },
  }
}
