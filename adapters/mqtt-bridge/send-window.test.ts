import { describe, expect, it } from 'vitest'
import { createSendWindow } from './send-window.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('send window', () => {
  it('has no more in flight than the broker takes, and keeps their order', async () => {
    const window = createSendWindow()
    window.allow(2)
    const started: number[] = []
    const ends: (() => void)[] = []
    const sent = [0, 1, 2, 3].map((n) =>
      window.run(() => {
        started.push(n)
        return new Promise((resolve) => ends.push(resolve))
      }),
    )
    await turn()
    expect(started).toEqual([0, 1])
    ends[1]?.()
    await turn()
    expect(started).toEqual([0, 1, 2])
    for (const end of ends) end()
    await turn()
    ends[3]?.()
    await Promise.all(sent)
    expect(started).toEqual([0, 1, 2, 3])
  })

  it('goes on after a failure', async () => {
    const window = createSendWindow()
    window.allow(1)
    const first = window.run(() => Promise.reject(new Error('closed')))
    const second = window.run(() => Promise.resolve())
    await expect(first).rejects.toThrow('closed')
    await second
  })

  it('lets as many wait as it may, and not one more', async () => {
    const window = createSendWindow(1)
    window.allow(1)
    let end: () => void = () => undefined
    const first = window.run(() => new Promise((resolve) => (end = resolve)))
    const second = window.run(() => Promise.resolve())
    await expect(window.run(() => Promise.resolve())).rejects.toMatchObject({ code: 'MQTT_UNAVAILABLE' })
    end()
    await Promise.all([first, second])
  })
})
