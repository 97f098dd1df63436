/** CPU, memory, flash, heat, kernel and program faults, and what of them stands in the logs. */
import {
  conntrackText,
  crashLoopText,
  badPasswordText,
  flashErrorText,
  hungTaskTexts,
  oomTexts,
  ordinaryLine,
  rcuStallTexts,
  readOnlyText,
  segfaultText,
  softLockupTexts,
  thermalText,
} from '../log-texts.ts'
import { duration, flag, integer, list, number, oneOf, required, share, text, withDefault } from '../strict-reader.ts'
import { daemonLog, during, kernelLog, kind, momentsIn, spoken } from './kind.ts'

const minuteMs = 60_000

export const systemKinds = {
  cpu_high: kind({
    does: 'A program takes the processor: utilisation and load rise together.',
    lasts: 'span',
    expects: ['device.cpu-high', '(device.load-high)'],
    with: { utilization: withDefault(share, 0.97), load_per_core: withDefault(number(0, 100), 3) },
    steps: (context, { utilization, load_per_core }) => during(context, { cpuShare: utilization, loadPerCore: load_per_core }),
  }),
  memory_low: kind({
    does: 'Available memory falls to a share and stays there.',
    lasts: 'span',
    expects: ['device.memory-low'],
    with: { available: withDefault(share, 0.06) },
    steps: (context, { available }) => during(context, { memoryShare: available }),
  }),
  memory_leak: kind({
    does: 'Available memory falls in a straight line to `to_available`; `ends` in an OOM kill, in OOM and reboot, or in nothing.',
    lasts: 'span',
    expects: ['device.memory-low', '(device.memory-leak)', 'device.oom unless it ends in nothing', '(device.reboot-unexpected)'],
    with: {
      to_available: withDefault(share, 0.03),
      ends: withDefault(oneOf(['nothing', 'oom', 'reboot']), 'oom'),
      program: withDefault(text, 'collectord'),
      oom_lead: withDefault(duration(), 70_000),
    },
    steps: (context, { to_available, ends, program, oom_lead }) => {
      const { fromMs, toMs, random } = context
      const leak = during(context, { leak: { fromMs, toMs, toShare: to_available } })
      if (ends === 'nothing') return leak
      const kill = (atMs: number) =>
        spoken(
          atMs,
          oomTexts(random, program).map((line) => kernelLog(3, line)),
        )
      if (ends === 'oom') return [...leak, ...kill(toMs)]
      // Kills twice, in vain, then the watchdog bites.
      return [
        ...leak,
        ...kill(toMs - oom_lead),
        ...kill(toMs - Math.round(oom_lead / 3)),
        { atMs: toMs, action: { do: 'reboot', reason: 'watchdog' } },
      ]
    },
  }),
  oom: kind({
    does: 'The kernel kills a program for want of memory.',
    lasts: 'moment',
    expects: ['device.oom'],
    with: { program: withDefault(text, 'collectord') },
    steps: ({ fromMs, random }, { program }) =>
      spoken(
        fromMs,
        oomTexts(random, program).map((line) => kernelLog(3, line)),
      ),
  }),
  flash_full: kind({
    does: 'The writable overlay fills up to a rest.',
    lasts: 'span',
    expects: ['device.flash-full'],
    with: { free: withDefault(share, 0.05) },
    steps: (context, { free }) => during(context, { flashFreeShare: free }),
  }),
  flash_error: kind({
    does: 'ECC, UBIFS or block errors in the kernel log; with `read_only` the filesystem gives up writing.',
    lasts: 'span',
    usuallyMs: 30 * minuteMs,
    expects: ['device.flash-error'],
    with: { per_hour: withDefault(integer(1, 600), 6), read_only: withDefault(flag, false) },
    steps: (context, { per_hour, read_only }) => [
      ...momentsIn(context, per_hour).map((atMs) => ({ atMs, action: kernelLog(3, flashErrorText(context.random)) })),
      ...(read_only ? [{ atMs: context.toMs, action: kernelLog(2, readOnlyText) }] : []),
    ],
  }),
  temperature_high: kind({
    does: 'The device heats up; with `critical` the kernel says so.',
    lasts: 'span',
    expects: ['device.temp-high where the model has a limit', '(device.overheated with `critical`)'],
    with: { celsius: withDefault(number(0, 190), 96), critical: withDefault(flag, false) },
    steps: (context, { celsius, critical }) => [
      ...during(context, { celsius }),
      ...(critical ? [{ atMs: context.fromMs + minuteMs, action: kernelLog(0, thermalText(celsius)) }] : []),
    ],
  }),
  kernel_stall: kind({
    does: 'Soft lockup, RCU stall or hung task in the kernel log.',
    lasts: 'moment',
    expects: ['device.kernel-stall'],
    with: { form: withDefault(oneOf(['soft_lockup', 'rcu', 'hung_task']), 'soft_lockup') },
    steps: ({ fromMs, random }, { form }) => {
      const texts = { soft_lockup: softLockupTexts, rcu: rcuStallTexts, hung_task: hungTaskTexts }[form](random)
      return spoken(
        fromMs,
        texts.map((line) => kernelLog(form === 'soft_lockup' ? 0 : 3, line)),
      )
    },
  }),
  process_crashloop: kind({
    does: 'A program crashes again and again; procd says that it gives up.',
    lasts: 'span',
    usuallyMs: 60 * minuteMs,
    expects: ['device.process-crashloop'],
    with: { program: withDefault(text, 'collectord'), per_hour: withDefault(integer(1, 600), 12) },
    steps: (context, { program, per_hour }) =>
      momentsIn(context, per_hour).flatMap((atMs, index) =>
        spoken(atMs, [
          kernelLog(4, segfaultText(context.random, program)),
          ...(index >= 5 ? [daemonLog(6, 'procd', crashLoopText(program, index + 1))] : []),
        ]),
      ),
  }),
  conntrack_full: kind({
    does: 'The table of connections is full; packets are dropped.',
    lasts: 'span',
    usuallyMs: 10 * minuteMs,
    expects: ['device.conntrack-full'],
    with: { per_hour: withDefault(integer(1, 600), 60) },
    steps: (context, { per_hour }) => momentsIn(context, per_hour).map((atMs) => ({ atMs, action: kernelLog(4, conntrackText) })),
  }),
  login_bruteforce: kind({
    does: 'Somebody tries passwords over SSH.',
    lasts: 'span',
    usuallyMs: 20 * minuteMs,
    expects: ['sec.login-bruteforce'],
    with: { per_minute: withDefault(integer(1, 60), 4) },
    steps: (context, { per_minute }) =>
      momentsIn(context, per_minute * 60).map((atMs) => ({ atMs, action: daemonLog(4, 'dropbear', badPasswordText(context.random)) })),
  }),
  log_line: kind({
    does: 'Writes a line of your own, `per_hour` times an hour; on devices of one firmware it is a fingerprint never seen before.',
    lasts: 'span',
    expects: ['(fw.new-fingerprint)'],
    with: {
      text: required(text),
      source: withDefault(oneOf(['dmesg', 'syslog']), 'syslog'),
      program: withDefault(text, 'collectord'),
      severity: withDefault(integer(0, 7), 3),
      per_hour: withDefault(integer(1, 3600), 6),
    },
    steps: (context, { text: line, source, program, severity, per_hour }) =>
      momentsIn(context, per_hour).map((atMs) => ({
        atMs,
        action: { do: 'log', source, program: source === 'dmesg' ? 'kernel' : program, severity, text: line },
      })),
  }),
  log_storm: kind({
    does: 'Ordinary lines in great number.',
    lasts: 'span',
    usuallyMs: 10 * minuteMs,
    expects: [],
    with: { per_minute: withDefault(integer(1, 6000), 120) },
    steps: (context, { per_minute }) =>
      momentsIn(context, per_minute * 60).map((atMs) => {
        const { severity, program, text: line } = ordinaryLine(context.random)
        return { atMs, action: daemonLog(severity, program, line) }
      }),
  }),
  telemetry_gap: kind({
    does: 'Some topics are not sent while the device is online.',
    lasts: 'span',
    expects: ['presence.telemetry-gap'],
    with: { topics: withDefault(list(text, 1), ['hardware/memory']) },
    steps: (context, { topics }) => during(context, { quietTopics: topics }),
  }),
  bad_payload: kind({
    does: 'A share of the messages is cut amid the JSON: dead letters.',
    lasts: 'span',
    expects: ['platform.dead-letters'],
    with: { share: withDefault(share, 0.3) },
    steps: (context, { share: badPayloadShare }) => during(context, { badPayloadShare }),
  }),
} as const
