/**
 * One partition's batch of device events in; rows, dead letters, alarm events and new device states out.
 * Before: `ingest/accept.ts`, by way of the log.  After: `adapters/warehouse`, then `query-api/queries/*.ts`.
 *
 * Resolving is the promise that the batch is in the warehouse and in the state store. A rejected batch comes again: what was
 * prepared is kept and written again with the same tokens, and after a restart it is prepared anew from the same records and
 * the same state, within the bounds of the pending note, so its inserts add no rows.
 */
import type { LogBatch, LogTopic, StageStore, StartPosition, Warehouse } from '../model/ports.ts'
import { type StageTable, stageTables } from './domain/projection.ts'
import type { StageState } from './domain/state.ts'
import { createPartitionRun, type PartitionRun, type Prepared, rowsPerRangeMax } from './stage-run.ts'
import type { RunDeps } from './run-record.ts'

export type DeviceStageDeps = RunDeps & {
  store: StageStore<StageState>
  warehouse: Warehouse
  /** Rows that were written, for metrics. */
  onRows?: (table: StageTable, rows: number) => void
  /** Rows per range before a batch is cut; only tests set it. */
  rowsMax?: number
}

export type Marks = Readonly<Partial<Record<StageTable, number>>>

/** Inserts in flight per partition: the embedded engine gains nothing beyond. */
export const insertsAtOnceMax = 4

const topic: LogTopic = 'device-events'

type Partition = {
  run: PartitionRun
  next: number
  repeatTo: number | null
  repeatFrom: number
  repeatHeld: readonly string[]
  /** Highest offsets that the warehouse had rows of when we started: an older state runs forward without writing them. */
  marks: Marks
  prepared: Prepared | undefined
  finishedTickMs: number
}

export const createDeviceStage = (deps: DeviceStageDeps) => {
  const { store, warehouse, logId } = deps
  const partitions = new Map<number, Partition>()
  const rowsMax = deps.rowsMax ?? rowsPerRangeMax
  const marksOf = new Map<number, Marks>()

  const open = async (partition: number): Promise<Partition> => {
    const { next, repeatTo, repeatFrom = next, repeatHeld = [] } = await store.resume(topic, partition)
    const run = createPartitionRun(deps, partition, {
      read: (key) => store.get(topic, partition, key),
      segments: (name) => store.segments(topic, partition, name),
    })
    const opened = {
      run,
      next,
      repeatTo,
      repeatFrom,
      repeatHeld,
      marks: marksOf.get(partition) ?? {},
      prepared: undefined,
      finishedTickMs: run.tickMs(),
    }
    partitions.set(partition, opened)
    return opened
  }

  const commit = async (partition: number, prepared: Prepared, held: readonly StageTable[]): Promise<void> => {
    const { from, to, rows } = prepared
    const range = { topic, partition, from, to }
    const tables = stageTables.filter((table) => rows[table].length > 0)
    await store.begin(held.length === 0 ? range : { ...range, held })
    const missing = tables.filter((table) => !held.includes(table))
    await eachBounded(missing, insertsAtOnceMax, async (table) => {
      await warehouse.insert(table, rows[table], { dedupToken: `${logId}:${topic}:${partition}:${from}-${to}:${table}` })
    })
    await store.finish({
      range,
      states: prepared.states,
      segments: prepared.segments,
      tables,
      outputs: prepared.outputs,
    })
  }

  /** Prepared again from the store when something went wrong in between; what `finish` saved though it threw is not repeated. */
  const afterFailure = async (own: Partition, partition: number): Promise<Partition> => {
    const { next } = await store.resume(topic, partition)
    return own.prepared === undefined || next !== own.prepared.from ? open(partition) : own
  }

  const processBatch = async (batch: LogBatch): Promise<void> => {
    const { partition, records } = batch
    let own = partitions.get(partition) ?? (await open(partition))
    if (own.prepared !== undefined) own = await afterFailure(own, partition)
    let index = records.findIndex(({ offset }) => offset >= own.next)
    while (index >= 0 && index < records.length) {
      own.prepared ??= prepareNext(own, records, index)
      await commit(partition, own.prepared, heldTables(own, own.prepared))
      for (const table of stageTables) if (own.prepared.rows[table].length > 0) deps.onRows?.(table, own.prepared.rows[table].length)
      index += own.prepared.records
      own.next = own.prepared.to + 1
      own.finishedTickMs = own.prepared.tickMs
      own.prepared = undefined
    }
  }

  const prepareNext = ({ run, repeatTo, repeatFrom, marks }: Partition, records: LogBatch['records'], index: number): Prepared => {
    const first = records[index]?.offset ?? 0
    if (repeatTo !== null && first >= repeatFrom && first <= repeatTo)
      return run.prepare(records, index, (offset) => offset === repeatTo, Number.POSITIVE_INFINITY)
    const cuts = new Set(Object.values(marks))
    return run.prepare(records, index, (offset) => cuts.has(offset), rowsMax)
  }

  /**
   * Tables of which the warehouse has this range's rows already. A range is cut at each mark, so it lies before or behind one as
   * a whole. In a range that is repeated, a mark inside it is the first try's own: the engine writes a table's views one after
   * the other, the mark not last, so the range is written again as it was and the tokens sort out what is there.
   */
  const heldTables = ({ marks, repeatTo, repeatFrom, repeatHeld }: Partition, { from, to, rows }: Prepared): StageTable[] => {
    const isRepeat = to === repeatTo && from === repeatFrom
    return stageTables.filter((table) => {
      const mark = marks[table] ?? -1
      if (rows[table].length === 0) return false
      return isRepeat ? mark > to || repeatHeld.includes(table) : mark >= from
    })
  }

  return {
    processBatch: async (batch: LogBatch): Promise<void> => {
      try {
        await processBatch(batch)
      } catch (error) {
        // A run that failed half-way has changed its state: it is read anew. One that was prepared is only written again.
        if (partitions.get(batch.partition)?.prepared === undefined) partitions.delete(batch.partition)
        throw error
      }
    },
    /** On assignment: state and identity window are read anew. */
    startAt: async (partition: number, marks: Marks = {}): Promise<StartPosition> => {
      marksOf.set(partition, marks)
      const { next, repeatTo, repeatFrom } = await open(partition)
      return { next, repeatTo, repeatFrom }
    },
    /** The tick up to which a partition's rows are in the warehouse; 0 before the first. */
    completeThroughMs: (partition: number): number => partitions.get(partition)?.finishedTickMs ?? 0,
  }
}

/** Runs all, at most `atOnce` at a time; rejects with the first error after the others in flight have ended. */
const eachBounded = async <T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> => {
  const waiting = [...items]
  const errors: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined && errors.length === 0; item = waiting.shift()) {
      await work(item).catch((error: unknown) => errors.push(error))
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  if (errors.length > 0) throw errors[0]
}
