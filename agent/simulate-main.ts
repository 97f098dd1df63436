/** `npm run simulate`: a fleet that does not exist, over MQTT. The fleet is in `simulation/`, the publishing in `simulate.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArguments, runProgram, UsageError } from './arguments.ts'
import { connectFlags, readConnectOptions } from './connect-options.ts'
import { simulate } from './simulate.ts'
import { createFleet } from './simulation/fleet.ts'
import { inventoryOf } from './simulation/inventory.ts'

const intro = `Publishes a simulated fleet of routers: load, CPU, memory, temperature, traffic counters with wraps and reboots, LTE radio
with handovers, log lines, presence. The same seed and start give the same messages, byte for byte.`

const flags = {
  ...connectFlags,
  devices: { kind: 'integer', default: '50', help: 'Devices; MACs start with 02-f1' },
  rate: { kind: 'number', default: '50', help: 'Messages a second, all devices together' },
  seed: { kind: 'integer', default: '1', help: 'Seed of everything random' },
  seconds: { kind: 'number', help: 'Ends after this long; without: Ctrl-C' },
  start: { kind: 'text', help: 'Time of the first message, RFC 3339; default: now' },
  connections: { kind: 'integer', help: 'MQTT connections; default: one per device, up to 1,000. Wills need one per device' },
  'ack-file': { kind: 'text', help: 'Append "<mac> <bootId> <seq>" for each acknowledged message' },
  'inventory-dir': { kind: 'text', help: 'Write devices.csv, sites.csv and cells.csv there' },
  'drain-within': { kind: 'duration', default: '60s', help: 'At the end, wait so long for acknowledgements' },
} as const

const connectionsDefaultMax = 1000

await runProgram(intro, flags, async (argv) => {
  const given = parseArguments(flags, argv)
  if (given.devices < 1) throw new UsageError('--devices: expected at least 1')
  if (given.rate <= 0) throw new UsageError('--rate: expected more than 0')
  const startMs = given.start === undefined ? Date.now() : Date.parse(given.start)
  if (Number.isNaN(startMs)) throw new UsageError(`--start: expected a time like 2026-01-05T08:40:00Z, got "${given.start ?? ''}"`)
  const connections = Math.min(given.connections ?? connectionsDefaultMax, given.devices)
  if (connections < 1) throw new UsageError('--connections: expected at least 1')
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  const fleet = createFleet({ devices: given.devices, ratePerSecond: given.rate, seed: given.seed, startMs })
  if (given['inventory-dir'] !== undefined) {
    mkdirSync(given['inventory-dir'], { recursive: true })
    const files = inventoryOf(fleet, Math.max(1, Math.ceil(given.devices / given.rate)))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(given['inventory-dir'], name), text)
    say(`inventory in ${given['inventory-dir']}: ${Object.keys(files).join(', ')}`)
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  say(
    `${given.devices} devices, ${given.rate} messages/s, seed ${given.seed}, start ${new Date(startMs).toISOString()}, ${connections} connections to ${given.url}`,
  )

  const summary = await simulate({
    fleet,
    startMs,
    ratePerSecond: given.rate,
    messagesMax: given.seconds === undefined ? Infinity : Math.floor(given.seconds * given.rate),
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
