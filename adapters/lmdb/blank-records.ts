/**
 * Records of one subject out of the log: each becomes an empty record, without key and value, at the same offset, so that
 * nobody who counts offsets notices. Only records that every group has finished may go; the caller says up to where. For
 * `app/erase-subject.ts`.
 *
 * LMDB writes a changed page elsewhere and keeps the old one as a free page until it is used again, so the values of before
 * are looked for in the file and overwritten. What it cannot reach: records that retention had deleted before (in free pages
 * until these are used again), backups, snapshots of the file system, cells that an SSD has remapped.
 */
import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { LogTopic, StoredRecord } from '../../model/ports.ts'
import { chunkHeader, decodeChunk, encodeChunks } from './chunk.ts'
import type { Environment } from './environment.ts'
import { boundsOf } from './log-storage.ts'
import { written } from './written.ts'

export type Blanking = {
  topic: LogTopic
  partition: number
  /** Records from here on stay. */
  before: number
  isOurs: (record: StoredRecord) => boolean
}

/** Chunks looked at, and changed, in one transaction: a few milliseconds of write lock. */
const chunksPerStep = 128
/** A longer stretch of the file in memory would gain nothing. */
const windowBytes = 4 * 1024 * 1024

export const blankRecords = async (environment: Environment, blankings: readonly Blanking[]): Promise<number> => {
  const gone: Gone = new Map()
  for (const blanking of blankings) {
    for (let from = 0; from < blanking.before; ) {
      const step = environment.root.childTransaction(() => blankStep(environment, blanking, from, gone))
      from = await written(environment.root, step)
    }
  }
  const values = [...gone.values()].reduce((sum, own) => sum + own.size, 0)
  if (values > 0) await overwriteCopies(environment, gone)
  return values
}

/** By key: of each value that was taken away, its length by its digest. */
type Gone = Map<string, Map<string, number>>

/** Answers with the offset to go on from. */
const blankStep = (environment: Environment, { topic, partition, before, isOurs }: Blanking, from: number, gone: Gone): number => {
  const bounds = boundsOf(environment, topic, partition)
  const range = {
    start: [topic, partition, from] as [LogTopic, number, number],
    end: [topic, partition, Number.MAX_SAFE_INTEGER] as [LogTopic, number, number],
    limit: chunksPerStep,
  }
  const chunks = Array.from(environment.chunks.getRange(range), ({ key, value }) => ({ key, bytes: Buffer.from(value) }))
  let saved = 0
  let next = before
  for (const { key, bytes } of chunks) {
    next = key[2] + 1
    const records = decodeChunk(bytes, key[2], 0)
    if (!records.some((record) => record.offset < before && record.value.length > 0 && isOurs(record))) continue
    const kept = records.map((record) => {
      if (record.offset >= before || record.value.length === 0 || !isOurs(record))
        return { partition, key: record.key, value: record.value }
      note(gone, record)
      return { partition, key: '', value: new Uint8Array(0) }
    })
    // Never larger than it was, so it stays one chunk, unless it was one of a single record that is larger than a chunk.
    const [chunk, ...more] = encodeChunks(kept, chunkHeader(bytes).appendedAtMs)
    if (chunk === undefined || more.length > 0)
      throw new Error(`Expected one chunk of ${kept.length} records at ${topic}:${partition}:${key[2]}`)
    environment.chunks.putSync(key, chunk.bytes)
    saved += bytes.length - chunk.bytes.length
  }
  if (saved > 0) environment.bounds.putSync([topic, partition], { ...bounds, bytes: bounds.bytes - saved })
  return chunks.length < chunksPerStep ? before : next
}

const digestOf = (value: Uint8Array): string => createHash('md5').update(value).digest('base64')

const note = (gone: Gone, { key, value }: StoredRecord): void => {
  const own = gone.get(key) ?? new Map<string, number>()
  gone.set(key, own.set(digestOf(value), value.length))
}

/**
 * Each copy of a record lies as `u16 key bytes | u32 value bytes | key | value` (`chunk.ts`). Found without the write lock,
 * which appends need; looked at once more under it, because only then no free page is being taken.
 */
const overwriteCopies = async (environment: Environment, gone: Gone): Promise<void> => {
  const file = openSync(join(environment.path, 'data.mdb'), 'r+')
  try {
    for (const [key, values] of gone) {
      const keyBytes = Buffer.byteLength(key)
      const places = placesOf(file, key, values)
      const overwritten = environment.root.transaction(() => {
        for (const place of places) {
          if (!isCopy(file, place, values)) continue
          const zeros = Buffer.alloc(keyBytes + place.length)
          writeSync(file, zeros, 0, zeros.length, place.at - keyBytes)
        }
      })
      await written(environment.root, overwritten)
    }
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Of a value; its key lies before it. */
type Place = { at: number; length: number }

const placesOf = (file: number, key: string, values: ReadonlyMap<string, number>): Place[] => {
  const needle = Buffer.from(key)
  const lengths = new Set(values.values())
  const window = Buffer.alloc(windowBytes + headBytes + needle.length)
  const places: Place[] = []
  for (let start = 0; ; start += windowBytes) {
    const read = readSync(file, window, 0, window.length, start) // Overlapping, so that no head lies across two.
    const content = window.subarray(0, read)
    for (let found = content.indexOf(needle, headBytes); found >= 0; found = content.indexOf(needle, found + 1)) {
      const length = content.readUInt32BE(found - 4)
      if (content.readUInt16BE(found - headBytes) !== needle.length || !lengths.has(length)) continue
      const place = { at: start + found + needle.length, length }
      if (isCopy(file, place, values)) places.push(place)
    }
    if (read < window.length) return places
  }
}

const headBytes = 6

const isCopy = (file: number, { at, length }: Place, values: ReadonlyMap<string, number>): boolean => {
  const value = Buffer.alloc(length)
  return readSync(file, value, 0, length, at) === length && values.get(digestOf(value)) === length
}
