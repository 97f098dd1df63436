/**
 * What can happen to a router: faults are compiled to these (`fault-kinds/`), `router.ts` carries them out. Plain data, so a
 * plan can be looked at and tested without running it.
 */
import type { Place } from './network.ts'

/** Lasting changes of what is measured and sent; undefined or absent changes nothing. Those of several faults add up. */
export type Effects = {
  /** 0..1, and load per core. */
  cpuShare?: number
  loadPerCore?: number
  /** Available memory falls in a straight line from its usual share to `toShare` between the two times. */
  leak?: { fromMs: number; toMs: number; toShare: number }
  memoryShare?: number
  flashFreeShare?: number
  celsius?: number
  trafficFactor?: number
  levelLossDb?: number
  /** The loss grows in a straight line over this time instead of coming at once. */
  levelRamp?: { fromMs: number; toMs: number; db: number }
  sinrLossDb?: number
  noCarriers?: boolean
  rat?: 'LTE' | 'UMTS'
  pingPong?: boolean
  lossShare?: number
  rttMs?: number
  interfaceErrorShare?: number
  tunnelDown?: boolean
  noAddress?: boolean
  /** Topics below the device that are not sent, `hardware/lte`. */
  quietTopics?: readonly string[]
  /** Share of messages that are no JSON. */
  badPayloadShare?: number
  /** Share of messages that are sent twice, the second up to `duplicateWithinMs` later. */
  duplicateShare?: number
  duplicateWithinMs?: number
  /** Messages leave in groups of so many, shuffled. */
  shuffleGroup?: number
}

export type LogAction = { do: 'log'; source: 'dmesg' | 'syslog'; severity: number; program: string; text: string }

/** `cellular`: only what goes over the modem. `wired`: only the backup. `all`: nothing leaves the device. */
export type Blocked = 'cellular' | 'wired' | 'all'

export type Action =
  | { do: 'power'; on: boolean; reason?: string }
  /** Goes down and comes back by itself. `clean`: it says goodbye first. `ramoops`: what the kernel had said last, sent after the boot. */
  | { do: 'reboot'; reason: string; clean?: boolean; taskId?: string; bootMs?: number; ramoops?: readonly string[]; firmware?: string }
  /** Says nothing, though its connection lives on. */
  | { do: 'hang'; on: boolean }
  | { do: 'block'; key: string; what: Blocked; on: boolean }
  /** Samples on, sends nothing. `connected`: the broker sees it online meanwhile. */
  | { do: 'hold'; on: boolean; connected: boolean; shuffle: boolean; duplicateShare: number }
  | { do: 'effect'; key: string; effects: Effects | undefined }
  | { do: 'modem'; set: Partial<ModemWords> }
  | { do: 'wan'; set: Partial<WanWords>; newSession?: boolean }
  | { do: 'firmware'; version: string }
  | LogAction
  | { do: 'clock'; key: string; aheadMs?: number; driftPerMillion?: number; on: boolean }
  /** Each boot begins in 1970 until NTP answers, or for ever. */
  | { do: 'clock-unset'; on: boolean; never: boolean }
  | { do: 'counters-reset' }
  | { do: 'move'; to: Place | undefined }
  /** The connection ends and comes back; `silentBroker`: no will, as when the broker itself is away. */
  | { do: 'reconnect'; afterMs: number; silentBroker: boolean }
  /** A second device with the same id logs in and says a few things from elsewhere. */
  | { do: 'twin'; at: Place }
  /** Reads the radio now: its surroundings have changed. */
  | { do: 'look' }

export type ModemWords = {
  present: boolean
  sim: string
  registration: string
  roaming: boolean
  plmn: string
  apn: string
  imsi: string
  iccid: string
  imei: string
}
export type WanWords = { active: 'wwan0' | 'eth1'; up: boolean; apn: string; quotaBytes: number; usedBytes: number; ip: string }

export type Step = { atMs: number; action: Action }
