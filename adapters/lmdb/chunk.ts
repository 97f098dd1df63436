/**
 * How records lie in the log: those of one commit and partition together, up to `chunkBytesMax`, as one LMDB value. One put
 * for some hundred records is what makes an append cheap; offsets are counted, not stored, so a chunk is encoded before the
 * write lock is taken.
 *
 *   u8 version 1 | u48 appendedAtMs | u32 count | count x (u16 key bytes | u32 value bytes | key UTF-8 | value)
 */
import type { LogRecord, StoredRecord } from '../../model/ports.ts'

/** Large enough for few puts, small enough that a page run of this size is found again among freed pages. */
export const chunkBytesMax = 32 * 1024
/** An MQTT topic has at most 65,535 bytes, and so has the longest key. Checked before (`event-log.ts`). */
export const keyBytesMax = 0xffff

export type Chunk = { bytes: Buffer; count: number }

const version = 1
const headerBytes = 11
const recordHeaderBytes = 6

/** In the order given; a record larger than a chunk gets one of its own. */
export const encodeChunks = (records: readonly LogRecord[], appendedAtMs: number): Chunk[] => {
  const chunks: Chunk[] = []
  const keyBytes = records.map(({ key }) => Buffer.byteLength(key))
  let start = 0
  let bytes = headerBytes
  for (const [index, record] of records.entries()) {
    const own = keyBytes[index] ?? 0
    const recordBytes = recordHeaderBytes + own + record.value.length
    if (bytes + recordBytes > chunkBytesMax && index > start) {
      chunks.push(encodeChunk(records, keyBytes, start, index, bytes, appendedAtMs))
      start = index
      bytes = headerBytes
    }
    bytes += recordBytes
  }
  if (start < records.length) chunks.push(encodeChunk(records, keyBytes, start, records.length, bytes, appendedAtMs))
  return chunks
}

const encodeChunk = (
  records: readonly LogRecord[],
  keyBytes: readonly number[],
  start: number,
  end: number,
  size: number,
  appendedAtMs: number,
): Chunk => {
  const bytes = Buffer.allocUnsafe(size)
  bytes[0] = version
  bytes.writeUIntBE(appendedAtMs, 1, 6)
  bytes.writeUInt32BE(end - start, 7)
  let at = headerBytes
  for (let index = start; index < end; index++) {
    const record = records[index]
    const own = keyBytes[index]
    if (record === undefined || own === undefined) break
    at = bytes.writeUInt16BE(own, at)
    at = bytes.writeUInt32BE(record.value.length, at)
    at += bytes.write(record.key, at)
    bytes.set(record.value, at)
    at += record.value.length
  }
  return { bytes, count: end - start }
}

export const chunkHeader = (bytes: Buffer): { appendedAtMs: number; count: number } => {
  if (bytes[0] !== version) throw new Error(`Expected a chunk of version ${version}, got ${String(bytes[0])}: written by a newer release?`)
  return { appendedAtMs: bytes.readUIntBE(1, 6), count: bytes.readUInt32BE(7) }
}

/** Records of a chunk whose last one has `lastOffset`, from `from` on. Values are views of `bytes`. */
export const decodeChunk = (bytes: Buffer, lastOffset: number, from: number): StoredRecord[] => {
  const { appendedAtMs, count } = chunkHeader(bytes)
  const records: StoredRecord[] = []
  let at = headerBytes
  for (let offset = lastOffset - count + 1; offset <= lastOffset; offset++) {
    const keyAt = at + recordHeaderBytes
    const valueAt = keyAt + bytes.readUInt16BE(at)
    const end = valueAt + bytes.readUInt32BE(at + 2)
    if (offset >= from) {
      records.push({ offset, appendedAtMs, key: bytes.toString('utf8', keyAt, valueAt), value: bytes.subarray(valueAt, end) })
    }
    at = end
  }
  return records
}
