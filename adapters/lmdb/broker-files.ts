/**
 * The files of the broker's store, `<dataDir>/broker`: one LMDB environment, a database for each kind of thing, and the only
 * way to write into them. What it holds is read back once, at start.
 */
import { type Database, open, type RootDatabase } from 'lmdb'
import type { StoredPacket } from './broker-packets.ts'
import { reusableBytesOf } from './environment.ts'
import { createLowWater, type LowWater, type markParts } from './low-water.ts'
import { written } from './written.ts'

export type StoredSubscription = {
  qos: number
  rh?: number | undefined
  rap?: boolean | undefined
  nl?: boolean | undefined
  subscriptionIdentifier?: number
}
export type SessionRecord = {
  clientId: string
  sessionId: string
  /** Connections so far. */
  connection: number
  /** Login that made the session; nobody else may take it over. */
  identity: string
  /** Null: as long as the limit allows. */
  keepSeconds: number | null
  connected: boolean
  lastSeenAtMs: number
  subscriptions: [string, StoredSubscription][]
}

export type BrokerFiles = {
  sessions: Database<SessionRecord, string>
  /** By session key and number in the queue. */
  queue: Database<StoredPacket, [string, number]>
  /** QoS 2 messages between PUBREC and PUBREL, by session key and packet id. */
  incoming: Database<StoredPacket, [string, number]>
  retained: Database<StoredPacket, string>
  /** Why nothing may be kept now; `accept`: the log's own mark, where the log is asked first. */
  refusal: LowWater['refusal']
  /** The writes are made before it returns; it resolves when they are synced, and rejects when they were not. */
  write: (what: keyof typeof markParts, writes: () => Promise<boolean>[]) => Promise<void>
  writesFailed: () => number
  closed: () => boolean
  /** Waits for what is being written. */
  close: () => Promise<void>
}

export type BrokerFilesOptions = {
  path: string
  /** `DISK_FREE_BYTES_MIN`: below half of it nothing new is kept, below a quarter nothing is written. Default 0. */
  diskFreeBytesMin?: number
  diskFreeBytes?: (() => number) | undefined
}

export const openBrokerFiles = ({ path, diskFreeBytesMin = 0, diskFreeBytes }: BrokerFilesOptions): BrokerFiles => {
  // `overlappingSync: false`: with it, waiting for a sync that fails never ends.
  const root: RootDatabase = open({ path, maxDbs: 4, encoding: 'msgpack', overlappingSync: false })
  const databases = {
    sessions: root.openDB<SessionRecord, string>({ name: 'sessions' }),
    queue: root.openDB<StoredPacket, [string, number]>({ name: 'queue' }),
    incoming: root.openDB<StoredPacket, [string, number]>({ name: 'incoming' }),
    retained: root.openDB<StoredPacket, string>({ name: 'retained' }),
  }
  const lowWater = createLowWater({
    path,
    diskFreeBytesMin,
    diskFreeBytes,
    reusableBytes: () => reusableBytesOf(root, Object.values(databases)),
  })
  const writing = new Set<Promise<unknown>>()
  let writesFailed = 0
  let closed = false

  return {
    ...databases,
    refusal: lowWater.refusal,
    writesFailed: () => writesFailed,
    closed: () => closed,

    write: async (what, writes) => {
      if (closed) throw new Error('the store is closed')
      let running: Promise<unknown> | undefined
      try {
        lowWater.check(what)
        running = Promise.all(writes().map((write) => written(root, write)))
        writing.add(running)
        await running
      } catch (error) {
        writesFailed++
        throw error
      } finally {
        if (running) writing.delete(running)
      }
    },

    close: async () => {
      if (closed) throw new Error('destroyed called twice!')
      closed = true
      await Promise.allSettled(writing)
      await root.close()
    },
  }
}
