/** What holds of the engine whatever the rules: windows, late data, duplicates, bounds, replay. */
import { serialize } from 'node:v8'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ropMs } from '../../../model/rule.ts'
import {
  allOn,
  createRuleDevice,
  dayMs,
  hourMs,
  minuteMs,
  type RuleDevice,
  shippedRules,
  startMs,
  wordsOf,
} from '../../../test/rule-kit.ts'
import { logClassNames } from '../../../model/rule-form.ts'
import { createRuleBook } from './compile.ts'
import type { RuleInput } from './evaluate.ts'
import { seriesMax, streamsMax } from './state.ts'

const pack = shippedRules()
const everything = allOn(pack)
const memory = (atMs: number, value: number): RuleInput => ({
  kind: 'measurement',
  metric: 'system.memory.utilization',
  attributes: '',
  value,
  atMs,
})
const only = (...ids: string[]): RuleDevice => {
  const device = createRuleDevice({ rules: everything.rules.filter(({ id }) => ids.includes(id)), overrides: [] })
  device.heard(startMs - 60 * dayMs)
  return device
}

describe('windows', () => {
  it('one that holds less than 80 % of the expected readings is not judged', () => {
    const device = only('device.memory-low')
    for (let minute = 0; minute < 60; minute++) device.feed(memory(startMs + minute * minuteMs, 0.5))
    // 15 a window are expected: 12 are 80 %, 11 are not.
    const windows = (kept: number, from: number): void => {
      for (let minute = 0; minute < 30; minute++)
        if (minute % 15 < kept) device.feed(memory(startMs + from * ropMs + minute * minuteMs, 0.95))
    }
    windows(11, 4)
    device.feed(memory(startMs + 6 * ropMs, 0.95))
    expect(device.told()).toEqual([])
    windows(12, 7)
    device.feed(memory(startMs + 9 * ropMs, 0.95))
    expect(device.told()).toEqual([`device.memory-low active minor @${9 * 900}`])
  })

  it('while the cadence is not learned three readings over 80 % of the window are enough, two are not', () => {
    const halves = (offsets: readonly number[]): string[] => {
      const device = only('device.memory-low')
      for (const window of [0, 1]) for (const minute of offsets) device.feed(memory(startMs + window * ropMs + minute * minuteMs, 0.95))
      device.feed(memory(startMs + 2 * ropMs, 0.95))
      return device.told()
    }
    expect(halves([0, 6, 12])).toHaveLength(1)
    expect(halves([0, 6, 11.9])).toEqual([])
    expect(halves([0, 14])).toEqual([])
  })

  it('those of a device that went silent end by ticks', () => {
    const device = only('device.memory-low')
    for (let minute = 0; minute < 30; minute++) {
      device.heard(startMs + minute * minuteMs)
      device.feed(memory(startMs + minute * minuteMs, 0.95))
    }
    expect(device.told()).toEqual([])
    expect(device.nextTickMs()).toBe(startMs + 29 * minuteMs + 300_000)
    device.tick(device.nextTickMs())
    expect(device.told()).toEqual(['device.memory-low active minor @1800'])
  })

  it('a device that tells hours of its past in order is live by its own clock, whatever the ticks say', () => {
    const now = startMs + 10 * hourMs
    const device = only('device.memory-low')
    for (let minute = 0; minute < 61; minute++) {
      device.feed({ kind: 'heard' }, now + minute * 100)
      device.feed(memory(startMs + minute * minuteMs, 0.95), now + minute * 100)
      device.tick(now + minute * 100)
    }
    expect(device.told()[0]).toBe('device.memory-low active minor @1800')
    expect(device.commands.map(({ command }) => command.kind)).not.toContain('Rejudge')
  })
})

describe('late data', () => {
  it('never changes the live condition; the stretch is judged again once its windows are over', () => {
    const device = only('device.memory-low')
    for (let minute = 0; minute < 61; minute++) device.feed(memory(startMs + minute * minuteMs, 0.5))
    const before = structuredClone(device.state().streams)
    for (let minute = -30; minute < 0; minute++) device.feed(memory(startMs + minute * minuteMs, 0.95), startMs + 61 * minuteMs)
    // The second window is over when nothing of it has come for 15 minutes of the device's own time.
    device.feed(memory(startMs + 75 * minuteMs - 1, 0.5))
    expect(device.told()).toEqual([])
    device.feed(memory(startMs + 75 * minuteMs, 0.5))
    expect(device.told()).toEqual(['device.memory-low Rejudge'])
    expect(device.state().streams).toEqual(before)
    expect(device.commands[0]?.command).toMatchObject({
      spans: [{ raisedAtMs: startMs, endMs: startMs + 30 * minuteMs, severity: 'minor' }],
    })
  })

  const busy = (atMs: number, value: number): RuleInput => ({
    kind: 'measurement',
    metric: 'system.cpu.utilization',
    attributes: '',
    value,
    atMs,
  })
  /** Two hours of which the middle was told while the newer hour came. */
  const uploaded = (late: readonly (readonly [minute: number, value: number])[]): RuleDevice => {
    const device = only('device.cpu-high')
    device.heard(startMs - 60 * dayMs)
    for (let minute = -60; minute < 0; minute += 5) device.feed(busy(startMs + minute * minuteMs, 0.1))
    for (let minute = 0; minute < 120; minute += 5) {
      device.feed(busy(startMs + (300 + minute) * minuteMs, 0.1))
      const [own] = late.filter(([at]) => at === minute)
      if (own !== undefined) device.feed(busy(startMs + minute * minuteMs, own[1]), startMs + (300 + minute) * minuteMs)
    }
    return device
  }
  const every5 = (from: number, to: number, value: number) =>
    Array.from({ length: (to - from) / 5 }, (_, n) => [from + n * 5, value] as const)

  it('of two windows in a row that raise is an episode of the past, though newer readings came in between', () => {
    const found = uploaded([...every5(0, 45, 0.95), ...every5(45, 90, 0.1)]).commands.map(({ command }) => command)
    // Until its end has come too, it reaches to what was told live; and once more when that is over.
    const told = [
      [330, 330],
      [330, null],
      [75, 330],
    ].map((minutes) => minutes.map((minute) => (minute === null ? null : startMs + minute * minuteMs)))
    expect(found).toEqual(
      told.map(([endMs, toMs]) => ({
        kind: 'Rejudge',
        sourceEventId: expect.stringContaining('late') as string,
        reason: 'it came after the device had told of later times',
        ruleVersion: expect.any(Number) as number,
        atMs: expect.any(Number) as number,
        nowMs: expect.any(Number) as number,
        fromMs: startMs + 30 * minuteMs,
        toMs,
        spans: [{ raisedAtMs: startMs + 30 * minuteMs, endMs, severity: 'minor' }],
        onDelayMs: 0,
        endsBy: 'condition',
        evidence: expect.objectContaining({ raiseLevel: 0.9, clearLevel: 0.75 }) as unknown,
      })),
    )
  })

  it('of one window alone, of two with one between, or with too few readings, is none', () => {
    expect(uploaded([...every5(0, 15, 0.95), ...every5(15, 60, 0.1)]).commands).toEqual([])
    expect(uploaded([...every5(0, 15, 0.95), ...every5(15, 30, 0.1), ...every5(30, 45, 0.95), ...every5(45, 90, 0.1)]).commands).toEqual([])
    expect(uploaded([[0, 0.95], [5, 0.95], [15, 0.95], [20, 0.95], ...every5(30, 90, 0.1)]).commands).toEqual([])
  })

  it('older than seven days is not even told', () => {
    const device = only('device.memory-low')
    for (let minute = 0; minute < 61; minute++) device.feed(memory(startMs + minute * minuteMs, 0.5))
    for (let minute = 0; minute < 30; minute++) device.feed(memory(startMs - 8 * dayMs + minute * minuteMs, 0.95), startMs + hourMs)
    device.feed(memory(startMs + 90 * minuteMs, 0.5))
    expect(device.commands).toEqual([])
  })

  it('a panic that is told late is an episode found late, and raises nothing now', () => {
    const device = only('device.crash', 'device.memory-low')
    device.feed(memory(startMs, 0.5))
    device.feed(
      { kind: 'log', class: 'panic', message: 'Kernel panic - not syncing', program: null, line: 0, atMs: startMs - hourMs },
      startMs + 1_000,
    )
    expect(device.commands.map(({ command }) => command)).toEqual([
      expect.objectContaining({
        kind: 'Rejudge',
        spans: [{ raisedAtMs: startMs - hourMs, endMs: startMs - hourMs + dayMs, severity: 'critical' }],
      }),
    ])
  })

  it('an older word does not undo a newer one', () => {
    const device = only('wan.down')
    const up = (atMs: number, value: number): RuleInput => ({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value, atMs })
    device.feed(up(startMs, 0))
    device.feed(up(startMs - 1_000, 1))
    expect(device.told()).toEqual(['wan.down active major @0'])
  })
})

describe('evidence', () => {
  it('names the records, the value and both levels', () => {
    const device = only('device.memory-low')
    for (let minute = 0; minute < 31; minute++) device.feed(memory(startMs + minute * minuteMs, 0.95))
    const [{ key, command } = { key: null, command: null }] = device.commands
    expect(key).toEqual({ resource: 'dwr/311-a1/00-11-22-33-44-55', type: 'device.memory-low', qualifier: '' })
    expect(command).toMatchObject({
      sourceEventId: `device-events:0:31#device.memory-low ${startMs + ropMs}`,
      atMs: startMs + 30 * minuteMs,
      observedAtMs: startMs + 2 * ropMs,
      evidence: {
        topic: 'device-events',
        partition: 0,
        firstOffset: 1,
        lastOffset: 30,
        raiseLevel: 0.9,
        clearLevel: 0.85,
        values: [
          { name: 'system.memory.utilization mean', value: 0.95, unit: '1' },
          { name: 'system.memory.utilization readings', value: 15 },
        ],
      },
    })
  })

  it('comes once in 15 minutes while it stands', () => {
    const device = only('wan.down')
    for (let second = 0; second < 1_800; second += 10)
      device.feed({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value: 0, atMs: startMs + second * 1_000 })
    expect(device.told()).toEqual(['wan.down active major @0', 'wan.down active major @900'])
  })
})

describe('rules that change', () => {
  it('a rule that is gone retires its stream; another version keeps it', () => {
    const device = only('wan.down')
    const down: RuleInput = { kind: 'measurement', metric: 'network.wan.up', attributes: '', value: 0, atMs: startMs }
    device.feed(down)
    device.useRules({
      rules: everything.rules.filter(({ id }) => id === 'wan.down').map((rule) => ({ ...rule, version: 2 })),
      overrides: [],
    })
    device.feed({ ...down, atMs: startMs + ropMs })
    device.useRules({ rules: [], overrides: [] })
    device.heard(startMs + hourMs)
    expect(device.told()).toEqual(['wan.down active major @0', 'wan.down active major @900', 'wan.down RetireRule'])
    expect(device.commands[1]?.command).toMatchObject({ ruleVersion: 2 })
    expect(device.state().streams).toEqual({})
  })

  it('a model has its own limit by an override, others keep theirs off', () => {
    const override = {
      rule: 'device.temp-high',
      select: { ...(pack.rules[0]?.select ?? never()), model: ['dwr/960-*'] },
      set: {
        enabled: true,
        raise: { op: 'above' as const, value: 70 },
        clear: { op: 'below' as const, value: 65 },
        onDelayMs: null,
        offDelayMs: null,
        severity: null,
        notify: null,
      },
    }
    const book = createRuleBook({ rules: pack.rules, overrides: [override] })
    const profile = {
      device: '',
      class: 'home' as const,
      product: 'dwr',
      site: '',
      region: '',
      firmware: '',
      groups: [],
      plan: '',
      fixed: false,
      assignedFirmware: '',
      expectedIntervalMs: null,
    }
    expect(book.forDevice({ ...profile, model: '311-a1' }).rules.has('device.temp-high')).toBe(false)
    const rule = book.forDevice({ ...profile, model: '960-b1' }).rules.get('device.temp-high')
    expect(rule?.condition).toMatchObject({ raise: { op: 'above', value: 70 } })
    expect(book.forDevice({ ...profile, model: '960-b1' })).toBe(book.forDevice({ ...profile, model: '960-c1' }))
  })
})
const never = (): never => {
  throw new Error('the pack is empty')
}

describe('bounds', () => {
  it('the state of a device with all that the pack reads, each alarm active, stays under 20 KB', () => {
    const device = createRuleDevice(pack)
    device.age()
    for (let minute = 0; minute < 3 * 24 * 60; minute++)
      for (const input of fullRound(startMs + minute * minuteMs, minute)) device.feed(input)
    expect(Object.keys(device.state().streams).length).toBeGreaterThan(12)
    expect(serialize(device.state()).byteLength).toBeLessThan(20_480)
  })

  it('beyond so many series and streams nothing more is watched, and it is told', () => {
    const device = only('device.flash-full', 'device.temp-high')
    for (let n = 0; n < seriesMax + 5; n++)
      device.feed({ kind: 'measurement', metric: 'hw.temperature', attributes: `{"hw.name":"s${n}"}`, value: 50, atMs: startMs + n })
    expect(Object.keys(device.state().series)).toHaveLength(seriesMax)
    expect(device.limits).toContain('rule-series-per-device')
    const crash = only('device.process-crashloop')
    for (let n = 0; n < streamsMax + 5; n++)
      crash.feed({ kind: 'log', class: 'segv', message: `p${n}[1]: segfault at 0`, program: null, line: 0, atMs: startMs + n })
    expect(Object.keys(crash.state().streams)).toHaveLength(streamsMax)
    expect(crash.limits).toContain('rule-streams-per-device')
  })
})

/** One round of a router on which much is wrong. */
const fullRound = (atMs: number, round: number): RuleInput[] => [
  { kind: 'heard' },
  memory(atMs, 0.95),
  { kind: 'measurement', metric: 'system.memory.linux.available', attributes: '', value: 1e6, atMs },
  { kind: 'measurement', metric: 'system.cpu.utilization', attributes: '', value: 0.5, atMs },
  { kind: 'measurement', metric: 'system.cpu.load_average.1m', attributes: '', value: 1, atMs },
  { kind: 'measurement', metric: 'system.cpu.load_average.15m', attributes: '', value: 1, atMs },
  ...['/overlay', '/data', '/mnt/a', '/mnt/b'].map((mount): RuleInput => ({
    kind: 'measurement',
    metric: 'system.filesystem.utilization',
    attributes: `{"system.filesystem.mode":"rw","system.filesystem.mountpoint":"${mount}"}`,
    value: 0.98,
    atMs,
  })),
  { kind: 'measurement', metric: 'network.wan.up', attributes: '', value: round % 7 === 0 ? 0 : 1, atMs },
  ...['tun0', 'tun1', 'wg0'].map((name): RuleInput => ({ kind: 'measurement', metric: 'hw.network.up', attributes: `{"network.interface.name":"${name}"}`, value: 0, atMs })),
  ...['cpu', 'modem', 'board'].map((name): RuleInput => ({ kind: 'measurement', metric: 'hw.temperature', attributes: `{"hw.name":"${name}"}`, value: 90, atMs })),
  { kind: 'counter', metric: 'system.network.io', attributes: '{"network.interface.name":"wwan0","network.io.direction":"receive"}', delta: 1e6, seconds: 60, atMs },
  { kind: 'radio', atMs, reading: { rat: round < 100 ? 'NR' : 'LTE', cellId: round % 2 === 0 ? 1 : 2 + (round % 20), rsrpDbm: -120, rsrqDb: -12, sinrDb: -3, rssiDbm: -70, cqi: 3, activeCarriers: 1 } },
  { kind: 'facts', atMs, items: [{ name: 'wan.active', value: round > 2_000 ? 'eth1' : 'wwan0' }, { name: 'wan.session_id', value: `s${round}` }, { name: 'modem.registration', value: 'home' }, { name: 'modem.roaming', value: 'true' }, { name: 'modem.sim', value: 'ready' }] },
  ...(round % 3 === 0 ? logClassNames : []).map((name, line): RuleInput => ({ kind: 'log', class: name, message: `prog${round % 5}[1]: segfault at`, program: 'kernel', line, atMs })),
  ...(round % 20 === 0 ? [{ kind: 'boot', bootId: `b${round}`, told: true, reason: 'watchdog', taskId: null, atMs } as const] : []),
] // biome-ignore format: one signal a line

// ----------------------------------------------------------------------------------------------------------- properties

const atMs = fc.integer({ min: -3_600_000, max: 8 * 3_600_000 }).map((offset) => startMs + offset)
const words = fc.constantFrom('home', 'denied', 'searching', 'absent', 'ready', 'true', 'false', '', 'wwan0', 'eth1', '1.0', '\n', '*')
const anyInput: fc.Arbitrary<RuleInput> = fc.oneof(
  fc.constant<RuleInput>({ kind: 'heard' }),
  fc.constant<RuleInput>({ kind: 'tick' }),
  fc.constant<RuleInput>({ kind: 'registered' }),
  fc.record({
    kind: fc.constant('measurement' as const),
    metric: fc.constantFrom(...createRuleBook(everything).forDevice({ device: 'd', class: 'home', product: 'p', model: 'm', site: '', region: '', firmware: '', groups: [], plan: '', fixed: true, assignedFirmware: '', expectedIntervalMs: null }).metrics.keys(), 'x.y'),
    attributes: fc.constantFrom('', '{"network.interface.name":"tun0"}', '{"system.filesystem.mountpoint":"/overlay"}', '{', '[]', 'null', '{"hw.name":"\\n"}'),
    value: fc.oneof(fc.double(), fc.constantFrom(0, 1, 0.9, 0.95, -115, 1e300)),
    atMs,
  }),
  fc.record({ kind: fc.constant('counter' as const), metric: fc.constantFrom('system.network.io', 'x'), attributes: fc.constantFrom('', '{"network.interface.name":"wwan0","network.io.direction":"receive"}'), delta: fc.nat(), seconds: fc.nat(100), atMs }),
  fc.record({
    kind: fc.constant('radio' as const),
    atMs,
    reading: fc.record({
      rat: fc.constantFrom('LTE', 'NR', 'UMTS', null, 'odd'),
      cellId: fc.option(fc.nat(5)),
      rsrpDbm: fc.option(fc.integer({ min: -140, max: -44 })),
      rsrqDb: fc.constant(null),
      sinrDb: fc.option(fc.integer({ min: -20, max: 30 })),
      rssiDbm: fc.constant(null),
      cqi: fc.constant(null),
      activeCarriers: fc.nat(3),
    }),
  }),
  fc.record({ kind: fc.constant('facts' as const), atMs, items: fc.array(fc.record({ name: fc.constantFrom('wan.active', 'wan.address', 'wan.session_id', 'modem.registration', 'modem.sim', 'modem.state', 'modem.iccid', 'modem.roaming', 'firmware.version', '__proto__'), value: fc.option(words) }), { maxLength: 4 }) }),
  fc.record({ kind: fc.constant('log' as const), class: fc.constantFrom(...logClassNames, '' as const, 'burst' as const), message: fc.string(), program: fc.option(fc.string()), line: fc.nat(3), atMs }),
  fc.record({ kind: fc.constant('boot' as const), bootId: fc.constantFrom('', 'a', 'b', 'c'), told: fc.boolean(), reason: fc.option(fc.constantFrom('power', 'watchdog', 'panic')), taskId: fc.option(fc.constant('t')), atMs }),
  fc.record({ kind: fc.constant('presence' as const), state: fc.constantFrom('online' as const, 'offline' as const, 'unknown' as const), sessionId: fc.option(fc.constantFrom('s1', 's2')) }),
  fc.record({ kind: fc.constant('clock' as const), skewMs: fc.integer({ min: -100_000, max: 100_000 }), atMs }),
) // biome-ignore format: one input a line

const run = (steps: readonly (readonly [RuleInput, number])[], stored: boolean): RuleDevice => {
  const device = createRuleDevice(everything)
  for (const [input, laterMs] of steps) {
    device.feed(input, startMs + laterMs)
    if (stored) device.storeAndLoad()
  }
  return device
}
const steps = fc
  .array(fc.tuple(anyInput, fc.integer({ min: 0, max: 600_000 })), { maxLength: 120 })
  .map((list) => list.map(([input], at) => [input, list.slice(0, at + 1).reduce((sum, [, gap]) => sum + gap, 0)] as const))

describe('whatever comes', () => {
  it('never throws, and each stream is told active before it is told inactive', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const device = run(list, false)
        const open = new Set<string>()
        for (const { key, command, rule } of device.commands) {
          const id = `${key.type}|${key.qualifier}`
          if (command.kind === 'Observe' && command.verdict === 'active') open.add(id)
          if (command.kind === 'Observe' && command.verdict !== 'active') expect(open.has(id)).toBe(true)
          if (command.kind === 'Observe') expect(rule?.id).toBe(key.type)
          if (command.kind === 'Observe' && command.verdict === 'inactive') open.delete(id)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('a replay, also from stored states, tells the same', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const first = run(list, false)
        const again = run(list, true)
        expect(again.commands).toEqual(first.commands)
        expect(again.state()).toEqual(structuredClone(first.state()))
      }),
      { numRuns: 100 },
    )
  })

  it('within a window neither the order of readings nor duplicates change the verdict', () => {
    const readings = fc.array(fc.tuple(fc.integer({ min: 0, max: ropMs - 1 }), fc.double({ min: 0.8, max: 1, noNaN: true })), {
      minLength: 3,
      maxLength: 40,
    })
    fc.assert(
      fc.property(readings, fc.infiniteStream(fc.nat()), (list, picks) => {
        // One value a moment: two different ones of one moment have no order.
        const unique = [...new Map(list).entries()]
        const shuffled = [...unique, ...unique.filter((_, at) => at % 3 === 0)].map(
          (entry) => [picks.next().value as number, entry] as const,
        )
        shuffled.sort(([a], [b]) => a - b)
        const tell = (order: readonly (readonly [number, number])[]): string[] => {
          const device = createRuleDevice({
            rules: everything.rules
              .filter(({ id }) => id === 'device.memory-low')
              .map((rule) => ({ ...rule, condition: { ...rule.condition, inARow: 1 } as typeof rule.condition })),
            overrides: [],
          })
          for (const [offset, value] of order) device.feed(memory(startMs + offset, value), startMs + ropMs)
          const state = device.state().series['system.memory.utilization\n']
          device.feed(memory(startMs + 2 * ropMs, 0.5))
          return [...device.commands.map(wordsOf), JSON.stringify([state?.times, state?.values])]
        }
        expect(tell(shuffled.map(([, entry]) => entry))).toEqual(tell([...unique].sort(([a], [b]) => a - b)))
      }),
      { numRuns: 200 },
    )
  })
})
