/** Groups and situations through both stages: events of devices, ticks, rows of alarms, verdicts back to the devices. */
import { describe, expect, it } from 'vitest'
import type { Row } from '../model/ports.ts'
import {
  createFleetBench,
  type FleetBench,
  deviceOf,
  inOrder,
  minuteMs,
  online,
  radio,
  secondMs,
  ticks,
  will,
} from '../test/fleet-fakes.ts'
import { rulesEvent } from '../test/stage-fakes.ts'

/** Cell of device n: 20 devices each. */
const cellOf = (n: number): number => 0x100 * (1 + Math.floor(n / 20)) + 1
const fleet = Array.from({ length: 80 }, (_, n) => n)
const inCell = (cell: number): number[] => fleet.filter((n) => cellOf(n) === cell)

const arrival = fleet.flatMap((n) => [online(n, n * 10), radio(n, n * 10 + 5, cellOf(n))])

const events = (bench: FleetBench, type: string): string[] =>
  bench
    .rowsOf('alarm_events')
    .filter((row) => row['type'] === type)
    .map((row) => `${String(row['resource'])} ${String(row['kind'])}`)
const newest = (bench: FleetBench): Row[] => {
  const rows = new Map<string, Row>()
  for (const row of bench.rowsOf('alarm_episodes')) rows.set(`${String(row['stream'])}:${String(row['episode'])}`, row)
  return [...rows.values()]
}

describe('a cell that fails', () => {
  const dead = inCell(0x101)
  const outage = dead.map((n, at) => will(n, 15 * minuteMs + at * secondMs))
  const back = dead.flatMap((n, at) => [online(n, 30 * minuteMs + at * secondMs), radio(n, 30 * minuteMs + at * secondMs + 5, 0x101)])

  it('is one alarm of the cell with its devices as members, cleared when they are back', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 25 * minuteMs), arrival, outage))
    expect([bench.refused, bench.limits, bench.counts['failed']]).toEqual([[], [], undefined])
    expect(events(bench, 'presence.group-outage')).toEqual(['group/cell/00101-257 AlarmRaised', 'group/cell/00101-257 Correlated'])
    const [root] = newest(bench).filter((row) => row['type'] === 'presence.group-outage')
    const situation = `${String(root?.['stream'])}:1`
    expect([root?.['situation'], root?.['situation_role'], root?.['severity']]).toEqual([situation, 'root', 'critical'])
    const members = newest(bench).filter((row) => row['type'] === 'presence.offline')
    expect(members.map((row) => row['subject']).sort()).toEqual(dead.map(deviceOf).sort())
    expect(new Set(members.map((row) => `${String(row['situation'])} ${String(row['situation_role'])}`))).toEqual(
      new Set([`${situation} symptom`]),
    )

    await bench.run(...inOrder(ticks(25 * minuteMs + 5 * secondMs, 40 * minuteMs), back))
    expect(events(bench, 'presence.group-outage').at(-1)).toBe('group/cell/00101-257 AlarmCleared')
    expect(newest(bench).filter((row) => row['cleared_at'] === null)).toEqual([])
  })
})
