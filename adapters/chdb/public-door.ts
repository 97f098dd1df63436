/**
 * The readers' door: Grafana, SQL tools, scripts. Read only, behind credentials, the Host check, the gate and caps; the
 * engine runs only what the gate passed, with `readonly = 1` and our caps behind it.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Admission } from './admission.ts'
import { type Engine, type EngineSession, literal } from './engine.ts'
import { EngineError, toEngineError } from './engine-error.ts'
import { formatRule } from './formats.ts'
import { bytesMax, caps, checkSetting, rowsMax } from './gate-settings.ts'
import { sendChunks, sendWhole } from './http-answer.ts'
import { type Asked, checkCredentials, checkHost, readAsked, readText } from './http-request.ts'
import { isSelect, tokenize } from './sql-tokens.ts'
import { type Passed, passGate, textBytesMax } from './sql-gate.ts'

export type PublicDoorOptions = {
  engine: Engine
  admission: Admission
  database: string
  hostNames: readonly string[]
  hiddenTables?: ReadonlySet<string>
  credentials: { user: string; secret: string }
  queryMemoryBytesMax: number
  /** One line per request, also for refused ones. */
  onAsked: (line: { user: string; status: number; ms: number; sql: string; remote: string }) => void
}

export const createPublicDoor =
  (options: PublicDoorOptions) =>
  async (request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> => {
    const startedAt = performance.now()
    let sql = ''
    response.once('close', () => {
      const ms = Math.round(performance.now() - startedAt)
      options.onAsked({
        user: options.credentials.user,
        status: response.statusCode,
        ms,
        sql: sql.slice(0, 1000),
        remote: request.socket.remoteAddress ?? '',
      })
    })
    checkHost(request, options.hostNames)
    checkCredentials(request, options.credentials)
    const asked = readAsked(request)
    if (asked.database !== null && asked.database !== options.database && asked.database !== 'default') {
      throw new EngineError(81, 'UNKNOWN_DATABASE', `Database ${asked.database.slice(0, 64)} does not exist`)
    }
    for (const [name, value] of asked.settings) checkSetting(name, value)
    sql = [asked.query, request.method === 'POST' ? await readText(request, textBytesMax) : ''].filter((part) => part !== '').join('\n')
    if (sql.trim() === '') throw new EngineError(62, 'SYNTAX_ERROR', 'Empty query')
    await options.admission.run(() => options.engine.withSession((session) => runGated(options, session, response, sql, asked, gone)), gone)
  }

const runGated = async (
  options: PublicDoorOptions,
  session: EngineSession,
  response: ServerResponse,
  text: string,
  asked: Asked,
  gone: AbortSignal,
): Promise<void> => {
  await session.setParameters(asked.parameters)
  const passed = await passGate(session, text, asked.parameters, options)
  const format = passed.format ?? asked.format ?? 'TabSeparated'
  const rule = formatRule(format)
  if (!rule) throw new EngineError(497, 'ACCESS_DENIED', `Format ${format.slice(0, 40)} is not offered here`)
  const tag = randomUUID()
  const suffix = ` SETTINGS ${settingsText(options, asked, passed, tag)}`
  const sql = `${passed.sql}${suffix}`
  const head = { queryId: asked.queryId ?? tag, format, contentType: rule.contentType, gzip: asked.gzipAnswer }
  const kill = (): void => void options.engine.kill(tag).catch(() => undefined)
  gone.addEventListener('abort', kill, { once: true })
  try {
    if (gone.aborted) return
    if (rule.streams && isSelect(tokenize(passed.sql)))
      await sendChunks(response, head, limited(session.stream(sql, format)), (error) => withoutOurs(error, suffix))
    else sendWhole(response, head, await session.ask(sql, format))
  } catch (error) {
    throw withoutOurs(error, suffix)
  } finally {
    gone.removeEventListener('abort', kill)
  }
}

/** Ours first, then what the reader chose within its ranges; `readonly` last, so that nothing follows it. */
const settingsText = (options: PublicDoorOptions, asked: Asked, passed: Passed, tag: string): string => {
  const settings = new Map([...caps(options.queryMemoryBytesMax), ...asked.settings, ...passed.settings])
  const pairs = [...settings].map(([name, value]) => `${name} = ${/^\d+$/.test(value) ? value : literal(value)}`)
  if (passed.tableFilters !== null) pairs.push(`additional_table_filters = ${passed.tableFilters}`)
  return [...pairs, `log_comment = ${literal(tag)}`, 'readonly = 1'].join(', ')
}

/** The engine does not enforce max_result_rows on UNION ALL and EXCEPT. */
async function* limited(chunks: AsyncIterable<{ bytes: Uint8Array; rows: number }>): AsyncGenerator<Uint8Array> {
  let rows = 0
  let bytes = 0
  for await (const chunk of chunks) {
    rows += chunk.rows
    bytes += chunk.bytes.length
    if (rows > rowsMax || bytes > bytesMax)
      throw new EngineError(396, 'TOO_MANY_ROWS_OR_BYTES', `Limit for result exceeded, max rows: ${rowsMax}, max bytes: ${bytesMax}`)
    yield chunk.bytes
  }
}

const withoutOurs = (error: unknown, suffix: string): EngineError => {
  const { code, codeName, message } = toEngineError(error)
  return new EngineError(code, codeName, message.replaceAll(suffix, ''))
}
