/** Kafka from the settings `KAFKA_*`: secrets are read from their files here, and nowhere else. */
import { join } from 'node:path'
import type { KafkaSettings } from '../adapters/kafka/client-settings.ts'
import { type KafkaLog, openKafkaLog, openSenders } from '../adapters/kafka/event-log.ts'
import { type KafkaSubjectKeys, openKafkaSubjectKeys } from '../adapters/kafka/subject-keys.ts'
import { secretFile } from '../adapters/system/secret-file.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { Clock } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'

export const openKafkaLogOf = (config: Config, clock: Clock, onError: (error: Error) => void): Promise<KafkaLog> =>
  openKafkaLog({
    settings: kafkaSettings(config),
    topics: {
      partitions: config.KAFKA_PARTITIONS,
      replication: config.KAFKA_REPLICATION,
      retentionMs: config.LOG_RETENTION_HOURS * 3_600_000,
    },
    clock,
    client: config.KAFKA_CLIENT,
    lingerMsMax: config.KAFKA_LINGER_MS_MAX,
    onError,
  })

export const openKafkaKeysOf = (config: Config, clock: Clock, onError: (error: Error) => void): Promise<KafkaSubjectKeys> =>
  openKafkaSubjectKeys({
    settings: kafkaSettings(config),
    openSender: openSenders[config.KAFKA_CLIENT],
    masterKey: masterKeyOf(config),
    clock,
    onError,
  })

/** For `--check`: throws CONFIG_INVALID when a file that is named cannot be read, or holds no key. */
export const checkKafkaFiles = (config: Config): void => {
  kafkaSettings(config)
  if (config.KAFKA_MASTER_KEY_FILE !== '') readMasterKey(config.KAFKA_MASTER_KEY_FILE)
}

export const kafkaSettings = (config: Config): KafkaSettings => ({
  brokers: config.KAFKA_BROKERS.split(','),
  prefix: config.KAFKA_TOPIC_PREFIX,
  tls: config.KAFKA_TLS === 'off' ? null : tlsOf(config),
  sasl:
    config.KAFKA_SASL_MECHANISM === 'none'
      ? null
      : {
          mechanism: config.KAFKA_SASL_MECHANISM,
          username: config.KAFKA_SASL_USERNAME,
          password: namedFile('KAFKA_SASL_PASSWORD_FILE', config.KAFKA_SASL_PASSWORD_FILE).trim(),
        },
})

const tlsOf = (config: Config): NonNullable<KafkaSettings['tls']> => {
  const tls: NonNullable<KafkaSettings['tls']> = {}
  if (config.KAFKA_TLS_CA_FILE !== '') tls.ca = namedFile('KAFKA_TLS_CA_FILE', config.KAFKA_TLS_CA_FILE)
  if (config.KAFKA_TLS_CERT_FILE !== '') tls.cert = namedFile('KAFKA_TLS_CERT_FILE', config.KAFKA_TLS_CERT_FILE)
  if (config.KAFKA_TLS_KEY_FILE !== '') tls.key = namedFile('KAFKA_TLS_KEY_FILE', config.KAFKA_TLS_KEY_FILE)
  return tls
}

const namedFile = (setting: string, path: string): string => {
  try {
    return readTextFile(path)
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${setting} ${path}: ${(cause as Error).message}`, { cause })
  }
}

const masterKeyBytes = 32

const masterKeyOf = (config: Config): Buffer => {
  if (config.KAFKA_MASTER_KEY_FILE === '') {
    const { secret, keep } = secretFile(join(config.DATA_DIR, 'kafka-master-key'))
    keep()
    return Buffer.from(secret, 'base64url')
  }
  return readMasterKey(config.KAFKA_MASTER_KEY_FILE)
}

const readMasterKey = (path: string): Buffer => {
  const text = namedFile('KAFKA_MASTER_KEY_FILE', path).trim()
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64')
  if (key.length === masterKeyBytes) return key
  throw new AppError('CONFIG_INVALID', `KAFKA_MASTER_KEY_FILE: expected ${masterKeyBytes} bytes in base64 or hex, got ${key.length}`)
}
