/**
 * Columns of the tables that get rows, in the order of `schemas/clickhouse/*.sql`, with their ClickHouse types. The row
 * encoder (`adapters/clickhouse/row-binary.ts`) is compiled from this; a test compares it with `system.columns`.
 */

export type Column = readonly [name: string, type: string]

const time = "DateTime64(3, 'UTC')"
const word = 'LowCardinality(String)'
const wordOrNull = 'LowCardinality(Nullable(String))'
const subject = [
  ['tenant', word],
  ['subject', 'String'],
] as const satisfies Column[]
const times = [
  ['observed_at', time],
  ['received_at', time],
] as const satisfies Column[]
/** Where in the log the row comes from. Every table ends with it (log lines: plus the line). */
const origin = [
  ['log_id', word],
  ['partition', 'UInt16'],
  ['offset', 'UInt64'],
] as const satisfies Column[]
/** The two big tables: words instead of texts, see the migration. */
const series = [
  ['tenant', word],
  ['subject', word],
  ['metric', word],
  ['attributes', word],
] as const satisfies Column[]

export const tables = {
  messages: [
    ['tenant', word],
    ['subject_kind', word],
    ['subject', 'String'],
    ['observed_at', time],
    ['claimed_at', `Nullable(${time})`],
    ['received_at', time],
    ['clock_verdict', "Enum8('trusted' = 0, 'missing' = 1, 'before-2010' = 2, 'future' = 3)"],
    ['outcome', "Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5, 'stored_copy' = 6)"],
    ['topic', word],
    ['boot_id', 'String'],
    ['seq', 'Nullable(UInt64)'],
    ...origin,
    ['frame', 'String'],
  ],
  measurements: [
    ...series,
    ...times,
    ['value', 'Nullable(Float64)'],
    ['quality', "Enum8('ok' = 0, 'missing' = 1, 'out_of_range' = 2)"],
    ...origin,
  ],
  counters: [
    ...series,
    ...times,
    ['value', 'Float64'],
    ['delta', 'Nullable(Float64)'],
    ['seconds', 'Nullable(Float64)'],
    ['flag', "Enum8('ok' = 0, 'first' = 1, 'reset' = 2, 'wrap' = 3, 'gap' = 4, 'suspect' = 5, 'amendment' = 6)"],
    ...origin,
  ],
  radio: [
    ...subject,
    ...times,
    ['rat', wordOrNull],
    ['mode', wordOrNull],
    ['plmn', wordOrNull],
    ['tac', 'Nullable(UInt32)'],
    ['cell_id', 'Nullable(UInt64)'],
    ['enb_id', 'Nullable(UInt32)'],
    ['pci', 'Nullable(UInt16)'],
    ['band', wordOrNull],
    ['earfcn', 'Nullable(UInt32)'],
    ['rsrp_dbm', 'Nullable(Float32)'],
    ['rsrq_db', 'Nullable(Float32)'],
    ['sinr_db', 'Nullable(Float32)'],
    ['rssi_dbm', 'Nullable(Float32)'],
    ['cqi', 'Nullable(Float32)'],
    [
      'carriers',
      'Array(Tuple(role Nullable(String), rat Nullable(String), band Nullable(String), bandwidth_mhz Nullable(Float32), earfcn Nullable(UInt32), pci Nullable(UInt16), rsrp_dbm Nullable(Float32), rsrq_db Nullable(Float32), sinr_db Nullable(Float32), active Nullable(UInt8)))',
    ],
    ...origin,
  ],
  log_lines: [
    ...subject,
    ...times,
    ['source', word],
    ['severity', 'Nullable(UInt8)'],
    ['facility', wordOrNull],
    ['program', wordOrNull],
    ['message', 'String'],
    ['fingerprint', 'UInt64'],
    ['class', word],
    ['written_at', 'String'],
    ['cut', 'UInt8'],
    ...origin,
    ['line', 'UInt32'],
  ],
  facts: [...subject, ['name', word], ...times, ['value', 'Nullable(String)'], ['sealed', 'String'], ...origin],
  presence: [
    ...subject,
    ...times,
    ['state', "Enum8('online' = 1, 'offline' = 2, 'unknown' = 3)"],
    ['session_id', 'Nullable(String)'],
    ['reason', 'Nullable(String)'],
    ...origin,
  ],
  boots: [
    ...subject,
    ...times,
    ['boot_id', 'String'],
    ['reason', 'Nullable(String)'],
    ['uptime_before_seconds', 'Nullable(Float64)'],
    ['task_id', 'Nullable(String)'],
    ['evidence', "Enum8('told' = 1, 'new-boot-id' = 2, 'uptime-fell' = 3)"],
    ...origin,
  ],
  clock_observations: [
    ...subject,
    ...times,
    ['kind', "Enum8('verdict' = 1, 'estimate' = 2, 'step' = 3, 'boot' = 4, 'limit' = 5)"],
    ['verdict', "Enum8('trusted' = 0, 'missing' = 1, 'before-2010' = 2, 'future' = 3)"],
    ['verdict_before', "Nullable(Enum8('trusted' = 0, 'missing' = 1, 'before-2010' = 2, 'future' = 3))"],
    ['skew_ms', 'Nullable(Int64)'],
    ['drift_ppm', 'Nullable(Float64)'],
    ['samples', 'UInt32'],
    ['step_ms', 'Nullable(Int64)'],
    ['boot_id', 'String'],
    ['claimed_at', `Nullable(${time})`],
    ['topic', word],
    ['evidence_received_at', time],
    ['evidence_offset', 'UInt64'],
    ...origin,
  ],
  ledger: [
    ...subject,
    ['hour', "DateTime('UTC')"],
    ['received_at', time],
    ['received', 'Int64'],
    ['stored', 'Int64'],
    ['duplicate', 'Int64'],
    ['quarantined', 'Int64'],
    ['ambiguous', 'Int64'],
    ['with_seq', 'Int64'],
    ['seq_expected', 'Int64'],
    ['seq_missing', 'Int64'],
    ...origin,
  ],
  dead_letters: [
    ['tenant', word],
    ['received_at', time],
    ['topic', 'String'],
    ['topic_shape', word],
    ['reason', word],
    ['detail', 'String'],
    ['subject_kind', word],
    ['subject', 'String'],
    ['client_id', 'String'],
    ['payload_bytes', 'UInt64'],
    ['cut', 'UInt8'],
    ['sealed_payload', 'String'],
    ...origin,
  ],
  devices: [
    ['tenant', word],
    ['device_id', 'String'],
    ['name', 'String'],
    ['site', 'String'],
    ['region', 'String'],
    ['latitude', 'Nullable(Float64)'],
    ['longitude', 'Nullable(Float64)'],
    ['time_zone', 'String'],
    ['customer', 'String'],
    ['class', 'String'],
    ['expected_interval_seconds', 'Nullable(UInt32)'],
    ['plan', 'String'],
    ['serial', 'String'],
    ['aliases', 'Array(String)'],
    ['retired', 'UInt8'],
    ['received_at', time],
    ...origin,
  ],
  sites: [
    ['tenant', word],
    ['site_id', 'String'],
    ['name', 'String'],
    ['region', 'String'],
    ['latitude', 'Nullable(Float64)'],
    ['longitude', 'Nullable(Float64)'],
    ['time_zone', 'String'],
    ['customer', 'String'],
    ['retired', 'UInt8'],
    ['received_at', time],
    ...origin,
  ],
  cells: [
    ['tenant', word],
    ['cell_id', 'UInt64'],
    ['plmn', 'String'],
    ['name', 'String'],
    ['site', 'String'],
    ['vendor', 'String'],
    ['latitude', 'Nullable(Float64)'],
    ['longitude', 'Nullable(Float64)'],
    ['retired', 'UInt8'],
    ['received_at', time],
    ...origin,
  ],
} as const satisfies Record<string, readonly Column[]>

export type TableName = keyof typeof tables

/** The log topic whose records give rows to the table: its marks in `sink_marks` are counted in that topic's offsets. */
export const topicOfTable = (table: TableName): 'device-events' | 'dead-letters' =>
  table === 'dead_letters' ? 'dead-letters' : 'device-events'
