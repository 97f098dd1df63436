/**
 * The proof that the tables are what the log says: everything run anew into a scratch engine in a temporary folder, outputs
 * off, then compared. The recorder may run meanwhile. Called by `rebuild-main.ts`.
 */
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { startScratchWarehouse } from '../adapters/chdb/scratch.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { createStageStore } from '../adapters/lmdb/stage-store.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { md5, systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { EventCodec, EventLog, Warehouse } from '../model/ports.ts'
import { seenIdsMax } from '../processors/domain/seen-ids.ts'
import { consumerGroups } from '../processors/main.ts'
import { type RebuildDeps, type RebuildFigures, rebuildDeadLetters, rebuildPartition } from '../processors/rebuild.ts'
import { type CompareResult, compareTables, type Span, type TableOutcome } from '../processors/rebuild-compare.ts'
import type { Config } from '../runtime/config.ts'
import { openLive } from './rebuild-live.ts'
import { deadLetters, deviceEvents, type SourceFigures } from './rebuild-sources.ts'

export type VerifyOptions = {
  config: Config
  /** Of the running recorder's warehouse, when WAREHOUSE_LISTEN does not tell it. */
  publicUrl?: string
  /** That many subjects, drawn by the seed; null: all. */
  sample: { count: number; seed: number } | null
  /** Progress, one line a call. */
  say: (line: string) => void
  /** Only tests set it: the rebuilt tables before they are compared. */
  beforeCompare?: (scratch: Warehouse) => Promise<void>
}

export type VerifyReport = CompareResult & {
  /** `cpuSeconds`: of this process while it ran the past anew; the engine's is its own. */
  figures: RebuildFigures & { seconds: number; cpuSeconds: number; compareSeconds: number }
  sources: SourceFigures
  sample: readonly string[] | null
  skipped: readonly string[]
  whole: boolean
}

export const verifyRebuild = async (options: VerifyOptions): Promise<VerifyReport> => {
  const { config, say } = options
  const closing: (() => Promise<void>)[] = []
  try {
    const live = await openLive(config, options.publicUrl)
    closing.push(live.close)
    say(live.how)
    const scratch = await startScratchWarehouse(config.WAREHOUSE_MEMORY_BYTES_MAX)
    closing.push(scratch.stop)
    const environment = openEnvironment(config.DATA_DIR)
    closing.push(() => environment.close())
    const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
    closing.push(() => log.close())
    const finished = async (group: (typeof consumerGroups)[number]): Promise<Span[]> => {
      const store = createStageStore({ environment, group: group.group, clock: systemClock })
      const partitions = Array.from({ length: log.partitionCount(group.topics[0]) }, (_, partition) => partition)
      return Promise.all(
        partitions.map(async (partition) => ({ partition, from: 0, to: (await store.resume(group.topics[0], partition)).next })),
      )
    }
    return await verify(options, {
      live: live.warehouse,
      scratch,
      log,
      stage: await finished(consumerGroups[0]),
      sink: await finished(consumerGroups[1]),
    })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

type Parts = { live: Warehouse; scratch: Awaited<ReturnType<typeof startScratchWarehouse>>; log: EventLog; stage: Span[]; sink: Span[] }

const verify = async (options: VerifyOptions, { live, scratch, log, stage, sink }: Parts): Promise<VerifyReport> => {
  const { config, say } = options
  const sample = options.sample === null ? null : await drawSample(live, options.sample)
  if (sample !== null) say(`sample of ${sample.length}, seed ${options.sample?.seed ?? 0}: ${sample.join(' ')}`)
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
    scratch: scratch.warehouse,
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

  await options.beforeCompare?.(scratch.warehouse)
  const compareStartedMs = performance.now()
  const oneLog = (await live.query('SELECT log_id FROM messages GROUP BY log_id LIMIT 2')).length < 2
  if (!oneLog) say('the tables hold rows of more than one log: what is added up over all of them is not compared')
  const result = await compareTables({
    live,
    scratch: scratch.warehouse,
    logId: log.logId,
    deviceEvents: stage,
    deadLetters: sink,
    sample,
    skipped: new Set(skipped),
    whole: whole && oneLog,
    keptDays: (table) => scratch.keptDays.get(table) ?? null,
    nowMs: systemClock.nowMs(),
    onTable: (outcome) => say(tableLine(outcome)),
  })
  const compareSeconds = (performance.now() - compareStartedMs) / 1000
  return { ...result, figures: { ...figures, seconds, cpuSeconds, compareSeconds }, sources, sample, skipped, whole }
}

const tableLine = ({ table, rows, groups, moving, differences, notCompared }: TableOutcome): string => {
  if (notCompared !== null) return `${table}: not compared, ${notCompared}`
  const aside = moving === 0 ? '' : `, ${moving} days aside that later messages have changed`
  return `${table}: ${rows} rows, ${groups} days of devices, ${differences} differences${aside}`
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

const drawSample = async (live: Warehouse, { count, seed }: { count: number; seed: number }): Promise<string[]> => {
  const rows = await live.query<{ subject: string }>(
    "SELECT subject FROM subjects_seen WHERE subject_kind IN ('device', 'place') GROUP BY subject ORDER BY subject",
  )
  const left = rows.map(({ subject }) => subject)
  const random = seededRandom(seed)
  const drawn: string[] = []
  while (drawn.length < count && left.length > 0) drawn.push(...left.splice(Math.floor(random() * left.length), 1))
  return drawn.sort()
}

/** Mulberry32: the same seed draws the same devices. */
const seededRandom = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
