/**
 * The shipped rules on what a scenario's fleet sends: parsed by the front door's own parser, placed, evaluated with ticks. A
 * planted fault is told as the rule that it is meant for, on the devices that have it, and a calm fleet says nothing.
 */
import { describe, expect, it } from 'vitest'
import { inputsOf } from '../processors/domain/rules/inputs.ts'
import { oneFault, planOf } from '../agent/world/world-kit.ts'
import { messagesOf } from '../agent/world/world.ts'
import { parseMessage } from '../ingest/domain/parse-message.ts'
import { severityRank } from '../model/alarm.ts'
import { initialBoot, noteBoot } from '../processors/domain/boot-tracker.ts'
import { placeTime } from '../processors/domain/placed-time.ts'
import { mapOf, pseudonym, shippedTopics } from './parse-kit.ts'
import { createRuleDevice, minuteMs, type RuleDevice, shippedRules } from './rule-kit.ts'
import { eventOf } from './stage-fakes.ts'

const topicMap = mapOf(shippedTopics())
const rules = shippedRules()
/** Cadence and place are known, as after a week. */
const learned = { ...rules, rules: rules.rules.map((rule) => ({ ...rule, learnMs: 0 })) }

/** Alarms told active, by rule; each with the devices that have it. */
const toldBy = (yaml: string): Map<string, Set<number>> => {
  const plan = planOf(yaml)
  const devices = plan.devices.map((): { rules: RuleDevice; boot: ReturnType<typeof initialBoot>; dueMs: number | null } => ({
    rules: createRuleDevice(learned),
    boot: initialBoot(),
    dueMs: null,
  }))
  let tickMs = 0
  for (const { atMs, deviceIndex, topic, payload } of messagesOf(plan)) {
    for (tickMs ||= atMs; tickMs + 5_000 <= atMs; tickMs += 5_000)
      for (const device of devices) {
        if (tickMs + 5_000 < (device.dueMs ??= device.rules.nextTickMs())) continue
        device.rules.tick(tickMs + 5_000)
        device.dueMs = null
      }
    const own = devices[deviceIndex]
    const outcome = parseMessage(topic, Buffer.from(payload), { topicMap, receivedAtMs: atMs, pseudonym })
    if (own === undefined || outcome.kind !== 'message') continue
    const { observedAtMs, bootId, seq, uptimeSeconds, personalFacts } = outcome.message
    // As they stand in the event: masked, the clear text sealed.
    const masked = personalFacts.map(({ name, masked: value }) => ({ name, value, sealed: null }))
    const bodies = [...outcome.message.bodies, ...(masked.length === 0 ? [] : [{ kind: 'Facts' as const, items: masked }])]
    const event = eventOf({ receivedAtMs: atMs, observedAtMs, bootId, seq, uptimeSeconds, bodies })
    own.dueMs = null
    const placed = placeTime(observedAtMs, atMs)
    const told = bodies.find((body) => body.kind === 'Presence')
    const { boot } = noteBoot(own.boot, event, placed.observedAtMs)
    const presence = told === undefined ? null : { state: told.state, sessionId: told.sessionId }
    for (const input of inputsOf(event, { observedAtMs: placed.observedAtMs, boot, steps: [], presence, skews: [] }))
      own.rules.feed(input, atMs)
  }
  const by = new Map<string, Set<number>>()
  for (const [index, device] of devices.entries())
    for (const { key, command } of device.rules.commands)
      if (command.kind === 'Observe' && command.verdict === 'active' && severityRank[command.severity] > 0)
        by.set(key.type, (by.get(key.type) ?? new Set()).add(index))
  return by
}

const wanted: readonly [kind: string, rest: string, rule: string][] = [
  ['power_off', 'at: 2h, for: 40m', 'presence.offline'],
  ['hang', 'at: 2h, for: 40m', 'presence.offline'],
  ['reboot', 'at: 2h, with: { reason: watchdog }', 'device.reboot-unexpected'],
  ['reboot_loop', 'at: 2h, for: 45m', 'device.reboot-loop'],
  ['kernel_panic', 'at: 2h', 'device.crash'],
  ['kernel_oops', 'at: 2h', 'device.crash'],
  ['kernel_stall', 'at: 2h', 'device.kernel-stall'],
  ['flash_error', 'at: 2h', 'device.flash-error'],
  ['conntrack_full', 'at: 2h', 'device.conntrack-full'],
  ['process_crashloop', 'at: 2h', 'device.process-crashloop'],
  ['login_bruteforce', 'at: 2h', 'sec.login-bruteforce'],
  ['presence_flap', 'at: 2h, for: 60m', 'presence.flapping'],
  ['wan_flap', 'at: 2h, for: 60m', 'wan.flap'],
  ['wan_session_flap', 'at: 2h, for: 60m', 'wan.session-flap'],
  ['modem_lost', 'at: 2h, for: 20m', 'modem.lost'],
  ['usb_errors', 'at: 2h, for: 60m', 'modem.usb-errors'],
  ['sim_lost', 'at: 2h, for: 20m', 'modem.sim-fault'],
  ['sim_swap', 'at: 2h', 'sim.identity-changed'],
  ['registration', 'at: 2h, for: 20m', 'modem.reg-denied'],
  ['roaming', 'at: 2h, for: 40m', 'sim.roaming'],
  ['tunnel_down', 'at: 2h, for: 20m', 'tunnel.down'],
]

describe('a planted fault', () => {
  it.each(wanted)('%s (%s) is told as %s, by the devices that have it', (kind, rest, rule) => {
    const by = toldBy(oneFault(kind, rest, { group: ', backup: 1', interval: '2m' }))
    const told = [...(by.get(rule) ?? [])]
    expect([rule, told.length > 0, told.every((index) => index < 4)]).toEqual([rule, true, true])
    for (const [other, devices] of by) expect([other, [...devices].filter((index) => index >= 4)]).toEqual([other, []])
  })
})

it('a calm fleet says nothing in a day', () => {
  const by = toldBy(
    oneFault('firmware_update', 'at: 1h, with: { version: "1.0", reboot: false }', {
      duration: '24h',
      interval: `${(2 * minuteMs) / 1_000}s`,
    }),
  )
  expect([...by]).toEqual([])
}, 60_000)
