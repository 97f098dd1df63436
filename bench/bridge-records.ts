/**
 * What a bridge brought into Kafka, read back after the measurement. When a record came is told by the broker itself: the
 * bench starts it with `log.message.timestamp.type=LogAppendTime`, so nothing has to listen while it is measured.
 */
import { Admin, Consumer } from '@platformatic/kafka'
import { findMessage } from './bridge-message.ts'

export type KafkaTail = {
  /** Records of the topic so far, all partitions together. */
  endOf: (topic: string) => Promise<number>
  /** Everything that came since the last call. */
  readNew: (topic: string, ledger: RunLedger) => Promise<void>
  createTopic: (topic: string, partitions: number) => Promise<void>
  close: () => Promise<void>
}

/** Of one run's messages: which came, how often, and when. */
export type RunLedger = {
  add: (value: Buffer, appendedAtMs: number) => void
  stored: () => number
  missing: () => number
  doubled: () => number
  firstAppendedAtMs: () => number
  lastAppendedAtMs: () => number
  /** Longest time without a record, with records before and behind it. */
  longestPauseMs: () => number
  /** From PUBLISH to record, of messages published in that time; ascending. */
  latenciesMs: (fromMs: number, toMs: number) => number[]
}

export const createRunLedger = (run: number, count: number): RunLedger => {
  const times = new Uint16Array(count)
  const sentAtMs = new Float64Array(count)
  const firstMs = new Float64Array(count)
  let stored = 0
  let distinct = 0
  let [earliest, latest] = [Number.POSITIVE_INFINITY, 0]
  const moments = new Set<number>()
  return {
    add: (value, appendedAtMs) => {
      const found = findMessage(value)
      if (found === undefined || found.run !== run || found.index >= count) return
      stored++
      earliest = Math.min(earliest, appendedAtMs)
      latest = Math.max(latest, appendedAtMs)
      moments.add(appendedAtMs)
      const before = times[found.index] ?? 0
      times[found.index] = before + 1
      if (before > 0) return
      distinct++
      sentAtMs[found.index] = found.sentAtMs
      firstMs[found.index] = appendedAtMs
    },
    stored: () => stored,
    missing: () => count - distinct,
    doubled: () => stored - distinct,
    firstAppendedAtMs: () => earliest,
    lastAppendedAtMs: () => latest,
    longestPauseMs: () => {
      const sorted = [...moments].sort((a, b) => a - b)
      return sorted.reduce((longest, at, n) => Math.max(longest, at - (sorted[n - 1] ?? at)), 0)
    },
    latenciesMs: (fromMs, toMs) => {
      const found: number[] = []
      for (let n = 0; n < count; n++) {
        const sent = sentAtMs[n] ?? 0
        if ((times[n] ?? 0) > 0 && sent >= fromMs && sent < toMs) found.push((firstMs[n] ?? 0) - sent)
      }
      return found.sort((a, b) => a - b)
    },
  }
}

const latest = -1n
const fetchBytesMax = 16 * 1024 * 1024
const fetchWaitMs = 100
const topicReadyWithinMs = 10_000

export const openKafkaTail = (brokers: string): KafkaTail => {
  const options = { clientId: 'bench', bootstrapBrokers: [brokers], retries: 20, retryDelay: 100 }
  const admin = new Admin(options)
  // Never joins: the name of a group is wanted by the constructor.
  const consumer = new Consumer({ ...options, groupId: 'bench-unused' })
  const positions = new Map<string, number[]>()

  const endsOf = async (topic: string): Promise<number[]> => {
    const metadata = await admin.metadata({ topics: [topic] })
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0
    const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: latest }))
    const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
    const ends = Array.from({ length: count }, () => 0)
    for (const { partitionIndex, offset } of answer?.partitions ?? []) ends[partitionIndex] = Number(offset)
    return ends
  }

  const readPartition = async (topic: string, partition: number, from: number, end: number, ledger: RunLedger): Promise<number> => {
    let at = from
    while (at < end) {
      const metadata = await consumer.metadata({ topics: [topic] })
      const own = metadata.topics.get(topic)
      const { responses } = await consumer.fetch({
        node: own?.partitions[partition]?.leader ?? 1,
        topics: [
          {
            topicId: own?.id ?? '',
            partitions: [
              { partition, fetchOffset: BigInt(at), currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: fetchBytesMax },
            ],
          },
        ],
        minBytes: 1,
        maxBytes: fetchBytesMax,
        maxWaitTime: fetchWaitMs,
        isolationLevel: 0,
      })
      for (const batch of responses[0]?.partitions[0]?.records ?? []) {
        const base = Number(batch.firstOffset)
        for (const { offsetDelta, value } of batch.records) {
          if (base + offsetDelta < at) continue
          at = base + offsetDelta + 1
          if (value !== null) ledger.add(value, Number(batch.maxTimestamp)) // With LogAppendTime all records of a batch have this one.
        }
      }
    }
    return at
  }

  return {
    endOf: async (topic) => (await endsOf(topic)).reduce((sum, end) => sum + end, 0),
    readNew: async (topic, ledger) => {
      const ends = await endsOf(topic)
      const from = positions.get(topic) ?? []
      const next: number[] = []
      for (const [partition, end] of ends.entries())
        next[partition] = await readPartition(topic, partition, from[partition] ?? 0, end, ledger)
      positions.set(topic, next)
    },
    createTopic: async (topic, partitions) => {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
      const giveUpAtMs = Date.now() + topicReadyWithinMs
      while ((await endsOf(topic).catch(() => [])).length < partitions) {
        if (Date.now() > giveUpAtMs) throw new Error(`${topic} has no leaders`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    close: async () => {
      await consumer.close(true)
      await admin.close()
    },
  }
}
