/**
 * Appends wait here and leave in batches, one send at a time over all topics (delivery: section 3.1): a second outstanding
 * send could take the sequence numbers of one that is retried, and be acknowledged as its duplicate. Knows no client, only
 * `Sender`.
 *
 * A send that fails has an unknown outcome, so its appends are rejected and its sender is never used again: a new producer
 * id starts with sequences of its own. While the log is down appends are held, in bytes and in time, and then rejected.
 */
import type { Clock, LogRecord, LogTopic } from '../../model/ports.ts'
import type { KafkaTopic } from './client-settings.ts'
import { AppError } from '../../runtime/errors.ts'
import { within } from '../../runtime/within.ts'
import { compactedTopics } from '../../schemas/topics.ts'
import { unavailable } from './errors.ts'

/** A null value is a tombstone, for compacted topics. */
export type OutgoingRecord = { key: string; value: Uint8Array | null }
export type OutgoingBatch = { topic: KafkaTopic; partition: number; records: readonly OutgoingRecord[] }

export type Sender = {
  /** Resolves, once all replicas have all, with the offset of each batch's first record. A rejection leaves the outcome unknown. */
  send: (batches: readonly OutgoingBatch[], appendedAtMs: number) => Promise<number[]>
  /** Ends what is under way; never rejects. */
  close: () => Promise<void>
}

export type AppendQueueOptions = {
  openSender: () => Promise<Sender>
  clock: Clock
  /** Longest wait of a lone record for company (`KAFKA_LINGER_MS_MAX`). */
  lingerMsMax: number
  /** Default `heldMsMax`. */
  heldMsMax?: number
  /** Default `waitingBytesMax`. */
  waitingBytesMax?: number
  /** Told of each failed send or connection. */
  onError: (error: Error) => void
  /** What has become durable. */
  onAppended: (topic: LogTopic, partition: number, nextOffset: number) => void
}

/** Per partition and send: under the brokers' default of 1 MiB a batch, with room for keys and framing. */
export const batchBytesMax = 900_000
/** One send over all partitions: what a slow link still carries within a request's time. */
export const sendBytesMax = 8 * 1024 * 1024
/** A send that has so many records costs no less per record when it waits for more. */
export const lingerRecordsMax = 1_000
/** Time since the last acknowledgement, and longest wait of an append: then it is rejected and the device is told nothing. */
export const heldMsMax = 30_000
/** Callers wait for their appends, so this is only reached when the log stands still: better refused than out of memory. */
export const waitingBytesMax = 256 * 1024 * 1024
const recordOverheadBytes = 100
/** No new record within one look: nobody else is coming, waiting on would only delay. */
const lingerLookMs = 13
const reopenAfterMsMin = 100
const reopenAfterMsMax = 2_000

type Waiting = {
  topic: LogTopic
  records: readonly LogRecord[]
  bytes: number
  sinceMs: number
  /** Records that have been taken into a send, and those that are durable. */
  taken: number
  settled: number
  offsets: number[]
  rejected: boolean
  resolve: (offsets: number[]) => void
  reject: (error: unknown) => void
}

/** `appends` and `indexes` tell of each record whose it is and where in that append. Flat, since it runs for each message. */
type Batch = { topic: LogTopic; partition: number; records: OutgoingRecord[]; bytes: number; appends: Waiting[]; indexes: number[] }

export type AppendQueue = {
  append: (topic: LogTopic, records: readonly LogRecord[]) => Promise<number[]>
  /** Sends what waits, then refuses; gives up after `heldMsMax`. */
  close: () => Promise<void>
}

export const createAppendQueue = (options: AppendQueueOptions): AppendQueue => {
  const { openSender, clock, lingerMsMax, onError, onAppended } = options
  const heldMax = options.heldMsMax ?? heldMsMax
  const waitingMax = options.waitingBytesMax ?? waitingBytesMax
  let waiting: Waiting[] = []
  let waitingBytes = 0
  let waitingRecords = 0
  let sender: Sender | undefined
  let draining: Promise<void> | undefined
  let closed = false

  const append = (topic: LogTopic, records: readonly LogRecord[]): Promise<number[]> =>
    new Promise((resolve, reject) => {
      if (closed) throw new AppError('LOG_CLOSED', `appending to ${topic}: the log is closed`)
      if (records.length === 0) {
        resolve([])
        return
      }
      let bytes = 0
      for (const { key, value } of records) bytes += key.length + value.length + recordOverheadBytes
      if (waiting.length > 0 && waitingBytes + bytes > waitingMax) {
        throw new AppError('LOG_OVERLOADED', `appending to ${topic}: ${waitingBytes} bytes wait for Kafka already`)
      }
      waiting.push({
        topic,
        records,
        bytes,
        sinceMs: performance.now(),
        taken: 0,
        settled: 0,
        offsets: [],
        rejected: false,
        resolve,
        reject,
      })
      waitingBytes += bytes
      waitingRecords += records.length
      draining ??= drain()
    })

  const drain = async (): Promise<void> => {
    const expiring = setInterval(expire, 1_000)
    await Promise.resolve() // The appends of this turn come together.
    let reopenAfterMs = reopenAfterMsMin
    try {
      let lastCount = 0
      while (waiting.length > 0) {
        try {
          sender ??= await within(openSender(), heldMax, 'connecting')
          reopenAfterMs = reopenAfterMsMin
        } catch (error) {
          onError(unavailable('connecting to Kafka', error))
          await delay(reopenAfterMs * (0.5 + Math.random() / 2))
          reopenAfterMs = Math.min(reopenAfterMs * 2, reopenAfterMsMax)
          expire()
          continue
        }
        if (waitingRecords < lastCount / 2 || lastCount === 0) await linger()
        lastCount = await sendOne(sender)
      }
    } finally {
      clearInterval(expiring)
      draining = undefined
    }
  }

  /** Waits for company while it is coming, at most until the first has waited `lingerMsMax`. */
  const linger = async (): Promise<void> => {
    for (let seen = 0; lingerMsMax > 0 && !closed && waitingRecords < lingerRecordsMax && waitingBytes < batchBytesMax; ) {
      const waitedMs = performance.now() - (waiting[0]?.sinceMs ?? 0)
      if (waitingRecords === seen || waitedMs >= lingerMsMax) return
      seen = waitingRecords
      await delay(Math.min(lingerLookMs, lingerMsMax))
    }
  }

  /** Answers how many records it took. */
  const sendOne = async (own: Sender): Promise<number> => {
    const batches = take()
    try {
      const offsets = await within(own.send(batches, clock.nowMs()), heldMax, 'the brokers did not acknowledge')
      for (const [at, batch] of batches.entries()) settle(batch, offsets[at] ?? 0)
    } catch (cause) {
      if (sender === own) sender = undefined
      void own.close()
      const error = unavailable('appending to Kafka, outcome unknown', cause)
      onError(error)
      for (const append of appendsOf(batches)) refuse(append, error)
    }
    return batches.reduce((count, { records }) => count + records.length, 0)
  }

  /** In the order of the calls, up to the limits; stops at the first record that does not fit, so that nothing overtakes. */
  const take = (): Batch[] => {
    const batches: Batch[] = []
    const byTopic = new Map<LogTopic, (Batch | undefined)[]>()
    let bytes = 0
    let done = 0
    taking: for (const append of waiting) {
      for (; append.taken < append.records.length; append.taken++) {
        const record = append.records[append.taken] as LogRecord
        const size = record.key.length + record.value.length + recordOverheadBytes
        if (bytes > 0 && bytes + size > sendBytesMax) break taking
        const batch = batchFor(batches, byTopic, append.topic, record.partition)
        if (batch.bytes > 0 && batch.bytes + size > batchBytesMax) break taking
        bytes += size
        batch.bytes += size
        // In a compacted topic an empty value takes the key away.
        batch.records.push(record.value.length === 0 && compactedTopics.has(append.topic) ? { key: record.key, value: null } : record)
        batch.appends.push(append)
        batch.indexes.push(append.taken)
      }
      done++
    }
    for (const append of waiting.slice(0, done)) waitingBytes -= append.bytes
    waiting = waiting.slice(done)
    for (const { records } of batches) waitingRecords -= records.length
    return batches
  }

  const settle = ({ topic, partition, records, appends, indexes }: Batch, first: number): void => {
    for (let n = 0; n < appends.length; n++) {
      const append = appends[n] as Waiting
      append.offsets[indexes[n] as number] = first + n
      if (++append.settled === append.records.length && !append.rejected) append.resolve(append.offsets)
    }
    onAppended(topic, partition, first + records.length)
  }

  const refuse = (append: Waiting, error: unknown): void => {
    append.rejected = true
    append.reject(error)
    if (append.taken === append.records.length) return
    waiting = waiting.filter((other) => other !== append) // The rest of one that was taken in parts.
    waitingBytes -= append.bytes
    waitingRecords -= append.records.length - append.taken
  }

  const expire = (): void => {
    const limit = performance.now() - heldMax
    for (const append of [...waiting]) {
      if (append.sinceMs > limit) break
      if (append.taken === 0)
        refuse(append, new AppError('LOG_UNAVAILABLE', `appending to ${append.topic}: Kafka took nothing for ${heldMax} ms`))
    }
  }

  return {
    append,
    close: async () => {
      closed = true
      await draining
      await sender?.close()
      sender = undefined
    },
  }
}

const appendsOf = (batches: readonly Batch[]): Set<Waiting> => new Set(batches.flatMap(({ appends }) => appends))

/** Only for a record that is taken then: a batch always has one. */
const batchFor = (batches: Batch[], byTopic: Map<LogTopic, (Batch | undefined)[]>, topic: LogTopic, partition: number): Batch => {
  let partitions = byTopic.get(topic)
  if (partitions === undefined) byTopic.set(topic, (partitions = []))
  let batch = partitions[partition]
  if (batch === undefined) {
    batch = { topic, partition, records: [], bytes: 0, appends: [], indexes: [] }
    partitions[partition] = batch
    batches.push(batch)
  }
  return batch
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
