import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProblemError } from './problems.ts'
import { clockAheadMaxMs, offsetMinutesAt, parseRange, parseTime, parseTimeZone } from './time.ts'

const codeOf = (run: () => unknown): string => {
  try {
    run()
    return 'accepted'
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code
    throw error
  }
}

describe('times', () => {
  it.each([
    ['2025-03-01T03:10:00Z', Date.UTC(2025, 2, 1, 3, 10)],
    ['2025-03-01T04:10:00+01:00', Date.UTC(2025, 2, 1, 3, 10)],
    ['2025-03-01t03:10:00.1239z', Date.UTC(2025, 2, 1, 3, 10, 0, 123)],
    ['2025-02-28T23:59:59-05:45', Date.UTC(2025, 2, 1, 5, 44, 59)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['1970-01-01T00:00:00Z', 0],
  ])('reads %s', (text, expected) => {
    expect(parseTime('at', text)).toBe(expected)
  })

  it.each([
    '2025-03-01T03:10:00', // No zone.
    '2025-03-01',
    '2025-02-29T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-03-01T24:00:00Z',
    '2025-03-01T03:10:00 01:00', // The + of a URL that was not written %2B.
    '1740798600',
    '1969-12-31T23:59:59Z',
    '2300-01-01T00:00:00Z',
    'now',
    '',
  ])('refuses %j', (text) => {
    expect(codeOf(() => parseTime('at', text))).toBe('TIME_INVALID')
  })

  it('says what was expected and what came', () => {
    expect(() => parseTime('from', 'yesterday')).toThrow(/Expected from as RFC 3339 with a zone.*got "yesterday"/)
  })

  it('never throws anything but a problem, and reads back what toISOString wrote', () => {
    fc.assert(fc.property(fc.string(), (text) => ['accepted', 'TIME_INVALID'].includes(codeOf(() => parseTime('at', text)))))
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('2299-12-30'), noInvalidDate: true }),
        (date) => parseTime('at', date.toISOString()) === date.getTime(),
      ),
    )
  })

  it('ranges end at what believed clocks may say, and begin the default before now', () => {
    expect(parseRange({}, 10_000_000, 3_600_000)).toEqual({ fromMs: 6_400_000, toMs: 10_000_000 + clockAheadMaxMs })
    expect(parseRange({ to: '1970-01-01T01:00:00Z' }, 10_000_000, 600_000)).toEqual({ fromMs: 3_000_000, toMs: 3_600_000 })
    expect(codeOf(() => parseRange({ from: '1970-01-01T01:00:00Z', to: '1970-01-01T01:00:00Z' }, 0, 1))).toBe('TIME_RANGE_INVALID')
  })

  it('knows IANA zones and their offsets, and refuses offsets as zones', () => {
    expect(parseTimeZone('Asia/Kathmandu')).toBe('Asia/Kathmandu')
    expect(offsetMinutesAt('Asia/Kathmandu', 0)).toBe(330)
    expect(offsetMinutesAt('Asia/Kathmandu', Date.UTC(2025, 0, 1))).toBe(345)
    expect(offsetMinutesAt('Europe/Berlin', Date.UTC(2025, 6, 1))).toBe(120)
    expect(offsetMinutesAt('Europe/Berlin', Date.UTC(2025, 0, 1))).toBe(60)
    for (const tz of ['+08:00', 'Moon/Base', "UTC'; DROP", '']) expect(codeOf(() => parseTimeZone(tz))).toBe('TIME_ZONE_UNKNOWN')
  })
})
