/** How to reach the brokers, in the words of both clients. Made by `app` from the settings `KAFKA_*`; secrets are read from files. */
import type { KafkaConfig, SASLOptions } from 'kafkajs'
import type { LogTopic } from '../../model/ports.ts'

export type KafkaSettings = {
  /** `host:port` each. */
  brokers: readonly string[]
  /** Stands before the names of topics and groups, so that installations share a cluster. */
  prefix: string
  tls: { ca?: string; cert?: string; key?: string } | null
  sasl: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | null
}

/** All topics of the recorder in Kafka: those of the log, and two of the adapter's own. */
export type KafkaTopic = LogTopic | 'subject-keys' | 'log-facts'

/** A broker that does not answer for so long is asked again on another connection. */
export const requestWithinMs = 10_000
export const connectWithinMs = 5_000
const retryAfterMs = 200

const clientId = 'fleet-recorder'

/** For one request after the other until it succeeds: the caller bounds it. */
export const platformaticOptions = ({ brokers, tls, sasl }: KafkaSettings, retries: number) => ({
  clientId,
  bootstrapBrokers: [...brokers],
  connectTimeout: connectWithinMs,
  requestTimeout: requestWithinMs,
  timeout: connectWithinMs,
  retries,
  retryDelay: retryAfterMs,
  autocreateTopics: false,
  ...(tls === null ? {} : { tls: { ...tls } }),
  ...(sasl === null
    ? {}
    : { sasl: { mechanism: platformaticMechanisms[sasl.mechanism], username: sasl.username, password: sasl.password } }),
})

const platformaticMechanisms = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const

export const kafkajsConfig = ({ brokers, tls, sasl }: KafkaSettings, retries: number): KafkaConfig => ({
  clientId,
  brokers: [...brokers],
  connectionTimeout: connectWithinMs,
  authenticationTimeout: connectWithinMs,
  requestTimeout: requestWithinMs,
  enforceRequestTimeout: true,
  retry: { initialRetryTime: retryAfterMs, maxRetryTime: 1_000, retries },
  ...(tls === null ? {} : { ssl: { ...tls } }),
  ...(sasl === null ? {} : { sasl: sasl as SASLOptions }),
})
