/** A log of its own in a temporary folder, for tests of what only the LMDB log does. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventLog, StoredRecord } from '../../model/ports.ts'
import { type Environment, openEnvironment } from './environment.ts'
import { type EventLogOptions, openEventLog } from './event-log.ts'

export type TemporaryLog = { dataDir: string; environment: Environment; log: EventLog; close: () => Promise<void> }

export const openTemporaryLog = (options: Partial<Omit<EventLogOptions, 'environment'>> = {}): TemporaryLog => {
  const dataDir = mkdtempSync(join(tmpdir(), 'temporary-log-'))
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: { nowMs: () => Date.now() }, partitions: 2, diskFreeBytesMin: 0, ...options })
  return {
    dataDir,
    environment,
    log,
    close: async () => {
      await log.close()
      await environment.close()
      rmSync(dataDir, { recursive: true })
    },
  }
}

export const readAll = async (records: AsyncIterable<StoredRecord>): Promise<StoredRecord[]> => {
  const all: StoredRecord[] = []
  for await (const record of records) all.push(record)
  return all
}
