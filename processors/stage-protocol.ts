/**
 * How a stage carries ranges out, whatever its topic and tables: one partition's batch of records in; rows, records for other
 * topics and new states out. Used by `device-stage.ts` and `fleet-stage.ts`, which say what a range becomes.
 *
 * Resolving is the promise that the batch is in the warehouse and in the state store. A rejected batch comes again: what was
 * prepared is kept and written again with the same tokens, and after a restart it is prepared anew from the same records and
 * the same state, within the bounds of the pending note, so its inserts add no rows.
 */
import type { LogBatch, LogTopic, Row, StageResult, StageStore, StartPosition, Warehouse } from '../model/ports.ts'

/** What a range of records becomes. */
export type PreparedRange<S, T extends string> = {
  from: number
  to: number
  records: number
  rows: Readonly<Record<T, readonly Row[]>>
  states: ReadonlyMap<string, S | null>
  segments: StageResult<S>['segments']
  outputs: StageResult<S>['outputs']
  /** The newest tick that the range had brought. */
  tickMs: number
}

/** The deterministic part of a stage over one partition: records in, nothing written. */
export type RangeRun<S, T extends string> = {
  /** Records from `index` on, up to the limit of rows or to the record after which `cutAfter` says so. */
  prepare: (records: LogBatch['records'], index: number, cutAfter: (offset: number) => boolean, rowsMax: number) => PreparedRange<S, T>
  tickMs: () => number
}

export type StageProtocol<S, T extends string> = {
  topic: LogTopic
  /** In the order of their inserts. */
  tables: readonly T[]
  logId: string
  store: StageStore<S>
  warehouse: Warehouse
  openRun: (partition: number) => RangeRun<S, T>
  /** Rows that were written, for metrics. */
  onRows: (table: T, rows: number) => void
  /** Rows per range before a batch is cut. */
  rowsMax: number
}

export type MarksOf<T extends string> = Readonly<Partial<Record<T, number>>>

/** Inserts in flight per partition: the embedded engine gains nothing beyond. */
export const insertsAtOnceMax = 4

type Partition<S, T extends string> = {
  run: RangeRun<S, T>
  next: number
  repeatTo: number | null
  repeatFrom: number
  repeatHeld: readonly string[]
  /** Highest offsets that the warehouse had rows of when we started: an older state runs forward without writing them. */
  marks: MarksOf<T>
  prepared: PreparedRange<S, T> | undefined
  finishedTickMs: number
}

export const createStage = <S, T extends string>({
  topic,
  tables: stageTables,
  logId,
  store,
  warehouse,
  openRun,
  onRows,
  rowsMax,
}: StageProtocol<S, T>) => {
  const partitions = new Map<number, Partition<S, T>>()
  const marksOf = new Map<number, MarksOf<T>>()
  const noMarks = {} as MarksOf<T>

  const open = async (partition: number): Promise<Partition<S, T>> => {
    const { next, repeatTo, repeatFrom = next, repeatHeld = [] } = await store.resume(topic, partition)
    const run = openRun(partition)
    const opened: Partition<S, T> = {
      run,
      next,
      repeatTo,
      repeatFrom,
      repeatHeld,
      marks: marksOf.get(partition) ?? noMarks,
      prepared: undefined,
      finishedTickMs: run.tickMs(),
    }
    partitions.set(partition, opened)
    return opened
  }

  const commit = async (partition: number, prepared: PreparedRange<S, T>, held: readonly T[]): Promise<void> => {
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
  const afterFailure = async (own: Partition<S, T>, partition: number): Promise<Partition<S, T>> => {
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
      for (const table of stageTables) if (own.prepared.rows[table].length > 0) onRows(table, own.prepared.rows[table].length)
      index += own.prepared.records
      own.next = own.prepared.to + 1
      own.finishedTickMs = own.prepared.tickMs
      own.prepared = undefined
    }
  }

  const prepareNext = (
    { run, repeatTo, repeatFrom, marks }: Partition<S, T>,
    records: LogBatch['records'],
    index: number,
  ): PreparedRange<S, T> => {
    const first = records[index]?.offset ?? 0
    if (repeatTo !== null && first >= repeatFrom && first <= repeatTo)
      return run.prepare(records, index, (offset) => offset === repeatTo, Number.POSITIVE_INFINITY)
    const cuts = new Set<unknown>(Object.values(marks))
    return run.prepare(records, index, (offset) => cuts.has(offset), rowsMax)
  }

  /**
   * Tables of which the warehouse has this range's rows already. A range is cut at each mark, so it lies before or behind one as
   * a whole. In a range that is repeated, a mark inside it is the first try's own: the engine writes a table's views one after
   * the other, the mark not last, so the range is written again as it was and the tokens sort out what is there.
   */
  const heldTables = ({ marks, repeatTo, repeatFrom, repeatHeld }: Partition<S, T>, { from, to, rows }: PreparedRange<S, T>): T[] => {
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
    startAt: async (partition: number, marks: MarksOf<T> = noMarks): Promise<StartPosition> => {
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
