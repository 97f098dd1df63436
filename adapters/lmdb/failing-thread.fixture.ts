/** Worker of `threads.test.ts`: writes states without pause until an error leaves it, in the middle of that. */
import { workerData } from 'node:worker_threads'
import { openEnvironment } from './environment.ts'
import { createStageStore } from './stage-store.ts'

const { dataDir, group, failAfterMs } = workerData as { dataDir: string; group: string; failAfterMs: number }
const store = createStageStore<string>({ environment: openEnvironment(dataDir), group, clock: { nowMs: () => Date.now() } })
setTimeout(() => {
  throw new Error('planted')
}, failAfterMs)
const states = new Map(Array.from({ length: 200 }, (_, n) => [`key ${n}`, 'x'.repeat(3000)]))
for (let n = 0; ; n++) {
  await store.finish({ range: { topic: 'device-events', partition: 0, from: n, to: n }, states, segments: [], tables: [], outputs: [] })
}
