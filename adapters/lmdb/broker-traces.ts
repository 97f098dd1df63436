/**
 * What the broker's store holds of one subject, seen from outside the broker (`broker-persistence.ts` keeps the same folder),
 * and how it goes, from free pages too (`free-pages.ts`).
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open } from 'lmdb'
import { scrubFreePages } from './free-pages.ts'

type Packet = { topic: string; payload: Uint8Array }

export type BrokerTraces = {
  /** Retained messages of the subject's topics. */
  retained: Packet[]
  /** Messages of these topics that wait for clients that are away. */
  queued: Packet[]
}

export type BrokerStore = {
  traces: () => BrokerTraces
  /** Only while no broker runs: it answers from memory. */
  remove: () => Promise<void>
  /** Zeros over free pages until no payload is found in the file; how many still are. */
  scrub: (payloads: readonly Uint8Array[]) => Promise<number>
  close: () => Promise<void>
}

/** Null: no broker has kept anything yet. `isOurs` answers for one level of a topic. */
export const openBrokerStore = (dataDir: string, isOurs: (level: string) => boolean): BrokerStore | null => {
  const path = join(dataDir, 'broker')
  if (!existsSync(join(path, 'data.mdb'))) return null
  const root = open({ path, maxDbs: 8, encoding: 'msgpack' })
  const queue = root.openDB<Packet, [string, number]>({ name: 'queue' })
  const retained = root.openDB<Packet, string>({ name: 'retained' })
  const named = [queue, retained, ...['sessions', 'incoming'].map((name) => root.openDB({ name }))]
  const matching = <K extends string | [string, number]>(database: Database<Packet, K>) =>
    Array.from(database.getRange({})).filter(({ value }) => (value as Partial<Packet>).topic?.split('/').some(isOurs))
  return {
    traces: () => {
      root.resetReadTxn()
      return { retained: matching(retained).map(({ value }) => value), queued: matching(queue).map(({ value }) => value) }
    },
    remove: () =>
      root.transaction(() => {
        for (const { key } of matching(retained)) retained.removeSync(key)
        for (const { key } of matching(queue)) queue.removeSync(key)
      }),
    scrub: async (payloads) => {
      const needles = payloads
        .filter(({ length }) => length >= needleBytesMin)
        .map((payload) => Buffer.from(payload.slice(0, needleBytesMax)))
      const fill = {
        put: (number: number, zeros: Buffer) => queue.putSync([fillSession, number], zeros as never),
        remove: (number: number) => queue.removeSync([fillSession, number]),
      }
      return scrubFreePages({ path, root, databases: named, fill }, needles)
    },
    close: () => root.close(),
  }
}

/** Shorter ones (`online`) say nothing of a person and stand in other devices' messages. */
const needleBytesMin = 12
const needleBytesMax = 256
/** Of no session: the broker passes over what is queued for it, should a fill end half way. */
const fillSession = '~fill'
