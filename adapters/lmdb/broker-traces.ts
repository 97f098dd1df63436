/**
 * What the broker's store holds of one subject, seen from outside the broker (`broker-persistence.ts` keeps the same folder),
 * and how it goes: LMDB keeps a deleted value's page as a free page until it is used again, so free pages are overwritten by
 * using them up with zeros.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Database, open, type RootDatabase } from 'lmdb'

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
      const fills = Math.min(fillsMax, 2 * Math.max(0, freePagesOf(root, named)) + 16)
      for (let round = 0; ; round++) {
        const found = needles.filter((needle) => fileHolds(join(path, 'data.mdb'), needle)).length
        if (found === 0 || round === scrubRoundsMax) return found
        await fillFreePages(root, queue, fills)
        await delay(100) // A page is free for use only when the readers of before have ended.
      }
    },
    close: () => root.close(),
  }
}

/** Shorter ones (`online`) say nothing of a person and stand in other devices' messages. */
const needleBytesMin = 12
const needleBytesMax = 256
const scrubRoundsMax = 10
/** Two fill a page of 4 KiB. */
const fillBytes = 1_900
/** 40 MB a round. */
const fillsMax = 20_000

/** Of no session: the broker passes over what is queued for it, should this end half way. The next erasure takes it away. */
const fillSession = '~fill'

/** Oldest free pages are taken first: rounds of the same size come to all of them, and the file grows a few times at most. */
const fillFreePages = async (root: RootDatabase, queue: Database<unknown, [string, number]>, fills: number): Promise<void> => {
  const zeros = Buffer.alloc(fillBytes)
  await root.transaction(() => {
    for (let key = 0; key < fills; key++) queue.putSync([fillSession, key], zeros)
  })
  await root.transaction(() => {
    for (const key of Array.from(queue.getKeys({ start: [fillSession, 0], end: [fillSession, fillsMax] }))) queue.removeSync(key)
  })
}

const freePagesOf = (root: RootDatabase, databases: readonly { getStats: () => object }[]): number => {
  const whole = root.getStats() as Pages & { root: Pages; free: Pages; lastPageNumber: number }
  const used = [whole.root, whole.free, ...databases.map((database) => database.getStats() as Pages)]
  return whole.lastPageNumber + 1 - used.reduce((sum, pages) => sum + pagesOf(pages), 0)
}

type Pages = { treeBranchPageCount: number; treeLeafPageCount: number; overflowPages: number }
const pagesOf = ({ treeBranchPageCount, treeLeafPageCount, overflowPages }: Pages): number =>
  treeBranchPageCount + treeLeafPageCount + overflowPages

const windowBytes = 1024 * 1024

const fileHolds = (path: string, needle: Buffer): boolean => {
  const file = openSync(path, 'r')
  try {
    const window = Buffer.alloc(windowBytes + needle.length - 1) // Overlapping, so that none lies across two.
    for (let start = 0; ; start += windowBytes) {
      const read = readSync(file, window, 0, window.length, start)
      if (window.subarray(0, read).includes(needle)) return true
      if (read < window.length) return false
    }
  } finally {
    closeSync(file)
  }
}
