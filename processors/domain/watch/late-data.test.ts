/** Each kind of rule x what of an episode came late: the episodes as amended are those of the same messages in order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Episode, heldBack, liveUnder, type Message } from '../../../test/late-kit.ts'
import { hourMs, minuteMs, shippedRules, startMs } from '../../../test/rule-kit.ts'
import type { RuleInput } from '../rules/evaluate.ts'

const all = shippedRules()
const only = (...ids: string[]) => {
  return {
    ...all,
    rules: all.rules.filter(({ id }) => ids.includes(id)).map((rule) => ({ ...rule, enabled: true, dependsOn: [] })),
    overrides: [],
  }
}

const measured = (metric: string, value: number, atMs: number, attributes = ''): RuleInput => ({
  kind: 'measurement',
  metric,
  attributes,
  value,
  atMs,
})
const facts = (atMs: number, items: Record<string, string | null>): RuleInput => ({
  kind: 'facts',
  atMs,
  items: Object.entries(items).map(([name, value]) => ({ name, value })),
})
const logged = (lineClass: 'usb-error' | 'oom' | 'usb-gone', atMs: number, line = 0): RuleInput => ({
  kind: 'log',
  class: lineClass,
  message: 'as told',
  program: null,
  line,
  atMs,
})
const radio = (atMs: number, changes: { rat?: string; rsrpDbm?: number; cellId?: number }): RuleInput => ({
  kind: 'radio',
  atMs,
  reading: { rat: 'LTE', cellId: 1, rsrpDbm: -90, rsrqDb: -10, sinrDb: 9, rssiDbm: -60, cqi: 9, activeCarriers: 1, ...changes },
})
const everyMs = 5 * minuteMs
const nth = (atMs: number): number => Math.floor(atMs / everyMs)
const overlay = '{"system.filesystem.mode":"rw","system.filesystem.mountpoint":"/overlay"}'

/** By the rule that it is about: what a message of that time says while all is well, and while it is not. */
const kinds: Record<string, (atMs: number, bad: boolean) => RuleInput[]> = {
  // States with an end.
  'wan.down': (atMs, bad) => [measured('network.wan.up', bad ? 0 : 1, atMs)],
  'wan.failover-active': (atMs, bad) => [facts(atMs, { 'wan.active': bad ? 'wwan0' : 'eth1' })],
  'modem.lost': (atMs, bad) => [bad ? logged('usb-gone', atMs) : radio(atMs, {})],
  'modem.sim-fault': (atMs, bad) => [facts(atMs, { 'modem.sim': bad ? 'absent' : 'ready' })],
  'modem.reg-denied': (atMs, bad) => [facts(atMs, { 'modem.registration': bad ? (nth(atMs) % 3 === 0 ? 'denied' : 'searching') : 'home' })],
  'sim.roaming': (atMs, bad) => [facts(atMs, { 'modem.roaming': bad ? 'true' : 'false' })],
  // With a condition beside.
  'tunnel.down': (atMs, bad) => [
    measured('network.wan.up', 1, atMs),
    measured('hw.network.up', bad ? 0 : 1, atMs, '{"network.interface.name":"tun0"}'),
  ],
  'wan.no-address': (atMs, bad) => [
    facts(atMs, { 'modem.registration': 'home', 'wan.active': 'wwan0', 'wan.address': bad ? null : '192.0.2.1' }),
  ],
  // Levels of 15 minutes, of single readings.
  'radio.rsrp-poor': (atMs, bad) => [radio(atMs, { rsrpDbm: bad ? -120 : -90 })],
  'device.flash-full': (atMs, bad) => [measured('system.filesystem.utilization', bad ? 0.98 : 0.4, atMs, overlay)],
  'device.memory-low': (atMs, bad) => [
    measured('system.memory.linux.available', bad ? 1e6 : 2e8, atMs),
    measured('system.memory.utilization', bad ? 0.95 : 0.5, atMs),
  ],
  'radio.rat-fallback': (atMs, bad) => [radio(atMs, { rat: bad ? 'UMTS' : 'LTE' })],
  // Counts in a time.
  'wan.flap': (atMs, bad) => [measured('network.wan.up', bad && nth(atMs) % 2 === 0 ? 0 : 1, atMs)],
  'wan.session-flap': (atMs, bad) => [facts(atMs, { 'wan.session_id': bad ? `s${nth(atMs)}` : 's' })],
  'radio.cell-pingpong': (atMs, bad) => [radio(atMs, { cellId: bad && nth(atMs) % 2 === 0 ? 2 : 1 })],
  'modem.usb-errors': (atMs, bad) => [
    measured('system.uptime', 1, atMs),
    ...(bad ? [logged('usb-error', atMs, 0), logged('usb-error', atMs, 1)] : []),
  ],
  'device.reboot-loop': (atMs, bad) => [
    measured('system.uptime', 1, atMs),
    ...(bad ? [{ kind: 'boot', bootId: `b${nth(atMs)}`, told: true, reason: 'watchdog', taskId: null, atMs } as const] : []),
  ],
  // What happened.
  'device.oom': (atMs, bad) => [radio(atMs, {}), ...(bad ? [logged('oom', atMs)] : [])],
}

type Stretch = readonly [fromHour: number, toHour: number]
const cases: Record<string, readonly Stretch[]> = {
  'begin late': [[1, 4]],
  'end late': [[-1, 1]],
  'whole episode late': [[0.5, 2]],
  'late between: one was two': [[-1, 0.5], [2, 4.5]],
  'two late ones': [[0.25, 1.4], [1.75, 2.9]],
  'all of it late that was well': [[-3, -1], [4, 5]],
} // biome-ignore format: one case a line

/** Six hours before, nine after; with about five minutes between two messages. */
const timeline = (inputsOf: (atMs: number, bad: boolean) => RuleInput[], bad: readonly Stretch[]): Message[] =>
  Array.from({ length: (15 * hourMs) / everyMs }, (_, n): Message => {
    const atMs = startMs - 6 * hourMs + n * everyMs + ((n * 7_919) % 20_011)
    const hour = (atMs - startMs) / hourMs
    const isBad = bad.some(([from, to]) => hour >= from && hour < to)
    return { atMs, inputs: [{ kind: 'heard' }, ...inputsOf(atMs, isBad)] }
  })

const episodesOf = (id: string, bad: readonly Stretch[], held: Stretch | null, laterMs = 3 * hourMs): Episode[] => {
  const inputsOf = kinds[id]
  if (inputsOf === undefined) throw new Error(`expected a kind, got ${id}`)
  const messages = timeline(inputsOf, bad)
  const [from, to] = held ?? [0, 0]
  const { episodes, limits, refusals } = liveUnder(only(id), heldBack(messages, startMs + from * hourMs, startMs + to * hourMs, laterMs))
  expect([limits, refusals]).toEqual([[], []])
  // One that ends tomorrow is not over.
  return episodes.map((one) => (one.to !== null && one.to > 9 * 60 ? { ...one, to: null } : one))
}

describe.each(Object.keys(kinds))('%s', (id) => {
  it.each(Object.entries(cases))('%s: the same episodes as amended', (_, bad) => {
    const expected = episodesOf(id, bad, null)
    expect(expected.length).toBeGreaterThan(0)
    expect(episodesOf(id, bad, [0, 3])).toEqual(expected)
    expect(episodesOf(id, bad, [0.13, 3.21], 5 * hourMs)).toEqual(expected)
  })
})

const stretches = fc
  .array(fc.tuple(fc.integer({ min: -20, max: 70 }), fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 3 })
  .map((all) => all.map(([from, length]): Stretch => [from / 12, (from + length) / 12]))

it.each(Object.keys(kinds))('%s: whatever was bad and whatever came late', (id) => {
  fc.assert(
    fc.property(stretches, fc.integer({ min: -12, max: 12 }), fc.integer({ min: 6, max: 30 }), (bad, from, length) => {
      const held: Stretch = [from / 12, (from + length) / 12]
      expect(episodesOf(id, bad, held, length * everyMs + hourMs)).toEqual(episodesOf(id, bad, null))
    }),
    { numRuns: 25, seed: 7 },
  )
})

describe('a boot', () => {
  const booted = (told: boolean, reason: string | null): RuleInput => ({
    kind: 'boot',
    bootId: 'b1',
    told,
    reason,
    taskId: null,
    atMs: startMs,
  })
  const lived = (reason: string) =>
    liveUnder(only('device.reboot-unexpected'), [
      { message: { atMs: startMs - everyMs, inputs: [radio(startMs - everyMs, {})] }, arrivalMs: startMs - everyMs },
      { message: { atMs: startMs, inputs: [booted(false, null)] }, arrivalMs: startMs },
      { message: { atMs: startMs + everyMs, inputs: [{ kind: 'tick' }] }, arrivalMs: startMs + everyMs },
      { message: { atMs: startMs + hourMs, inputs: [radio(startMs + hourMs, {})] }, arrivalMs: startMs + hourMs },
      { message: { atMs: startMs, inputs: [booted(true, reason)] }, arrivalMs: startMs + 3 * hourMs },
    ])

  it('whose reason comes hours later was a power cycle: the alarm is retracted', () => {
    const { episodes, told } = lived('power')
    expect(told.map(({ event }) => event.kind)).toEqual(['AlarmRaised', 'AlarmRetracted'])
    expect(episodes).toEqual([])
  })
  it('whose reason comes hours later was the watchdog: the alarm stands', () => {
    expect(lived('watchdog').episodes).toEqual([{ about: 'device.reboot-unexpected', from: 0, to: null, severity: 'warning' }])
  })
})

it('a SIM that was changed in the stretch that came late: the alarm begins then', () => {
  const changed = timeline((atMs) => [facts(atMs, { 'modem.iccid': atMs < startMs + 1.5 * hourMs ? '…0001' : '…0002' })], [])
  const [ordered, late] = [[0, 0], [0, 3]].map(([from = 0, to = 0]) =>
    liveUnder(only('sim.identity-changed'), heldBack(changed, startMs + from * hourMs, startMs + to * hourMs, 3 * hourMs)),
  ) // biome-ignore format: two ways
  expect(ordered?.episodes).toHaveLength(1)
  expect(late?.episodes).toEqual(ordered?.episodes)
})
