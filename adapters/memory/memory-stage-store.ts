/** The stage store in memory, for tests of stages; outputs go to a log in memory. Same suite (`../stage-store.contract.ts`). */
import type { LogTopic, StageRange, StageStore } from '../../model/ports.ts'
import { begun, checkRange, noProgress, positionOf, type Progress } from '../lmdb/stage-progress.ts'
import type { MemoryLog } from './memory-log.ts'

export const createMemoryStageStore = <S>({ group, log }: { group: string; log: MemoryLog }): StageStore<S> => {
  const progress = new Map<string, Progress>()
  const states = new Map<string, S>()
  const segments = new Map<string, { atMs: number; bytes: Uint8Array }[]>()
  const at = (topic: LogTopic, partition: number): string => `${topic}:${partition}`
  const progressOf = (topic: LogTopic, partition: number): Progress => progress.get(at(topic, partition)) ?? noProgress

  const checked = (range: StageRange): Progress => checkRange(progressOf(range.topic, range.partition), range, group)

  const keep = (own: string, changed: ReadonlyMap<string, S | null>): void => {
    for (const [key, state] of changed) {
      if (state === null) states.delete(`${own}:${key}`)
      else states.set(`${own}:${key}`, structuredClone(state))
    }
  }

  return {
    put: async (topic, partition, changed) => keep(at(topic, partition), changed),
    resume: async (topic, partition) => positionOf(progressOf(topic, partition)),
    get: (topic, partition, key) => structuredClone(states.get(`${at(topic, partition)}:${key}`)),
    segments: (topic, partition, name) => [...(segments.get(`${at(topic, partition)}:${name}`) ?? [])],
    begin: async (range) => {
      progress.set(at(range.topic, range.partition), begun(checked(range), range))
    },
    finish: async (result) => {
      const { range, tables } = result
      const own = at(range.topic, range.partition)
      const { lastRowOffsets } = checked(range)
      for (const { topic, records } of result.outputs) log.appendNow(topic, records)
      keep(own, result.states)
      for (const { name, put, dropBeforeMs } of result.segments) {
        const kept = (segments.get(`${own}:${name}`) ?? []).filter(({ atMs }) => atMs >= dropBeforeMs)
        const all = put ? [...kept, { atMs: put.atMs, bytes: Uint8Array.from(put.bytes) }] : kept
        segments.set(
          `${own}:${name}`,
          all.sort((a, b) => a.atMs - b.atMs),
        )
      }
      const rowOffsets = { ...lastRowOffsets, ...Object.fromEntries(tables.map((table) => [table, range.to])) }
      progress.set(own, { next: range.to + 1, pendingTo: null, lastRowOffsets: rowOffsets })
    },
  }
}
