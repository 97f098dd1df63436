/** What the suite for every log does not cover: the disk, and the limits of this one. */
import { afterEach, describe, expect, it } from 'vitest'
import type { LogTopic } from '../../model/ports.ts'
import { chunkBytesMax, keyBytesMax } from './chunk.ts'
import { commitBytesMax, openEventLog, waitingBytesMax } from './event-log.ts'
import { retentionStep } from './retention.ts'
import { openTemporaryLog, readAll, type TemporaryLog } from './temporary-log.fixture.ts'

const topic = 'device-events'
const record = (bytes: number, key = 'k') => ({ partition: 0, key, value: Buffer.alloc(bytes, 'v') })
const chunkCount = ({ environment }: TemporaryLog): number => {
  environment.refresh()
  return environment.chunks.getKeysCount()
}

describe('LMDB log', () => {
  let opened: TemporaryLog
  afterEach(() => opened.close())

  it('refuses appends while the disk is under the low-water mark, still reads, and recovers by itself', async () => {
    let free = 1e9
    opened = openTemporaryLog({ diskFreeBytesMin: 1e9, diskFreeBytes: () => free })
    const { log } = opened
    await log.append(topic, [record(1)])
    free = 0
    await expect(log.append(topic, [record(1)])).rejects.toMatchObject({ code: 'LOG_DISK_FULL', retryable: true })
    expect(await readAll(log.read(topic, 0, 0, 9))).toHaveLength(1)
    free = 1e9
    expect(await log.append(topic, [record(1)])).toEqual([1])
  })

  it('counts room inside the file as free, since deleting records does not shrink it', async () => {
    let free = 2_000_000
    opened = openTemporaryLog({ diskFreeBytesMin: 1_500_000, diskFreeBytes: () => free })
    const { log, environment } = opened
    for (let n = 0; n < 20; n++) await log.append(topic, [record(100_000)])
    free = 375_000 // A quarter of the mark must be free whatever the file has.
    await expect(log.append(topic, [record(1)])).rejects.toMatchObject({ code: 'LOG_DISK_FULL' })
    const retention = { environment, clock: { nowMs: () => 0 }, ageMsMax: 1e15, bytesMax: 0, keepFrom: () => Number.POSITIVE_INFINITY }
    while ((await retentionStep(retention)) > 0);
    expect(environment.reusableBytes()).toBeGreaterThan(1_900_000)
    expect(await log.append(topic, [record(1)])).toEqual([20])
  })

  it('of an earlier release gets the topics that came since, and keeps its id, its records and its count of partitions', async () => {
    opened = openTemporaryLog({ partitions: 3 })
    const { environment, log } = opened
    await log.append(topic, [record(1), record(2)])
    for (const later of ['fleet-signals', 'alarms-current']) environment.facts.removeSync(`partitions:${later}`)
    const anew = openEventLog({ environment, clock: { nowMs: () => 0 }, diskFreeBytesMin: 0 })
    expect(anew.logId).toBe(log.logId)
    expect([topic, 'fleet-signals', 'alarms-current'].map((name) => anew.partitionCount(name as LogTopic))).toEqual([3, 1, 3])
    expect(await anew.append('fleet-signals', [record(1)])).toEqual([0])
    expect(await readAll(anew.read(topic, 0, 0, 9))).toHaveLength(2)
    await anew.close()
  })

  it('delivers in time after the wall clock has stepped back an hour', async () => {
    let nowMs = Date.now()
    opened = openTemporaryLog({ clock: { nowMs: () => nowMs } })
    await opened.log.append(topic, [record(1), record(1)])
    nowMs -= 3_600_000
    const limits = { batchRecordsMax: 20_000, batchBytesMax: 1e6, batchAfterMs: 50 }
    const delivered = await new Promise<number>((resolve, reject) => {
      const onBatch = async ({ records }: { records: readonly unknown[] }): Promise<void> => resolve(records.length)
      void opened.log.consume({
        group: 'g',
        topics: [topic],
        startAt: async () => ({ next: 0, repeatTo: null }),
        ...limits,
        onBatch,
        onError: reject,
      })
    })
    expect(delivered).toBe(2)
  })

  it('puts the appends of one turn into one commit, and up to 32 KiB of records into one value', async () => {
    opened = openTemporaryLog()
    const recordBytes = 6 + 1 + 993
    const perChunk = Math.floor((chunkBytesMax - 11) / recordBytes)
    await Promise.all(Array.from({ length: perChunk }, () => opened.log.append(topic, [record(993)])))
    expect(chunkCount(opened)).toBe(1)
    await Promise.all(Array.from({ length: perChunk + 1 }, () => opened.log.append(topic, [record(993)])))
    expect(chunkCount(opened)).toBe(3)
    expect((await readAll(opened.log.read(topic, 0, 0, 1e9))).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 2 * perChunk + 1 }, (_, n) => n),
    )
  })

  it('takes keys up to 65,535 bytes and refuses a longer one before it shares a commit', async () => {
    opened = openTemporaryLog()
    const longest = '\u00e9'.repeat(32_767) + 'x'
    expect(Buffer.byteLength(longest)).toBe(keyBytesMax)
    const [good, bad] = await Promise.allSettled([
      opened.log.append(topic, [record(1, longest)]),
      opened.log.append(topic, [record(1, `${longest}x`)]),
    ])
    expect(good).toEqual({ status: 'fulfilled', value: [0] })
    expect(bad).toMatchObject({ status: 'rejected', reason: { message: 'Expected a key of at most 65535 bytes, got 65536' } })
    expect((await readAll(opened.log.read(topic, 0, 0, 9))).map(({ key }) => key)).toEqual([longest])
  })

  it('splits what waits into commits of at most 16 MiB, and still keeps the order', async () => {
    opened = openTemporaryLog()
    const third = Math.floor(commitBytesMax / 3)
    const transactions = (): number => (opened.environment.root.getStats() as { lastTxnId: number }).lastTxnId
    const before = transactions()
    expect(await Promise.all(Array.from({ length: 4 }, () => opened.log.append(topic, [record(third)])))).toEqual([[0], [1], [2], [3]])
    opened.environment.refresh()
    expect(transactions() - before).toBe(2)
  })

  it('refuses an append when too much waits already, and takes it again later', async () => {
    opened = openTemporaryLog({ waitingBytesMax: 1000 })
    const first = opened.log.append(topic, [record(1000)]) // One larger than all that may wait is taken alone.
    await expect(opened.log.append(topic, [record(1)])).rejects.toMatchObject({ code: 'LOG_OVERLOADED', retryable: true })
    expect(await first).toEqual([0])
    const exact = [opened.log.append(topic, [record(300)]), opened.log.append(topic, [record(300)])]
    await expect(opened.log.append(topic, [record(1)])).rejects.toMatchObject({ code: 'LOG_OVERLOADED' })
    expect(await Promise.all(exact)).toEqual([[1], [2]])
    expect(waitingBytesMax).toBe(256 * 1024 * 1024)
  })

  it('finishes what was appended before it closes', async () => {
    opened = openTemporaryLog()
    const append = opened.log.append(topic, [record(1)])
    await opened.log.close()
    expect(await append).toEqual([0])
  })
})
