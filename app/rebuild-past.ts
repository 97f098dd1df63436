/**
 * The past run anew on the embedded parts: log and stage of a data folder, records of every partition from their beginning,
 * into a warehouse that is handed in. Used by `rebuild-verify.ts` and `rebuild-apply.ts`.
 */
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { createStageStore } from '../adapters/lmdb/stage-store.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { md5, systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { EventCodec, EventLog, Warehouse } from '../model/ports.ts'
import { seenIdsMax } from '../processors/domain/seen-ids.ts'
import { consumerGroups } from '../processors/main.ts'
import { type RebuildDeps, type RebuildFigures, rebuildDeadLetters, rebuildPartition } from '../processors/rebuild.ts'
import type { Span } from '../processors/rebuild-compare.ts'
import type { Config } from '../runtime/config.ts'
import { deadLetters, deviceEvents, type SourceFigures } from './rebuild-sources.ts'

export type Finished = { log: EventLog; stage: Span[]; sink: Span[]; close: () => Promise<void> }

/** The log of the folder, and how far its stages have come; a running recorder is not disturbed. */
export const openFinished = async (config: Config): Promise<Finished> => {
  const environment = openEnvironment(config.DATA_DIR)
  const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
  const finished = async ({ group, topics }: (typeof consumerGroups)[number]): Promise<Span[]> => {
    const store = createStageStore({ environment, group, clock: systemClock })
    const partitions = Array.from({ length: log.partitionCount(topics[0]) }, (_, partition) => partition)
    return Promise.all(partitions.map(async (partition) => ({ partition, from: 0, to: (await store.resume(topics[0], partition)).next })))
  }
  const close = async (): Promise<void> => {
    await log.close()
    await environment.close()
  }
  return { log, stage: await finished(consumerGroups[0]), sink: await finished(consumerGroups[1]), close }
}

export type PastOptions = {
  config: Config
  /** Where frames are read that the log holds no more. */
  live: Warehouse
  /** Gets the rows. */
  into: Warehouse
  /** Only these subjects; null: all. */
  sample: readonly string[] | null
  say: (line: string) => void
}

export type Past = {
  /** `cpuSeconds`: of this process; the engine's is its own. */
  figures: RebuildFigures & { seconds: number; cpuSeconds: number }
  sources: SourceFigures
  /** Subjects whose key is gone. */
  skipped: string[]
  /** Every record from offset 0 on was there. */
  whole: boolean
}

/** Sets the `from` of the spans to the first record that was found. */
export const runPast = async ({ config, live, into, sample, say }: PastOptions, { log, stage, sink }: Finished): Promise<Past> => {
  const sealed = new Map<string, Uint8Array>()
  const letters = createDeadLetterCodec()
  const total = stage.reduce((sum, { to }) => sum + to, 0)
  const startedMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const progress = everySecond(say, total, startedMs)
  const deps: RebuildDeps = {
    logId: log.logId,
    tenant: config.TENANT,
    codec: noteSealed(createEventCodec(), sealed),
    digest: md5,
    encodeDeadLetter: letters.encode,
    decodeDeadLetter: letters.decode,
    seenIdsMax: Math.ceil(seenIdsMax / stage.length),
    counters: { outcome: () => undefined, limitReached: () => undefined },
    scratch: into,
    elapsedMs: () => performance.now(),
    onProgress: progress.add,
  }

  const figures: RebuildFigures = { records: 0, rows: 0, readMs: 0, runMs: 0, encodeMs: 0, waitMs: 0 }
  const sources: SourceFigures = { fromLog: 0, fromMessages: 0, firstOffset: null, lost: 0 }
  const keys = sample === null ? null : new Set(sample)
  let whole = true
  for (const span of stage) {
    const source = deviceEvents(log, live, span.partition, span.to, keys)
    const own = await rebuildPartition(deps, span.partition, source.chunks)
    for (const name of Object.keys(figures) as (keyof RebuildFigures)[]) figures[name] += own[name]
    span.from = source.figures.firstOffset ?? span.to
    sources.fromLog += source.figures.fromLog
    sources.fromMessages += source.figures.fromMessages
    sources.lost += source.figures.lost
    sources.firstOffset = Math.min(sources.firstOffset ?? Number.POSITIVE_INFINITY, span.from)
    if (span.to > 0 && (span.from > 0 || source.figures.lost > 0)) whole = false
    progress.nextPartition()
  }
  for (const span of sink) {
    span.from = (await log.bounds('dead-letters', span.partition)).first
    await rebuildDeadLetters(deps, deadLetters(log, span.to))
  }
  const seconds = (performance.now() - startedMs) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  const cpuSeconds = (cpu.user + cpu.system) / 1e6
  say(`run anew: ${figures.records} events in ${seconds.toFixed(1)} s, ${rate(sources.fromLog + sources.fromMessages, seconds)} events/s`)
  if (!whole)
    say(
      `the history is not whole: it begins at offset ${sources.firstOffset ?? 0}, and ${sources.lost} later records are nowhere; what depends on them may differ`,
    )
  const skipped = await withoutKey(config.DATA_DIR, sealed)
  for (const subject of skipped) say(`skipped, its key is gone: ${subject}`)
  return { figures: { ...figures, seconds, cpuSeconds }, sources, skipped, whole }
}

const rate = (records: number, seconds: number): number => Math.round(records / Math.max(seconds, 0.001))

const progressEveryMs = 2_000

const everySecond = (say: (line: string) => void, total: number, startedMs: number) => {
  let before = 0
  let current = 0
  let saidMs = startedMs
  return {
    add: (records: number): void => {
      current = records
      const now = performance.now()
      if (now - saidMs < progressEveryMs) return
      saidMs = now
      say(`${before + current} of ${total} records, ${rate(before + current, (now - startedMs) / 1000)} events/s`)
    },
    nextPartition: (): void => {
      before += current
      current = 0
    },
  }
}

/** The first sealed payload of each subject: what shows later whether its key is still there. */
const noteSealed = (codec: EventCodec, sealed: Map<string, Uint8Array>): EventCodec => ({
  ...codec,
  decode: (frame) => {
    const decoded = codec.decode(frame)
    if (decoded.ok && decoded.event.payload.encoding === 'sealed' && !sealed.has(decoded.event.subject.id)) {
      sealed.set(decoded.event.subject.id, decoded.event.payload.bytes.slice())
    }
    return decoded
  },
})

const withoutKey = async (dataDir: string, sealed: ReadonlyMap<string, Uint8Array>): Promise<string[]> => {
  const keys = openSubjectKeys(dataDir)
  const gone: string[] = []
  try {
    for (const [subject, bytes] of sealed) if ((await keys.open(subject, bytes)) === null) gone.push(subject)
  } finally {
    await keys.close()
  }
  return gone
}
