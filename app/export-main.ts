/**
 * `npm run export -- DEVICE --from TIME --to TIME`: its rows, one JSON object a line; with `--format parquet` a file for each
 * table, which the running recorder makes.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { makeFolder, openOutput } from '../adapters/system/output-file.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { parseMac } from '../ingest/domain/mac.ts'
import { type Config, loadConfig } from '../runtime/config.ts'
import { adminToken } from './admin-token.ts'
import { type ExportedTable, exportedTables, exportRows } from './export-rows.ts'

const usage = `usage: npm run --silent export -- DEVICE --from TIME --to TIME [--table TABLE] [--out FILE]
       npm run --silent export -- DEVICE --from TIME --to TIME [--table TABLE] --format parquet --out FOLDER
Times are RFC 3339, as 2026-03-01T00:00:00Z; rows from the first up to, not with, the second.
Tables: ${exportedTables.join(', ')}; default all.`

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      table: { type: 'string' },
      format: { type: 'string', default: 'ndjson' },
      out: { type: 'string' },
    },
  })
  const [device] = positionals
  const fromMs = timeOf(values.from)
  const toMs = timeOf(values.to)
  const table = exportedTables.find((name) => name === values.table) ?? null
  const asked = values.table === undefined || table !== null
  if (
    device === undefined ||
    positionals.length > 1 ||
    fromMs === null ||
    toMs === null ||
    !asked ||
    !['ndjson', 'parquet'].includes(values.format)
  ) {
    console.error(usage)
    return 1
  }
  const config = loadConfig(readTextFile)
  const { token } = adminToken(config)
  const query = { subject: parseMac(device) ?? device, fromMs, toMs }
  if (values.format === 'parquet') {
    if (values.out === undefined) throw new Error('Expected --out FOLDER: a Parquet file holds one table')
    for (const one of table === null ? exportedTables : [table]) await saveParquet(config, token, query, one, values.out)
    return 0
  }
  await pipeline(Readable.from(exportRows({ url: `http://${config.WAREHOUSE_LISTEN}`, token }, query, table)), openOutput(values.out))
  return 0
}

type Query = { subject: string; fromMs: number; toMs: number }

const saveParquet = async (
  config: Config,
  token: string,
  { subject, fromMs, toMs }: Query,
  table: ExportedTable,
  folder: string,
): Promise<void> => {
  const asked = new URLSearchParams({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), format: 'parquet', table })
  const answer = await fetch(`http://${config.HTTP_LISTEN}/api/v1/devices/${encodeURIComponent(subject)}/export?${asked.toString()}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  if (!answer.ok || answer.body === null) throw new Error(`The recorder answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`)
  await makeFolder(folder)
  const file = openOutput(join(folder, `${table}.parquet`))
  await once(file, 'open')
  await pipeline(answer.body, file)
}

/** Null unless it is RFC 3339 with a zone. */
const timeOf = (text: string | undefined): number | null => {
  if (text === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
    console.error(`The export failed: ${error instanceof Error ? error.message : String(error)}${cause}`)
    process.exitCode = 1
  },
)
