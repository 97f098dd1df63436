/**
 * Rows of one device and range as NDJSON, or of one table as Parquet. Streamed: a page of an answer is as much as the public
 * door gives, memory holds a chunk of it; a Parquet file is made by the engine on its own disk first, since it ends with an
 * index over all of it. Identifiers stay masked; sealed bytes stay out. Used by `export-main.ts` and the API's `export`.
 */
import { AppError } from '../runtime/errors.ts'
import { type TableName, tables } from '../schemas/tables.ts'

export type ExportQuery = { subject: string; fromMs: number; toMs: number }
export type ExportDoor = {
  url: string
  /** Default `admin`, of the public door. */
  user?: string
  token: string
  /** Default `pageMax`. */
  page?: { rows: number; bytes: number }
}
export type ExportedTable = (typeof exported)[number]['table']

/** Below the door's caps (1 million rows, 500 MB, 30 s), with room for how JSON is longer than a column. */
export const pageMax = { rows: 200_000, bytes: 50_000_000 }

/** Of a Parquet file's rows while they are sorted; beyond, the engine sorts on its disk. */
const sortBytesMax = 200_000_000

/** Tables of a device and the time that the range is about. Rollups are made of `measurements`. */
const exported = [
  { table: 'messages', time: 'observed_at', bytes: 'frame' },
  { table: 'measurements', time: 'observed_at' },
  { table: 'counters', time: 'observed_at' },
  { table: 'radio', time: 'observed_at' },
  { table: 'log_lines', time: 'observed_at', bytes: 'message' },
  { table: 'facts', time: 'observed_at', bytes: 'value' },
  { table: 'presence', time: 'observed_at' },
  { table: 'boots', time: 'observed_at' },
  { table: 'clock_observations', time: 'observed_at' },
  { table: 'alarm_events', time: 'observed_at' },
  { table: 'alarm_episodes', time: 'raised_at' },
  { table: 'ledger', time: 'hour' },
  { table: 'dead_letters', time: 'received_at' },
] as const satisfies readonly { table: TableName; time: string; bytes?: string }[]
export const exportedTables: readonly ExportedTable[] = exported.map(({ table }) => table)
const sealed = new Set(['sealed', 'sealed_payload'])

/** Each chunk is whole lines: `{"table":"facts","tenant":...}`. Throws when the warehouse refuses or an answer is cut. */
export async function* exportRows(door: ExportDoor, query: ExportQuery, only: ExportedTable | null = null): AsyncGenerator<string> {
  for (const one of exported) {
    if (only !== null && one.table !== only) continue
    const { table, time } = one
    const bytes = 'bytes' in one ? one.bytes : undefined
    for await (const page of pages(door, table, time, bytes, query)) {
      const where = whereOf(time, page)
      const sql = `SELECT ${columnsOf(table)} FROM ${table} AS source WHERE ${where} ORDER BY ${orderOf(time)} FORMAT JSONEachRow`
      let rows = 0
      for await (const lines of linesOf(door, sql, query.subject)) {
        rows += lines.length
        yield lines.map((line) => `{"table":"${table}",${line.slice(1)}\n`).join('')
      }
      if (rows < page.rows) throw new Error(`The answer for ${table} ended early: ${rows} of ${page.rows} rows`)
    }
  }
}

const orderOf = (time: string): string => `source.${time}, source.log_id, source.partition, source.offset`

/** The rows of one table as the engine's Parquet: times are timestamps, all else as in NDJSON. Leaving it early cancels. */
export async function* exportParquet(door: ExportDoor, query: ExportQuery, only: ExportedTable): AsyncGenerator<Uint8Array> {
  const time = exported.find(({ table }) => table === only)?.time ?? 'received_at'
  const sql = `SELECT ${columnsOf(only, 'parquet')} FROM ${only} AS source WHERE ${whereOf(time, query)} ORDER BY ${orderOf(time)} SETTINGS max_bytes_before_external_sort = ${sortBytesMax} FORMAT Parquet`
  yield* (await ask(door, sql, query.subject)) as AsyncIterable<Uint8Array>
}

export const countRows = async (door: ExportDoor, query: ExportQuery, only: ExportedTable): Promise<number> => {
  const time = exported.find(({ table }) => table === only)?.time ?? 'received_at'
  const sql = `SELECT count() AS rows FROM ${only} AS source WHERE ${whereOf(time, query)} FORMAT JSONEachRow`
  for await (const [line] of linesOf(door, sql, query.subject)) if (line !== undefined) return (JSON.parse(line) as { rows: number }).rows
  return 0
}

type Page = { fromMs: number; toMs: number; rows: number }

/** Halves the range until each part fits; one millisecond is not cut further. */
async function* pages(door: ExportDoor, table: string, time: string, bytes: string | undefined, query: ExportQuery): AsyncGenerator<Page> {
  const { fromMs, toMs } = query
  if (fromMs >= toMs) return
  const max = door.page ?? pageMax
  const size = bytes === undefined ? 'count() * 200' : `sum(length(ifNull(${bytes}, ''))) + count() * 200`
  const sql = `SELECT count() AS rows, ${size} AS bytes FROM ${table} AS source WHERE ${whereOf(time, query)} FORMAT JSONEachRow`
  let found = { rows: 0, bytes: 0 }
  for await (const [line] of linesOf(door, sql, query.subject)) if (line !== undefined) found = JSON.parse(line) as typeof found
  if (found.rows === 0) return
  if ((found.rows <= max.rows && found.bytes <= max.bytes) || toMs - fromMs <= 1) {
    yield { fromMs, toMs, rows: found.rows }
    return
  }
  const middleMs = Math.floor((fromMs + toMs) / 2)
  yield* pages(door, table, time, bytes, { ...query, toMs: middleMs })
  yield* pages(door, table, time, bytes, { ...query, fromMs: middleMs })
}

const whereOf = (time: string, { fromMs, toMs }: { fromMs: number; toMs: number }): string =>
  `source.subject = {subject:String} AND source.${time} >= fromUnixTimestamp64Milli(${fromMs}, 'UTC') AND source.${time} < fromUnixTimestamp64Milli(${toMs}, 'UTC')`

/** Times are RFC 3339, a frame is bytes, and a fingerprint is larger than a number of JSON holds exactly. */
const columnsOf = (table: TableName, form: 'json' | 'parquet' = 'json'): string =>
  tables[table]
    .filter(([name]) => !sealed.has(name))
    .map(([name, type]) => {
      if (name === 'frame') return 'base64Encode(source.frame) AS frame_base64'
      if (name === 'fingerprint') return 'toString(source.fingerprint) AS fingerprint'
      if (form === 'parquet' && type.startsWith('Enum')) return `toString(source.${name}) AS ${name}`
      return type.includes('DateTime') && form === 'json'
        ? `concat(replaceOne(toString(source.${name}), ' ', 'T'), 'Z') AS ${name}`
        : `source.${name} AS ${name}`
    })
    .join(', ')

const ask = async (door: ExportDoor, sql: string, subject: string): Promise<ReadableStream<Uint8Array>> => {
  const url = `${door.url}/?${new URLSearchParams({ database: 'fleet', param_subject: subject }).toString()}`
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'X-ClickHouse-User': door.user ?? 'admin', 'X-ClickHouse-Key': door.token },
    body: sql,
  }).catch((cause: unknown) => {
    throw new AppError('WAREHOUSE_UNAVAILABLE', `Expected an answer at ${door.url}: ${String(cause)}`, { cause })
  })
  if (!answer.ok || answer.body === null) throw new Error(`The warehouse answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`)
  return answer.body
}

async function* linesOf(door: ExportDoor, sql: string, subject: string): AsyncGenerator<string[]> {
  const body = await ask(door, sql, subject)
  let rest = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (lines.length > 0) yield lines
  }
  if (rest !== '') throw new Error('The warehouse cut its answer in the middle of a line')
}
