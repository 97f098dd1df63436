import { describe, expect, it } from 'vitest'
import { createHandOver } from './hand-over.ts'

const puback = (...ids: number[]): string => Buffer.from(ids.flatMap((id) => [0x40, 2, id >> 8, id & 0xff])).toString('hex')

const setUp = (own: { messagesMax?: number; bytesMax?: number } = {}) => {
  const writes: string[] = []
  const failures: unknown[] = []
  let nowMs = 1_000
  let proceeded = 0
  let settled = 0
  const window = createHandOver({
    messagesMax: own.messagesMax ?? 3,
    bytesMax: own.bytesMax ?? 1_000,
    nowMs: () => nowMs,
    write: (acks) => writes.push(acks.toString('hex')),
    goOn: () => proceeded++,
    failed: (error) => failures.push(error),
    settled: () => settled++,
  })
  const gates: { resolve: () => void; reject: (error: unknown) => void }[] = []
  const take = (messageId: number | null, bytes = 1): void => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    gates.push({ resolve: () => resolve(undefined), reject })
    if (window.take(messageId, bytes, promise)) proceeded++
  }
  /** Promises and the tick queue have run after it. */
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    window,
    writes,
    failures,
    gates,
    take,
    turn,
    proceeded: () => proceeded,
    settled: () => settled,
    setNow: (ms: number) => (nowMs = ms),
  }
}

describe('hand-over window', () => {
  it('acknowledges in the order of arrival, whatever order the log answers in, and in one write', async () => {
    const { writes, gates, take, turn } = setUp()
    take(7)
    take(300)
    take(2)
    gates[2]?.resolve()
    gates[1]?.resolve()
    await turn()
    expect(writes).toEqual([])
    gates[0]?.resolve()
    await turn()
    expect(writes).toEqual([puback(7, 300, 2)])
  })

  it('lets the reader go on until the last place is taken, and again when there is room', async () => {
    const { window, gates, take, turn, proceeded, setNow } = setUp({ messagesMax: 3 })
    take(1)
    take(2)
    expect(proceeded()).toBe(2)
    setNow(5_000)
    take(3)
    expect([proceeded(), window.fullSinceMs(), window.waiting().messages]).toEqual([2, 5_000, 3])
    gates[0]?.resolve()
    await turn()
    expect([proceeded(), window.fullSinceMs(), window.waiting().messages]).toEqual([3, null, 2])
  })

  it('is full by bytes as well', async () => {
    const { window, gates, take, turn, proceeded } = setUp({ bytesMax: 1_000 })
    take(1, 999)
    expect(proceeded()).toBe(1)
    take(2, 1)
    expect([proceeded(), window.waiting().bytes]).toEqual([1, 1_000])
    gates[0]?.resolve()
    await turn()
    expect([proceeded(), window.waiting().bytes]).toEqual([2, 1])
  })

  it('gives QoS 0 messages room but no acknowledgement', async () => {
    const { window, writes, gates, take, turn } = setUp()
    take(null)
    take(9)
    gates[0]?.resolve()
    gates[1]?.resolve()
    await turn()
    expect([writes, window.waiting().messages]).toEqual([[puback(9)], 0])
  })

  it('acknowledges nothing after a failure, and tells of it once', async () => {
    const { writes, failures, gates, take, turn } = setUp()
    take(1)
    take(2)
    take(3)
    gates[1]?.reject('down')
    gates[2]?.reject('still down')
    gates[0]?.resolve()
    await turn()
    expect([writes, failures]).toEqual([[], ['down']])
  })

  it('acknowledges nothing after its end and lets nobody read on, but tells of what has settled', async () => {
    const { window, writes, failures, gates, take, turn, proceeded, settled } = setUp()
    take(1)
    take(2)
    window.end()
    take(3)
    gates[0]?.resolve()
    gates[1]?.reject('late')
    await turn()
    expect([writes, failures, proceeded(), settled()]).toEqual([[], [], 2, 2])
    gates[2]?.resolve()
    await turn()
    expect(settled()).toBe(3)
  })

  it('paused, acknowledges what is in hand and lets nobody read on', async () => {
    const { window, writes, gates, take, turn, proceeded } = setUp()
    take(1)
    window.pause()
    take(2)
    gates[0]?.resolve()
    gates[1]?.resolve()
    await turn()
    expect([writes, proceeded(), window.fullSinceMs()]).toEqual([[puback(1, 2)], 1, null])
  })
})
