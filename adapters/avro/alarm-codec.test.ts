import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { AlarmRecord } from '../../model/alarm-event.ts'
import { isForLog } from '../../model/alarm-event.ts'
import { eventsOf, lifeArbitrary } from '../../test/alarm-fakes.ts'
import { createAlarmCodec } from './alarm-codec.ts'

const { encode, decode } = createAlarmCodec()
const recordOf = (event: AlarmRecord['event']): AlarmRecord => ({
  tenant: 'main',
  subject: '00-11-22-33-44-55',
  stream: 'alarm-main-0123456789abcdef',
  key: { resource: 'dwr/311-a1/00-11-22-33-44-55', type: 'wan.down', qualifier: 'ä"' },
  event,
  source: { topic: 'device-events', logId: 'log', partition: 3, offset: 2 ** 40 },
})

it('every event of a generated life comes back as it was written', () => {
  fc.assert(
    fc.property(lifeArbitrary(), (life) => {
      for (const event of eventsOf(life).filter(isForLog)) {
        const record = recordOf(event)
        expect(decode(encode(record))).toEqual({ ok: true, value: record })
      }
    }),
    { numRuns: 50 },
  )
})

it('bytes that are no frame of ours are told, never thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decode(bytes).ok).toBe(false)
    }),
  )
  const frame = encode(recordOf({ kind: 'Purged', episode: 1, atMs: 1, version: 2 }))
  frame[frame.length - 1] = 0x21
  expect(decode(frame).ok).toBe(false)
})
