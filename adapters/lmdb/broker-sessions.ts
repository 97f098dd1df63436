/**
 * Persistent sessions: who made them, how often they were connected, how long they outlive their connection. What hangs on a
 * session (subscriptions, queue, packet ids) is a part of its own, asked when a session goes.
 */
import { randomBytes } from 'node:crypto'
import type { BrokerFiles, SessionRecord, StoredSubscription } from './broker-files.ts'
import { keyOf, type StoredPacket } from './broker-packets.ts'

export type Queued = { seq: number; packet: StoredPacket }

export type Session = Omit<SessionRecord, 'subscriptions'> & {
  /** Of its client id, in the files. */
  key: string
  subscriptions: Map<string, StoredSubscription>
  queue: Queued[]
  nextSeq: number
  /** QoS 2 messages by packet id; null: none so far, as for nearly all. */
  incoming: Map<number, StoredPacket> | null
  /** It was there before the connection that has it now. */
  resumed: boolean
}

/** What hangs on a session. */
export type SessionPart = {
  /** The session goes: out of the part's index and counts. */
  forget: (session: Session) => void
  /** Its files could not be deleted, so it stays: back into index and counts. */
  putBack: (session: Session) => void
  /** From the files. */
  removals: (session: Session) => Promise<boolean>[]
}

export type OpenSession = {
  clientId: string
  identity: string
  /** False: an older session of this client is dropped first. */
  resume: boolean
  /** How long the session outlives its connection; 0: it ends with it, null: as long as the limit allows. */
  keepSeconds: number | null
}

export type SessionLimits = { sessionsMax: number; sessionExpirySeconds: number }

export type Sessions = {
  get: (clientId: string) => Session | undefined
  /** An unknown client's session is made, without anything being written. */
  getOrMake: (clientId: string) => Session
  all: () => Iterable<Session>
  /** Resolves when synced. */
  save: (session: Session) => Promise<void>
  /** Each part is asked when a session goes. */
  attach: (part: SessionPart) => void
  counts: () => { sessions: number; sessionsDropped: number; sessionsExpired: number }
  calls: {
    /** Who made the session of this client; undefined when there is none. */
    identityOf: (clientId: string) => string | undefined
    /** Counts the connection of a persistent session, making the session when there is none. Resolves when synced. */
    openSession: (open: OpenSession) => Promise<{ sessionId: string | null; connection: number }>
    /** The connection is gone; the session stays for its time. */
    closeSession: (clientId: string, keepSeconds: number | null) => Promise<void>
    dropSession: (clientId: string) => Promise<void>
    /** Drops sessions whose client has been away too long. Called now and then. */
    sweep: () => Promise<void>
  }
}

/** Sessions that were connected when the process ended count as seen now. */
export const loadSessions = (files: BrokerFiles, limits: SessionLimits, nowMs: () => number): Sessions => {
  const sessions = new Map<string, Session>()
  const parts: SessionPart[] = []
  let sessionsDropped = 0
  let sessionsExpired = 0

  const startedAtMs = nowMs()
  for (const { key, value } of files.sessions.getRange()) {
    const { subscriptions, ...record } = value
    sessions.set(record.clientId, {
      ...record,
      key,
      connected: false,
      lastSeenAtMs: record.connected ? startedAtMs : record.lastSeenAtMs,
      subscriptions: new Map(subscriptions),
      queue: [],
      nextSeq: 0,
      incoming: null,
      resumed: false,
    })
  }

  const save = (session: Session): Promise<void> => {
    const { clientId, sessionId, connection, identity, keepSeconds, connected, lastSeenAtMs } = session
    const subscriptions = [...session.subscriptions]
    const record = { clientId, sessionId, connection, identity, keepSeconds, connected, lastSeenAtMs, subscriptions }
    return files.write('anything', () => [files.sessions.put(session.key, record)])
  }

  const isExpired = ({ connected, keepSeconds, lastSeenAtMs }: Session): boolean => {
    const keptSeconds = Math.min(keepSeconds ?? Number.POSITIVE_INFINITY, limits.sessionExpirySeconds)
    return !connected && nowMs() - lastSeenAtMs >= keptSeconds * 1_000
  }

  const make = (clientId: string, identity: string): Session => {
    if (sessions.size >= limits.sessionsMax) makeRoom()
    const session: Session = {
      clientId,
      key: keyOf(clientId),
      sessionId: randomBytes(12).toString('hex'),
      connection: 0,
      identity,
      keepSeconds: null,
      connected: false,
      lastSeenAtMs: nowMs(),
      subscriptions: new Map(),
      queue: [],
      nextSeq: 0,
      incoming: null,
      resumed: false,
    }
    sessions.set(clientId, session)
    return session
  }

  /** The session that was away longest goes; when all are connected, the limit on connections holds instead. */
  const makeRoom = (): void => {
    let oldest: Session | undefined
    for (const session of sessions.values()) {
      if (!session.connected && (!oldest || session.lastSeenAtMs < oldest.lastSeenAtMs)) oldest = session
    }
    if (!oldest) return
    sessionsDropped++
    dropSession(oldest.clientId).catch(() => undefined) // Counted in `writesFailed`; it stays one more.
  }

  const dropSession = async (clientId: string): Promise<void> => {
    const session = sessions.get(clientId)
    if (!session) return
    sessions.delete(clientId)
    for (const part of parts) part.forget(session)
    try {
      await files.write('anything', () => [files.sessions.remove(session.key), ...parts.flatMap((part) => part.removals(session))])
    } catch (error) {
      // Its files are still there: a new session of this client must not begin upon them.
      if (!sessions.has(clientId)) {
        sessions.set(clientId, session)
        for (const part of parts) part.putBack(session)
      }
      throw error
    }
  }

  return {
    get: (clientId) => sessions.get(clientId),
    getOrMake: (clientId) => sessions.get(clientId) ?? make(clientId, ''),
    all: () => sessions.values(),
    save,
    attach: (part) => parts.push(part),
    counts: () => ({ sessions: sessions.size, sessionsDropped, sessionsExpired }),

    calls: {
      identityOf: (clientId) => sessions.get(clientId)?.identity,

      openSession: async ({ clientId, identity, resume, keepSeconds }) => {
        let session = sessions.get(clientId)
        if (session && (!resume || isExpired(session))) {
          await dropSession(clientId)
          session = undefined
        }
        if (!session && keepSeconds === 0) return { sessionId: null, connection: 0 }
        const resumed = session !== undefined
        session ??= make(clientId, identity)
        session.resumed = resumed
        session.identity = identity
        session.connection++
        session.connected = true
        session.keepSeconds = keepSeconds
        const opened = { sessionId: session.sessionId, connection: session.connection }
        try {
          await save(session)
        } catch (error) {
          if (!resumed && sessions.get(clientId) === session) sessions.delete(clientId)
          throw error
        }
        return opened
      },

      closeSession: async (clientId, keepSeconds) => {
        const session = sessions.get(clientId)
        if (!session || files.closed()) return
        if (keepSeconds === 0) {
          await dropSession(clientId)
          return
        }
        session.connected = false
        session.keepSeconds = keepSeconds
        session.lastSeenAtMs = nowMs()
        await save(session)
      },

      dropSession,

      sweep: async () => {
        for (const session of [...sessions.values()]) {
          if (!isExpired(session)) continue
          sessionsExpired++
          await dropSession(session.clientId)
        }
      },
    },
  }
}
