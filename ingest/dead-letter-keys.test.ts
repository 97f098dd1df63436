import { expect, it } from 'vitest'
import { createMemorySubjectKeys } from '../adapters/memory/memory-subject-keys.ts'
import { deadLetterKeyOf } from './accept.ts'
import { deadLetterKeyDaysMax, expireDeadLetterKeys } from './dead-letter-keys.ts'

it('a day’s dead letters can be read for 30 days after it, and never after that', async () => {
  const keys = createMemorySubjectKeys()
  const arrivedMs = Date.UTC(2026, 0, 5, 23, 59)
  const sealed = await keys.seal(deadLetterKeyOf(arrivedMs), Buffer.from('secret'))
  const readableAfterDays = async (days: number): Promise<boolean> => {
    await expireDeadLetterKeys(keys, arrivedMs + days * 86_400_000)
    return (await keys.open(deadLetterKeyOf(arrivedMs), sealed)) !== null
  }
  expect(await readableAfterDays(deadLetterKeyDaysMax - 1)).toBe(true)
  expect(await readableAfterDays(deadLetterKeyDaysMax)).toBe(false)
})

it('counts what it erased, once', async () => {
  const keys = createMemorySubjectKeys()
  const nowMs = Date.UTC(2026, 5, 1)
  for (const days of [0, 30, 31, 40]) await keys.seal(deadLetterKeyOf(nowMs - days * 86_400_000), Buffer.from('x'))
  expect([await expireDeadLetterKeys(keys, nowMs), await expireDeadLetterKeys(keys, nowMs)]).toEqual([2, 0])
})
