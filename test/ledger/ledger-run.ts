/**
 * One ledger test: a simulated fleet publishes and writes down every acknowledgement while the recorder, or its warehouse
 * alone, is killed with -9 at random moments; then everything is drained and compared (delivery: section 9).
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  compareLedger,
  compareMessages,
  compareProjections,
  compareRollup,
  compareTables,
  type LedgerAccount,
  type MessageRow,
} from './compare.ts'
import type { Bug } from './planted-bugs.ts'
import { createRecorder, type Recorder, waitFor } from './recorder-process.ts'
import { createWarehouseReader, type WarehouseReader } from './warehouse-reader.ts'

export type LedgerRunOptions = {
  /** Empty folder for data and acknowledgements. */
  folder: string
  devices: number
  ratePerSecond: number
  seconds: number
  /** Mean time between kills; each comes at 0.5 to 1.5 of it. */
  killEverySeconds: number
  seed: number
  say: (line: string) => void
  /** Default: the whole program on its embedded parts. */
  system?: LedgerSystem
  /** Nothing came for so long: what is missing then will not come. */
  quietSeconds?: number
}

/** What is put to the test: the processes of one recorder, each of which may be killed. */
export type LedgerSystem = {
  mqttUrl: string
  /** Port of the read-only door, and its password. */
  warehousePort: number
  adminToken: string
  /** Answers the seconds until all is ready. */
  start: () => Promise<number>
  /** By name: SIGKILL; answers the seconds until it works again. Each gets its turn before chance decides. */
  victims: Readonly<Record<string, () => Promise<number>>>
  /** Of an outside broker: what it acknowledged to devices around its own kill and lost is its own loss. */
  brokerVictim: string | null
  stop: () => Promise<unknown>
  /** The last lines that it wrote. */
  output: () => string
}

export type Kill = {
  what: string
  atSeconds: number
  recoverySeconds: number
  /** Acknowledgements that devices had got when it was killed, and when all worked again. */
  acknowledged: { before: number; after: number }
}
export type LedgerRunReport = {
  acknowledged: number
  kept: number
  duplicates: number
  /** Acknowledged by an outside broker around its own kills, and never seen by us. */
  brokerLost: number
  kills: Kill[]
  drainSeconds: number
  drainRowsPerSecond: number
  /** The recorder's own, over all devices. */
  account: Omit<LedgerAccount, 'subject'>
  findings: string[]
}

const project = resolve(import.meta.dirname, '../..')
const drainWithinMs = 300_000
const quietSecondsDefault = 20
/** A broker that writes down what changed once a second has lost nothing older; twice that, and what devices write down late. */
const brokerWindowSeconds = 3
const rollups = ['measurements_15m', 'measurements_1h', 'measurements_1d']

export const runLedger = async (options: LedgerRunOptions): Promise<LedgerRunReport> => {
  const { folder, say } = options
  const ackFile = join(folder, 'acknowledged.txt')
  const system = options.system ?? (await embeddedSystem(join(folder, 'data')))
  try {
    say(`ready in ${(await system.start()).toFixed(1)} s: ${system.mqttUrl}, warehouse at port ${system.warehousePort}`)
    const publisher = startPublisher(options, system.mqttUrl, ackFile)
    const readAcks = (): string[] => (existsSync(ackFile) ? readFileSync(ackFile, 'utf8').split('\n').filter(Boolean) : [])
    const kills = await killAtRandom(options, system, publisher.running, () => readAcks().length)
    const publisherCode = await publisher.exited
    const reader = createWarehouseReader(system.warehousePort, system.adminToken)
    const acknowledged = readAcks()
    const drained = await drain(reader, new Set(acknowledged).size, system, options.quietSeconds ?? quietSecondsDefault)
    const brokerKills = kills.filter(({ what }) => what === system.brokerVictim)
    const brokerMayLose = new Set(
      brokerKills.flatMap(({ acknowledged: { before, after } }) =>
        acknowledged.slice(Math.max(0, before - brokerWindowSeconds * options.ratePerSecond), after),
      ),
    )
    const missingAllowed = publisherCode !== 0 || brokerKills.length > 0
    const { findings, ...counts } = await compare(reader, acknowledged, brokerMayLose, missingAllowed)
    if (publisherCode !== 0) findings.push(`the publisher ended with ${publisherCode ?? 'a signal'}: ${publisher.output()}`)
    if (acknowledged.length === 0) findings.push('nothing was acknowledged: the test proves nothing')
    return { ...counts, kills, ...drained, findings }
  } finally {
    await system.stop()
  }
}

/** The whole program as `npm start` runs it. */
export const embeddedSystem = async (dataFolder: string, planted?: Bug): Promise<LedgerSystem> => {
  const recorder = await createRecorder(dataFolder, planted?.name)
  const victims = { program: () => killAndStart(recorder), warehouse: recorder.killWarehouse }
  return {
    mqttUrl: `mqtt://127.0.0.1:${recorder.ports.mqtt}`,
    warehousePort: recorder.ports.warehouse,
    adminToken: recorder.adminToken,
    start: recorder.start,
    victims: planted === undefined ? victims : { [planted.victim]: victims[planted.victim] },
    brokerVictim: null,
    stop: recorder.stop,
    output: recorder.output,
  }
}

type Publisher = { exited: Promise<number | null>; running: () => boolean; output: () => string }

const startPublisher = ({ devices, ratePerSecond, seconds, seed }: LedgerRunOptions, url: string, ackFile: string): Publisher => {
  const flags = {
    url,
    devices,
    rate: ratePerSecond,
    seconds,
    seed,
    'ack-file': ackFile,
    'drain-within': '120s',
  }
  const child = spawn(
    process.execPath,
    ['agent/simulate-main.ts', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])],
    {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let text = ''
  let running = true
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()))
  const exited = new Promise<number | null>((done) => {
    child.once('exit', (code) => {
      running = false
      done(code)
    })
  })
  return { exited, running: () => running, output: () => text.trim() }
}

/** Kills while the publisher publishes; at least one of each kind, whatever chance says. */
const killAtRandom = async (
  options: LedgerRunOptions,
  { victims, brokerVictim }: LedgerSystem,
  publishing: () => boolean,
  acknowledged: () => number,
): Promise<Kill[]> => {
  const startedAt = performance.now()
  const elapsed = (): number => (performance.now() - startedAt) / 1000
  const names = Object.keys(victims)
  const kills: Kill[] = []
  const lastAtSeconds = options.seconds * 0.9 // The rest belongs to an ordinary end.
  for (;;) {
    const chosen = elapsed() + options.killEverySeconds * (0.5 + Math.random())
    const dueSeconds = kills.length < names.length ? Math.min(chosen, lastAtSeconds) : chosen // One of each kind, however slow the machine.
    if (dueSeconds > lastAtSeconds) break
    await waitFor('time for a kill', async () => elapsed() >= dueSeconds || !publishing(), (dueSeconds - elapsed() + 10) * 1000)
    if (!publishing()) break
    const what = names[kills.length] ?? names[Math.floor(Math.random() * names.length)] ?? ''
    const atSeconds = elapsed()
    const before = acknowledged()
    const recoverySeconds = (await victims[what]?.()) ?? 0
    if (what === brokerVictim) await new Promise((done) => setTimeout(done, brokerWindowSeconds * 1000)) // What was said while nobody listened is written down.
    kills.push({ what, atSeconds, recoverySeconds, acknowledged: { before, after: acknowledged() } })
    options.say(`kill ${kills.length}: ${what} at ${atSeconds.toFixed(1)} s, back in ${recoverySeconds.toFixed(1)} s`)
  }
  return kills
}

const killAndStart = async (recorder: Recorder): Promise<number> => {
  const startedAt = performance.now()
  await recorder.killProgram()
  await recorder.start()
  return (performance.now() - startedAt) / 1000
}

/** Waits until everything acknowledged has its row, or nothing has come for a while. */
const drain = async (
  reader: WarehouseReader,
  wanted: number,
  system: LedgerSystem,
  quietSeconds: number,
): Promise<{ drainSeconds: number; drainRowsPerSecond: number }> => {
  const startedAt = performance.now()
  const before = await reader.keptCount()
  let count = before
  let lastGrowthMs = performance.now()
  await waitFor('the backlog is drained', async () => {
    const now = await reader.keptCount()
    if (now > count) lastGrowthMs = performance.now()
    count = now
    return count >= wanted || performance.now() - lastGrowthMs > quietSeconds * 1000
  }, drainWithinMs, system.output) // biome-ignore format: one call
  const drainSeconds = (performance.now() - startedAt) / 1000
  await settled(reader)
  return { drainSeconds, drainRowsPerSecond: (count - before) / drainSeconds }
}

/**
 * Redeliveries at the end, wills, and accounts come a batch later, and within one insert a table's rows are seen before those
 * of the views behind it: wait until nothing moves between two looks, the rollups included.
 */
const settled = async (reader: WarehouseReader): Promise<void> => {
  let before = ''
  await waitFor('the tables are settled', async () => {
    const now = JSON.stringify([
      await reader.seenTotals(),
      await reader.accounts(),
      await reader.tableCounts(),
      await Promise.all(rollups.map((table) => reader.rollupTotals(table))),
    ])
    const same = now === before
    before = now
    if (!same) await new Promise((done) => setTimeout(done, 1000))
    return same
  }, drainWithinMs) // biome-ignore format: one call
}

const compare = async (reader: WarehouseReader, acknowledged: string[], brokerMayLose: ReadonlySet<string>, missingAllowed: boolean) => {
  const rows: MessageRow[] = []
  for await (const row of reader.messageRows()) rows.push(row)
  const { findings, ...counts } = compareMessages(acknowledged, rows, brokerMayLose)
  const base = await reader.baseTotals()
  for (const table of rollups) findings.push(...compareRollup(table, base, await reader.rollupTotals(table)))
  const { seen, messages } = await reader.seenTotals()
  if (seen !== messages) findings.push(`subjects_seen counts ${seen} messages, the table messages holds ${messages}`)
  const accounts = await reader.accounts()
  findings.push(...compareLedger(accounts, await reader.countedMessages(), { missingAllowed }))
  findings.push(...compareTables(await reader.tableCounts()))
  findings.push(...compareProjections(await reader.projectionCounts()))
  return { ...counts, account: sumOf(accounts), findings }
}

const sumOf = (accounts: readonly LedgerAccount[]): LedgerRunReport['account'] => {
  const sum = { received: 0, stored: 0, duplicate: 0, quarantined: 0, ambiguous: 0, withSeq: 0, seqExpected: 0, seqMissing: 0 }
  for (const account of accounts) for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += account[name]
  return sum
}

/** The lines that a person reads at the end. */
export const reportLines = (report: LedgerRunReport): string[] => {
  const by = (what: string): string => {
    const times = report.kills.filter((kill) => kill.what === what).map(({ recoverySeconds }) => recoverySeconds)
    times.sort((a, b) => a - b)
    const [least = 0, median = 0, most = 0] = [times[0], times[Math.floor(times.length / 2)], times.at(-1)]
    return `${times.length} of ${what} (back in ${least.toFixed(1)} to ${most.toFixed(1)} s, median ${median.toFixed(1)})`
  }
  const { received, stored, duplicate, quarantined, ambiguous, withSeq, seqExpected, seqMissing } = report.account
  return [
    `kills: ${[...new Set(report.kills.map(({ what }) => what))].map(by).join(', ')}`,
    `acknowledged ${report.acknowledged}, kept ${report.kept}, redelivered and recognised ${report.duplicates}, ambiguous ${ambiguous}`,
    `its own account: received ${received} = stored ${stored} + duplicate ${duplicate} + quarantined ${quarantined}; expected ${seqExpected} = with sequence ${withSeq} + missing ${seqMissing}`,
    ...(report.brokerLost === 0 ? [] : [`the broker acknowledged and lost in its own crashes: ${report.brokerLost}`]),
    report.drainRowsPerSecond === 0
      ? 'no backlog at the end'
      : `backlog drained in ${report.drainSeconds.toFixed(1)} s at ${Math.round(report.drainRowsPerSecond)} messages/s`,
    ...(report.findings.length === 0
      ? ['everything agrees: nothing acknowledged is missing, nothing is there twice']
      : report.findings.map((text) => `FAULT: ${text}`)),
  ]
}
