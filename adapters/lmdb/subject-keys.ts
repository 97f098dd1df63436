/**
 * Keys of subjects (port `SubjectKeys`), in an LMDB environment of their own, `<dataDir>/keys`: beside the log and never in
 * it, so that a copy of the log alone opens nothing. Part of every backup. Not wrapped: who reads the folder has the keys.
 *
 * Erasing deletes the key, then overwrites its bytes. LMDB writes a changed page elsewhere and keeps the old one as a free
 * page until it is used again, so a deleted key would stay in the file for a long time: `erase` looks for the key's 32 bytes
 * in the whole file and writes zeros over each place. What it cannot reach: backups, snapshots of the file system, cells that
 * an SSD has remapped, swapped memory.
 *
 * No cache of keys: LMDB's own pages are one, a read costs about a microsecond, and an erased key is gone for all threads.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { SubjectKeys } from '../../model/ports.ts'
import { openRoot } from './environment.ts'
import { keyBytes, newSubjectKey, openBytes, pseudonymOf, type SubjectKey, sealBytes } from './sealing.ts'
import { shortKey } from './short-key.ts'
import { written } from './written.ts'

export type LmdbSubjectKeys = SubjectKeys & { close: () => Promise<void> }

export const openSubjectKeys = (dataDir: string): LmdbSubjectKeys => {
  const path = join(dataDir, 'keys')
  const root = openRoot(path)
  const keys = root.openDB<Uint8Array, string>({ name: 'keys', encoding: 'binary' })
  const secrets = root.openDB<Uint8Array, string>({ name: 'secrets', encoding: 'binary' })
  const pseudonymSecret = root.transactionSync(() => {
    const stored = secrets.get('pseudonym')
    if (stored) return stored
    const made = randomBytes(keyBytes)
    secrets.putSync('pseudonym', made)
    return made
  })

  const stored = (subject: string): SubjectKey | undefined => {
    const bytes = keys.get(shortKey(subject))
    return bytes && { id: Buffer.from(bytes.subarray(0, -keyBytes)), key: Buffer.from(bytes.subarray(-keyBytes)) }
  }

  /** Resolves when the key is synced. Two callers, in one thread or two, get the same key. */
  const create = (subject: string): Promise<SubjectKey> =>
    written(
      root,
      root.transaction(() => {
        const existing = stored(subject)
        if (existing) return existing
        const made = newSubjectKey()
        keys.putSync(shortKey(subject), Buffer.concat([made.id, made.key]))
        return made
      }),
    )

  return {
    seal: async (subject, plain) => sealBytes(stored(subject) ?? (await create(subject)), subject, plain),
    open: async (subject, sealed) => {
      root.resetReadTxn() // Another thread may have made or erased the key in this turn.
      const key = stored(subject)
      return key ? openBytes(key, subject, sealed) : null
    },
    pseudonym: (text) => pseudonymOf(pseudonymSecret, text),
    erase: async (subject) => {
      const removed = root.transaction(() => {
        const key = stored(subject)
        if (key) keys.removeSync(shortKey(subject))
        return key
      })
      const erased = await written(root, removed)
      if (!erased) return false
      // In a transaction of its own, since only the write lock keeps free pages from being taken meanwhile.
      const overwritten = root.transaction(() => {
        overwrite(join(path, 'data.mdb'), erased.key)
      })
      await written(root, overwritten)
      return true
    },
    close: () => root.close(),
  }
}

const windowBytes = 1024 * 1024

/** Zeros over each occurrence of `secret`, synced. */
const overwrite = (path: string, secret: Buffer): void => {
  const file = openSync(path, 'r+')
  try {
    const window = Buffer.alloc(windowBytes + secret.length - 1) // Overlapping, so that none lies across two.
    const zeros = Buffer.alloc(secret.length)
    for (let start = 0; ; start += windowBytes) {
      const read = readSync(file, window, 0, window.length, start)
      const content = window.subarray(0, read)
      for (let at = content.indexOf(secret); at >= 0; at = content.indexOf(secret, at + secret.length)) {
        writeSync(file, zeros, 0, zeros.length, start + at)
      }
      if (read < window.length) break
    }
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}
