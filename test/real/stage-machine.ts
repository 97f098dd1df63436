/** One machine of a test of stage stores: its own folder, log and membership. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConsumeOptions, LogConsumer, LogTopic, Warehouse } from '../../model/ports.ts'
import { openTestLog } from './temporary-kafka.ts'
import { openEnvironment } from '../../adapters/lmdb/environment.ts'
import type { State } from '../../adapters/stage-store.contract.ts'
import type { KafkaSettings } from '../../adapters/kafka/client-settings.ts'
import { createKafkaStageStore, type KafkaStageStore } from '../../adapters/kafka/stage-store.ts'

const clock = { nowMs: () => Date.now() }
const quiet: Omit<ConsumeOptions, 'group' | 'topics' | 'startAt'> = {
  onBatch: async () => undefined,
  batchRecordsMax: 10,
  batchBytesMax: 1e6,
  batchAfterMs: 0,
  onError: () => undefined,
}

type MachineOptions = { settings: KafkaSettings; warehouse: Warehouse; groups: readonly string[]; topic: LogTopic; dir?: string }

export const openStageMachine = async ({ settings, warehouse, groups, topic, dir: given }: MachineOptions) => {
  const dir = given ?? mkdtempSync(join(tmpdir(), 'kafka-stage-'))
  const log = await openTestLog(settings, { partitions: 2, clock })
  const environment = openEnvironment(dir)
  const leaving = Promise.withResolvers<undefined>()
  const told: typeof log = {
    ...log,
    whenLeaving: (group, work) =>
      log.whenLeaving(group, async () => {
        leaving.resolve(undefined)
        await work()
      }),
  }
  const stores = new Map<string, KafkaStageStore<State>>()
  const consumers: LogConsumer[] = []
  const errors: Error[] = []
  for (const group of groups) {
    const onError = (error: Error): number => errors.push(error)
    const store = createKafkaStageStore<State>({ environment, log: told, group, warehouse, clock, onError })
    stores.set(group, store)
    consumers.push(await log.consume({ ...quiet, group, topics: [topic], startAt: store.resume }))
  }
  const storeOf = (group: string): KafkaStageStore<State> => {
    const store = stores.get(group)
    if (store === undefined) throw new Error(`no group ${group}`)
    return store
  }
  return {
    dir,
    log,
    errors,
    storeOf,
    /** It has begun to leave the group. */
    leaving: leaving.promise,
    close: async () => {
      for (const consumer of consumers) await consumer.stop()
      for (const store of stores.values()) await store.close()
      await log.close()
      await environment.close()
    },
    /** As kill -9: no last snapshot. */
    kill: async () => {
      log.whenLeaving(groups[0] ?? '', async () => undefined)
      for (const consumer of consumers) await consumer.stop()
      for (const store of stores.values()) await store.close()
      await log.close()
      await environment.close()
    },
  }
}

/** Of a test's own content. */
export const stateOf = (count: number): State => ({ count, name: null, samples: [], bytes: Uint8Array.of(0, 255, count), nested: {} })
