/**
 * What a rebuild compares, table by table, as SQL that reads the same on both sides. Groups are a subject's day; a group's
 * hash does not depend on the order of its rows. Used by `processors/rebuild-compare.ts`.
 *
 * `rows`: base tables, each row as it is. `newest`: inventory, where a later row replaces an earlier one. `sums`: tables that
 * are added up (rollups, the ledger), added up to the end first, because how far merges have come is nobody's business.
 */
import { type Column, tables } from '../../schemas/tables.ts'
import type { StageTable } from './projection.ts'

/** `raw`: what is hashed in place of the shown text, where making that costs more than it tells. */
export type Shown = { name: string; expression: string; raw?: string }

export type ComparedTable = {
  table: string
  kind: 'rows' | 'newest' | 'sums'
  /** Of the rows: what `WHERE` puts bounds on. */
  subject: string
  /** The time of a row, as it is named in a report. */
  time: string
  /** What a group's day is taken from: the arrival for rows (their partitions follow it), else the hour or bucket. */
  day: string
  /** Rows, or sums, as a report shows them; texts and numbers only. */
  shown: readonly Shown[]
  /** Of `shown`: those that tell two versions of one row from two rows. */
  identity: readonly string[]
  /** Of `shown`: added floating point numbers, equal within `sumTolerance`, because the order of adding is not kept. */
  inexact: readonly string[]
  /** Added up by these; only for `sums`. */
  groupBy: readonly string[]
  /** Only for `sums`: groups that count nothing are dropped by merges, and so by us. */
  having: string
  /** What `kept_from` puts a bound on. */
  keptBy: string
  /** Of `sums`: groups of the live table that no rebuild makes equal, by an aggregate condition; '': none. */
  incomparable: string
  /** Where later records are seen that a running recorder has added since; null: rows carry their own offset. */
  touchedBy: { table: string; subject: string; day: string } | null
}

/** Relative. Sums of a day's values differ in the last of 15 digits. */
export const sumTolerance = 1e-9

/** Bytes may be no text, and frames are long: reports and answers carry their hash. */
const hashed = new Set(['frame', 'sealed', 'sealed_payload'])
const identityOf = ['partition', 'offset', 'metric', 'attributes', 'name', 'line', 'kind', 'stream', 'stream_version']

const shownColumn = ([name, type]: Column): Shown => {
  if (hashed.has(name)) return { name: `${name}_hash`, expression: `hex(cityHash64(${name}))`, raw: name }
  if (type.startsWith('Array')) return { name, expression: `toString(${name})` }
  return /DateTime/.test(type) ? { name, expression: `toString(${name})`, raw: name } : { name, expression: name }
}

type RowTable = Exclude<StageTable, 'ledger' | 'devices' | 'sites' | 'cells' | 'alarm_episodes' | 'maintenance_windows'> | 'dead_letters'

const rowTable = (table: RowTable): ComparedTable => {
  const shown = tables[table].map(shownColumn)
  const names = shown.map(({ name }) => name)
  return {
    table,
    kind: 'rows',
    subject: 'subject',
    time: names.includes('observed_at') ? 'observed_at' : 'received_at',
    day: 'toDate(received_at)',
    shown,
    identity: identityOf.filter((name) => names.includes(name)),
    inexact: [],
    groupBy: [],
    having: '',
    keptBy: 'received_at',
    incomparable: '',
    touchedBy: null,
  }
}

/** Of equal versions in several partitions the newest insert wins: where the row came from is not compared. */
const inventoryTable = (table: 'devices' | 'sites' | 'cells', id: string): ComparedTable => ({
  table,
  kind: 'newest',
  subject: `toString(${id})`,
  time: 'received_at',
  day: 'toDate(0)',
  shown: tables[table].filter(([name]) => !['log_id', 'partition', 'offset'].includes(name)).map(shownColumn),
  identity: table === 'cells' ? [id, 'plmn'] : [id],
  inexact: [],
  groupBy: [],
  having: '',
  keptBy: '',
  incomparable: '',
  touchedBy: { table, subject: `toString(${id})`, day: 'toDate(0)' },
})

/** A later row replaces the earlier ones of its episode, as far as merges have come. */
const alarmEpisodes: ComparedTable = {
  table: 'alarm_episodes',
  kind: 'newest',
  subject: 'subject',
  time: 'raised_at',
  day: 'toDate(detected_at)',
  shown: tables.alarm_episodes.map(shownColumn),
  identity: ['stream', 'found_late', 'episode'],
  inexact: [],
  groupBy: [],
  having: '',
  keptBy: '',
  incomparable: '',
  touchedBy: { table: 'alarm_episodes', subject: 'subject', day: 'toDate(detected_at)' },
}

/** Of the whole fleet, and never dropped. */
const maintenanceWindows: ComparedTable = {
  table: 'maintenance_windows',
  kind: 'rows',
  subject: 'window_id',
  time: 'received_at',
  day: 'toDate(received_at)',
  shown: tables.maintenance_windows.map(shownColumn),
  identity: ['window_id', 'version', 'change_id'],
  inexact: [],
  groupBy: [],
  having: '',
  keptBy: 'received_at',
  incomparable: '',
  touchedBy: null,
}

const accounts = ['received', 'stored', 'duplicate', 'quarantined', 'ambiguous', 'with_seq', 'seq_expected', 'seq_missing']

const ledger: ComparedTable = {
  table: 'ledger',
  kind: 'sums',
  subject: 'subject',
  time: 'hour',
  day: 'toDate(hour)',
  shown: [
    { name: 'tenant', expression: 'tenant' },
    { name: 'subject', expression: 'subject' },
    { name: 'hour', expression: 'toString(hour)' },
    ...accounts.map((name) => ({ name, expression: `sum(${name})` })),
  ],
  identity: ['hour'],
  inexact: [],
  groupBy: ['tenant', 'subject', 'hour'],
  having: accounts.map((name) => `sum(${name}) != 0`).join(' OR '),
  keptBy: 'hour',
  incomparable: '',
  touchedBy: { table: 'messages', subject: 'subject', day: 'toDate(received_at)' },
}

const series = ['tenant', 'subject', 'metric', 'attributes']

/** A sketch is a table of counts without an order; what it answers is compared in its place. */
const sketchLevels = '0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1'

const rollup = (table: string): ComparedTable => ({
  table,
  kind: 'sums',
  subject: 'subject',
  time: 'bucket',
  day: 'toDate(bucket)',
  shown: [
    ...series.map((name) => ({ name, expression: name })),
    { name: 'bucket', expression: 'toString(bucket)' },
    { name: 'samples', expression: 'sum(samples)' },
    { name: 'missing', expression: 'sum(missing)' },
    { name: 'value_sum', expression: 'sum(value_sum)' },
    { name: 'value_min', expression: 'min(value_min)' },
    { name: 'value_max', expression: 'max(value_max)' },
    { name: 'percentiles', expression: `toString(quantilesBFloat16Merge(${sketchLevels})(sketch))` },
  ],
  identity: ['metric', 'attributes', 'bucket'],
  inexact: ['value_sum'],
  groupBy: [...series, 'bucket'],
  having: 'sum(samples) != 0 OR sum(missing) != 0',
  keptBy: 'bucket',
  // Samples of before the sketches, whose rows were gone when these came: a rebuild sketches them.
  incomparable: 'sum(unsketched) != 0',
  touchedBy: { table: 'measurements', subject: 'subject', day: 'toDate(observed_at)' },
})

const subjectsSeen: ComparedTable = {
  table: 'subjects_seen',
  kind: 'sums',
  subject: 'subject',
  time: 'first_received_at',
  day: 'toDate(0)',
  shown: [
    ...['tenant', 'subject_kind', 'subject'].map((name) => ({ name, expression: name })),
    { name: 'first_received_at', expression: 'toString(min(first_received_at))' },
    { name: 'last_received_at', expression: 'toString(max(last_received_at))' },
    { name: 'last_observed_at', expression: 'toString(max(last_observed_at))' },
    { name: 'messages', expression: 'sum(messages)' },
  ],
  identity: ['subject_kind'],
  inexact: [],
  groupBy: ['tenant', 'subject_kind', 'subject'],
  having: '',
  keptBy: '',
  incomparable: '',
  touchedBy: { table: 'messages', subject: 'subject', day: 'toDate(0)' },
}

export const rowTables: readonly ComparedTable[] = (
  [
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
    'dead_letters',
  ] as const
).map(rowTable)

/** What depends on all of the history: not compared when its beginning is gone. */
export const derivedTables: readonly ComparedTable[] = [
  alarmEpisodes,
  inventoryTable('devices', 'device_id'),
  inventoryTable('sites', 'site_id'),
  inventoryTable('cells', 'cell_id'),
  maintenanceWindows,
  ledger,
  subjectsSeen,
  ...['measurements_15m', 'measurements_1h', 'measurements_1d'].map(rollup),
]

/** Part of a table: an SQL condition that names no more than the table's own columns. */
export type Where = string

const inner = ({ table, kind, shown, groupBy, having, subject, day }: ComparedTable, where: Where, isRaw: boolean): string => {
  const columns = shown.map(({ name, expression, raw }) => `${isRaw ? (raw ?? expression) : expression} AS ${shownAs(name)}`).join(', ')
  const grouped = groupBy.length === 0 ? '' : ` GROUP BY ${groupBy.join(', ')}${having === '' ? '' : ` HAVING ${having}`}`
  return `SELECT ${subject} AS the_subject, ${day} AS the_day, ${columns} FROM ${table}${kind === 'newest' ? ' FINAL' : ''} WHERE ${where}${grouped}`
}

/** A name of its own, so that no alias stands in for the column that it is made of. */
const shownAs = (name: string): string => `shown_${name}`

/** One row per subject and day: count and hash. A NULL makes `cityHash64` of all columns NULL, so each is hashed by itself. */
export const groupsQuery = (compared: ComparedTable, where: Where): string => {
  const { shown, inexact } = compared
  const parts = shown.map(({ name }) => {
    const value = inexact.includes(name) ? `toFloat32(${shownAs(name)})` : shownAs(name)
    return `ifNull(cityHash64(${value}), 0)`
  })
  return `SELECT the_subject, toString(the_day) AS day, count() AS held, toString(sumWithOverflow(cityHash64(${parts.join(', ')}))) AS hash FROM (${inner(compared, where, true)}) GROUP BY the_subject, the_day`
}

/** Groups of `incomparable`. */
export const incomparableQuery = ({ table, subject, day, groupBy, incomparable }: ComparedTable, where: Where): string =>
  `SELECT DISTINCT the_subject, toString(the_day) AS the_day FROM (SELECT ${subject} AS the_subject, ${day} AS the_day FROM ${table} WHERE ${where} GROUP BY ${groupBy.join(', ')} HAVING ${incomparable})`

/** Rows of one group, to find those that differ. */
export const rowsQuery = (compared: ComparedTable, where: Where, limit: number): string => {
  const columns = compared.shown.map(({ name }) => `${shownAs(name)} AS ${quoted(name)}`).join(', ')
  return `SELECT ${columns} FROM (${inner(compared, where, false)}) ORDER BY ALL LIMIT ${limit}`
}

const quoted = (name: string): string => `\`${name}\``
