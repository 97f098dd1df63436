/**
 * What the device stage keeps between batches, by key: plain data that any store can hold. Split by how often each part
 * changes, so that a load average does not rewrite a device's counters.
 */
import { type BootState, initialBoot } from './boot-tracker.ts'
import type { DriftState } from './clock-drift.ts'
import type { ClockState } from './clock-watch.ts'
import type { CounterState } from './counter-step.ts'
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
  clock: ClockState | null
  /** Log lines of the minute in which the last one arrived. */
  logMinuteMs: number
  logLines: number
}

export type PresenceState = { state: 'online' | 'offline' | 'unknown'; sessionId: string | null; atMs: number }

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
}

export type StageState = CoreState | CountersState | SeriesState | FactsState | InventoryState | OnlineState | DriftState | PartitionState

export type StateOf<K extends StageState['kind']> = Extract<StageState, { kind: K }>
export type StateReader = (key: string) => StageState | undefined

/** Reads each state once a batch and keeps the changed one; nothing reaches the store before `finish`. */
export type Overlay = ReturnType<typeof createOverlay>

export const createOverlay = (read: StateReader) => {
  const opened = new Map<string, StageState | undefined>()
  const changed = new Map<string, StageState>()
  const look = <K extends StageState['kind']>(key: string, kind: K): StateOf<K> | undefined => {
    let state = opened.get(key)
    if (state === undefined && !opened.has(key)) {
      state = read(key)
      opened.set(key, state)
    }
    return state?.kind === kind ? (state as StateOf<K>) : undefined
  }
  return {
    look,
    /** A state that will be changed in place and stored, made when there is none. */
    open: <K extends StageState['kind']>(key: string, kind: K, initial: () => StateOf<K>): StateOf<K> => {
      const state = look(key, kind) ?? initial()
      opened.set(key, state)
      changed.set(key, state)
      return state
    },
    /** Stores a state that was only looked at, since it has changed now. */
    keep: (key: string, state: StageState): void => {
      opened.set(key, state)
      changed.set(key, state)
    },
    changed: (): ReadonlyMap<string, StageState> => changed,
  }
}

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
