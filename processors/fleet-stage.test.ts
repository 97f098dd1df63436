/** Groups and situations through both stages: events of devices, ticks, rows of alarms, verdicts back to the devices. */
import { describe, expect, it } from 'vitest'
import type { DeviceEvent } from '../model/event.ts'
import type { Row } from '../model/ports.ts'
import {
  boots,
  createFleetBench,
  type FleetBench,
  deviceOf,
  inOrder,
  inventory,
  minuteMs,
  online,
  radio,
  secondMs,
  ticks,
  will,
} from '../test/fleet-fakes.ts'
import { arrivalMs, rulesEvent } from '../test/stage-fakes.ts'
import { shippedRules } from '../test/rule-kit.ts'

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

    const causes = bench.rowsOf('presence').filter(({ cause }) => cause !== '')
    expect(new Set(causes.map(({ state, reason, cause }) => `${String(state)} ${String(reason)} ${String(cause)}`))).toEqual(
      new Set(['offline will cell-or-sim']),
    )
    expect(causes.map(({ subject }) => subject).sort()).toEqual(dead.map(deviceOf).sort())

    await bench.run(...inOrder(ticks(25 * minuteMs + 5 * secondMs, 40 * minuteMs), back))
    expect(events(bench, 'presence.group-outage').at(-1)).toBe('group/cell/00101-257 AlarmCleared')
    expect(newest(bench).filter((row) => row['cleared_at'] === null)).toEqual([])
  })

  it('ends when its devices are back, though the recorder was started anew a moment before', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 25 * minuteMs), arrival, outage))
    const restarted = ticks(26 * minuteMs, 28 * minuteMs, { instanceStartedAtMs: 1 })
    const soon = dead.map((n, at) => online(n, 26 * minuteMs + 10 * secondMs + at * secondMs))
    await bench.run(...inOrder(restarted, soon))
    expect(events(bench, 'presence.group-outage').at(-1)).toBe('group/cell/00101-257 AlarmCleared')
    expect(events(bench, 'platform.ingest-lag')).toEqual(['platform/ingest AlarmRaised'])
  })

  it('takes one in that goes later; when the cell is over, who is still away stands for itself again', async () => {
    const bench = createFleetBench()
    const [late = 0] = inCell(0x101).slice(-1)
    const early = dead.filter((n) => n !== late)
    await bench.run(
      rulesEvent(),
      ...inOrder(
        ticks(0, 40 * minuteMs),
        arrival,
        early.map((n, at) => will(n, 15 * minuteMs + at * secondMs)),
        will(late, 20 * minuteMs),
        early.slice(0, 18).flatMap((n) => [online(n, 30 * minuteMs + n), radio(n, 30 * minuteMs + n + 1, 0x101)]),
      ),
    )
    const own = bench.rowsOf('alarm_events').filter((row) => row['subject'] === deviceOf(late) && row['type'] === 'presence.offline')
    expect(own.map(({ kind }) => kind)).toEqual(['AlarmRaised', 'Correlated', 'Uncorrelated'])
    expect(
      newest(bench)
        .filter((row) => row['cleared_at'] === null)
        .map((row) => [row['subject'], row['situation']]),
    ).toEqual([
      [deviceOf(18), ''],
      [deviceOf(late), ''],
    ])
  })

  it('that comes back by a little more than half within its first minutes is over once they are no reason for another alarm, and is not raised again', async () => {
    const bench = createFleetBench()
    const soon = dead.slice(0, 11).map((n) => online(n, 17 * minuteMs + 30 * secondMs + n))
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 40 * minuteMs), arrival, outage, soon))
    expect(events(bench, 'presence.group-outage')).toEqual([
      'group/cell/00101-257 AlarmRaised',
      'group/cell/00101-257 Correlated',
      'group/cell/00101-257 AlarmCleared',
    ])
    const dark = newest(bench).filter((row) => row['type'] === 'presence.offline' && row['cleared_at'] === null)
    expect(dark.map((row) => [row['subject'], row['situation_role']])).toEqual(dead.slice(11).map((n) => [deviceOf(n), '']))
  })

  it('is over when its rule is taken out of force, and its devices stand for themselves', async () => {
    const bench = createFleetBench()
    const shipped = shippedRules()
    const without = { ...shipped, rules: shipped.rules.filter(({ id }) => id !== 'presence.group-outage') }
    const bodies = rulesEvent(without).bodies.map((body) => ({ ...body, version: '2' }))
    const changed = { ...rulesEvent(without), bodies, receivedAtMs: arrivalMs + 20 * minuteMs } as DeviceEvent
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 25 * minuteMs), arrival, outage, changed))
    expect(events(bench, 'presence.group-outage').at(-1)).toBe('group/cell/00101-257 AlarmCleared')
    expect(newest(bench).find(({ type }) => type === 'presence.group-outage')?.['clear_cause']).toBe('ruleRetired')
    const members = newest(bench).filter((row) => row['type'] === 'presence.offline')
    expect(new Set(members.map((row) => row['situation_role']))).toEqual(new Set(['']))
  })

  it('two cells that fail apart are two situations; a tracking area is one, and what was told of its cell lies under it', async () => {
    const apart = createFleetBench()
    const both = [...inCell(0x101), ...inCell(0x201)].map((n, at) => will(n, 15 * minuteMs + at * secondMs))
    await apart.run(rulesEvent(), ...inOrder(ticks(0, 22 * minuteMs), arrival, both))
    expect(events(apart, 'presence.group-outage').filter((text) => text.endsWith('Raised'))).toEqual([
      'group/cell/00101-257 AlarmRaised',
      'group/cell/00101-513 AlarmRaised',
    ])

    const area = createFleetBench()
    const inAreas = fleet.flatMap((n) => [online(n, n * 10), radio(n, n * 10 + 5, cellOf(n), n < 40 ? 7 : 8)])
    const first = inCell(0x101).map((n, at) => will(n, 15 * minuteMs + at * secondMs))
    const then = inCell(0x201).map((n, at) => will(n, 17 * minuteMs + at * secondMs))
    await area.run(rulesEvent(), ...inOrder(ticks(0, 22 * minuteMs), inAreas, first, then))
    expect(events(area, 'presence.group-outage')).toEqual([
      'group/cell/00101-257 AlarmRaised',
      'group/cell/00101-257 Correlated',
      'group/tac/00101-7 AlarmRaised',
      'group/tac/00101-7 Correlated',
      'group/cell/00101-257 Uncorrelated',
      'group/cell/00101-257 Correlated',
    ])
    const [root] = newest(area).filter((row) => row['resource'] === 'group/tac/00101-7')
    const symptoms = newest(area).filter((row) => row['situation'] === root?.['situation'] && row['situation_role'] === 'symptom')
    expect(symptoms.map((row) => row['type']).sort()).toEqual(
      ['presence.group-outage', ...Array.from({ length: 40 }, () => 'presence.offline')].sort(),
    )
  })
})

describe('no situation', () => {
  const raised = (bench: FleetBench): string[] =>
    bench
      .rowsOf('alarm_events')
      .filter((row) => row['kind'] === 'AlarmRaised')
      .map((row) => `${String(row['resource'])} ${String(row['type'])}`)

  it('is made by four devices of a cell, nor by a tenth of everything', async () => {
    const few = createFleetBench()
    await few.run(
      rulesEvent(),
      ...inOrder(
        ticks(0, 25 * minuteMs),
        arrival,
        inCell(0x101)
          .slice(0, 4)
          .map((n) => will(n, 15 * minuteMs)),
      ),
    )
    expect(raised(few).filter((text) => text.startsWith('group'))).toEqual([])
    expect(few.rowsOf('presence').flatMap(({ cause }) => (cause === '' ? [] : [cause]))).toEqual(['device', 'device', 'device', 'device'])
    const all = createFleetBench()
    const some = fleet.filter((n) => n % 4 === 0).map((n) => will(n, 15 * minuteMs))
    await all.run(rulesEvent(), ...inOrder(ticks(0, 25 * minuteMs), arrival, some))
    expect(raised(all).filter((text) => text.startsWith('group'))).toEqual([])
  })

  it('is made by a restart: one alarm of the platform, none of a device, and it ends by itself', async () => {
    const bench = createFleetBench()
    const restartMs = 20 * minuteMs
    const back = fleet.flatMap((n) => [
      online(n, restartMs + 90 * secondMs + n * 100),
      radio(n, restartMs + 90 * secondMs + n * 100 + 5, cellOf(n)),
    ])
    const after = { instanceStartedAtMs: 1 }
    await bench.run(
      rulesEvent(),
      ...inOrder(
        ticks(0, restartMs),
        arrival,
        fleet.map((n) => will(n, restartMs + 30 * secondMs)),
        ticks(restartMs + minuteMs, restartMs + 15 * minuteMs, after),
        back,
      ),
    )
    expect(raised(bench)).toEqual(['platform/ingest platform.ingest-lag'])
    expect(events(bench, 'platform.ingest-lag')).toEqual(['platform/ingest AlarmRaised', 'platform/ingest AlarmCleared'])
  })

  it('is made while no front door has its broker: the platform tells that, then that it is over', async () => {
    const bench = createFleetBench()
    await bench.run(
      rulesEvent(),
      ...inOrder(
        ticks(0, 20 * minuteMs),
        arrival,
        ticks(20 * minuteMs + 5 * secondMs, 30 * minuteMs, { brokerConnected: false }),
        fleet.map((n) => will(n, 25 * minuteMs)),
        ticks(30 * minuteMs + 5 * secondMs, 40 * minuteMs),
        fleet.map((n) => online(n, 31 * minuteMs)),
      ),
    )
    expect(raised(bench)).toEqual(['platform/ingest platform.ingest-lag'])
    expect(events(bench, 'platform.ingest-lag')).toEqual([
      'platform/ingest AlarmRaised',
      'platform/ingest SeverityChanged',
      'platform/ingest AlarmCleared',
    ])
  })
})

describe('all devices at once', () => {
  it('are one alarm of the whole fleet, which no group could be compared with; over when they are back', async () => {
    const bench = createFleetBench()
    const gone = fleet.map((n) => will(n, 15 * minuteMs + n * 100))
    const back = fleet.flatMap((n) => [online(n, 30 * minuteMs + n * 100), radio(n, 30 * minuteMs + n * 100 + 5, cellOf(n))])
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 40 * minuteMs), arrival, gone, back))
    expect([bench.refused, bench.limits, bench.counts['failed']]).toEqual([[], [], undefined])
    expect(events(bench, 'presence.group-outage')).toEqual([
      'group/fleet/all AlarmRaised',
      'group/fleet/all Correlated',
      'group/fleet/all AlarmCleared',
    ])
    const raise = bench.rowsOf('alarm_events').find((row) => row['type'] === 'presence.group-outage' && row['kind'] === 'AlarmRaised')
    const text = JSON.stringify(raise)
    expect(text).toContain('80 of 80 devices of the whole fleet went offline within 5 min (100 %); there are no others')
    expect(text).toContain('and 66 more')
    const situation = `${String(raise?.['stream'])}:1`
    const members = bench.rowsOf('alarm_events').filter((row) => row['type'] === 'presence.offline' && row['kind'] === 'Correlated')
    expect(new Set(members.map((row) => row['subject'])).size).toBe(fleet.length)
    expect(members.every((row) => JSON.stringify(row).includes(situation))).toBe(true)
  })
})

describe('a cell that is left', () => {
  const left = inCell(0x101).flatMap((n, at) => [
    radio(n, 60 * minuteMs + at * secondMs, 0x201),
    radio(n, 70 * minuteMs + at * secondMs, 0x201),
  ])
  const home = inCell(0x101).map((n, at) => radio(n, 100 * minuteMs + at * secondMs, 0x101))

  it('is an exodus when none has come back for a quarter of an hour, and over when half of them have', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 80 * minuteMs), arrival, left))
    expect(events(bench, 'cell.exodus')).toEqual(['group/cell/00101-257 AlarmRaised', 'group/cell/00101-257 Correlated'])
    const [row] = newest(bench).filter(({ type }) => type === 'cell.exodus')
    expect([row?.['severity'], row?.['condition']]).toEqual(['major', 'active'])
    await bench.run(...inOrder(ticks(80 * minuteMs + 5 * secondMs, 105 * minuteMs), home.slice(0, 9)))
    expect(events(bench, 'cell.exodus')).toHaveLength(2)
    await bench.run(...inOrder(ticks(105 * minuteMs + 5 * secondMs, 107 * minuteMs), radio(9, 106 * minuteMs, 0x101)))
    expect(events(bench, 'cell.exodus').at(-1)).toBe('group/cell/00101-257 AlarmCleared')
  })

  it('is none when one comes back in between', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 80 * minuteMs), arrival, left, radio(0, 72 * minuteMs, 0x101)))
    expect(events(bench, 'cell.exodus')).toEqual([])
  })
})

describe('a site that loses its power', () => {
  it('is a power outage once its devices come back with boots that power explains', async () => {
    const bench = createFleetBench()
    const site = fleet.filter((n) => n % 8 === 0)
    const atSite = site.map((n) => inventory(n, 1_000 + n, { site: 'taipei-1', region: 'north' }))
    const dark = site.map((n, at) => will(n, 15 * minuteMs + at * secondMs))
    const light = site.flatMap((n, at) => [
      online(n, 45 * minuteMs + at * secondMs),
      boots(n, 45 * minuteMs + at * secondMs + 500, at % 2 === 0 ? 'power' : null),
    ])
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 70 * minuteMs), arrival, atSite, dark, light))
    expect([...events(bench, 'presence.group-outage'), ...events(bench, 'site.power-outage')]).toEqual([
      'group/site/taipei-1 AlarmRaised',
      'group/site/taipei-1 Correlated',
      'group/site/taipei-1 AlarmCleared',
      'group/site/taipei-1 AlarmRaised',
      'group/site/taipei-1 Correlated',
      'group/site/taipei-1 AlarmCleared',
    ])
    const [root] = newest(bench).filter(({ type }) => type === 'site.power-outage')
    const members = newest(bench).filter((row) => row['situation'] === root?.['situation'] && row['situation_role'] === 'symptom')
    expect(members.map((row) => row['subject']).sort()).toEqual(site.map(deviceOf).sort())
    const causes = bench.rowsOf('presence').flatMap(({ cause }) => (cause === '' ? [] : [String(cause)]))
    expect([...new Set(causes)]).toEqual(['unknown', 'site-power'])
    expect(causes.filter((cause) => cause === 'site-power')).toHaveLength(site.length)
  })
})

describe('an area that loses its power', () => {
  it('stands on when the first of its sites is back, and what is dark stays its part', async () => {
    const bench = createFleetBench()
    const siteOf = (n: number): string => `site-${n % 4}`
    const others = Array.from({ length: 400 }, (_, n) => online(1_000 + n, n))
    const atSites = fleet.map((n) => inventory(n, 2_000 + n, { site: siteOf(n) }))
    const inArea = fleet.flatMap((n) => [online(n, n * 10), radio(n, n * 10 + 5, cellOf(n), 7)])
    const dark = fleet.map((n, at) => will(n, 15 * minuteMs + at * 100))
    const first = fleet.filter((n) => siteOf(n) === 'site-0')
    const light = first.flatMap((n, at) => [
      online(n, 30 * minuteMs + at * secondMs),
      boots(n, 30 * minuteMs + at * secondMs + 500, 'power'),
    ])
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 60 * minuteMs), others, atSites, inArea, dark, light))
    const area = events(bench, 'presence.group-outage')
    expect(area.filter((text) => text.endsWith('AlarmCleared'))).toEqual([])
    expect(events(bench, 'site.power-outage')[0]).toBe('group/site/site-0 AlarmRaised')
    const standing = newest(bench).filter((row) => row['type'] === 'presence.offline' && row['cleared_at'] === null)
    expect(standing).toHaveLength(fleet.length - first.length)
    expect(new Set(standing.map((row) => row['situation_role']))).toEqual(new Set(['symptom']))
  })
})

describe('a device that falls silent', () => {
  it('is offline in presence too, with a cause, and online again with its next message', async () => {
    const bench = createFleetBench()
    const talk = Array.from({ length: 30 }, (_, minute) => radio(1, minute * minuteMs + 7, 0x101))
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 54 * minuteMs), talk, radio(1, 50 * minuteMs, 0x101)))
    expect(bench.rowsOf('presence').map(({ state, reason, cause }) => [state, reason, cause])).toEqual([
      ['offline', 'silence', 'device'],
      ['online', 'spoke', ''],
    ])
  })
})
