/**
 * Rows of one device and range as NDJSON, through the warehouse's public, read-only door, as any reader could. Streamed: a
 * page of an answer is as much as the door gives, memory holds a chunk of it. Identifiers stay masked; sealed bytes stay out.
 */
import { type TableName, tables } from '../schemas/tables.ts'

export type ExportQuery = { subject: string; fromMs: number; toMs: number }
export type ExportDoor = { url: string; token: string /** Default `pageMax`. */; page?: { rows: number; bytes: number } }

/** Below the door's caps (1 million rows, 500 MB, 30 s), with room for how JSON is longer than a column. */
export const pageMax = { rows: 200_000, bytes: 50_000_000 }

/** Tables of a device and the time that the range is about. Rollups are made of `measurements`. */
const exported: readonly { table: TableName; time: string; bytes?: string }[] = [
  { table: 'messages', time: 'observed_at', bytes: 'frame' },
  { table: 'measurements', time: 'observed_at' },
  { table: 'counters', time: 'observed_at' },
  { table: 'radio', time: 'observed_at' },
  { table: 'log_lines', time: 'observed_at', bytes: 'message' },
  { table: 'facts', time: 'observed_at', bytes: 'value' },
  { table: 'presence', time: 'observed_at' },
  { table: 'boots', time: 'observed_at' },
  { table: 'clock_observations', time: 'observed_at' },
  { table: 'ledger', time: 'hour' },
  { table: 'dead_letters', time: 'received_at' },
]
const sealed = new Set(['sealed', 'sealed_payload'])

/** Each chunk is whole lines: `{"table":"facts","tenant":...}`. Throws when the warehouse refuses or an answer is cut. */
export async function* exportRows(door: ExportDoor, query: ExportQuery): AsyncGenerator<string> {
  for (const { table, time, bytes } of exported) {
    for await (const page of pages(door, table, time, bytes, query)) {
      const where = whereOf(time, page)
      const sql = `SELECT ${columnsOf(table)} FROM ${table} AS source WHERE ${where} ORDER BY source.${time}, source.log_id, source.partition, source.offset FORMAT JSONEachRow`
      let rows = 0
      for await (const lines of linesOf(door, sql, query.subject)) {
        rows += lines.length
        yield lines.map((line) => `{"table":"${table}",${line.slice(1)}\n`).join('')
      }
      if (rows < page.rows) throw new Error(`The answer for ${table} ended early: ${rows} of ${page.rows} rows`)
    }
  }
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
const columnsOf = (table: TableName): string =>
  tables[table]
    .filter(([name]) => !sealed.has(name))
    .map(([name, type]) => {
      if (name === 'frame') return 'base64Encode(source.frame) AS frame_base64'
      if (name === 'fingerprint') return 'toString(source.fingerprint) AS fingerprint'
      return type.includes('DateTime')
        ? `concat(replaceOne(toString(source.${name}), ' ', 'T'), 'Z') AS ${name}`
        : `source.${name} AS ${name}`
    })
    .join(', ')

async function* linesOf(door: ExportDoor, sql: string, subject: string): AsyncGenerator<string[]> {
  const url = `${door.url}/?${new URLSearchParams({ database: 'fleet', param_subject: subject }).toString()}`
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'X-ClickHouse-User': 'admin', 'X-ClickHouse-Key': door.token },
    body: sql,
  })
  if (!answer.ok || answer.body === null) throw new Error(`The warehouse answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`)
  let rest = ''
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (lines.length > 0) yield lines
  }
  if (rest !== '') throw new Error('The warehouse cut its answer in the middle of a line')
}
