/**
 * How the tools beside the running program (backup, erase) find its warehouse: the private door's address and its secret of
 * this start, in `<dataDir>/warehouse-door.json`, mode 0600. Who may read it may read the tables' files anyway. Removed at a
 * stop; what a killed program leaves opens nothing, since the next start makes another secret.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type DoorAccess = { url: string; username: string; password: string }

/** The answer removes it. */
export const writeDoorFile = (dataDir: string, access: DoorAccess): (() => void) => {
  const path = doorFile(dataDir)
  writeFileSync(`${path}.new`, `${JSON.stringify(access)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path) // Whole, or not there.
  return () => rmSync(path, { force: true })
}

/** Null: no program has left one, or not a whole one. */
export const readDoorFile = (dataDir: string): DoorAccess | null => {
  try {
    const { url, username, password } = JSON.parse(readFileSync(doorFile(dataDir), 'utf8')) as Partial<DoorAccess>
    return url === undefined || username === undefined || password === undefined ? null : { url, username, password }
  } catch {
    return null
  }
}

const doorFile = (dataDir: string): string => join(dataDir, 'warehouse-door.json')
