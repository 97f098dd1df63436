import { afterEach, describe, expect, it, vi } from 'vitest'
import { createWaitingRoom } from './waiting-room.ts'

afterEach(() => void vi.useRealTimers())

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the waiting room', () => {
  it('lets one in at once when nobody waits', () => {
    const entered: number[] = []
    const room = createWaitingRoom({ perSecondMax: 1_000, waitingMax: 10 })
    expect(room.add(() => entered.push(1))).toBe(true)
    expect(entered).toEqual([1])
    expect(room.waiting()).toBe(0)
    room.close()
  })

  it('lets eight in for each turn of the event loop, in the order in which they came', async () => {
    const entered: number[] = []
    const room = createWaitingRoom({ perSecondMax: 1_000_000, waitingMax: 100 })
    for (let n = 0; n < 20; n++) room.add(() => entered.push(n))
    expect(entered).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await turn()
    expect(entered).toHaveLength(16)
    await turn()
    expect(entered).toEqual(Array.from({ length: 20 }, (_, n) => n))
    room.close()
  })

  it('keeps to its pace: in two seconds the burst and twice the rate', async () => {
    vi.useFakeTimers()
    let entered = 0
    const room = createWaitingRoom({ perSecondMax: 100, waitingMax: 1_000, nowMs: Date.now })
    for (let n = 0; n < 1_000; n++) room.add(() => entered++)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(entered).toBeGreaterThanOrEqual(195)
    expect(entered).toBeLessThanOrEqual(205)
    expect(room.waiting()).toBe(1_000 - entered)
    room.close()
  })

  it('is full at its maximum exactly, and has room again when one has entered', async () => {
    vi.useFakeTimers()
    const room = createWaitingRoom({ perSecondMax: 1, waitingMax: 3, nowMs: Date.now })
    const add = (): boolean => room.add(() => undefined)
    expect([add(), add(), add(), add(), add()]).toEqual([true, true, true, true, false]) // One has entered, three wait.
    await vi.advanceTimersByTimeAsync(1_000)
    expect(room.waiting()).toBe(2)
    expect([add(), add()]).toEqual([true, false])
    room.close()
  })

  it('lets nobody in once it is closed', async () => {
    vi.useFakeTimers()
    let entered = 0
    const room = createWaitingRoom({ perSecondMax: 10, waitingMax: 10, nowMs: Date.now })
    for (let n = 0; n < 5; n++) room.add(() => entered++)
    room.close()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(entered).toBe(1)
  })
})
