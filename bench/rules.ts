/**
 * Measurements a second per core through the default pack, and what a device's state costs. Devices speak each minute, twelve
 * readings a round (nine measurements, radio, facts, a counter); one device in a hundred has something wrong.
 *   node --expose-gc bench/rules.ts [devices] [minutes]
 * With `stored`, states are packed and unpacked once per device and minute, as a store does it between batches.
 */
import { Packr } from 'msgpackr'
import { createRuleBook } from '../processors/domain/rules/compile.ts'
import { evaluate, nextTickMs, type RuleInput } from '../processors/domain/rules/evaluate.ts'
import { type DeviceRuleState, initialRuleState } from '../processors/domain/rules/state.ts'
import { minuteMs, profileOf, shippedRules, startMs } from '../test/rule-kit.ts'

const devices = Number(process.argv[2] ?? 10_000)
const minutes = Number(process.argv[3] ?? 60)

const book = createRuleBook(shippedRules())
const onLimit = (): void => undefined

/** `round` counts minutes; a bad device has little memory and a weak signal. */
const inputsOf = (atMs: number, round: number, bad: boolean): RuleInput[] => {
  const wave = Math.sin(round / 7)
  const reading = (metric: string, value: number, attributes = ''): RuleInput => ({ kind: 'measurement', metric, attributes, value, atMs })
  return [
    { kind: 'heard' },
    reading('system.memory.utilization', bad ? 0.95 : 0.5 + wave / 20),
    reading('system.memory.linux.available', bad ? 1e6 : 6e7),
    reading('system.cpu.utilization', 0.3 + wave / 10),
    reading('system.cpu.load_average.1m', 0.5 + wave / 4),
    reading('system.filesystem.utilization', 0.4, '{"system.filesystem.mode":"rw","system.filesystem.mountpoint":"/overlay"}'),
    reading('hw.temperature', 50 + wave, '{"hw.name":"cpu"}'),
    reading('network.wan.up', 1),
    reading('hw.network.up', 1, '{"network.interface.name":"tun0"}'),
    reading('network.probe.rtt.avg', 30, '{"network.probe.target":"192.0.2.1"}'),
    { kind: 'counter', metric: 'system.network.io', attributes: '{"network.interface.name":"wwan0","network.io.direction":"receive"}', delta: 1e6, seconds: 60, atMs },
    {
      kind: 'radio',
      atMs,
      reading: { rat: 'LTE', cellId: 1 + (round % 90 < 3 ? 1 : 0), rsrpDbm: bad ? -119 : -95 + 3 * wave, rsrqDb: -10, sinrDb: 8, rssiDbm: -60, cqi: 9, activeCarriers: 2 },
    },
    { kind: 'facts', atMs, items: [{ name: 'wan.active', value: 'wwan0' }, { name: 'wan.address', value: '198.51.100.7' }, { name: 'modem.sim', value: 'ready' }, { name: 'modem.registration', value: 'home' }] },
  ] // biome-ignore format: one reading a line
}
const measurementsPerRound = 9

const runAll = (stored: boolean): void => {
  const packr = new Packr({ useRecords: false })
  const profiles = Array.from({ length: devices }, (_, device) => profileOf({ device: `d${device}`, model: `m${device % 20}` }))
  let states: (DeviceRuleState | Uint8Array)[] = profiles.map(initialRuleState)
  if (stored) states = states.map((state) => packr.pack(state))
  let commands = 0
  let offset = 0
  let spentMs = 0
  let due = 0
  for (let round = 0; round < minutes; round++) {
    const beganAt = performance.now()
    for (let device = 0; device < devices; device++) {
      const atMs = startMs + round * minuteMs + device
      const profile = profiles[device]
      const kept = states[device]
      if (profile === undefined || kept === undefined) continue
      let state = kept instanceof Uint8Array ? (packr.unpack(kept) as DeviceRuleState) : kept
      const context = {
        rules: book.forDevice(profile),
        profile,
        resource: profile.device,
        partition: 0,
        offset: offset++,
        nowMs: atMs,
        healthySinceMs: 0,
        onLimit,
      }
      for (const input of inputsOf(atMs, round, device % 100 === 0)) {
        const outcome = evaluate(state, input, context)
        state = outcome.state
        commands += outcome.commands.length
      }
      due += Number(nextTickMs(state, context, 0) < atMs)
      states[device] = stored ? packr.pack(state) : state
    }
    spentMs += performance.now() - beganAt
  }
  const readings = devices * minutes * measurementsPerRound
  const perSecond = Math.round(readings / (spentMs / 1_000))
  const microseconds = ((spentMs * 1_000) / (devices * minutes)).toFixed(1)
  console.log(
    `${stored ? 'stored' : 'in memory'}: ${perSecond.toLocaleString('en')} measurements/s, ${microseconds} us a round of 12 inputs, ${commands} commands, ${due} overdue`,
  )
  const sizes = states.map((state) => (state instanceof Uint8Array ? state : packr.pack(state)).byteLength).sort((a, b) => a - b)
  console.log(`  packed state: median ${sizes[sizes.length >> 1] ?? 0} bytes, greatest ${sizes.at(-1) ?? 0}`)
  if (!stored && globalThis.gc !== undefined) {
    globalThis.gc()
    const withStates = process.memoryUsage().heapUsed
    states = []
    globalThis.gc()
    console.log(`  heap: ${Math.round((withStates - process.memoryUsage().heapUsed) / devices)} bytes a device`)
  }
}

runAll(false)
runAll(true)
