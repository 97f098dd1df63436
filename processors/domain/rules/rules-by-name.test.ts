/** Rules of the shipped pack that need a past, with the numbers of the file written out. */
import { describe, expect, it } from 'vitest'
import { allOn, createRuleDevice, dayMs, hourMs, minuteMs, type RuleDevice, shippedRules, startMs } from '../../../test/rule-kit.ts'
import type { RuleInput } from './evaluate.ts'

const pack = allOn(shippedRules())
const deviceWith = (id: string, profile = {}): RuleDevice => {
  const device = createRuleDevice({ rules: pack.rules.filter((rule) => rule.id === id), overrides: [] }, profile)
  device.heard(startMs - 60 * dayMs)
  return device
}
const radio = (atMs: number, reading: Partial<(RuleInput & { kind: 'radio' })['reading']> = {}): RuleInput => ({
  kind: 'radio',
  atMs,
  reading: { rat: 'LTE', cellId: 7, rsrpDbm: -90, rsrqDb: -10, sinrDb: 10, rssiDbm: -60, cqi: 9, activeCarriers: 1, ...reading },
})
const facts = (atMs: number, items: Record<string, string | null>): RuleInput => ({
  kind: 'facts',
  atMs,
  items: Object.entries(items).map(([name, value]) => ({ name, value })),
})

describe('presence.offline', () => {
  /** Speaks each minute for an hour; the last word is at minute 59. */
  const talking = (profile = {}): RuleDevice => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => id === 'presence.offline'), overrides: [] }, profile)
    for (let minute = 0; minute < 60; minute++) device.heard(startMs + minute * minuteMs)
    return device
  }
  const lastMs = startMs + 59 * minuteMs

  it('is told after 5 minutes of silence, is major after 30 more, and over with the first word', () => {
    const device = talking()
    expect(device.nextTickMs()).toBe(lastMs + 300_000)
    device.tick(lastMs + 299_999)
    expect(device.told()).toEqual([])
    device.tick(lastMs + 300_000)
    expect(device.told()).toEqual(['presence.offline active warning @3840'])
    expect(device.nextTickMs()).toBe(lastMs + 2_100_000)
    device.tick(lastMs + 2_099_999)
    expect(device.told()).toHaveLength(1)
    device.tick(lastMs + 2_100_000)
    expect(device.told()[1]).toBe('presence.offline active major @5640')
    device.heard(lastMs + 2_200_000)
    expect(device.told()[2]).toBe('presence.offline inactive @5740')
    expect(device.commands[0]?.delays).toEqual({ onDelayMs: 0, offDelayMs: 60_000 })
  })

  it('a device that speaks each half hour has 90 minutes', () => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => id === 'presence.offline'), overrides: [] })
    for (let n = 0; n < 10; n++) device.heard(startMs + n * 30 * minuteMs)
    expect(device.nextTickMs()).toBe(startMs + 9 * 30 * minuteMs + 90 * minuteMs)
  })

  it('a burst of log lines does not shorten the 90 minutes of a device that speaks each half hour', () => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => id === 'presence.offline'), overrides: [] })
    for (let n = 0; n < 10; n++) device.heard(startMs + n * 30 * minuteMs)
    const burstMs = startMs + 280 * minuteMs
    for (let line = 0; line < 80; line++) device.feed({ kind: 'heard', aside: true }, burstMs + line * 15_000)
    const quietMs = burstMs + 79 * 15_000
    expect(device.nextTickMs()).toBe(quietMs + 90 * minuteMs)
    device.tick(quietMs + 90 * minuteMs - 1)
    expect(device.told()).toEqual([])
  })

  it('a device that only tells lines has its deadline from them', () => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => id === 'presence.offline'), overrides: [] })
    for (let n = 0; n < 10; n++) device.feed({ kind: 'heard', aside: true }, startMs + n * 30 * minuteMs)
    expect(device.nextTickMs()).toBe(startMs + 9 * 30 * minuteMs + 90 * minuteMs)
  })

  it('a will is told after 2 minutes, unless the device comes back', () => {
    const device = talking()
    device.feed({ kind: 'presence', state: 'offline', sessionId: 's' }, lastMs + 1_000)
    device.tick(lastMs + 120_999)
    expect(device.told()).toEqual([])
    device.tick(lastMs + 121_000)
    expect(device.told()).toEqual([`presence.offline active warning @${59 * 60 + 121}`])
    const back = talking()
    back.feed({ kind: 'presence', state: 'offline', sessionId: 's' }, lastMs + 1_000)
    back.heard(lastMs + 60_000)
    back.tick(lastMs + 130_000)
    expect(back.told()).toEqual([])
  })

  it('a first connect and a few words raise nothing while the cadence is not known', () => {
    const device = createRuleDevice(shippedRules())
    device.heard(startMs)
    device.heard(startMs + 60_000)
    device.tick(startMs + 3 * hourMs)
    expect(device.told()).toEqual([])
  })

  it('is not judged while devices cannot reach us, and gives one deadline after', () => {
    const device = talking()
    device.healthySince(null)
    device.tick(lastMs + hourMs)
    expect(device.told()).toEqual([])
    device.healthySince(lastMs + hourMs)
    device.tick(lastMs + hourMs + 299_999)
    expect(device.told()).toEqual([])
    device.tick(lastMs + hourMs + 300_000)
    expect(device.told()).toHaveLength(1)
  })

  it('what was active is unknown, not cleared, and stands again with the first reading', () => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => ['presence.offline', 'wan.down'].includes(id)), overrides: [] })
    for (let minute = 0; minute < 60; minute++) device.heard(startMs + minute * minuteMs)
    device.feed({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value: 0, atMs: lastMs })
    device.tick(lastMs + 300_000)
    device.heard(lastMs + 400_000)
    device.feed({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value: 0, atMs: lastMs + 400_000 })
    expect(device.told()).toEqual([
      'wan.down active major @3540',
      'presence.offline active warning @3840',
      'wan.down ObserveUnknown',
      'presence.offline inactive @3940',
      'wan.down active major @3940',
    ])
  })

  it('stays a warning in the hours in which it usually is off, and no longer', () => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => id === 'presence.offline'), overrides: [] })
    const midnight = Date.UTC(2026, 0, 6)
    // Off from 23:00 to 06:00 for eight nights.
    for (let day = 0; day < 8; day++)
      for (let minute = 6 * 60; minute < 23 * 60; minute++) device.heard(midnight + day * dayMs + minute * minuteMs)
    const offMs = midnight + 7 * dayMs + 23 * hourMs
    for (let atMs = offMs; atMs < offMs + 6 * hourMs; atMs += 5_000) if (atMs >= device.nextTickMs()) device.tick(atMs)
    const before = device.told().length
    expect(device.told().at(-1)).toContain('warning')
    for (let atMs = offMs + 6 * hourMs; atMs < offMs + 10 * hourMs; atMs += 5_000) if (atMs >= device.nextTickMs()) device.tick(atMs)
    expect(device.told().slice(before)).toHaveLength(1)
    expect(device.told().at(-1)).toContain('major')
  })
})

describe('presence.telemetry-gap', () => {
  const round = (device: RuleDevice, atMs: number, withRadio: boolean): void => {
    device.feed({ kind: 'measurement', metric: 'system.memory.utilization', attributes: '', value: 0.5, atMs })
    if (withRadio) device.feed(radio(atMs))
  }
  it('is told when three intervals of one signal are missing while others come, and over with the next', () => {
    const device = deviceWith('presence.telemetry-gap')
    for (let minute = 0; minute <= 30; minute++) round(device, startMs + minute * minuteMs, true)
    for (let minute = 31; minute <= 33; minute++) round(device, startMs + minute * minuteMs, false)
    expect(device.told()).toEqual([])
    round(device, startMs + 33 * minuteMs + 1, false)
    expect(device.told()).toEqual(['presence.telemetry-gap radio active warning @1980'])
    round(device, startMs + 40 * minuteMs, true)
    expect(device.told()[1]).toBe('presence.telemetry-gap radio inactive @2400')
  })

  it('a device that was silent as a whole has no gap of one signal', () => {
    const device = deviceWith('presence.telemetry-gap')
    for (let minute = 0; minute <= 30; minute++) round(device, startMs + minute * minuteMs, true)
    round(device, startMs + 200 * minuteMs, false)
    round(device, startMs + 200 * minuteMs + 500, true)
    expect(device.told()).toEqual([])
  })

  it('what comes on change only has no cadence', () => {
    const device = deviceWith('presence.telemetry-gap')
    const gaps = [1, 40, 3, 90, 2, 5, 200, 1]
    let atMs = startMs
    for (const gap of gaps) device.feed(radio((atMs += gap * minuteMs)))
    for (let minute = 0; minute < 600; minute++)
      device.feed({ kind: 'measurement', metric: 'system.memory.utilization', attributes: '', value: 0.5, atMs: atMs + minute * minuteMs })
    expect(device.told()).toEqual([])
  })

  it('in its first seven days it is only learned', () => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => id === 'presence.telemetry-gap'), overrides: [] })
    device.heard(startMs)
    for (let minute = 0; minute <= 30; minute++) round(device, startMs + minute * minuteMs, true)
    for (let minute = 31; minute <= 60; minute++) round(device, startMs + minute * minuteMs, false)
    expect(device.told()).toEqual([])
  })
})

describe('inventory.never-seen', () => {
  it('is told 72 hours after the import, and over with the first message', () => {
    const device = createRuleDevice({ rules: pack.rules.filter(({ id }) => id === 'inventory.never-seen'), overrides: [] })
    device.feed({ kind: 'registered' }, startMs)
    expect(device.nextTickMs()).toBe(startMs + 72 * hourMs)
    device.tick(startMs + 72 * hourMs - 1)
    expect(device.told()).toEqual([])
    device.tick(startMs + 72 * hourMs)
    device.heard(startMs + 80 * hourMs)
    expect(device.told()).toEqual(['inventory.never-seen active warning @259200', 'inventory.never-seen inactive @288000'])
  })
})

describe('device.memory-leak', () => {
  const leak = (device: RuleDevice, perHour: number, hours: number, from = 0): void => {
    for (let hour = 0; hour < hours; hour++)
      for (const minute of [0, 30])
        device.feed({
          kind: 'measurement',
          metric: 'system.memory.utilization',
          attributes: '',
          value: 0.5 + perHour * (from + hour),
          atMs: startMs + (from + hour) * hourMs + minute * minuteMs,
        })
  }
  it('is told once 58 of 72 hours lie on a line that reaches 95 % within 7 days, and over with a boot', () => {
    const device = deviceWith('device.memory-leak')
    leak(device, 0.002, 58)
    expect(device.told()).toEqual([])
    leak(device, 0.002, 1, 58)
    // 0.5 + 0.002 * (58 + 168) = 0.952
    expect(device.told()).toEqual([`device.memory-leak active warning @${58 * 3_600}`])
    device.feed({ kind: 'boot', bootId: 'b', told: true, reason: 'watchdog', taskId: null, atMs: startMs + 59 * hourMs })
    expect(device.told()[1]).toBe(`device.memory-leak inactive @${59 * 3_600}`)
  })
  it('a line that stays below is none, and neither is one that falls', () => {
    for (const perHour of [0.0019, -0.002]) {
      const device = deviceWith('device.memory-leak')
      leak(device, perHour, 59)
      expect(device.told()).toEqual([])
    }
  })
})

it('wan.traffic-drop: under a tenth of what is usual at this hour for four windows, once the hour was seen on three days', () => {
  const device = deviceWith('wan.traffic-drop')
  const attributes = '{"network.interface.name":"wwan0","network.io.direction":"receive"}'
  const step = (atMs: number, bytes: number): unknown =>
    device.feed({ kind: 'counter', metric: 'system.network.io', attributes, delta: bytes, seconds: 60, atMs })
  for (let minute = 0; minute < 4 * 24 * 60; minute++) step(startMs + minute * minuteMs, 60_000)
  const fromMs = startMs + 4 * dayMs
  for (let minute = 0; minute < 61; minute++) step(fromMs + minute * minuteMs, 5_500)
  expect(device.told()).toEqual([`wan.traffic-drop wwan0 active warning @${4 * 86_400 + 3_600}`])
  for (let minute = 61; minute < 91; minute++) step(fromMs + minute * minuteMs, 60_000)
  expect(device.told().at(-1)).toBe(`wan.traffic-drop wwan0 inactive @${4 * 86_400 + 4_500}`)
})

describe('the backup uplink', () => {
  it.each([
    ['wan.failover-active', 600_000, 0],
    ['wan.on-backup-long', 86_400_000, 600_000],
  ])('%s: another uplink than the one that mostly was active', (id, onDelayMs, offDelayMs) => {
    const device = deviceWith(id)
    for (let hour = 0; hour < 10; hour++) device.feed(facts(startMs + hour * hourMs, { 'wan.active': 'wwan0' }))
    device.feed(facts(startMs + 10 * hourMs, { 'wan.active': 'eth1' }))
    device.feed(facts(startMs + 12 * hourMs, { 'wan.active': 'wwan0' }))
    expect(device.told()).toEqual([`${id} active minor @36000`, `${id} inactive @43200`])
    expect(device.commands[0]?.delays).toEqual({ onDelayMs, offDelayMs })
  })
})

describe('radio', () => {
  it('radio.rat-fallback: LTE after NR within 7 days is a fallback, after 7 days it is what the device has', () => {
    const device = deviceWith('radio.rat-fallback')
    device.feed(radio(startMs, { rat: 'NR' }))
    device.feed(radio(startMs + 7 * dayMs, { rat: 'LTE' }))
    device.feed(radio(startMs + 7 * dayMs + 1, { rat: 'LTE' }))
    expect(device.told()).toEqual(['radio.rat-fallback active warning @604800', 'radio.rat-fallback inactive @604800.001'])
    expect(device.commands[0]?.delays.onDelayMs).toBe(3_600_000)
  })

  it('radio.ca-lost: four windows without aggregation, where 80 % of the time it was there', () => {
    const device = deviceWith('radio.ca-lost')
    for (let minute = 0; minute < 20 * 60; minute++) device.feed(radio(startMs + minute * minuteMs, { activeCarriers: 2 }))
    for (let minute = 20 * 60; minute < 21 * 60 + 1; minute++) device.feed(radio(startMs + minute * minuteMs))
    expect(device.told()).toEqual(['radio.ca-lost active warning @75600'])
    for (let minute = 21 * 60 + 1; minute < 21 * 60 + 31; minute++) device.feed(radio(startMs + minute * minuteMs, { activeCarriers: 2 }))
    expect(device.told().at(-1)).toBe('radio.ca-lost inactive @76500')
  })

  it('device.moved: a cell outside those of 95 % of the time, on a device that stands somewhere', () => {
    const device = deviceWith('device.moved')
    for (let hour = 0; hour < 100; hour++) device.feed(radio(startMs + hour * hourMs, { cellId: 7 + (hour % 2) }))
    device.feed(radio(startMs + 100 * hourMs, { cellId: 99 }))
    device.feed(radio(startMs + 102 * hourMs, { cellId: 8 }))
    expect(device.told()).toEqual(['device.moved active warning @360000', 'device.moved inactive @367200'])
    expect(device.commands[0]?.delays).toEqual({ onDelayMs: 3_600_000, offDelayMs: 3_600_000 })
    const vehicle = deviceWith('device.moved', { fixed: false })
    for (let hour = 0; hour < 100; hour++) vehicle.feed(radio(startMs + hour * hourMs, { cellId: hour }))
    expect(vehicle.told()).toEqual([])
  })

  it('3G levels are no RSRP', () => {
    const device = deviceWith('radio.rsrp-poor')
    for (let minute = 0; minute < 60; minute++) device.feed(radio(startMs + minute * minuteMs, { rat: 'UMTS', rsrpDbm: -120 }))
    expect(device.told()).toEqual([])
  })

  it('radio.cell-pingpong: six changes between two cells, not a drive through many', () => {
    const pingPong = deviceWith('radio.cell-pingpong')
    for (let n = 0; n <= 6; n++) pingPong.feed(radio(startMs + n * minuteMs, { cellId: n % 2 }))
    expect(pingPong.told()).toEqual(['radio.cell-pingpong active warning @360'])
    const drive = deviceWith('radio.cell-pingpong')
    for (let n = 0; n <= 30; n++) drive.feed(radio(startMs + n * minuteMs, { cellId: n }))
    expect(drive.told()).toEqual([])
  })
})

describe('fw.drift', () => {
  it('is silent while the inventory assigns none; else it is told and over by the version', () => {
    const none = deviceWith('fw.drift')
    none.feed(facts(startMs, { 'firmware.version': '1.0' }))
    expect(none.told()).toEqual([])
    const device = deviceWith('fw.drift', { assignedFirmware: '2.0' })
    device.feed(facts(startMs, { 'firmware.version': '1.0' }))
    device.feed(facts(startMs + hourMs, { 'firmware.version': '2.0' }))
    expect(device.told()).toEqual(['fw.drift active warning @0', 'fw.drift inactive @3600'])
  })
})

describe('boots', () => {
  const boot = (told: boolean, reason: string | null, atMs: number, bootId = 'b1', taskId: string | null = null) => ({
    kind: 'boot' as const,
    bootId,
    told,
    reason,
    taskId,
    atMs,
  })
  it('a new boot id waits a minute for its reason: power is a power cycle, no unexpected reboot', () => {
    const device = deviceWith('device.reboot-unexpected')
    device.feed(boot(false, null, startMs))
    device.feed(boot(true, 'power', startMs + 5_000))
    device.tick(startMs + 2 * minuteMs)
    expect(device.told()).toEqual([])
    device.feed(boot(false, null, startMs + hourMs, 'b2'))
    device.tick(startMs + hourMs + 59_999)
    expect(device.told()).toEqual([])
    device.tick(startMs + hourMs + 60_000)
    expect(device.told()).toEqual(['device.reboot-unexpected active warning @3600'])
  })
  it('the boot in which a device is met is none, told or not, the next one is', () => {
    for (const told of [false, true]) {
      const device = deviceWith('device.reboot-unexpected')
      const before: RuleInput = { ...boot(told, told ? 'panic' : null, startMs), beganAtMs: startMs - 61 * dayMs }
      device.feed(before, startMs)
      device.feed(boot(true, 'panic', startMs + 1_000), startMs + 1_000)
      device.tick(startMs + 2 * minuteMs)
      expect(device.told()).toEqual([])
      device.feed(boot(true, 'unknown', startMs + hourMs, 'b2'), startMs + hourMs)
      expect(device.told()).toEqual(['device.reboot-unexpected active warning @3600'])
    }
  })
  it('a second boot before the first has told its reason is another one, and tells its own', () => {
    const device = deviceWith('device.reboot-loop')
    for (let n = 0; n < 4; n++) device.feed(boot(false, null, startMs + n * 30_000, `b${n}`))
    device.feed(boot(true, 'panic', startMs + 95_000, 'b3'))
    expect(device.told()).toEqual(['device.reboot-loop active major @95'])
  })
  it('a boot is live though its reason was waited for in vain while readings went on', () => {
    const device = deviceWith('device.reboot-unexpected')
    device.feed(boot(false, null, startMs))
    for (let second = 5; second <= 70; second += 5) device.feed(facts(startMs + second * 1_000, { 'wan.active': 'wwan0' }))
    device.tick(startMs + 70_000)
    expect(device.told()).toEqual(['device.reboot-unexpected active warning @0'])
  })
  it('a commanded boot raises nothing, and one boot told twice is one', () => {
    const device = deviceWith('device.reboot-loop')
    for (let n = 0; n < 8; n++) device.feed(boot(true, 'watchdog', startMs + n * minuteMs, 'same'))
    for (let n = 0; n < 8; n++) device.feed(boot(true, 'commanded', startMs + n * minuteMs, `c${n}`, 'task-1'))
    expect(device.told()).toEqual([])
  })
})

it('wan.no-address waits for a registration, and a message that leaves the address out says that there is none', () => {
  const device = deviceWith('wan.no-address')
  device.feed(facts(startMs, { 'modem.registration': 'searching' }))
  device.feed(facts(startMs + 1_000, { 'wan.active': 'wwan0' }))
  expect(device.told()).toEqual([])
  device.feed(facts(startMs + 2_000, { 'modem.registration': 'home' }))
  device.feed(facts(startMs + 3_000, { 'wan.active': 'wwan0' }))
  device.feed(facts(startMs + 4_000, { 'wan.active': 'wwan0', 'wan.address': '198.51.100.7' }))
  expect(device.told()).toEqual(['wan.no-address active major @3', 'wan.no-address inactive @4'])
})

it('modem.reg-denied: a denial does not wait as long as the search before it', () => {
  const device = deviceWith('modem.reg-denied')
  device.feed(facts(startMs, { 'modem.registration': 'searching' }))
  device.feed(facts(startMs + 60_000, { 'modem.registration': 'denied' }))
  expect(device.commands.map(({ delays, command }) => [delays.onDelayMs, command.kind === 'Observe' ? command.verdict : ''])).toEqual([
    [300_000, 'active'],
    [300_000, 'inactive'],
    [0, 'active'],
  ])
})

it('device.process-crashloop: each program has an alarm of its own', () => {
  const device = deviceWith('device.process-crashloop')
  const line = (message: string, n: number): RuleInput => ({
    kind: 'log',
    class: 'segv',
    message,
    program: 'kernel',
    line: n,
    atMs: startMs + n * 1_000,
  })
  for (const n of [0, 1, 2]) device.feed(line(`dnsmasq[${800 + n}]: segfault at 0 ip 0`, n))
  device.feed(line('hostapd[9]: segfault at 0 ip 0', 3))
  expect(device.told()).toEqual(['device.process-crashloop dnsmasq active minor @2'])
})

describe('messages that overtake each other within the minute', () => {
  const secondMs = 1_000
  const up = (atMs: number, value: 0 | 1): RuleInput => ({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value, atMs })
  const tunnel = (atMs: number, value: 0 | 1): RuleInput => ({
    kind: 'measurement',
    metric: 'hw.network.up',
    attributes: '{"network.interface.name":"tun0"}',
    value,
    atMs,
  })
  const boot = (atMs: number, told: boolean): RuleInput => ({
    kind: 'boot',
    bootId: 'b',
    told,
    reason: told ? 'watchdog' : null,
    taskId: null,
    atMs,
    beganAtMs: startMs,
  })
  const toldOf = (id: string, ...inputs: RuleInput[]): string[] => {
    const device = deviceWith(id)
    for (const [n, input] of inputs.entries()) device.feed(input, startMs + 30 * minuteMs + n)
    return device.told()
  }

  it('wan.flap counts the edges that the later message had hidden', () => {
    const downs = [0, 10, 20].map((minute) => startMs + minute * minuteMs)
    const inOrder = [up(startMs - minuteMs, 1), ...downs.flatMap((atMs) => [up(atMs, 0), up(atMs + 30 * secondMs, 1)])]
    const overtaken = [up(startMs - minuteMs, 1), ...downs.flatMap((atMs) => [up(atMs + 30 * secondMs, 1), up(atMs, 0)])]
    expect(toldOf('wan.flap', ...inOrder)).toEqual(['wan.flap active minor @1230'])
    expect(toldOf('wan.flap', ...overtaken)).toEqual(['wan.flap active minor @1230'])
  })

  it('wan.session-flap takes a new address for one of the boot, whichever message tells of that first', () => {
    const address = (n: number): RuleInput => facts(startMs + n * secondMs, { 'wan.address': `192.0.2.${n}` })
    const addresses = [1, 2, 3, 4, 5, 6, 7].map(address)
    const before = facts(startMs - minuteMs, { 'wan.address': '192.0.2.99' })
    expect(toldOf('wan.session-flap', before, boot(startMs + 15 * secondMs, false), ...addresses)).toEqual([])
    expect(toldOf('wan.session-flap', before, boot(startMs + 15 * secondMs, true), ...addresses)).toEqual([])
    expect(toldOf('wan.session-flap', before, ...addresses)).toHaveLength(1)
  })

  it('sec.identity-conflict is three takeovers of the client id within ten minutes, over after ten without one', () => {
    const taken = (ms: number): RuleInput => facts(startMs + ms, { 'mqtt.session.takeovers': '1' })
    const last = 10 * minuteMs
    expect(toldOf('sec.identity-conflict', taken(0), taken(minuteMs))).toEqual([])
    expect(toldOf('sec.identity-conflict', taken(0), taken(minuteMs), taken(last))).toEqual([])
    expect(toldOf('sec.identity-conflict', taken(0), taken(minuteMs), taken(last - 1_000))).toEqual([
      'sec.identity-conflict active major @599',
    ])
  })

  it('tunnel.down asks whether the uplink was up at its own time', () => {
    const [down, again] = [up(startMs, 0), up(startMs + 40 * secondMs, 1)]
    const lost = tunnel(startMs + 30 * secondMs, 0)
    const first = up(startMs - minuteMs, 1)
    for (const order of [
      [first, down, lost, again],
      [first, down, again, lost],
    ])
      expect(toldOf('tunnel.down', ...order)).toEqual([])
    expect(toldOf('tunnel.down', first, lost, down, again)).toEqual(['tunnel.down tun0 active major @30', 'tunnel.down tun0 inactive @30'])
    expect(toldOf('tunnel.down', first, lost)).toEqual(['tunnel.down tun0 active major @30'])
  })

  it('tunnel.down is over when the uplink goes within its two minutes, not after them', () => {
    const [first, lost] = [up(startMs - minuteMs, 1), tunnel(startMs, 0)]
    expect(toldOf('tunnel.down', first, lost, up(startMs + 2 * minuteMs - 1, 0)).at(-1)).toBe('tunnel.down tun0 inactive @119.999')
    expect(toldOf('tunnel.down', first, lost, up(startMs + 2 * minuteMs, 0))).toHaveLength(1)
  })
})
