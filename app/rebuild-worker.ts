/**
 * One worker thread of a rebuild: opens log, keys and both warehouses for itself, runs its share of the subjects of every
 * partition and inserts their rows. Started by `rebuild-past.ts`, which adds up what the workers tell.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { peekArrivalMs } from '../adapters/avro/peek-arrival.ts'
import { openRowGatherer } from '../adapters/clickhouse/row-gatherer.ts'
import { openWarehouse, type WarehouseOptions } from '../adapters/clickhouse/warehouse.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { md5, systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { EventCodec, SubjectKeys } from '../model/ports.ts'
import { hash32 } from '../processors/domain/hash.ts'
import { onlineShards } from '../processors/domain/projections/presence.ts'
import { seenIdsMax } from '../processors/domain/seen-ids.ts'
import {
  noFigures,
  type RebuildDeps,
  type RebuildFigures,
  type RowSink,
  rebuildDeadLetters,
  rebuildFleet,
  rebuildPartition,
} from '../processors/rebuild.ts'
import type { Span } from '../processors/rebuild-compare.ts'
import type { Kept } from '../processors/stage-run.ts'
import { AppError, type ErrorCode } from '../runtime/errors.ts'
import { type ErasureMark, type ErasedThrough, erasedThroughOf } from './rebuild-erasures.ts'
import { createExchange, isAborted, type PeerMemory } from './rebuild-peers.ts'
import { deadLetters, deviceEvents, fleetSignals, type SourceFigures } from './rebuild-sources.ts'

export type WorkerTask = {
  dataDir: string
  tenant: string
  live: WarehouseOptions
  into: WarehouseOptions
  /** Only these subjects; null: all. */
  sample: readonly string[] | null
  /** Only rows of these tables that arrived from then on; null: all. */
  only: { tables: readonly string[]; fromMs: number } | null
  stage: readonly Span[]
  sink: readonly Span[]
  fleet: readonly Span[]
  erasures: readonly ErasureMark[]
  worker: number
  workers: number
  peers: PeerMemory
}

export type WorkerReport =
  | { kind: 'progress'; partition: number; records: number; kept: Kept }
  | { kind: 'done'; figures: RebuildFigures; sources: SourceFigures[]; skipped: string[]; erased: string[] }
  | { kind: 'failed'; code: ErrorCode | null; message: string }

const say = (report: WorkerReport): void => parentPort?.postMessage(report)

/** Whole shards of `online:`, so that a shard's list stands with one worker as it does with one run. */
const ownerOf = (key: string, workers: number): number => (hash32(key) % onlineShards) % workers

const run = async (task: WorkerTask): Promise<void> => {
  const closing: (() => Promise<void>)[] = []
  try {
    const environment = openEnvironment(task.dataDir)
    closing.push(() => environment.close())
    const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
    closing.push(() => log.close())
    const keys = openSubjectKeys(task.dataDir)
    closing.push(() => keys.close())
    const live = openWarehouse(task.live)
    closing.push(() => live.close())
    const rows = openRowGatherer(task.into)
    closing.push(() => rows.close())
    const into = openWarehouse(task.into)
    closing.push(() => into.close())

    const wanted = task.sample === null ? null : new Set(task.sample)
    const owns = (key: string): boolean => (wanted === null || wanted.has(key)) && ownerOf(key, task.workers) === task.worker
    const erased = noteErased(erasedThroughOf(task.erasures, keys.pseudonym))
    const sealed = new Map<string, Uint8Array>()
    const letters = createDeadLetterCodec()
    const deps: RebuildDeps = {
      logId: log.logId,
      tenant: task.tenant,
      codec: noteSealed(createEventCodec(), sealed),
      digest: md5,
      encodeDeadLetter: letters.encode,
      encodeAlarm: createAlarmCodec().encode,
      encodeSignal: createFleetCodec().encode,
      decodeDeadLetter: letters.decode,
      peekArrivalMs,
      seenIdsMax: Math.ceil(seenIdsMax / task.stage.length),
      counters: { outcome: () => undefined, limitReached: () => undefined },
      rows: task.only === null ? rows : onlyThese(rows, task.only),
      share:
        task.workers === 1 && wanted === null
          ? null
          : { owns, isFirst: task.worker === 0, exchange: createExchange(task.peers, task.workers) },
      tokens: `rebuild:${task.worker}`,
      erasedThrough: erased.through,
      elapsedMs: () => performance.now(),
      onProgress: (partition, records, kept) => {
        if (isAborted(task.peers)) throw new Error('the rebuild was given up')
        say({ kind: 'progress', partition, records, kept })
      },
    }

    const figures = noFigures()
    const sources: SourceFigures[] = []
    for (const { partition, to } of task.stage) {
      const source = deviceEvents(log, live, partition, to, task.sample)
      const own = await rebuildPartition(deps, partition, source.chunks)
      for (const name of Object.keys(figures) as (keyof RebuildFigures)[]) figures[name] += own[name]
      sources.push(source.figures)
    }
    // `only` names tables of the stage; the dead letters' is none of them.
    if (task.worker === 0 && task.only === null) {
      const ofSample = (subject: string): boolean => wanted === null || wanted.has(subject)
      for (const { partition, to } of task.sink)
        await rebuildDeadLetters({ ...deps, scratch: into, owns: ofSample }, partition, deadLetters(log, to))
    }
    // Alarms of groups are of all devices: a sample has none, and a fix leaves them as they were recorded.
    if (task.worker === 0 && task.only === null && wanted === null) {
      const fleet = { ...deps, partitions: task.stage.length, decodeSignal: createFleetCodec().decode }
      for (const { to } of task.fleet) await rebuildFleet(fleet, fleetSignals(log, to))
    }
    const marked = erased.subjects()
    say({ kind: 'done', figures, sources, skipped: await withoutKey(keys, sealed, marked), erased: marked })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

const onlyThese = (sink: RowSink, { tables, fromMs }: NonNullable<WorkerTask['only']>): RowSink => ({
  ...sink,
  add: (table, rows) => {
    if (!tables.includes(table)) return
    sink.add(
      table,
      rows.filter((row) => Number(row['received_at']) >= fromMs),
    )
  },
})

const noteErased = (through: ErasedThrough): { through: ErasedThrough; subjects: () => string[] } => {
  const found = new Set<string>()
  return {
    through: (subject, topic, partition) => {
      const offset = through(subject, topic, partition)
      if (offset !== null) found.add(subject)
      return offset
    },
    subjects: () => [...found].sort(),
  }
}

/** The first sealed payload of each subject: what shows later whether its key is still there. */
const noteSealed = (codec: EventCodec, sealed: Map<string, Uint8Array>): EventCodec => ({
  ...codec,
  decode: (frame) => {
    const decoded = codec.decode(frame)
    if (decoded.ok && decoded.event.payload.encoding === 'sealed' && !sealed.has(decoded.event.subject.id)) {
      sealed.set(decoded.event.subject.id, Uint8Array.from(decoded.event.payload.bytes))
    }
    return decoded
  },
})

/** Subjects with a mark are no riddle: what is said before it is left out, what is said after it is compared. */
const withoutKey = async (keys: SubjectKeys, sealed: ReadonlyMap<string, Uint8Array>, marked: readonly string[]): Promise<string[]> => {
  const known = new Set(marked)
  const gone: string[] = []
  for (const [subject, bytes] of sealed) if (!known.has(subject) && (await keys.open(subject, bytes)) === null) gone.push(subject)
  return gone
}

run(workerData as WorkerTask).catch((error: unknown) => {
  say({
    kind: 'failed',
    code: error instanceof AppError ? error.code : null,
    message: error instanceof Error ? error.message : String(error),
  })
})
