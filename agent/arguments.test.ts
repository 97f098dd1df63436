import { describe, expect, it } from 'vitest'
import { durationMs, helpText, parseArguments, UsageError } from './arguments.ts'
import { changedOf, createChangesOnly } from './changes.ts'
import { createTrafficMeter, humanBytes } from './traffic-meter.ts'

const flags = {
  name: { kind: 'text', help: 'A name' },
  count: { kind: 'integer', default: '3', help: 'A count' },
  every: { kind: 'duration', default: '10s', help: 'A pause' },
  loud: { kind: 'switch', help: 'Louder' },
} as const

describe('a command line', () => {
  it('gives checked values, durations in milliseconds', () => {
    expect(parseArguments(flags, ['--name', 'x', '--every', '1.5m', '--loud'])).toEqual({ name: 'x', count: 3, every: 90_000, loud: true })
    expect(parseArguments(flags, [])).toEqual({ name: undefined, count: 3, every: 10_000, loud: false })
    expect([durationMs('500ms'), durationMs('2h'), durationMs('7'), durationMs('soon')]).toEqual([500, 7_200_000, 7000, undefined])
  })

  it.each([
    [['--count', '1.5'], '--count: expected a whole number, got "1.5"'],
    [['--count', '-1'], "Option '--count' argument is ambiguous"],
    [['--every', 'soon'], '--every: expected a duration like 500ms, 10s, 5m, 2h, got "soon"'],
    [['--unknown'], "Unknown option '--unknown'"],
  ])('%j is refused with the reason', (argv, message) => {
    expect(() => parseArguments(flags, argv)).toThrow(UsageError)
    expect(() => parseArguments(flags, argv)).toThrow(message)
  })

  it('is explained', () => {
    expect(helpText('Does it.', flags)).toContain('--every <duration>')
  })
})

describe('changed values only', () => {
  it('is what differs, objects entry by entry', () => {
    expect(changedOf({ a: 1, b: 2, c: { d: 1, e: 2 }, f: [1] }, { a: 1, b: 3, c: { d: 1, e: 5 }, f: [1] })).toEqual({ b: 3, c: { e: 5 } })
    expect(changedOf({ a: 1 }, { a: 1 })).toBeUndefined()
  })

  it('says everything at first and once an hour', () => {
    const changes = createChangesOnly(3_600_000)
    const say = (values: Record<string, unknown>, nowMs: number) => changes({ topic: 't', values }, nowMs)?.values
    expect(say({ a: 1, b: 1 }, 0)).toEqual({ a: 1, b: 1 })
    expect(say({ a: 1, b: 2 }, 1000)).toEqual({ b: 2 })
    expect(say({ a: 1, b: 2 }, 2000)).toBeUndefined()
    expect(say({ a: 1, b: 2 }, 3_599_999)).toBeUndefined()
    expect(say({ a: 1, b: 2 }, 3_600_000)).toEqual({ a: 1, b: 2 })
  })
})

describe('the traffic meter', () => {
  it('projects a month from what was measured after the start', () => {
    let nowMs = 0
    const meter = createTrafficMeter(() => nowMs)
    meter.connected()
    meter.sent(100_000)
    nowMs = 60_000
    meter.startMeasuring()
    meter.sent(996)
    meter.acknowledged()
    nowMs += 3_600_000
    expect(meter.report()).toBe('traffic: 1.0 kB of MQTT in 3600 s; at this rate 720.0 kB a month, about 794.9 kB with TCP/IP headers')
    expect(humanBytes(1_500_000_000)).toBe('1.5 GB')
  })
})
