/**
 * One record batch (Kafka's message format, magic 2) in one buffer. By hand, since it runs for each message: the client makes
 * a chain of small buffers of every record, at two to three times the cost.
 *
 *   RecordBatch => baseOffset int64, batchLength int32, partitionLeaderEpoch int32, magic int8, crc uint32, attributes int16,
 *     lastOffsetDelta int32, baseTimestamp int64, maxTimestamp int64, producerId int64, producerEpoch int16,
 *     baseSequence int32, count int32, records
 *   Record => length varint, attributes int8, timestampDelta varlong, offsetDelta varint, keyLength varint, key,
 *     valueLength varint (-1: null), value, headers varint
 */
import { crc32c } from '@platformatic/kafka'
import type { OutgoingRecord } from './append-queue.ts'

export type BatchHead = {
  appendedAtMs: number
  producerId: bigint
  producerEpoch: number
  /** Of the first record, of this producer in this partition. */
  sequence: number
}

const headBytes = 61
const lengthAt = 8
const lengthFrom = 12
const crcAt = 17
const crcFrom = 21
const magic = 2
/** Attributes and time delta, and at most five bytes each for length, offset, key length, value length; no headers. */
const recordFrameBytesMax = 2 + 4 * 5 + 1
/** A UTF-16 unit is at most so many bytes of UTF-8. */
const unitBytesMax = 3

export const encodeBatch = (records: readonly OutgoingRecord[], head: BatchHead): Buffer => {
  let room = headBytes
  for (const { key, value } of records) room += recordFrameBytesMax + key.length * unitBytesMax + (value?.length ?? 0)
  const out = Buffer.allocUnsafe(room)
  let at = headBytes
  for (const [offset, record] of records.entries()) at = writeRecord(out, at, record, offset)
  out.writeBigInt64BE(0n, 0)
  out.writeInt32BE(at - lengthFrom, lengthAt)
  out.writeInt32BE(-1, 12) // The broker knows the epoch.
  out.writeInt8(magic, 16)
  out.writeInt16BE(0, 21) // Not compressed, the time is the producer's, no transaction.
  out.writeInt32BE(records.length - 1, 23)
  out.writeBigInt64BE(BigInt(head.appendedAtMs), 27)
  out.writeBigInt64BE(BigInt(head.appendedAtMs), 35)
  out.writeBigInt64BE(head.producerId, 43)
  out.writeInt16BE(head.producerEpoch, 51)
  out.writeInt32BE(head.sequence, 53)
  out.writeInt32BE(records.length, 57)
  out.writeUInt32BE(crc32c(out.subarray(crcFrom, at)), crcAt)
  return out.subarray(0, at)
}

const writeRecord = (out: Buffer, start: number, { key, value }: OutgoingRecord, offset: number): number => {
  const keyBytes = Buffer.byteLength(key)
  const valueBytes = value?.length ?? 0
  const valueLength = value === null ? -1 : valueBytes
  const length = 2 + varintBytes(offset) + varintBytes(keyBytes) + keyBytes + varintBytes(valueLength) + valueBytes + 1
  let at = writeVarint(out, start, length)
  out[at++] = 0 // Attributes.
  out[at++] = 0 // All records of a batch have its time.
  at = writeVarint(out, at, offset)
  at = writeVarint(out, at, keyBytes)
  at += out.write(key, at)
  at = writeVarint(out, at, valueLength)
  if (value !== null) out.set(value, at)
  at += valueBytes
  out[at++] = 0 // No headers.
  return at
}

const writeVarint = (out: Buffer, start: number, value: number): number => {
  let at = start
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  for (; rest > 0x7f; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80
  out[at++] = rest
  return at
}

const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = (((value << 1) ^ (value >> 31)) >>> 0) >>> 7; rest > 0; rest >>>= 7) bytes++
  return bytes
}
