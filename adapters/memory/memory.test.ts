import { describeEventLog } from '../event-log.contract.ts'
import { describeStageStore, type State } from '../stage-store.contract.ts'
import { describeSubjectKeys } from '../subject-keys.contract.ts'
import { createMemoryLog } from './memory-log.ts'
import { createMemoryStageStore } from './memory-stage-store.ts'
import { createMemorySubjectKeys } from './memory-subject-keys.ts'

describeEventLog('memory', async (clock) => {
  const log = createMemoryLog({ clock, partitions: 3 })
  return { log, deleteBefore: async (topic, partition, offset) => log.deleteBefore(topic, partition, offset), close: log.close }
})

describeStageStore('memory', async () => {
  const log = createMemoryLog({ clock: { nowMs: () => 0 }, partitions: 2 })
  return { log, storeOf: (group) => createMemoryStageStore<State>({ group, log }), close: log.close }
})

describeSubjectKeys('memory', async () => ({ keys: createMemorySubjectKeys(), close: async () => undefined }))
