/** A member of a group that hangs in the middle of its batch: it is stopped from outside, and tries to commit when it goes on. */
import { openKafkaLog } from './event-log.ts'

const [brokers = '', prefix = '', afterMs = '0'] = process.argv.slice(2)

const log = await openKafkaLog({
  settings: { brokers: [brokers], prefix, tls: null, sasl: null },
  topics: { partitions: 3, replication: -1, retentionMs: 86_400_000 },
  clock: { nowMs: () => Date.now() },
  client: 'platformatic',
  lingerMsMax: 0,
  onError: () => undefined,
})
await log.consume({
  group: 'g',
  topics: ['device-events'],
  startAt: async () => ({ next: 0, repeatTo: null }),
  onBatch: async ({ topic, partition, lastOffset }) => {
    const assignment = log.assignmentOf('g')
    await assignment?.commit(topic, partition, { next: 0, pendingTo: lastOffset })
    setTimeout(() => {
      assignment?.commit(topic, partition, { next: 99, pendingTo: null }).then(
        () => process.send?.('committed'),
        (error: unknown) => process.send?.((error as { code?: string }).code ?? 'no code'),
      )
    }, Number(afterMs))
    process.send?.('begun')
    await new Promise(() => undefined)
  },
  batchRecordsMax: 10,
  batchBytesMax: 1e6,
  batchAfterMs: 0,
  onError: () => undefined,
})
