/**
 * A stage's state of one partition in the table `stage_state`, so that another machine goes on from there. One snapshot is
 * one insert: whole or not there. It holds what changed since the one before; the first after a start, when that is not
 * known, holds everything and says so (`base`): rows of earlier ones then count no more.
 */
import type { LogTopic, Warehouse } from '../../model/ports.ts'

export type SnapshotPlace = { logId: string; stage: string; topic: LogTopic; partition: number }
export type SnapshotRow = { kind: 'state' | 'segment'; key: string; bytes: Uint8Array | null }
export type SnapshotHead = {
  /** Next input offset of the state. */
  next: number
  /**
   * Greater than that of the snapshot before, whatever the clocks say: of several of one `next` (a stage has put something
   * without a new record) the greatest is the newest. Left out by earlier releases, which wrote one for each `next`.
   */
  writtenAtMs?: number
  lastRowOffsets: Record<string, number>
  /** `next` and `writtenAtMs` of the newest snapshot that held everything. */
  base: number
  baseAtMs?: number
}

/** An insert is held in memory by both sides; a partition whose changes are more is not saved, and says so. */
export const snapshotBytesMax = 512 * 1024 * 1024
const pageRows = 5_000

const newest = '(stage_state.next, written_at)'
const placed = 'log_id = {logId:String} AND stage = {stage:String} AND topic = {topic:String} AND partition = {partition:UInt16}'

export const writeSnapshot = async (
  warehouse: Warehouse,
  place: SnapshotPlace,
  head: SnapshotHead & { writtenAtMs: number },
  rows: readonly SnapshotRow[],
): Promise<void> => {
  const bytes = rows.reduce((sum, { bytes: own }) => sum + (own?.length ?? 0), 0)
  if (bytes > snapshotBytesMax) throw new Error(`Expected changed states of at most ${snapshotBytesMax} bytes, got ${bytes}`)
  const { logId, stage, topic, partition } = place
  const toRow = (kind: 'progress' | SnapshotRow['kind'], key: string, state: Uint8Array | null): Record<string, unknown> => ({
    log_id: logId,
    stage,
    topic,
    partition,
    kind,
    key,
    next: head.next,
    removed: state === null ? 1 : 0,
    state: state ?? nothing,
    written_at: head.writtenAtMs,
  })
  await warehouse.insert(
    'stage_state',
    [toRow('progress', '', Buffer.from(JSON.stringify(head))), ...rows.map(({ kind, key, bytes: own }) => toRow(kind, key, own))],
    { dedupToken: `${logId}:${topic}:${partition}:${head.base}-${head.next}@${head.writtenAtMs}:${stage}:stage_state` },
  )
}

const nothing = new Uint8Array(0)

/** The newest; undefined when there is none. */
export const readSnapshotHead = async (warehouse: Warehouse, place: SnapshotPlace): Promise<SnapshotHead | undefined> => {
  const [row] = await warehouse.query<{ state: string; snapshots: number | string }>(
    `SELECT argMax(state, ${newest}) AS state, count() AS snapshots FROM stage_state WHERE ${placed} AND kind = 'progress'`,
    place,
  )
  return row === undefined || Number(row.snapshots) === 0 ? undefined : (JSON.parse(row.state) as SnapshotHead)
}

/** Rows that a snapshot of everything has made void; readers leave them out, whether they are gone or not. */
export const removeOlder = (warehouse: Warehouse, { logId, stage, topic, partition }: SnapshotPlace, base: number): Promise<void> =>
  warehouse.command(
    `DELETE FROM stage_state WHERE log_id = '${logId}' AND stage = '${stage}' AND topic = '${topic}' AND partition = ${partition} AND next < ${base}`,
  )

/** In pages. Throws when a newer snapshot was written meanwhile: the rows would be of two moments. */
export async function* readSnapshotRows(
  warehouse: Warehouse,
  place: SnapshotPlace,
  { base, baseAtMs = 0, next, writtenAtMs }: SnapshotHead,
): AsyncGenerator<SnapshotRow[]> {
  for (const kind of ['state', 'segment'] as const) {
    for (let after = ''; ; ) {
      const page = await warehouse.query<{
        key: string
        newest: number | string
        newest_at: number | string
        gone: number | string
        bytes: string
      }>(
        `SELECT key, max(stage_state.next) AS newest, toUnixTimestamp64Milli(argMax(written_at, ${newest})) AS newest_at,
           argMax(removed, ${newest}) AS gone, base64Encode(argMax(state, ${newest})) AS bytes
         FROM stage_state WHERE ${placed} AND kind = {kind:String} AND key > {after:String}
           AND (stage_state.next > {base:UInt64} OR (stage_state.next = {base:UInt64} AND toUnixTimestamp64Milli(written_at) >= {baseAtMs:Int64}))
         GROUP BY key ORDER BY key LIMIT {pageRows:UInt32}`,
        { ...place, kind, after, base, baseAtMs, pageRows },
      )
      const isNewer = (of: number, atMs: number): boolean => of > next || (of === next && atMs > (writtenAtMs ?? atMs))
      if (page.some((row) => isNewer(Number(row.newest), Number(row.newest_at))))
        throw new Error(`a newer snapshot of ${place.topic}:${place.partition} was written meanwhile`)
      yield page.filter(({ gone }) => Number(gone) === 0).map(({ key, bytes }) => ({ kind, key, bytes: Buffer.from(bytes, 'base64') }))
      const last = page.at(-1)
      if (last === undefined || page.length < pageRows) break
      after = last.key
    }
  }
}
