/**
 * What of a partition's local state is in its newest snapshot (`state-snapshots.ts`) and what is not yet. Used by
 * `stage-store.ts`. A snapshot is of an input offset; what a stage puts without a new record makes another one of the same
 * offset, so it is noted beside the state from which of them it goes on, and whether anything was put since.
 */
import type { Clock, LogTopic, Warehouse } from '../../model/ports.ts'
import type { Changed, LocalStates } from './local-states.ts'
import { readSnapshotHead, readSnapshotRows, removeOlder, type SnapshotHead, type SnapshotPlace, writeSnapshot } from './state-snapshots.ts'

export type Saved = {
  /** Since the newest snapshot. */
  changed: Changed
  /** Newest snapshot that these changes go on from; undefined: the next holds everything. */
  head: SnapshotHead | undefined
  /** Of the newest snapshot, whoever wrote it. */
  lastWrittenAtMs: number
  /** Something was put since that, and it is noted where there is a snapshot. */
  hasPuts: boolean
  /** Puts under way. */
  putting: number
}

type Options = { warehouse: Warehouse; clock: Clock; states: LocalStates; logId: string; stage: string }

export const createPartitionSnapshots = ({ warehouse, clock, states, logId, stage }: Options) => {
  const place = (topic: LogTopic, partition: number): SnapshotPlace => ({ logId, stage, topic, partition })

  /** Loads the newest snapshot where it is newer than what lies here up to `heldNext`, or where that `mustGo`. */
  const takeOver = async (
    topic: LogTopic,
    partition: number,
    { heldNext, mustGo }: { heldNext: number; mustGo: boolean },
  ): Promise<Saved> => {
    const newest = await readSnapshotHead(warehouse, place(topic, partition))
    const goesOn = newest?.next === heldNext ? states.goesOnFrom(topic, partition, newest) : null
    let head = goesOn === 'same' ? newest : undefined
    if (newest !== undefined && (newest.next > heldNext || mustGo || goesOn === 'other')) {
      const rows = []
      for await (const page of readSnapshotRows(warehouse, place(topic, partition), newest)) rows.push(...page)
      await states.replace(topic, partition, newest, rows)
      head = newest
    } else if (mustGo) await states.forget(topic, partition)
    return {
      changed: nothingChanged(),
      head,
      lastWrittenAtMs: newest?.writtenAtMs ?? 0,
      hasPuts: head === undefined && goesOn === 'with-puts',
      putting: 0,
    }
  }

  const isWritten = ({ head, changed, hasPuts }: Saved, next: number): boolean =>
    changed.states.size === 0 && (head === undefined ? next === 0 && !hasPuts : head.next === next)

  /** Nothing is awaited before the copies: they are of one moment, that of `next`. */
  const write = async (
    saved: Saved,
    topic: LogTopic,
    partition: number,
    { next, lastRowOffsets }: Pick<SnapshotHead, 'next' | 'lastRowOffsets'>,
  ): Promise<void> => {
    if (isWritten(saved, next)) return
    const { head, changed } = saved
    const rows = head === undefined ? states.all(topic, partition) : states.some(topic, partition, changed)
    saved.changed = nothingChanged()
    const writtenAtMs = Math.max(clock.nowMs(), saved.lastWrittenAtMs + 1)
    saved.lastWrittenAtMs = writtenAtMs
    const based = head === undefined ? { base: next, baseAtMs: writtenAtMs } : { base: head.base, baseAtMs: head.baseAtMs ?? 0 }
    const written = { next, lastRowOffsets, writtenAtMs, ...based }
    try {
      await writeSnapshot(warehouse, place(topic, partition), written, rows)
    } catch (error) {
      for (const key of changed.states) saved.changed.states.add(key)
      for (const key of changed.segments) saved.changed.segments.add(key)
      throw error
    }
    saved.head = written
    saved.hasPuts = saved.changed.states.size > 0 || saved.putting > 0
    await states.noteGoesOnFrom(topic, partition, written, saved.hasPuts)
    if (head === undefined) await removeOlder(warehouse, place(topic, partition), next)
  }

  const put = async (
    saved: Saved,
    topic: LogTopic,
    partition: number,
    keys: Iterable<string>,
    work: () => Promise<void>,
  ): Promise<void> => {
    saved.putting++
    try {
      if (!saved.hasPuts) {
        saved.hasPuts = true
        if (saved.head !== undefined) await states.noteGoesOnFrom(topic, partition, saved.head, true)
      }
      await work()
      for (const key of keys) saved.changed.states.add(key)
    } finally {
      saved.putting--
    }
  }

  return { takeOver, write, put }
}

const nothingChanged = (): Changed => ({ states: new Set(), segments: new Set() })
