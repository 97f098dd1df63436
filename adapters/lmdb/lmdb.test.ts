import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEventLog } from '../event-log.contract.ts'
import { describeStageStore, type State } from '../stage-store.contract.ts'
import { describeSubjectKeys } from '../subject-keys.contract.ts'
import { openEnvironment } from './environment.ts'
import { openEventLog } from './event-log.ts'
import { retentionStep } from './retention.ts'
import { createStageStore } from './stage-store.ts'
import { openSubjectKeys } from './subject-keys.ts'

const newDataDir = (): string => mkdtempSync(join(tmpdir(), 'lmdb-test-'))

describeEventLog('lmdb', async (clock) => {
  const dataDir = newDataDir()
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock, partitions: 3, diskFreeBytesMin: 0 })
  return {
    log,
    deleteBefore: async (topic, partition, offset) => {
      const keepFrom = (t: string, p: number): number => (t === topic && p === partition ? offset : 0)
      while ((await retentionStep({ environment, clock, ageMsMax: Number.POSITIVE_INFINITY, bytesMax: 0, keepFrom })) > 0);
    },
    close: async () => {
      await log.close()
      await environment.close()
      rmSync(dataDir, { recursive: true })
    },
  }
})

describeStageStore('lmdb', async () => {
  const dataDir = newDataDir()
  const environment = openEnvironment(dataDir)
  const clock = { nowMs: () => 0 }
  const log = openEventLog({ environment, clock, partitions: 2, diskFreeBytesMin: 0 })
  return {
    log,
    storeOf: (group) => createStageStore<State>({ environment, group, clock }),
    close: async () => {
      await log.close()
      await environment.close()
      rmSync(dataDir, { recursive: true })
    },
  }
})

describeSubjectKeys('lmdb', async () => {
  const dataDir = newDataDir()
  const keys = openSubjectKeys(dataDir)
  return {
    keys,
    close: async () => {
      await keys.close()
      rmSync(dataDir, { recursive: true })
    },
  }
})
