/** One Kafka for a test file and logs of their own in it, told apart by their prefix. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '@platformatic/kafka'
import { type KafkaServer, type KafkaServerOptions, startKafka } from './kafka-server.ts'
import { type KafkaSettings, platformaticOptions } from '../../adapters/kafka/client-settings.ts'
import { type KafkaLog, type KafkaLogOptions, openKafkaLog } from '../../adapters/kafka/event-log.ts'

export type TemporaryKafka = { server: KafkaServer; settings: () => KafkaSettings; remove: () => Promise<void> }

export const startTemporaryKafka = async (options: Partial<KafkaServerOptions> = {}): Promise<TemporaryKafka> => {
  const dir = mkdtempSync(join(tmpdir(), 'temporary-kafka-'))
  const server = await startKafka({ dir, ...options })
  return {
    server,
    settings: () => ({ brokers: [server.brokers], prefix: `t${randomBytes(4).toString('hex')}-`, tls: null, sasl: null }),
    remove: async () => {
      await server.kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Records' times are what tests say, so nothing may expire. */
const yearsMs = 100 * 365 * 86_400_000

export const openTestLog = (settings: KafkaSettings, options: Partial<KafkaLogOptions> & { partitions?: number } = {}): Promise<KafkaLog> =>
  openKafkaLog({
    settings,
    topics: { partitions: options.partitions ?? 3, replication: -1, retentionMs: yearsMs },
    clock: { nowMs: () => Date.now() },
    client: 'platformatic',
    lingerMsMax: 25,
    onError: () => undefined,
    ...options,
  })

/** For what a test does to the brokers behind the recorder's back. */
export const openTestAdmin = (settings: KafkaSettings): Admin => new Admin(platformaticOptions(settings, 10))
