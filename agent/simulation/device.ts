/**
 * One simulated router: each turn it says the next thing, as a device would (facts after a boot, then readings in a fixed
 * round). Pure but for its own state; time comes in with the turn, so a run is repeated by seed and start time.
 */
import { type Cell, type Network, readRadio } from './cells.ts'
import { createRandom } from './random.ts'

export type DeviceIdentity = {
  mac: string
  product: string
  model: string
  serial: string
  firmware: string
  site: number
  plan: string
  deviceClass: 'router' | 'vehicle'
}
export type SimulatedMessage = { topic: string; payload: string; retain: boolean; bootId: string; seq: number; rebooted: boolean }
export type SimulatedDevice = {
  identity: DeviceIdentity
  /** Changes with each boot; the will of the connection names it. */
  sessionId: () => string
  next: (atMs: number) => SimulatedMessage
}

const models = [
  ['dwr', '311-a1', '1.04.02'],
  ['dwr', '921-b1', '2.10.0'],
  ['dwr', '961-c1', '3.01.7'],
  ['edge', 'gw-40', '0.9.33'],
] as const
const rebootProbability = 1 / 1200 // Per message: about once in three hours at one message in ten seconds.
const bootLastsMs = 20_000
const mobileShare = 0.15

type Values = Record<string, unknown>

export const createDevice = (index: number, seed: number, network: Network, startMs: number): SimulatedDevice => {
  const random = createRandom(seed, index)
  const identity = identityOf(index, random, network)
  const prefix = `${identity.product}/${identity.model}/${identity.mac}`
  const mobile = identity.deviceClass === 'vehicle'
  const wraps = random.chance(0.35) // Drivers that count bytes in 32 bits.
  const home = network.sites[identity.site] ?? { eastKm: 0, northKm: 0 }
  const place = { eastKm: home.eastKm + random.normal() * 0.4, northKm: home.northKm + random.normal() * 0.4 }
  const heading = { east: random.normal() * 0.03, north: random.normal() * 0.03 }
  const memoryTotalKb = random.pick([60_928, 123_060, 250_448])
  const busyness = 0.1 + random.next() * 0.6

  let bootId = random.uuid()
  let bootedAtMs = startMs - random.between(60_000, 30 * 86_400_000)
  let seq = 0
  let turn = 0
  let lastAtMs = startMs
  let load = busyness
  let shadowDb = 0
  let serving: Cell | undefined
  let lastUptimeSeconds = 0
  let bootReason = 'power'
  // Half of the 32-bit counters start shortly before their wrap, so that short runs see some.
  const counters = {
    rxBytes: wraps && random.chance(0.5) ? 2 ** 32 - random.between(1, 3_000_000) : random.between(0, 2 ** 31),
    txBytes: random.between(0, 2 ** 30),
    rxPackets: 0,
    txPackets: 0,
    rxErrors: 0,
  }

  const passTime = (atMs: number): void => {
    const seconds = (atMs - lastAtMs) / 1000
    lastAtMs = atMs
    load = Math.max(0.01, load + (busyness - load) * 0.1 + random.normal() * 0.05)
    shadowDb = shadowDb * 0.9 + random.normal() * 1.5
    const rx = Math.round(Math.max(0, seconds * 60_000 * load * (1 + random.normal() * 0.2)))
    counters.rxBytes = counted(counters.rxBytes + rx, wraps)
    counters.txBytes = counted(counters.txBytes + Math.round(rx * 0.15), wraps)
    counters.rxPackets += Math.ceil(rx / 900)
    counters.txPackets += Math.ceil(rx / 1800)
    if (random.chance(0.02)) counters.rxErrors++
    if (!mobile) return
    for (const [axis, step] of [
      ['eastKm', 'east'],
      ['northKm', 'north'],
    ] as const) {
      // biome-ignore format: pairs
      place[axis] += heading[step] * Math.min(seconds, 30)
      if (place[axis] < 0 || place[axis] > network.widthKm) heading[step] = -heading[step]
    }
  }

  const reboot = (atMs: number): void => {
    lastUptimeSeconds = uptimeAt(lastAtMs)
    bootedAtMs = Math.max(lastAtMs, atMs - bootLastsMs)
    bootReason = random.pick(['power', 'watchdog', 'panic', 'commanded'])
    bootId = random.uuid()
    seq = 0
    turn = 0
    serving = undefined
    Object.assign(counters, { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0, rxErrors: 0 })
  }
  const uptimeAt = (atMs: number): number => Math.floor((atMs - bootedAtMs) / 1000)

  const bootSpeech: readonly (() => [string, Values])[] = [
    () => ['system/boot', { reason: bootReason, ...(lastUptimeSeconds > 0 ? { uptimeBefore: lastUptimeSeconds } : {}) }],
    () => ['status', { state: 'online', sessionId: bootId.slice(0, 8) }],
    () => ['system/info', { serial: identity.serial, hardware: 'A1', model: identity.model }],
    () => ['system/firmware', { version: identity.firmware }],
  ]
  const radio = (): [string, Values] => {
    const { cell, ...level } = readRadio(network, serving, place.eastKm, place.northKm, shadowDb, random)
    serving = cell
    const silent = random.chance(0.01) // The modem was busy: what it then writes differs by field, as in the field.
    const reading = silent
      ? { rsrp: -200, rsrq: '-', sinr: '-' }
      : { rsrp: level.rsrpDbm, rsrq: level.rsrqDb, sinr: level.sinrDb, rssi: level.rssiDbm, cqi: level.cqi }
    return [
      'hardware/lte',
      {
        mode: 'LTE',
        plmn: network.plmn,
        tac: network.tac,
        cell: cell.cellId,
        pci: cell.pci,
        band: cell.band,
        earfcn: cell.earfcn,
        ...reading,
      },
    ]
  }
  const interfaces = (): [string, Values] => [
    'network/interfaces',
    { interfaces: { wwan0: { up: true, ...counters, txErrors: 0, rxDropped: 0, txDropped: 0 } } },
  ]
  const round: readonly (() => [string, Values])[] = [
    radio,
    () => ['hardware/loadavg', { load1: rounded(load, 2), load5: rounded((load + busyness) / 2, 2), load15: rounded(busyness, 2) }],
    interfaces,
    () => {
      const available = Math.round(memoryTotalKb * limited(0.5 - load / 6 + random.normal() * 0.01))
      return [
        'hardware/memory',
        { total: memoryTotalKb, free: Math.round(available * 0.7), available, buffers: 2048, cached: Math.round(available * 0.3) },
      ]
    },
    radio,
    () => ['hardware/temperature', { value: rounded(38 + load * 14 + random.normal(), 1) }],
    interfaces,
    () => {
      const idle = rounded(100 * limited(1 - load / 2), 1)
      return ['hardware/cpu', { user: rounded((100 - idle) * 0.6, 1), system: rounded((100 - idle) * 0.4, 1), idle }]
    },
  ]
  const logLine = (atMs: number): [string, Values] => [
    'log/syslog',
    { line: `<${random.pick([30, 29, 28, 27])}>${syslogStamp(atMs)} router ${random.pick(lines)(random.between(1000, 9999))}` },
  ]

  return {
    identity,
    sessionId: () => bootId.slice(0, 8),
    next: (atMs) => {
      const rebooted = turn > bootSpeech.length && random.chance(rebootProbability)
      if (rebooted) reboot(atMs)
      passTime(atMs)
      const speech = bootSpeech[turn]
      const readings = round[(turn - bootSpeech.length + round.length) % round.length]
      const [topic, values] = speech !== undefined ? speech() : random.chance(0.04) || readings === undefined ? logLine(atMs) : readings()
      turn++
      seq++
      return {
        topic: `${prefix}/${topic}`,
        payload: JSON.stringify({ ts: Math.round(atMs), seq, bootId, uptime: uptimeAt(atMs), ...values }),
        retain: topic === 'status',
        bootId,
        seq,
        rebooted,
      }
    },
  }
}

const identityOf = (index: number, random: ReturnType<typeof createRandom>, network: Network): DeviceIdentity => {
  const hex = index.toString(16).padStart(8, '0')
  const [product, model, firmware] = random.pick(models)
  return {
    mac: `02-f1-${hex.slice(0, 2)}-${hex.slice(2, 4)}-${hex.slice(4, 6)}-${hex.slice(6, 8)}`,
    product,
    model,
    serial: `S${(100_000 + index).toString()}`,
    firmware: random.chance(0.2) ? `${firmware}-rc1` : firmware,
    site: index % network.sites.length,
    plan: random.pick(['1GB', '10GB', 'flat']),
    deviceClass: random.chance(mobileShare) ? 'vehicle' : 'router',
  }
}

const lines: readonly [(n: number) => string, ...((n: number) => string)[]] = [
  (n) => `netifd[${n}]: Network device 'wwan0' link is up`,
  (n) => `dnsmasq-dhcp[${n}]: DHCPACK(br-lan) 192.0.2.${n % 250} 02:aa:bb:cc:dd:ee`,
  (n) => `pppd[${n}]: LCP: timeout sending Config-Requests`,
  (n) => `collectord[${n}]: sensor read failed: Input/output error`,
]

/** RFC 5424's stamp: with zone, so that the line can be placed. */
const syslogStamp = (atMs: number): string => new Date(atMs).toISOString()
const counted = (value: number, wraps: boolean): number => (wraps ? value % 2 ** 32 : value)
const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))
const limited = (share: number): number => Math.min(0.98, Math.max(0.02, share))
