/** One record of `fleet-signals` in the fleet stage: what it may look at and what it may change. */
import type { AlarmRecord } from '../../../model/alarm-event.ts'
import type { GroupVerdictBody } from '../../../model/event.ts'
import type { Row } from '../../../model/ports.ts'
import type { Rule } from '../../../model/rule.ts'
import type { LimitName, Place } from '../projection.ts'
import type { FleetOverlay, FleetState } from './fleet-state.ts'

export const fleetTables = ['alarm_events', 'alarm_episodes'] as const
export type FleetTable = (typeof fleetTables)[number]

export type FleetLimit =
  | LimitName
  | 'fleet-firmwares'
  | 'fleet-groups-suspected'
  | 'fleet-recorders'
  | 'fleet-refusal-groups'
  | 'fleet-refusal-windows'
  | 'fleet-refusals-standing'
  | 'fleet-situations'
  | 'fleet-wordings-heard'
  | 'fleet-wordings-known'
  | 'fleet-wordings-standing'

export type Verdict = { device: string; body: GroupVerdictBody }

export type FleetTurn = {
  tenant: string
  place: Place
  /** Time of the record. */
  atMs: number
  /** When the log took it: later than `atMs` by what the device stage was behind. */
  appendedAtMs: number
  /** How many partitions `device-events` has: the time is known when all have told it. */
  sourcePartitions: number
  state: FleetState
  overlay: FleetOverlay
  rows: Record<FleetTable, Row[]>
  records: AlarmRecord[]
  verdicts: Verdict[]
  /** Observations that the record has made so far: one group may end and be raised in one tick, and each is told apart. */
  observations: number
  onLimit: (limit: FleetLimit) => void
}

export const ruleOf = ({ state }: FleetTurn, id: string): Rule | undefined => state.rules?.rules.find((rule) => rule.id === id)

/** A level of a group rule: as its file says, else as shipped. */
export const parameterOf = (rule: Rule, name: string, shipped: number): number =>
  (rule.condition.form === 'fleet' ? rule.condition.parameters[name] : undefined) ?? shipped
