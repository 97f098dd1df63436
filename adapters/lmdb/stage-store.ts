/**
 * Progress and state of one stage (port `StageStore`), in the log's environment: `finish` is one transaction over state,
 * segments, outputs and offset. Before: `processors/device-stage.ts`. The log that gets the outputs may be open in another
 * thread: offsets come from inside the transaction.
 */
import { Packr } from 'msgpackr'
import type { Clock, LogTopic, StageRange, StageResult, StageStore } from '../../model/ports.ts'
import type { Environment } from './environment.ts'
import { openLogFacts, type PartitionChunks, putChunks, toPartitionChunks } from './log-storage.ts'
import { createLowWater } from './low-water.ts'
import { begun, checkRange, noProgress, positionOf, type Progress } from './stage-progress.ts'
import { shortKey } from './short-key.ts'
import { written } from './written.ts'

export type StageStoreOptions = {
  environment: Environment
  group: string
  clock: Clock
  /** `DISK_FREE_BYTES_MIN`: below half of it `begin` and `finish` reject with LOG_DISK_FULL. Default 0. */
  diskFreeBytesMin?: number
  diskFreeBytes?: (() => number) | undefined
}

/** Expired segments that one `finish` deletes; after a long stop the rest goes with the next ones. */
export const segmentsDroppedMax = 1_000

type PackedState = { key: [string, LogTopic, number, string]; bytes: Uint8Array | null }
type Segment = { key: [string, LogTopic, number, string, number, number]; bytes: Uint8Array }

/** Plain maps; states are encoded before the write lock is taken, so that appends do not wait for it. */
const packr = new Packr({ useRecords: false })

export const createStageStore = <S>(options: StageStoreOptions): StageStore<S> => {
  const { environment, group, clock, diskFreeBytesMin = 0, diskFreeBytes } = options
  const lowWater = createLowWater({ ...environment, diskFreeBytesMin, diskFreeBytes })
  const { partitionCounts } = openLogFacts(environment, undefined)

  const progressOf = (topic: LogTopic, partition: number): Progress => environment.progress.get([group, topic, partition]) ?? noProgress

  const begin = async (range: StageRange): Promise<void> => {
    lowWater.check('progress')
    const committed = environment.root.childTransaction(() => {
      const progress = checkRange(progressOf(range.topic, range.partition), range, group)
      environment.progress.putSync([group, range.topic, range.partition], begun(progress, range))
    })
    await written(environment.root, committed)
  }

  const packed = (topic: LogTopic, partition: number, states: ReadonlyMap<string, S | null>): PackedState[] =>
    [...states].map(([key, state]) => ({
      key: [group, topic, partition, shortKey(key)],
      bytes: state === null ? null : (packr.pack(state) as Uint8Array),
    }))
  const write = (states: readonly PackedState[]): void => {
    for (const { key, bytes } of states) {
      if (bytes === null) environment.states.removeSync(key)
      else environment.states.putSync(key, bytes)
    }
  }

  const put: StageStore<S>['put'] = async (topic, partition, changed) => {
    const states = packed(topic, partition, changed)
    lowWater.check('progress')
    await written(
      environment.root,
      environment.root.childTransaction(() => write(states)),
    )
    environment.refresh()
  }

  const finish = async (result: StageResult<S>): Promise<void> => {
    const { range, segments, tables } = result
    const { topic, partition } = range
    const states = packed(topic, partition, result.states)
    const outputs: { topic: LogTopic; own: PartitionChunks }[] = []
    for (const output of result.outputs) {
      for (const own of toPartitionChunks(output.records, clock.nowMs())) outputs.push({ topic: output.topic, own })
    }
    checkOutputs(outputs, partitionCounts)

    lowWater.check('progress')
    const committed = environment.root.childTransaction(() => {
      const { lastRowOffsets } = checkRange(progressOf(topic, partition), range, group)
      write(states)
      for (const { name, put, dropBeforeMs } of segments) {
        for (const key of expired(environment, [group, topic, partition, name], dropBeforeMs)) environment.segments.removeSync(key)
        if (put) environment.segments.putSync([group, topic, partition, name, put.atMs, range.from], put.bytes)
      }
      for (const output of outputs) putChunks(environment, output.topic, output.own)
      const rowOffsets = { ...lastRowOffsets, ...Object.fromEntries(tables.map((table) => [table, range.to])) }
      const progress: Progress = { next: range.to + 1, pendingTo: null, lastRowOffsets: rowOffsets }
      environment.progress.putSync([group, topic, partition], progress)
    })
    await written(environment.root, committed)
    environment.refresh() // The next `get` must not read from the snapshot before.
  }

  return {
    resume: async (topic, partition) => {
      environment.refresh()
      return positionOf(progressOf(topic, partition))
    },
    get: (topic, partition, key) => {
      const bytes = environment.states.get([group, topic, partition, shortKey(key)])
      return bytes === undefined ? undefined : (packr.unpack(bytes) as S)
    },
    segments: (topic, partition, name) => {
      environment.refresh()
      return segmentsOf(environment, [group, topic, partition, name], Number.POSITIVE_INFINITY).map(({ key, bytes }) => ({
        atMs: key[4],
        bytes,
      }))
    },
    begin,
    finish,
    put,
  }
}

/**
 * Offset from which records are still needed by the named groups: what none of them has finished stays in the log. A group
 * that never finished anything needs all. For `retention.ts`.
 */
export const createKeepFrom =
  (environment: Environment, groups: readonly { group: string; topics: readonly LogTopic[] }[]) =>
  (topic: LogTopic, partition: number): number => {
    const reading = groups.filter(({ topics }) => topics.includes(topic))
    const nexts = reading.map(({ group }) => environment.progress.get([group, topic, partition])?.next ?? 0)
    return Math.min(Number.POSITIVE_INFINITY, ...nexts)
  }

const checkOutputs = (
  outputs: readonly { topic: LogTopic; own: PartitionChunks }[],
  partitionCounts: ReadonlyMap<LogTopic, number>,
): void => {
  for (const { topic, own } of outputs) {
    const count = partitionCounts.get(topic) ?? 0
    if (!Number.isInteger(own.partition) || own.partition < 0 || own.partition >= count) {
      throw new RangeError(`Expected a partition of ${topic} under ${count}, got ${own.partition}`)
    }
  }
}

const expired = (environment: Environment, prefix: [string, LogTopic, number, string], dropBeforeMs: number): Segment['key'][] =>
  segmentsOf(environment, prefix, dropBeforeMs, segmentsDroppedMax).map(({ key }) => key)

/** Oldest first, those before `beforeMs`. */
const segmentsOf = (environment: Environment, prefix: [string, LogTopic, number, string], beforeMs: number, limit?: number): Segment[] => {
  const range = environment.segments.getRange({
    start: [...prefix, Number.NEGATIVE_INFINITY, 0],
    end: [...prefix, beforeMs, Number.NEGATIVE_INFINITY],
    ...(limit === undefined ? {} : { limit }),
  })
  return Array.from(range, ({ key, value }) => ({ key, bytes: value }))
}
