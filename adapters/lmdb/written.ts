/**
 * Every promise of an LMDB write goes through here. When a commit fails (a full disk), lmdb leaves two more promises that
 * reject, and either would end the program as an unhandled rejection: `commitError` of the error, and the promise of its own
 * batch of one turn of the event loop, which it gives to nobody but `committed`.
 */
import type { RootDatabase } from 'lmdb'
import { AppError } from '../../runtime/errors.ts'

/** `write` was made in this turn. Rejects with LOG_DISK_FULL (retryable) when the commit failed, else with what was thrown. */
export const written = async <T>(root: RootDatabase, write: Promise<T>): Promise<T> => {
  watchBatch(root)
  try {
    return await write
  } catch (error) {
    throw await causeOf(error)
  }
}

const watched = new WeakSet<RootDatabase>()

/** lmdb starts the batch in an immediate that it queued at the first write of the turn; ours runs after it. */
const watchBatch = (root: RootDatabase): void => {
  if (watched.has(root)) return
  watched.add(root)
  setImmediate(() => {
    watched.delete(root)
    root.committed.then(undefined, () => undefined)
  })
}

const causeOf = async (error: unknown): Promise<unknown> => {
  if (!(error instanceof Error)) return error
  const { commitError } = error as Error & { commitError?: Promise<never> }
  if (commitError === undefined) return asDiskFull(error)
  const found = commitError.then(
    () => error,
    (cause: unknown) => cause,
  )
  // The cause comes in the same turn or not at all.
  const cause = await Promise.race([found, new Promise((resolve) => setImmediate(() => resolve(error)))])
  return new AppError('LOG_DISK_FULL', `writing to the disk failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
}

const asDiskFull = (error: Error): Error =>
  /ENOSPC|No space left|MDB_MAP_FULL/.test(error.message)
    ? new AppError('LOG_DISK_FULL', `writing to the disk failed: ${error.message}`, { cause: error })
    : error
