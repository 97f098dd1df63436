/**
 * Progress and state of one stage beside a Kafka log (port `StageStore`). The state lies in local LMDB; the commit note of
 * the group says which range is being written; every minute what changed goes to the table `stage_state`.
 *
 * On assignment (recovery rule, design: section 6): the newer of the local state and the newest snapshot; from there the stage
 * runs forward, and writes no output at or below what the note says is finished (and no row at or below the warehouse's
 * marks, which is the stage's part). A range that the note says is being written is repeated with the same bounds.
 *
 * Weaker than with the embedded log: outputs are appended before the state is saved, so a kill in between appends them again;
 * their ids are the same, and who reads them drops ids that it knows.
 */
import type { Clock, LogTopic, StageRange, StageResult, StageStore, Warehouse } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Environment } from '../lmdb/environment.ts'
import { begun, checkRange, positionOf, type Progress } from '../lmdb/stage-progress.ts'
import { createStageStore as createLocalStore } from '../lmdb/stage-store.ts'
import type { CommitNote } from './commit-note.ts'
import type { KafkaLog } from './event-log.ts'
import type { Assignment } from './group-member.ts'
import { type Changed, localStates, segmentText } from './local-states.ts'
import { createPartitionSnapshots, type Saved } from './partition-snapshots.ts'

export type KafkaStageStoreOptions = {
  environment: Environment
  log: KafkaLog
  group: string
  warehouse: Warehouse
  clock: Clock
  /** Default `snapshotEveryMs`. */
  snapshotEveryMs?: number
  diskFreeBytesMin?: number
  /** A snapshot failed; the next one holds its changes too. */
  onError: (error: Error) => void
}

export type KafkaStageStore<S> = StageStore<S> & {
  /** What changed since the last, of every partition that is ours. */
  snapshot: () => Promise<void>
  close: () => Promise<void>
}

/** What another machine has to run forward at most. */
export const snapshotEveryMs = 60_000

type Owned = {
  assignment: Assignment
  progress: Progress
  /** Up to here everything was finished by someone when the partition came to us: no output is repeated below. */
  finishedBefore: number
  /** A range ahead of the state that someone was writing. */
  pending: Pick<StageRange, 'from' | 'to' | 'held'> | null
  /** What the group's note says now. */
  note: CommitNote
  saved: Saved
  /** Commits one after the other: a late one would take the note back. */
  commits: Promise<void>
  /** A range's note is on its way. */
  isBeginning: boolean
}

export const createKafkaStageStore = <S>(options: KafkaStageStoreOptions): KafkaStageStore<S> => {
  const { environment, log, group, warehouse, clock, onError } = options
  const local = createLocalStore<S>(options)
  const states = localStates(environment, group)
  const owned = new Map<string, Owned>()
  const snapshots = createPartitionSnapshots({ warehouse, clock, states, logId: log.logId, stage: group })

  const ownedNow = (topic: LogTopic, partition: number): Owned => {
    const own = owned.get(`${topic}:${partition}`)
    if (own?.assignment.isCurrent()) return own
    throw new AppError('STAGE_FENCED', `${topic}:${partition} is not (or no longer) given to this member of group ${group}`)
  }

  const resume: StageStore<S>['resume'] = async (topic, partition) => {
    const assignment = log.assignmentOf(group)
    const isOurs = assignment?.partitions.some((own) => own.topic === topic && own.partition === partition) === true
    if (assignment === undefined || !isOurs) return local.resume(topic, partition)
    let own = owned.get(`${topic}:${partition}`)
    if (own?.assignment !== assignment) {
      own = await takeOver(assignment, topic, partition)
      owned.set(`${topic}:${partition}`, own)
    }
    const { progress, pending } = own
    const position = positionOf(progress)
    if (pending === null) return position
    return {
      ...position,
      repeatTo: pending.to,
      repeatFrom: pending.from,
      ...(pending.held === undefined ? {} : { repeatHeld: pending.held }),
    }
  }

  const takeOver = async (assignment: Assignment, topic: LogTopic, partition: number): Promise<Owned> => {
    const committed = await assignment.committed(topic, partition)
    const note = committed ?? { next: 0, pendingTo: null }
    let held = await local.resume(topic, partition)
    const isInside = note.pendingTo !== null && held.next > note.next && held.next <= note.pendingTo
    // No state of ours goes with a range that someone else has begun.
    const saved = await snapshots.takeOver(topic, partition, { heldNext: held.next, mustGo: isInside })
    held = await local.resume(topic, partition)
    const { next, lastRowOffsets } = held
    const pending = pendingOf(note, next)
    const isAtPending = pending?.from === next
    const here: Progress = { next, pendingTo: null, lastRowOffsets }
    return {
      assignment,
      progress: isAtPending ? begun(here, pending) : here,
      finishedBefore: note.next,
      pending: isAtPending ? null : pending,
      note,
      saved,
      commits: Promise.resolve(),
      isBeginning: false,
    }
  }

  const commit = (own: Owned, topic: LogTopic, partition: number, note: CommitNote): Promise<void> => {
    const committing = own.commits.then(async () => {
      await own.assignment.commit(topic, partition, note)
      own.note = note
    })
    own.commits = committing.catch(() => undefined)
    return committing
  }

  const begin = async (range: StageRange): Promise<void> => {
    const { topic, partition, from, to, held = [] } = range
    const own = ownedNow(topic, partition)
    checkRange(own.progress, range, group)
    checkPending(own, range, group)
    // Below the note only the state runs forward. A note that says the range already needs no second commit.
    if (to >= own.note.next && !(own.note.next === from && own.note.pendingTo === to)) {
      own.isBeginning = true
      try {
        await commit(own, topic, partition, { next: from, pendingTo: to, ...(held.length === 0 ? {} : { held }) })
      } finally {
        own.isBeginning = false
      }
    }
    own.progress = begun(own.progress, range)
  }

  const finish = async (result: StageResult<S>): Promise<void> => {
    const { topic, partition, to } = result.range
    const own = ownedNow(topic, partition)
    checkRange(own.progress, result.range, group)
    checkPending(own, result.range, group)
    if (to >= own.finishedBefore) for (const output of result.outputs) await log.append(output.topic, output.records)
    for (const { name, dropBeforeMs } of result.segments) {
      for (const text of states.expiring(topic, partition, name, dropBeforeMs)) own.saved.changed.segments.add(text)
    }
    await local.finish({ ...result, outputs: [] })
    const rowOffsets = { ...own.progress.lastRowOffsets, ...Object.fromEntries(result.tables.map((table) => [table, to])) }
    own.progress = { next: to + 1, pendingTo: null, lastRowOffsets: rowOffsets }
    if (own.pending?.from === to + 1) {
      own.progress = begun(own.progress, own.pending)
      own.pending = null
    }
    remember(own.saved.changed, result)
  }

  const snapshot = async (): Promise<void> => {
    for (const [name, own] of owned) {
      const [topic, partition] = placeOf(name)
      try {
        if (own.assignment.isCurrent()) await snapshotOf(own, topic, partition)
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)))
      }
    }
  }

  const snapshotOf = async (own: Owned, topic: LogTopic, partition: number): Promise<void> => {
    const { progress } = own
    if (own.note.next < progress.next && progress.pendingTo === null) await complete(own, topic, partition)
    await snapshots.write(own.saved, topic, partition, own.progress)
  }

  /** The note of a range that is finished, once nothing follows it: for who looks at the group's lag. */
  const complete = (own: Owned, topic: LogTopic, partition: number): Promise<void> => {
    const committing = own.commits.then(async () => {
      if (own.isBeginning || own.progress.pendingTo !== null) return // A range was begun while this waited.
      const note = { next: own.progress.next, pendingTo: null }
      await own.assignment.commit(topic, partition, note)
      own.note = note
    })
    own.commits = committing.catch(() => undefined)
    return committing
  }

  let snapshotting: Promise<void> | undefined
  const snapshotOnce = (): Promise<void> => (snapshotting ??= snapshot().finally(() => (snapshotting = undefined)))
  const timer = setInterval(() => void snapshotOnce(), options.snapshotEveryMs ?? snapshotEveryMs)
  /** One that is being written does not hold what came since. The next owner then has nothing to run forward. */
  log.whenLeaving(group, async () => {
    await snapshotting
    await snapshotOnce()
  })

  return {
    resume,
    get: local.get,
    segments: local.segments,
    begin,
    finish,
    /** Until the next snapshot another machine does not know of it. */
    put: async (topic, partition, changed) => {
      const own = ownedNow(topic, partition)
      await snapshots.put(own.saved, topic, partition, changed.keys(), () => local.put(topic, partition, changed))
    },
    snapshot: snapshotOnce,
    close: async () => {
      clearInterval(timer)
      await snapshotting
    },
  }
}

/** The range that someone had begun, when the state has not come beyond it. */
const pendingOf = ({ next: from, pendingTo: to, held }: CommitNote, next: number): Owned['pending'] =>
  to === null || from < next ? null : { from, to, ...(held === undefined ? {} : { held }) }

/** A range that reached into one that someone else has begun would have other tokens than theirs. */
const checkPending = ({ pending }: Owned, { topic, partition, from, to }: StageRange, group: string): void => {
  if (pending === null || to < pending.from) return
  throw new Error(`Group ${group} expected a range of ${topic}:${partition} that ends before ${pending.from}, got ${from} to ${to}`)
}

const remember = <S>(changed: Changed, { states, segments, range }: StageResult<S>): void => {
  for (const key of states.keys()) changed.states.add(key)
  for (const { name, put } of segments) if (put) changed.segments.add(segmentText(name, put.atMs, range.from))
}

const placeOf = (name: string): [LogTopic, number] => {
  const at = name.lastIndexOf(':')
  return [name.slice(0, at) as LogTopic, Number(name.slice(at + 1))]
}
