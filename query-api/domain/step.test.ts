import { describe, expect, it } from 'vitest'
import { checkPoints, parseStep, pointsMax, rangeFor, sourceFor, stepFor } from './step.ts'

const day = 86_400_000
const at = Date.UTC(2025, 2, 1)

describe('steps', () => {
  it('are a count and a unit', () => {
    expect(parseStep('15m')).toEqual({ text: '15m', count: 15, unit: 'minute', ms: 900_000 })
    expect(parseStep('366d').ms).toBe(366 * day)
    for (const text of ['0s', '367d', '15', 'm', '-1m', '1.5h', '1w', '1h ']) expect(() => parseStep(text)).toThrow(/Expected step/)
  })

  it('give at most the maximum of points', () => {
    const step = parseStep('1s')
    expect(() => checkPoints({ fromMs: 0, toMs: pointsMax * 1000 }, step)).not.toThrow()
    expect(() => checkPoints({ fromMs: 0, toMs: pointsMax * 1000 + 1 }, step)).toThrow(/at most 11000 points/)
  })

  it('default to some three hundred points', () => {
    expect(stepFor({ fromMs: 0, toMs: 3_600_000 }).text).toBe('30s')
    expect(stepFor({ fromMs: 0, toMs: 6 * 3_600_000 }).text).toBe('5m')
    expect(stepFor({ fromMs: 0, toMs: 2000 * day }).text).toBe('1d')
  })
})

describe('the source of a series', () => {
  it('is the coarsest rollup whose buckets nest in the step', () => {
    const aligned = { fromMs: at, toMs: at + day }
    expect(sourceFor(aligned, parseStep('15m'), 'avg', 'UTC')).toBe('15m')
    expect(sourceFor(aligned, parseStep('30m'), 'avg', 'UTC')).toBe('15m')
    expect(sourceFor(aligned, parseStep('6h'), 'avg', 'UTC')).toBe('1h')
    expect(sourceFor(aligned, parseStep('1d'), 'avg', 'UTC')).toBe('1d')
    expect(sourceFor(aligned, parseStep('10m'), 'avg', 'UTC')).toBe('raw')
  })

  it('is raw where a rollup would answer otherwise: ranges that cut a bucket, last, p95', () => {
    expect(sourceFor({ fromMs: at + 1, toMs: at + day }, parseStep('1h'), 'avg', 'UTC')).toBe('raw')
    expect(sourceFor({ fromMs: at, toMs: at + day }, parseStep('1h'), 'p95', 'UTC')).toBe('raw')
    expect(sourceFor({ fromMs: at, toMs: at + 100 * day }, parseStep('1d'), 'last', 'UTC')).toBe('raw')
  })

  it('follows the zone: days of Berlin are cut from hours, days of Kathmandu from quarters', () => {
    const aligned = { fromMs: at, toMs: at + day }
    expect(sourceFor(aligned, parseStep('1d'), 'sum', 'Europe/Berlin')).toBe('1h')
    expect(sourceFor(aligned, parseStep('1d'), 'sum', 'Asia/Kathmandu')).toBe('15m')
  })

  it('is a rollup for a range over 14 days, which is then widened to whole buckets', () => {
    const range = { fromMs: at + 1, toMs: at + 1 + 14 * day }
    expect(sourceFor(range, parseStep('1h'), 'avg', 'UTC')).toBe('raw')
    const longer = { fromMs: at + 1, toMs: at + 2 + 14 * day }
    expect(sourceFor(longer, parseStep('1h'), 'avg', 'UTC')).toBe('1h')
    expect(rangeFor(longer, '1h')).toEqual({ fromMs: at, toMs: at + 14 * day + 3_600_000 })
    expect(rangeFor(longer, 'raw')).toEqual(longer)
  })
})
