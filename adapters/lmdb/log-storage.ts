/**
 * What the log does to its environment, without queues or time: used by `event-log.ts` (appends), `stage-store.ts` (outputs
 * in the stage's own transaction) and `retention.ts`. Offsets come from inside the write transaction, so two threads never
 * give the same one.
 */
import { randomBytes } from 'node:crypto'
import type { LogRecord, LogTopic, StoredRecord } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { logTopics } from '../../schemas/topics.ts'
import { type Chunk, decodeChunk, encodeChunks } from './chunk.ts'
import type { Environment, PartitionBounds } from './environment.ts'

export type PartitionChunks = { partition: number; chunks: Chunk[] }

export const topicNames = Object.keys(logTopics) as LogTopic[]

const nothing: PartitionBounds = { first: 0, next: 0, bytes: 0 }

export const boundsOf = (environment: Environment, topic: LogTopic, partition: number): PartitionBounds =>
  environment.bounds.get([topic, partition]) ?? nothing

/**
 * Makes the log on first use: id and partition counts; `partitions` counts for the topics that are partitioned at all, 1 for
 * the others. Undefined takes what is stored (a second thread). Another count than at creation is refused.
 */
export const openLogFacts = (
  environment: Environment,
  partitions: number | undefined,
): { logId: string; partitionCounts: ReadonlyMap<LogTopic, number> } =>
  environment.root.transactionSync(() => {
    const { facts } = environment
    const partitionCounts = new Map<LogTopic, number>()
    for (const topic of topicNames) {
      const stored = facts.get(`partitions:${topic}`)
      const wanted = logTopics[topic].partitioned ? partitions : 1
      // A topic that came with a later release has as many as the log was made with, whoever opens it first.
      const made = logTopics[topic].partitioned ? facts.get('partitions:device-events') : 1
      if (typeof stored === 'number' && wanted !== undefined && stored !== wanted) {
        throw new AppError(
          'LOG_PARTITIONS_CHANGED',
          `Expected ${stored} partitions of ${topic}, as when the log in ${environment.path} was made, got ${wanted}: keys would change their partition`,
        )
      }
      const count = typeof stored === 'number' ? stored : (wanted ?? (typeof made === 'number' ? made : 1))
      if (stored === undefined) facts.putSync(`partitions:${topic}`, count)
      partitionCounts.set(topic, count)
    }
    const storedId = facts.get('logId')
    const logId = typeof storedId === 'string' ? storedId : randomBytes(8).toString('hex')
    if (storedId === undefined) facts.putSync('logId', logId)
    return { logId, partitionCounts }
  })

/** Records by partition, each in its order, as chunks. */
export const toPartitionChunks = (records: readonly LogRecord[], appendedAtMs: number): PartitionChunks[] => {
  const byPartition = new Map<number, LogRecord[]>()
  for (const record of records) {
    const same = byPartition.get(record.partition)
    if (same) same.push(record)
    else byPartition.set(record.partition, [record])
  }
  return [...byPartition].map(([partition, own]) => ({ partition, chunks: encodeChunks(own, appendedAtMs) }))
}

/** Inside a write transaction: stores the chunks and answers with the offset of the first record. */
export const putChunks = (environment: Environment, topic: LogTopic, { partition, chunks }: PartitionChunks): number => {
  const { first, next, bytes } = boundsOf(environment, topic, partition)
  let end = next
  let added = 0
  for (const chunk of chunks) {
    end += chunk.count
    added += chunk.bytes.length
    environment.chunks.putSync([topic, partition, end - 1], chunk.bytes)
  }
  environment.bounds.putSync([topic, partition], { first, next: end, bytes: bytes + added })
  return next
}

/** Records from `from` on, whole chunks up to `bytesMax` (at least one chunk), in one synchronous look: no snapshot is kept. */
export const readChunks = (
  environment: Environment,
  topic: LogTopic,
  partition: number,
  from: number,
  bytesMax: number,
): StoredRecord[] => {
  const records: StoredRecord[] = []
  let bytes = 0
  for (const { key, value } of environment.chunks.getRange({
    start: [topic, partition, from],
    end: [topic, partition, Number.MAX_SAFE_INTEGER],
  })) {
    for (const record of decodeChunk(value as Buffer, key[2], from)) records.push(record)
    bytes += value.length
    if (bytes >= bytesMax) break
  }
  return records
}
