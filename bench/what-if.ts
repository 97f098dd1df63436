/**
 * How long a what-if takes over days of a fleet: a simulated fleet's messages go through the front door into a log, which is
 * then judged by the shipped rules, or by two sets of them.
 *
 *   node bench/what-if.ts [--devices 1000] [--days 30] [--interval 15m] [--edited] [--workers N] [--data DIR]
 *
 * With `--data` the filled folder is kept there and found again by the next run. Nothing but the log is made.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEventCodec } from '../adapters/avro/event-codec.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { loadRuleSet } from '../app/rules-file.ts'
import { runWhatIf, versionOf } from '../app/what-if.ts'
import { whatIfText } from '../app/what-if-report.ts'
import type { LogRecord } from '../model/ports.ts'
import { loadConfig } from '../runtime/config.ts'
import { planScenario } from '../agent/world/plan.ts'
import { parseScenario } from '../agent/world/scenario.ts'
import { createEvalEvents } from './eval/eval-events.ts'

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000' },
    days: { type: 'string', default: '30' },
    interval: { type: 'string', default: '15m' },
    workers: { type: 'string' },
    edited: { type: 'boolean', default: false },
    data: { type: 'string' },
  },
})
const devices = Number(values.devices)
const days = Number(values.days)
const dataDir = values.data ?? mkdtempSync(join(tmpdir(), 'bench-what-if-'))

const yaml = `
name: what-if
duration: ${days}d
from: "2026-01-05T00:00:00Z"
network: { masts: 49 }
fleet:
  sites: 40
  groups:
    - { name: homes, count: ${Math.ceil(devices * 0.7)}, model: dwr/921-b1, night_off: 0.15 }
    - { name: branches, count: ${Math.floor(devices * 0.25)}, model: dwr/961-c1, class: business, activity: office, backup: 0.7 }
    - { name: pumps, count: ${Math.floor(devices * 0.05)}, model: edge/gw-40, class: critical, activity: machine, backup: 1 }
telemetry: { interval: ${values.interval}, every: { temperature: 2, storage: 4, cpu: 2, probe: 2, wan: 8, modem: 8 } }
`

const appendRecords = 5_000

const fill = async (): Promise<void> => {
  const parsed = parseScenario(yaml)
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  const planned = planScenario(parsed.value, 1, parsed.value.from ?? 0)
  if (!planned.ok) throw new Error(planned.problems.join('\n'))
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: systemClock, partitions: 1, diskFreeBytesMin: 0 })
  const codec = createEventCodec()
  let records: LogRecord[] = []
  for (const event of createEvalEvents(planned.value)) {
    records.push({ partition: 0, key: event.subject.id, value: Uint8Array.from(codec.encode(event)) })
    if (records.length < appendRecords) continue
    await log.append('device-events', records)
    records = []
  }
  await log.append('device-events', records)
  await log.close()
  await environment.close()
}

try {
  if (!existsSync(join(dataDir, 'log'))) {
    const startedMs = performance.now()
    await fill()
    console.log(`filled in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`)
  }
  const ruleSet = loadRuleSet('')
  const present = { name: 'shipped', version: versionOf(ruleSet), ruleSet }
  const cpuBefore = process.cpuUsage()
  const past = await runWhatIf({
    config: loadConfig(() => '', { DATA_DIR: dataDir, ADMIN_TOKEN: 'bench-token-0123456789' }),
    ruleSets: values.edited ? [present, { ...present, name: 'the same' }] : [present],
    fromMs: null,
    toMs: null,
    devices: null,
    models: null,
    workers: values.workers === undefined ? null : Number(values.workers),
    say: (line) => console.log(line),
  })
  const { user, system } = process.cpuUsage(cpuBefore)
  console.log(whatIfText(past))
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}: ${past.records} records in ${past.seconds.toFixed(1)} s by ${past.workers} workers, ` +
      `${Math.round(past.records / past.seconds)} a second, ${((user + system) / past.records).toFixed(1)} us of processor time each`,
  )
} finally {
  if (values.data === undefined) rmSync(dataDir, { recursive: true, force: true })
}
