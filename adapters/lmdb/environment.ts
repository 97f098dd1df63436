/**
 * The one LMDB environment of log, stages and marks, under `<dataDir>/log`: so that "state + outputs + offset" is one
 * transaction (delivery: section 3.2). Each thread of the program opens it for itself; LMDB's write lock orders them.
 *
 * A transaction's promise resolves when the commit is synced (`overlappingSync: false`): nobody sees what power loss could
 * still take back, so no offset is ever given twice. A callback of `transaction` that throws half-way has NOT undone its
 * puts: what must be whole uses `childTransaction`.
 *
 * A worker that uses it may end by an error at any time; `worker.terminate()` in the middle of a write ends the process
 * (lmdb 3.5.6), so a worker is asked to stop and closes its environment itself.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import type { LogTopic } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Progress } from './stage-progress.ts'

export type PartitionBounds = {
  /** Oldest retained offset. */
  first: number
  /** The next append gets this offset. */
  next: number
  /** Size of the retained records as stored. */
  bytes: number
}

export type Environment = {
  readonly path: string
  readonly root: RootDatabase
  /** Chunks of records (`chunk.ts`) by topic, partition and the offset of their last record. */
  readonly chunks: Database<Uint8Array, [LogTopic, number, number]>
  readonly bounds: Database<PartitionBounds, [LogTopic, number]>
  /** Log id, partition counts. */
  readonly facts: Database<string | number, string>
  /** Progress of each group and partition, as `stage-store.ts` writes it. */
  readonly progress: Database<Progress, [string, LogTopic, number]>
  readonly states: Database<Uint8Array, [string, LogTopic, number, string]>
  readonly segments: Database<Uint8Array, [string, LogTopic, number, string, number, number]>
  /** Sees the newest commit from here on; without it, reads within one turn of the event loop see the same snapshot. */
  refresh: () => void
  /** Bytes in the file that new records can take without it growing (pages of deleted records). */
  reusableBytes: () => number
  close: () => Promise<void>
}

/**
 * Address space, not memory and not disk: the file grows with its content. Fixed from the start, since growing the map
 * while another thread reads is the one thing that LMDB does not do by itself.
 */
const mapBytes = 2 ** 42

export const openEnvironment = (dataDir: string, folder = 'log'): Environment => {
  const path = join(dataDir, folder)
  const root = openRoot(path)
  const binary = (name: string) => root.openDB<Uint8Array, never>({ name, encoding: 'binary' })
  const plain = (name: string) => root.openDB<never, never>({ name, encoding: 'msgpack', ...withoutRecords })
  const databases = {
    chunks: binary('chunks') as Environment['chunks'],
    bounds: plain('bounds') as Environment['bounds'],
    facts: plain('facts') as Environment['facts'],
    progress: plain('progress') as Environment['progress'],
    states: binary('states') as Environment['states'],
    segments: binary('segments') as Environment['segments'],
  }
  return {
    path,
    root,
    ...databases,
    refresh: () => root.resetReadTxn(),
    reusableBytes: () => reusableBytesOf(root, Object.values(databases)),
    close: () => root.close(),
  }
}

/** `databases`: all named ones. */
export const reusableBytesOf = (root: RootDatabase, databases: readonly { getStats: () => object }[]): number => {
  const whole = root.getStats() as DatabaseStats & { root: DatabaseStats; free: DatabaseStats; lastPageNumber: number }
  const used = [whole.root, whole.free, ...databases.map((database) => database.getStats() as DatabaseStats)]
  return (whole.lastPageNumber + 1) * whole.pageSize - used.reduce((sum, stats) => sum + usedBytes(stats), 0)
}

type DatabaseStats = { pageSize: number; treeBranchPageCount: number; treeLeafPageCount: number; overflowPages: number }

const usedBytes = ({ pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages }: DatabaseStats): number =>
  (treeBranchPageCount + treeLeafPageCount + overflowPages) * pageSize

/** msgpackr's own record extension would write the keys' layout into each value anew: plain maps are smaller and read by others. */
const withoutRecords = { useRecords: false } as object

/** Opened by each thread for itself; makes the folder. */
export const openRoot = (path: string): RootDatabase => {
  try {
    mkdirSync(path, { recursive: true })
    return open({ path, overlappingSync: false, mapSize: mapBytes, maxDbs: 16, encoding: 'binary' })
  } catch (cause) {
    throw new AppError('DATA_DIR_NOT_WRITABLE', `opening ${path}: ${(cause as Error).message}`, { cause })
  }
}
