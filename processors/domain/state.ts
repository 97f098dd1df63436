/**
 * What the device stage keeps between batches, by key: plain data that any store can hold. Split by how often each part
 * changes, so that a load average does not rewrite a device's counters.
 */
import type { AlarmsState } from './watch/device-alarms.ts'
import type { MaintenanceState } from './watch/maintenance.ts'
import type { WatchedState } from './watch/watched.ts'
import type { DueBounds, DueState } from './watch/due-state.ts'
import type { PartitionTold, WordingsState } from './watch/fleet-mark.ts'
import type { HealthState } from './watch/ingest-health.ts'
import { type BootState, initialBoot } from './boot-tracker.ts'
import type { DriftState } from './clock-drift.ts'
import type { ClockState } from './clock-watch.ts'
import type { CounterState } from './counter-step.ts'
import type { FormerClockState } from './former-clock.ts'
import type { WatchState } from './front-door-watch.ts'
import type { IntervalSet } from './interval-set.ts'
import type { SeenIdsState } from './seen-ids.ts'
import type { SessionWindowState } from './session-window.ts'

export type BootWindow = {
  bootId: string
  seen: IntervalSet
  /** It had been forgotten and speaks again: whatever it says now may have come before. */
  revived: boolean
}

/** Of each device and place that speaks. */
export type CoreState = {
  kind: 'core'
  /** Least recently heard first. */
  boots: BootWindow[]
  /** Hashes of boots that were pushed out, oldest first. */
  forgottenBoots: number[]
  /** Offsets of the dead letters that came back as events, oldest first. */
  redriven: number[]
  lastReceivedAtMs: number
  boot: BootState
  presence: PresenceState | null
  /** Undefined in states of the first release. */
  clock: ClockState | FormerClockState | null | undefined
  /** Log lines of the minute in which the last one arrived. */
  logMinuteMs: number
  logLines: number
}

export type PresenceState = {
  state: 'online' | 'offline' | 'unknown'
  sessionId: string | null
  atMs: number
  /** Of its newest row. */
  reason?: string | null
  cause?: string
  /** Told offline by its silence, not by its own word: a message is proof that it is there. */
  isSilent?: true
}

/** What a device said of one fact, oldest first. `times` are its tellings of one value in a row, ascending; the first has a row. */
export type FactState = { runs: FactRun[] }
/** As the first release kept it. */
export type FormerFactState = { value: string | null; sinceMs: number; seenMs: number }
export type FactRun = { value: string | null; sealed: Uint8Array | null; times: number[] }

export type CountersState = { kind: 'counters'; byKey: Record<string, CounterState> }
/** Hashes of the series that a device has rows of, ascending; `told` once one more was refused. */
export type SeriesState = { kind: 'series'; hashes: number[]; told: boolean }
export type FactsState = { kind: 'facts'; byName: Record<string, FactState | FormerFactState> }
/** Version of an inventory row: grows with each change, also within one millisecond. */
export type InventoryState = { kind: 'inventory'; versionMs: number }
/** Devices of one shard that are online. */
export type OnlineState = { kind: 'online'; ids: string[] }

/** The rules that hold in the partition, under the key `rule-book`: JSON text of a rule set. */
export type RuleBookState = { kind: 'rule-book'; version: string; ruleSet: string }

export type PartitionState = {
  kind: 'partition'
  /** The stage's time: greatest arrival of a record or tick; never goes back. */
  timeMs: number
  /** The newest tick's arrival. */
  tickMs: number
  seenIds: SeenIdsState
  sessions: SessionWindowState
  watch: WatchState
  /** Offset of the last row that each table got of this partition, compared with the warehouse's marks at start. */
  lastRows: Record<string, number>
  /** Undefined in states of earlier releases, like those after it. */
  health?: HealthState
  due?: DueBounds
  fleet?: PartitionTold
}

export type StageState =
  | CoreState
  | CountersState
  | SeriesState
  | FactsState
  | InventoryState
  | OnlineState
  | DriftState
  | WatchedState
  | AlarmsState
  | DueState
  | RuleBookState
  | MaintenanceState
  | WordingsState
  | PartitionState

export type StateReader = (key: string) => StageState | undefined

/** What is kept under `<name>:<id>`: of a subject, an inventory entry or a shard. */
export type NamedStates = {
  core: CoreState
  counters: CountersState
  series: SeriesState
  facts: FactsState
  clock: DriftState
  device: InventoryState
  site: InventoryState
  cell: InventoryState
  online: OnlineState
  watched: WatchedState
  alarms: AlarmsState
  due: DueState
  wordings: WordingsState
}
type Name = keyof NamedStates

/** Reads each state once a batch and keeps the changed one; nothing reaches the store before `finish`. */
export type Overlay = {
  look: <N extends Name>(name: N, id: string) => NamedStates[N] | undefined
  /** A state that will be changed in place and stored, made when there is none. */
  open: <N extends Name>(name: N, id: string, initial: () => NamedStates[N]) => NamedStates[N]
  /** Stores a state that was only looked at, since it has changed now. */
  keep: <N extends Name>(name: N, id: string, state: NamedStates[N]) => void
  /** Takes it out of the store; answers what it was. */
  take: <N extends Name>(name: N, id: string) => NamedStates[N] | undefined
  /** Null: taken out. */
  changed: () => Map<string, StageState | null>
  /** All that is known of a subject; only where the overlay keeps the states itself (`rebuild.ts`). */
  forget: (id: string) => void
}

type Opened = { key: string; state: StageState | undefined; isChanged: boolean }
type OfOneId = Record<Name, Opened | undefined>

/**
 * By id first: one look-up serves all states of the subject that a message is of. `keepsAll`: nothing is ever stored from it, so
 * what was taken out leaves no trace.
 */
export const createOverlay = (read: StateReader, keepsAll = false): Overlay => {
  const byId = new Map<string, OfOneId>()
  let lastId: string | undefined
  let last = noneOpened()
  const openedOf = (name: Name, id: string): Opened => {
    if (id !== lastId) {
      let own = byId.get(id)
      if (own === undefined) byId.set(id, (own = noneOpened()))
      last = own
      lastId = id
    }
    let opened = last[name]
    if (opened === undefined) {
      const key = `${name}:${id}`
      last[name] = opened = { key, state: read(key), isChanged: false }
    }
    return opened
  }
  return {
    look: <N extends Name>(name: N, id: string) => openedOf(name, id).state as NamedStates[N] | undefined,
    open: <N extends Name>(name: N, id: string, initial: () => NamedStates[N]) => {
      const opened = openedOf(name, id)
      opened.isChanged = true
      opened.state ??= initial()
      return opened.state as NamedStates[N]
    },
    keep: (name, id, state) => {
      const opened = openedOf(name, id)
      opened.state = state
      opened.isChanged = true
    },
    take: <N extends Name>(name: N, id: string) => {
      const opened = openedOf(name, id)
      const state = opened.state as NamedStates[N] | undefined
      if (keepsAll) {
        byId.delete(id)
        lastId = undefined
      } else if (state !== undefined) {
        opened.state = undefined
        opened.isChanged = true
      }
      return state
    },
    forget: (id) => {
      byId.delete(id)
      lastId = undefined
    },
    changed: () => {
      const changed = new Map<string, StageState | null>()
      for (const own of byId.values())
        for (const opened of Object.values(own)) if (opened?.isChanged === true) changed.set(opened.key, opened.state ?? null)
      return changed
    },
  }
}

/** All places at once, so that every subject's have one shape. */
const noneOpened = (): OfOneId => ({
  core: undefined,
  counters: undefined,
  series: undefined,
  facts: undefined,
  clock: undefined,
  device: undefined,
  site: undefined,
  cell: undefined,
  online: undefined,
  watched: undefined,
  alarms: undefined,
  due: undefined,
  wordings: undefined,
})

export const initialCore = (): CoreState => ({
  kind: 'core',
  boots: [],
  forgottenBoots: [],
  redriven: [],
  lastReceivedAtMs: 0,
  boot: initialBoot(),
  presence: null,
  clock: null,
  logMinuteMs: 0,
  logLines: 0,
})

export const initialPartition = (): PartitionState => ({
  kind: 'partition',
  timeMs: 0,
  tickMs: 0,
  seenIds: { oldest: 0, next: 0, forgottenBeforeMs: 0 },
  sessions: { next: 0, forgottenAtMs: 0 },
  watch: { instances: {}, running: null },
  lastRows: {},
})
