/**
 * `npm run eval`: are the alarms right? A simulated fleet with planted faults, kernel logs, labelled series, and worse ways of
 * delivery, all through the stages' own runs in this process, without a warehouse. Prints the report; docs/reference/alarm-eval.md.
 *
 *   npm run eval -- [--devices 300..] [--days 1..] [--seed N] [--interval 15m] | [--scenario FILE]
 *                   [--logs DIR] [--series DIR] [--only fleet,logs,series,delivery] [--write] [--json]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Plan } from '../../agent/world/plan-types.ts'
import { loadRuleSet } from '../../app/rules-file.ts'
import { judgeDelivery } from './eval-delivery.ts'
import { judgeFleet } from './eval-fleet.ts'
import { judgeLogs, sampleFolder } from './eval-logs.ts'
import { type EvalReport, isAsAimed, reportText } from './eval-report.ts'
import { evalPlan, planOf } from './eval-scenario.ts'
import { judgeSeries } from './eval-series.ts'

/** The planted faults need so many devices. */
const devicesLeast = 300
const parts = ['fleet', 'logs', 'series', 'delivery'] as const
const usage = `usage: npm run eval -- [--devices ${devicesLeast}..] [--days 1..] [--seed N] [--interval 15m] | [--scenario FILE]
  [--logs DIR] [--series DIR] [--only ${parts.join(',')}] [--write] [--json]`

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '20000' },
    days: { type: 'string', default: '7' },
    seed: { type: 'string', default: '1' },
    interval: { type: 'string', default: '15m' },
    scenario: { type: 'string' },
    logs: { type: 'string' },
    series: { type: 'string' },
    only: { type: 'string', default: parts.join(',') },
    write: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const size = { devices: Number(values.devices), days: Number(values.days), seed: Number(values.seed), interval: values.interval }
const wanted = new Set(values.only.split(','))
const isKnown = [...wanted].every((name) => parts.some((part) => part === name))
if (!isKnown || !(size.devices >= devicesLeast && size.days >= 1 && Number.isInteger(size.seed))) {
  console.error(usage)
  process.exit(2)
}

const ruleSet = loadRuleSet('')
const planned = (): Plan => (values.scenario === undefined ? evalPlan(size) : planOf(readFileSync(values.scenario, 'utf8'), size.seed))
/** Small: the way of delivery is judged, not the number of devices; windows of a quarter of an hour hold three readings. */
const deliveryPlan = (): Plan => evalPlan({ devices: devicesLeast, days: 1, seed: size.seed, interval: '5m' })

const report: EvalReport = {
  command: ['npm run eval --', ...process.argv.slice(2)].join(' '),
  scenario: values.scenario ?? null,
  fleet: wanted.has('fleet') ? judgeFleet(planned(), ruleSet, (line) => console.error(line)) : null,
  logs: wanted.has('logs') ? judgeLogs(ruleSet, values.logs ?? join(sampleFolder(), 'kernel-logs')) : null,
  series: wanted.has('series') ? judgeSeries(values.series ?? join(sampleFolder(), 'nab')) : null,
  delivery: wanted.has('delivery') ? judgeDelivery(deliveryPlan(), ruleSet) : null,
}
console.log(values.json ? JSON.stringify(report, null, 2) : reportText(report))
if (values.write) writeFileSync(new URL('../../docs/reference/alarm-eval.md', import.meta.url), reportText(report))
process.exitCode = isAsAimed(report) ? 0 : 1
