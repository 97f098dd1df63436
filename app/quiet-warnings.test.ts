import { expect, it } from 'vitest'
import { oncePerMinute } from './quiet-warnings.ts'

it('tells the first at once, then one a minute with the count', () => {
  let nowMs = 0
  const told: [unknown, number][] = []
  const warning = oncePerMinute(
    () => nowMs,
    (error, times) => told.push([error, times]),
  )
  warning.tell('a')
  nowMs = 59_999
  warning.tell('b')
  warning.tell('c')
  nowMs = 60_000
  warning.tell('d')
  expect(told).toEqual([
    ['a', 1],
    ['d', 3],
  ])
})
