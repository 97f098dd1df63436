import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { faultKinds } from './fault-kinds/catalogue.ts'
import { parseScenario } from './scenario.ts'
import { oneFault, planOf, problemsOf, startMs, truthOf } from './world-kit.ts'

const hourMs = 3_600_000
const base = 'name: x\nduration: 1h\nfleet: { groups: [{ name: a, count: 4, model: van/m-12 }] }\n'
const withFault = (fault: string): string => `${base}faults: [{ ${fault} }]`

describe('a scenario file', () => {
  it.each([
    ['duration: 1h', ['name: missing', 'fleet: missing']],
    [`${base}colour: red`, ['colour: unknown; known are name, description, seed, from, duration, utc_offset, network, fleet, telemetry, connection, background']],
    [base.replace('van/m-12', 'van/m-13'), ['fleet.groups[0].model: expected one of dwr/311-a1, dwr/921-b1, dwr/961-c1, edge/gw-40, edge/gw-60, van/m-12, got "van/m-13"']],
    [base.replace('count: 4', 'count: 0'), ['fleet.groups[0].count: expected a whole number from 1 to 1000000, got 0']],
    [base.replace('1h', '1 hour'), ['duration: expected a duration of at least 1000 ms, like 90s or 1h30m, got "1 hour"']],
    [`${base}telemetry: { every: { rado: 1 } }`, ['telemetry.every.rado: unknown; known are radio, loadavg, cpu, memory, interfaces, probe, temperature, storage, wan, modem']],
    [withFault('id: f, kind: explode, at: 1m, who: { all: true }'), [expect.stringMatching(/^faults\[0\]\.kind: expected one of power_off, .*, got "explode"$/)]],
    [withFault('id: f, kind: hang, at: 1m, who: { all: true }'), ['faults[0].for: missing; a hang has no usual length, say for or to']],
    [withFault('id: f, kind: oom, at: 1m, for: 3m, who: { all: true }'), ['faults[0].for: a oom is a moment and has no length']],
    [withFault('id: f, kind: hang, at: 1m, for: 2m, who: {}'), ['faults[0].who: expected at least one condition, or all: true']],
    [withFault('id: f, kind: hang, at: 1m, for: 2m, who: { site: nowhere }'), ['faults[0].who.site: the fleet has no site "nowhere"']],
    [withFault('id: f, kind: hang, at: 1m, for: 2m, who: { class: critical }'), ['faults[0].who: no device meets all conditions']],
    [withFault('id: f, kind: hang, at: 1m, for: 2m, who: { all: true, count: 5 }'), ['faults[0].who.count: expected at most the 4 devices that meet the conditions, got 5']],
    [withFault('id: f, kind: hang, at: 50m, for: 20m, who: { all: true }'), ['faults[0].for: expected an end within the run, from 2026-01-05T11:00:00.000Z to 2026-01-05T12:00:00.000Z, got 2026-01-05T12:10:00.000Z']],
    [withFault('id: f, kind: oom, at: 2026-01-05T10:59:59Z, who: { all: true }'), ['faults[0].at: expected a time of the run, from 2026-01-05T11:00:00.000Z to 2026-01-05T12:00:00.000Z, got 2026-01-05T10:59:59.000Z']],
    [withFault('id: f, kind: cell_outage, at: 1m, for: 2m, who: { all: true }'), ['faults[0].who.cell: missing; a cell_outage needs cell or enb']],
    [withFault('id: f, kind: cell_outage, at: 1m, for: 2m, who: { cell: "77" }'), ['faults[0].who.cell: no cell "77"']],
    [withFault('id: f, kind: packet_loss, at: 1m, for: 2m, who: { all: true }, with: { loss: 30, rtt: 4 }'), ['faults[0].with.rtt: unknown; known are loss, rtt_ms', 'faults[0].with.loss: expected a number from 0 to 1, got 30']],
    [withFault('id: f, kind: device_moved, at: 1m, for: 2m, who: { all: true }, with: { site: mars }'), ['faults[0].with.site: no site "mars"']],
    [`${base}faults: [{ id: f, kind: oom, at: 1m, who: { all: true } }, { id: f, kind: oom, at: 2m, who: { all: true } }]`, ['faults[1].id: "f" comes twice']],
    ['name: a\nname: b', [expect.stringContaining('Map keys must be unique')]],
    ['[1, 2]', expect.arrayContaining(['the file: expected keys and values, got [1,2]'])],
  ])('tells what is wrong with %j', (yaml, problems) => {
    expect(problemsOf(yaml)).toEqual(problems)
  }) // biome-ignore format: a table

  it('never throws, whatever is in it', () => {
    fc.assert(fc.property(fc.string(), (text) => { parseScenario(text) }), { numRuns: 300 })
    fc.assert(fc.property(fc.jsonValue(), (value) => { parseScenario(JSON.stringify({ name: 'x', duration: '1h', fleet: value, faults: [value] })) }), { numRuns: 300 })
  }) // biome-ignore format: two lines

  it('takes a time as offset, on the clock, and as local time of a day of the run', () => {
    const from = (at: string): number => truthOf(planOf(oneFault('oom', `at: ${at}`, { duration: '3d' })), 'tested-fault').fromMs
    expect(from('1h30m')).toBe(startMs + 1.5 * hourMs)
    expect(from('2026-01-05T15:00:00+01:00')).toBe(startMs + 3 * hourMs)
    expect(from('"14:10"')).toBe(Date.UTC(2026, 0, 5, 13, 10)) // 14:10 at +01:00.
    expect(from('"day 2 03:10:30"')).toBe(Date.UTC(2026, 0, 6, 2, 10, 30))
  })

  it('chooses the same share of devices each time, and a fault more changes nobody else', () => {
    const chosen = (more: string): string[] =>
      truthOf(planOf(`${oneFault('oom', 'at: 1h', { who: '{ all: true, share: 0.5 }' })}${more}`), 'tested-fault').devices.map(
        ({ mac }) => mac,
      )
    expect(chosen('')).toHaveLength(4)
    expect(chosen('  - { id: other, kind: hang, at: 2h, for: 5m, who: { share: 0.3 } }')).toEqual(chosen(''))
  })
})

describe('what is shipped', () => {
  const folder = join(import.meta.dirname, '../scenarios')
  it.each(readdirSync(folder))('%s is a scenario whose plan holds', (name) => {
    expect(
      problemsOf(
        readFileSync(join(folder, name), 'utf8')
          .replace(/^from: .*$/m, 'from: 2026-01-05T00:30:00+01:00')
          .replace('at: "02:57"', 'at: "12:57"')
          .replaceAll(/"0(2|3):(\d\d(?::\d\d)?)"/g, '"1$1:$2"')
          .replace('"05:10"', '"15:10"'),
      ),
    ).toEqual([]) // The kit starts at noon.
  })

  it('docs/guides/simulate.md has a row for each kind of fault, with its parameters', () => {
    const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/simulate.md'), 'utf8')
    const rows = [...guide.matchAll(/^\| `([a-z_]+)` \| ([^|]*) \| /gm)].map(([, name, fields]) => [
      name,
      [...(fields ?? '').matchAll(/`([a-z_]+)`/g)].map(([, field]) => field),
    ])
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(Object.entries(faultKinds).map(([name, { fields }]) => [name, fields])))
  })
})
