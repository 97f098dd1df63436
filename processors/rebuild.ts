/**
 * The past run anew: records of the log (or of `messages`, where the log no longer reaches) through the device stage with an
 * empty state, outputs off, into an empty warehouse. Same run, same rows as `device-stage.ts`; only where the state is kept
 * differs (memory), and inserts are larger: rows are encoded as soon as they are made and gathered as bytes. `rebuild-compare.ts` then holds the result against the live tables.
 *
 * A run may own a share of the subjects: it passes over the others' records, taking only their arrival, which is all that
 * they do to ours. What a partition's subjects share beyond time is kept equal or refused: ticks belong to all (their own row
 * to one), the pace of `judgeSilent` is agreed with the peers, and windows that would have overflowed end a shared run.
 */
import type { AlarmRecord } from '../model/alarm-event.ts'
import type { DeadLetter, TickBody } from '../model/event.ts'
import type { LogTopic, Row, StoredRecord, Warehouse } from '../model/ports.ts'
import type { Result } from '../model/result.ts'
import { sinkTable, toDeadLetterRows } from './dead-letter-sink.ts'
import type { FleetStageState } from './domain/fleet/fleet-state.ts'
import { fleetTables } from './domain/fleet/turn.ts'
import { noteTick } from './domain/front-door-watch.ts'
import { hash32 } from './domain/hash.ts'
import type { StageTable } from './domain/projection.ts'
import { onlineShards } from './domain/projections/presence.ts'
import { createOverlay, initialPartition, type Overlay } from './domain/state.ts'
import { createFleetRun, type FleetRunDeps } from './fleet-run.ts'
import type { Batch, RunDeps } from './run-record.ts'
import { createPartitionRun, type Kept } from './stage-run.ts'

/** Who runs what. `null` in `RebuildDeps`: everything is ours. */
export type Share = {
  /** Of ours and of the sample; ticks always are. */
  owns: (key: string) => boolean
  /** One of the sharers writes the rows that belong to no subject. */
  isFirst: boolean
  /** Puts our counts of online devices, by shard, beside the peers' and answers with everybody's. Called by all at the same offsets. */
  exchange: (partition: number, offset: number, own: Int32Array) => Int32Array
}

/** Where the rows go. `adapters/clickhouse/row-gatherer.ts` */
export type RowSink = {
  /** Takes rows over as they now are; the array may be used again. */
  add: (table: StageTable, rows: readonly Row[]) => void
  /** An insert is due: more would take too much memory. */
  isFull: () => boolean
  /** Inserts what was gathered, once per token; rows that are added meanwhile belong to the next call. */
  flush: (tokenOf: (table: string) => string) => Promise<void>
}

export type RebuildDeps = RunDeps & {
  rows: RowSink
  decodeDeadLetter: (frame: Uint8Array) => Result<DeadLetter>
  /** A frame's arrival without decoding it; null: it has to be decoded. */
  peekArrivalMs: (frame: Uint8Array) => number | null
  share: Share | null
  /** Of this run alone, before all its tokens: peers insert into the same tables. */
  tokens: string
  /** Subjects' rows up to this offset of the partition are gone by an erasure, and so is what was known of them. */
  erasedThrough: (subject: string, topic: LogTopic, partition: number) => number | null
  /** Monotone milliseconds, for the figures only. */
  elapsedMs: () => number
  /** After each chunk: records so far, of this partition, and the most that the windows have held. */
  onProgress: (partition: number, records: number, kept: Kept) => void
  /** What became of alarms, in their order. Nothing is sent out. */
  onAlarms?: (alarms: readonly AlarmRecord[]) => void
}

/** Where the time went, in milliseconds: `readMs`, `runMs` and `encodeMs` are this thread's, `waitMs` is spent waiting for the engine. */
export type RebuildFigures = { records: number; rows: number; readMs: number; runMs: number; encodeMs: number; waitMs: number }

export const noFigures = (): RebuildFigures => ({ records: 0, rows: 0, readMs: 0, runMs: 0, encodeMs: 0, waitMs: 0 })

/** Records in one uninterrupted piece: their rows are still in the processor's cache when they are encoded. */
const sliceRecords = 500
/** Records of no subject: every worker runs them, one writes their rows. */
const ofAll: ReadonlySet<string> = new Set(['tick', 'rules', 'maintenance'])
/** The key of ticks, rules in force and maintenance windows, which every partition gets. */
export const tickKey = 'all'

export const rebuildPartition = async (
  deps: RebuildDeps,
  partition: number,
  chunks: AsyncIterable<readonly StoredRecord[]>,
): Promise<RebuildFigures> => {
  const figures = noFigures()
  const runner = createRunner(deps, partition, figures)
  const writer = createWriter(deps, 'device-events', partition, figures)
  let at = deps.elapsedMs()
  for await (const records of chunks) {
    const own = runner.take(records)
    figures.readMs += deps.elapsedMs() - at
    for (let index = 0; index < own.records.length; ) {
      index += runner.run(own, index)
      if (deps.rows.isFull()) {
        runner.close()
        await writer.write()
      }
      await writer.yieldToIt()
    }
    figures.records += own.records.length
    deps.onProgress(partition, figures.records, runner.kept())
    at = deps.elapsedMs()
  }
  runner.close()
  await writer.write()
  await writer.drain()
  return figures
}

/** Records of ours, and for each the stage's time that the records before it had brought. */
type Own = { records: StoredRecord[]; timesMs: number[] }

const createRunner = (deps: RebuildDeps, partition: number, figures: RebuildFigures) => {
  const { share, codec, elapsedMs } = deps
  const overlay = createOverlay(() => undefined, true)
  const state = initialPartition()
  let timesMs: readonly number[] = []
  let next = 0
  const timed: RunDeps = {
    ...deps,
    codec: {
      ...codec,
      // Once for each record that is run, in their order.
      decode: (frame) => {
        state.timeMs = Math.max(state.timeMs, timesMs[next++] ?? 0)
        return codec.decode(frame)
      },
    },
  }
  // No batch is ever repeated here, so states stay where they are and are changed in place.
  const run = createPartitionRun(timed, partition, {
    read: (key) => (key === 'partition' ? state : undefined),
    segments: () => [],
    overlay,
  })
  let othersMs = 0
  const erased = createErased(deps, 'device-events', partition)
  let batch = run.openBatch()

  const isOurs = (table: StageTable, row: Row): boolean =>
    !(share?.isFirst === false && (table === 'maintenance_windows' || (table === 'messages' && ofAll.has(String(row['outcome']))))) &&
    !erased.hides(row)

  /** What was made so far goes out. */
  const drain = ({ unchecked, alarms, signals }: Batch): void => {
    if (alarms.length > 0) deps.onAlarms?.(alarms)
    alarms.length = 0 // Outputs are off.
    signals.length = 0
    const startedMs = elapsedMs()
    for (const own of unchecked) {
      const { table, rows } = own
      if (rows.length === 0) continue
      const isWhole = share?.isFirst !== false || (table !== 'messages' && table !== 'maintenance_windows')
      const ours = erased.isNone() && isWhole ? rows : rows.filter((row) => isOurs(table, row))
      deps.rows.add(table, ours)
      figures.rows += ours.length
      rows.length = 0
      own.from = 0
    }
    figures.encodeMs += elapsedMs() - startedMs
  }

  const runTo = (own: Own, index: number, until: number): number => {
    const startedMs = elapsedMs()
    timesMs = own.timesMs
    next = index
    const last = own.records[until - 1]?.offset
    const taken = run.runInto(batch, own.records, index, (offset) => offset === last, Number.POSITIVE_INFINITY)
    figures.runMs += elapsedMs() - startedMs
    drain(batch)
    return taken
  }

  /** The accounts of what was run so far become rows; the next ones begin. */
  const close = (): void => {
    const own = run.closeBatch(batch).rows.ledger.filter((row) => !erased.hides(row))
    deps.rows.add('ledger', own)
    figures.rows += own.length
    batch = run.openBatch()
  }

  /** The tick at `index` judges devices: their number in each shard decides how far, so it must be everybody's. */
  const runJudging = (own: Own, index: number): number => {
    if (share === null) return runTo(own, index, index + 1)
    const mine = Int32Array.from({ length: onlineShards }, (_, shard) => idsOf(overlay, shard).length)
    const all = share.exchange(partition, own.records[index]?.offset ?? -1, mine)
    for (let shard = 0; shard < onlineShards; shard++) setIds(overlay, shard, [...idsOf(overlay, shard), ...placeholders(all, mine, shard)])
    const taken = runTo(own, index, index + 1)
    for (let shard = 0; shard < onlineShards; shard++)
      setIds(
        overlay,
        shard,
        idsOf(overlay, shard).filter((id) => id !== placeholder),
      )
    return taken
  }

  return {
    kept: run.kept,
    /** Ours out of all, in their order. */
    take: (records: readonly StoredRecord[]): Own => {
      const own: Own = { records: [], timesMs: [] }
      for (const record of records) {
        if (record.value.byteLength > 0 && (record.key === tickKey || share === null || share.owns(record.key))) {
          own.records.push(record)
          own.timesMs.push(othersMs)
        } else othersMs = Math.max(othersMs, arrivalOf(deps, record))
      }
      return own
    },
    /** Runs a slice from `index` on; answers how many records. */
    run: (own: Own, index: number): number => {
      const end = Math.min(index + sliceRecords, own.records.length)
      const ahead = structuredClone(state.watch)
      for (let until = index; until < end; until++) {
        const record = own.records[until]
        if (record === undefined) break
        if (erased.endsBefore(record)) {
          if (until > index) return runTo(own, index, until)
          close() // No account reaches across a mark.
          for (const subject of erased.pass(record.offset)) forget(overlay, subject)
        }
        erased.meet(record)
        const tick = record.key === tickKey ? tickOf(deps, record) : null
        if (tick === null || !noteTick(ahead, tick.body, tick.atMs)) continue
        return until > index ? runTo(own, index, until) : runJudging(own, index)
      }
      return runTo(own, index, end)
    },
    close,
  }
}

const idsOf = (overlay: Overlay, shard: number): string[] => overlay.look('online', String(shard))?.ids ?? []

const setIds = (overlay: Overlay, shard: number, ids: string[]): void => overlay.keep('online', String(shard), { kind: 'online', ids })

/** No device's id: stands for one that a peer owns, is counted and never judged. */
const placeholder = '\u0000'
const placeholders = (all: Int32Array, mine: Int32Array, shard: number): string[] =>
  Array.from({ length: Math.max(0, (all[shard] ?? 0) - (mine[shard] ?? 0)) }, () => placeholder)

/** As the stage takes it: a frame that cannot be read brings the time at which it was appended. */
const arrivalOf = ({ codec, peekArrivalMs }: RebuildDeps, { value, appendedAtMs }: StoredRecord): number => {
  if (value.byteLength === 0) return appendedAtMs
  const peeked = peekArrivalMs(value)
  if (peeked !== null) return peeked
  const decoded = codec.decode(value)
  return decoded.ok ? decoded.event.receivedAtMs : appendedAtMs
}

const tickOf = ({ codec }: RebuildDeps, { value }: StoredRecord): { body: TickBody; atMs: number } | null => {
  const decoded = codec.decode(value)
  const body = decoded.ok ? decoded.event.bodies[0] : undefined
  return decoded.ok && body?.kind === 'Tick' ? { body, atMs: decoded.event.receivedAtMs } : null
}

const forget = (overlay: Overlay, subject: string): void => {
  overlay.forget(subject)
  const shard = hash32(subject) % onlineShards
  setIds(
    overlay,
    shard,
    idsOf(overlay, shard).filter((id) => id !== subject),
  )
}

/** Erased subjects that this partition speaks of, the next to be passed first. */
const createErased = ({ erasedThrough }: RebuildDeps, topic: LogTopic, partition: number) => {
  const met = new Map<string, number | null>()
  let waiting: { subject: string; through: number }[] = []
  let areSome = false
  /** Nothing is to be forgotten of one that is first met behind its mark. */
  const meet = ({ key, offset }: StoredRecord): void => {
    if (met.has(key)) return
    const through = erasedThrough(key, topic, partition)
    met.set(key, through)
    if (through !== null) areSome = true
    if (through === null || through < offset) return
    waiting = [...waiting, { subject: key, through }].sort((one, other) => one.through - other.through)
  }
  return {
    meet,
    isNone: (): boolean => !areSome,
    endsBefore: ({ offset }: StoredRecord): boolean => (waiting[0]?.through ?? Number.POSITIVE_INFINITY) < offset,
    /** Takes out those that end before this offset. */
    pass: (offset: number): string[] => {
      const passed = waiting.filter(({ through }) => through < offset)
      waiting = waiting.slice(passed.length)
      return passed.map(({ subject }) => subject)
    },
    hides: (row: Row): boolean => {
      const subject = row['subject'] ?? row['device_id']
      const through = typeof subject === 'string' ? met.get(subject) : undefined
      return through !== undefined && through !== null && Number(row['offset']) <= through
    },
  }
}

/** The dead letters' own table: one row each, no state. */
export const rebuildDeadLetters = async (
  deps: Pick<RebuildDeps, 'logId' | 'decodeDeadLetter' | 'erasedThrough'> & { scratch: Warehouse; owns: (subject: string) => boolean },
  partition: number,
  chunks: AsyncIterable<readonly StoredRecord[]>,
): Promise<void> => {
  let inserts = 0
  for await (const records of chunks) {
    const { logId, decodeDeadLetter, erasedThrough, owns } = deps
    const rows = toDeadLetterRows({ logId, decodeDeadLetter, onUndecodable: () => undefined }, partition, records).filter((row) => {
      const subject = String(row['subject'])
      return owns(subject) && Number(row['offset']) > (erasedThrough(subject, 'dead-letters', partition) ?? -1)
    })
    if (rows.length > 0) await deps.scratch.insert(sinkTable, rows, { dedupToken: `rebuild:dead-letters:${inserts++}` })
  }
}

/** The fleet stage over its topic as it was recorded: what the devices told, not what they would tell now. */
export const rebuildFleet = async (
  deps: Pick<RebuildDeps, 'rows' | 'elapsedMs' | 'tokens'> & Omit<FleetRunDeps, 'onLimit' | 'onRefused'>,
  chunks: AsyncIterable<readonly StoredRecord[]>,
): Promise<ReadonlyMap<string, FleetStageState>> => {
  const states = new Map<string, FleetStageState>()
  const run = createFleetRun({ ...deps, onLimit: () => undefined, onRefused: () => undefined }, 0, (key) => states.get(key))
  const writer = createWriter(deps, 'fleet-signals', 0, noFigures())
  for await (const records of chunks) {
    const prepared = run.prepare([...records], 0, () => false, Number.POSITIVE_INFINITY)
    for (const [key, state] of prepared.states) {
      if (state === null) states.delete(key)
      else states.set(key, state)
    }
    for (const table of fleetTables) deps.rows.add(table, prepared.rows[table])
    if (deps.rows.isFull()) await writer.write()
  }
  await writer.write()
  await writer.drain()
  return states
}

/** One round of inserts is under way while the next rows are made; a second waits for it. */
const createWriter = (
  { rows, elapsedMs, tokens }: Pick<RebuildDeps, 'rows' | 'elapsedMs' | 'tokens'>,
  topic: LogTopic,
  partition: number,
  figures: RebuildFigures,
) => {
  let rounds = 0
  let underWay: Promise<unknown> = Promise.resolve()
  let failure: Error | undefined
  const drain = async (): Promise<void> => {
    const startedMs = elapsedMs()
    await underWay
    figures.waitMs += elapsedMs() - startedMs
    if (failure !== undefined) throw failure
  }
  return {
    write: async (): Promise<void> => {
      await drain()
      const round = rounds++
      const startedMs = elapsedMs()
      underWay = rows
        .flush((table) => `${tokens}:${topic}:${partition}:${round}:${table}`)
        .catch((error: unknown) => {
          failure ??= error instanceof Error ? error : new Error(String(error))
        })
      figures.encodeMs += elapsedMs() - startedMs
    },
    yieldToIt: () => new Promise<void>((resolve) => setImmediate(resolve)),
    drain,
  }
}
