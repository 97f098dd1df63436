/** `npm run simulate`: a fleet that does not exist, over MQTT. The fleet is in `simulation/`, the publishing in `simulate.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArguments, runProgram, UsageError } from './arguments.ts'
import { connectFlags, readConnectOptions } from './connect-options.ts'
import { runScenario } from './simulate-scenario.ts'
import { simulate } from './simulate.ts'
import { createFleet } from './simulation/fleet.ts'
import { inventoryOf } from './simulation/inventory.ts'

const intro = `Publishes a simulated fleet of routers: load, CPU, memory, temperature, traffic counters with wraps and reboots, LTE radio
with handovers, log lines, presence. The same seed and start give the same messages, byte for byte.
With --scenario a fleet lives through a file of planted faults: docs/guides/simulate.md.`

const flags = {
  ...connectFlags,
  devices: { kind: 'integer', help: 'Devices; MACs start with 02-f1 (50)' },
  rate: { kind: 'number', help: 'Messages a second, all devices together (50)' },
  seed: { kind: 'integer', help: "Seed of everything random (1, or the scenario's)" },
  seconds: { kind: 'number', help: 'Ends after this long (with --scenario: simulated); without: Ctrl-C' },
  start: { kind: 'text', help: 'Time of the first message, RFC 3339; default: now' },
  connections: { kind: 'integer', help: 'MQTT connections; default: one per device, up to 1,000. Wills need one per device' },
  'ack-file': { kind: 'text', help: 'Append "<mac> <bootId> <seq>" for each acknowledged message' },
  'inventory-dir': { kind: 'text', help: 'Write devices.csv, sites.csv and cells.csv there' },
  scenario: { kind: 'text', help: 'File of a fleet and its faults, YAML; agent/scenarios/ has examples' },
  'truth-file': { kind: 'text', help: 'Write what was planted, on whom, from when to when, as JSON lines' },
  speed: { kind: 'text', help: 'Simulated time runs so many times faster, or max (1)' },
  from: {
    kind: 'text',
    help: 'Start of the simulated time, RFC 3339; default: as the file says, else so that the run ends now, or starts now at speed 1',
  },
  out: { kind: 'text', help: 'Write the messages to this file as JSON lines instead of publishing' },
  'drain-within': { kind: 'duration', default: '60s', help: 'At the end, wait so long for acknowledgements' },
} as const

const connectionsDefaultMax = 1000

const timeOf = (flag: string, text: string): number => {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new UsageError(`--${flag}: expected a time like 2026-01-05T08:40:00Z, got "${text}"`)
  return ms
}

const speedOf = (text: string): number => {
  if (text === 'max') return Infinity
  const speed = Number(text)
  if (text.trim() === '' || !Number.isFinite(speed) || speed <= 0)
    throw new UsageError(`--speed: expected a number above 0 or max, got "${text}"`)
  return speed
}

await runProgram(intro, flags, async (argv) => {
  const given = parseArguments(flags, argv)
  const stop = new AbortController()
  process.on('SIGINT', () => stop.abort())
  process.on('SIGTERM', () => stop.abort())
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  if (given.scenario !== undefined) {
    for (const name of ['devices', 'rate', 'start'] as const)
      if (given[name] !== undefined) throw new UsageError(`--${name}: the scenario says it${name === 'start' ? ', or --from' : ''}`)
    return runScenario({
      file: given.scenario,
      seed: given.seed,
      fromMs: given.from === undefined ? undefined : timeOf('from', given.from),
      seconds: given.seconds,
      speed: speedOf(given.speed ?? '1'),
      connections: given.connections,
      truthFile: given['truth-file'],
      outFile: given.out,
      inventoryDir: given['inventory-dir'],
      signal: stop.signal,
      url: given.url,
      clientOptions: readConnectOptions(given),
      ackFile: given['ack-file'],
      drainWithinMs: given['drain-within'],
      say,
    })
  }
  for (const name of ['truth-file', 'speed', 'from', 'out'] as const)
    if (given[name] !== undefined) throw new UsageError(`--${name}: only with --scenario`)
  const { devices = 50, rate = 50, seed = 1 } = given
  if (devices < 1) throw new UsageError('--devices: expected at least 1')
  if (rate <= 0) throw new UsageError('--rate: expected more than 0')
  const startMs = given.start === undefined ? Date.now() : timeOf('start', given.start)
  const connections = Math.min(given.connections ?? connectionsDefaultMax, devices)
  if (connections < 1) throw new UsageError('--connections: expected at least 1')
  const fleet = createFleet({ devices, ratePerSecond: rate, seed, startMs })
  if (given['inventory-dir'] !== undefined) {
    mkdirSync(given['inventory-dir'], { recursive: true })
    const files = inventoryOf(fleet, Math.max(1, Math.ceil(devices / rate)))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(given['inventory-dir'], name), text)
    say(`inventory in ${given['inventory-dir']}: ${Object.keys(files).join(', ')}`)
  }
  say(
    `${devices} devices, ${rate} messages/s, seed ${seed}, start ${new Date(startMs).toISOString()}, ${connections} connections to ${given.url}`,
  )

  const summary = await simulate({
    fleet,
    startMs,
    ratePerSecond: rate,
    messagesMax: given.seconds === undefined ? Infinity : Math.floor(given.seconds * rate),
    signal: stop.signal,
    url: given.url,
    clientOptions: readConnectOptions(given),
    connections,
    ackFile: given['ack-file'],
    drainWithinMs: given['drain-within'],
    say,
  })
  say(
    `${summary.generated} messages made, ${summary.sent} sent (${summary.sent - summary.generated} again), ${summary.acknowledged} acknowledged, ` +
      `${summary.reboots} reboots, ${summary.lostConnections} connections lost, ${summary.seconds.toFixed(1)} s`,
  )
  if (summary.unacknowledged > 0) say(`${summary.unacknowledged} messages were not acknowledged`)
  return summary.unacknowledged > 0 ? 1 : 0
})
