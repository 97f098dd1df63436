/** What every EventLog does, whichever engine. Run by each adapter's test with its own way to open one. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsumeOptions, EventLog, LogBatch, LogRecord, LogTopic, StoredRecord } from '../model/ports.ts'

export type OpenedLog = {
  log: EventLog
  /** As retention does. */
  deleteBefore: (topic: LogTopic, partition: number, offset: number) => Promise<void>
  close: () => Promise<void>
}
/** Opens an empty log with 3 partitions of device-events and this clock. */
export type OpenLog = (clock: { nowMs: () => number }) => Promise<OpenedLog>

const topic = 'device-events'
const arrivedAtMs = 1_767_600_000_000
const record = (text: string, partition = 0): LogRecord => ({ partition, key: `key of ${text}`, value: Buffer.from(text) })
const texts = (records: readonly StoredRecord[]): string[] => records.map(({ value }) => Buffer.from(value).toString())
const all = async (log: EventLog, partition = 0, from = 0, to = Number.MAX_SAFE_INTEGER): Promise<StoredRecord[]> => {
  const records: StoredRecord[] = []
  for await (const stored of log.read(topic, partition, from, to)) records.push(stored)
  return records
}

export const describeEventLog = (engine: string, open: OpenLog): void => {
  describe(`event log, ${engine}`, () => {
    let nowMs = arrivedAtMs
    let opened: OpenedLog
    let log: EventLog
    let batches: LogBatch[]
    let errors: Error[]

    beforeEach(async () => {
      nowMs = arrivedAtMs
      opened = await open({ nowMs: () => nowMs })
      log = opened.log
      batches = []
      errors = []
    })
    afterEach(() => opened.close())

    const consume = (options: Partial<ConsumeOptions> = {}) =>
      log.consume({
        group: 'test',
        topics: [topic],
        startAt: async () => ({ next: 0, repeatTo: null }),
        onBatch: async (batch) => {
          batches.push(batch)
        },
        batchRecordsMax: 1000,
        batchBytesMax: 1_000_000,
        batchAfterMs: 0,
        onError: (error) => errors.push(error),
        ...options,
      })
    const seen = (partition = 0): string[] =>
      batches.filter((batch) => batch.partition === partition).flatMap(({ records }) => texts(records))

    it('gives offsets from 0 per partition, in the order given', async () => {
      expect(await log.append(topic, [record('a'), record('b', 1), record('c')])).toEqual([0, 0, 1])
      expect(await log.append(topic, [record('d'), record('e', 1)])).toEqual([2, 1])
      expect(await all(log)).toEqual([
        { offset: 0, appendedAtMs: arrivedAtMs, key: 'key of a', value: Buffer.from('a') },
        { offset: 1, appendedAtMs: arrivedAtMs, key: 'key of c', value: Buffer.from('c') },
        { offset: 2, appendedAtMs: arrivedAtMs, key: 'key of d', value: Buffer.from('d') },
      ])
      expect(texts(await all(log, 1))).toEqual(['b', 'e'])
      expect(await log.bounds(topic, 0)).toEqual({ first: 0, next: 3 })
    })

    it('gives concurrent appends offsets in the order of their calls', async () => {
      const appends = Array.from({ length: 500 }, (_, index) => log.append(topic, [record(`${index}`)]))
      expect(await Promise.all(appends)).toEqual(Array.from({ length: 500 }, (_, index) => [index]))
      expect(texts(await all(log))).toEqual(Array.from({ length: 500 }, (_, index) => `${index}`))
    })

    it('keeps topics apart, and each with its own count of partitions', async () => {
      await log.append('dead-letters', [record('refused')])
      expect(await log.bounds(topic, 0)).toEqual({ first: 0, next: 0 })
      expect(await log.bounds('dead-letters', 0)).toEqual({ first: 0, next: 1 })
      expect([log.partitionCount(topic), log.partitionCount('dead-letters')]).toEqual([3, 1])
    })

    it('keeps empty and large values and keys of any text', async () => {
      const large = Buffer.alloc(1_100_000, 'x')
      const records = [
        { partition: 0, key: '', value: new Uint8Array(0) },
        { partition: 0, key: 'world/中華民國/\u{1F4E1}', value: large },
        record('after'),
      ]
      await log.append(topic, records)
      const stored = await all(log)
      expect(stored.map(({ key }) => key)).toEqual(['', 'world/中華民國/\u{1F4E1}', 'key of after'])
      expect(stored.map(({ value }) => value.length)).toEqual([0, 1_100_000, 5])
      expect(Buffer.compare(stored[1]?.value ?? new Uint8Array(0), large)).toBe(0)
    })

    it('appends nothing when called with nothing, and nothing of a call with a partition that is not there', async () => {
      expect(await log.append(topic, [])).toEqual([])
      await expect(log.append(topic, [record('a'), record('b', 3)])).rejects.toThrow(/partition .* under 3, got 3/)
      expect(await log.bounds(topic, 0)).toEqual({ first: 0, next: 0 })
    })

    it('reads a range, its end excluded, and starts at the first retained record', async () => {
      await log.append(
        topic,
        ['a', 'b', 'c', 'd'].map((text) => record(text)),
      )
      expect(texts(await all(log, 0, 1, 3))).toEqual(['b', 'c'])
      expect(await all(log, 0, 4, 9)).toEqual([])
      await log.append(topic, [record('e')])
      await opened.deleteBefore(topic, 0, 4)
      expect(texts(await all(log, 0, 0, 9))).toEqual(['e'])
      expect(await log.bounds(topic, 0)).toEqual({ first: 4, next: 5 })
    })

    it('never gives an offset again, even when all records are deleted', async () => {
      await log.append(topic, [record('a'), record('b')])
      await opened.deleteBefore(topic, 0, 2)
      expect(await log.bounds(topic, 0)).toEqual({ first: 2, next: 2 })
      expect(await log.append(topic, [record('c')])).toEqual([2])
    })

    it('hands out what was there and what comes, in order, without holes', async () => {
      await log.append(topic, [record('a'), record('b', 1)])
      const consumer = await consume()
      await vi.waitFor(() => expect([seen(0), seen(1)]).toEqual([['a'], ['b']]))
      await log.append(topic, [record('c'), record('d')])
      await vi.waitFor(() => expect(seen(0)).toEqual(['a', 'c', 'd']))
      expect(consumer.lagRecords()).toBe(0)
      await consumer.stop()
      await consumer.stop()
      await log.append(topic, [record('late')])
      expect(consumer.lagRecords()).toBe(1)
      expect(seen(0)).toEqual(['a', 'c', 'd'])
    })

    it('cuts a batch at the count of records', async () => {
      await log.append(
        topic,
        ['a', 'b', 'c', 'd', 'e'].map((text) => record(text)),
      )
      await consume({ batchRecordsMax: 2 })
      await vi.waitFor(() => expect(seen()).toHaveLength(5))
      expect(batches.map(({ firstOffset, lastOffset, records }) => [firstOffset, lastOffset, records.length])).toEqual([
        [0, 1, 2],
        [2, 3, 2],
        [4, 4, 1],
      ])
    })

    it('cuts a batch at its bytes, and a larger record comes alone', async () => {
      const of = (bytes: number): LogRecord => ({ partition: 0, key: 'k', value: Buffer.alloc(bytes) })
      await log.append(topic, [of(50), of(50), of(1), of(101), of(60), of(41)])
      await consume({ batchBytesMax: 100 })
      await vi.waitFor(() => expect(seen()).toHaveLength(6))
      expect(batches.map(({ records }) => records.map(({ value }) => value.length))).toEqual([[50, 50], [1], [101], [60], [41]])
    })

    it('waits for more until the first record has waited long enough', async () => {
      await log.append(topic, [record('a')])
      await consume({ batchAfterMs: 1000, batchRecordsMax: 3 })
      nowMs = arrivedAtMs + 999
      await log.append(topic, [record('b')])
      let looks = 0
      await vi.waitFor(() => expect(++looks).toBeGreaterThan(3)) // Some looks of the consumer later.
      expect(batches).toEqual([])
      nowMs = arrivedAtMs + 1000
      await vi.waitFor(() => expect(seen()).toEqual(['a', 'b']))
      expect(batches).toHaveLength(1)
    })

    it('has one batch in flight per partition, and partitions do not wait for each other', async () => {
      let release = (): void => undefined
      const gate = new Promise<void>((resolve) => (release = resolve))
      await log.append(topic, [record('a'), record('b'), record('other', 1)])
      await consume({
        batchRecordsMax: 1,
        onBatch: async (batch) => {
          batches.push(batch)
          if (batch.partition === 0) await gate
        },
      })
      // Which partition comes first is the log's affair.
      await vi.waitFor(() => expect([seen(0), seen(1)]).toEqual([['a'], ['other']]))
      release()
      await vi.waitFor(() => expect(seen(0)).toEqual(['a', 'b']))
    })

    it('repeats a failed batch with the same bounds, whatever has come since', async () => {
      await log.append(topic, [record('a'), record('b')])
      let failures = 2
      await consume({
        onBatch: async (batch) => {
          batches.push(batch)
          if (failures-- > 0) {
            await log.append(topic, [record('c')])
            throw new Error('the warehouse is down')
          }
        },
      })
      await vi.waitFor(() => expect(batches.length).toBe(4), { timeout: 5000 })
      expect(batches.map(({ records }) => texts(records))).toEqual([
        ['a', 'b'],
        ['a', 'b'],
        ['a', 'b'],
        ['c', 'c'],
      ])
      expect(errors.map(({ message }) => message)).toEqual(['the warehouse is down', 'the warehouse is down'])
    })

    it('starts with exactly the pending range, whatever the limits', async () => {
      await log.append(
        topic,
        ['a', 'b', 'c', 'd', 'e', 'f'].map((text) => record(text)),
      )
      await consume({
        batchRecordsMax: 2,
        startAt: async (_, partition) => (partition === 0 ? { next: 1, repeatTo: 4 } : { next: 0, repeatTo: null }),
      })
      await vi.waitFor(() => expect(seen()).toHaveLength(5))
      expect(batches.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual([
        [1, 4],
        [5, 5],
      ])
    })

    it('comes to a pending range that lies ahead by batches that end before it, and takes it whole', async () => {
      await log.append(
        topic,
        ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((text) => record(text)),
      )
      await consume({
        batchRecordsMax: 2,
        startAt: async (_, partition) => (partition === 0 ? { next: 0, repeatFrom: 3, repeatTo: 5 } : { next: 0, repeatTo: null }),
      })
      await vi.waitFor(() => expect(seen()).toHaveLength(8))
      expect(batches.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual([
        [0, 1],
        [2, 2],
        [3, 5],
        [6, 7],
      ])
    })

    it('refuses to start before the first retained record, unless nothing was lost', async () => {
      await log.append(topic, [record('a'), record('b'), record('c')])
      await opened.deleteBefore(topic, 0, 3)
      const startAt = (next: number) => async (_: LogTopic, partition: number) => ({ next: partition === 0 ? next : 0, repeatTo: null })
      await expect(consume({ startAt: startAt(2) })).rejects.toMatchObject({ code: 'LOG_OFFSET_BEHIND_RETENTION' })
      const consumer = await consume({ startAt: startAt(3) })
      await log.append(topic, [record('d')])
      await vi.waitFor(() => expect(seen()).toEqual(['d']))
      await consumer.stop()
    })

    it('refuses a start or a pending range beyond the end of the log', async () => {
      await log.append(topic, [record('a')])
      const from = (next: number, repeatTo: number | null) => async (_: LogTopic, partition: number) =>
        partition === 0 ? { next, repeatTo } : { next: 0, repeatTo: null }
      await expect(consume({ startAt: from(2, null) })).rejects.toMatchObject({ code: 'STAGE_MARK_BEYOND_LOG' })
      await expect(consume({ startAt: from(0, 1) })).rejects.toMatchObject({ code: 'STAGE_MARK_BEYOND_LOG' })
      await (await consume({ startAt: from(1, null) })).stop()
    })

    it('stops only after the batch in flight', async () => {
      let release = (): void => undefined
      const gate = new Promise<void>((resolve) => (release = resolve))
      let finished = false
      await log.append(topic, [record('a')])
      const consumer = await consume({
        onBatch: async (batch) => {
          batches.push(batch)
          await gate
          finished = true
        },
      })
      await vi.waitFor(() => expect(batches).toHaveLength(1))
      const stopping = consumer.stop()
      release()
      await stopping
      expect(finished).toBe(true)
    })

    it('refuses appends once closed', async () => {
      await log.append(topic, [record('a')])
      await log.close()
      await expect(log.append(topic, [record('b')])).rejects.toMatchObject({ code: 'LOG_CLOSED' })
    })
  })
}
