/** What a request of ClickHouse's HTTP protocol asks: statement, credentials, parameters, settings, format. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { EngineError } from './engine-error.ts'

export type Asked = {
  /** From the URL; the body comes behind it (a statement) or is the data of an INSERT. */
  query: string
  queryId: string | null
  database: string | null
  /** `param_x` of the URL, raw. */
  parameters: ReadonlyMap<string, string>
  settings: ReadonlyMap<string, string>
  /** X-ClickHouse-Format, else default_format. */
  format: string | null
  gzipAnswer: boolean
}

/** Words of the transport, not settings of the engine. */
const transportNames = new Set(
  'query query_id database user password default_format enable_http_compression compress decompress wait_end_of_query session_id session_timeout session_check buffer_size send_progress_in_http_headers http_headers_progress_interval_ms client_protocol_version role quota_key stacktrace close_session cancel_http_readonly_queries_on_client_close http_zlib_compression_level date_time_input_format date_time_output_format'.split(
    ' ',
  ),
)

export const readAsked = (request: IncomingMessage): Asked => {
  const url = urlOf(request)
  const parameters = new Map<string, string>()
  const settings = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (name.startsWith('param_')) parameters.set(checkedName(name.slice('param_'.length)), value)
    else if (!transportNames.has(name)) settings.set(checkedName(name), value)
  }
  if (url.searchParams.get('compress') === '1')
    throw new EngineError(48, 'NOT_IMPLEMENTED', 'compress=1 (LZ4 frames) is not offered here; use enable_http_compression=1')
  return {
    query: url.searchParams.get('query') ?? '',
    queryId: url.searchParams.get('query_id'),
    database: header(request, 'x-clickhouse-database') ?? url.searchParams.get('database'),
    parameters,
    settings,
    format: header(request, 'x-clickhouse-format') ?? url.searchParams.get('default_format'),
    gzipAnswer: url.searchParams.get('enable_http_compression') === '1' && /\bgzip\b/.test(header(request, 'accept-encoding') ?? ''),
  }
}

export const urlOf = (request: IncomingMessage): URL => new URL(request.url ?? '/', 'http://door')

const checkedName = (name: string): string => {
  if (!/^[A-Za-z_]\w{0,127}$/.test(name))
    throw new EngineError(115, 'UNKNOWN_SETTING', `Expected a name in the URL, got "${name.slice(0, 40)}"`)
  return name
}

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/**
 * The body as text, at most `bytesMax`; gzip is unpacked within the same limit. Beyond it the request is left as it is, not
 * destroyed, so that the answer can say why.
 */
export const readText = async (request: IncomingMessage, bytesMax: number): Promise<string> => {
  const encoding = header(request, 'content-encoding')
  if (encoding === null || encoding === 'identity') return collected(request, bytesMax)
  if (encoding !== 'gzip') throw new EngineError(48, 'NOT_IMPLEMENTED', `Expected Content-Encoding gzip or none, got ${encoding}`)
  const unpacked = createGunzip()
  request.once('error', (error) => unpacked.destroy(error))
  request.once('close', () => {
    if (!request.complete) unpacked.destroy(new Error('the request ended before its body'))
  })
  try {
    return await collected(request.pipe(unpacked), bytesMax)
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw new EngineError(354, 'ZLIB_INFLATE_FAILED', `Expected a body in gzip: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    request.unpipe(unpacked)
    unpacked.destroy()
  }
}

const collected = async (source: Readable, bytesMax: number): Promise<string> => {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > bytesMax) throw new EngineError(307, 'TOO_MANY_BYTES', `Expected a statement of at most ${bytesMax} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** Basic, X-ClickHouse-User and -Key, or user and password of the URL. */
export const checkCredentials = (request: IncomingMessage, expected: { user: string; secret: string }): void => {
  const given = credentialsOf(request)
  if (given === null) throw new EngineError(194, 'REQUIRED_PASSWORD', 'Authentication required: user and password were not given')
  // Both are compared, and as digests, so that the time taken tells nothing.
  const userFits = sameSecret(given.user, expected.user)
  const secretFits = sameSecret(given.secret, expected.secret)
  if (!userFits || !secretFits)
    throw new EngineError(
      516,
      'AUTHENTICATION_FAILED',
      `${given.user.slice(0, 64)}: Authentication failed: password is incorrect, or there is no user with such name`,
    )
}

const credentialsOf = (request: IncomingMessage): { user: string; secret: string } | null => {
  const basic = /^Basic (.+)$/i.exec(header(request, 'authorization') ?? '')
  if (basic?.[1] !== undefined) {
    const [user, ...secret] = Buffer.from(basic[1], 'base64').toString('utf8').split(':')
    return { user: user ?? '', secret: secret.join(':') }
  }
  const user = header(request, 'x-clickhouse-user')
  const key = header(request, 'x-clickhouse-key')
  if (user !== null || key !== null) return { user: user ?? 'default', secret: key ?? '' }
  const { searchParams } = urlOf(request)
  if (!searchParams.has('user') && !searchParams.has('password')) return null
  return { user: searchParams.get('user') ?? 'default', secret: searchParams.get('password') ?? '' }
}

const sameSecret = (given: string, expected: string): boolean =>
  timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest())

/**
 * A page in a browser must not reach the door, neither by its own origin nor by a name that it made point here (DNS
 * rebinding): Host is an address, localhost or a name of ours, and there is no Origin.
 */
export const checkHost = (request: IncomingMessage, hostNames: readonly string[]): void => {
  const host = (header(request, 'host') ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  if (isIP(host) === 0 && host !== 'localhost' && !hostNames.includes(host)) {
    throw new EngineError(497, 'ACCESS_DENIED', `Host "${host.slice(0, 100)}" is not a name of this server`)
  }
  const site = header(request, 'sec-fetch-site')
  if (header(request, 'origin') !== null || (site !== null && site !== 'none' && site !== 'same-origin')) {
    throw new EngineError(497, 'ACCESS_DENIED', 'Requests from web pages are not answered')
  }
}
