/**
 * What a record brings to the rules: where it stands, what the partition and the device keep, and the device's time and rules.
 * Before: `run-record.ts`.  After: `watch-device.ts`, `device-turn.ts`.
 */
import type { AlarmRecord } from '../../../model/alarm-event.ts'
import type { DeviceEvent } from '../../../model/event.ts'
import type { FleetSignal } from '../../../model/fleet-signal.ts'
import type { DeviceProfile } from '../../../model/rule.ts'
import { believedAheadMs } from '../placed-time.ts'
import type { LimitName, Place, TableRows } from '../projection.ts'
import type { CompiledRules, RuleBook } from '../rules/compile.ts'
import type { RuleContext } from '../rules/outcome.ts'
import type { Overlay, PartitionState } from '../state.ts'
import { healthySinceOf } from './broker-health.ts'
import { initialDue } from './due-list.ts'
import type { DueBounds } from './due-state.ts'
import type { PartitionTold } from './fleet-mark.ts'
import { type SignalSink, initialTold } from './group-signals.ts'
import { type HealthState, initialHealth } from './ingest-health.ts'
import type { WindowsInForce } from './maintenance.ts'
import { type KnownProfile, type WatchedState, initialWatched, profileOf, resourceOf } from './watched.ts'

/** Of the record that is run. */
export type Watch = {
  book: RuleBook
  event: DeviceEvent
  place: Place
  overlay: Overlay
  state: PartitionState
  rows: TableRows
  records: AlarmRecord[]
  windows: WindowsInForce
  signals: FleetSignal[]
  onLimit: (limit: LimitName) => void
}

export const healthOf = (state: PartitionState): HealthState => (state.health ??= initialHealth())
export const dueOf = (state: PartitionState): DueBounds => (state.due ??= initialDue())
export const toldOf = (state: PartitionState): PartitionTold => (state.fleet ??= initialTold())

/**
 * The device's share of the stage's time: by the arrivals of its own records and the ticks that met it, so that no other device
 * has a say. It does not go back, unless the recorder's clock had been ahead and was set back.
 */
export const passNow = ({ event }: Watch, watched: WatchedState): number => (watched.nowMs = timeAfter(watched, event.receivedAtMs))

/** What it would be after that arrival. */
export const timeAfter = ({ nowMs }: WatchedState, arrivalMs: number): number =>
  nowMs > arrivalMs && nowMs <= arrivalMs + believedAheadMs ? nowMs : arrivalMs

export const openWatched = (overlay: Overlay, id: string): WatchedState => overlay.open('watched', id, initialWatched)

export const sinkOf = ({ event, place, signals }: Watch): SignalSink => ({ tenant: event.tenant, place, atMs: event.receivedAtMs, signals })

/** The index of a device's kind is looked up once a batch. */
const kindOf = new WeakMap<KnownProfile, { book: RuleBook; profile: DeviceProfile; rules: CompiledRules }>()

export const contextOf = (
  { book, place, state, onLimit }: Watch,
  { profile: known, door }: WatchedState,
  id: string,
  nowMs: number,
): RuleContext => {
  let own = kindOf.get(known)
  if (own?.book !== book) {
    const profile = profileOf(id, known)
    kindOf.set(known, (own = { book, profile, rules: book.forDevice(profile) }))
  }
  const { profile, rules } = own
  return {
    rules,
    profile,
    resource: resourceOf(id, known),
    partition: place.partition,
    offset: place.offset,
    nowMs,
    healthySinceMs: healthySinceOf(healthOf(state), door),
    onLimit,
  }
}
