/**
 * One program per data folder. Held as an exclusive SQLite lock on `<dataDir>/lock`, since that is the file lock that Node
 * brings along: the kernel gives it back whatever ends the holder, kill -9 too, so no lock is ever stale, and it holds
 * between containers that share the folder. `<dataDir>/lock-holder.json` says who holds it, for the loser's message only.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../runtime/errors.ts'

/** Throws DATA_DIR_IN_USE (says by whom) or DATA_DIR_NOT_WRITABLE. The answer releases it; a second call is harmless. */
export const lockDataDir = (dataDir: string, nowMs: number): (() => void) => {
  const holderFile = join(dataDir, 'lock-holder.json')
  const database = takeLock(dataDir, holderFile)
  try {
    const holder = { pid: process.pid, host: hostname(), since: new Date(nowMs).toISOString() }
    writeFileSync(holderFile, `${JSON.stringify(holder)}\n`)
  } catch (cause) {
    database.close()
    throw notWritable(dataDir, cause)
  }
  held.add(database)
  return () => {
    if (held.delete(database)) database.close()
  }
}

/** A database that nobody refers to is closed by the garbage collector, and the lock would go with it. */
const held = new Set<DatabaseSync>()

const sqliteBusy = 5

const takeLock = (dataDir: string, holderFile: string): DatabaseSync => {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dataDir, { recursive: true })
    database = new DatabaseSync(join(dataDir, 'lock'), { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (cause) {
    database?.close()
    if ((cause as { errcode?: number }).errcode !== sqliteBusy) throw notWritable(dataDir, cause)
    throw new AppError('DATA_DIR_IN_USE', `Expected the data folder ${dataDir} to be free, but it is held by ${describeHolder(holderFile)}`)
  }
}

const describeHolder = (holderFile: string): string => {
  try {
    const holder = JSON.parse(readFileSync(holderFile, 'utf8')) as { pid: number; host: string; since: string }
    return `process ${holder.pid} on ${holder.host} since ${holder.since}`
  } catch {
    return 'a process that has not said who it is'
  }
}

const notWritable = (dataDir: string, cause: unknown): AppError =>
  new AppError('DATA_DIR_NOT_WRITABLE', `Expected a data folder that can be written, ${dataDir}: ${(cause as Error).message}`, { cause })
