/**
 * Producing with @platformatic/kafka 2.12.1 (`KAFKA_CLIENT=platformatic`): its connections, logins, metadata and producer id,
 * our own batches (`produce-batch.ts`) and sequence numbers. A third of the cost of kafkajs, same promises.
 *
 * A batch is encoded once and sent again as it is, with the same sequence, until the broker has it: the broker knows a repeat
 * by that. Only one send is under way (`append-queue.ts`), so sequences never overtake. What cannot be repeated rejects, and
 * this sender is then used no more.
 */
import { createAPI, findErrorBy, kGetConnection, Producer, produceV9, Writer } from '@platformatic/kafka'
import type { OutgoingBatch, Sender } from './append-queue.ts'
import { type KafkaSettings, platformaticOptions, requestWithinMs } from './client-settings.ts'
import { encodeBatch } from './produce-batch.ts'

/** For metadata and the producer id: longer than an append is held, the queue's own limit decides. */
const retries = 200
const sendAgainAfterMs = 200
/** Kafka 2.4 to 4.x speak it. */
const produceVersion = 9
const produceKey = 0
const acksOfAllReplicas = -1
/** The sequence is an int32 that begins anew after its greatest value (KIP-98). */
const sequences = 2 ** 31

type Encoded = { name: string; partition: number; bytes: Buffer; offset: number | null }

export const openPlatformaticSender = async (settings: KafkaSettings): Promise<Sender> => {
  const producer = new Producer({ ...platformaticOptions(settings, retries), idempotent: true, acks: acksOfAllReplicas })
  let isGivenUp = false
  const close = (): Promise<void> => {
    isGivenUp = true
    return producer.close(true).catch(() => undefined)
  }
  try {
    const { producerId, producerEpoch } = await producer.initIdempotentProducer({})
    const next = new Map<string, number>()
    const encode = ({ topic, partition, records }: OutgoingBatch, appendedAtMs: number): Encoded => {
      const name = settings.prefix + topic
      const sequence = next.get(`${name}:${partition}`) ?? 0
      next.set(`${name}:${partition}`, (sequence + records.length) % sequences)
      return { name, partition, bytes: encodeBatch(records, { appendedAtMs, producerId, producerEpoch, sequence }), offset: null }
    }
    return {
      send: async (batches, appendedAtMs) => {
        const encoded = batches.map((batch) => encode(batch, appendedAtMs))
        for (let failed: unknown; ; ) {
          const waiting = encoded.filter(({ offset }) => offset === null)
          if (waiting.length === 0) break
          if (failed !== undefined) await new Promise((resolve) => setTimeout(resolve, sendAgainAfterMs))
          // Given up while we waited: what was rejected must not be stored behind what comes later.
          if (isGivenUp) throw new Error('this producer was given up', { cause: failed })
          failed = await sendOnce(producer, waiting, failed !== undefined)
          if (failed !== undefined && !canBeRepeated(failed)) throw failed as Error
        }
        return encoded.map(({ offset }) => offset ?? 0)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** To the leaders as they are known, at the same time; answers the first error that says anything else than "again". */
const sendOnce = async (producer: Producer, batches: readonly Encoded[], isRepeat: boolean): Promise<unknown> => {
  let errors: unknown[]
  try {
    const topics = [...new Set(batches.map(({ name }) => name))]
    const metadata = await producer.metadata({ topics, forceUpdate: isRepeat })
    const byLeader = Map.groupBy(batches, ({ name, partition }) => metadata.topics.get(name)?.partitions[partition]?.leader ?? -1)
    errors = await Promise.all(
      Array.from(byLeader, async ([leader, own]) => {
        const broker = metadata.brokers.get(leader)
        if (broker === undefined) return new NoLeader(`broker ${leader}, the leader, is not there`)
        return produce(await connectionTo(producer, broker), own).catch((error: unknown) => error)
      }),
    )
  } catch (error) {
    errors = [error]
  }
  const found = errors.filter((error) => error !== undefined)
  return found.find((error) => !canBeRepeated(error)) ?? found[0]
}

class NoLeader extends Error {}

/** Only what the client knows to be so: anything else takes another producer. */
const canBeRepeated = (error: unknown): boolean => error instanceof NoLeader || (says(error, true) && !says(error, false))
const says = (error: unknown, canRetry: boolean): boolean => findErrorBy(error as Error, 'canRetry', canRetry) !== null

type Connection = NonNullable<Parameters<Parameters<Producer[typeof kGetConnection]>[1]>[1]>
type Broker = Parameters<Producer[typeof kGetConnection]>[0]

const connectionTo = (producer: Producer, broker: Broker): Promise<Connection> =>
  new Promise((resolve, reject) => {
    producer[kGetConnection](broker, (error, connection) => {
      if (error || connection === undefined) reject(error ?? new NoLeader('no connection'))
      else resolve(connection)
    })
  })

/** Writes the offsets of what the broker has into the batches, also when it refuses others; then it rejects. */
const produce = async (connection: Connection, batches: readonly Encoded[]): Promise<undefined> => {
  try {
    takeOffsets(batches, await produceApi(connection, batches))
  } catch (error) {
    const { response } = error as { response?: produceV9.ProduceResponse }
    if (response !== undefined) takeOffsets(batches, response)
    throw error
  }
}

const takeOffsets = (batches: readonly Encoded[], { responses }: produceV9.ProduceResponse): void => {
  for (const { name, partitionResponses } of responses) {
    for (const { index, errorCode, baseOffset } of partitionResponses) {
      const batch = batches.find((own) => own.name === name && own.partition === index)
      if (batch !== undefined && errorCode === 0) batch.offset = Number(baseOffset)
    }
  }
}

/** Produce Request, version 9 => transactional_id, acks, timeout_ms, [topic => name, [partition => index, records]] */
const produceRequest = (batches: readonly Encoded[]): Writer =>
  Writer.create()
    .appendString(null)
    .appendInt16(acksOfAllReplicas)
    .appendInt32(requestWithinMs)
    .appendArray(Array.from(Map.groupBy(batches, ({ name }) => name)), (topic, [name, own]) => {
      topic.appendString(name).appendArray(own, (partition, { partition: index, bytes }) => {
        partition
          .appendInt32(index)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes)
      })
    })
    .appendTaggedFields()

const api = createAPI<[readonly Encoded[]], produceV9.ProduceResponse>(produceKey, produceVersion, produceRequest, produceV9.parseResponse)

const produceApi = (connection: Connection, batches: readonly Encoded[]): Promise<produceV9.ProduceResponse> =>
  api.async(connection, batches)
