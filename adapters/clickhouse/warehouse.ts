/**
 * The warehouse (port `Warehouse`) over ClickHouse's HTTP protocol, embedded or real. Before: the device stage.
 * After: `query-api/queries/*.ts` reads the same tables.
 *
 * An insert is one request: rows as one Native block, a token that makes a repetition add nothing, neither to the table
 * nor to the views behind it. The client does not retry; whoever calls does, with the same rows and token.
 */
import { Readable } from 'node:stream'
import { ClickHouseError, type ClickHouseSettings, createClient } from '@clickhouse/client'
import type { Warehouse } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { type TableName, tables } from '../../schemas/tables.ts'
import { compileRowDecoder } from './answer-rows.ts'
import { type BlockEncoder, compileEncoder } from './native-block.ts'
import { ByteBuffer } from './byte-buffer.ts'

export type WarehouseTls = { ca: string | null; cert: string | null; key: string | null }

export type WarehouseOptions = {
  url: string
  username: string
  password: string
  database: string
  /** PEM texts, for `https://`; without a CA the well-known ones. */
  tls?: WarehouseTls | null
  /** Inserts go to tables of the same columns with this behind their name; for `app/rebuild-apply.ts`. */
  tableSuffix?: string
}

/** More would only wait in the engine; the same as the embedded door runs at once. */
const connectionsMax = 8
const requestTimeoutMs = 60_000
const pingTimeoutMs = 2000

/**
 * Never changed between a try and its repetition: the engine cuts a body into blocks by these, and the token names blocks.
 * A batch of 1 Mi rows or 1 GiB is one block.
 */
const insertSettings: ClickHouseSettings = {
  async_insert: 0,
  wait_end_of_query: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  // Rollups are partitioned by the data's own year; an upload of old data may span many.
  throw_on_max_partitions_per_insert_block: 0,
  max_insert_block_size: '1048576',
  min_insert_block_size_rows: '1048576',
  min_insert_block_size_bytes: '1073741824',
  max_insert_threads: '1',
  input_format_parallel_parsing: 0,
}

const openClient = ({ url, username, password, database, tls = null }: WarehouseOptions) =>
  createClient({
    url,
    username,
    password,
    database,
    application: 'fleet-recorder',
    max_open_connections: connectionsMax,
    request_timeout: requestTimeoutMs,
    compression: { request: false, response: false },
    log: { LoggerClass: SilentLogger },
    keep_alive: { idle_socket_ttl: 10_000 },
    ...clientTls(tls),
  })

/** Blocks that are encoded already: one request each. For `row-gatherer.ts`. */
export const openInserter = (options: WarehouseOptions) => {
  const client = openClient(options)
  return { insert: blockInsert(client, options.tableSuffix ?? ''), close: () => client.close() }
}

/** `block` must stay as it is until the promise has settled. */
const blockInsert = (client: ReturnType<typeof openClient>, tableSuffix: string) => {
  return (table: TableName, rows: number, block: Buffer, dedupToken: string): Promise<void> =>
    attempt(`inserting ${rows} rows into ${table}`, async () => {
      const names = tables[table].map(([name]) => name).join(', ')
      const { stream } = await client.exec({
        query: `INSERT INTO ${table}${tableSuffix} (${names}) FORMAT Native`,
        values: Readable.from([block], { objectMode: false }),
        clickhouse_settings: { ...insertSettings, insert_deduplication_token: dedupToken },
      })
      for await (const _rest of stream);
    })
}

export const openWarehouse = (options: WarehouseOptions): Warehouse => {
  const client = openClient(options)
  const insertBlock = blockInsert(client, options.tableSuffix ?? '')
  const encoders = new Map<string, BlockEncoder>()
  const buffers: ByteBuffer[] = []

  return {
    insert: async (table, rows, { dedupToken }) => {
      if (rows.length === 0) return
      const encode = encoderOf(encoders, table)
      const buffer = buffers.pop() ?? new ByteBuffer()
      try {
        encode(rows, buffer)
        await insertBlock(table as TableName, rows.length, buffer.bytes(), dedupToken)
      } finally {
        buffer.reset()
        if (buffers.length < connectionsMax) buffers.push(buffer)
      }
    },
    query: <T>(sql: string, params: Record<string, unknown> = {}) =>
      attempt('query', async () => {
        const answer = await client.query({
          query: sql,
          query_params: params,
          format: 'JSONCompactEachRowWithNamesAndTypes',
          clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
        })
        return decodeAnswer<T>(await answer.text())
      }),
    command: async (sql) => {
      await attempt('command', () => client.command({ query: sql }))
    },
    ping: async () => {
      const abort = AbortSignal.timeout(pingTimeoutMs)
      try {
        const answer = await client.query({ query: 'SELECT 1', format: 'JSONCompactEachRow', abort_signal: abort })
        return (await answer.text()).startsWith('[1]')
      } catch {
        return false
      }
    },
    close: () => client.close(),
  }
}

const clientTls = (tls: WarehouseTls | null): { tls?: { ca_cert: Buffer; cert?: Buffer; key?: Buffer } } => {
  if (tls?.ca === null || tls === null) return {}
  const ca_cert = Buffer.from(tls.ca)
  return { tls: tls.cert === null || tls.key === null ? { ca_cert } : { ca_cert, cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) } }
}

const encoderOf = (encoders: Map<string, BlockEncoder>, table: string): BlockEncoder => {
  const known = encoders.get(table)
  if (known) return known
  if (!Object.hasOwn(tables, table)) throw new AppError('WAREHOUSE_REFUSED', `Expected a table of schemas/tables.ts, got "${table}"`)
  const encoder = compileEncoder(tables[table as TableName])
  encoders.set(table, encoder)
  return encoder
}

/** 64-bit integers become numbers where a number holds them exactly, else they stay decimal text; see `answer-rows.ts`. */
const decodeAnswer = <T>(text: string): T[] => {
  const lines = text.split('\n')
  const [names, types] = [JSON.parse(lines[0] ?? '[]') as string[], JSON.parse(lines[1] ?? '[]') as string[]]
  const decode = compileRowDecoder(names, types)
  const rows: T[] = []
  for (let index = 2; index < lines.length; index++) {
    const line = lines[index]
    if (line !== undefined && line !== '') rows.push(decode(JSON.parse(line) as unknown[]) as T)
  }
  return rows
}

/** Codes that say "not now" and not "not this": the same call may succeed later. */
const passingCodes = new Set(
  [
    159, // TIMEOUT_EXCEEDED
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    203, // NO_FREE_CONNECTION
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    236, // ABORTED
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY
    243, // NOT_ENOUGH_SPACE
    252, // TOO_MANY_PARTS
    285, // TOO_FEW_LIVE_REPLICAS
    319, // UNKNOWN_STATUS_OF_INSERT
    394, // QUERY_WAS_CANCELLED
    425, // SYSTEM_ERROR
    999, // KEEPER_EXCEPTION
    1002, // UNKNOWN_EXCEPTION
  ].map(String),
)

const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    const refused = cause instanceof ClickHouseError && !passingCodes.has(cause.code)
    throw new AppError(refused ? 'WAREHOUSE_REFUSED' : 'WAREHOUSE_UNAVAILABLE', `${what}: ${message.trim()}`, { cause })
  }
}

/** The client's own lines would double ours: every failure reaches the caller. */
class SilentLogger {
  trace(): void {}
  debug(): void {}
  info(): void {}
  warn(): void {}
  error(): void {}
}
