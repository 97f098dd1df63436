/** The log in memory, for tests of what uses it: same promises but durability, same suite (`../event-log.contract.ts`). */
import { randomBytes } from 'node:crypto'
import type { Clock, EventLog, LogRecord, LogTopic, StoredRecord } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { logTopics } from '../../schemas/topics.ts'
import { type LogSource, startConsumer } from '../lmdb/log-consumer.ts'

export type MemoryLog = EventLog & {
  /** As retention does: deletes the records before this offset. */
  deleteBefore: (topic: LogTopic, partition: number, offset: number) => void
  /** What a transaction of the stage store needs: appends at once, without waiting. */
  appendNow: (topic: LogTopic, records: readonly LogRecord[]) => number[]
}

type Partition = { first: number; records: StoredRecord[] }

export const createMemoryLog = ({ clock, partitions }: { clock: Clock; partitions: number }): MemoryLog => {
  const topics = new Map<LogTopic, Partition[]>()
  const partitionCount = (topic: LogTopic): number => (logTopics[topic].partitioned ? partitions : 1)
  const consumers = new Set<{ stop: () => Promise<void> }>()
  let closed = false

  const partitionAt = (topic: LogTopic, partition: number): Partition => {
    const existing = topics.get(topic) ?? Array.from({ length: partitionCount(topic) }, () => ({ first: 0, records: [] }))
    topics.set(topic, existing)
    const found = existing[partition]
    if (!found) throw new RangeError(`Expected a partition of ${topic} under ${partitionCount(topic)}, got ${partition}`)
    return found
  }

  const appendNow = (topic: LogTopic, records: readonly LogRecord[]): number[] => {
    for (const { partition } of records) partitionAt(topic, partition) // All of one call or nothing.
    return records.map(({ partition, key, value }) => {
      const { first, records: stored } = partitionAt(topic, partition)
      const offset = first + stored.length
      stored.push({ offset, appendedAtMs: clock.nowMs(), key, value: Buffer.from(value) })
      return offset
    })
  }

  const source: LogSource = {
    partitionCount,
    bounds: (topic, partition) => {
      const { first, records } = partitionAt(topic, partition)
      return { first, next: first + records.length }
    },
    readFrom: (topic, partition, from, bytesMax) => {
      const { first, records } = partitionAt(topic, partition)
      const start = Math.max(0, from - first)
      let end = start
      for (let bytes = 0; end < records.length && (end === start || bytes < bytesMax); end++) bytes += records[end]?.value.length ?? 0
      return records.slice(start, end)
    },
  }

  return {
    logId: randomBytes(8).toString('hex'),
    partitionCount,
    append: async (topic, records) => {
      if (closed) throw new AppError('LOG_CLOSED', `appending to ${topic}: the log is closed`)
      return appendNow(topic, records)
    },
    appendNow,
    consume: async (options) => {
      const consumer = await startConsumer(source, options, clock)
      consumers.add(consumer)
      return consumer
    },
    read: async function* (topic, partition, from, to) {
      for (const record of source.readFrom(topic, partition, from, Number.POSITIVE_INFINITY)) if (record.offset < to) yield record
    },
    bounds: async (topic, partition) => source.bounds(topic, partition),
    deleteBefore: (topic, partition, offset) => {
      const own = partitionAt(topic, partition)
      own.records.splice(0, offset - own.first)
      own.first = offset
    },
    close: async () => {
      closed = true
      for (const consumer of consumers) await consumer.stop()
    },
  }
}
