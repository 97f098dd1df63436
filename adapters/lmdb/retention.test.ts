import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LogTopic } from '../../model/ports.ts'
import { type RetentionOptions, retentionStep, startRetention, stepChunksMax } from './retention.ts'
import { openTemporaryLog, type TemporaryLog } from './temporary-log.fixture.ts'

const startMs = 1_767_600_000_000
const everything = Number.POSITIVE_INFINITY

describe('retention', () => {
  let nowMs: number
  let opened: TemporaryLog
  beforeEach(() => {
    nowMs = startMs
    opened = openTemporaryLog({ clock: { nowMs: () => nowMs } })
  })
  afterEach(() => opened.close())

  const append = (bytes = 100, partition = 0, topic: LogTopic = 'device-events') =>
    opened.log.append(topic, [{ partition, key: 'k', value: Buffer.alloc(bytes) }])
  const options = (more: Partial<RetentionOptions>): RetentionOptions => ({
    environment: opened.environment,
    clock: { nowMs: () => nowMs },
    ageMsMax: 1e15,
    bytesMax: everything,
    keepFrom: () => everything,
    ...more,
  })
  const run = async (more: Partial<RetentionOptions>): Promise<number[]> => {
    const steps: number[] = []
    for (let deleted = -1; deleted !== 0; steps.push(deleted)) deleted = await retentionStep(options(more))
    return steps.slice(0, -1)
  }
  const first = async (partition = 0, topic: LogTopic = 'device-events') => (await opened.log.bounds(topic, partition)).first

  it('deletes records older than the age, and not those just as old', async () => {
    await append()
    nowMs += 1
    await append()
    await append(100, 1)
    nowMs += 1000
    expect(await run({ ageMsMax: 1000 })).toEqual([1])
    expect([await first(0), await first(1)]).toEqual([1, 0])
  })

  it('cuts the log at its old end, over all topics, until it is small enough', async () => {
    await append(1000, 0)
    nowMs += 1
    await append(1000, 0, 'dead-letters')
    nowMs += 1
    await append(1000, 0)
    const stored = 3 * (1000 + 18)
    expect(await run({ bytesMax: stored })).toEqual([])
    expect(await run({ bytesMax: stored - 1 })).toEqual([1])
    expect([await first(0), await first(0, 'dead-letters')]).toEqual([1, 0])
    expect(await run({ bytesMax: 0 })).toEqual([1, 1])
    expect(opened.environment.chunks.getKeysCount()).toBe(0)
  })

  it('never deletes what a group has not finished, however old or large', async () => {
    for (let n = 0; n < 5; n++) await append()
    nowMs += 10_000
    expect(await run({ ageMsMax: 1, bytesMax: 0, keepFrom: () => 3 })).toEqual([3])
    expect(await first()).toBe(3)
  })

  it('passes over a partition that is still needed to the next oldest', async () => {
    await append(100, 0)
    nowMs += 1
    await append(100, 1)
    expect(await run({ bytesMax: 0, keepFrom: (_, partition) => (partition === 0 ? 0 : everything) })).toEqual([1])
    expect([await first(0), await first(1)]).toEqual([0, 1])
  })

  it('takes small steps', async () => {
    for (let n = 0; n < stepChunksMax + 1; n++) await append()
    expect(await run({ bytesMax: 0 })).toEqual([stepChunksMax, 1])
  })

  it('runs until nothing is left, again after a while, tells failures and goes on', async () => {
    await append()
    const errors: unknown[] = []
    let failing = true
    const keepFrom = (): number => {
      if (failing) throw new Error('not now')
      return everything
    }
    const stop = startRetention({ ...options({ bytesMax: 0, keepFrom }), everyMs: 5, onError: (error) => errors.push(error) })
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1))
    failing = false
    await vi.waitFor(async () => expect(await first()).toBe(1))
    await append()
    await vi.waitFor(async () => expect(await first()).toBe(2))
    await stop()
  })
})
