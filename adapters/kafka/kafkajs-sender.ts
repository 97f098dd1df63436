/** Producing with kafkajs 2.2.4 (`KAFKA_CLIENT=kafkajs`): idempotent, all replicas, the partition named by us. */
import { connect as connectPlain, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type ISocketFactory, Kafka, logLevel } from 'kafkajs'
import { type KafkaSettings, kafkajsConfig } from './client-settings.ts'
import type { Sender } from './append-queue.ts'

/** Longer than an append is held: the queue's own limit decides, and it then takes another producer. */
const retries = 60

export const openKafkajsSender = async (settings: KafkaSettings): Promise<Sender> => {
  let isGivenUp = false
  /** kafkajs goes on retrying after a disconnect: what was rejected must not be stored behind what came later. */
  const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (isGivenUp) throw new Error('this producer was given up')
    const servername = isIP(host) === 0 ? { servername: host } : {}
    return settings.tls === null ? connectPlain({ host, port }, onConnect) : connectTls({ host, port, ...servername, ...ssl }, onConnect)
  }
  const kafka = new Kafka({ ...kafkajsConfig(settings, retries), socketFactory, logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry: { retries } })
  await producer.connect()
  return {
    send: async (batches, appendedAtMs) => {
      const timestamp = String(appendedAtMs)
      const topics = Map.groupBy(batches, ({ topic }) => settings.prefix + topic)
      const answers = await producer.sendBatch({
        acks: -1,
        topicMessages: Array.from(topics, ([topic, own]) => ({
          topic,
          messages: own.flatMap(({ partition, records }) =>
            records.map(({ key, value }) => ({ partition, key: Buffer.from(key), value: asBuffer(value), timestamp })),
          ),
        })),
      })
      return batches.map(({ topic, partition }) => {
        const answer = answers.find((own) => own.topicName === settings.prefix + topic && own.partition === partition)
        if (answer?.baseOffset === undefined) throw new Error(`the broker told no offset of ${topic}:${partition}`)
        return Number(answer.baseOffset)
      })
    },
    close: () => {
      isGivenUp = true
      return producer.disconnect().catch(() => undefined)
    },
  }
}

const asBuffer = (value: Uint8Array | null): Buffer | null =>
  value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
