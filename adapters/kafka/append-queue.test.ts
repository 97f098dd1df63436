/** The queue before the brokers, with a sender in the place of a client: order, one send at a time, limits, failures. */
import { describe, expect, it, vi } from 'vitest'
import type { LogRecord } from '../../model/ports.ts'
import {
  type AppendQueueOptions,
  batchBytesMax,
  createAppendQueue,
  heldMsMax,
  type OutgoingBatch,
  sendBytesMax,
  waitingBytesMax,
} from './append-queue.ts'

const topic = 'device-events'
const record = (bytes: number, partition = 0): LogRecord => ({ partition, key: '', value: Buffer.alloc(bytes) })
/** What the queue counts for a record beside its value. */
const overhead = 100

type Sent = { batches: readonly OutgoingBatch[]; sender: number; resolve: () => void; reject: (error: Error) => void }

const setUp = (options: Partial<AppendQueueOptions> = {}) => {
  const sent: Sent[] = []
  const next = new Map<string, number>()
  let senders = 0
  const closed: number[] = []
  const errors: Error[] = []
  const queue = createAppendQueue({
    openSender: async () => {
      const sender = senders++
      return {
        send: (batches) =>
          new Promise((resolve, reject) => {
            const answer = (): void =>
              resolve(
                batches.map(({ topic: own, partition, records }) => {
                  const first = next.get(`${own}:${partition}`) ?? 0
                  next.set(`${own}:${partition}`, first + records.length)
                  return first
                }),
              )
            sent.push({ batches, sender, resolve: answer, reject })
          }),
        close: async () => {
          closed.push(sender)
        },
      }
    },
    clock: { nowMs: () => 0 },
    lingerMsMax: 0,
    onError: (error) => errors.push(error),
    onAppended: () => undefined,
    ...options,
  })
  const counts = (): number[][] => sent.map(({ batches }) => batches.map(({ records }) => records.length))
  const answered = async (at: number): Promise<void> => {
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(at))
    sent[at]?.resolve()
  }
  return { queue, sent, closed, errors, counts, answered }
}

describe('appends on their way to Kafka', () => {
  it('leave together when they come together, one send at a time, and get their offsets in the order of the calls', async () => {
    const { queue, counts, answered } = setUp()
    const first = [queue.append(topic, [record(1), record(1, 1)]), queue.append(topic, [record(1)])]
    await vi.waitFor(() => expect(counts()).toEqual([[2, 1]]))
    const second = queue.append(topic, [record(1), record(1, 1)])
    expect(counts()).toHaveLength(1)
    await answered(0)
    await answered(1)
    expect(await Promise.all([...first, second])).toEqual([[0, 0], [1], [2, 1]])
  })

  it('are cut at the bytes of a batch, exactly, and a larger record goes alone', async () => {
    const { queue, counts, answered } = setUp()
    const half = batchBytesMax / 2 - overhead
    const appends = [
      queue.append(topic, [record(half), record(half), record(0)]),
      queue.append(topic, [record(batchBytesMax)]),
      queue.append(topic, [record(0)]),
    ]
    for (const at of [0, 1, 2, 3]) await answered(at)
    expect(await Promise.all(appends)).toEqual([[0, 1, 2], [3], [4]])
    expect(counts()).toEqual([[2], [1], [1], [1]])
  })

  it('are cut at the bytes of a send over all partitions', async () => {
    const { queue, counts, answered } = setUp()
    const size = batchBytesMax - overhead
    const fit = Math.floor(sendBytesMax / batchBytesMax)
    const append = queue.append(
      topic,
      Array.from({ length: fit + 1 }, (_, partition) => record(size, partition)),
    )
    await answered(0)
    await answered(1)
    expect(await append).toEqual(Array.from({ length: fit + 1 }, () => 0))
    expect(counts()).toEqual([Array.from({ length: fit }, () => 1), [1]])
  })

  it('are rejected with the send that failed, and the next ones go by another producer', async () => {
    const { queue, sent, closed, answered } = setUp()
    const lost = queue.append(topic, [record(1)])
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    const next = queue.append(topic, [record(1)])
    sent[0]?.reject(new Error('the connection is gone'))
    await expect(lost).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('the connection is gone') as string,
    })
    await answered(1)
    expect(await next).toEqual([0])
    expect([sent.map(({ sender }) => sender), closed]).toEqual([[0, 1], [0]])
  })

  it('are rejected when nothing is acknowledged for too long, in flight and waiting', async () => {
    const { queue, sent } = setUp({ heldMsMax: 50 })
    const inFlight = expect(queue.append(topic, [record(1)])).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    const waits = expect(queue.append(topic, [record(1)])).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    await inFlight
    await waits
    expect(heldMsMax).toBe(30_000)
  })

  it('are held while no producer can be made, told, and rejected when that takes too long', async () => {
    const { queue, errors } = setUp({ heldMsMax: 300, openSender: () => Promise.reject(new Error('nobody listens')) })
    await expect(queue.append(topic, [record(1)])).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
      message: expect.stringContaining('300 ms') as string,
    })
    expect(errors.length).toBeGreaterThan(0)
  })

  it('are refused beyond the bytes that may wait, and a lone larger one is taken', async () => {
    const { queue, sent, answered } = setUp({ waitingBytesMax: 1_000 })
    const large = queue.append(topic, [record(1_000)])
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    const fits = queue.append(topic, [record(1_000 - overhead)])
    await expect(queue.append(topic, [record(0)])).rejects.toMatchObject({ code: 'LOG_OVERLOADED' })
    await answered(0)
    await answered(1)
    expect(await Promise.all([large, fits])).toEqual([[0], [1]])
    expect(waitingBytesMax).toBe(256 * 1024 * 1024)
  })

  it('wait for company only while it keeps coming', async () => {
    const { queue, counts, answered } = setUp({ lingerMsMax: 1_000 })
    const startedMs = performance.now()
    const lone = queue.append(topic, [record(1)])
    await answered(0)
    await lone
    expect(performance.now() - startedMs).toBeLessThan(500)
    const crowd = [queue.append(topic, [record(1)])]
    for (let n = 0; n < 20; n++) {
      await new Promise((resolve) => setImmediate(resolve))
      crowd.push(queue.append(topic, [record(1)]))
    }
    await answered(1)
    await vi.waitFor(() =>
      expect(
        counts()
          .flat()
          .reduce((sum, count) => sum + count, 0),
      ).toBe(22),
    )
    expect(counts().length).toBeLessThan(8)
    await answered(counts().length - 1)
    await Promise.all(crowd)
  })

  it('finish before the queue closes, which then refuses', async () => {
    const { queue, answered } = setUp()
    const append = queue.append(topic, [record(1)])
    const closing = queue.close()
    await answered(0)
    await closing
    expect(await append).toEqual([0])
    await expect(queue.append(topic, [record(1)])).rejects.toMatchObject({ code: 'LOG_CLOSED' })
  })
})
