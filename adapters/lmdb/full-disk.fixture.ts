/**
 * Child of `full-disk.test.ts`, started with a limit on the size of files and no low-water mark: LMDB itself meets the end of
 * the disk. Writes what it saw to stdout.
 */
import { limitsWith } from '../mqtt/limits.ts'
import type { StoredPacket } from './broker-packets.ts'
import { openBrokerPersistence } from './broker-persistence.ts'
import { openEnvironment } from './environment.ts'
import { openEventLog } from './event-log.ts'

const [, , dataDir = ''] = process.argv
const unhandled: string[] = []
process.on('unhandledRejection', (error) => unhandled.push(String(error)))

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const codeOf = (error: unknown): string => String((error as { code?: unknown }).code)
/** Repeats until it is refused, 4,000 times at most; then once more. */
const untilRefused = async (write: (n: number) => Promise<unknown>): Promise<string[]> => {
  const refusals: string[] = []
  for (let n = 0; n < 4_000 && refusals.length < 2; n++) await write(n).catch((error: unknown) => refusals.push(codeOf(error)))
  return refusals
}

const environment = openEnvironment(dataDir)
const log = openEventLog({ environment, clock: { nowMs: () => Date.now() }, partitions: 1, diskFreeBytesMin: 0 })
const append = () => log.append('device-events', [{ partition: 0, key: 'k', value: Buffer.alloc(100_000, 1) }])
const logRefusals = await untilRefused(append)

const endedConnections: string[] = []
const store = openBrokerPersistence({
  path: `${dataDir}/broker`,
  limits: limitsWith(),
  onWriteFailed: (clientId) => endedConnections.push(clientId),
})
const packet = (n: number): StoredPacket => ({
  cmd: 'publish',
  brokerId: 'b',
  brokerCounter: n + 1,
  topic: 't',
  payload: Buffer.alloc(20_000, n),
  qos: 1,
  retain: false,
  dup: false,
})
await store.openSession({ clientId: 'away', identity: '', resume: true, keepSeconds: null })
let counter = 0
const enqueue = () => store.enqueue([{ clientId: 'away', qos: 1 }], packet(counter++)).synced
const queueRefusals = await untilRefused(enqueue)
const retainedRefusals = await untilRefused((n) => store.storeRetained({ ...packet(n), topic: `t${n}`, retain: true }))
// Not awaited by anybody: aedes notes packet ids so.
const first = { ...packet(0), messageId: 1, payload: Buffer.alloc(900_000) }
for (let n = 0; n < 40; n++) await store.outgoingUpdate({ id: 'away' }, { ...first, brokerCounter: n + 1, messageId: n + 1 })
await turn()

const count = async (): Promise<number> => {
  let found = 0
  for await (const _ of store.outgoingStream({ id: 'away' })) found++
  return found
}
const queuedWhenFull = await count()
// Space again: the client takes messages, their pages take new ones.
for (let n = 0; n < 100; n++) await store.outgoingClearMessageId({ id: 'away' }, { brokerId: 'b', brokerCounter: n + 1 })
let acceptedAgain = 0
for (let n = 0; n < 20; n++)
  await enqueue().then(
    () => acceptedAgain++,
    () => undefined,
  )
const queuedAtEnd = await count()
await turn()
await store.destroy().catch(() => undefined)
const reopened = openBrokerPersistence({ path: `${dataDir}/broker`, limits: limitsWith() })
let queuedAfterRestart = 0
for await (const _ of reopened.outgoingStream({ id: 'away' })) queuedAfterRestart++
await turn()
console.log(
  JSON.stringify({
    unhandled,
    logRefusals,
    queueRefusals,
    retainedRefusals,
    queuedWhenFull,
    acceptedAgain,
    queuedAtEnd,
    queuedAfterRestart,
  }),
)
process.exit(0)
