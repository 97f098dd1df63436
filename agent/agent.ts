/**
 * The reference agent: reads this machine every interval, gives each message ts, seq, bootId and uptime, keeps it on disk
 * and lets the link send it. `agent-main.ts` is the command line; tests start this with a broker of their own.
 *
 * seq counts from 1 over all topics of one boot and goes on where the agent before this one stopped, since the outbox keeps
 * the newest message. After a power cut the newest messages may be lost, but then it is another boot and seq starts anew.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IClientOptions } from 'mqtt'
import { createBatcher } from './batch.ts'
import { createChangesOnly } from './changes.ts'
import { openDiskOutbox } from './disk-outbox.ts'
import { bootIdOf, uptimeSeconds } from './identity.ts'
import { type Link, startLink } from './link.ts'
import type { LogSource } from './log-sources.ts'
import { createSampler, readFacts, type Sample } from './samplers.ts'
import { createTrafficMeter } from './traffic-meter.ts'

export type AgentOptions = {
  /** `<product>/<model>/<mac>`. */
  deviceTopic: string
  url: string
  clientOptions: IClientOptions
  stateFolder: string
  bufferBytesMax: number
  intervalMs: number
  /** Batches of changed values, every `batchEveryMs`; absent: each message by itself at once. */
  metered?: { batchEveryMs: number }
  logSources: readonly LogSource[]
  /** Where /proc, /sys and /etc are; '/' but for tests. */
  root: string
  say: (line: string) => void
  backoff?: { firstMs: number; maxMs: number }
}

export type Agent = {
  /** Takes one reading now, beside the interval. */
  sample: () => Promise<void>
  link: Link
  counts: () => { waiting: number; dropped: number }
  /** Says `offline`, waits up to `withinMs` for what is kept to be sent, and closes; what is left is sent by the next start. */
  stop: (withinMs: number) => Promise<void>
}

const fsyncAfterMs = 5000 // A power cut loses at most this much of what was kept; a killed agent nothing.
const fullEveryMs = 3_600_000
const inFlightMax = 20
const reportEveryMs = 600_000

export const startAgent = (options: AgentOptions): Agent => {
  const { deviceTopic, root, say } = options
  mkdirSync(options.stateFolder, { recursive: true })
  const unlock = lock(join(options.stateFolder, 'lock'))
  const outbox = openDiskOutbox({ folder: join(options.stateFolder, 'outbox'), bytesMax: options.bufferBytesMax, fsyncAfterMs })
  const cursors = openCursors(join(options.stateFolder, 'cursors.json'))
  const bootId = bootIdOf(root)
  const sessionId = randomUUID()
  const takeSample = createSampler(root)
  const changesOnly = options.metered === undefined ? undefined : createChangesOnly(fullEveryMs)
  const batcher = options.metered === undefined ? undefined : createBatcher(deviceTopic)
  const meter = createTrafficMeter()
  const newest = envelopeOf(outbox.last()?.payload)
  let seq = newest?.bootId === bootId ? newest.seq + 1 : 1
  let batchDue = true // What is kept from before goes out at once.
  let stopping = false

  const keep = (topic: string, values: Record<string, unknown>): { position: number | undefined; payload: string } => {
    const payload = JSON.stringify({ ts: Date.now(), seq: seq++, bootId, uptime: uptimeSeconds(root), ...values })
    return { position: outbox.append({ topic: `${deviceTopic}/${topic}`, payload, retain: false }), payload }
  }
  /** Retained, and before all that waits: people want to know now that the device is back. Sent late, it is not retained. */
  const sayStatus = (values: Record<string, unknown>): void => {
    const { position, payload } = keep('status', values)
    if (position !== undefined) link.publishNow({ topic: `${deviceTopic}/status`, payload, retain: true, positions: [position] })
  }

  const will = {
    topic: `${deviceTopic}/status`,
    payload: Buffer.from(JSON.stringify({ state: 'offline', sessionId, reason: 'connection lost' })),
    qos: 1 as const,
    retain: true,
  }
  const link = startLink({
    url: options.url,
    clientOptions: () => ({ ...options.clientOptions, will }),
    outbox,
    inFlightMax,
    ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    ...(batcher === undefined ? {} : { pack: (take) => (batchDue ? (batcher.pack(take) ?? endBatch()) : undefined) }),
    onConnected: () => {
      batcher?.forget()
      batchDue = true
      meter.connected()
      say(`connected to ${options.url}, ${outbox.counts().waiting} messages kept from before`)
      sayStatus({ state: 'online', sessionId })
    },
    onLost: (reason, retryAfterMs) =>
      say(`no connection (${reason}), next try in ${(retryAfterMs / 1000).toFixed(1)} s; messages are kept in ${options.stateFolder}`),
    onSent: meter.sent,
    onAcknowledged: meter.acknowledged,
  })
  /** Everything was sent: from now on messages gather until the next batch is due. */
  const endBatch = (): undefined => {
    batchDue = false
    meter.startMeasuring()
  }

  const keepSamples = (samples: readonly Sample[]): void => {
    const nowMs = Date.now()
    for (const sample of samples) {
      const told = changesOnly === undefined ? sample : changesOnly(sample, nowMs)
      if (told !== undefined) keep(told.topic, told.values)
    }
  }
  const keepLogLines = async (): Promise<void> => {
    for (const source of options.logSources) {
      const { lines, leftOut, cursor } = await source.read(cursors.get(source.name))
      if (leftOut > 0) lines.push(`agent: ${leftOut} older lines left out`)
      if (lines.length > 0) keep(source.topic, { lines })
      cursors.set(source.name, cursor)
    }
  }
  const sample = async (): Promise<void> => {
    if (stopping) return
    const { waiting, waitingBytes, dropped } = outbox.counts()
    keepSamples([
      ...takeSample(),
      { topic: 'system/agent', values: { bufferedMessages: waiting, bufferedBytes: waitingBytes, droppedMessages: dropped } },
    ])
    await keepLogLines()
    link.pump()
  }

  if (cursors.get('boot') !== bootId) {
    // The last thing that the boot before said tells how long it lasted, at least.
    const before = newest === undefined || newest.bootId === bootId ? {} : { uptimeBefore: newest.uptime }
    keep('system/boot', { reason: 'unknown', ...before })
    cursors.set('boot', bootId)
  }
  keepSamples(readFacts(root))

  let sampling: Promise<void> = Promise.resolve()
  const later = (): void => {
    // One reading at a time: a slow log source delays the next instead of piling up.
    sampling = sampling
      .then(sample)
      .catch((error: unknown) => say(`reading failed: ${error instanceof Error ? error.message : String(error)}`))
  }
  const timers = [
    setInterval(later, options.intervalMs),
    setInterval(() => keepSamples(readFacts(root)), fullEveryMs),
    setInterval(() => say(meter.report()), reportEveryMs),
  ]
  if (options.metered !== undefined) {
    timers.push(
      setInterval(() => {
        batchDue = true
        link.pump()
        say(meter.report())
      }, options.metered.batchEveryMs),
    )
  }
  later()

  return {
    sample,
    link,
    counts: () => outbox.counts(),
    stop: async (withinMs) => {
      if (stopping) return
      stopping = true
      for (const timer of timers) clearInterval(timer)
      await sampling
      sayStatus({ state: 'offline', sessionId, reason: 'stopped' })
      batchDue = true
      if (link.connected()) await link.drained(withinMs)
      await link.stop()
      outbox.close()
      unlock()
      say(meter.report())
    },
  }
}

type Envelope = { seq: number; bootId: string; uptime: number }

/** What every payload begins with; undefined in a new folder. */
const envelopeOf = (payload: string | undefined): Envelope | undefined =>
  payload === undefined ? undefined : (JSON.parse(payload) as Envelope)

/** How far each log source was read; written after its lines are kept, so a crash repeats lines rather than losing them. */
const openCursors = (path: string) => {
  let cursors: Record<string, string> = {}
  try {
    cursors = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>
  } catch {
    // New folder.
  }
  return {
    get: (name: string): string | undefined => cursors[name],
    set: (name: string, cursor: string): void => {
      if (cursors[name] === cursor) return
      cursors = { ...cursors, [name]: cursor }
      writeFileSync(`${path}.new`, JSON.stringify(cursors))
      renameSync(`${path}.new`, path)
    },
  }
}

/** Two agents on one folder would use each seq twice. The lock names process and its start time, so a crash leaves none behind. */
const lock = (path: string): (() => void) => {
  const startOf = (pid: string): string | undefined => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]
    } catch {
      return undefined
    }
  }
  const mine = `${process.pid} ${startOf(String(process.pid)) ?? ''}`
  for (;;) {
    try {
      writeFileSync(path, mine, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const [pid = '', start] = readFileSync(path, 'utf8').split(' ')
      if (start !== '' && startOf(pid) === start) throw new Error(`${path}: another agent (process ${pid}) uses this folder`)
      rmSync(path, { force: true })
    }
  }
}
