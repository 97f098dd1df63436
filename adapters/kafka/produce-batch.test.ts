/** Batches as the client's own encoder writes and reads them. */
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBatch } from './produce-batch.ts'

const head = { appendedAtMs: 1_767_602_403_000, producerId: 4711n, producerEpoch: 3, sequence: 77 }
const arbitraryRecord = fc.record({
  key: fc.string({ unit: 'grapheme', maxLength: 80 }),
  value: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: null }),
})
const decoded = (bytes: Buffer) => readRecordsBatch(Reader.from(bytes))

describe('a batch', () => {
  it('gives back its records, in order, with the time and the producer that it was written with', () => {
    fc.assert(
      fc.property(fc.array(arbitraryRecord, { minLength: 1, maxLength: 300 }), (records) => {
        const { records: read, crc: _, ...rest } = decoded(encodeBatch(records, head))
        expect(rest).toMatchObject({
          firstOffset: 0n,
          magic: 2,
          attributes: 0,
          lastOffsetDelta: records.length - 1,
          firstTimestamp: 1_767_602_403_000n,
          maxTimestamp: 1_767_602_403_000n,
          producerId: 4711n,
          producerEpoch: 3,
          firstSequence: 77,
        })
        expect(
          read.map(({ offsetDelta, timestampDelta, key, value, headers }) => ({
            offsetDelta,
            timestampDelta,
            key: String(key ?? ''),
            value: value === null ? null : Buffer.from(value).toString('hex'),
            headers,
          })),
        ).toEqual(
          records.map(({ key, value }, offsetDelta) => ({
            offsetDelta,
            timestampDelta: 0n,
            key: Buffer.from(key).toString(),
            value: value === null ? null : Buffer.from(value).toString('hex'),
            headers: [],
          })),
        )
      }),
    )
  })

  it('is byte for byte what the client writes, but for the epoch that only a broker knows', () => {
    const records = [
      { key: '00-11-22-33-44-55', value: Buffer.alloc(470, 'v') },
      { key: 'Küche/südseite', value: Buffer.alloc(63, 'w') },
      { key: 'gone', value: null },
    ]
    const ours = encodeBatch(records, head)
    const theirs = createRecordsBatch(
      records.map(({ key, value }) => ({
        topic: 't',
        partition: 0,
        key: Buffer.from(key),
        value: value as Buffer,
        timestamp: BigInt(head.appendedAtMs),
      })),
      { producerId: head.producerId, producerEpoch: head.producerEpoch, sequences: { getWithDefault: () => head.sequence } as never },
    ).buffer
    expect(ours.subarray(16).toString('hex')).toBe(theirs.subarray(16).toString('hex'))
    expect([ours.length, ours.readInt32BE(8)]).toEqual([theirs.length, theirs.readInt32BE(8)])
  })
})
