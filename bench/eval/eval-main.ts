/**
 * `npm run eval`: how right the shipped alarms are, measured; writes docs/reference/alarm-eval.md and the numbers beside it.
 *
 *   npm run eval                                            every part, the fleet at the size that a minute allows
 *   npm run eval -- --part fleet --devices 20000 --days 7   one part; the others stay as they were measured last
 *
 * Parts: fleet, detection, delivery, logs, series. The last two read SAMPLE_DATA_DIR (../shared/data).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { loadRuleSet } from '../../app/rules-file.ts'
import { versionOf } from '../../app/what-if.ts'
import { evalPage, type EvalNumbers, type Measured } from './eval-page.ts'
import { judgeDelivery } from './eval-delivery.ts'
import { judgeFleet } from './eval-fleet.ts'
import { judgeLogs } from './eval-logs.ts'
import { judgeSeries } from './eval-series.ts'

const parts = ['fleet', 'detection', 'delivery', 'logs', 'series'] as const
type Part = (typeof parts)[number]

const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true },
    devices: { type: 'string', default: '300' },
    days: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    interval: { type: 'string', default: '5m' },
  },
})
const wanted = values.part ?? [...parts]
const size = { devices: Number(values.devices), days: Number(values.days), seed: Number(values.seed), interval: values.interval }
if (!wanted.every((part): part is Part => (parts as readonly string[]).includes(part)) || !(size.devices >= 300 && size.days >= 1)) {
  console.error(`usage: npm run eval -- [--part ${parts.join('|')}] [--devices 300..] [--days 1..] [--seed N] [--interval 5m]`)
  process.exit(2)
}

const folder = new URL('../../docs/reference/', import.meta.url).pathname
const numbersFile = `${folder}alarm-eval.json`
const ruleSet = loadRuleSet('')
const version = versionOf(ruleSet)

const measured = <T>(command: string, work: () => T): Measured<T> => {
  const startedMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const value = work()
  const { user, system } = process.cpuUsage(cpuBefore)
  return {
    command,
    rules: version,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    seconds: Math.round((performance.now() - startedMs) / 1_000),
    cpuSeconds: Math.round((user + system) / 1e6),
    value,
  }
}

const numbers: EvalNumbers = existsSync(numbersFile) ? (JSON.parse(readFileSync(numbersFile, 'utf8')) as EvalNumbers) : {}
const say = (line: string): void => console.error(line)
const sized = `--devices ${size.devices} --days ${size.days} --seed ${size.seed} --interval ${size.interval}`
for (const part of wanted as Part[]) {
  say(`${part} ...`)
  if (part === 'fleet') numbers.fleet = measured(`npm run eval -- --part fleet ${sized}`, () => judgeFleet(size, ruleSet, say))
  if (part === 'detection')
    numbers.detection = measured(`npm run eval -- --part detection --seed ${size.seed}`, () =>
      judgeFleet({ devices: 300, days: 1, seed: size.seed, interval: '60s' }, ruleSet, say),
    )
  if (part === 'delivery') numbers.delivery = measured(`npm run eval -- --part delivery --seed ${size.seed}`, () => judgeDelivery(size.seed, ruleSet))
  if (part === 'logs') numbers.logs = measured('npm run eval -- --part logs', () => judgeLogs(ruleSet))
  if (part === 'series') numbers.series = measured('npm run eval -- --part series', judgeSeries)
  writeFileSync(numbersFile, `${JSON.stringify(numbers, null, 2)}\n`)
}
writeFileSync(`${folder}alarm-eval.md`, evalPage(numbers))
console.log(`written to docs/reference/alarm-eval.md`)
