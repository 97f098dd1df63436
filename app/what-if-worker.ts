/**
 * One worker thread of a what-if: its share of the subjects of every partition through the device stage's own run, once for
 * each set of rules, rows thrown away, alarms counted. Started by `what-if.ts`, which adds up what the workers tell.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { peekArrivalMs } from '../adapters/avro/peek-arrival.ts'
import { openWarehouse, type WarehouseOptions } from '../adapters/clickhouse/warehouse.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { md5, systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { EventLog, StoredRecord, Warehouse } from '../model/ports.ts'
import type { RuleSet } from '../model/rule.ts'
import { hash32 } from '../processors/domain/hash.ts'
import { onlineShards } from '../processors/domain/projections/presence.ts'
import { fitsAny } from '../model/selector.ts'
import { seenIdsMax } from '../processors/domain/seen-ids.ts'
import { type RebuildDeps, type RowSink, rebuildPartition, tickKey } from '../processors/rebuild.ts'
import { AppError, type ErrorCode } from '../runtime/errors.ts'
import { createExchange, isAborted, type PeerMemory } from './rebuild-peers.ts'
import { deviceEvents } from './rebuild-sources.ts'
import { inventoryBefore, rulesRecord, withRules } from './what-if-records.ts'
import { addTallies, createTally, type Tally } from './what-if-tally.ts'

/** Records of a partition that are run: what comes before `fromMs` is learned from. */
export type PastSpan = { partition: number; from: number; to: number }

export type WhatIfTask = {
  dataDir: string
  tenant: string
  /** Null: the log reaches back far enough. */
  live: WarehouseOptions | null
  ruleSets: readonly RuleSet[]
  fromMs: number
  toMs: number
  /** Only these devices; null: all. */
  devices: readonly string[] | null
  /** Patterns of `<product>/<model>` or of the model alone; null: all. */
  models: readonly string[] | null
  spans: readonly PastSpan[]
  worker: number
  workers: number
  peers: PeerMemory
}

/** Of one set of rules. */
export type WhatIfCount = { tally: Tally; records: number; devices: number }

export type WhatIfReportOfWorker =
  | { kind: 'progress'; records: number }
  | { kind: 'done'; counts: WhatIfCount[] }
  | { kind: 'failed'; code: ErrorCode | null; message: string }

const say = (report: WhatIfReportOfWorker): void => parentPort?.postMessage(report)

/** Whole shards of `online:`, as `rebuild-worker.ts` shares them out. */
const ownerOf = (key: string, workers: number): number => (hash32(key) % onlineShards) % workers

const noRows: RowSink = { add: () => undefined, isFull: () => false, flush: async () => undefined }
const noWarehouse = { query: async () => [] } as unknown as Warehouse

const run = async (task: WhatIfTask): Promise<void> => {
  const closing: (() => Promise<void>)[] = []
  try {
    const environment = openEnvironment(task.dataDir)
    closing.push(() => environment.close())
    const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
    closing.push(() => log.close())
    const live = task.live === null ? null : openWarehouse(task.live)
    if (live !== null) closing.push(() => live.close())
    const counts: WhatIfCount[] = []
    for (const ruleSet of task.ruleSets) counts.push(await runRules(task, log, live ?? noWarehouse, ruleSet))
    say({ kind: 'done', counts })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

const runRules = async (task: WhatIfTask, log: EventLog, live: Warehouse, ruleSet: RuleSet): Promise<WhatIfCount> => {
  const wanted = task.devices === null ? null : new Set(task.devices)
  const owns = (key: string): boolean => (wanted === null || wanted.has(key)) && ownerOf(key, task.workers) === task.worker
  const codec = createEventCodec()
  const letters = createDeadLetterCodec()
  const fits = task.models === null ? null : fitsAny(task.models)
  const devices = new Set<string>()
  const tallies: Tally[] = []
  let before = 0
  for (const { partition, from, to } of task.spans) {
    let records = 0
    const tally = createTally({
      fromMs: task.fromMs,
      toMs: task.toMs,
      fits: ({ model }) => fits === null || fits(model) || fits(model.split('/').at(-1) ?? ''),
    })
    const deps: RebuildDeps = {
      logId: log.logId,
      tenant: task.tenant,
      codec,
      digest: md5,
      encodeDeadLetter: letters.encode,
      encodeAlarm: createAlarmCodec().encode,
      encodeSignal: createFleetCodec().encode,
      decodeDeadLetter: letters.decode,
      peekArrivalMs,
      seenIdsMax: Math.ceil(seenIdsMax / task.spans.length),
      counters: { outcome: () => undefined, limitReached: () => undefined },
      rows: noRows,
      judgesOnly: true,
      share:
        task.workers === 1 && wanted === null
          ? null
          : { owns, isFirst: task.worker === 0, exchange: createExchange(task.peers, task.workers) },
      tokens: '',
      erasedThrough: () => null,
      elapsedMs: () => performance.now(),
      onProgress: (_partition, done) => {
        if (isAborted(task.peers)) throw new Error('the what-if was given up')
        records = done
        say({ kind: 'progress', records: before + done })
      },
      onAlarms: (alarms) => {
        for (const alarm of alarms) tally.add(alarm)
      },
    }
    const noteDevices = (chunk: readonly StoredRecord[]): void => {
      for (const { key } of chunk) if (key !== tickKey && owns(key)) devices.add(key)
    }
    const source = deviceEvents(log, live, partition, to, task.devices, from)
    const inventory = from === 0 ? [] : await inventoryBefore(live, log.logId, partition, from)
    await rebuildPartition(
      deps,
      partition,
      withRules([rulesRecord(codec, task.tenant, ruleSet, from), ...inventory], source.chunks, codec, noteDevices),
    )
    before += records
    tallies.push(tally.close(task.toMs))
  }
  return { tally: addTallies(tallies), records: before, devices: devices.size }
}

run(workerData as WhatIfTask).catch((error: unknown) => {
  say({
    kind: 'failed',
    code: error instanceof AppError ? error.code : null,
    message: error instanceof Error ? error.message : String(error),
  })
})
