/** Power, reboots and presence: what happens to a device as a whole. */
import type { Step } from '../actions.ts'
import { oopsTexts, panicTexts } from '../log-texts.ts'
import { duration, flag, integer, number, oneOf, optional, text, withDefault } from '../strict-reader.ts'
import { kernelLog, kind, momentsIn, spoken, type StepContext } from './kind.ts'

const minuteMs = 60_000
const reasons = ['power', 'watchdog', 'panic', 'commanded', 'fota', 'unknown'] as const

/** Off within `spreadMs`, back within `backWithinMs` of the end; without power nothing is buffered, so nothing comes later. */
const powerSteps = ({ fromMs, toMs, random }: StepContext, spreadMs: number, backWithinMs: number): Step[] => [
  { atMs: fromMs + Math.round(random.next() * spreadMs), action: { do: 'power', on: false } },
  { atMs: toMs + Math.round(random.next() * backWithinMs), action: { do: 'power', on: true, reason: 'power' } },
]

export const powerKinds = {
  power_off: kind({
    does: 'Switched off or unplugged: the will comes after 1.5 keep-alives, nothing was buffered, a boot with reason power follows.',
    lasts: 'span',
    expects: ['presence.offline'],
    with: {},
    steps: (context) => powerSteps(context, 0, 5_000),
  }),
  power_cut: kind({
    does: 'A site or a share of it loses power together and comes back together.',
    lasts: 'span',
    expects: ['site.power-outage'],
    with: { spread: withDefault(duration(), 3_000), back_within: withDefault(duration(), 4 * minuteMs) },
    steps: (context, { spread, back_within }) => powerSteps(context, spread, back_within),
  }),
  night_off: kind({
    does: 'Switched off at night, every night between the two times, by habit: about at `off` and `on`, local time.',
    lasts: 'span',
    expects: ['(presence.offline)'],
    with: { off: withDefault(number(0, 24), 23), on: withDefault(number(0, 24), 6.5), jitter: withDefault(duration(), 30 * minuteMs) },
    steps: ({ fromMs, toMs, random, device }, { off, on, jitter }) => {
      const dayMs = 86_400_000
      const lengthMs = ((on - off + 24) % 24) * 3_600_000
      const midnightMs = Math.floor((fromMs + device.utcOffsetMs) / dayMs) * dayMs - device.utcOffsetMs
      const steps: Step[] = []
      for (let nightMs = midnightMs + off * 3_600_000; nightMs < toMs; nightMs += dayMs) {
        const offMs = Math.round(nightMs + random.normal() * (jitter / 3))
        const onMs = Math.round(nightMs + lengthMs + random.normal() * (jitter / 3))
        if (offMs < fromMs || onMs > toMs || onMs <= offMs) continue
        steps.push({ atMs: offMs, action: { do: 'power', on: false } }, { atMs: onMs, action: { do: 'power', on: true, reason: 'power' } })
      }
      return steps
    },
  }),
  hang: kind({
    does: 'Stops saying anything while its connection lives on (the modem answers keep-alives); ends with a watchdog reboot.',
    lasts: 'span',
    expects: ['presence.offline', '(device.reboot-unexpected)'],
    with: {},
    steps: ({ fromMs, toMs }) => [
      { atMs: fromMs, action: { do: 'hang', on: true } },
      { atMs: toMs, action: { do: 'hang', on: false } },
      { atMs: toMs, action: { do: 'reboot', reason: 'watchdog' } },
    ],
  }),
  reboot: kind({
    does: 'Reboots, once or `times` times `every` so often. Reason commanded says goodbye first and names a task.',
    lasts: 'moment',
    expects: ['device.reboot-unexpected unless commanded or fota', '(device.power-event at 3 of reason power a day)'],
    with: {
      reason: withDefault(oneOf(reasons), 'unknown'),
      times: withDefault(integer(1, 1000), 1),
      every: withDefault(duration(minuteMs), 30 * minuteMs),
      spread: withDefault(duration(), 0),
    },
    lengthMs: ({ times, every, spread }) => (times - 1) * every + spread,
    steps: ({ id, fromMs, random }, { reason, times, every, spread }) => {
      const firstMs = fromMs + Math.round(random.next() * spread)
      const planned = reason === 'commanded' || reason === 'fota'
      return Array.from({ length: times }, (_, index) => ({
        atMs: firstMs + index * every,
        action: { do: 'reboot' as const, reason, clean: planned, ...(planned ? { taskId: `${id}-${index + 1}` } : {}) },
      }))
    },
  }),
  reboot_loop: kind({
    does: 'Reboots again and again, a few minutes apart.',
    lasts: 'span',
    usuallyMs: 45 * minuteMs,
    expects: ['device.reboot-loop'],
    with: { every: withDefault(duration(minuteMs), 5 * minuteMs), reason: withDefault(oneOf(reasons), 'watchdog') },
    steps: ({ fromMs, toMs, random }, { every, reason }) => {
      const steps: Step[] = []
      for (let atMs = fromMs; atMs < toMs; atMs += Math.round(every * (0.85 + random.next() * 0.3)))
        steps.push({ atMs, action: { do: 'reboot', reason } })
      return steps
    },
  }),
  kernel_panic: kind({
    does: 'Kernel panic: the lines stay in RAM (ramoops) and are sent after the reboot; without `ramoops` only the boot reason tells.',
    lasts: 'moment',
    expects: ['device.crash', '(device.reboot-unexpected)'],
    with: { ramoops: withDefault(flag, true) },
    steps: ({ fromMs, random }, { ramoops }) => [
      { atMs: fromMs, action: { do: 'reboot', reason: 'panic', ...(ramoops ? { ramoops: panicTexts(random) } : {}) } },
    ],
  }),
  kernel_oops: kind({
    does: 'Kernel oops: the device survives it and writes the trace.',
    lasts: 'moment',
    expects: ['device.crash'],
    with: {},
    steps: ({ fromMs, random }) =>
      spoken(
        fromMs,
        oopsTexts(random).map((line) => kernelLog(1, line)),
      ),
  }),
  firmware_update: kind({
    does: 'The firmware changes to `version`; with `reboot` by a boot of reason fota, else in place.',
    lasts: 'moment',
    expects: ['(fw.drift)'],
    with: { version: { read: text }, reboot: withDefault(flag, true), spread: withDefault(duration(), 0) },
    lengthMs: ({ spread }) => spread,
    steps: ({ id, fromMs, random }, { version, reboot, spread }) => {
      const atMs = fromMs + Math.round(random.next() * spread)
      return [
        {
          atMs,
          action: reboot
            ? { do: 'reboot', reason: 'fota', clean: true, taskId: id, firmware: version, bootMs: 90_000 }
            : { do: 'firmware', version },
        },
      ]
    },
  }),
  presence_flap: kind({
    does: 'The MQTT connection is lost and comes back `per_hour` times an hour, with will and birth each time.',
    lasts: 'span',
    usuallyMs: 60 * minuteMs,
    expects: ['presence.flapping'],
    with: { per_hour: withDefault(integer(1, 240), 12), gap: withDefault(duration(1_000), 20_000) },
    steps: (context, { per_hour, gap }) =>
      momentsIn(context, per_hour).map((atMs) => ({ atMs, action: { do: 'reconnect', afterMs: gap, silentBroker: false } })),
  }),
  link_loss: kind({
    does: 'The way to the broker is lost (backhaul, firewall, provider): devices buffer and send later with original times.',
    lasts: 'span',
    expects: ['presence.offline, presence.group-outage when many'],
    with: { spread: withDefault(duration(), 5_000) },
    steps: ({ id, fromMs, toMs, random }, { spread }) => [
      { atMs: fromMs + Math.round(random.next() * spread), action: { do: 'block', key: id, what: 'all', on: true } },
      { atMs: toMs + Math.round(random.next() * spread), action: { do: 'block', key: id, what: 'all', on: false } },
    ],
  }),
  broker_restart: kind({
    does: 'The broker goes away and comes back: no wills, all reconnect within `back_within`, jittered as agents do.',
    lasts: 'span',
    usuallyMs: 30_000,
    expects: ['platform alarm only; no device alarm'],
    with: { back_within: withDefault(duration(), 60_000) },
    steps: ({ fromMs, toMs, random }, { back_within }) => [
      { atMs: fromMs, action: { do: 'reconnect', afterMs: toMs - fromMs + Math.round(random.next() * back_within), silentBroker: true } },
    ],
  }),
  never_connects: kind({
    does: 'Stands in the inventory and never says a word. It must last from the start to the end.',
    lasts: 'span',
    expects: ['inventory.never-seen'],
    with: {},
    steps: ({ fromMs }) => [{ atMs: fromMs, action: { do: 'power', on: false } }],
  }),
  identity_conflict: kind({
    does: 'A second device uses the same MAC from `site`: sessions take each other over.',
    lasts: 'span',
    usuallyMs: 30 * minuteMs,
    expects: ['sec.identity-conflict'],
    with: { per_hour: withDefault(integer(1, 240), 40), site: optional(text) },
    steps: (context, { per_hour, site }) => {
      const at =
        context.network.sites.find(({ id }) => id === site) ??
        context.network.sites.find(({ id }) => id !== context.device.siteId) ??
        context.device.place
      return momentsIn(context, per_hour).map((atMs) => ({ atMs, action: { do: 'twin', at } }))
    },
  }),
} as const
