/**
 * Reads partitions in offset order and hands out batches, one in flight per partition (`EventLog.consume`). Knows the log
 * only as `LogSource`, so that the LMDB log and the one in memory behave the same. Polls: another thread may append.
 */
import type { Clock, ConsumeOptions, LogBatch, LogConsumer, LogTopic, StartPosition, StoredRecord } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'

export type LogSource = {
  partitionCount: (topic: LogTopic) => number
  /** As of the newest commit. */
  bounds: (topic: LogTopic, partition: number) => { first: number; next: number }
  /** Records from `from` on, about `bytesMax` of them, at least one if there is one; as of the newest commit. */
  readFrom: (topic: LogTopic, partition: number, from: number, bytesMax: number) => StoredRecord[]
}

/** What an idle partition adds to the latency of a record; a look costs a few microseconds. */
export const pollEveryMs = 10
export const retryAfterMsMin = 100
export const retryAfterMsMax = 5_000
/** One synchronous look; the event loop turns between two. */
const readBytesMax = 1024 * 1024

export const startConsumer = async (source: LogSource, options: ConsumeOptions, clock: Clock): Promise<LogConsumer> => {
  const sleeper = createSleeper()
  const partitions: PartitionReader[] = []
  for (const topic of options.topics) {
    for (let partition = 0; partition < source.partitionCount(topic); partition++) {
      const start = await options.startAt(topic, partition)
      checkStart(source.bounds(topic, partition), options.group, topic, partition, start)
      partitions.push({ topic, partition, ...start })
    }
  }
  const running = partitions.map((reader) => consumePartition(source, options, clock, reader, sleeper))
  return {
    lagRecords: () => partitions.reduce((lag, { topic, partition, next }) => Math.max(lag, source.bounds(topic, partition).next - next), 0),
    stop: async () => {
      sleeper.stop()
      await Promise.all(running)
    },
  }
}

export type PartitionReader = StartPosition & { topic: LogTopic; partition: number }

export const checkStart = (
  bounds: { first: number; next: number },
  group: string,
  topic: LogTopic,
  partition: number,
  { next, repeatTo }: StartPosition,
): void => {
  if (next < bounds.first) {
    throw new AppError(
      'LOG_OFFSET_BEHIND_RETENTION',
      `Group ${group} expected offset ${next} of ${topic}:${partition}, but the log starts at ${bounds.first}: ${bounds.first - next} records were deleted unread`,
    )
  }
  if (next > bounds.next || (repeatTo ?? 0) >= Math.max(bounds.next, 1) || (repeatTo !== null && repeatTo < next)) {
    throw new AppError(
      'STAGE_MARK_BEYOND_LOG',
      `Group ${group} expected offset ${next}${repeatTo === null ? '' : ` to ${repeatTo}`} of ${topic}:${partition}, but the log ends at ${bounds.next}: state and log are not of one backup`,
    )
  }
}

export const consumePartition = async (
  source: LogSource,
  options: ConsumeOptions,
  clock: Clock,
  reader: PartitionReader,
  sleeper: Sleeper,
): Promise<void> => {
  const { topic, partition } = reader
  const fill = createFiller(source, options, reader)
  while (!sleeper.stopped()) {
    let records: StoredRecord[] | undefined
    try {
      records = fill(clock.nowMs(), performance.now())
    } catch (error) {
      options.onError(asError(error), { topic, partition })
      await sleeper.sleep(retryAfterMsMax)
      continue
    }
    const [first] = records ?? []
    const last = records?.at(-1)
    if (!records || !first || !last) {
      await sleeper.sleep(pollEveryMs)
      continue
    }
    const batch: LogBatch = { topic, partition, firstOffset: first.offset, lastOffset: last.offset, records }
    if (!(await deliver(batch, options, sleeper))) return
    reader.next = last.offset + 1
    if (reader.repeatTo !== null && reader.next > reader.repeatTo) reader.repeatTo = null
  }
}

/** True once the batch was taken; false when stopped before. The same batch comes again until then. */
const deliver = async (batch: LogBatch, { onBatch, onError }: ConsumeOptions, sleeper: Sleeper): Promise<boolean> => {
  for (let attempt = 0; !sleeper.stopped(); attempt++) {
    try {
      await onBatch(batch)
      await sleeper.turn() // An onBatch that never waits must not hold the event loop.
      return true
    } catch (error) {
      onError(asError(error), { topic: batch.topic, partition: batch.partition })
      const longest = Math.min(retryAfterMsMin * 2 ** attempt, retryAfterMsMax)
      await sleeper.sleep(longest * (0.5 + Math.random() / 2)) // Jitter: partitions that failed together come apart.
    }
  }
  return false
}

/**
 * Collects records from look to look until a batch is due: by count, by bytes, or because its first record has waited.
 * A pending range (`repeatTo`) is taken whole, whatever the limits.
 */
const createFiller = (source: LogSource, options: ConsumeOptions, reader: PartitionReader) => {
  let collected: StoredRecord[] = []
  let collectedBytes = 0
  let firstSeenAtMs = 0
  return (nowMs: number, monotonicMs: number): StoredRecord[] | undefined => {
    const { topic, partition } = reader
    const repeatFrom = reader.repeatFrom ?? reader.next
    const before = reader.repeatTo !== null && reader.next < repeatFrom // On the way to a pending range.
    const repeatTo = before ? null : reader.repeatTo
    const usualMax = before ? Math.min(options.batchRecordsMax, repeatFrom - reader.next) : options.batchRecordsMax
    const countMax = repeatTo === null ? usualMax : repeatTo - reader.next + 1
    const bytesMax = repeatTo === null ? options.batchBytesMax : Number.POSITIVE_INFINITY
    let full = false
    while (!full) {
      const from = reader.next + collected.length
      const records = source.readFrom(topic, partition, from, Math.min(bytesMax - collectedBytes, readBytesMax))
      if (records[0] && records[0].offset !== from) {
        throw new AppError(
          'LOG_OFFSET_BEHIND_RETENTION',
          `Group ${options.group} expected offset ${from} of ${topic}:${partition}, got ${records[0].offset}: records were deleted unread`,
        )
      }
      for (const record of records) {
        if (collected.length > 0 && collectedBytes + record.value.length > bytesMax) full = true
        if (full) break
        if (collected.length === 0) firstSeenAtMs = monotonicMs
        collected.push(record)
        collectedBytes += record.value.length
        full = collected.length >= countMax || collectedBytes >= bytesMax
      }
      if (records.length === 0) break
    }
    const [first] = collected
    if (first === undefined) return undefined
    // The wall clock may have stepped back since the append; then the time since we saw the record decides.
    const waitedMs = Math.max(nowMs - first.appendedAtMs, monotonicMs - firstSeenAtMs)
    if (!full && (repeatTo !== null || waitedMs < options.batchAfterMs)) return undefined
    const due = collected
    collected = []
    collectedBytes = 0
    return due
  }
}

export type Sleeper = { stopped: () => boolean; sleep: (ms: number) => Promise<void>; turn: () => Promise<void>; stop: () => void }

/** Sleeps that end at once when it is stopped. */
export const createSleeper = (): Sleeper => {
  let stopped = false
  const sleeping = new Set<() => void>()
  return {
    stopped: () => stopped,
    sleep: (ms) =>
      new Promise((resolve) => {
        if (stopped) {
          resolve()
          return
        }
        const wake = (): void => {
          clearTimeout(timer)
          sleeping.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, ms)
        sleeping.add(wake)
      }),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    stop: () => {
      stopped = true
      for (const wake of sleeping) wake()
    },
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
