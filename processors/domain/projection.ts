/**
 * What every projection of the device stage works with: one event that has passed the de-duplication, the device's state,
 * and the rows of the batch. Rows depend on these alone, so a repeated range gives the same rows.
 */
import type { DeviceEvent } from '../../model/event.ts'
import type { Row } from '../../model/ports.ts'
import type { PlacedTime } from './placed-time.ts'
import type { CoreState, Overlay } from './state.ts'

/** Tables that the device stage writes, in the order of their inserts. */
export const stageTables = [
  'messages',
  'measurements',
  'counters',
  'radio',
  'log_lines',
  'facts',
  'presence',
  'boots',
  'clock_observations',
  'alarm_events',
  'alarm_episodes',
  'ledger',
  'devices',
  'sites',
  'cells',
  'maintenance_windows',
] as const
export type StageTable = (typeof stageTables)[number]
export type TableRows = Record<StageTable, Row[]>

export const emptyRows = (): TableRows => ({
  messages: [],
  measurements: [],
  counters: [],
  radio: [],
  log_lines: [],
  facts: [],
  presence: [],
  boots: [],
  clock_observations: [],
  alarm_events: [],
  alarm_episodes: [],
  ledger: [],
  devices: [],
  sites: [],
  cells: [],
  maintenance_windows: [],
})

/** Where the record lies in the log; every row carries it. */
export type Place = { logId: string; partition: number; offset: number }

/** Bounds that were reached; each is counted, none loses a message (its frame stays in `messages`). */
export type LimitName =
  | 'alarm-streams-per-device'
  | 'clock-observations-per-day'
  | 'counters-per-device'
  | 'facts-per-device'
  | 'firmwares-per-partition'
  | 'late-beyond-episodes'
  | 'late-beyond-history'
  | 'log-lines-per-minute'
  | 'maintenance-windows'
  | 'online-per-shard'
  | 'rule-series-per-device'
  | 'rule-streams-per-device'
  | 'series-per-device'
  | 'wordings-per-firmware'
  | 'wordings-per-rop'

export type Context = {
  event: DeviceEvent
  place: Place
  placed: PlacedTime
  core: CoreState
  overlay: Overlay
  rows: TableRows
  /** Identifies the boot in which the event was made; 0 when nothing is known of boots. */
  bootKey: number
  onLimit: (limit: LimitName) => void
}
