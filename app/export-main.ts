/** `npm run export -- DEVICE --from TIME --to TIME [--format ndjson] [--out FILE]`: its rows, one JSON object a line. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { openOutput } from '../adapters/system/output-file.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { parseMac } from '../ingest/domain/mac.ts'
import { loadConfig } from '../runtime/config.ts'
import { adminToken } from './admin-token.ts'
import { exportRows } from './export-rows.ts'

const usage = `usage: npm run --silent export -- DEVICE --from TIME --to TIME [--format ndjson] [--out FILE]
Times are RFC 3339, as 2026-03-01T00:00:00Z; rows from the first up to, not with, the second.`

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      format: { type: 'string', default: 'ndjson' },
      out: { type: 'string' },
    },
  })
  const [device] = positionals
  const fromMs = timeOf(values.from)
  const toMs = timeOf(values.to)
  if (device === undefined || positionals.length > 1 || fromMs === null || toMs === null || values.format !== 'ndjson') {
    console.error(usage)
    return 1
  }
  const config = loadConfig(readTextFile)
  const door = { url: `http://${config.WAREHOUSE_LISTEN}`, token: adminToken(config.ADMIN_TOKEN, config.DATA_DIR).token }
  await pipeline(Readable.from(exportRows(door, { subject: parseMac(device) ?? device, fromMs, toMs })), openOutput(values.out))
  return 0
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
