/**
 * The stage's local states as bytes, past their meaning: all or some of a partition for a snapshot, and a partition replaced
 * by a snapshot. The same LMDB environment as the stage store's; keys of segments carry their time and range.
 */
import type { LogTopic } from '../../model/ports.ts'
import type { Environment } from '../lmdb/environment.ts'
import { segmentsDroppedMax } from '../lmdb/stage-store.ts'
import { shortKey } from '../lmdb/short-key.ts'
import { written } from '../lmdb/written.ts'
import type { SnapshotHead, SnapshotRow } from './state-snapshots.ts'

export type Changed = { states: Set<string>; segments: Set<string> }

export type LocalStates = ReturnType<typeof localStates>

export const localStates = (environment: Environment, group: string) => {
  const stateKey = (topic: LogTopic, partition: number, key: string): [string, LogTopic, number, string] => [group, topic, partition, key]

  /** Everything of the partition, as of one moment: nothing is awaited. */
  const all = (topic: LogTopic, partition: number): SnapshotRow[] => {
    environment.refresh()
    return [
      ...Array.from(environment.states.getRange(ofPartition(group, topic, partition)), ({ key, value }) => ({
        kind: 'state' as const,
        key: key[3],
        bytes: Buffer.from(value),
      })),
      ...Array.from(environment.segments.getRange(ofPartition(group, topic, partition)), ({ key, value }) => ({
        kind: 'segment' as const,
        key: segmentText(key[3], key[4], key[5]),
        bytes: Buffer.from(value),
      })),
    ]
  }

  /** What changed, with null for what is gone; as of one moment. */
  const some = (topic: LogTopic, partition: number, { states, segments }: Changed): SnapshotRow[] => {
    environment.refresh()
    return [
      ...Array.from(states, (key) => ({
        kind: 'state' as const,
        key: shortKey(key),
        bytes: copied(environment.states.get(stateKey(topic, partition, shortKey(key)))),
      })),
      ...Array.from(segments, (text) => {
        const [name, atMs, from] = parsedSegment(text)
        return { kind: 'segment' as const, key: text, bytes: copied(environment.segments.get([group, topic, partition, name, atMs, from])) }
      }),
    ]
  }

  /** Segments that the next `finish` with this time drops. */
  const expiring = (topic: LogTopic, partition: number, name: string, dropBeforeMs: number): string[] =>
    Array.from(
      environment.segments.getKeys({
        start: [group, topic, partition, name, Number.NEGATIVE_INFINITY, 0],
        end: [group, topic, partition, name, dropBeforeMs, Number.NEGATIVE_INFINITY],
        limit: segmentsDroppedMax,
      }),
      (key) => segmentText(key[3], key[4], key[5]),
    )

  /** Inside one transaction: a kill leaves the old partition or the new one. */
  const replace = async (topic: LogTopic, partition: number, head: SnapshotHead, rows: readonly SnapshotRow[]): Promise<void> => {
    const { next, lastRowOffsets } = head
    const committed = environment.root.childTransaction(() => {
      clear(topic, partition)
      for (const { kind, key, bytes } of rows) {
        if (bytes === null) continue
        if (kind === 'state') environment.states.putSync(stateKey(topic, partition, key), bytes)
        else environment.segments.putSync([group, topic, partition, ...parsedSegment(key)], bytes)
      }
      environment.progress.putSync([group, topic, partition], { next, pendingTo: null, lastRowOffsets })
      environment.facts.putSync(goesOnFromKey(topic, partition), nameOf(head))
    })
    await written(environment.root, committed)
    environment.refresh()
  }

  const forget = async (topic: LogTopic, partition: number): Promise<void> => {
    const committed = environment.root.childTransaction(() => {
      clear(topic, partition)
      environment.progress.removeSync([group, topic, partition])
    })
    await written(environment.root, committed)
    environment.refresh()
  }

  const clear = (topic: LogTopic, partition: number): void => {
    for (const key of Array.from(environment.states.getKeys(ofPartition(group, topic, partition)))) environment.states.removeSync(key)
    for (const key of Array.from(environment.segments.getKeys(ofPartition(group, topic, partition)))) environment.segments.removeSync(key)
  }

  const goesOnFromKey = (topic: LogTopic, partition: number): string => `snapshot:${group}:${topic}:${partition}`

  /** The snapshot that holds this state is noted, with whether anything was put since. */
  const noteGoesOnFrom = async (topic: LogTopic, partition: number, head: SnapshotHead, hasPuts: boolean): Promise<void> => {
    const committed = environment.root.childTransaction(() => {
      environment.facts.putSync(goesOnFromKey(topic, partition), `${nameOf(head)}${hasPuts ? putsSince : ''}`)
    })
    await written(environment.root, committed)
  }

  /** How a snapshot of the offset at which our state stands too goes with it. `other`: someone else has written it since. */
  const goesOnFrom = (topic: LogTopic, partition: number, head: SnapshotHead): 'same' | 'with-puts' | 'other' => {
    const noted = environment.facts.get(goesOnFromKey(topic, partition))
    if (noted === `${nameOf(head)}${putsSince}`) return 'with-puts'
    // One of an earlier release was noted nowhere, and was the only one of its offset.
    return noted === nameOf(head) || head.writtenAtMs === undefined ? 'same' : 'other'
  }

  return { all, some, expiring, replace, forget, noteGoesOnFrom, goesOnFrom }
}

const nameOf = ({ next, writtenAtMs = 0 }: SnapshotHead): string => `${next}@${writtenAtMs}`
const putsSince = ' and puts'

const ofPartition = (group: string, topic: LogTopic, partition: number): { start: never; end: never } => ({
  start: [group, topic, partition] as never,
  end: [group, topic, partition + 1] as never,
})

const copied = (bytes: Uint8Array | undefined): Uint8Array | null => (bytes === undefined ? null : Buffer.from(bytes))

/** Time and range stand first, so that the text has one reading whatever the name holds. */
export const segmentText = (name: string, atMs: number, from: number): string => `${atMs} ${from} ${name}`
const parsedSegment = (text: string): [name: string, atMs: number, from: number] => {
  const [atMs = '', from = ''] = text.split(' ', 2)
  return [text.slice(atMs.length + from.length + 2), Number(atMs), Number(from)]
}
