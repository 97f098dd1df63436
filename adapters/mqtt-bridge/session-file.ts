/**
 * What must be known of the bridge's persistent session when the program starts again: which session it is, how many
 * connections it has had (a redelivery is only what an *earlier* connection may have brought, decision 0009), and which
 * filters it holds. Written before the first message of a connection is handed over.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export type BridgeSession = { id: string; connection: number; filters: string[] }

export type SessionFile = { read: () => BridgeSession | null; write: (session: BridgeSession) => void }

/** A file that cannot be understood counts as none: the next session then is a new one. */
export const openSessionFile = (path: string): SessionFile => ({
  read: () => {
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
    return parse(text)
  },
  write: (session) => {
    mkdirSync(dirname(path), { recursive: true })
    const beside = `${path}.new`
    const file = openSync(beside, 'w', 0o600)
    try {
      writeSync(file, `${JSON.stringify(session)}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
  },
})

const parse = (text: string): BridgeSession | null => {
  try {
    const { id, connection, filters } = JSON.parse(text) as Partial<BridgeSession>
    if (typeof id !== 'string' || typeof connection !== 'number' || !Array.isArray(filters)) return null
    return { id, connection, filters: filters.filter((filter) => typeof filter === 'string') }
  } catch {
    return null
  }
}

/** The session that a CONNACK speaks of: the known one when the broker kept it, else a new one that nothing came in before. */
export const nextSession = (known: BridgeSession | null, sessionPresent: boolean, newId: () => string): BridgeSession => {
  if (!sessionPresent) return { id: newId(), connection: 1, filters: [] }
  // The broker remembers a session that we do not: what it sends again cannot be told from what is new, so none is first.
  if (known === null) return { id: newId(), connection: 2, filters: [] }
  return { ...known, connection: known.connection + 1 }
}
