import { randomBytes } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { batchBytesMax, batchLinesMax, createBatcher } from './batch.ts'
import type { Parcel } from './link.ts'
import { createMemoryOutbox } from './outbox.ts'

const device = 'dwr/311-a1/02-00-00-00-00-01'
const linesOf = (parcel: Parcel): string[] => inflateRawSync(parcel.payload).toString().split('\n').slice(0, -1)

const batchesOf = (payloads: string[]): Parcel[] => {
  const outbox = createMemoryOutbox({ messagesMax: 100_000 })
  for (const payload of payloads) outbox.append({ topic: `${device}/hardware/loadavg`, payload, retain: false })
  const { pack } = createBatcher(device)
  const parcels: Parcel[] = []
  for (let parcel = pack(outbox.next); parcel !== undefined; parcel = pack(outbox.next)) parcels.push(parcel)
  return parcels
}

describe('a batch', () => {
  it('holds one line per message: topic below the device, payload as it is', () => {
    const [parcel, ...more] = batchesOf(['{"seq":1,"load1":0.5}', '{"seq":2}'])
    if (parcel === undefined) throw new Error('no batch')
    expect(more).toEqual([])
    expect({ ...parcel, payload: linesOf(parcel) }).toEqual({
      topic: `${device}/batch/deflate`,
      payload: ['{"topic":"hardware/loadavg","payload":{"seq":1,"load1":0.5}}', '{"topic":"hardware/loadavg","payload":{"seq":2}}'],
      retain: false,
      positions: [0, 1],
    })
  })

  it('ends at its number of lines and at the payload limit, and nothing is left out or twice', () => {
    const exactly = batchesOf(Array.from({ length: batchLinesMax }, (_, n) => `{"seq":${n}}`))
    expect(exactly).toHaveLength(1)
    expect(batchesOf(Array.from({ length: batchLinesMax + 1 }, (_, n) => `{"seq":${n}}`))).toHaveLength(2)
    const noise = batchesOf(Array.from({ length: 120 }, (_, n) => `{"seq":${n},"x":"${randomBytes(1000).toString('base64')}"}`))
    expect(noise.length).toBeGreaterThan(1)
    expect(noise.every(({ payload }) => payload.length <= batchBytesMax)).toBe(true)
    expect(noise.flatMap(({ positions }) => positions)).toEqual(Array.from({ length: 120 }, (_, n) => n))
    expect(noise.flatMap(linesOf)).toHaveLength(120)
  })

  it('one message that is larger than the limit goes to its own topic', () => {
    const large = `{"x":"${randomBytes(80_000).toString('base64')}"}`
    const parcels = batchesOf(['{"seq":1}', large, '{"seq":3}'])
    expect(parcels.flatMap(({ positions }) => positions)).toEqual([0, 1, 2])
    expect(parcels.map(({ topic }) => topic.slice(device.length + 1))).toEqual(['batch/deflate', 'hardware/loadavg', 'batch/deflate'])
    expect(parcels[1]?.payload === large).toBe(true)
  })
})
