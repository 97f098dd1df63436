/**
 * The deterministic part of the device stage: records of one partition in, rows and changed states out. Nothing is written
 * here, and nothing but the log and the stored state decides. `device-stage.ts` carries the result out; `recovery.ts` runs
 * the same over the past to make rows that the warehouse has lost.
 */
import type { FleetSignal } from '../model/fleet-signal.ts'
import type { LogRecord, Row, StageResult, StoredRecord } from '../model/ports.ts'
import { createLedgerBook } from './domain/ledger.ts'
import { emptyRows, stageTables, type TableRows } from './domain/projection.ts'
import { createSeenIds } from './domain/seen-ids.ts'
import { createSessionWindow } from './domain/session-window.ts'
import { createOverlay, initialPartition, type Overlay, type PartitionState, type StageState, type StateReader } from './domain/state.ts'
import { openWindows } from './domain/watch/maintenance.ts'
import { openRules } from './domain/watch/rules-in-force.ts'
import { type Batch, createUnchecked, type RunDeps, runRecord } from './run-record.ts'

/** Where a run's state comes from: the store, or nothing (`recovery.ts`). */
export type RunState = {
  read: StateReader
  segments: (name: string) => Iterable<{ bytes: Uint8Array }>
  /** Keeps all states for the whole run (`rebuild.ts`); left out: one is made for each batch, over `read`. */
  overlay?: Overlay
}

export type Prepared = {
  from: number
  to: number
  records: number
  rows: TableRows
  states: ReadonlyMap<string, StageState | null>
  segments: StageResult<StageState>['segments']
  /** Dead letters of frames that cannot be read; what became of alarms. */
  outputs: StageResult<StageState>['outputs']
  tickMs: number
}

/** A batch is cut when it has made this many rows: one insert must fit into memory, whatever the messages hold. */
export const rowsPerRangeMax = 300_000

/** What the partition's windows hold; at `seenIdsMax` and `sessionMessagesMax` they forget early. */
export type Kept = { seenIds: number; sessionMessages: number }

export const createPartitionRun = (deps: RunDeps, partition: number, from: RunState) => {
  const stored = from.read('partition')
  const state: PartitionState = stored?.kind === 'partition' ? stored : initialPartition()
  const seenIds = createSeenIds(deps.seenIdsMax)
  seenIds.load(state.seenIds, bytesOf(from.segments('seen-ids')))
  const sessions = createSessionWindow()
  sessions.load(state.sessions, bytesOf(from.segments('sessions')))
  const window = { seenIds, sessions, digest: deps.digest }

  const book = from.read('rule-book')
  const rules = openRules(book?.kind === 'rule-book' ? book : null)
  const maintenance = from.read('maintenance')
  const windows = openWindows(maintenance?.kind === 'maintenance' ? maintenance : null)

  const openBatch = (): Batch => {
    const rows = emptyRows()
    return {
      deps,
      partition,
      state,
      overlay: from.overlay ?? createOverlay(from.read),
      rows,
      unchecked: createUnchecked(rows),
      ledger: createLedgerBook(),
      outputs: [],
      alarms: [],
      signals: [],
      rules,
      windows,
      window,
    }
  }

  /** Records from `index` on, up to the limit of rows or to the record after which `cutAfter` says so. Answers how many. */
  const runInto = (
    batch: Batch,
    records: readonly StoredRecord[],
    index: number,
    cutAfter: (offset: number) => boolean,
    rowsMax: number,
  ): number => {
    let at = index
    while (at < records.length) {
      const record = records[at]
      if (record === undefined) break
      runRecord(batch, record)
      at++
      if (cutAfter(record.offset) || rowsOf(batch.rows) >= rowsMax) break
    }
    return at - index
  }

  /** The batch's accounts become rows, and what its windows have added is given out. */
  const closeBatch = (batch: Batch): Pick<Prepared, 'rows' | 'segments'> => {
    batch.rows.ledger = batch.ledger.rows(deps.logId, partition)
    for (const table of stageTables) {
      // In offset order, save the ledger's, which follow the devices.
      const last = table === 'ledger' ? batch.rows.ledger : batch.rows[table].slice(-1)
      for (const row of last) state.lastRows[table] = Math.max(state.lastRows[table] ?? -1, Number(row['offset']))
    }
    state.seenIds = seenIds.state()
    state.sessions = sessions.state()
    return {
      rows: batch.rows,
      segments: [
        { name: 'seen-ids', put: segment(seenIds.takeSegment(), state.timeMs), dropBeforeMs: seenIds.dropBeforeMs() },
        { name: 'sessions', put: segment(sessions.takeSegment(), state.timeMs), dropBeforeMs: sessions.dropBeforeMs() },
      ],
    }
  }

  const prepare = (records: readonly StoredRecord[], index: number, cutAfter: (offset: number) => boolean, rowsMax: number): Prepared => {
    const batch = openBatch()
    const taken = runInto(batch, records, index, cutAfter, rowsMax)
    const closed = closeBatch(batch)
    const states = batch.overlay.changed()
    states.set('partition', state)
    if (rules.isChanged && rules.stored !== null) states.set('rule-book', rules.stored)
    rules.isChanged = false
    if (windows.isChanged && windows.stored !== null) states.set('maintenance', windows.stored)
    windows.isChanged = false
    return {
      ...closed,
      from: records[index]?.offset ?? 0,
      to: records[index + taken - 1]?.offset ?? -1,
      records: taken,
      states,
      outputs: outputsOf(batch),
      tickMs: state.tickMs,
    }
  }

  return {
    prepare,
    openBatch,
    runInto,
    closeBatch,
    tickMs: (): number => state.tickMs,
    lastRows: (): Readonly<Record<string, number>> => state.lastRows,
    kept: (): Kept => ({ seenIds: seenIds.size(), sessionMessages: sessions.size() }),
  }
}

const outputsOf = ({ deps, partition, outputs, alarms, signals }: Batch): Prepared['outputs'] => {
  const told = alarms.map((alarm): LogRecord => ({ partition, key: alarm.subject, value: Uint8Array.from(deps.encodeAlarm(alarm)) }))
  const signalled = signals.map(
    (signal): LogRecord => ({ partition: 0, key: signalKey(signal), value: Uint8Array.from(deps.encodeSignal(signal)) }),
  )
  return [
    ...(outputs.length === 0 ? [] : [{ topic: 'dead-letters' as const, records: outputs }]),
    ...(told.length === 0 ? [] : [{ topic: 'alarms' as const, records: told }]),
    ...(signalled.length === 0 ? [] : [{ topic: 'fleet-signals' as const, records: signalled }]),
  ]
}

const signalKey = ({ body }: FleetSignal): string => ('device' in body ? body.device : body.kind)

const rowsOf = (rows: TableRows): number =>
  rows.measurements.length + rows.counters.length + rows.log_lines.length + rows.facts.length + rows.messages.length

const segment = (bytes: Uint8Array | null, atMs: number): { atMs: number; bytes: Uint8Array } | null =>
  bytes === null ? null : { atMs, bytes }

function* bytesOf(segments: Iterable<{ bytes: Uint8Array }>): Generator<Uint8Array> {
  for (const { bytes } of segments) yield bytes
}

/** Rows that the warehouse does not have yet. Rows lie in offset order, but corrections of a table may share an offset. */
export const rowsBeyond = (rows: readonly Row[], mark: number | undefined): readonly Row[] =>
  mark === undefined ? rows : rows.filter((row) => Number(row['offset']) > mark)
