/**
 * Before a partition is consumed: does the warehouse have what the state says was written? Marks (highest offset of a row, per
 * table and partition, filled in the same insert) are compared with the state's last rows. A shortfall (power loss, a
 * restored backup) is made up from the log; marks ahead of the state are handed to the stages, which then write no row at
 * or below them. A mark beyond the log's end refuses the start: that log is not the one the rows came from.
 *
 * Rows that depend on history (outcomes, counters, facts, presence, boots, accounts) cannot be made from one range. So the
 * stage is run anew over all that the log still holds, with an empty state and nothing written, and only the missing rows
 * are kept. They are exact as long as the log holds the history that they depend on: always, when it reaches back to offset
 * 0; else what happened before its first record is unknown to them (the first reading of a counter after it is `first`, a
 * fact is told anew). What the log holds no more is counted in `lostRecords` and told, never made up.
 */
import type { EventLog, LogTopic, Row, StageStore, StoredRecord, Warehouse } from '../model/ports.ts'
import { AppError } from '../runtime/errors.ts'
import { type DeadLetterSinkDeps, type SinkState, sinkStateKey, sinkTable, toDeadLetterRows } from './dead-letter-sink.ts'
import type { Marks } from './device-stage.ts'
import { fleetKey, type FleetStageState } from './domain/fleet/fleet-state.ts'
import { type FleetTable, fleetTables } from './domain/fleet/turn.ts'
import { type StageTable, stageTables } from './domain/projection.ts'
import type { StageState } from './domain/state.ts'
import { createFleetRun, type FleetRunDeps } from './fleet-run.ts'
import { createPartitionRun, rowsBeyond, rowsPerRangeMax } from './stage-run.ts'
import type { RunDeps } from './run-record.ts'
import type { MarksOf, RangeRun } from './stage-protocol.ts'

export type RecoveryDeps = RunDeps &
  Pick<FleetRunDeps, 'partitions' | 'decodeSignal'> & {
    log: EventLog
    warehouse: Warehouse
    stageStore: StageStore<StageState>
    fleetStore: StageStore<FleetStageState>
    sinkStore: StageStore<SinkState>
    decodeDeadLetter: DeadLetterSinkDeps['decodeDeadLetter']
    onRefilled: (refilled: Refilled) => void
  }

/** One line for the log per table that had fallen short. */
export type Refilled = { table: string; partition: number; fromOffset: number; toOffset: number; rows: number; lostRecords: number }

/** What the stages need to start: the marks by partition. */
export type RecoveredMarks = { stage: ReadonlyMap<number, Marks>; sink: ReadonlyMap<number, number> }

/** Records that a refill holds at once. */
export const refillRecordsMax = 5_000

/** Everything at once, where all partitions are ours from the start. */
export const recover = async (deps: RecoveryDeps): Promise<RecoveredMarks> => {
  const stage = new Map<number, Marks>()
  for (let partition = 0; partition < deps.log.partitionCount('device-events'); partition++) {
    stage.set(partition, await recoverStage(deps, partition))
  }
  return { stage, sink: new Map([[0, await recoverSink(deps)]]) }
}

/** When a partition comes to us, after the store has its newest state: its marks, lost rows written again. */
export const recoverStage = async (deps: RecoveryDeps, partition: number): Promise<Marks> => {
  const marks = await readMarks(deps)
  const own: Partial<Record<StageTable, number>> = {}
  for (const table of stageTables) {
    const mark = marks.get(`device-events:${partition}:${table}`)
    if (mark !== undefined) own[table] = mark
  }
  await refuseBeyond(deps, 'device-events', partition, own)
  const stored = deps.stageStore.get('device-events', partition, 'partition')
  await refill(deps, {
    topic: 'device-events',
    partition,
    tables: stageTables,
    marks: own,
    lastRows: stored?.kind === 'partition' ? stored.lastRows : {},
    openRun: (read) => createPartitionRun(deps, partition, { read, segments: () => [] }),
  } satisfies Refilling<StageState, StageTable>)
  return own
}

/** The same for the fleet stage, whose topic has one partition. */
export const recoverFleet = async (deps: RecoveryDeps): Promise<MarksOf<FleetTable>> => {
  const marks = await readMarks(deps)
  const own: Partial<Record<FleetTable, number>> = {}
  for (const table of fleetTables) {
    const mark = marks.get(`fleet-signals:0:${table}`)
    if (mark !== undefined) own[table] = mark
  }
  await refuseBeyond(deps, 'fleet-signals', 0, own)
  const stored = deps.fleetStore.get('fleet-signals', 0, fleetKey)
  const silent = { ...deps, onLimit: () => undefined, onRefused: () => undefined }
  await refill(deps, {
    topic: 'fleet-signals',
    partition: 0,
    tables: fleetTables,
    marks: own,
    lastRows: stored?.kind === 'fleet' ? stored.lastRows : {},
    openRun: (read) => createFleetRun(silent, 0, read),
  } satisfies Refilling<FleetStageState, FleetTable>)
  return own
}

export const recoverSink = async (deps: RecoveryDeps): Promise<number> => {
  const mark = (await readMarks(deps)).get(`dead-letters:0:${sinkTable}`) ?? -1
  await refuseBeyond(deps, 'dead-letters', 0, { [sinkTable]: mark })
  await refillSink(deps, mark)
  return mark
}

type MarkRow = { topic: string; partition: number | string; table: string; offset: number | string }

const readMarks = async ({ warehouse, log }: RecoveryDeps): Promise<Map<string, number>> => {
  const rows = await warehouse.query<MarkRow>(
    'SELECT topic, partition, table, max(offset) AS offset FROM sink_marks WHERE log_id = {logId:String} GROUP BY topic, partition, table',
    { logId: log.logId },
  )
  return new Map(rows.map(({ topic, partition, table, offset }) => [`${topic}:${partition}:${table}`, Number(offset)]))
}

const refuseBeyond = async (
  { log }: RecoveryDeps,
  topic: LogTopic,
  partition: number,
  marks: Readonly<Record<string, number>>,
): Promise<void> => {
  const { next } = await log.bounds(topic, partition)
  for (const [table, mark] of Object.entries(marks)) {
    if (mark < next) continue
    throw new AppError(
      'STAGE_MARK_BEYOND_LOG',
      `Expected rows of ${topic}:${partition} up to offset ${next - 1}, where the log ends, but table ${table} has rows up to ${mark}`,
    )
  }
}

type Refilling<S, T extends string> = {
  topic: LogTopic
  partition: number
  tables: readonly T[]
  /** Taken further where a table holds more than its mark says. */
  marks: Partial<Record<T, number>>
  lastRows: Readonly<Record<string, number>>
  openRun: (read: (key: string) => S | undefined) => RangeRun<S, T>
}

const refill = async <S, T extends string>(deps: RecoveryDeps, refilling: Refilling<S, T>): Promise<void> => {
  const { topic, partition, tables, marks, lastRows, openRun } = refilling
  const short: T[] = []
  for (const table of tables) {
    if ((lastRows[table] ?? -1) <= (marks[table] ?? -1)) continue
    const held = await heldUpTo(deps, table, topic, partition, marks[table])
    marks[table] = held
    if ((lastRows[table] ?? -1) > held) short.push(table)
  }
  if (short.length === 0) return
  const end = Math.max(...short.map((table) => lastRows[table] ?? -1)) + 1
  // A range ends at each mark, so that no account of the ledger reaches across one.
  const cuts = new Set(short.map((table) => marks[table] ?? -1))
  const { first } = await deps.log.bounds(topic, partition)
  const report = new Map(short.map((table) => [table, reportOf(table, partition, (marks[table] ?? -1) + 1, lastRows[table] ?? -1, first)]))

  const states = new Map<string, S>()
  const run = openRun((key) => structuredClone(states.get(key)))
  for await (const records of chunks(deps.log.read(topic, partition, first, end))) {
    for (let index = 0; index < records.length; ) {
      const prepared = run.prepare(records, index, (offset) => cuts.has(offset), rowsPerRangeMax)
      for (const table of short) {
        const rows = rowsBeyond(prepared.rows[table], marks[table])
        const own = report.get(table)
        if (rows.length === 0 || own === undefined) continue
        await insert(deps, topic, partition, table, marks[table] ?? -1, prepared, rows)
        own.rows += rows.length
      }
      for (const [key, state] of prepared.states) if (state !== null) states.set(key, structuredClone(state))
      index += prepared.records
    }
  }
  for (const refilled of report.values()) deps.onRefilled(refilled)
}

/**
 * What a table really holds, asked only where its mark falls short: a lost mark must not double rows that are there. Merges
 * of the ledger keep no last offset; when it has rows and no mark, it is taken to reach as far as the messages.
 */
const heldUpTo = async (
  deps: RecoveryDeps,
  table: string,
  topic: LogTopic,
  partition: number,
  mark: number | undefined,
): Promise<number> => {
  if (table === 'ledger' && mark !== undefined) return mark
  const greatest = await greatestOffset(deps, table, topic, partition)
  const held = table === 'ledger' && greatest >= 0 ? await greatestOffset(deps, 'messages', topic, partition) : greatest
  return Math.max(mark ?? -1, held)
}

/** Two topics give rows to the tables of alarms. */
const ofTwoTopics: ReadonlySet<string> = new Set(fleetTables)

/** -1 when the table holds no row of this log's partition. */
const greatestOffset = async ({ warehouse, logId }: RecoveryDeps, table: string, topic: LogTopic, partition: number): Promise<number> => {
  const ofTopic = ofTwoTopics.has(table) ? ' AND log_topic = {topic:String}' : ''
  const [held] = await warehouse.query<{ offset: number | string; held: number | string }>(
    `SELECT max(offset) AS offset, count() AS held FROM ${table} WHERE log_id = {logId:String} AND partition = {partition:UInt16}${ofTopic}`,
    { logId, partition, topic },
  )
  return held === undefined || Number(held.held) === 0 ? -1 : Number(held.offset)
}

const refillSink = async (deps: RecoveryDeps, marked: number): Promise<void> => {
  const lastRow = deps.sinkStore.get('dead-letters', 0, sinkStateKey)?.lastRow ?? -1
  if (lastRow <= marked) return
  const mark = await heldUpTo(deps, sinkTable, 'dead-letters', 0, marked)
  if (lastRow <= mark) return
  const { first } = await deps.log.bounds('dead-letters', 0)
  const report = reportOf(sinkTable, 0, mark + 1, lastRow, first)
  const { logId, decodeDeadLetter } = deps
  for await (const records of chunks(deps.log.read('dead-letters', 0, mark + 1, lastRow + 1))) {
    const rows = toDeadLetterRows({ logId, decodeDeadLetter, onUndecodable: () => undefined }, 0, records)
    const range = { from: records[0]?.offset ?? 0, to: records[records.length - 1]?.offset ?? 0 }
    if (rows.length > 0) await insert(deps, 'dead-letters', 0, sinkTable, mark, range, rows)
    report.rows += rows.length
  }
  deps.onRefilled(report)
}

const reportOf = (table: string, partition: number, fromOffset: number, toOffset: number, first: number): Refilled => ({
  table,
  partition,
  fromOffset,
  toOffset,
  rows: 0,
  lostRecords: Math.max(0, Math.min(first, toOffset + 1) - fromOffset),
})

/** A token of its own: the warehouse may still know the first insert's, though it lost the rows. */
const insert = async (
  { warehouse, logId }: RecoveryDeps,
  topic: LogTopic,
  partition: number,
  table: string,
  mark: number,
  { from, to }: { from: number; to: number },
  rows: readonly Row[],
): Promise<void> =>
  warehouse.insert(table, rows, { dedupToken: `${logId}:${topic}:${partition}:${from}-${to}:${table}:refill-after-${mark}` })

async function* chunks(records: AsyncIterable<StoredRecord>): AsyncGenerator<StoredRecord[]> {
  let chunk: StoredRecord[] = []
  for await (const record of records) {
    chunk.push(record)
    if (chunk.length < refillRecordsMax) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
