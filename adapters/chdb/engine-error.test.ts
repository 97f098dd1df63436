import { describe, expect, it } from 'vitest'
import { EngineError, statusOf } from './engine-error.ts'

const status = (code: number): number => statusOf(new EngineError(code, 'X', ''))

describe('the status of an engine error', () => {
  it("is no 5xx where the statement is at fault: ClickHouse's 500 woke who watches the door (found by fuzzing)", () => {
    const tooLong = 'filesystem error: in posix_stat: failed to determine attributes for the specified path: File name too long ["a"]'
    expect(statusOf(new EngineError(1001, 'STD_EXCEPTION', tooLong))).toBe(400)
    expect(status(1001)).toBe(500)
    expect([20, 42, 48, 59, 62, 125, 258, 306].map(status)).toEqual(Array(8).fill(400))
  })

  it('is 500 for faults of the engine and 503 when it is busy', () => {
    expect([49, 243, 1002, 202].map(status)).toEqual([500, 500, 500, 503])
  })

  it('says what was beyond a limit', () => {
    expect([159, 241, 307].map(status)).toEqual([408, 413, 413])
  })
})
