/** Messages and refusals of a partition: counted by firmware, told once when their quarter of an hour is over. */
import { describe, expect, it } from 'vitest'
import type { SignalBody } from '../../../model/fleet-signal.ts'
import type { SignalSink } from './group-signals.ts'
import { countMessage, firmwaresPerPartitionMax, initialRefusals, tellRefusals } from './refusal-counts.ts'

const windowMs = 15 * 60_000
const startMs = 1_000 * windowMs
const profile = { product: 'dwr', model: '311-a1', firmware: '1.2' }
const never = (limit: string): void => {
  throw new Error(limit)
}
const tick = (counts: ReturnType<typeof initialRefusals>, atMs: number): SignalBody[] => {
  const sink: SignalSink = { tenant: 'main', place: { logId: 'log', partition: 0, offset: 1 }, atMs, signals: [] }
  tellRefusals(sink, counts)
  return sink.signals.map(({ body }) => body)
}

describe('a window', () => {
  it('is told by the first tick at its end, and the next one begins empty', () => {
    const counts = initialRefusals()
    expect(tick(counts, startMs)).toEqual([])
    countMessage(counts, profile, false, never)
    countMessage(counts, profile, true, never)
    countMessage(counts, { ...profile, firmware: '' }, false, never)
    expect(tick(counts, startMs + windowMs - 1)).toEqual([])
    expect(tick(counts, startMs + windowMs)).toEqual([
      { kind: 'refusals', firmware: 'dwr/311-a1/1.2', model: 'dwr/311-a1', fromMs: startMs, messages: 2, refused: 1 },
      { kind: 'refusals', firmware: '', model: 'dwr/311-a1', fromMs: startMs, messages: 1, refused: 0 },
    ])
    expect(tick(counts, startMs + 2 * windowMs)).toEqual([])
  })

  it('is not opened again by a front door whose tick comes late', () => {
    const counts = initialRefusals()
    tick(counts, startMs)
    countMessage(counts, profile, false, never)
    expect(tick(counts, startMs - 1)).toEqual([])
    expect(counts.fromMs).toBe(startMs)
  })

  it('has no place for a device that has shown no model', () => {
    const counts = initialRefusals()
    countMessage(counts, { product: '', model: '', firmware: '1.2' }, true, never)
    expect(counts.byFirmware).toEqual({})
  })
})

it('a firmware beyond the bound is not counted, and told as a limit', () => {
  const counts = initialRefusals()
  const limits: string[] = []
  for (let n = 0; n <= firmwaresPerPartitionMax; n++) {
    expect(limits).toEqual([])
    countMessage(counts, { ...profile, firmware: String(n) }, false, (limit) => void limits.push(limit))
  }
  expect([limits, Object.keys(counts.byFirmware).length]).toEqual([['firmwares-per-partition'], firmwaresPerPartitionMax])
})
