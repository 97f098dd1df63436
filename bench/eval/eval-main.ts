/**
 * `npm run eval`: a simulated fleet with planted faults through both stages in this process, without a warehouse, scored against
 * the scenario's truth. Prints the score as JSON.
 *
 *   npm run eval -- [--devices 300..] [--days 1..] [--seed N] [--interval 5m]
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { loadRuleSet } from '../../app/rules-file.ts'
import { judgeFleet } from './eval-fleet.ts'

/** The planted faults need so many devices. */
const devicesLeast = 300

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '300' },
    days: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    interval: { type: 'string', default: '5m' },
  },
})
const size = { devices: Number(values.devices), days: Number(values.days), seed: Number(values.seed), interval: values.interval }
if (!(size.devices >= devicesLeast && size.days >= 1)) {
  console.error(`usage: npm run eval -- [--devices ${devicesLeast}..] [--days 1..] [--seed N] [--interval 5m]`)
  process.exit(2)
}
const startedMs = performance.now()
const score = judgeFleet(size, loadRuleSet(''), (line) => console.error(line))
const seconds = Math.round((performance.now() - startedMs) / 1_000)
console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model ?? 'unknown', seconds, ...score }, null, 2))
