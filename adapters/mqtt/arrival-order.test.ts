import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArrivalOrder } from './arrival-order.ts'

describe('arrival order', () => {
  it('is kept however the promises settle, and ends with the first that fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), fc.option(fc.nat(5)), async (settleOrder, failing) => {
        const accepted: number[] = []
        const failures: unknown[] = []
        const order = new ArrivalOrder((error) => failures.push(error))
        const settle = Array.from({ length: 6 }, (_, n) => {
          const { promise, resolve, reject } = Promise.withResolvers<undefined>()
          order.add(promise, () => accepted.push(n))
          return n === failing ? () => reject(n) : () => resolve(undefined)
        })
        for (const n of settleOrder) {
          settle[n]?.()
          await Promise.resolve()
        }
        await new Promise((resolve) => setImmediate(resolve))
        expect(failures).toEqual(failing === null ? [] : [failing])
        expect(accepted).toEqual([0, 1, 2, 3, 4, 5].slice(0, accepted.length)) // In order, without holes ...
        expect(accepted).not.toContain(failing) // ... and nothing from the failed one on.
        if (failing === null) expect(accepted).toHaveLength(6)
      }),
    )
  })
})
