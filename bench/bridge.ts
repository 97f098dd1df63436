/**
 * The bridge from an outside broker into Kafka beside other bridges, in turns on the same Mosquitto and the same one-node
 * Kafka: what each drains, what a message costs at steady rates and how late it is, what a kill -9 in the middle loses.
 * Ours reads every payload, gives it its identity and writes typed Avro; the others pass bytes on.
 *
 *   npm run bench:bridge [-- --rounds 3] [--warm-up 20] [--telegraf FILE] [--peer name=command] [--only drain,live,kill]
 *
 * Telegraf: `bridge-peers.ts` says how it is built; without it ours is measured alone. Needs what `npm run test:real` needs
 * (Mosquitto, Java, Maven for Kafka's jars).
 *
 * Fairness: one bridge works at a time, the order turns with the rounds, medians are printed. The publisher is a process of
 * its own. Mosquitto keeps nothing on disk here, since a disk would be what is measured.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connectAsync } from 'mqtt'
import { kafkaVersion, startKafka } from '../test/real/kafka-server.ts'
import { mosquittoProgram, startMosquitto } from '../test/real/mosquitto-server.ts'
import { freePort } from '../test/real/server-process.ts'
import { deviceCount, payloadOf, topicOf } from './bridge-message.ts'
import { otherPeer, ours, type Peer, partitions, telegraf, telegrafDefault } from './bridge-peers.ts'
import { type BridgeProcess, bridgeProcess } from './bridge-process.ts'
import { createRunLedger, openKafkaTail, type RunLedger } from './bridge-records.ts'
import { createResults, quantile, say } from './bridge-results.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    messages: { type: 'string', default: '200000' },
    bytes: { type: 'string', default: '200' },
    rates: { type: 'string', default: '2000,5000,20000' },
    seconds: { type: 'string', default: '7' },
    'warm-up': { type: 'string', default: '20' },
    only: { type: 'string', default: 'drain,live,kill' },
    telegraf: { type: 'string', default: telegrafDefault },
    peer: { type: 'string', multiple: true, default: [] },
    keep: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const messages = Number(values.messages)
const seconds = Number(values.seconds)
const rates = values.rates.split(',').map(Number)
const only = new Set(values.only.split(','))
/** Before a steady rate is measured: a bridge runs for months, and Node compiles what is hot within its first half minute. */
const warmUpSeconds = Number(values['warm-up'])
const killRate = 5_000
const killSeconds = 6
const quietMs = 8_000
const lookEveryMs = 100
const readyWithinMs = 60_000

type Bridge = { peer: Peer; process: BridgeProcess }

const folder = mkdtempSync(join(tmpdir(), 'bench-bridge-'))
const mosquitto = await startMosquitto({ dir: join(folder, 'mosquitto'), lines: ['persistence false', 'autosave_on_changes false'] })
const kafka = await startKafka({ dir: join(folder, 'kafka'), properties: { 'log.message.timestamp.type': 'LogAppendTime' } })
const tail = openKafkaTail(kafka.brokers)
const surroundings = { folder, mqttPort: mosquitto.port, brokers: kafka.brokers, statusPort: await freePort() }
let runs = 0

const tell = (peer: Peer, what: string): void => say(`  ${peer.name.padEnd(16)} ${what}`)

/** Runs the publisher; `started` is called when it begins. */
const publish = async (peer: Peer, run: number, count: number, rate: number, started: () => void = () => undefined) => {
  const script = join(import.meta.dirname, 'bridge-publisher.ts')
  const given = { port: mosquitto.port, root: peer.root, run, count, rate, bytes: values.bytes }
  const child = spawn(process.execPath, [script, ...Object.entries(given).flatMap(([flag, value]) => [`--${flag}`, String(value)])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => {
    if (said === '') started()
    said += bytes.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the publisher ended with ${code}`)
  const [begin = '{}', end = '{}'] = said.trim().split('\n')
  return { ...(JSON.parse(begin) as { startedAtMs: number }), ...(JSON.parse(end) as { endedAtMs: number; cpuMicrosPerMessage: number }) }
}

/** Until one message has gone all the way: subscribed, connected to Kafka. */
const untilFlowing = async ({ peer, process: own }: Bridge): Promise<void> => {
  const run = ++runs
  const ledger = createRunLedger(run, deviceCount)
  const client = await connectAsync(mosquitto.url)
  const giveUpAtMs = Date.now() + readyWithinMs
  while (ledger.stored() === 0) {
    if (Date.now() > giveUpAtMs)
      throw new Error(`${peer.name} brings nothing into ${peer.kafkaTopic}:\n${readFileSync(own.logFile, 'utf8').slice(-2_000)}`)
    await client.publishAsync(topicOf(peer.root, 0), payloadOf(run, 0, Number(values.bytes), Date.now()), { qos: 1 })
    await sleep(200)
    await tail.readNew(peer.kafkaTopic, ledger).catch(() => undefined) // The topic may not be there yet.
  }
  await client.endAsync()
}

/** Until all have come, or nothing has come for a while: what is missing then is lost. */
const untilStored = async (peer: Peer, ledger: RunLedger, endBefore: number, count: number): Promise<void> => {
  // First only the ends are asked for, so that reading back takes nothing from what is measured.
  await whileItGrows(async () => {
    const end = await tail.endOf(peer.kafkaTopic)
    return { come: end, isAll: end >= endBefore + count }
  })
  await whileItGrows(async () => {
    await tail.readNew(peer.kafkaTopic, ledger)
    return { come: ledger.stored(), isAll: ledger.missing() === 0 }
  })
}

const whileItGrows = async (look: () => Promise<{ come: number; isAll: boolean }>): Promise<void> => {
  let seen = -1
  let quietSinceMs = Date.now()
  for (;;) {
    const { come, isAll } = await look()
    if (isAll || Date.now() - quietSinceMs > quietMs) return
    if (come - seen > partitions) quietSinceMs = Date.now() // More than the ticks of five seconds.
    seen = come
    await sleep(lookEveryMs)
  }
}

const drain = async ({ peer, process: own }: Bridge): Promise<void> => {
  await own.end('SIGTERM') // In order, so that only the queue is measured, not what was in flight.
  const run = ++runs
  const ledger = createRunLedger(run, messages)
  const before = await tail.endOf(peer.kafkaTopic)
  const { startedAtMs, endedAtMs } = await publish(peer, run, messages, 0)
  await own.start()
  await untilStored(peer, ledger, before, messages)
  const [from, to] = [ledger.firstAppendedAtMs(), ledger.lastAppendedAtMs()]
  const perSecond = messages / ((to - from) / 1000)
  const cpu = own.cpuMicrosBetween(from, to) / messages
  results.add('drain, msg/s', peer.name, perSecond)
  results.add('drain, us of CPU a message', peer.name, cpu)
  results.add('lost', peer.name, ledger.missing())
  const queued = Math.round(messages / ((endedAtMs - startedAtMs) / 1000))
  tell(
    peer,
    `drain ${Math.round(perSecond)} msg/s, ${cpu.toFixed(1)} us; lost ${ledger.missing()}, twice ${ledger.doubled()} (queued at ${queued}/s)`,
  )
}

const live = async ({ peer, process: own }: Bridge, rate: number): Promise<void> => {
  const run = ++runs
  const count = Math.ceil((rate * (warmUpSeconds + seconds)) / deviceCount) * deviceCount
  const ledger = createRunLedger(run, count)
  const before = await tail.endOf(peer.kafkaTopic)
  const { startedAtMs, cpuMicrosPerMessage } = await publish(peer, run, count, rate)
  const [from, to] = [startedAtMs + warmUpSeconds * 1000, startedAtMs + (warmUpSeconds + seconds) * 1000]
  await untilStored(peer, ledger, before, count)
  const latencies = ledger.latenciesMs(from, to)
  const cpu = own.cpuMicrosBetween(from, to) / latencies.length
  results.add(`${rate}/s, us of CPU a message`, peer.name, cpu)
  results.add(`${rate}/s, p50 ms`, peer.name, quantile(latencies, 0.5))
  results.add(`${rate}/s, p99 ms`, peer.name, quantile(latencies, 0.99))
  results.add('lost', peer.name, ledger.missing())
  tell(
    peer,
    `${rate}/s: ${cpu.toFixed(1)} us, p50 ${quantile(latencies, 0.5)} ms, p99 ${quantile(latencies, 0.99)} ms; lost ${ledger.missing()}, twice ${ledger.doubled()} (publisher ${cpuMicrosPerMessage} us)`,
  )
}

/** SIGKILL half-way, another one at once on the same session. */
const kill = async ({ peer, process: own }: Bridge): Promise<void> => {
  const run = ++runs
  const count = killRate * killSeconds
  const ledger = createRunLedger(run, count)
  const before = await tail.endOf(peer.kafkaTopic)
  let killing: Promise<void> = Promise.resolve()
  const restart = async (): Promise<void> => {
    await sleep((killSeconds * 1000) / 2)
    results.add('memory, MB at most', peer.name, own.memoryBytesMax() / 1e6)
    await own.end('SIGKILL')
    await own.start()
  }
  await publish(peer, run, count, killRate, () => {
    killing = restart()
  })
  await killing
  await untilStored(peer, ledger, before, count)
  results.add('kill -9: lost', peer.name, ledger.missing())
  results.add('kill -9: in Kafka twice', peer.name, ledger.doubled())
  results.add('kill -9: nothing stored for, ms', peer.name, ledger.longestPauseMs())
  tell(
    peer,
    `kill -9 at ${killRate}/s: lost ${ledger.missing()}, in Kafka twice ${ledger.doubled()}, nothing stored for ${ledger.longestPauseMs()} ms`,
  )
}

const peersOf = (): Peer[] => {
  const beside = telegraf(values.telegraf, surroundings)
  if (beside === undefined) say(`No Telegraf at ${values.telegraf}: measured without it. How to build it: bench/bridge-peers.ts.`)
  return [
    ours(surroundings),
    ...(beside === undefined ? [] : [beside]),
    ...values.peer.map((given, index) => otherPeer(given, index, surroundings)),
  ]
}

const results = createResults()
let bridges: Bridge[] = []
try {
  const mosquittoVersion = /version (\S+)/.exec(helpOf(mosquittoProgram()))?.[1] ?? 'unknown'
  say(`${cpus().length} x ${cpus()[0]?.model ?? ''}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}, Node ${process.version}`)
  say(
    `Mosquitto ${mosquittoVersion}, Kafka ${kafkaVersion} (one node, ${partitions} partitions, acks all); load ${loadavg()[0]?.toFixed(1)}`,
  )
  mkdirSync(join(folder, 'log'))
  bridges = peersOf().map((peer) => ({ peer, process: bridgeProcess(peer, join(folder, 'log', `${peer.root}.log`)) }))
  for (const { peer } of bridges) if (!peer.topicIsMade) await tail.createTopic(peer.kafkaTopic, partitions)
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1}, load ${loadavg()[0]?.toFixed(1)}`)
    const order = bridges.map((_, index) => bridges[(index + round) % bridges.length] as Bridge)
    for (const bridge of order) {
      await bridge.process.start()
      await untilFlowing(bridge)
    }
    if (only.has('drain')) for (const bridge of order) await drain(bridge)
    if (only.has('live')) for (const rate of rates) for (const bridge of order) await live(bridge, rate)
    if (only.has('kill')) for (const bridge of order) await kill(bridge)
    else for (const { peer, process: own } of order) results.add('memory, MB at most', peer.name, own.memoryBytesMax() / 1e6)
    for (const { process: own } of order) await own.end('SIGTERM')
  }
  say(`medians of ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}`)
  results.print()
} finally {
  for (const { process: own } of bridges) await own.end('SIGKILL')
  await tail.close().catch(() => undefined)
  await kafka.kill()
  await mosquitto.kill()
  if (values.keep) say(`kept: ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
}

/** It answers with a status that is none. */
function helpOf(program: string): string {
  try {
    return execFileSync(program, ['-h'], { encoding: 'utf8' })
  } catch (error) {
    return String((error as { stdout?: string }).stdout)
  }
}
