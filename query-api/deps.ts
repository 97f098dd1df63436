/**
 * What the query API is given by `app`. It shares the log and the warehouse with the other services and nothing else:
 * what it needs of their domains (parse, import, re-drive) arrives here as functions.
 */
import type { AlarmKey, OperatorCommand } from '../model/alarm.ts'
import type { KeepingRules } from '../model/keeping.ts'
import type { MaintenanceWindow } from '../model/maintenance.ts'
import type { Clock, EventCodec, LogTopic, Warehouse } from '../model/ports.ts'
import type { Rule, RuleOverride } from '../model/rule.ts'

export type ImportKind = 'devices' | 'sites' | 'cells'

export type ImportReport = {
  kind: string
  dryRun: boolean
  /** False after a dry run, and when any row was rejected: nothing is half done. */
  applied: boolean
  rows: number
  created: number
  changed: number
  unchanged: number
  rejected: number
  results: { row: number; id: string; action: 'create' | 'change' | 'unchanged' | 'reject'; reason: string | null }[]
}

/** Rows of a device by its own time, `fromMs` included, `toMs` excluded; leaving an iterator early cancels. */
export type Exporter = {
  tables: readonly string[]
  /** One JSON object a line, of one table or of all. */
  ndjson: (range: ExportRange, table: string | null) => AsyncIterable<string>
  parquet: (range: ExportRange, table: string) => AsyncIterable<Uint8Array>
  count: (range: ExportRange, table: string) => Promise<number>
}
type ExportRange = { subject: string; fromMs: number; toMs: number }

export type RedriveReport = { redriven: number; stillRefused: number; skippedCut: number }

type WithoutTime<T> = T extends unknown ? Omit<T, 'atMs'> : never
/** What a person did about an alarm of a device; the stage that carries it out adds its time. */
export type AlarmCommandRequest = { subject: string; stream: string; key: AlarmKey; command: WithoutTime<OperatorCommand> }

export type ChannelNow = {
  configured: boolean
  disabled: boolean
  failingSinceMs: number | null
  lastAnswer: string
  lastSentMs: number | null
  held: number
  pending: number
  parked: number
  oldestPendingMs: number | null
}

export type QueryApiDeps = {
  warehouse: Warehouse
  clock: Clock
  /** Stands first in every query. */
  tenant: string
  listen: { host: string; port: number }
  /** Null: the token is not known. */
  authenticate: (bearer: string) => Promise<{ actor: string } | null>
  /** A JSON-ready report of what the message becomes, or why it does not. */
  parse: (topic: string, payload: Uint8Array) => unknown
  importInventory: (kind: ImportKind, csv: string, options: { dryRun: boolean; actor: string }) => Promise<ImportReport>
  /** Out of lists and expectations; a device that only speaks and was never registered too. */
  retire: (deviceId: string, actor: string) => Promise<void>
  /** Appends commands to the logs of their devices, all or none; resolves with their places, in the order given. Left out: no log here. */
  commandAlarms?: (commands: readonly AlarmCommandRequest[]) => Promise<{ topic: LogTopic; partition: number; offset: number }[]>
  /** Appends a maintenance window, or a change of one, for all devices that it means. Left out: no log here. */
  setMaintenance?: (window: MaintenanceWindow, actor: string) => Promise<{ atMs: number }>
  /** Rules that alarms are judged by, as this process has loaded them; none when left out. */
  rules?: readonly Rule[]
  /** What of them is otherwise for some devices. */
  ruleOverrides?: readonly RuleOverride[]
  /** How the channel of notifications stands; null while that is not known, left out where another program sends. */
  channel?: () => ChannelNow | null
  redrive: (filter: { topicShape: string; reason: string; limit: number }, actor: string) => Promise<RedriveReport>
  /** What a dead letter's reason code means and what to do about it; undefined for a code that is not known (any more). */
  explainReason?: (reason: string) => { means: string; whatToDo: string } | undefined
  /** Null when the key was erased or is past its life. */
  openSealed: (subject: string, sealed: Uint8Array) => Promise<Uint8Array | null>
  /** An event from its frame as `messages` keeps it; never throws. */
  decodeFrame: EventCodec['decode']
  /** All rows of messages that arrived up to here are in the warehouse; null: not known yet. */
  completeThroughMs: () => number | null
  readiness: () => Promise<{ ready: boolean; waitingFor: string[] }>
  metricsText: () => Promise<string>
  exporter: Exporter
  /** Shown with what they cost; the shipped ones when left out. */
  keepingRules?: KeepingRules
  /** Avro schema text by its id in the Confluent frame. */
  schemaText: (id: number) => string | undefined
}

export type QueryApi = {
  /** Where it listens, without a trailing slash. */
  url: string
  /** Lets running requests end, then closes. A second call is harmless. */
  stop: () => Promise<void>
}
