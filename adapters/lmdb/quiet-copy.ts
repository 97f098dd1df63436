/**
 * A copy of the log's environment at a moment when no stage is between its inserts: tables and log copied then belong
 * together exactly, so that a restored recorder has nothing to refill and rollups equal their base. Called from a process of
 * its own; LMDB's write lock orders it with the running program. While the lock is held, appends (and so PUBACKs) wait: for
 * the freeze of the tables and the start of the copy, not for the copy itself.
 */
import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { open } from 'lmdb'
import { type Environment, openEnvironment, type PartitionBounds } from './environment.ts'

export type QuietCopy = {
  logId: string
  /** By `<topic>:<partition>`. */
  bounds: Record<string, PartitionBounds>
  /** How long appends waited. */
  lockedMs: number
}

const tryEveryMs = 20
const readerWithinMs = 2_000

/**
 * Runs `work` under LMDB's write lock while no stage has a range under way, so that nobody inserts. `work` answers null when
 * it saw that it was not quiet after all, and is tried again. Null: no quiet moment within `withinMs`.
 */
export const whenQuiet = async <T>(environment: Environment, withinMs: number, work: () => Promise<T | null>): Promise<T | null> => {
  for (const until = performance.now() + withinMs; performance.now() < until; ) {
    const done = await environment.root.transaction(async () => (rangeIsPending(environment) ? null : work()))
    if (done !== null) return done
    await delay(tryEveryMs * (0.5 + Math.random()))
  }
  return null
}

/** `whileQuiet` (false: not quiet) and the copy's beginning are one moment; resolves when the copy is written. */
export const copyWhenQuiet = async (
  dataDir: string,
  to: string,
  withinMs: number,
  whileQuiet: () => Promise<boolean>,
): Promise<QuietCopy | null> => {
  mkdirSync(to, { recursive: true })
  const environment = openEnvironment(dataDir)
  try {
    const begun = await whenQuiet(environment, withinMs, async () => {
      const startedAt = performance.now()
      if (!(await whileQuiet())) return null
      const facts = factsOf(environment)
      let isDone = false
      const written = environment.root.backup(to, true).finally(() => {
        isDone = true
      })
      written.catch(() => undefined) // Awaited below.
      await copyHasSnapshot(environment, () => isDone)
      return { ...facts, written, lockedMs: performance.now() - startedAt }
    })
    if (begun === null) return null
    const { written, ...copy } = begun
    await written
    return copy
  } finally {
    await environment.close()
  }
}

/** A compact copy of another environment as of now. */
export const copyEnvironment = async (path: string, to: string): Promise<void> => {
  mkdirSync(to, { recursive: true })
  const root = open({ path, readOnly: true, maxDbs: 16 })
  try {
    await root.backup(to, true)
  } finally {
    await root.close()
  }
}

const rangeIsPending = (environment: Environment): boolean => {
  for (const { value } of environment.progress.getRange({})) if (value.pendingTo !== null) return true
  return false
}

const factsOf = (environment: Environment): Omit<QuietCopy, 'lockedMs'> => ({
  logId: String(environment.facts.get('logId')),
  bounds: Object.fromEntries(Array.from(environment.bounds.getRange({}), ({ key, value }) => [key.join(':'), value])),
})

/** The copy reads from a snapshot of its own, taken by its thread: it stands in the table of readers until it is done. */
const copyHasSnapshot = async (environment: Environment, isDone: () => boolean): Promise<void> => {
  const ours = new RegExp(`^\\s*${process.pid}\\s+\\S+\\s+\\d+\\s*$`, 'm')
  for (const until = performance.now() + readerWithinMs; performance.now() < until; ) {
    if (isDone() || ours.test(environment.root.readerList())) return
    await delay(2)
  }
  throw new Error(`Expected the copy of ${environment.path} to begin within ${readerWithinMs} ms`)
}
