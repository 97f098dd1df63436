/**
 * Fetches ahead for the partitions that are ours, one request at a time per broker, into buffers that the consumers read
 * without waiting (`LogSource`). A full buffer is not fetched for: a slow stage holds back only its own partition.
 */
import type { LogTopic, StoredRecord } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import type { LogSource } from '../lmdb/log-consumer.ts'
import { unavailable } from './errors.ts'
import { type Bounds, type Fetched, type FetchedRecord, type Fetcher, type FetchLimits, OutOfRange } from './fetcher.ts'

/** Per partition; a batch of the stages is larger, the buffer is filled again while they collect. */
export const bufferBytesMax = 4 * 1024 * 1024
const limits: FetchLimits = { waitMs: 100, partitionBytesMax: 1024 * 1024, bytesMax: 16 * 1024 * 1024 }
const fullLookMs = 5
const againAfterMs = 250

type Ahead = {
  topic: LogTopic
  partition: number
  /** Where the next fetch starts. */
  fetchFrom: number
  records: StoredRecord[]
  /** Index of the first record that has not been handed out. */
  head: number
  bytes: number
  bounds: Bounds
  error: AppError | undefined
}

export type Prefetch = Pick<LogSource, 'bounds' | 'readFrom'> & {
  open: (topic: LogTopic, partition: number, from: number, bounds: Bounds) => void
  close: (topic: LogTopic, partition: number) => void
  stop: () => Promise<void>
}

export type PrefetchOptions = {
  fetcher: Fetcher
  boundsOf: (topic: LogTopic, partition: number) => Promise<Bounds>
  /** Fetching failed; it is tried again. */
  onError: (error: Error) => void
}

export const createPrefetch = ({ fetcher, boundsOf, onError }: PrefetchOptions): Prefetch => {
  const buffers = new Map<string, Ahead>()
  const loops = new Map<number, Promise<void>>()
  let stopped = false
  let placing: Promise<void> | undefined

  /** Starts a loop for each broker that leads one of ours. */
  const place = async (): Promise<void> => {
    while (!stopped && buffers.size > 0) {
      try {
        for (const node of (await byLeader()).keys()) if (!loops.has(node)) loops.set(node, follow(node))
      } catch (error) {
        onError(unavailable('asking who leads the partitions', error))
      }
      await delay(againAfterMs)
    }
    placing = undefined
  }

  const byLeader = async (): Promise<Map<number, Ahead[]>> => {
    const own = [...buffers.values()]
    const leaderOf = await fetcher.leaders([...new Set(own.map(({ topic }) => topic))])
    const byNode = Map.groupBy(own, ({ topic, partition }) => leaderOf(topic, partition))
    byNode.delete(-1)
    return byNode
  }

  const follow = async (node: number): Promise<void> => {
    try {
      while (!stopped) {
        const own = (await byLeader()).get(node)
        if (own === undefined) break
        const wanting = own.filter(({ bytes, error }) => bytes < bufferBytesMax && error === undefined)
        if (wanting.length === 0) await delay(fullLookMs)
        else await fetchOnce(node, wanting)
      }
    } catch (error) {
      if (!stopped) onError(unavailable(`fetching from broker ${node}`, error))
      await delay(againAfterMs)
    } finally {
      loops.delete(node)
    }
  }

  const fetchOnce = async (node: number, wanting: readonly Ahead[]): Promise<void> => {
    try {
      const wants = wanting.map(({ topic, partition, fetchFrom }) => ({ topic, partition, from: fetchFrom }))
      for (const fetched of await fetcher.fetch(node, wants, limits)) store(fetched)
    } catch (error) {
      if (!(error instanceof OutOfRange)) throw error
      for (const buffer of wanting) await checkRange(buffer)
    }
  }

  const store = ({ topic, partition, from, records, next, first }: Fetched): void => {
    const buffer = buffers.get(`${topic}:${partition}`)
    if (buffer?.fetchFrom !== from) return // Given up, or opened anew, while the answer was on its way.
    for (const record of records) {
      buffer.records.push(stored(record))
      buffer.bytes += sizeOf(record.value)
    }
    const last = records.at(-1)
    if (last !== undefined) buffer.fetchFrom = last.offset + 1
    buffer.bounds = { first, next: Math.max(next, buffer.bounds.next) }
  }

  const checkRange = async (buffer: Ahead): Promise<void> => {
    const { topic, partition, fetchFrom } = buffer
    const bounds = await boundsOf(topic, partition)
    buffer.bounds = bounds
    if (fetchFrom < bounds.first) {
      buffer.error = new AppError(
        'LOG_OFFSET_BEHIND_RETENTION',
        `Expected offset ${fetchFrom} of ${topic}:${partition}, but the log starts at ${bounds.first}: ${bounds.first - fetchFrom} records were deleted unread`,
      )
    }
    if (fetchFrom > bounds.next) {
      buffer.error = new AppError(
        'STAGE_MARK_BEYOND_LOG',
        `Expected offset ${fetchFrom} of ${topic}:${partition}, but the log ends at ${bounds.next}: the log has lost its end`,
      )
    }
  }

  return {
    open: (topic, partition, from, bounds) => {
      buffers.set(`${topic}:${partition}`, { topic, partition, fetchFrom: from, records: [], head: 0, bytes: 0, bounds, error: undefined })
      placing ??= place()
    },
    close: (topic, partition) => buffers.delete(`${topic}:${partition}`),
    bounds: (topic, partition) => buffers.get(`${topic}:${partition}`)?.bounds ?? { first: 0, next: 0 },
    readFrom: (topic, partition, from, bytesMax) => {
      const buffer = buffers.get(`${topic}:${partition}`)
      if (buffer === undefined) return []
      drop(buffer, from)
      if (buffer.error !== undefined && buffer.records.length === buffer.head) throw buffer.error
      const records: StoredRecord[] = []
      for (let bytes = 0, at = buffer.head; at < buffer.records.length && (records.length === 0 || bytes < bytesMax); at++) {
        const record = buffer.records[at] as StoredRecord
        records.push(record)
        bytes += record.value.length
      }
      return records
    },
    stop: async () => {
      stopped = true
      buffers.clear()
      await fetcher.close()
      await Promise.all([placing, ...loops.values()])
    },
  }
}

/** What lies before `from` has been taken. */
const drop = (buffer: Ahead, from: number): void => {
  for (let record = buffer.records[buffer.head]; record !== undefined && record.offset < from; record = buffer.records[buffer.head]) {
    buffer.bytes -= sizeOf(record.value)
    buffer.head++
  }
  if (buffer.head < buffer.records.length / 2 && buffer.head < 10_000) return
  buffer.records = buffer.records.slice(buffer.head)
  buffer.head = 0
}

const stored = ({ offset, appendedAtMs, key, value }: FetchedRecord): StoredRecord => ({
  offset,
  appendedAtMs,
  key,
  value: value ?? nothing,
})
const nothing = new Uint8Array(0)
const recordBytes = 150
const sizeOf = (value: Uint8Array | null): number => (value?.length ?? 0) + recordBytes

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
