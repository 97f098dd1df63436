import { describe, expect, it } from 'vitest'
import type { Truth } from './plan-types.ts'
import { planOf, startMs } from './world-kit.ts'
import { messagesOf } from './world.ts'

/** Few masts far apart, and vehicles: there are places without a cell. */
const thin = (faults = '') => `
name: thin
duration: 8h
network: { masts: 4, spacing_km: 6 }
telemetry: { interval: 1m }
fleet:
  sites: 6
  groups:
    - { name: vans, count: 4, model: van/m-12, activity: vehicle }
    - { name: homes, count: 8, model: dwr/921-b1 }
${faults}`

type Gap = { device: string; fromMs: number; toMs: number }
const run = (text: string): { noted: Truth[]; spoken: Gap[]; endMs: number } => {
  const plan = planOf(text, 7)
  const noted: Truth[] = []
  const readings: { device: string; ts: number; hasCell: boolean }[] = []
  for (const { topic, payload } of messagesOf(plan, undefined, (truth) => noted.push(truth))) {
    const [, , device = '', ...rest] = topic.split('/')
    if (rest.join('/') !== 'hardware/lte') continue
    const { ts, mode } = JSON.parse(payload) as { ts: number; mode: string }
    readings.push({ device, ts, hasCell: mode !== '-' })
  }
  const open = new Map<string, Gap>()
  const spoken: Gap[] = []
  for (const { device, ts, hasCell } of readings.sort((one, other) => one.ts - other.ts)) {
    const gap = open.get(device)
    if (hasCell && gap !== undefined) {
      spoken.push({ ...gap, toMs: ts })
      open.delete(device)
    } else if (!hasCell && gap === undefined) open.set(device, { device, fromMs: ts, toMs: plan.endMs })
  }
  return { noted, spoken, endMs: plan.endMs }
}
const ended = (truth: readonly Truth[], endMs: number): Gap[] =>
  truth.filter(({ toMs }) => toMs < endMs).map(({ devices, fromMs, toMs }) => ({ device: devices[0]?.mac ?? '', fromMs, toMs }))
const byTime = (one: Gap, other: Gap): number => one.fromMs - other.fromMs || one.device.localeCompare(other.device)

describe('coverage', () => {
  it('is named as lost from the reading without a cell to the next one with a cell', () => {
    const { noted, spoken, endMs } = run(thin())
    expect(spoken.length).toBeGreaterThan(5)
    expect(ended(noted, endMs).sort(byTime)).toEqual(spoken.sort(byTime))
    expect(noted[0]).toMatchObject({ kind: 'no_coverage', origin: 'background', cells: [], moments: [] })
  })

  it('is not named again where a planted fault of the cell takes it', () => {
    const { noted } = run(thin('faults:\n  - { id: dead, kind: cell_outage, at: 1h, for: 6h, who: { cell: busiest } }'))
    const quiet = run(thin()).noted.map(({ id }) => id)
    const during = noted.filter(({ fromMs }) => fromMs >= startMs + 3_600_000 && fromMs < startMs + 7 * 3_600_000)
    expect(quiet.length).toBeGreaterThan(during.length)
  })
})
