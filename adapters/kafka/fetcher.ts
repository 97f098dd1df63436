/**
 * Records by topic, partition and offset, without a group: what `read`, the consumers and the keys are made of. Kafka gives
 * whole batches from the producers; what lies before the asked offset is cut off here.
 */
import { type Admin, Consumer } from '@platformatic/kafka'
import { type KafkaSettings, type KafkaTopic, platformaticOptions } from './client-settings.ts'
import { says, unavailable } from './errors.ts'
import { type RenewedClient, renewedClient } from './renewed-client.ts'

export type KafkaAdmin = RenewedClient<Admin>

/** `value` is null for a tombstone of a compacted topic. */
export type FetchedRecord = { offset: number; appendedAtMs: number; key: string; value: Uint8Array | null }
export type Want = { topic: KafkaTopic; partition: number; from: number }
export type Fetched = Want & { records: FetchedRecord[]; next: number; first: number }

export type Fetcher = {
  /** The broker that leads each partition, as it is known. */
  leaders: (topics: readonly KafkaTopic[]) => Promise<(topic: KafkaTopic, partition: number) => number>
  /** From one broker. Waits up to `waitMs` for the first record. Rejects with `OutOfRange` when an offset is not there. */
  fetch: (node: number, wants: readonly Want[], limits: FetchLimits) => Promise<Fetched[]>
  close: () => Promise<void>
}
export type FetchLimits = { waitMs: number; partitionBytesMax: number; bytesMax: number }

export class OutOfRange extends Error {}

const fetchRetries = 0 // The loops that ask know better when to ask again.

export const createFetcher = (settings: KafkaSettings): Fetcher => {
  // Never joins: the name of a group is wanted by the constructor.
  const groupId = `${settings.prefix}unused`
  const client = renewedClient(
    () => new Consumer({ ...platformaticOptions(settings, fetchRetries), groupId }),
    (consumer) => consumer.close(true),
  )
  let ids = new Map<KafkaTopic, string>()

  const leaders: Fetcher['leaders'] = async (topics) => {
    const names = topics.map((topic) => settings.prefix + topic)
    const metadata = await client.ask('no broker told who leads the partitions', (consumer) => {
      for (const name of names) if (!consumer.topics.has(name)) consumer.topics.track(name)
      return consumer.metadata({ topics: names })
    })
    ids = new Map(topics.map((topic) => [topic, metadata.topics.get(settings.prefix + topic)?.id ?? '']))
    return (topic, partition) => metadata.topics.get(settings.prefix + topic)?.partitions[partition]?.leader ?? -1
  }

  return {
    leaders,
    fetch: async (node, wants, { waitMs, partitionBytesMax, bytesMax }) => {
      const byTopic = Map.groupBy(wants, ({ topic }) => topic)
      const topics = Array.from(byTopic, ([topic, own]) => ({
        topicId: ids.get(topic) ?? '',
        partitions: own.map(({ partition, from }) => ({
          partition,
          fetchOffset: BigInt(from),
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
          partitionMaxBytes: partitionBytesMax,
        })),
      }))
      const { responses } = await client.ask(`broker ${node} answered no fetch`, async (consumer) => {
        try {
          return await consumer.fetch({ node, topics, minBytes: 1, maxBytes: bytesMax, maxWaitTime: waitMs, isolationLevel: 0 })
        } catch (error) {
          consumer.clearMetadata()
          if (says(error, 'OFFSET_OUT_OF_RANGE')) throw new OutOfRange('an offset is not there', { cause: error })
          throw error
        }
      })
      return responses.flatMap(({ topicId, partitions }) =>
        partitions.flatMap(({ partitionIndex, records, highWatermark, logStartOffset }) => {
          const want = wants.find(({ topic, partition }) => ids.get(topic) === topicId && partition === partitionIndex)
          return want === undefined
            ? []
            : [{ ...want, records: toRecords(records ?? [], want.from), next: Number(highWatermark), first: Number(logStartOffset) }]
        }),
      )
    },
    close: client.close,
  }
}

type RecordsBatches = NonNullable<Awaited<ReturnType<Consumer['fetch']>>['responses'][number]['partitions'][number]['records']>

const isControl = 0x20

const toRecords = (batches: RecordsBatches, from: number): FetchedRecord[] => {
  const records: FetchedRecord[] = []
  for (const { firstOffset, firstTimestamp, attributes, records: own } of batches) {
    if ((attributes & isControl) !== 0) continue
    const base = Number(firstOffset)
    const baseMs = Number(firstTimestamp)
    for (const { offsetDelta, timestampDelta, key, value } of own) {
      const offset = base + offsetDelta
      if (offset < from) continue
      records.push({ offset, appendedAtMs: baseMs + Number(timestampDelta), key: key?.toString() ?? '', value })
    }
  }
  return records
}

export type Bounds = { first: number; next: number }

export const boundsOf = async (admin: KafkaAdmin, { prefix }: KafkaSettings, topic: KafkaTopic, partition: number): Promise<Bounds> => {
  const ask = async (timestamp: bigint): Promise<number> => {
    const topics = [{ name: prefix + topic, partitions: [{ partitionIndex: partition, timestamp }] }]
    const [answer] = await admin.ask('no broker told its offsets', (client) => client.listOffsets({ topics }))
    const found = answer?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    if (found === undefined) throw new Error(`the broker told no offset of ${prefix}${topic}:${partition}`)
    return Number(found.offset)
  }
  try {
    const [first, next] = await Promise.all([ask(-2n), ask(-1n)])
    return { first, next }
  } catch (cause) {
    throw unavailable(`reading the bounds of ${topic}:${partition}`, cause)
  }
}

const readLimits: FetchLimits = { waitMs: 500, partitionBytesMax: 1024 * 1024, bytesMax: 4 * 1024 * 1024 }
const readTriesMax = 20
const readAgainAfterMs = 250

/** From `from`, or the oldest that is there, to `to` (excluded), at most to the end as it is now. */
export async function* readRecords(
  admin: KafkaAdmin,
  settings: KafkaSettings,
  topic: KafkaTopic,
  partition: number,
  from: number,
  to = Number.POSITIVE_INFINITY,
): AsyncGenerator<FetchedRecord> {
  const bounds = await boundsOf(admin, settings, topic, partition)
  const end = Math.min(to, bounds.next)
  if (Math.max(from, bounds.first) >= end) return
  const fetcher = createFetcher(settings)
  try {
    let failed = 0
    for (let at = Math.max(from, bounds.first); at < end; ) {
      let fetched: Fetched | undefined
      try {
        const leader = (await fetcher.leaders([topic]))(topic, partition)
        fetched = (await fetcher.fetch(leader, [{ topic, partition, from: at }], readLimits))[0]
        failed = 0
      } catch (error) {
        if (error instanceof OutOfRange) {
          at = Math.max(at, (await boundsOf(admin, settings, topic, partition)).first) // Deleted meanwhile.
          continue
        }
        if (++failed >= readTriesMax) throw unavailable(`reading ${topic}:${partition}`, error)
        await new Promise((resolve) => setTimeout(resolve, readAgainAfterMs))
        continue
      }
      for (const record of fetched?.records ?? []) if (record.offset < end) yield record
      const last = fetched?.records.at(-1)
      if (last === undefined && topic === 'subject-keys') return // Compacted: the end may be a record that is gone.
      if (last !== undefined) at = last.offset + 1
    }
  } finally {
    await fetcher.close()
  }
}
