/** Packets as `mqtt-packet` writes them, cut into pieces anywhere. */
import fc from 'fast-check'
import { generate, type Packet } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { createPublishReader, type PublishedMessage } from './publish-reader.ts'

const setUp = (own: { isMqtt5?: boolean; packetBytesMax?: number; reads?: (seen: number) => boolean } = {}) => {
  const seen: (PublishedMessage | string)[] = []
  const malformed: string[] = []
  const readsOn = (): boolean => own.reads?.(seen.length) ?? true
  const reader = createPublishReader({
    isMqtt5: own.isMqtt5 ?? true,
    packetBytesMax: own.packetBytesMax ?? 16 * 1024 * 1024,
    publish: (message) => {
      seen.push(message)
      return readsOn()
    },
    other: (packet) => {
      seen.push(packet.toString('hex'))
      return readsOn()
    },
    malformed: (reason) => malformed.push(reason),
  })
  return { reader, seen, malformed }
}

const shown = ({ topic, payload, qos, dup, retain, messageId }: PublishedMessage) => ({
  topic,
  payload: payload.toString('hex'),
  qos,
  dup,
  retain,
  messageId,
})

const arbitraryPublish = fc.record({
  topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((topic) => !/[#+\0]/.test(topic)),
  payload: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0 as const, 1 as const),
  dup: fc.boolean(),
  retain: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  properties: fc.option(
    fc.record({ contentType: fc.string({ maxLength: 200 }), messageExpiryInterval: fc.integer({ min: 0, max: 1e9 }) }),
    {
      nil: undefined,
    },
  ),
})

describe('publish reader', () => {
  it.each([4, 5] as const)(
    'gives every PUBLISH whole and in order, and all others as they came, wherever they are cut (version %i)',
    (protocolVersion) => {
      const others: Packet[] = [
        { cmd: 'pingresp' },
        { cmd: 'suback', messageId: 7, granted: [1] },
        { cmd: 'publish', topic: 'q2', payload: 'x', qos: 2, messageId: 9, dup: false, retain: false },
      ]
      fc.assert(
        fc.property(
          fc.array(fc.oneof(arbitraryPublish, fc.constantFrom(...others)), { maxLength: 20 }),
          fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 40 }),
          (packets, cuts) => {
            const frames = packets.map((packet) => {
              if ('cmd' in packet) return { bytes: generate(packet, { protocolVersion }), expected: undefined }
              const { messageId, properties, ...rest } = packet
              const own = { cmd: 'publish' as const, ...rest, dup: rest.qos > 0 && rest.dup }
              const bytes = generate(
                { ...own, ...(own.qos > 0 ? { messageId } : {}), ...(properties === undefined ? {} : { properties }) },
                { protocolVersion },
              )
              return {
                bytes,
                expected: {
                  topic: own.topic.toWellFormed(),
                  payload: own.payload.toString('hex'),
                  qos: own.qos,
                  dup: own.dup,
                  retain: own.retain,
                  messageId: own.qos > 0 ? messageId : null,
                },
              }
            })
            const { reader, seen, malformed } = setUp({ isMqtt5: protocolVersion === 5 })
            const all = Buffer.concat(frames.map(({ bytes }) => bytes))
            for (let at = 0, n = 0; at < all.length; n++) {
              const length = cuts[n % cuts.length] ?? 1
              reader.push(all.subarray(at, at + length))
              at += length
            }
            expect(malformed).toEqual([])
            expect(seen.map((one) => (typeof one === 'string' ? one : shown(one)))).toEqual(
              frames.map(({ bytes, expected }) => expected ?? bytes.toString('hex')),
            )
          },
        ),
      )
    },
  )

  const three = Buffer.concat(
    ['a', 'b', 'c'].map((topic, n) =>
      generate({ cmd: 'publish', topic, payload: '1', qos: 1, messageId: n + 1, dup: false, retain: false }),
    ),
  )

  it('stops behind a packet when told to wait, keeps what comes, and goes on from there', () => {
    let isRoom = false
    const { reader, seen } = setUp({ isMqtt5: false, reads: (count) => isRoom || count !== 1 })
    reader.push(three)
    expect([seen.length, reader.isWaiting()]).toEqual([1, true])
    reader.push(three)
    expect(seen.length).toBe(1)
    isRoom = true
    reader.goOn()
    expect([seen.length, reader.isWaiting()]).toEqual([6, false])
  })

  it('never throws and never gives what reaches beyond its packet, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isMqtt5) => {
        const { reader, seen, malformed } = setUp({ isMqtt5 })
        reader.push(Buffer.from(bytes))
        const given = seen.reduce((sum, one) => sum + (typeof one === 'string' ? one.length / 2 : one.payload.length), 0)
        expect(given).toBeLessThanOrEqual(bytes.length)
        expect(malformed.length).toBeLessThanOrEqual(1)
      }),
    )
  })

  it.each([
    ['a remaining length of five bytes', '30ffffffff01'],
    ['QoS 3', '36080001610001003031'],
    ['a topic that is longer than its packet', '30040010616200'],
    ['no topic', '3003000000'],
    ['packet id 0', '32060001610000' + '00'],
    ['properties that are longer than their packet', '32070001610001' + '0831'],
  ])('refuses %s, once, and gives nothing any more', (_, hex) => {
    const { reader, seen, malformed } = setUp()
    reader.push(Buffer.from(hex, 'hex'))
    reader.push(three)
    reader.goOn()
    expect([malformed.length, seen, reader.isWaiting()]).toEqual([1, [], true])
  })

  it('takes a packet of the limit and refuses one byte more before it has come', () => {
    const packet = generate({ cmd: 'publish', topic: 'a', payload: 'x'.repeat(91), qos: 1, messageId: 1, dup: false, retain: false })
    expect(packet.length).toBe(98)
    const taken = setUp({ isMqtt5: false, packetBytesMax: 98 })
    taken.reader.push(packet)
    expect([taken.seen.length, taken.malformed]).toEqual([1, []])
    const refused = setUp({ isMqtt5: false, packetBytesMax: 97 })
    refused.reader.push(packet.subarray(0, 5))
    expect(refused.malformed).toEqual(['expected packets of at most 97 bytes, got 98'])
  })
})
