/**
 * The log in Kafka (port `EventLog`). Before: `ingest/accept.ts` appends, and the PUBACK waits for it. After: the stages
 * consume, in this process or on other machines, as members of a group.
 *
 * Durable means acknowledged by all in-sync replicas. Weaker than the embedded log on one disk: a single broker does not sync
 * before it acknowledges, so kill -9 is safe and power loss is not; with three replicas and `min.insync.replicas=2` both are.
 * One call is not all or nothing: of a call that rejects, some records may have been stored.
 */
import type { Clock, EventLog, LogRecord, LogTopic } from '../../model/ports.ts'
import { createAppendQueue, type Sender } from './append-queue.ts'
import type { KafkaSettings } from './client-settings.ts'
import { boundsOf, createFetcher, readRecords, type KafkaAdmin } from './fetcher.ts'
import type { Assignment } from './group-member.ts'
import { startGroup } from './log-groups.ts'
import { openPlatformaticSender } from './platformatic-sender.ts'
import { openAdmin, openLogTopics, type TopicSettings } from './topics.ts'
import { unavailable } from './errors.ts'

export type KafkaLogOptions = {
  settings: KafkaSettings
  topics: TopicSettings
  clock: Clock
  client: KafkaClient
  lingerMsMax: number
  /** Default `heldMsMax` of the queue. */
  heldMsMax?: number
  /** Trouble that is tried again: for the program's log. */
  onError: (error: Error) => void
}

export type KafkaClient = 'kafkajs' | 'platformatic'

export type KafkaLog = EventLog & {
  /** The group's membership in this process, as it is now. */
  assignmentOf: (group: string) => Assignment | undefined
  /** Called when the group's consumer stops, after its last batch and while its partitions are still ours. One per group. */
  whenLeaving: (group: string, work: () => Promise<void>) => void
}

/** kafkajs takes 17 MB of memory, so it is loaded when it is chosen. */
export const openSenders = {
  kafkajs: async (settings: KafkaSettings): Promise<Sender> => (await import('./kafkajs-sender.ts')).openKafkajsSender(settings),
  platformatic: openPlatformaticSender,
} as const

export const openKafkaLog = async (options: KafkaLogOptions): Promise<KafkaLog> => {
  const { settings, clock, onError } = options
  const openSender = (): Promise<Sender> => openSenders[options.client](settings)
  const admin = openAdmin(settings)
  const facts = await openFacts(options, admin, openSender)
  const { logId, partitionCounts, messageBytesMax } = facts
  const ends = new Map<string, number>()
  const assignments = new Map<string, Assignment>()
  const leaving = new Map<string, () => Promise<void>>()
  const consumers = new Set<{ stop: () => Promise<void> }>()
  const queue = createAppendQueue({
    ...options,
    openSender,
    onAppended: (topic, partition, next) => ends.set(`${topic}:${partition}`, next),
  })
  const partitionCount = (topic: LogTopic): number => partitionCounts.get(topic) ?? 1

  return {
    logId,
    partitionCount,
    append: (topic, records) => {
      try {
        checkRecords(topic, records, partitionCount(topic), messageBytesMax.get(topic) ?? 0)
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)))
      }
      return queue.append(topic, records)
    },
    consume: async (consumeOptions) => {
      const consumer = await startGroup(
        {
          settings,
          clock,
          createFetcher: () => createFetcher(settings),
          boundsOf: (topic, partition) => boundsOf(admin, settings, topic, partition),
          knownEnd: (topic, partition) => ends.get(`${topic}:${partition}`) ?? 0,
          onError,
          beforeLeaving: async (group) => leaving.get(group)?.(),
          onAssignment: (group, assignment) => {
            if (assignment === undefined) assignments.delete(group)
            else assignments.set(group, assignment)
          },
        },
        consumeOptions,
      )
      consumers.add(consumer)
      return consumer
    },
    read: async function* (topic, partition, from, to) {
      for await (const { value, ...record } of readRecords(admin, settings, topic, partition, from, to)) {
        yield { ...record, value: value ?? new Uint8Array(0) }
      }
    },
    bounds: (topic, partition) => boundsOf(admin, settings, topic, partition),
    assignmentOf: (group) => assignments.get(group),
    whenLeaving: (group, work) => leaving.set(group, work),
    close: async () => {
      for (const consumer of consumers) await consumer.stop()
      await queue.close()
      await admin.close()
    },
  }
}

const openFacts = async (options: KafkaLogOptions, admin: KafkaAdmin, openSender: () => Promise<Sender>) => {
  try {
    return await openLogTopics(admin, options.settings, options.topics, async (value) => {
      const sender = await openSender()
      try {
        await sender.send([{ topic: 'log-facts', partition: 0, records: [{ key: 'log', value }] }], options.clock.nowMs())
      } finally {
        await sender.close()
      }
    })
  } catch (error) {
    await admin.close()
    throw unavailable(`opening the log at ${options.settings.brokers.join(', ')}`, error)
  }
}

/** Framing of one record in a batch of its own, without key and value. */
const framingBytes = 128

const checkRecords = (topic: LogTopic, records: readonly LogRecord[], partitions: number, bytesMax: number): void => {
  for (const { partition, key, value } of records) {
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
      throw new RangeError(`Expected a partition of ${topic} under ${partitions}, got ${partition}`)
    }
    const bytes = Buffer.byteLength(key) + value.length + framingBytes
    if (bytes > bytesMax)
      throw new RangeError(`Expected a record of ${topic} of at most ${bytesMax} bytes (max.message.bytes), got ${bytes}`)
  }
}
