/**
 * A fix applied to the past: the named tables are made anew from a time of arrival on, beside the live ones, and exchanged in
 * one step. The recorder is stopped meanwhile. What lies before, belongs to another log, or has lost its key stays as it is.
 * Called by `rebuild-main.ts`.
 */
import type { Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { openForRepair } from './rebuild-live.ts'
import { openFinished, type Past, runPast } from './rebuild-past.ts'

/** Tables that nothing is added up from: rollups hang on measurements, and messages are the source. */
export const applicableTables = [
  'counters',
  'radio',
  'log_lines',
  'facts',
  'presence',
  'boots',
  'clock_observations',
  'alarm_events',
  'alarm_episodes',
] as const
export type ApplicableTable = (typeof applicableTables)[number]

export type ApplyOptions = {
  config: Config
  fromMs: number
  tables: readonly ApplicableTable[]
  /** Threads; by default as many as processors. */
  workers?: number
  say: (line: string) => void
}
export type ApplyReport = Past & { replaced: { table: ApplicableTable; rowsBefore: number; rowsNow: number }[] }

const suffix = '_rebuilt'

export const applyRebuild = async (options: ApplyOptions): Promise<ApplyReport> => {
  const { config, say } = options
  const own = await openForRepair(config)
  try {
    const finished = await openFinished(config)
    try {
      const makeEmpty = async (): Promise<void> => {
        for (const table of options.tables) {
          await own.warehouse.command(`DROP TABLE IF EXISTS ${table}${suffix} SYNC`)
          await own.warehouse.command(`CREATE TABLE ${table}${suffix} AS ${table}`)
        }
      }
      await makeEmpty()
      const past = await runPast(
        {
          config,
          live: own.warehouse,
          liveAccess: own.access,
          into: { ...own.access, tableSuffix: suffix },
          clear: makeEmpty,
          sample: null,
          only: { tables: options.tables, fromMs: options.fromMs },
          workers: options.workers ?? null,
          say,
        },
        finished,
      )
      if (!past.whole) {
        throw new AppError(
          'LOG_OFFSET_BEHIND_RETENTION',
          'Expected the whole history, from log and messages: rows made without it would be wrong',
        )
      }
      const replaced = { logId: finished.log.logId, spans: finished.stage, fromMs: options.fromMs, skipped: past.skipped }
      const outcomes: ApplyReport['replaced'] = []
      for (const table of options.tables) outcomes.push(await exchange(own.warehouse, table, replacedRows(replaced, table), past.skipped))
      return { ...past, replaced: outcomes }
    } finally {
      // Before the exchange it holds the unfinished table, after it the old one.
      for (const table of options.tables) await own.warehouse.command(`DROP TABLE IF EXISTS ${table}${suffix} SYNC`)
      await finished.close()
    }
  } finally {
    await own.close()
  }
}

type Replaced = {
  logId: string
  spans: readonly { partition: number; from: number; to: number }[]
  fromMs: number
  skipped: readonly string[]
}

const quoted = (texts: readonly string[]): string =>
  texts.map((text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`).join(', ')

/** What the run has made anew. Alarms of groups stay as they were recorded. */
const replacedRows = ({ logId, spans, fromMs, skipped }: Replaced, table: ApplicableTable): string =>
  [
    ...(table === 'alarm_events' || table === 'alarm_episodes' ? ["log_topic = 'device-events'"] : []),
    `log_id = ${quoted([logId])}`,
    `received_at >= fromUnixTimestamp64Milli(${fromMs})`,
    `(${spans.map(({ partition, to }) => `partition = ${partition} AND offset < ${to}`).join(' OR ')})`,
    ...(skipped.length === 0 ? [] : [`subject NOT IN (${quoted(skipped)})`]),
  ].join(' AND ')

const exchange = async (
  warehouse: Warehouse,
  table: ApplicableTable,
  replaced: string,
  skipped: readonly string[],
): Promise<ApplyReport['replaced'][number]> => {
  const made = `${table}${suffix}`
  if (skipped.length > 0)
    await warehouse.command(`ALTER TABLE ${made} DELETE WHERE subject IN (${quoted(skipped)}) SETTINGS mutations_sync = 2`)
  await warehouse.command(`INSERT INTO ${made} SELECT * FROM ${table} WHERE NOT (${replaced})`)
  await warehouse.command(`EXCHANGE TABLES ${table} AND ${made}`)
  const rowsOf = async (name: string): Promise<number> => {
    const [row] = await warehouse.query<{ held: number | string }>(`SELECT count() AS held FROM ${name}`)
    return Number(row?.held ?? 0)
  }
  return { table, rowsBefore: await rowsOf(made), rowsNow: await rowsOf(table) }
}
