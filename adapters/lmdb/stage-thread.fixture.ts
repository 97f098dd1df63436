/**
 * Worker of `threads.test.ts`: consumes device-events and finishes each batch with an output per record to the same topic as
 * the main thread appends to, until it has seen `until` records; then says so and closes.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { openEnvironment } from './environment.ts'
import { openEventLog } from './event-log.ts'
import { createStageStore } from './stage-store.ts'

const { dataDir, until } = workerData as { dataDir: string; until: number }
const clock = { nowMs: () => Date.now() }
const environment = openEnvironment(dataDir)
const log = openEventLog({ environment, clock, diskFreeBytesMin: 0 })
const store = createStageStore<{ seen: number }>({ environment, group: 'stage', clock })
let seen = 0

const consumer = await log.consume({
  group: 'stage',
  topics: ['device-events'],
  startAt: (topic, partition) => store.resume(topic, partition),
  batchRecordsMax: 50,
  batchBytesMax: 1_000_000,
  batchAfterMs: 0,
  onError: (error) => {
    throw error
  },
  onBatch: async ({ topic, partition, firstOffset, lastOffset, records }) => {
    const range = { topic, partition, from: firstOffset, to: lastOffset }
    await store.begin(range)
    const known = store.get(topic, partition, 'counter') ?? { seen: 0 }
    await store.finish({
      range,
      states: new Map([['counter', { seen: known.seen + records.length }]]),
      segments: [],
      tables: ['messages'],
      outputs: [
        {
          topic: 'dead-letters',
          records: records.map(({ offset }) => ({ partition: 0, key: 'worker', value: Buffer.from(`worker ${offset}`) })),
        },
      ],
    })
    seen += records.length
    if (seen === until) parentPort?.postMessage('seen')
  },
})

parentPort?.once('message', () => {
  void consumer
    .stop()
    .then(() => log.close())
    .then(() => environment.close())
    .then(() => parentPort?.postMessage('closed'))
})
