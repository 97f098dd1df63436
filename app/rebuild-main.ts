/**
 * `npm run rebuild -- --verify [--sample N] [--seed S] [--warehouse http://...]`: runs the past anew and names what the
 * tables say otherwise. Exits 1 when there is a difference, 2 when it could not be done.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { readTextFile } from '../adapters/system/text-file.ts'
import { differenceLine } from '../processors/domain/row-differences.ts'
import { loadConfig } from '../runtime/config.ts'
import { type VerifyReport, verifyRebuild } from './rebuild-verify.ts'

const usage = 'usage: npm run rebuild -- --verify [--sample N] [--seed S] [--warehouse http://127.0.0.1:8123]'
const seedsEnd = 2 ** 31

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      verify: { type: 'boolean', default: false },
      sample: { type: 'string' },
      seed: { type: 'string' },
      warehouse: { type: 'string' },
    },
  })
  const count = values.sample === undefined ? null : wholeNumber(values.sample)
  const seed = values.seed === undefined ? randomInt(seedsEnd) : wholeNumber(values.seed)
  if (!values.verify || count === 0 || Number.isNaN(count) || Number.isNaN(seed)) {
    console.error(usage)
    return 2
  }
  const report = await verifyRebuild({
    config: loadConfig(readTextFile),
    ...(values.warehouse === undefined ? {} : { publicUrl: values.warehouse }),
    sample: count === null ? null : { count, seed },
    say: (line) => console.log(line),
  })
  return show(report)
}

const wholeNumber = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN)

const show = ({ tables, differences, differencesAreCut, figures, sources, skipped }: VerifyReport): number => {
  for (const difference of differences) console.log(differenceLine(difference))
  if (differencesAreCut) console.log('... and more: the first of each table are shown')
  const total = tables.reduce((sum, table) => sum + table.differences, 0)
  const { records, rows, seconds, cpuSeconds, compareSeconds, readMs, runMs, encodeMs, waitMs } = figures
  const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  console.log(
    `${records} events (${sources.fromLog} read from the log, ${sources.fromMessages} from messages) gave ${rows} rows in ${seconds.toFixed(1)} s: ` +
      `reading ${inSeconds(readMs)}, the stage's run ${inSeconds(runMs)}, encoding ${inSeconds(encodeMs)}, waiting for the engine ${inSeconds(waitMs)}; ` +
      `${cpuSeconds.toFixed(1)} s of one processor, ${Math.round(records / Math.max(cpuSeconds, 0.001))} events per processor second; ` +
      `compared in ${compareSeconds.toFixed(1)} s`,
  )
  const aside = skipped.length === 0 ? '' : `, ${skipped.length} subjects without a key left out`
  console.log(total === 0 ? `No difference${aside}.` : `${total} differences${aside}.`)
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
