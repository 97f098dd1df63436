/**
 * What the fleet stage keeps between batches, by key, plain data: small states that change apart. A group is counts in time, not
 * a list of its members; the devices that are away stand in shards of the whole fleet, so that one change rewrites a short list.
 */
import type { Absence, BrokerSignal, Groups } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import type { AlarmsState } from '../watch/device-alarms.ts'
import type { Counts } from './counts.ts'
import type { FirmwareState, RefusalsState, WordingsStanding } from './firmware-state.ts'

export const homeKinds = ['cell', 'enb', 'tac'] as const
export type HomeKind = (typeof homeKinds)[number]

export type MemberState = {
  kind: 'member'
  groups: Groups
  absence: Absence | null
  /** The stage's time at which it was told away. Kept when it is back, for what its boot says. */
  badMs: number
  /** Neither usual nor planned: it counts against its groups. */
  counts: boolean
  /** When it was back. */
  backMs: number
  home: Groups | null
  /** Since when it is away from its usual cell, eNB, TAC, by the stage's time; left out: it is not. */
  leftMs: Partial<Record<HomeKind, number>>
  /** Keys of the situations that it is part of while it is away, and while it is away from its usual cell; '': none. */
  situation: string
  exodus: string
  /** The newest that it was part of, kept when it is back. */
  lastSituation: string
  /** A boot after its absence, by the device's time; 0: none that power would explain. */
  bootMs: number
  /** A power outage was told of its present or last absence then; 0: none. */
  powerMs: number
  retired: boolean
}

/** Of a value that members share; `fleet/all` counts everybody. */
export type GroupState = {
  kind: 'group'
  members: number
  /** Online at the end of each period; gone bad in each. */
  online: Counts
  bad: Counts
  /** Key of the situation that stands about it; '': none. */
  situation: string
}

/** Of a cell, eNB or TAC: those whose usual one it is. */
export type HomeState = {
  kind: 'home'
  members: number
  left: Counts
  /** The newest return. */
  returnMs: number
  situation: string
}

/** Devices of one shard, with the time at which they were entered. */
export type ListState = { kind: 'list'; ids: string[]; atMs: number[] }

/** A situation that stands, under the key of its group's alarm. */
export type SituationState = {
  kind: 'situation'
  /** `<stream>:<n>` of its root. */
  id: string
  resource: string
  rule: string
  qualifier: string
  /** Key of the group or home that it is about. */
  of: string
  raisedMs: number
  /** What shares are taken of. */
  base: number
  shareAtRaise: number
  /** Members that are still bad, and all that it ever had. */
  badNow: number
  members: number
  /** Another situation explains it: it stands as long as that one does. */
  under: string
  /** Of its members' being offline; '' where it says nothing of that. */
  cause: string
  /** In words. */
  reason: string
}

export type PartitionTime = {
  ms: number
  healthySinceMs: number | null
  online: number
  offset: number
  item: number
  resumedMs: number
  lagMs?: number
  brokers?: BrokerSignal[]
}

export type RecorderState = {
  heardMs: number
  /** By disk: one reading an hour, the oldest first, and the newest. */
  disks: Record<string, { atMs: number; freeBytes: number }[]>
  /** Since when the warehouse refuses it nothing; 0: it does. */
  acceptedSinceMs: number
}

export type FleetState = {
  kind: 'fleet'
  /** By source partition. */
  partitions: Record<string, PartitionTime>
  /** The least of the partitions' times; 0: not all are heard. */
  nowMs: number
  rules: { version: string; rules: Rule[] } | null
  /** Groups that are near enough to be looked at, and since when they pass the test (0: they do not). */
  suspects: Record<string, number>
  /** The same of homes: since when enough have left. */
  leaving: Record<string, number>
  /** Groups of which boots came in after an absence, with the newest. */
  booting: Record<string, number>
  /** Keys of the situations that stand. */
  standing: string[]
  /** Resources of which an alarm has a deadline. */
  due: Record<string, number>
  /** Offset of the last row that each table got, compared with the warehouse's marks at start. */
  lastRows: Record<string, number>
  /** Since when the platform's own trouble stands, by part; for its end. */
  platform: Record<string, number>
  /** Starts of the windows that not all partitions have passed; alarms that stand, with the newest window beyond. Undefined in states of earlier releases. */
  refusals?: { windows: number[]; standing: Record<string, number> }
  /** Firmwares, the one heard last at the end; alarms that stand. Undefined in states of earlier releases. */
  wordings?: { firmwares: string[]; standing: Record<string, WordingsStanding> }
  /** What each program of the processors last told of itself, by instance. Undefined in states of earlier releases. */
  recorders?: Record<string, RecorderState>
}

export type FleetStageState =
  | MemberState
  | GroupState
  | HomeState
  | ListState
  | RefusalsState
  | FirmwareState
  | SituationState
  | FleetState
  | AlarmsState

export type FleetReader = (key: string) => FleetStageState | undefined

export type FleetNames = {
  member: MemberState
  group: GroupState
  home: HomeState
  bad: ListState
  away: ListState
  booted: ListState
  refusals: RefusalsState
  firmware: FirmwareState
  situation: SituationState
  alarms: AlarmsState
}

/** Reads each state once a batch and keeps the changed one; nothing reaches the store before `finish`. */
export type FleetOverlay = {
  look: <N extends keyof FleetNames>(name: N, id: string) => FleetNames[N] | undefined
  /** A state that will be changed in place and stored. */
  open: <N extends keyof FleetNames>(name: N, id: string, initial: () => FleetNames[N]) => FleetNames[N]
  keep: <N extends keyof FleetNames>(name: N, id: string, state: FleetNames[N]) => void
  drop: (name: keyof FleetNames, id: string) => void
  changed: () => Map<string, FleetStageState | null>
}

export const createFleetOverlay = (read: FleetReader): FleetOverlay => {
  const opened = new Map<string, { state: FleetStageState | undefined; isChanged: boolean }>()
  const openedOf = (key: string): { state: FleetStageState | undefined; isChanged: boolean } => {
    let own = opened.get(key)
    if (own === undefined) opened.set(key, (own = { state: read(key), isChanged: false }))
    return own
  }
  return {
    look: <N extends keyof FleetNames>(name: N, id: string) => openedOf(`${name}:${id}`).state as FleetNames[N] | undefined,
    open: <N extends keyof FleetNames>(name: N, id: string, initial: () => FleetNames[N]) => {
      const own = openedOf(`${name}:${id}`)
      own.isChanged = true
      own.state ??= initial()
      return own.state as FleetNames[N]
    },
    keep: (name, id, state) => {
      const own = openedOf(`${name}:${id}`)
      own.state = state
      own.isChanged = true
    },
    drop: (name, id) => {
      const own = openedOf(`${name}:${id}`)
      own.isChanged ||= own.state !== undefined
      own.state = undefined
    },
    changed: () => {
      const changed = new Map<string, FleetStageState | null>()
      for (const [key, { state, isChanged }] of opened) if (isChanged) changed.set(key, state ?? null)
      return changed
    },
  }
}

export const fleetKey = 'fleet'

export const initialFleet = (): FleetState => ({
  kind: 'fleet',
  partitions: {},
  nowMs: 0,
  rules: null,
  suspects: {},
  leaving: {},
  booting: {},
  standing: [],
  due: {},
  lastRows: {},
  platform: {},
})
