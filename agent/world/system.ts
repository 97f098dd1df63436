/**
 * A router's inside: traffic drives load, load drives CPU and heat, connections and leaks take memory. Faults change the inputs, so
 * what belongs together moves together. The texts are the values of messages, without braces.
 */
import type { Random } from '../simulation/random.ts'
import type { Effects, WanWords } from './actions.ts'
import type { RadioEffects } from './modem.ts'
import type { PlannedDevice } from './planned-device.ts'

type Counters = { rxBytes: number; txBytes: number; rxPackets: number; txPackets: number; rxErrors: number; txErrors: number }

export type RouterSystem = {
  /** All faults together. */
  readonly effects: Effects
  setEffects: (key: string, effects: Effects | undefined) => void
  radioEffects: (nowMs: number) => RadioEffects
  boot: () => void
  resetCounters: () => void
  setSignal: (sinrDb: number) => void
  /** One interval passes. */
  pass: (nowMs: number, intervalMs: number, busy: number, online: boolean) => void
  /** Of the last interval, both directions. */
  trafficBytes: () => number
  loadavg: () => string
  cpu: () => string
  memory: (nowMs: number) => string
  interfaces: (wan: WanWords, hasBackup: boolean, modemPresent: boolean) => string
  probe: (active: WanWords['active']) => string
  temperature: (nowMs: number) => string
  storage: () => string
}

const emptyCounters = (): Counters => ({ rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0, rxErrors: 0, txErrors: 0 })

export const createSystem = (device: PlannedDevice, random: Random): RouterSystem => {
  const { model, counters32, utcOffsetMs } = device
  const byKey = new Map<string, Effects>()
  let effects: Effects = {}
  const size = 0.4 + random.next() * 1.2 // Some households and branches are busier than others.
  const usedMemoryShare = 0.38 + random.next() * 0.17
  const flashUsedShare = 0.12 + random.next() * 0.3
  let noise = 0
  let cpuShare = 0.1
  let load1 = 0.2 * model.cores
  let load5 = load1
  let load15 = load1
  let sinrDb = 12
  let lastTraffic = 0
  let counters = { wwan0: emptyCounters(), eth1: emptyCounters() }
  // Half of the 32-bit counters start shortly before their wrap, so that short runs see some.
  counters.wwan0.rxBytes = counters32 && random.chance(0.5) ? 2 ** 32 - random.between(1, 30_000_000) : random.between(0, 2 ** 31)
  counters.wwan0.txBytes = random.between(0, 2 ** 29)
  let lan = { rxBytes: random.between(0, 2 ** 29), txBytes: random.between(0, 2 ** 31) }
  let active: 'wwan0' | 'eth1' = 'wwan0'

  const available = (nowMs: number): number => {
    const usual = 1 - usedMemoryShare - cpuShare * 0.08 + noise * 0.004
    const { leak, memoryShare } = effects
    const leaked =
      leak === undefined
        ? usual
        : usual + (leak.toShare - usual) * Math.min(1, Math.max(0, (nowMs - leak.fromMs) / (leak.toMs - leak.fromMs)))
    return Math.min(leaked, memoryShare ?? 1)
  }
  const counted = (value: number): number => (counters32 ? value % 2 ** 32 : value)

  return {
    get effects() {
      return effects
    },
    setEffects: (key, given) => {
      if (given === undefined) byKey.delete(key)
      else byKey.set(key, given)
      effects = merged([...byKey.values()])
    },
    radioEffects: (nowMs) => {
      const { levelRamp } = effects
      const grown =
        levelRamp === undefined
          ? 0
          : levelRamp.db * Math.min(1, Math.max(0, (nowMs - levelRamp.fromMs) / (levelRamp.toMs - levelRamp.fromMs)))
      return {
        levelLossDb: (effects.levelLossDb ?? 0) + grown,
        sinrLossDb: effects.sinrLossDb ?? 0,
        noCarriers: effects.noCarriers === true,
        rat: effects.rat,
        pingPong: effects.pingPong === true,
      }
    },
    boot: () => {
      counters = { wwan0: emptyCounters(), eth1: emptyCounters() }
      lan = { rxBytes: 0, txBytes: 0 }
      load1 = 1.6 * model.cores // Starting up is work.
      load5 = load1 / 3
      load15 = load1 / 8
      // A boot frees what had leaked.
      for (const [key, given] of byKey) if (given.leak !== undefined) byKey.delete(key)
      effects = merged([...byKey.values()])
    },
    resetCounters: () => {
      counters = { wwan0: emptyCounters(), eth1: emptyCounters() }
    },
    setSignal: (value) => {
      sinrDb = value
    },
    pass: (_nowMs, intervalMs, busy, online) => {
      noise = noise * 0.8 + random.normal() * 0.6
      const seconds = intervalMs / 1000
      const wanted = 260_000 * size * busy * (effects.trafficFactor ?? 1) * Math.max(0.05, 1 + noise * 0.15)
      const rate = online ? Math.min(wanted, 12_000_000 * Math.max(0.02, (sinrDb + 12) / 36)) : 0
      const rx = Math.round(rate * seconds)
      const tx = Math.round(rx * (0.12 + 0.02 * random.next()))
      lastTraffic = rx + tx
      const into = counters[active]
      into.rxBytes = counted(into.rxBytes + rx)
      into.txBytes = counted(into.txBytes + tx)
      lan.rxBytes = counted(lan.rxBytes + tx)
      lan.txBytes = counted(lan.txBytes + rx)
      const packets = Math.ceil(rx / 1000)
      into.rxPackets = counted(into.rxPackets + packets)
      into.txPackets = counted(into.txPackets + Math.ceil(tx / 260))
      into.rxErrors += Math.round(packets * (effects.interfaceErrorShare ?? 0)) + (random.chance(0.01) ? 1 : 0)
      const { leak } = effects
      const usualShare = 0.04 + (rate / 400_000) * (0.5 / model.cores) + (leak === undefined ? 0 : 0.06) + noise * 0.012
      cpuShare = limited(effects.cpuShare === undefined ? usualShare : effects.cpuShare + noise * 0.008, 0.01, 1)
      const running = Math.max(
        0.01,
        effects.loadPerCore === undefined ? cpuShare * 1.4 * model.cores : effects.loadPerCore * model.cores * (1 + noise * 0.04),
      )
      load1 += (running - load1) * (1 - Math.exp(-seconds / 60))
      load5 += (running - load5) * (1 - Math.exp(-seconds / 300))
      load15 += (running - load15) * (1 - Math.exp(-seconds / 900))
    },
    trafficBytes: () => lastTraffic,
    loadavg: () => `"load1":${cents(load1)},"load5":${cents(load5)},"load15":${cents(load15)}`,
    cpu: () => {
      const used = Math.round(cpuShare * 1000)
      const user = Math.round(used * 0.55)
      const system = Math.round(used * 0.25)
      const softirq = used - user - system
      return `"user":${user / 10},"system":${system / 10},"softirq":${softirq / 10},"iowait":0,"idle":${(1000 - used) / 10}`
    },
    memory: (nowMs) => {
      const total = model.memoryTotalKb
      const rest = Math.round(total * limited(available(nowMs), 0.004, 0.9))
      const cached = Math.round(rest * 0.4)
      return `"total":${total},"free":${rest - cached},"available":${rest},"buffers":${Math.round(cached * 0.1)},"cached":${Math.round(cached * 0.9)}`
    },
    interfaces: (wan, hasBackup, modemPresent) => {
      active = wan.active
      const parts = [`"br-lan":{"up":true,"rxBytes":${lan.rxBytes},"txBytes":${lan.txBytes}}`]
      if (modemPresent) parts.push(`"wwan0":${interfaceText(counters.wwan0, wan.active !== 'wwan0' || wan.up)}`)
      if (hasBackup) parts.push(`"eth1":${interfaceText(counters.eth1, true)}`)
      if (device.deviceClass !== 'home') parts.push(`"tun0":{"up":${wan.up && effects.tunnelDown !== true}}`)
      return `"interfaces":{${parts.join(',')}}`
    },
    probe: (uplink) => {
      const sent = 10
      const weak = uplink === 'eth1' ? 0 : sinrDb < 0 ? 0.02 - sinrDb * 0.01 : 0.002
      const lossShare = Math.max(effects.lossShare ?? 0, weak)
      let received = sent
      for (let probe = 0; probe < sent; probe++) if (random.chance(lossShare)) received--
      if (received === 0) return `"target":"192.0.2.1","lossRatio":1,"sent":${sent},"received":0`
      const base = (effects.rttMs ?? (uplink === 'eth1' ? 14 : model.radio === 'lte' ? 38 : 24)) * (1 + cpuShare * 0.3)
      const min = tenths(base * (0.82 + random.next() * 0.06))
      const avg = tenths(base * (1 + random.next() * 0.1))
      const max = tenths(base * (1.5 + random.next() * 0.9))
      return `"target":"192.0.2.1","lossRatio":${tenths(sent - received) / sent},"rttMs":{"min":${min},"avg":${avg},"p95":${tenths(avg + (max - avg) * 0.8)},"max":${max}},"sent":${sent},"received":${received}`
    },
    temperature: (nowMs) => {
      const hour = ((nowMs + utcOffsetMs) % 86_400_000) / 3_600_000
      const room = 3 * Math.sin(((hour - 9) / 24) * 2 * Math.PI)
      const cpu = tenths((effects.celsius ?? model.idleCelsius + room + cpuShare * 22) + noise * 0.4)
      return `"cpu":${cpu},"modem":${tenths(cpu - 4 + noise * 0.3)}`
    },
    storage: () => {
      const total = model.flashTotalKb
      const free = Math.round(total * (effects.flashFreeShare ?? 1 - flashUsedShare))
      return `"unit":"kB","mounts":{"/":{"total":4480,"used":4480,"available":0,"readOnly":true},"/overlay":{"total":${total},"used":${total - free},"available":${free},"readOnly":false}}`
    },
  }
}

const interfaceText = ({ rxBytes, txBytes, rxPackets, txPackets, rxErrors, txErrors }: Counters, up: boolean): string =>
  `{"up":${up},"rxBytes":${rxBytes},"txBytes":${txBytes},"rxPackets":${rxPackets},"txPackets":${txPackets},"rxErrors":${rxErrors},"txErrors":${txErrors},"rxDropped":0,"txDropped":0}`

/** Losses in dB add up; of other values the one of the fault that began last holds. */
const merged = (all: readonly Effects[]): Effects => {
  const sum: Effects = Object.assign({}, ...all) as Effects
  const added = (key: 'levelLossDb' | 'sinrLossDb'): number => all.reduce((total, one) => total + (one[key] ?? 0), 0)
  const [level, sinr] = [added('levelLossDb'), added('sinrLossDb')]
  if (level !== 0) sum.levelLossDb = level
  if (sinr !== 0) sum.sinrLossDb = sinr
  return sum
}

const limited = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))
const cents = (value: number): number => Math.round(value * 100) / 100
const tenths = (value: number): number => Math.round(value * 10) / 10
