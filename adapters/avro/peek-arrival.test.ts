import fc from 'fast-check'
import { expect, it } from 'vitest'
import { deviceEvent } from './event.arbitrary.ts'
import { createEventCodec } from './event-codec.ts'
import { peekArrivalMs } from './peek-arrival.ts'

const codec = createEventCodec()

it('answers what decoding answers, for every event that the stage takes', () => {
  fc.assert(
    fc.property(deviceEvent, fc.integer({ min: 0, max: Date.UTC(2106, 0, 1) - 1 }), (event, receivedAtMs) => {
      const frame = codec.encode({ ...event, receivedAtMs })
      expect(peekArrivalMs(frame)).toBe(receivedAtMs)
    }),
  )
})

it('never throws, and answers a time or null', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
      const peeked = peekArrivalMs(Uint8Array.from([0, 0, 0, 0, 1, ...tail]))
      expect(peeked === null || (peeked >= 0 && peeked < Date.UTC(2106, 0, 1))).toBe(true)
    }),
  )
})

it('leaves frames of another kind to the decoder', () => {
  expect(peekArrivalMs(new Uint8Array(0))).toBeNull()
  expect(peekArrivalMs(Uint8Array.from([1, 0, 0, 0, 1]))).toBeNull()
  expect(peekArrivalMs(Uint8Array.from([0, 0, 0, 0, 99, ...new Uint8Array(60)]))).toBeNull()
})
