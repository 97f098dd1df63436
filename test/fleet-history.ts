/** Half an hour of a small fleet in which all that the fleet stage tells happens: for tests that run it again. */
import type { Body, DeviceEvent } from '../model/event.ts'
import { frontDoorFacts } from '../model/front-door.ts'
import { boots, deviceOf, inOrder, inventory, minuteMs, online, radio, secondMs, ticks, will } from './fleet-fakes.ts'
import { shippedRules } from './rule-kit.ts'
import { arrivalMs, eventOf, rulesEvent } from './stage-fakes.ts'

export const historyDevices = Array.from({ length: 24 }, (_, n) => n)
const dead = historyDevices.slice(0, 8)

const cellOf = (n: number): number => 0x100 * (1 + Math.floor(n / 8)) + 1
/** A firmware is learned for ten minutes in place of a week. */
const learnMs = 10 * minuteMs
const rules = shippedRules()
const quick = {
  ...rules,
  rules: rules.rules.map((rule) =>
    rule.id === 'fw.new-fingerprint' && rule.condition.form === 'fleet'
      ? { ...rule, condition: { ...rule.condition, parameters: { ...rule.condition.parameters, learnMs } } }
      : rule,
  ),
}

export const fleetHistory = (): DeviceEvent[] => {
  let counted = 0
  const says = (n: number, ms: number, bodies: Body[]): DeviceEvent =>
    eventOf({ device: deviceOf(n), receivedAtMs: arrivalMs + ms, text: `{"history":${counted++}}`, bodies })
  const runs = (n: number, ms: number): DeviceEvent =>
    says(n, ms, [
      {
        kind: 'Facts',
        items: [
          { name: 'device.product', value: 'dwr', sealed: null },
          { name: 'device.model', value: '311-a1', sealed: null },
          { name: 'firmware.version', value: n < 12 ? '1.2' : '1.3', sealed: null },
        ],
      },
    ])
  const writes = (n: number, ms: number, message: string): DeviceEvent =>
    says(n, ms, [
      {
        kind: 'LogLines',
        source: 'dmesg',
        items: [{ observedAtMs: null, writtenAt: '', severity: 3, facility: null, program: null, message, cut: false }],
      },
    ])
  const unreadable = (n: number, ms: number): DeviceEvent =>
    says(n, ms, [{ kind: 'Quarantined', reason: 'JSON_INVALID', deadLetter: '0:0' }])
  const talk = Array.from({ length: 11 }, (_, minute) => historyDevices.map((n) => runs(n, minute * minuteMs + n * secondMs))).flat()
  // Later seldom, but within the deadline of silence: else the whole fleet would be dark.
  const lives = historyDevices.filter((n) => !dead.includes(n) && n !== 9)
  const later = [14, 18, 22, 26, 30].map((minute) => lives.map((n) => runs(n, minute * minuteMs + n * secondMs))).flat()
  const other = 'mqtts://other.example:8883'
  const bridge = ticks(2_000, 32 * minuteMs).map((tick) => ({
    ...tick,
    bodies: tick.bodies.map((body) =>
      body.kind === 'Tick' ? { ...body, instance: 'bridge', brokerConnected: tick.receivedAtMs < arrivalMs + 25 * minuteMs } : body,
    ),
  }))
  const withoutLetters = { ...quick, rules: quick.rules.filter(({ id }) => id !== 'platform.dead-letters') }
  const retired: DeviceEvent = {
    ...rulesEvent(withoutLetters),
    receivedAtMs: arrivalMs + 31 * minuteMs,
    bodies: rulesEvent(withoutLetters).bodies.map((body) => (body.kind === 'RuleActivated' ? { ...body, version: '2' } : body)),
  }
  return [
    rulesEvent(quick),
    ...inOrder(
      ticks(0, 32 * minuteMs),
      bridge.map((tick) => ({ ...tick, bodies: [...tick.bodies, frontDoorFacts({ broker: other, clientId: 'bridge', fault: 'broker' })] })),
      historyDevices.flatMap((n) => [
        inventory(n, n, n < 8 ? { site: 'one' } : {}),
        online(n, 100 + n * 10),
        radio(n, 100 + n * 10 + 5, cellOf(n)),
      ]),
      talk,
      later,
      historyDevices.slice(12).map((n) => unreadable(n, 9 * minuteMs + n * secondMs)),
      dead.map((n, at) => will(n, 13 * minuteMs + at * secondMs)),
      dead.flatMap((n, at) => [online(n, 18 * minuteMs + at), boots(n, 18 * minuteMs + at + 200, 'power')]),
      // A second time, which stands at the end.
      [22, 26].map((minute) => dead.map((n) => runs(n, minute * minuteMs + n * secondMs))).flat(),
      dead.map((n, at) => will(n, 28 * minuteMs + at * secondMs)),
      will(9, 14 * minuteMs),
      writes(12, minuteMs + 1, 'link is up'),
      [13, 14, 15].map((n) => writes(n, 12 * minuteMs + n, 'usb 1-1 fails')),
      retired,
    ),
  ]
}
