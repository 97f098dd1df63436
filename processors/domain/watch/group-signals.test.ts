/** Which cell is a device's usual one, and whether it has one. */
import { describe, expect, it } from 'vitest'
import { minuteMs, radio } from '../../../test/fleet-fakes.ts'
import { arrivalMs } from '../../../test/stage-fakes.ts'
import { initialMark, noteGroups } from './group-signals.ts'

/** Cells by minutes: a reading each minute. */
const markAfter = (...stays: [cellId: number, minutes: number][]) => {
  const mark = initialMark()
  let ms = 0
  for (const [cellId, minutes] of stays)
    for (let minute = 0; minute < minutes; minute++, ms += minuteMs) noteGroups(mark, radio(1, ms, cellId), arrivalMs + ms)
  return mark
}
const roams = (...stays: Parameters<typeof markAfter>): boolean => markAfter(...stays).roams === true

describe('a device', () => {
  it('that stood in one cell and leaves it has left its usual one', () => {
    expect(roams([1, 60], [2, 300])).toBe(false)
    expect(markAfter([1, 60], [2, 1]).awaySinceMs).toBe(arrivalMs + 60 * minuteMs)
  })

  it('whose first cell held it for less than half of its time roams from the next departure on', () => {
    expect(roams([1, 60], [2, 30], [1, 1])).toBe(false)
    expect(roams([1, 60], [2, 61], [1, 1], [3, 1])).toBe(false)
    expect(roams([1, 60], [2, 62], [1, 1], [3, 1])).toBe(true)
  })

  it('has a usual cell again when that held it for half of its time', () => {
    expect(roams([1, 60], [2, 100], [1, 60], [3, 1])).toBe(false)
  })
})
