/** Waiting ends. */
import { describe, expect, it, vi } from 'vitest'
import { atMost, TookTooLong, within } from './within.ts'

const never = new Promise<never>(() => undefined)

describe('waiting', () => {
  it('gives what the work gives, and its error', async () => {
    expect(await within(Promise.resolve(7), 1000, 'no answer')).toBe(7)
    await expect(within(Promise.reject(new Error('refused')), 1000, 'no answer')).rejects.toThrow('refused')
  })

  it('ends with what it waited for once the time is over, not before', async () => {
    vi.useFakeTimers()
    try {
      let error: unknown
      within(never, 1000, 'no answer').catch((reason: unknown) => (error = reason))
      await vi.advanceTimersByTimeAsync(999)
      expect(error).toBe(undefined)
      await vi.advanceTimersByTimeAsync(1)
      expect(error).toEqual(new TookTooLong('no answer for 1000 ms'))
      expect(error).toBeInstanceOf(TookTooLong)
    } finally {
      vi.useRealTimers()
    }
  })

  it('goes on at the end of the time when the outcome does not matter, and leaves no timer behind', async () => {
    vi.useFakeTimers()
    try {
      let passed = false
      void atMost(1000, never).then(() => (passed = true))
      await vi.advanceTimersByTimeAsync(999)
      expect(passed).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(passed).toBe(true)
      await atMost(1000, Promise.resolve())
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})
