/**
 * Old content out of free pages. LMDB keeps a deleted or changed value's page as a free page until it is used again; here
 * such pages are used up with zeros, until nothing of what must go is found in the file. For erasures.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RootDatabase } from 'lmdb'
import { reusableBytesOf } from './environment.ts'

export type Store = {
  path: string
  root: RootDatabase
  /** All named ones of the file in `path`. */
  databases: readonly { getStats: () => object }[]
  /** Where zeros may lie for a moment under numbers of their own; inside a transaction. */
  fill: { put: (number: number, zeros: Buffer) => void; remove: (number: number) => void }
}

const roundsMax = 10
/** Two fill a page of 4 KiB. */
const fillBytes = 1_900
/** 40 MB a round. */
const fillsMax = 20_000
const pageBytes = 4096

/** Answers how many of the needles the file still holds after all rounds: pages that readers hold, or more than it may fill. */
export const scrubFreePages = async (store: Store, needles: readonly Buffer[]): Promise<number> => {
  const { path, root, databases } = store
  const fills = Math.min(fillsMax, 2 * Math.max(0, Math.ceil(reusableBytesOf(root, databases) / pageBytes)) + 16)
  for (let round = 0; ; round++) {
    const found = needles.filter((needle) => fileHolds(join(path, 'data.mdb'), needle)).length
    if (found === 0 || round === roundsMax) return found
    await fillFreePages(store, fills)
    await delay(100) // A page is free for use only when the readers of before have ended.
  }
}

/** Oldest free pages are taken first: rounds of the same size come to all of them, and the file grows a few times at most. */
const fillFreePages = async ({ root, fill }: Store, fills: number): Promise<void> => {
  const zeros = Buffer.alloc(fillBytes)
  await root.transaction(() => {
    for (let number = 0; number < fills; number++) fill.put(number, zeros)
  })
  // Should it end before this, the next erasure takes them away.
  await root.transaction(() => {
    for (let number = 0; number < fillsMax; number++) fill.remove(number)
  })
}

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
