/**
 * The services' door: loopback only, a credential made per start, anything allowed. INSERT data goes into a private file
 * first and the engine reads the file: its own input path corrupts binary values. A Parquet answer goes through a file too: it
 * has one index over everything, and would else lie whole in memory.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Admission } from './admission.ts'
import { type Engine, literal } from './engine.ts'
import { EngineError, toEngineError } from './engine-error.ts'
import { formatRule } from './formats.ts'
import { type AnswerHead, sendChunks, sendWhole } from './http-answer.ts'
import { type Asked, checkCredentials, readAsked, readText } from './http-request.ts'
import { cutTail, isSelect, parameterNames, tokenize } from './sql-tokens.ts'

export type PrivateDoorOptions = {
  engine: Engine
  admission: Admission
  database: string
  /** Emptied at start: what lies there is of a process that died. */
  uploadDir: string
  credentials: { user: string; secret: string }
}

/** DDL of a migration or a long query; data has no limit here, it goes to a file. */
const statementBytesMax = 4 * 1024 * 1024
const readWords = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'DESC', 'EXISTS', 'EXPLAIN'])

export const createPrivateDoor = (options: PrivateDoorOptions) => {
  rmSync(options.uploadDir, { recursive: true, force: true })
  mkdirSync(options.uploadDir, { recursive: true, mode: 0o700 })

  return async (request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> => {
    checkCredentials(request, options.credentials)
    const asked = readAsked(request)
    if (asked.database !== null && asked.database !== options.database)
      throw new EngineError(81, 'UNKNOWN_DATABASE', `Database ${asked.database} does not exist`)
    const insert = asked.query === '' ? null : insertOf(asked.query)
    if (insert) {
      await insertFromFile(options, request, response, insert, asked, gone)
      return
    }
    const sql = [asked.query, await readText(request, statementBytesMax)].filter((part) => part !== '').join('\n')
    const answerFile = join(options.uploadDir, randomUUID())
    try {
      const head = await options.admission.run(() => runStatement(options.engine, response, sql, asked, gone, answerFile), gone)
      // Out of the turn: a client that reads slowly keeps nobody waiting.
      if (head !== null) await sendChunks(response, head, createReadStream(answerFile), toEngineError)
    } finally {
      await rm(answerFile, { force: true })
    }
  }
}

type InsertInto = { into: string; format: string }

const insertOf = (sql: string): InsertInto | null => {
  const parts = /^\s*INSERT\s+INTO\s+([\s\S]+?)\s+FORMAT\s+(\w+)\s*;?\s*$/i.exec(sql)
  return parts?.[1] !== undefined && parts[2] !== undefined ? { into: parts[1], format: parts[2] } : null
}

const insertFromFile = async (
  { engine, admission, uploadDir }: PrivateDoorOptions,
  request: IncomingMessage,
  response: ServerResponse,
  { into, format }: InsertInto,
  asked: Asked,
  gone: AbortSignal,
): Promise<void> => {
  const file = join(uploadDir, randomUUID())
  try {
    await pipeline(request, createWriteStream(file, { mode: 0o600 }))
    // A client that goes away now must not stop it: half an insert is repeated, and the token makes that harmless.
    await admission.run(
      () =>
        engine.withSession((session) =>
          session.ask(`INSERT INTO ${into} FROM INFILE ${literal(file)}${settingsClause(asked.settings)} FORMAT ${format}`),
        ),
      gone,
    )
    sendWhole(
      response,
      { queryId: asked.queryId ?? randomUUID(), format, contentType: 'text/plain; charset=UTF-8', gzip: false },
      new Uint8Array(0),
    )
  } finally {
    await rm(file, { force: true })
  }
}

/** Answers the request, or writes the answer into the file and says with which head it is to be sent. */
const runStatement = async (
  engine: Engine,
  response: ServerResponse,
  sql: string,
  asked: Asked,
  gone: AbortSignal,
  answerFile: string,
): Promise<AnswerHead | null> => {
  const tokens = tokenize(sql)
  const needed = [...parameterNames(tokens)].filter((name) => !asked.parameters.has(name))
  if (needed.length > 0)
    throw new EngineError(456, 'UNKNOWN_QUERY_PARAMETER', `Substitution ${needed.map((name) => `\`${name}\``).join(', ')} is not set`)
  const queryId = asked.queryId ?? randomUUID()
  return engine.withSession(async (session) => {
    await session.setParameters(asked.parameters)
    if (!readWords.has(tokens[0]?.text.toUpperCase() ?? '')) {
      sendWhole(response, { queryId, format: 'Null', contentType: 'text/plain; charset=UTF-8', gzip: false }, await session.ask(sql))
      return null
    }
    const tail = cutTail(sql.replace(/[\s;]+$/, ''))
    const format = tail.format ?? asked.format ?? 'TabSeparated'
    const rule = formatRule(format) ?? { streams: false, contentType: 'application/octet-stream' }
    const tag = randomUUID()
    const settings = new Map<string, SettingValue>(asked.settings)
    for (const [name, value] of tail.settings) settings.set(name, { raw: value })
    settings.set('log_comment', tag)
    const text = `${tail.text}${settingsClause(settings)}`
    const head = { queryId, format, contentType: rule.contentType, gzip: asked.gzipAnswer }
    const kill = (): void => void engine.kill(tag).catch(() => undefined)
    gone.addEventListener('abort', kill, { once: true })
    try {
      if (/^parquet$/i.test(format) && isSelect(tokens)) {
        await session.ask(`INSERT INTO FUNCTION file(${literal(answerFile)}, 'Parquet') ${text}`)
        // Without a row there is no file.
        if (existsSync(answerFile)) return head
      }
      if (rule.streams && isSelect(tokens)) await sendChunks(response, head, bytesOf(session.stream(text, format)), toEngineError)
      else sendWhole(response, head, await session.ask(text, format))
      return null
    } finally {
      gone.removeEventListener('abort', kill)
    }
  })
}

async function* bytesOf(chunks: AsyncIterable<{ bytes: Uint8Array }>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield chunk.bytes
}

/** A value from the URL becomes a literal; one from the text is already SQL. */
type SettingValue = string | { raw: string }

const settingsClause = (settings: ReadonlyMap<string, SettingValue>): string =>
  settings.size === 0
    ? ''
    : ` SETTINGS ${[...settings].map(([name, value]) => `${name} = ${typeof value === 'string' ? literal(value) : value.raw}`).join(', ')}`
