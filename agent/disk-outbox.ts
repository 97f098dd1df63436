/**
 * The agent's outbox on disk: append-only segment files and one small file that says how far the broker has acknowledged.
 *
 * Promise: a message that `append` answered survives kill -9 of the agent (it was handed to the kernel by `write`), and is
 * deleted only after its PUBACK. Files are fdatasynced at most `fsyncAfterMs` after a write, so a power cut loses at most
 * that much; a record torn by it fails its checksum and ends the segment. A lost acknowledgement file only means that
 * messages are sent again, with the same bootId and seq, which the recorder recognises.
 *
 * Bounded: above `bytesMax` the oldest segment goes, acknowledged or not; what was not is counted in `dropped`, and the
 * recorder sees the gap in seq. The newest record always stays: the next seq of this boot is read from it at start.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Outbox, OutboxMessage } from './outbox.ts'

export type DiskOutbox = Outbox & {
  /** The newest message ever kept, acknowledged or not; undefined in a new folder. */
  last: () => OutboxMessage | undefined
  /** Writes how far it was acknowledged; the folder may be opened by the next process. */
  close: () => void
}

export type DiskOutboxOptions = { folder: string; bytesMax: number; fsyncAfterMs: number }

type Segment = { number: number; firstPosition: number; records: number; bytes: number; unacknowledged: number }
/** `acknowledged` records of segment `segment` need not be sent again, nor any of an older one. */
type Progress = { segment: number; acknowledged: number; dropped: number }

const headerBytes = 8 // Length and CRC-32 of the body, both unsigned 32 bit big-endian.
const recordBytesMax = 2 * 1024 * 1024 // Above any message that the recorder takes; a larger length is a torn header.
const segmentsAtLeast = 16 // The bound is honoured in steps of a sixteenth.
const segmentBytesMin = 4096

export const openDiskOutbox = ({ folder, bytesMax, fsyncAfterMs }: DiskOutboxOptions): DiskOutbox => {
  mkdirSync(folder, { recursive: true })
  const segmentBytesMax = Math.max(segmentBytesMin, Math.floor(bytesMax / segmentsAtLeast))
  const progressFile = join(folder, 'acknowledged.json')
  const pathOf = (number: number): string => join(folder, `${number.toString().padStart(10, '0')}.log`)

  const segments: Segment[] = []
  const acknowledgedAhead = new Set<number>()
  let acknowledgedTo = 0 // Every position below is acknowledged or dropped.
  let dropped = 0
  let newest: OutboxMessage | undefined
  let cursor = { position: 0, offset: 0 }
  let loaded: { segment: number; bytes: Buffer } = { segment: -1, bytes: Buffer.alloc(0) }
  let writing: { segment: number; fd: number } | undefined
  let syncTimer: NodeJS.Timeout | undefined
  let saveTimer: NodeJS.Immediate | undefined

  const end = (): number => {
    const last = segments.at(-1)
    return last === undefined ? acknowledgedTo : last.firstPosition + last.records
  }
  const recover = (): void => {
    const progress = readProgress(progressFile)
    dropped = progress.dropped
    let position = 0
    for (const number of segmentNumbers(folder)) {
      const { offsets, soundBytes, last } = scan(readFileSync(pathOf(number)))
      if (offsets === 0) {
        rmSync(pathOf(number))
        continue
      }
      truncate(pathOf(number), soundBytes)
      const done = number < progress.segment ? offsets : number === progress.segment ? Math.min(progress.acknowledged, offsets) : 0
      segments.push({ number, firstPosition: position, records: offsets, bytes: soundBytes, unacknowledged: offsets - done })
      // Acknowledgements go forward, so the acknowledged records are a prefix of all records.
      if (done > 0) acknowledgedTo = position + done
      position += offsets
      newest = last
    }
    rewind()
    saveProgress() // Numbers of segments that were torn away are used again: what was said of them must not outlive them.
  }

  const rewind = (): void => {
    cursor = { position: acknowledgedTo, offset: -1 }
  }

  /** Acknowledged segments go, except the newest; then, above the bound, unacknowledged ones too. */
  const forgetOldSegments = (): void => {
    // The newest counts as full, so that the bound holds while it grows.
    const total = (): number => segments.slice(0, -1).reduce((sum, segment) => sum + segment.bytes, segmentBytesMax)
    let oldest = segments[0]
    while (oldest !== undefined && segments.length > 1) {
      const finished = oldest.firstPosition + oldest.records <= acknowledgedTo
      if (!finished && total() <= bytesMax) return
      dropped += finished ? 0 : oldest.unacknowledged
      segments.shift()
      rmSync(pathOf(oldest.number), { force: true })
      const next = segments[0]
      if (!finished && next !== undefined) moveAcknowledgedTo(next.firstPosition)
      oldest = next
    }
  }

  const moveAcknowledgedTo = (position: number): void => {
    for (let skipped = acknowledgedTo; skipped < position; skipped++) acknowledgedAhead.delete(skipped)
    acknowledgedTo = position
    while (acknowledgedAhead.delete(acknowledgedTo)) acknowledgedTo++
    if (cursor.position < acknowledgedTo) cursor = { position: acknowledgedTo, offset: -1 }
    saveTimer ??= setImmediate(saveProgress)
  }

  const saveProgress = (): void => {
    forgetOldSegments()
    if (saveTimer !== undefined) clearImmediate(saveTimer)
    saveTimer = undefined
    const segment = segments.find(({ firstPosition, records }) => acknowledgedTo <= firstPosition + records) ?? segments.at(-1)
    const progress: Progress =
      segment === undefined
        ? { segment: 0, acknowledged: 0, dropped }
        : { segment: segment.number, acknowledged: acknowledgedTo - segment.firstPosition, dropped }
    writeFileSync(`${progressFile}.new`, JSON.stringify(progress))
    renameSync(`${progressFile}.new`, progressFile)
  }

  const syncSoon = (): void => {
    if (syncTimer !== undefined) return
    syncTimer = setTimeout(() => {
      syncTimer = undefined
      if (writing !== undefined) fdatasync(writing.fd, () => undefined) // An I/O error shows at the next write.
    }, fsyncAfterMs)
    syncTimer.unref()
  }

  const segmentToWrite = (recordBytes: number): { segment: Segment; fd: number } => {
    let segment = segments.at(-1)
    if (segment === undefined || segment.bytes + recordBytes > segmentBytesMax) {
      segment = { number: (segment?.number ?? 0) + 1, firstPosition: end(), records: 0, bytes: 0, unacknowledged: 0 }
      segments.push(segment)
    }
    if (writing?.segment !== segment.number) {
      if (writing !== undefined) {
        fdatasyncSync(writing.fd)
        closeSync(writing.fd)
      }
      writing = { segment: segment.number, fd: openSync(pathOf(segment.number), 'a') }
    }
    return { segment, fd: writing.fd }
  }

  const append = (message: OutboxMessage): number | undefined => {
    const record = encode(message)
    const { segment, fd } = segmentToWrite(record.length)
    try {
      if (writeSync(fd, record) !== record.length) throw new Error('short write')
    } catch {
      // Disk full: take back the torn part and leave this message out; the gap in seq shows it.
      ftruncateSync(fd, segment.bytes)
      dropped++
      if (segment.records === 0) segments.pop()
      return undefined
    }
    const position = segment.firstPosition + segment.records
    segment.records++
    segment.unacknowledged++
    segment.bytes += record.length
    newest = message
    syncSoon()
    if (segment.records === 1) forgetOldSegments()
    return position
  }

  const bytesFrom = (segment: Segment): Buffer => {
    if (loaded.segment === segment.number && loaded.bytes.length >= segment.bytes) return loaded.bytes
    const fd = openSync(pathOf(segment.number), 'r')
    try {
      const bytes = Buffer.allocUnsafe(segment.bytes)
      const known = loaded.segment === segment.number ? loaded.bytes.copy(bytes) : 0
      readSync(fd, bytes, known, segment.bytes - known, known)
      loaded = { segment: segment.number, bytes }
      return bytes
    } finally {
      closeSync(fd)
    }
  }

  const next = (): (OutboxMessage & { position: number }) | undefined => {
    while (cursor.position < end()) {
      const { position } = cursor
      const segment = segments.find(({ firstPosition, records }) => position < firstPosition + records)
      if (segment === undefined) return undefined
      const bytes = bytesFrom(segment)
      const offset =
        position === segment.firstPosition ? 0 : cursor.offset >= 0 ? cursor.offset : offsetOf(bytes, position - segment.firstPosition)
      const bodyEnd = offset + headerBytes + bytes.readUInt32BE(offset)
      cursor = { position: position + 1, offset: bodyEnd }
      if (acknowledgedAhead.has(position)) continue
      return { ...decode(bytes.subarray(offset + headerBytes, bodyEnd)), position }
    }
    return undefined
  }

  recover()
  return {
    append,
    next,
    acknowledge: (position) => {
      if (position < acknowledgedTo || position >= end() || acknowledgedAhead.has(position)) return
      const segment = segments.find(({ firstPosition, records }) => position < firstPosition + records)
      if (segment !== undefined) segment.unacknowledged--
      if (position === acknowledgedTo) moveAcknowledgedTo(position + 1)
      else acknowledgedAhead.add(position)
    },
    rewind,
    counts: () => ({
      waiting: end() - acknowledgedTo - acknowledgedAhead.size,
      waitingBytes: segments.reduce((sum, segment) => sum + (segment.unacknowledged > 0 ? segment.bytes : 0), 0),
      dropped,
    }),
    last: () => newest,
    close: () => {
      saveProgress()
      if (syncTimer !== undefined) clearTimeout(syncTimer)
      if (writing !== undefined) closeSync(writing.fd)
      writing = undefined
    },
  }
}

const encode = ({ topic, payload, retain }: OutboxMessage): Buffer => {
  const body = Buffer.from(JSON.stringify([retain ? 1 : 0, topic, payload]))
  const header = Buffer.allocUnsafe(headerBytes)
  header.writeUInt32BE(body.length, 0)
  header.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([header, body])
}

const decode = (body: Buffer): OutboxMessage => {
  const [retain, topic, payload] = JSON.parse(body.toString()) as [number, string, string]
  return { topic, payload, retain: retain === 1 }
}

/** Whole records from the start of the file; the first one that is cut short or fails its checksum ends it. */
const scan = (bytes: Buffer): { offsets: number; soundBytes: number; last: OutboxMessage | undefined } => {
  let offset = 0
  let offsets = 0
  let lastBody: Buffer | undefined
  while (offset + headerBytes <= bytes.length) {
    const length = bytes.readUInt32BE(offset)
    const body = bytes.subarray(offset + headerBytes, offset + headerBytes + length)
    if (length > recordBytesMax || body.length < length || crc32(body) !== bytes.readUInt32BE(offset + 4)) break
    lastBody = body
    offset += headerBytes + length
    offsets++
  }
  return { offsets, soundBytes: offset, last: lastBody === undefined ? undefined : decode(lastBody) }
}

const offsetOf = (bytes: Buffer, record: number): number => {
  let offset = 0
  for (let index = 0; index < record; index++) offset += headerBytes + bytes.readUInt32BE(offset)
  return offset
}

const segmentNumbers = (folder: string): number[] =>
  readdirSync(folder)
    .filter((name) => /^\d{10}\.log$/.test(name))
    .map((name) => Number(name.slice(0, 10)))
    .sort((a, b) => a - b)

const truncate = (path: string, bytes: number): void => {
  if (statSync(path).size === bytes) return
  const fd = openSync(path, 'r+')
  ftruncateSync(fd, bytes)
  closeSync(fd)
}

const readProgress = (path: string): Progress => {
  const none: Progress = { segment: 0, acknowledged: 0, dropped: 0 }
  if (!existsSync(path)) return none
  try {
    return { ...none, ...(JSON.parse(readFileSync(path, 'utf8')) as Partial<Progress>) }
  } catch {
    return none // Torn by a power cut: everything that is kept is sent again.
  }
}
