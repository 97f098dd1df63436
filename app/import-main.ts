/**
 * `npm run import -- devices.csv|sites.csv|cells.csv [--dry-run] [--kind devices] [--url http://...]`: sends the file to the
 * running recorder and prints what became of each row. Exits 1 when anything was rejected (then nothing was changed).
 */
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { ImportReport } from '../ingest/import.ts'
import { loadConfig } from '../runtime/config.ts'
import { adminToken } from './admin-token.ts'

const kinds = ['devices', 'sites', 'cells'] as const
const usage =
  'usage: npm run import -- devices.csv|sites.csv|cells.csv [--dry-run] [--kind devices|sites|cells] [--url http://127.0.0.1:8080]'

const main = async (): Promise<number> => {
  if (process.argv.includes('--help')) {
    console.log(usage)
    return 0
  }
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false }, kind: { type: 'string' }, url: { type: 'string' } },
  })
  const [file] = positionals
  if (file === undefined || positionals.length > 1) return fail(usage)
  const kind = values.kind ?? kinds.find((word) => basename(file).startsWith(word))
  if (kind === undefined || !kinds.some((word) => word === kind))
    return fail(`${usage}\nThe file's name does not tell what it holds: expected --kind devices, sites or cells.`)

  const config = loadConfig(readTextFile)
  const { token } = adminToken(config)
  const url = new URL('/api/v1/import', values.url ?? `http://${config.HTTP_LISTEN}`)
  url.searchParams.set('kind', kind)
  url.searchParams.set('dryRun', String(values['dry-run']))
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv' },
    body: readTextFile(file),
  })
  if (answer.headers.get('content-type')?.includes('json') !== true)
    return fail(`${url.origin} answered ${answer.status} without JSON: the recorder is starting, or another program listens there`)
  const body = (await answer.json()) as ImportReport & { title?: string; detail?: string; report?: ImportReport }
  if (answer.status === 422 && Array.isArray((body.report ?? body).results)) return show(body.report ?? body)
  if (!answer.ok) return fail(`The recorder answered ${answer.status} ${body.title ?? ''}: ${body.detail ?? ''}`)
  return show(body)
}

const shownRowsMax = 50

const show = (report: ImportReport): number => {
  const { rows, created, changed, unchanged, rejected, applied, dryRun } = report
  const rejections = report.results.filter((result) => result.action === 'reject')
  for (const { row, id, reason } of rejections.slice(0, shownRowsMax)) console.log(`line ${row} ${id}: ${reason ?? ''}`)
  if (rejections.length > shownRowsMax) console.log(`... and ${rejections.length - shownRowsMax} more`)
  const outcome =
    rejected > 0
      ? 'Nothing was changed: mend the rows above and import again.'
      : applied
        ? 'Applied.'
        : dryRun
          ? 'Dry run: nothing was changed.'
          : 'Nothing to change.'
  console.log(`${rows} rows: ${created} new, ${changed} changed, ${unchanged} unchanged, ${rejected} rejected. ${outcome}`)
  return rejected > 0 ? 1 : 0
}

const fail = (message: string): number => {
  console.error(message)
  return 1
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
    process.exitCode = fail(`The import failed: ${error instanceof Error ? error.message : String(error)}${cause}`)
  },
)
