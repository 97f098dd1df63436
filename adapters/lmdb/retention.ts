/**
 * Deletes old records: past an age, and from the oldest on while the log is too large. Never what a registered group has not
 * finished. In small steps, each its own transaction, so that appends go on in between. Run by a timer that the caller starts.
 * The file does not shrink: its freed pages take later records, and the low-water mark counts them (`event-log.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock, LogTopic } from '../../model/ports.ts'
import { compactedTopics } from '../../schemas/topics.ts'
import { chunkHeader } from './chunk.ts'
import type { Environment } from './environment.ts'
import { boundsOf, openLogFacts } from './log-storage.ts'
import { written } from './written.ts'

export type RetentionOptions = {
  environment: Environment
  clock: Clock
  ageMsMax: number
  /** Of all topics together, as stored. */
  bytesMax: number
  /** Nothing from this offset on is deleted (`createKeepFrom`). */
  keepFrom: (topic: LogTopic, partition: number) => number
}

/** Of at most `chunkBytesMax` each: some 4 MB a transaction, a few milliseconds of write lock. */
export const stepChunksMax = 128

type Head = { topic: LogTopic; partition: number; first: number; bytes: number; appendedAtMs: number }

/** One transaction; answers with the number of records deleted, 0 when nothing is left to do. */
export const retentionStep = (options: RetentionOptions): Promise<number> => {
  const { environment, clock, ageMsMax, bytesMax, keepFrom } = options
  const deleted = environment.root.childTransaction(() => {
    const heads = headsOf(environment).sort((a, b) => a.appendedAtMs - b.appendedAtMs)
    let excessBytes = heads.reduce((sum, { bytes }) => sum + bytes, 0) - bytesMax
    const oldestKept = clock.nowMs() - ageMsMax
    for (const { topic, partition, first, bytes } of heads) {
      const keep = keepFrom(topic, partition)
      const keys: [LogTopic, number, number][] = []
      let freed = 0
      for (const { key, value } of environment.chunks.getRange({ ...wholePartition(topic, partition), limit: stepChunksMax })) {
        const tooOld = chunkHeader(value as Buffer).appendedAtMs < oldestKept
        if (key[2] >= keep || !(tooOld || excessBytes > 0)) break
        keys.push(key)
        freed += value.length
        excessBytes -= value.length
      }
      const last = keys.at(-1)
      if (last === undefined) continue
      for (const key of keys) environment.chunks.removeSync(key)
      environment.bounds.putSync([topic, partition], {
        first: last[2] + 1,
        next: boundsOf(environment, topic, partition).next,
        bytes: bytes - freed,
      })
      return last[2] + 1 - first
    }
    return 0
  })
  return written(environment.root, deleted)
}

/** Steps until nothing is left to do, then again after `everyMs`. The answer stops it, after the step under way. */
export const startRetention = (
  options: RetentionOptions & { everyMs: number; onError: (error: unknown) => void },
): (() => Promise<void>) => {
  const stopping = new AbortController()
  const { signal } = stopping
  const stopped = (): boolean => signal.aborted
  const run = async (): Promise<void> => {
    while (!stopped()) {
      try {
        while (!stopped() && (await retentionStep(options)) > 0);
      } catch (error) {
        options.onError(error) // The next round tries again.
      }
      await sleep(options.everyMs, undefined, { signal }).catch(() => undefined) // Rejects when it is stopped.
    }
  }
  const running = run()
  return async () => {
    stopping.abort()
    await running
  }
}

const headsOf = (environment: Environment): Head[] => {
  const heads: Head[] = []
  for (const [topic, count] of openLogFacts(environment, undefined).partitionCounts) {
    if (compactedTopics.has(topic)) continue // By key, not by age (`compaction.ts`).
    for (let partition = 0; partition < count; partition++) {
      const { first, bytes } = boundsOf(environment, topic, partition)
      for (const { value } of environment.chunks.getRange({ ...wholePartition(topic, partition), limit: 1 })) {
        heads.push({ topic, partition, first, bytes, appendedAtMs: chunkHeader(value as Buffer).appendedAtMs })
      }
    }
  }
  return heads
}

const wholePartition = (topic: LogTopic, partition: number) => ({
  start: [topic, partition, 0] as [LogTopic, number, number],
  end: [topic, partition, Number.MAX_SAFE_INTEGER] as [LogTopic, number, number],
})
