/** The suite of every log, on a real Kafka, with both clients. */
import { afterAll, beforeAll } from 'vitest'
import { describeEventLog } from '../event-log.contract.ts'
import { openTestAdmin, openTestLog, startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'

let kafka: TemporaryKafka
beforeAll(async () => {
  kafka = await startTemporaryKafka()
})
afterAll(() => kafka.remove())

for (const client of ['kafkajs', 'platformatic'] as const) {
  describeEventLog(`Kafka by ${client}`, async (clock) => {
    const settings = kafka.settings()
    const log = await openTestLog(settings, { clock, client })
    const admin = openTestAdmin(settings)
    return {
      log,
      deleteBefore: async (topic, partition, offset) => {
        await admin.deleteRecords({ topics: [{ name: settings.prefix + topic, partitions: [{ partition, offset: BigInt(offset) }] }] })
      },
      close: async () => {
        await log.close()
        await admin.close()
      },
    }
  })
}
