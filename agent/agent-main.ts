/**
 * `npm run agent`: this Linux machine as a device of the fleet. Everything it does is in `agent.ts`; here are the flags.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { startAgent } from './agent.ts'
import { parseArguments, runProgram, UsageError } from './arguments.ts'
import { connectFlags, readConnectOptions } from './connect-options.ts'
import { bootIdOf, canonicalMac, deviceId } from './identity.ts'
import { openLogSources } from './log-sources.ts'

const intro = `Publishes this machine's own telemetry by MQTT: load, CPU, memory, filesystems, temperatures, interfaces, log lines,
boot and OS facts, presence. While the broker is away, messages are kept on disk and sent later with their times.`

const flags = {
  ...connectFlags,
  product: { kind: 'text', default: 'linux', help: 'First topic level' },
  model: { kind: 'text', default: process.arch, help: 'Second topic level' },
  mac: { kind: 'text', help: 'Device id; default: the first real interface, else one derived from the machine id' },
  interval: { kind: 'duration', help: 'Time between readings (10s; metered 60s)' },
  profile: { kind: 'text', default: 'standard', help: 'standard, or metered: changed values only, batched and deflated' },
  'batch-every': { kind: 'duration', default: '15m', help: 'metered: time between batches' },
  'state-dir': {
    kind: 'text',
    default: join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'fleet-recorder-agent'),
    help: 'Folder of what is kept',
  },
  'buffer-bytes-max': { kind: 'integer', default: '67108864', help: 'Above this the oldest kept messages are dropped' },
  'no-logs': { kind: 'switch', help: 'Leave out kernel and system log lines' },
} as const

const stopWithinMs = 5000
const intervalMsMin = 100

await runProgram(intro, flags, async (argv) => {
  const given = parseArguments(flags, argv)
  const profile = given.profile
  if (profile !== 'standard' && profile !== 'metered') throw new UsageError(`--profile: expected standard or metered, got "${profile}"`)
  for (const name of ['product', 'model'] as const) {
    if (!/^[a-z0-9][a-z0-9._-]*$/.test(given[name]))
      throw new UsageError(`--${name}: expected lower case letters, digits, dots and dashes, got "${given[name]}"`)
  }
  const intervalMs = given.interval ?? (profile === 'metered' ? 60_000 : 10_000)
  if (intervalMs < intervalMsMin) throw new UsageError(`--interval: expected at least ${intervalMsMin} ms`)
  const say = (line: string): void => {
    process.stdout.write(`${new Date().toISOString()} ${line}\n`)
  }
  const named = given.mac === undefined ? undefined : canonicalMac(given.mac)
  if (given.mac !== undefined && named === undefined) throw new UsageError(`--mac: expected a MAC address, got "${given.mac}"`)
  const id = named === undefined ? deviceId('/') : { mac: named, origin: '--mac' }
  const logSources = given['no-logs'] ? [] : await openLogSources(bootIdOf('/'))
  const deviceTopic = `${given.product}/${given.model}/${id.mac}`
  say(
    `device ${deviceTopic} (${id.origin}), every ${intervalMs / 1000} s, log lines from ${logSources.map(({ name }) => name).join(' and ') || 'nowhere'}`,
  )

  const agent = startAgent({
    deviceTopic,
    url: given.url,
    clientOptions: { ...readConnectOptions(given), clientId: `agent-${id.mac}`, keepalive: profile === 'metered' ? 300 : 60 },
    stateFolder: given['state-dir'],
    bufferBytesMax: given['buffer-bytes-max'],
    intervalMs,
    ...(profile === 'metered' ? { metered: { batchEveryMs: given['batch-every'] } } : {}),
    logSources,
    root: '/',
    say,
  })
  await new Promise<void>((resolve) => {
    // A Ctrl-C reaches the whole group and npm passes it on once more: the second must not end the stop that the first began.
    process.on('SIGINT', resolve)
    process.on('SIGTERM', resolve)
  })
  await agent.stop(stopWithinMs)
  const { waiting, dropped } = agent.counts()
  say(`stopped; ${waiting} messages kept for the next start, ${dropped} dropped so far`)
  return 0
})
