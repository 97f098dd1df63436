/** Rules 63, 65 and 66 at their exact bounds, by what a program of the processors tells of itself. */
import { describe, expect, it } from 'vitest'
import type { RecorderSignal } from '../../../model/fleet-signal.ts'
import { minuteMs } from '../../../test/fleet-fakes.ts'
import { shippedRules } from '../../../test/rule-kit.ts'
import { createSignalBench, timeAt, type ToldSignal } from '../../../test/signal-bench.ts'
import { arrivalMs } from '../../../test/stage-fakes.ts'
import { diskReadingsMax, disksPerRecorderMax, recorderRules, recordersMax, recorderSilentMs } from './recorder-health.ts'

const hourMs = 60 * minuteMs
const rules: ToldSignal = { ms: 0, body: { kind: 'rules', version: '1', rules: [...shippedRules().rules] } }
const gigabyte = 1e9

/** A telling, and a tick of the same moment before it, so that the stage's time is the telling's. */
const told = (ms: number, changed: Partial<RecorderSignal> = {}): ToldSignal[] => [
  timeAt(ms),
  { ms, partition: -1, body: { kind: 'recorder', instance: 'one', disks: [], readers: [], logRetentionMs: 10 * hourMs, refused: [], ...changed } },
] // biome-ignore format: one record
const disk = (freeBytes: number, lowWaterBytes = gigabyte): Partial<RecorderSignal> => ({
  disks: [{ disk: 'data', freeBytes, lowWaterBytes }],
})
const reader = (lagMs: number): Partial<RecorderSignal> => ({ readers: [{ group: 'device-stage', lagMs }] })
const refusedSince = (ms: number): Partial<RecorderSignal> => ({
  refused: [{ stage: 'device-stage', partition: 2, sinceMs: arrivalMs + ms, why: 'Too many parts' }],
})

const bench = (...signals: ToldSignal[][]) => {
  const own = createSignalBench()
  own.tell(rules, ...signals.flat())
  return own
}
const eventsOf = (...signals: ToldSignal[][]): string[] =>
  bench(...signals).rows.map(
    ({ kind, resource, qualifier, severity, at }) =>
      `${String(kind)} ${String(resource)} ${String(qualifier)} ${String(severity)} ${(Number(at) - arrivalMs) / minuteMs}`,
  )

describe('a disk of the recorder', () => {
  it('is critical below the low-water mark, not at it, and over when the room has doubled', () => {
    expect(eventsOf(told(0, disk(gigabyte)))).toEqual([])
    const low = told(0, disk(gigabyte - 1))
    expect(eventsOf(low)).toEqual(['AlarmRaised platform/disk one data critical 0'])
    expect(eventsOf(low, told(minuteMs, disk(2 * gigabyte - 1)))).toHaveLength(1)
    expect(eventsOf(low, told(minuteMs, disk(2 * gigabyte))).at(-1)).toBe('AlarmCleared platform/disk one data critical 1')
  })

  it('is major with room for less than seven days at the growth of at least six hours', () => {
    // 4 GB in six hours are 16 GB a day: a week needs 112.
    const after = (ms: number, free: number) => eventsOf(told(0, disk((free + 4) * gigabyte, 0)), told(ms, disk(free * gigabyte, 0)))
    expect(after(6 * hourMs, 112)).toEqual([])
    expect(after(6 * hourMs, 111)).toEqual(['AlarmRaised platform/disk one data major 360'])
    expect(after(6 * hourMs - 1, 111)).toEqual([])
  })

  it('that fills up and then falls below the mark becomes graver, and a disk without a mark has none', () => {
    const filling = [told(0, disk(8 * gigabyte)), told(6 * hourMs, disk(4 * gigabyte)), told(7 * hourMs, disk(gigabyte - 1))]
    expect(eventsOf(...filling)).toEqual([
      'AlarmRaised platform/disk one data major 360',
      'SeverityChanged platform/disk one data critical 420',
    ])
    expect(eventsOf(told(0, disk(1, 0)))).toEqual([])
  })

  it('is remembered for two days, one reading an hour, and at most so many disks of an instance', () => {
    const readings = Array.from({ length: 60 * 4 }, (_, at) => told(at * 15 * minuteMs, disk(gigabyte * 1_000 + at)))
    const many = Array.from({ length: disksPerRecorderMax + 1 }, (_, at) => ({ disk: `d${at}`, freeBytes: gigabyte, lowWaterBytes: 0 }))
    const own = bench(...readings, told(61 * hourMs, { disks: many }))
    const state = own.states.get('fleet')
    const kept = state?.kind === 'fleet' ? state.recorders?.['one']?.disks : undefined
    expect(kept?.['data']).toHaveLength(diskReadingsMax)
    const times = kept?.['data']?.map(({ atMs }) => atMs) ?? []
    expect(times.slice(1, -1).every((atMs, at) => atMs - (times[at] ?? 0) === hourMs)).toBe(true)
    expect(Object.keys(kept ?? {})).toHaveLength(disksPerRecorderMax)
  })
})

describe('a group of the log', () => {
  it('is near the end of what is kept above half of it, not at it, and over below a fifth', () => {
    expect(eventsOf(told(0, reader(5 * hourMs)))).toEqual([])
    const near = told(0, reader(5 * hourMs + 1))
    expect(eventsOf(near)).toEqual(['AlarmRaised platform/lag-near-retention one device-stage critical 0'])
    expect(eventsOf(near, told(minuteMs, reader(2 * hourMs)))).toHaveLength(1)
    expect(eventsOf(near, told(minuteMs, reader(2 * hourMs - 1))).at(-1)).toBe('AlarmCleared platform/lag-near-retention one device-stage critical 1')
  })
}) // biome-ignore format: one line each

describe('rows that the warehouse refuses', () => {
  it('are an alarm after more than two minutes, over after one minute without a refusal', () => {
    expect(eventsOf(told(2 * minuteMs, refusedSince(0)))).toEqual([])
    const held = told(2 * minuteMs + 1, refusedSince(0))
    const raised = `AlarmRaised platform/sink-refused one critical ${2 + 1 / minuteMs}`
    expect(eventsOf(held)).toEqual([raised])
    const again = 3 * minuteMs
    expect(eventsOf(held, told(again), told(again + minuteMs - 1))).toEqual([raised])
    expect(eventsOf(held, told(again), told(again + minuteMs))).toEqual([raised, 'AlarmCleared platform/sink-refused one critical 4'])
    expect(eventsOf(held, told(again), told(again + 1, refusedSince(again)), told(again + minuteMs))).toEqual([raised])
  })

  it('are told with what, where and why', () => {
    const [row] = bench(told(3 * minuteMs, refusedSince(0))).rows
    expect(String(row?.['detail'])).toContain(
      'the warehouse has taken no rows of device-stage, partition 2 of one for 3 min: Too many parts',
    )
  })
})

describe('what an instance is told of', () => {
  const standing = told(0, { ...disk(1), ...reader(9 * hourMs), ...refusedSince(-hourMs) })

  it('ends when nothing is heard of it for ten minutes and another one speaks', () => {
    const other = (ms: number) => told(ms, { instance: 'two' })
    expect(eventsOf(standing, other(recorderSilentMs - 1))).toHaveLength(3)
    expect(eventsOf(standing, other(recorderSilentMs)).slice(3)).toEqual([
      'AlarmCleared platform/disk one data critical 10',
      'AlarmCleared platform/lag-near-retention one device-stage critical 10',
      'AlarmCleared platform/sink-refused one critical 10',
    ])
  })

  it('ends with the cause ruleRetired when its rule is in force no more', () => {
    const without = shippedRules().rules.filter(({ id }) => !recorderRules.includes(id))
    const own = bench(standing, [timeAt(minuteMs), { ms: minuteMs, body: { kind: 'rules', version: '2', rules: without } }])
    expect(own.rows.slice(3).map(({ kind, detail }) => [kind, String(detail).includes('ruleRetired')])).toEqual([
      ['AlarmCleared', true],
      ['AlarmCleared', true],
      ['AlarmCleared', true],
    ])
  })

  it('is judged for so many instances, and one more is told as a limit', () => {
    const own = bench(...Array.from({ length: recordersMax + 1 }, (_, at) => told(at, { instance: `i${at}` })))
    expect(own.limits).toEqual(['fleet-recorders'])
  })
})
