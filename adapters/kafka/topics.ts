/**
 * The log's topics at the brokers: made when missing, verified when there. The log's identity lies in a topic of its own,
 * `log-facts`, beside the ids that Kafka gave the topics: a topic that was deleted and made anew has another id, so a
 * recreated log is never taken for the old one, and one half of it is never taken for the whole.
 */
import { randomBytes } from 'node:crypto'
import { Admin, ConfigResourceTypes } from '@platformatic/kafka'
import type { LogTopic } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { compactedTopics, logTopics } from '../../schemas/topics.ts'
import { type KafkaSettings, type KafkaTopic, platformaticOptions } from './client-settings.ts'
import { says } from './errors.ts'
import { type KafkaAdmin, readRecords } from './fetcher.ts'
import { renewedClient } from './renewed-client.ts'

export type TopicSettings = {
  /** Of partitioned topics, fixed when they are made. */
  partitions: number
  /** -1: the brokers' default. */
  replication: number
  retentionMs: number
}

export type LogFacts = {
  logId: string
  partitionCounts: ReadonlyMap<KafkaTopic, number>
  /** Largest batch of each topic. */
  messageBytesMax: ReadonlyMap<KafkaTopic, number>
}

/** An event of a log payload of 1 MiB, its lines read, fits; the broker's own default of 1 MiB would refuse it. */
export const messageBytesMax = 8 * 1024 * 1024
/** An erased key leaves the log's files within about twice this. */
const compactWithinMs = 3_600_000
const leadersWithinMs = 20_000
const lookEveryMs = 100
const adminRetries = 25

export const logTopicNames = Object.keys(logTopics) as LogTopic[]
export const kafkaTopicNames: readonly KafkaTopic[] = [...logTopicNames, 'subject-keys', 'log-facts']

type Recorded = { logId: string; topics: Record<string, { id: string; partitions: number }> }

export const openAdmin = (settings: KafkaSettings): KafkaAdmin =>
  renewedClient(
    () => new Admin(platformaticOptions(settings, adminRetries)),
    (admin) => admin.close(),
  )

/** Appends one record to `log-facts` when there is none for these topics. */
export type AppendFacts = (value: Uint8Array) => Promise<unknown>

export const openLogTopics = async (
  admin: KafkaAdmin,
  settings: KafkaSettings,
  wanted: TopicSettings,
  appendFacts: AppendFacts,
): Promise<LogFacts> => {
  const existing = new Set(await admin.ask('no broker told the topics', (client) => client.listTopics({})))
  for (const topic of kafkaTopicNames) if (!existing.has(settings.prefix + topic)) await createTopic(admin, settings, topic, wanted)
  const topics = await waitForLeaders(admin, settings)
  await verifyPolicies(admin, settings)
  const limits = await readLimits(admin, settings)

  const find = async (): Promise<Recorded | undefined> => matching(await readFacts(admin, settings), topics, settings.prefix)
  let recorded = await find()
  if (recorded === undefined) {
    await appendFacts(Buffer.from(JSON.stringify({ logId: randomBytes(8).toString('hex'), topics: Object.fromEntries(topics) })))
    recorded = await find() // Another instance may have been first: the first one counts.
  }
  if (recorded === undefined) throw new Error(`${settings.prefix}log-facts does not give back what was appended`)
  for (const topic of logTopicNames) {
    const expected = logTopics[topic].partitioned ? wanted.partitions : 1
    const found = topics.get(topic)?.partitions ?? 0
    // A topic that came with a later release stands in no fact of an older log.
    checkCount(settings.prefix + topic, found, recorded.topics[topic]?.partitions ?? found, expected)
  }
  return {
    logId: recorded.logId,
    partitionCounts: new Map(Array.from(topics, ([topic, { partitions }]) => [topic, partitions])),
    messageBytesMax: limits,
  }
}

const checkCount = (name: string, found: number, atCreation: number, expected: number): void => {
  if (found !== atCreation) {
    throw new AppError(
      'LOG_PARTITIONS_CHANGED',
      `Expected ${atCreation} partitions of ${name}, as when the log was made, got ${found}: keys have changed their partition`,
    )
  }
  if (found !== expected) {
    throw new AppError(
      'LOG_PARTITIONS_CHANGED',
      `Expected ${found} partitions of ${name}, as when the log was made, got the setting ${expected}: keys would change their partition`,
    )
  }
}

const createTopic = async (admin: KafkaAdmin, settings: KafkaSettings, topic: KafkaTopic, wanted: TopicSettings): Promise<void> => {
  const partitioned = topic in logTopics && logTopics[topic as LogTopic].partitioned
  const configs = isCompacted(topic) ? compacted : retained(topic === 'log-facts' ? -1 : wanted.retentionMs)
  try {
    await admin.ask(`no broker made topic ${settings.prefix}${topic}`, (client) =>
      client.createTopics({
        topics: [settings.prefix + topic],
        partitions: partitioned ? wanted.partitions : 1,
        replicas: wanted.replication,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      }),
    )
  } catch (error) {
    if (!says(error, 'TOPIC_ALREADY_EXISTS')) throw error // Another instance was first.
  }
}

const isCompacted = (topic: KafkaTopic): boolean => topic === 'subject-keys' || compactedTopics.has(topic as LogTopic)

const retained = (retentionMs: number): Record<string, string> => ({
  'cleanup.policy': 'delete',
  'retention.ms': String(retentionMs),
  'retention.bytes': '-1',
  'max.message.bytes': String(messageBytesMax),
})
const compacted = {
  'cleanup.policy': 'compact',
  'max.compaction.lag.ms': String(compactWithinMs),
  'segment.ms': String(compactWithinMs),
  'delete.retention.ms': String(compactWithinMs),
}

const waitForLeaders = async (
  admin: KafkaAdmin,
  { prefix }: KafkaSettings,
): Promise<Map<KafkaTopic, { id: string; partitions: number }>> => {
  const names = kafkaTopicNames.map((topic) => prefix + topic)
  for (const giveUpAtMs = performance.now() + leadersWithinMs; ; ) {
    try {
      const { topics } = await admin.ask('no broker told who leads the topics', (client) =>
        client.metadata({ topics: [...names], forceUpdate: true }),
      )
      if (names.every((name) => topics.get(name)?.partitions.every(({ leader }) => leader >= 0))) {
        return new Map(kafkaTopicNames.map((topic) => [topic, described(topics.get(prefix + topic))]))
      }
    } catch (error) {
      if (performance.now() > giveUpAtMs) throw error
    }
    if (performance.now() > giveUpAtMs)
      throw new AppError('LOG_UNAVAILABLE', `Expected a leader for each partition of ${names.join(', ')} within ${leadersWithinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}

const described = (topic: { id: string; partitionsCount: number } | undefined): { id: string; partitions: number } => ({
  id: topic?.id ?? '',
  partitions: topic?.partitionsCount ?? 0,
})

const verifyPolicies = async (admin: KafkaAdmin, settings: KafkaSettings): Promise<void> => {
  const policies = await configOf(admin, settings, 'cleanup.policy')
  for (const topic of kafkaTopicNames) {
    const expected = isCompacted(topic) ? 'compact' : 'delete'
    const found = policies.get(topic) ?? ''
    if (found === expected) continue
    throw new AppError(
      'LOG_TOPICS_INVALID',
      `Expected cleanup.policy=${expected} of topic ${settings.prefix}${topic}, got ${found}: records would be ${expected === 'delete' ? 'replaced by later ones of their key' : 'deleted by age, and with them the newest of their key'}`,
    )
  }
}

const readLimits = async (admin: KafkaAdmin, settings: KafkaSettings): Promise<Map<KafkaTopic, number>> =>
  new Map(Array.from(await configOf(admin, settings, 'max.message.bytes'), ([topic, value]) => [topic, Number(value)]))

const configOf = async (admin: KafkaAdmin, { prefix }: KafkaSettings, name: string): Promise<Map<KafkaTopic, string>> => {
  const resources = kafkaTopicNames.map((topic) => ({
    resourceType: ConfigResourceTypes.TOPIC,
    resourceName: prefix + topic,
    configurationKeys: [name],
  }))
  const answers = await admin.ask('no broker told the settings of the topics', (client) => client.describeConfigs({ resources }))
  const values = new Map<KafkaTopic, string>()
  for (const topic of kafkaTopicNames) {
    const own = answers.find(({ resourceName }) => resourceName === prefix + topic)
    values.set(topic, own?.configs.find((config) => config.name === name)?.value ?? '')
  }
  return values
}

const readFacts = async (admin: KafkaAdmin, settings: KafkaSettings): Promise<Recorded[]> => {
  const recorded: Recorded[] = []
  for await (const { value } of readRecords(admin, settings, 'log-facts', 0, 0)) {
    recorded.push(JSON.parse(Buffer.from(value ?? '').toString()) as Recorded)
  }
  return recorded
}

/** The first fact that names the topics as they are. A fact that names some of them is refused: a part was made anew. */
const matching = (facts: readonly Recorded[], topics: ReadonlyMap<KafkaTopic, { id: string }>, prefix: string): Recorded | undefined => {
  const same = (fact: Recorded): LogTopic[] => logTopicNames.filter((topic) => fact.topics[topic]?.id === topics.get(topic)?.id)
  const whole = facts.find(
    (fact) => logTopicNames.every((topic) => fact.topics[topic] === undefined || same(fact).includes(topic)) && same(fact).length > 0,
  )
  if (whole !== undefined) return whole
  const [half] = facts.filter((fact) => same(fact).length > 0)
  if (half === undefined) return undefined
  const anew = logTopicNames.filter((topic) => !same(half).includes(topic)).map((topic) => prefix + topic)
  throw new AppError(
    'LOG_TOPICS_INVALID',
    `Expected the topics of log ${half.logId}, but ${anew.join(', ')} was deleted and made anew while others stayed: offsets and rows would not fit; delete all topics of the log, or none`,
  )
}
