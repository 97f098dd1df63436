/**
 * Membership in a consumer group: what partitions are ours, and commits that only the member of that generation can make.
 * Fetching is not done here. The generation is taken when the partitions come, so a commit for them is refused by the broker
 * once the group has moved on, whatever this process believes.
 *
 * kafkajs is not used for it: its `commitOffsets` resolves without a commit once its runner has stopped (2.2.4).
 */
import { Consumer, kGetApi, kGetConnection } from '@platformatic/kafka'
import { AppError } from '../../runtime/errors.ts'
import { TookTooLong, within } from '../../runtime/within.ts'
import type { LogTopic } from '../../model/ports.ts'
import { type KafkaSettings, platformaticOptions } from './client-settings.ts'
import { type CommitNote, formatNote, parseNote } from './commit-note.ts'
import { isFencing, unavailable } from './errors.ts'
import { answerWithinMs } from './renewed-client.ts'

/** The broker's minimum: a member that was killed gives its partitions up after this. */
export const sessionTimeoutMs = 6_000
export const heartbeatEveryMs = 1_000
/** The others wait so long for one that does not join again. All do at once, whatever their batches: a commit is fenced anyway. */
const rebalanceTimeoutMs = 10_000
/** No heartbeat was answered for so long: the client is thrown away and another one joins. */
export const silentMsMax = 20_000
const joinAgainAfterMs = 500
const memberRetries = 10
/** Network trouble and coordinators that load; then the batch comes again. */
const commitWithinMs = 8_000
const commitAgainAfterMs = 200

export type Assignment = {
  partitions: readonly { topic: LogTopic; partition: number }[]
  /** False once the group has given the partitions anew. */
  isCurrent: () => boolean
  /** Rejects with `STAGE_FENCED` when the partition is no longer ours. */
  commit: (topic: LogTopic, partition: number, note: CommitNote) => Promise<void>
  /** What the group's members have committed last; null when nothing, or when it has expired. */
  committed: (topic: LogTopic, partition: number) => Promise<CommitNote | null>
}

export type GroupMemberOptions = {
  settings: KafkaSettings
  group: string
  topics: readonly LogTopic[]
  /** Called with each assignment, and with undefined when membership is lost. Not waited for. */
  onAssignment: (assignment: Assignment | undefined) => void
  onError: (error: Error) => void
}

export type GroupMember = { stop: () => Promise<void> }

export const startGroupMember = (options: GroupMemberOptions): GroupMember => {
  const { settings, group, topics, onAssignment, onError } = options
  let stopping = false
  let wake = (): void => undefined
  let current: Assignment | undefined

  const take = (assignment: Assignment | undefined): void => {
    current = assignment
    onAssignment(assignment)
  }

  /** One client from its join until something is wrong with it. */
  const live = async (): Promise<void> => {
    const consumer = createConsumer(settings, group)
    consumer.topics.trackAll(...topics.map((topic) => settings.prefix + topic))
    let lastHeartbeatMs = performance.now()
    const trouble = new Promise<Error | undefined>((resolve) => {
      wake = () => resolve(undefined)
      consumer.on('error', resolve)
      consumer.on('consumer:heartbeat:end', () => (lastHeartbeatMs = performance.now()))
      consumer.on('consumer:group:join', ({ generationId, memberId, assignments }) => {
        lastHeartbeatMs = performance.now()
        const isCurrent = (): boolean => current === assignment
        const assignment = createAssignment(
          { consumer, settings, group, generationId: generationId ?? 0, memberId, isCurrent },
          topics,
          assignments ?? [],
        )
        take(assignment)
      })
    })
    const watching = setInterval(() => {
      if (performance.now() - lastHeartbeatMs > silentMsMax)
        consumer.emit('error', new Error(`no heartbeat was answered for ${silentMsMax} ms`))
    }, heartbeatEveryMs)
    try {
      await Promise.race([
        consumer.joinGroup({ sessionTimeout: sessionTimeoutMs, rebalanceTimeout: rebalanceTimeoutMs, heartbeatInterval: heartbeatEveryMs }),
        trouble,
      ])
      if (stopping) return
      const error = await trouble
      if (error !== undefined) throw error
    } finally {
      clearInterval(watching)
      if (current !== undefined) take(undefined)
      await closeConsumer(consumer)
    }
  }

  const run = async (): Promise<void> => {
    while (!stopping) {
      try {
        await live()
      } catch (error) {
        onError(unavailable(`consumer group ${settings.prefix}${group}`, error))
        await Promise.race([delay(joinAgainAfterMs), new Promise<void>((resolve) => (wake = resolve))])
      }
    }
  }
  const running = run()

  return {
    stop: async () => {
      stopping = true
      wake()
      await running
    },
  }
}

const createConsumer = (settings: KafkaSettings, group: string) =>
  new Consumer({ ...platformaticOptions(settings, memberRetries), groupId: settings.prefix + group })

/** Leaves the group, so that the others need not wait for the session's end. */
const closeConsumer = async (consumer: Consumer): Promise<void> => {
  consumer.removeAllListeners('error')
  consumer.on('error', () => undefined)
  const left = new Promise<unknown>((resolve) => {
    consumer.leaveGroup(true, resolve)
  })
  await Promise.race([left, delay(leaveWithinMs)])
  await Promise.race([consumer.close(true).catch(() => undefined), delay(leaveWithinMs)])
}
const leaveWithinMs = 2_000

type Membership = {
  consumer: Consumer
  settings: KafkaSettings
  group: string
  generationId: number
  memberId: string
  isCurrent: () => boolean
}

const createAssignment = (
  membership: Membership,
  topics: readonly LogTopic[],
  assigned: readonly { topic: string; partitions: number[] }[],
): Assignment => {
  const { settings, group, isCurrent, consumer } = membership
  const partitions = topics.flatMap((topic) =>
    assigned
      .filter((own) => own.topic === settings.prefix + topic)
      .flatMap((own) => own.partitions.map((partition) => ({ topic, partition }))),
  )
  const fenced = (topic: LogTopic, partition: number, cause?: unknown): AppError =>
    new AppError('STAGE_FENCED', `group ${group} has given ${topic}:${partition} to another member, or is about to`, { cause })
  return {
    partitions,
    isCurrent,
    commit: (topic, partition, note) =>
      until(consumer, async () => {
        if (!isCurrent()) throw fenced(topic, partition)
        try {
          await commitOffset(membership, settings.prefix + topic, partition, note)
        } catch (error) {
          throw isFencing(error) ? fenced(topic, partition, error) : error
        }
      }),
    committed: (topic, partition) => until(consumer, () => fetchCommitted(consumer, settings, group, topic, partition)),
  }
}

/**
 * Asks again for a while; an `AppError` is an answer. A client that does not answer at all is thrown away with its membership:
 * what it may still commit after that is fenced.
 */
const until = async <T>(consumer: Consumer, work: () => Promise<T>): Promise<T> => {
  for (const giveUpAtMs = performance.now() + commitWithinMs; ; ) {
    try {
      return await within(work(), answerWithinMs, 'the group coordinator did not answer')
    } catch (error) {
      if (error instanceof AppError) throw error
      if (error instanceof TookTooLong) consumer.emit('error', error)
      if (performance.now() > giveUpAtMs) throw unavailable('asking the group coordinator', error)
      await delay(commitAgainAfterMs)
    }
  }
}

const commitOffset = async (membership: Membership, name: string, partition: number, note: CommitNote): Promise<void> => {
  const { consumer, settings, group, generationId, memberId } = membership
  const connection = await coordinatorConnection(consumer)
  const api = await apiOf<OffsetCommit>(consumer, 'OffsetCommit')
  const partitions = [
    { partitionIndex: partition, committedOffset: BigInt(note.next), committedLeaderEpoch: -1, committedMetadata: formatNote(note) },
  ]
  await new Promise<void>((resolve, reject) => {
    api(connection, settings.prefix + group, generationId, memberId, null, [{ name, partitions }], (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

type Connection = Parameters<Parameters<Consumer[typeof kGetConnection]>[1]>[1]
type OffsetCommit = (
  connection: Connection,
  groupId: string,
  generationId: number,
  memberId: string,
  groupInstanceId: null,
  topics: { name: string; partitions: object[] }[],
  callback: (error: Error | null) => void,
) => void
type OffsetFetch = (
  connection: Connection,
  groups: { groupId: string; memberId: null; memberEpoch: number; topics: { name: string; partitionIndexes: number[] }[] }[],
  requireStable: boolean,
  callback: (error: Error | null, answer?: OffsetFetchAnswer) => void,
) => void
type OffsetFetchAnswer = {
  groups: { topics: { name: string; partitions: { partitionIndex: number; committedOffset: bigint; metadata: string | null }[] }[] }[]
}

const fetchCommitted = async (
  consumer: Consumer,
  { prefix }: KafkaSettings,
  group: string,
  topic: LogTopic,
  partition: number,
): Promise<CommitNote | null> => {
  const connection = await coordinatorConnection(consumer)
  const api = await apiOf<OffsetFetch>(consumer, 'OffsetFetch')
  const groups = [
    { groupId: prefix + group, memberId: null, memberEpoch: -1, topics: [{ name: prefix + topic, partitionIndexes: [partition] }] },
  ]
  const answer = await new Promise<OffsetFetchAnswer | undefined>((resolve, reject) => {
    api(connection, groups, false, (error, answered) => {
      if (error) reject(error)
      else resolve(answered)
    })
  })
  const found = answer?.groups[0]?.topics
    .find(({ name }) => name === prefix + topic)
    ?.partitions.find((own) => own.partitionIndex === partition)
  return found === undefined || found.committedOffset < 0n ? null : parseNote(Number(found.committedOffset), found.metadata)
}

const coordinatorConnection = async (consumer: Consumer): Promise<Connection> => {
  const node = await consumer.findGroupCoordinator()
  const broker = (await consumer.metadata({ topics: [] })).brokers.get(node)
  if (broker === undefined) throw new Error(`the group's coordinator, broker ${node}, is not there`)
  return new Promise((resolve, reject) => {
    consumer[kGetConnection](broker, (error, connection) => {
      if (error) reject(error)
      else resolve(connection)
    })
  })
}

/** The newest version that both sides speak. */
const apiOf = <Api>(consumer: Consumer, name: string): Promise<Api> =>
  new Promise((resolve, reject) => {
    consumer[kGetApi](name, (error, api) => {
      if (error) reject(error)
      else resolve(api as Api)
    })
  })

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
