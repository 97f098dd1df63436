/**
 * The embedded log (port `EventLog`): LMDB files under `<dataDir>/log`. Before: `ingest/accept.ts` appends, and the PUBACK
 * waits for it. After: the device stage consumes, maybe in another thread of the program.
 *
 * Group commit: what arrives while a commit is under way, or waits for the write lock, goes into one next commit. An append
 * resolves when its commit is synced. Weaker than Kafka: one disk, one process; a lost disk is a lost log.
 */
import type { Clock, EventLog, LogRecord, LogTopic } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { keyBytesMax } from './chunk.ts'
import type { Environment } from './environment.ts'
import { type LogSource, startConsumer } from './log-consumer.ts'
import { createLowWater } from './low-water.ts'
import { boundsOf, openLogFacts, putChunks, readChunks, toPartitionChunks } from './log-storage.ts'
import { written } from './written.ts'

export type EventLogOptions = {
  environment: Environment
  clock: Clock
  /** Partitions of the partitioned topics, fixed when the log is made. Undefined: as stored (second thread). */
  partitions?: number
  /** Appends are refused while less than this is free (`DISK_FREE_BYTES_MIN`), so that there is room to recover. */
  diskFreeBytesMin: number
  /** Free bytes of the disk; by default asked of the file system. */
  diskFreeBytes?: () => number
  /** Default `waitingBytesMax`. */
  waitingBytesMax?: number
}

/** One commit takes so much, so that the write lock is free for the stages in between. */
export const commitBytesMax = 16 * 1024 * 1024
/** Callers wait for their appends, so this is only reached when the disk stands still: better refused than out of memory. */
export const waitingBytesMax = 256 * 1024 * 1024
/** What a waiting record costs beside its value. */
const recordOverheadBytes = 200

type Waiting = {
  topic: LogTopic
  records: readonly LogRecord[]
  bytes: number
  resolve: (offsets: number[]) => void
  reject: (error: unknown) => void
}

export const openEventLog = (options: EventLogOptions): EventLog => {
  const { environment, clock } = options
  const { logId, partitionCounts } = openLogFacts(environment, options.partitions)
  const partitionCount = (topic: LogTopic): number => partitionCounts.get(topic) ?? 1
  const source = createSource(environment, partitionCount)
  const consumers = new Set<{ stop: () => Promise<void> }>()
  const committer = createCommitter(options, partitionCount)

  return {
    logId,
    partitionCount,
    append: committer.append,
    consume: async (consumeOptions) => {
      const consumer = await startConsumer(source, consumeOptions, clock)
      consumers.add(consumer)
      return consumer
    },
    read: async function* (topic, partition, from, to) {
      for (let at = from; at < to; ) {
        const records = source.readFrom(topic, partition, at, readBytesMax)
        for (const record of records) if (record.offset < to) yield record
        const last = records.at(-1)
        if (!last) return
        at = last.offset + 1
      }
    },
    bounds: async (topic, partition) => source.bounds(topic, partition),
    close: async () => {
      for (const consumer of consumers) await consumer.stop()
      await committer.close()
    },
  }
}

/** One page of `read`: a caller that is slow keeps no snapshot open, only this much memory. */
const readBytesMax = 256 * 1024

const createSource = (environment: Environment, partitionCount: (topic: LogTopic) => number): LogSource => ({
  partitionCount,
  bounds: (topic, partition) => {
    environment.refresh()
    const { first, next } = boundsOf(environment, topic, partition)
    return { first, next }
  },
  readFrom: (topic, partition, from, bytesMax) => {
    environment.refresh()
    return from < boundsOf(environment, topic, partition).next ? readChunks(environment, topic, partition, from, bytesMax) : []
  },
})

const createCommitter = (options: EventLogOptions, partitionCount: (topic: LogTopic) => number) => {
  const { environment, clock, diskFreeBytesMin, diskFreeBytes } = options
  const lowWater = createLowWater({ ...environment, diskFreeBytesMin, diskFreeBytes })
  const waitingMax = options.waitingBytesMax ?? waitingBytesMax
  let waiting: Waiting[] = []
  let waitingBytes = 0
  let committing: Promise<void> | undefined
  let closed = false

  const append = (topic: LogTopic, records: readonly LogRecord[]): Promise<number[]> =>
    new Promise((resolve, reject) => {
      if (closed) throw new AppError('LOG_CLOSED', `appending to ${topic}: the log is closed`)
      const bytes = checkedBytes(topic, records, partitionCount(topic))
      if (waiting.length > 0 && waitingBytes + bytes > waitingMax) {
        throw new AppError('LOG_OVERLOADED', `appending to ${topic}: ${waitingBytes} bytes wait for the disk already`)
      }
      waiting.push({ topic, records, bytes, resolve, reject })
      waitingBytes += bytes
      committing ??= commitWaiting()
    })

  const commitWaiting = async (): Promise<void> => {
    await Promise.resolve() // The appends of this turn come together.
    while (waiting.length > 0) {
      let taken: Waiting[] = []
      try {
        lowWater.check('accept')
        const committed = environment.root.childTransaction(() => {
          taken = take() // Here and not before: the lock may have been waited for.
          return store(taken)
        })
        const offsets = await written(environment.root, committed)
        for (const [index, { resolve }] of taken.entries()) resolve(offsets[index] ?? [])
      } catch (error) {
        for (const { reject } of taken.length > 0 ? taken : take()) reject(error)
      }
    }
    committing = undefined // In the same turn as the last look at `waiting`: an append between the two would wait for ever.
  }

  const take = (): Waiting[] => {
    let bytes = 0
    let count = 0
    for (const own of waiting) {
      if (count > 0 && bytes + own.bytes > commitBytesMax) break
      bytes += own.bytes
      count++
    }
    const taken = count === waiting.length ? waiting : waiting.slice(0, count)
    waiting = count === waiting.length ? [] : waiting.slice(count)
    waitingBytes -= bytes
    return taken
  }

  /** Answers with the offsets of each append, in the order of its records. */
  const store = (appends: readonly Waiting[]): number[][] => {
    const appendedAtMs = clock.nowMs()
    const nextOffsets = new Map<LogTopic, number[]>()
    for (const [topic, records] of byTopic(appends)) {
      const next: number[] = []
      for (const own of toPartitionChunks(records, appendedAtMs)) next[own.partition] = putChunks(environment, topic, own)
      nextOffsets.set(topic, next)
    }
    return appends.map(({ topic, records }) => {
      const next = nextOffsets.get(topic) ?? []
      return records.map(({ partition }) => {
        const offset = next[partition] ?? 0
        next[partition] = offset + 1
        return offset
      })
    })
  }

  return {
    append,
    close: async () => {
      closed = true
      await committing
    },
  }
}

const byTopic = (appends: readonly Waiting[]): Map<LogTopic, LogRecord[]> => {
  const topics = new Map<LogTopic, LogRecord[]>()
  for (const { topic, records } of appends) {
    let same = topics.get(topic)
    if (!same) topics.set(topic, (same = []))
    for (const record of records) same.push(record)
  }
  return topics
}

/** Refuses a record that the log cannot hold before it shares a commit with others. */
const checkedBytes = (topic: LogTopic, records: readonly LogRecord[], partitionCount: number): number => {
  let bytes = 0
  for (const { partition, key, value } of records) {
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
      throw new RangeError(`Expected a partition of ${topic} under ${partitionCount}, got ${partition}`)
    }
    // A UTF-16 unit has at most 3 bytes in UTF-8.
    if (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax) {
      throw new RangeError(`Expected a key of at most ${keyBytesMax} bytes, got ${Buffer.byteLength(key)}`)
    }
    bytes += value.length + recordOverheadBytes
  }
  return bytes
}
