import { expect, it } from 'vitest'
import { nextRunMs } from './nightly-sample.ts'

const at = (text: string): number => Date.parse(`2026-01-05T${text}Z`)
const longAgoMs = at('00:00:00') - 86_400_000

it('runs at the next such time of day', () => {
  expect(nextRunMs('03:30', at('03:29:59.999'), longAgoMs)).toBe(at('03:30:00'))
  expect(nextRunMs('03:30', at('03:30:00'), longAgoMs)).toBe(at('03:30:00') + 86_400_000)
  expect(nextRunMs('03:30', at('23:00:00'), longAgoMs)).toBe(at('03:30:00') + 86_400_000)
})

it('keeps out of the first ten minutes of a start, and makes up for what falls into them', () => {
  expect(nextRunMs('03:30', at('03:29:00'), at('03:25:00'))).toBe(at('03:35:00'))
  expect(nextRunMs('03:30', at('03:29:00'), at('03:20:00'))).toBe(at('03:30:00'))
})
