/**
 * The embedded engine: one chdb data folder and a pool of Sessions on it. A Session runs one statement at a time; a fresh
 * one per request is not safe under load, since every close waits for all running operations of the process.
 *
 * A failed buffered query can leave rows in front of the Session's next answer, so it is retired; after a failed or cut-off
 * stream it must answer a probe exactly, or it is retired too.
 */
import { Session } from 'chdb'
import { EngineError, toEngineError } from './engine-error.ts'

export type Engine = {
  /** Runs `work` with a Session of its own; waits for nothing: the caller limits how many run at once. */
  withSession: <T>(work: (session: EngineSession) => Promise<T>) => Promise<T>
  /** Ends the statements that carry this `log_comment`; true when the order was given. */
  kill: (tag: string) => Promise<void>
  close: () => void
}

export type EngineSession = {
  /** Buffered. */
  ask: (sql: string, format?: string) => Promise<Uint8Array>
  /** Chunks as the engine makes them; leaving the loop early cancels. */
  stream: (sql: string, format: string) => AsyncIterable<{ bytes: Uint8Array; rows: number }>
  /** Sets `{name:Type}` values, raw texts as HTTP's `param_name` carries them. */
  setParameters: (parameters: ReadonlyMap<string, string>) => Promise<void>
}

export type EngineOptions = {
  path: string
  database: string
  /** Cap of all queries and merges together. */
  memoryBytesMax: number
}

/** Closing is put off until nothing runs; more retired Sessions than this and new ones are refused until then. */
const retiredSessionsMax = 200
const mergeThreads = 2

export const openEngine = (options: EngineOptions): Engine => {
  const open = (): Session =>
    new Session(options.path, {
      connectionArgs: [
        `--max_server_memory_usage=${options.memoryBytesMax}`,
        `--background_pool_size=${mergeThreads}`,
        `--mark_cache_size=${64 * 1024 * 1024}`,
        '--use_query_cache=0',
      ],
    })
  // Never lent and closed last: with the last Session the whole engine goes, tables and caches with it.
  const anchor = open()
  anchor.query(`CREATE DATABASE IF NOT EXISTS ${options.database}`)
  const idle: Session[] = []
  let running = 0
  let retired = 0

  const acquire = (): Session => {
    const session = idle.pop()
    if (session) return session
    if (retired >= retiredSessionsMax)
      throw new EngineError(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 'Too many failed queries while others run; try again later')
    const fresh = open()
    fresh.query(`USE ${options.database}`)
    return fresh
  }

  const release = async (session: Session, state: SessionState): Promise<void> => {
    if (state === 'clean' || (state === 'probe' && (await answersProbe(session)))) idle.push(session)
    else {
      session.close()
      retired++
    }
  }

  const engine: Engine = {
    withSession: async (work) => {
      const session = acquire()
      const wrapped = createSession(session)
      running++
      try {
        return await work(wrapped)
      } finally {
        await release(session, wrapped.state())
        running--
        if (running === 0) retired = 0
      }
    },
    kill: (tag) =>
      engine.withSession(async (session) => {
        await session.ask(`KILL QUERY WHERE Settings['log_comment'] = ${literal(tag)} ASYNC`)
      }),
    close: () => {
      for (const session of [...idle.splice(0), anchor]) session.close()
    },
  }
  return engine
}

/** A text as an SQL literal. */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

type SessionState = 'clean' | 'probe' | 'retire'

const createSession = (session: Session): EngineSession & { state: () => SessionState } => {
  let state: SessionState = 'clean'
  const ask = async (sql: string, format = 'TabSeparated'): Promise<Uint8Array> => {
    try {
      return (await session.queryAsync(sql, { format })).bytes()
    } catch (error) {
      state = 'retire'
      throw toEngineError(error)
    }
  }
  return {
    state: () => state,
    ask,
    stream: async function* (sql, format) {
      const before = state
      state = 'probe'
      try {
        for await (const chunk of session.queryStream(sql, { format })) yield { bytes: chunk.raw(), rows: chunk.numRows }
        state = before
      } catch (error) {
        throw toEngineError(error)
      }
    },
    setParameters: async (parameters) => {
      if (parameters.size === 0) return
      await ask(`SET ${[...parameters].map(([name, value]) => `param_${name} = ${literal(value)}`).join(', ')}`)
    },
  }
}

const answersProbe = async (session: Session): Promise<boolean> => {
  try {
    return (await session.queryAsync("SELECT 'probe'", { format: 'TabSeparated' })).text() === 'probe\n'
  } catch {
    return false
  }
}
