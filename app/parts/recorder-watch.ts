/** What the processors' thread sees of its surroundings, told to the fleet stage: disks of the data folder and of a ClickHouse server. */
import { hostname } from 'node:os'
import { createFleetCodec } from '../../adapters/avro/fleet-codec.ts'
import { freeBytesOf } from '../../adapters/lmdb/low-water.ts'
import { systemClock } from '../../adapters/system/clock-ids-digest.ts'
import type { DiskReading } from '../../model/fleet-signal.ts'
import type { EventLog, Warehouse } from '../../model/ports.ts'
import type { Processors } from '../../processors/main.ts'
import { startRecorderWatch } from '../../processors/recorder-watch.ts'
import type { Config } from '../../runtime/config.ts'
import { describeError } from '../../runtime/logger.ts'
import type { ProcessorsReport } from '../processors-thread.ts'

type Options = {
  config: Config
  log: EventLog
  warehouse: Warehouse
  processors: Pick<Processors, 'readers' | 'refused'>
  report: (message: ProcessorsReport) => void
}

export const watchRecorder = ({ config, log, warehouse, processors, report }: Options): (() => Promise<void>) => {
  const onError = (error: unknown): void => report({ kind: 'trouble', error: describeError(error) })
  const serverDisks = config.CLICKHOUSE_URL === '' ? async () => [] : readServerDisks(warehouse, onError)
  return startRecorderWatch({
    log,
    encodeSignal: createFleetCodec().encode,
    clock: systemClock,
    tenant: config.TENANT,
    instance: hostname(),
    logRetentionMs: config.LOG_RETENTION_HOURS * 3_600_000,
    disks: async () => [
      { disk: 'data', freeBytes: freeBytesOf(config.DATA_DIR), lowWaterBytes: config.DISK_FREE_BYTES_MIN },
      ...(await serverDisks()),
    ],
    processors,
    onError,
  })
}

/** A login that may not read `system.disks`, or a server that does not answer, leaves them out; told once until it is right again. */
const readServerDisks = (warehouse: Warehouse, onError: (error: unknown) => void): (() => Promise<DiskReading[]>) => {
  let isTold = false
  return async () => {
    try {
      const disks = await warehouse.query<{ name: string; free: string }>('SELECT name, toString(free_space) AS free FROM system.disks ORDER BY name')
      isTold = false
      return disks.map(({ name, free }) => ({ disk: `clickhouse ${name}`, freeBytes: Number(free), lowWaterBytes: 0 }))
    } catch (error) {
      if (!isTold) onError(error)
      isTold = true
      return []
    }
  }
} // biome-ignore format: the statement stays on one line
