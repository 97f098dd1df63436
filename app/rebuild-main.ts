/**
 * `npm run rebuild -- --verify [--sample N] [--seed S] [--workers N] [--warehouse http://...]`: runs the past anew and names what the
 * tables say otherwise. Exits 1 when there is a difference, 2 when it could not be done.
 * `npm run rebuild -- --from <time> --tables counters,...`: makes tables anew from that arrival on and exchanges them.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { differenceLine } from '../processors/domain/row-differences.ts'
import { applicableTables, applyRebuild } from './rebuild-apply.ts'
import { workersMax } from './rebuild-past.ts'
import { type VerifyReport, verifyRebuild } from './rebuild-verify.ts'
import { loadEmbeddedLogConfig } from './embedded-log-only.ts'

const usage = `usage: npm run rebuild -- --verify [--sample N] [--seed S] [--workers N] [--warehouse http://127.0.0.1:8123]
       npm run rebuild -- --from 2026-01-05T08:40:00Z --tables ${applicableTables.join(',')} [--workers N]`
const seedsEnd = 2 ** 31

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      verify: { type: 'boolean', default: false },
      sample: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      warehouse: { type: 'string' },
      from: { type: 'string' },
      tables: { type: 'string' },
    },
  })
  const workers = values.workers === undefined ? undefined : wholeNumber(values.workers)
  if (workers !== undefined && !(workers >= 1 && workers <= workersMax)) return wrongUse()
  const threads = workers === undefined ? {} : { workers }
  if (!values.verify && values.from !== undefined && values.tables !== undefined)
    return apply(values.from, values.tables.split(','), threads)
  const count = values.sample === undefined ? null : wholeNumber(values.sample)
  const seed = values.seed === undefined ? randomInt(seedsEnd) : wholeNumber(values.seed)
  if (!values.verify || count === 0 || Number.isNaN(count) || Number.isNaN(seed)) return wrongUse()
  const report = await verifyRebuild({
    config: loadEmbeddedLogConfig('npm run rebuild'),
    ...(values.warehouse === undefined ? {} : { publicUrl: values.warehouse }),
    sample: count === null ? null : { count, seed },
    ...threads,
    say: (line) => console.log(line),
  })
  return show(report)
}

const wrongUse = (): number => {
  console.error(usage)
  return 2
}

const apply = async (from: string, names: readonly string[], threads: { workers?: number }): Promise<number> => {
  const fromMs = Date.parse(from)
  const tables = applicableTables.filter((table) => names.includes(table))
  if (Number.isNaN(fromMs) || tables.length !== names.length) return wrongUse()
  const { replaced } = await applyRebuild({
    config: loadEmbeddedLogConfig('npm run rebuild'),
    fromMs,
    tables,
    ...threads,
    say: (line) => console.log(line),
  })
  for (const { table, rowsBefore, rowsNow } of replaced) console.log(`${table}: exchanged, ${rowsBefore} rows before, ${rowsNow} now`)
  return 0
}

const wholeNumber = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN)

const show = ({ tables, differences, differencesAreCut, figures, sources, skipped, erased }: VerifyReport): number => {
  for (const difference of differences) console.log(differenceLine(difference))
  if (differencesAreCut) console.log('... and more: the first of each table are shown')
  const total = tables.reduce((sum, table) => sum + table.differences, 0)
  const { records, rows, seconds, workers, cpuSeconds, fillSeconds, compareSeconds, readMs, runMs, encodeMs, waitMs } = figures
  const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  const perSecond = (over: number): number => Math.round(records / Math.max(over, 0.001))
  console.log(
    `${records} events (${sources.fromLog} read from the log, ${sources.fromMessages} from messages) gave ${rows} rows in ${seconds.toFixed(1)} s by ${workers} workers, ` +
      `${perSecond(seconds)} events/s; of all workers: reading ${inSeconds(readMs)}, the stage's run ${inSeconds(runMs)}, encoding ${inSeconds(encodeMs)}, ` +
      `waiting for the engine ${inSeconds(waitMs)}; ${cpuSeconds.toFixed(1)} processor seconds, ${perSecond(cpuSeconds)} events each; ` +
      `added up in ${fillSeconds.toFixed(1)} s, compared in ${compareSeconds.toFixed(1)} s: ${perSecond(seconds + fillSeconds + compareSeconds)} events/s in all`,
  )
  const aside = [
    ...(skipped.length === 0 ? [] : [`${skipped.length} subjects without a key left out`]),
    ...(erased.length === 0 ? [] : [`${erased.length} erased ones left out up to their mark`]),
  ]
  console.log(`${total === 0 ? 'No difference' : `${total} differences`}${aside.map((part) => `, ${part}`).join('')}.`)
  return total === 0 ? 0 : 1
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`The rebuild could not be done: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 2
  },
)
