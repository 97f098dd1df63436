/**
 * Words between the device stage and the fleet stage: records of the log topic `fleet-signals`. The device stage tells changes
 * only (a device goes or comes back, changes a group, boots, leaves its usual cell) and, with each tick, the time that has passed
 * in its partition; every 15 minutes what could not be read, and wordings of logs that are new to it. A device is told as a whole
 * each time, so that a signal stands for itself.
 * Before: `processors/domain/watch/group-signals.ts`.  After: `processors/domain/fleet`.
 */
import type { DeviceClass } from './alarm.ts'
import type { AlarmCommandBody } from './event.ts'
import type { DoorFault } from './front-door.ts'
import type { Rule } from './rule.ts'

/**
 * What devices share, the most specific first: of groups that explain the same devices, the first one is the fault's. A cell is
 * on an eNB, that in a TAC; a site may see several cells. No device shows `fleet`: it is all of them.
 */
export const groupKinds = ['cell', 'site', 'enb', 'tac', 'region', 'apn', 'operator', 'broker', 'firmware', 'model', 'fleet'] as const
export type GroupKind = (typeof groupKinds)[number]

/** Value by kind; a kind that the device has not shown is left out. */
export type Groups = Partial<Record<GroupKind, string>>

/** Why a device is offline. `device`: it alone, as far as can be seen. */
export const offlineCauses = [
  'device',
  'cell-or-sim',
  'site-power',
  'broker',
  'our-bridge',
  'firmware',
  'planned',
  'usual-night-off',
  'unknown',
] as const
export type OfflineCause = (typeof offlineCauses)[number]

/** Since when nothing is heard of it. By its will at once; by silence when its deadline had passed. */
export type Absence = {
  sinceMs: number
  by: 'will' | 'silence'
  /** It is usually off at this hour. */
  usual: boolean
  planned: boolean
}

export type DeviceSignal = {
  kind: 'device'
  device: string
  class: DeviceClass
  /** As last heard, also while it is away. */
  groups: Groups
  /** Null: it is there. */
  absence: Absence | null
  /** The cell that held it longest, with the groups that it lies in; null while it has shown none. */
  home: Groups | null
  /** Since when it serves another cell than `home`; null: it is at home. */
  awaySinceMs: number | null
  /** The boot that this signal tells; null: none. `reason` null: it has not said why. */
  boot: { atMs: number; reason: string | null } | null
  /** The inventory has taken it out. */
  retired: boolean
}

/** What a partition's device stage forwards with a tick. */
export type TimeSignal = {
  kind: 'time'
  /** Devices of the partition that are not away. */
  online: number
  /** Since when devices can reach us without a break; null: they cannot now. */
  healthySinceMs: number | null
  /** A front door was heard before, and `healthySinceMs` is of a start or a break after that. */
  isResumed: boolean
  /** Where there are bridges: each broker by itself. Left out with embedded ones, and by earlier releases. */
  brokers?: BrokerSignal[]
}

/** `broker` '' is the embedded one; `fault` '' while its devices can reach us. */
export type BrokerSignal = { broker: string; healthySinceMs: number | null; fault: DoorFault | '' }

/** The rules of groups and of the platform, as they came into force; told by partition 0. */
export type RulesSignal = { kind: 'rules'; version: string; rules: Rule[] }

/** What a person asks of an alarm of a group or of the platform. */
export type CommandSignal = { kind: 'command'; subject: string; actor: string; command: AlarmCommandBody }

/** A wording of a log line that the partition has not heard of this firmware before, from one device. */
export type WordingSignal = {
  kind: 'wording'
  device: string
  firmware: string
  fingerprint: string
  /** How it reads without numbers and addresses, cut. */
  line: string
}

/** Messages of one firmware ('' unknown) in one partition in 15 minutes of arrival from `fromMs` on, told when they are over. */
export type RefusalsSignal = { kind: 'refusals'; firmware: string; model: string; fromMs: number; messages: number; refused: number }

/**
 * What one program of the processors sees of its own surroundings, every half minute (`processors/recorder-watch.ts`): judged by
 * the platform rules 63, 65 and 66. It comes from no record of `device-events`.
 */
export type RecorderSignal = {
  kind: 'recorder'
  /** The machine that it runs on. */
  instance: string
  /** Below `lowWaterBytes` nothing is accepted any more; 0: there is no such mark. */
  disks: DiskReading[]
  /** Groups of the log, and how old what they have yet to read is at least. */
  readers: { group: string; lagMs: number }[]
  logRetentionMs: number
  /** Batches whose rows the warehouse refuses, or does not answer for. */
  refused: { stage: string; partition: number; sinceMs: number; why: string }[]
}

export type DiskReading = { disk: string; freeBytes: number; lowWaterBytes: number }

export type SignalBody = DeviceSignal | TimeSignal | RulesSignal | CommandSignal | WordingSignal | RefusalsSignal | RecorderSignal

/** `item` counts the signals of one record; a repeat has the same three numbers. `partition` -1: it comes from no record. */
export type SignalSource = { partition: number; offset: number; item: number }

export type FleetSignal = { tenant: string; atMs: number; source: SignalSource; body: SignalBody }

/** `group/cell/00101-1234`: resource and subject of the group's alarms. */
export const groupResource = (kind: GroupKind, value: string): string => `group/${kind}/${value}`
