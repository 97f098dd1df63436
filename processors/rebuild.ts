/**
 * The past run anew: records of the log (or of `messages`, where the log no longer reaches) through the device stage with an
 * empty state, outputs off, into an empty warehouse. Same run, same rows, same inserts as `device-stage.ts`; only where the
 * state is kept differs (memory), and inserts are larger. `rebuild-compare.ts` then holds the result against the live tables.
 */
import type { DeadLetter } from '../model/event.ts'
import type { LogTopic, Row, StoredRecord, Warehouse } from '../model/ports.ts'
import type { Result } from '../model/result.ts'
import { sinkTable, toDeadLetterRows } from './dead-letter-sink.ts'
import { emptyRows, stageTables, type TableRows } from './domain/projection.ts'
import type { StageState } from './domain/state.ts'
import type { RunDeps } from './run-record.ts'
import { createPartitionRun, rowsPerRangeMax } from './stage-run.ts'

export type RebuildDeps = RunDeps & {
  scratch: Warehouse
  decodeDeadLetter: (frame: Uint8Array) => Result<DeadLetter>
  /** Monotone milliseconds, for the figures only. */
  elapsedMs: () => number
  /** After each slice: records so far, of this partition. */
  onProgress: (records: number) => void
}

/** Where the time went, in milliseconds: `readMs` and `runMs` are this thread's, `waitMs` is spent waiting for the engine. */
export type RebuildFigures = { records: number; rows: number; readMs: number; runMs: number; encodeMs: number; waitMs: number }

/** Records in one uninterrupted piece: between two, the insert under way gets its turn. Each makes the ledger's rows anew. */
const sliceRecords = 5_000
/** Rows of a table before an insert: more would outlive the young generation and cost more in collection than inserts save. */
const insertRows = 60_000

export const rebuildPartition = async (
  deps: RebuildDeps,
  partition: number,
  chunks: AsyncIterable<readonly StoredRecord[]>,
): Promise<RebuildFigures> => {
  const figures: RebuildFigures = { records: 0, rows: 0, readMs: 0, runMs: 0, encodeMs: 0, waitMs: 0 }
  const states = new Map<string, StageState>()
  // No batch is ever repeated here, so states are changed in place and never copied.
  const run = createPartitionRun(deps, partition, { read: (key) => states.get(key), segments: () => [] })
  const writer = createWriter(deps, 'device-events', partition, figures)
  let gathered = emptyRows()
  let at = deps.elapsedMs()
  for await (const records of chunks) {
    figures.readMs += deps.elapsedMs() - at
    for (let index = 0; index < records.length; ) {
      const startedMs = deps.elapsedMs()
      const until = records[Math.min(index + sliceRecords, records.length) - 1]?.offset
      const prepared = run.prepare(records, index, (offset) => offset === until, rowsPerRangeMax)
      for (const [key, state] of prepared.states) if (state !== null) states.set(key, state)
      index += prepared.records
      figures.records += prepared.records
      append(gathered, prepared.rows)
      figures.runMs += deps.elapsedMs() - startedMs
      if (stageTables.some((table) => gathered[table].length >= insertRows)) {
        await writer.write(gathered)
        gathered = emptyRows()
      }
      await writer.yieldToIt()
    }
    deps.onProgress(figures.records)
    at = deps.elapsedMs()
  }
  await writer.write(gathered)
  await writer.drain()
  return figures
}

/** The dead letters' own table: one row each, no state. */
export const rebuildDeadLetters = async (deps: RebuildDeps, chunks: AsyncIterable<readonly StoredRecord[]>): Promise<void> => {
  let inserts = 0
  for await (const records of chunks) {
    const { logId, decodeDeadLetter } = deps
    const rows = toDeadLetterRows({ logId, decodeDeadLetter, onUndecodable: () => undefined }, 0, records)
    if (rows.length > 0) await deps.scratch.insert(sinkTable, rows, { dedupToken: `rebuild:dead-letters:${inserts++}` })
  }
}

const append = (all: TableRows, more: TableRows): void => {
  for (const table of stageTables) for (const row of more[table]) all[table].push(row)
}

/** One round of inserts is under way while the next rows are made; a second waits for it. */
const createWriter = ({ scratch, elapsedMs }: RebuildDeps, topic: LogTopic, partition: number, figures: RebuildFigures) => {
  let rounds = 0
  let underWay: Promise<unknown> = Promise.resolve()
  let failure: Error | undefined
  const drain = async (): Promise<void> => {
    const startedMs = elapsedMs()
    await underWay
    figures.waitMs += elapsedMs() - startedMs
    if (failure !== undefined) throw failure
  }
  const insertAll = async (round: number, rows: TableRows): Promise<void> => {
    for (const table of stageTables) {
      const own: readonly Row[] = rows[table]
      if (own.length === 0) continue
      const startedMs = elapsedMs()
      const inserted = scratch.insert(table, own, { dedupToken: `rebuild:${topic}:${partition}:${round}:${table}` })
      figures.encodeMs += elapsedMs() - startedMs
      await inserted
      figures.rows += own.length
    }
  }
  return {
    write: async (rows: TableRows): Promise<void> => {
      await drain()
      underWay = insertAll(rounds++, rows).catch((error: unknown) => {
        failure ??= error instanceof Error ? error : new Error(String(error))
      })
    },
    yieldToIt: () => new Promise<void>((resolve) => setImmediate(resolve)),
    drain,
  }
}
