/** The uplink: WAN, SIM, registration, modem on the USB, quota, probes, traffic, counters. */
import { txTimeoutText, usbDropText, usbErrorText, usbReturnTexts } from '../log-texts.ts'
import { duration, flag, integer, matching, number, oneOf, optional, required, share, text, withDefault } from '../strict-reader.ts'
import type { Step } from '../actions.ts'
import { daemonLog, during, kernelLog, kind, momentsIn, spoken, type StepContext } from './kind.ts'

const minuteMs = 60_000

/** Nothing goes over the modem between the times. A device with a backup fails over to it, one without buffers. */
const cellularBlocked = ({ id, fromMs, toMs }: Pick<StepContext, 'id' | 'fromMs' | 'toMs'>): Step[] => [
  { atMs: fromMs, action: { do: 'block', key: id, what: 'cellular', on: true } },
  { atMs: toMs, action: { do: 'block', key: id, what: 'cellular', on: false } },
]

export const wanKinds = {
  wan_down: kind({
    does: 'The data session is gone (`wan.up` false). With a backup the device fails over and tells it live, without it tells it later.',
    lasts: 'span',
    expects: ['wan.down'],
    with: {},
    steps: (context) => [
      ...cellularBlocked(context),
      { atMs: context.fromMs, action: daemonLog(4, 'netifd', "Network device 'wwan0' link is down") },
      { atMs: context.toMs, action: daemonLog(5, 'netifd', "Network device 'wwan0' link is up") },
    ],
  }),
  wan_flap: kind({
    does: 'The uplink goes down for some seconds, `per_hour` times an hour; messages are told, the connection survives.',
    lasts: 'span',
    usuallyMs: 60 * minuteMs,
    expects: ['wan.flap'],
    with: { per_hour: withDefault(integer(1, 120), 12), gap: withDefault(duration(1_000), 8_000) },
    steps: (context, { per_hour, gap }) =>
      momentsIn(context, per_hour).flatMap((atMs): Step[] => [
        { atMs, action: { do: 'wan', set: { up: false } } },
        { atMs, action: daemonLog(4, 'netifd', "Network device 'wwan0' link is down") },
        { atMs: atMs + gap, action: { do: 'wan', set: { up: true } } },
        { atMs: atMs + gap, action: daemonLog(5, 'netifd', "Network device 'wwan0' link is up") },
      ]),
  }),
  wan_failover: kind({
    does: 'The device switches to its backup uplink and back at the end (`stays` keeps it there).',
    lasts: 'span',
    expects: ['wan.failover-active over 10 min', 'wan.on-backup-long over 24 h'],
    with: { stays: withDefault(flag, false) },
    steps: ({ fromMs, toMs }, { stays }) => [
      { atMs: fromMs, action: daemonLog(5, 'mwan3track', 'Interface wwan (wwan0) is offline, failing over to wanb (eth1)') },
      { atMs: fromMs, action: { do: 'wan', set: { active: 'eth1' }, newSession: true } },
      ...(stays
        ? []
        : [
            { atMs: toMs, action: daemonLog(5, 'mwan3track', 'Interface wwan (wwan0) is online again, back to it') },
            { atMs: toMs, action: { do: 'wan', set: { active: 'wwan0' }, newSession: true } } satisfies Step,
          ]),
    ],
  }),
  wan_session_flap: kind({
    does: 'New data sessions with new addresses, `per_hour` times an hour.',
    lasts: 'span',
    usuallyMs: 60 * minuteMs,
    expects: ['wan.session-flap'],
    with: { per_hour: withDefault(integer(1, 120), 10) },
    steps: (context, { per_hour }) =>
      momentsIn(context, per_hour).map((atMs) => ({ atMs, action: { do: 'wan', set: {}, newSession: true } })),
  }),
  wan_no_address: kind({
    does: 'Registered, but without an address; a device with a backup tells it live.',
    lasts: 'span',
    expects: ['wan.no-address'],
    with: {},
    steps: (context) => [...during(context, { noAddress: true }), ...cellularBlocked(context)],
  }),
  tunnel_down: kind({
    does: 'The management tunnel `tun0` is down while the WAN is up.',
    lasts: 'span',
    expects: ['tunnel.down'],
    with: {},
    steps: (context) => [
      ...during(context, { tunnelDown: true }),
      { atMs: context.fromMs, action: daemonLog(4, 'openvpn', 'Inactivity timeout (--ping-restart), restarting') },
    ],
  }),
  apn_change: kind({
    does: 'The access point name changes, with a new data session.',
    lasts: 'moment',
    expects: [],
    with: { apn: required(text) },
    steps: ({ fromMs }, { apn }) => [
      { atMs: fromMs, action: { do: 'modem', set: { apn } } },
      { atMs: fromMs + 4_000, action: { do: 'wan', set: { apn }, newSession: true } },
    ],
  }),
  quota: kind({
    does: 'The data plan is used up to a share of its volume.',
    lasts: 'moment',
    expects: ['wan.data-plan'],
    with: { used: withDefault(number(0, 2), 0.96), quota_bytes: withDefault(integer(1, 1e15), 10_000_000_000) },
    steps: ({ fromMs }, { used, quota_bytes }) => [
      { atMs: fromMs, action: { do: 'wan', set: { quotaBytes: quota_bytes, usedBytes: Math.round(quota_bytes * used) } } },
      ...(used >= 0.8
        ? [{ atMs: fromMs, action: daemonLog(4, 'quota-check', `data plan used to ${Math.round(used * 100)} percent`) }]
        : []),
    ],
  }),
  sim_lost: kind({
    does: 'The SIM is not there, locked or rejected. With a backup uplink told live, without it later.',
    lasts: 'span',
    expects: ['modem.sim-fault'],
    with: { state: withDefault(oneOf(['absent', 'pin', 'puk', 'rejected']), 'absent') },
    steps: (context, { state }) => [
      ...cellularBlocked(context),
      { atMs: context.fromMs, action: { do: 'modem', set: { sim: state, registration: 'not-registered' } } },
      { atMs: context.fromMs, action: daemonLog(3, 'uqmi', `SIM state changed: ${state}`) },
      { atMs: context.toMs, action: { do: 'modem', set: { sim: 'ready', registration: 'home' } } },
    ],
  }),
  sim_swap: kind({
    does: 'Another SIM is in the device: ICCID and IMSI differ from now on.',
    lasts: 'moment',
    expects: ['sim.identity-changed'],
    with: {
      imsi: withDefault(matching(/^\d{15}$/, '15 digits as a text'), '001019999999999'),
      iccid: withDefault(matching(/^\d{19,20}$/, '19 or 20 digits as a text'), '8999901999999999999'),
    },
    steps: ({ fromMs }, set) => [
      { atMs: fromMs, action: { do: 'modem', set: { sim: 'absent' } } },
      { atMs: fromMs + 15_000, action: { do: 'modem', set: { sim: 'ready', ...set } } },
    ],
  }),
  registration: kind({
    does: 'Registration is denied, or the modem searches.',
    lasts: 'span',
    expects: ['modem.reg-denied'],
    with: { state: withDefault(oneOf(['denied', 'searching']), 'denied') },
    steps: (context, { state }) => [
      ...cellularBlocked(context),
      { atMs: context.fromMs, action: { do: 'modem', set: { registration: state } } },
      { atMs: context.toMs, action: { do: 'modem', set: { registration: 'home' } } },
    ],
  }),
  roaming: kind({
    does: 'Registered with another operator.',
    lasts: 'span',
    expects: ['sim.roaming'],
    with: { plmn: withDefault(matching(/^\d{5,6}$/, '5 or 6 digits as a text'), '00102') },
    steps: ({ fromMs, toMs, network }, { plmn }) => [
      { atMs: fromMs, action: { do: 'modem', set: { registration: 'roaming', roaming: true, plmn } } },
      { atMs: toMs, action: { do: 'modem', set: { registration: 'home', roaming: false, plmn: network.plmn } } },
    ],
  }),
  modem_lost: kind({
    does: 'The modem drops off the USB bus; at the end it is back, or with `by_reboot` only after a reboot.',
    lasts: 'span',
    expects: ['modem.lost over 60 s'],
    with: { by_reboot: withDefault(flag, false) },
    steps: (context, { by_reboot }) => {
      const { fromMs, toMs, random } = context
      const device = random.between(3, 60)
      return [
        ...cellularBlocked(context),
        ...spoken(fromMs, [kernelLog(6, usbDropText(device)), kernelLog(6, 'qmi_wwan 1-1:1.4 wwan0: unregister')]),
        { atMs: fromMs, action: { do: 'modem', set: { present: false, registration: 'not-registered' } } },
        ...(by_reboot
          ? [{ atMs: toMs - 1, action: { do: 'reboot', reason: 'watchdog' } } satisfies Step]
          : spoken(
              toMs,
              usbReturnTexts(device + 1).map((line) => kernelLog(6, line)),
            )),
        { atMs: toMs, action: { do: 'modem', set: { present: true, registration: 'home' } } },
      ]
    },
  }),
  usb_errors: kind({
    does: 'Errors on the USB bus in the kernel log.',
    lasts: 'span',
    usuallyMs: 60 * minuteMs,
    expects: ['modem.usb-errors'],
    with: { per_hour: withDefault(integer(1, 600), 10) },
    steps: (context, { per_hour }) =>
      momentsIn(context, per_hour).map((atMs) => ({ atMs, action: kernelLog(3, usbErrorText(context.random)) })),
  }),
  tx_timeout: kind({
    does: 'The network driver hangs in its transmit queue.',
    lasts: 'moment',
    expects: ['(wan.tx-timeout)'],
    with: {},
    steps: ({ fromMs, random }) => [{ atMs: fromMs, action: kernelLog(4, txTimeoutText(random)) }],
  }),
  packet_loss: kind({
    does: 'Probes are lost and late.',
    lasts: 'span',
    expects: ['(wan.packet-loss)', '(wan.latency-high)'],
    with: { loss: withDefault(share, 0.12), rtt_ms: optional(number(1, 60_000)) },
    steps: (context, { loss, rtt_ms }) => during(context, { lossShare: loss, ...(rtt_ms === undefined ? {} : { rttMs: rtt_ms }) }),
  }),
  traffic: kind({
    does: 'Traffic is so many times the usual: 0.02 is a drop, 12 a surge.',
    lasts: 'span',
    expects: ['(wan.traffic-drop)', '(wan.traffic-surge)'],
    with: { factor: required(number(0, 1000)) },
    steps: (context, { factor }) => during(context, { trafficFactor: factor }),
  }),
  interface_errors: kind({
    does: 'A share of the packets is errors.',
    lasts: 'span',
    expects: ['(wan.if-errors)'],
    with: { share: withDefault(share, 0.03) },
    steps: (context, { share: interfaceErrorShare }) => during(context, { interfaceErrorShare }),
  }),
  counter_reset: kind({
    does: 'Interface counters begin at zero without a boot (driver reload).',
    lasts: 'moment',
    expects: [],
    with: {},
    steps: ({ fromMs }) => [{ atMs: fromMs, action: { do: 'counters-reset' } }],
  }),
} as const
