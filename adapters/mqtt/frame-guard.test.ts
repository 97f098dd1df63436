import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { generate, type Packet, parser } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import type { SeamClient } from './aedes-seam.ts'
import { createFrameGuards, type FrameGuard, type FrameGuards } from './frame-guard.ts'
import { limitsWith } from './limits.ts'

const limits = limitsWith({
  packetBytesMax: 20_000,
  connectPacketBytesMax: 500,
  payloadBytesMax: 1_000,
  logPayloadBytesMax: 5_000,
  cutPayloadBytesKept: 40,
  partialBytesMax: 3_000,
  inFlightMax: 4,
})

type Fake = {
  guard: FrameGuard
  guards: FrameGuards
  feed: (bytes: Uint8Array) => void
  packets: (Packet & { cutFromBytes?: number })[]
  refused: string[]
  read: () => Buffer | null
  setNow: (ms: number) => void
}

const fake = (version = 4): Fake => {
  const refused: string[] = []
  const packets: Fake['packets'] = []
  let now = 0
  const decoder = parser({ protocolVersion: version })
  decoder.on('packet', (packet: Packet) => packets.push(packet))
  decoder.on('error', () => undefined) // aedes closes the connection.
  const client = {
    _parser: decoder,
    conn: Object.assign(new EventEmitter(), { read: () => null, destroy: () => undefined }),
    connected: true,
    version,
    rejectPacketTooLarge: () => undefined,
    _nextBatch: () => undefined,
  } as unknown as SeamClient
  const guards = createFrameGuards(
    limits,
    () => now,
    (_client, reason) => refused.push(reason),
  )
  const guard = guards.install(client)
  return {
    guard,
    guards,
    packets,
    refused,
    feed: (bytes) => client._parser.parse(Buffer.from(bytes)),
    read: () => client.conn.read() as Buffer | null,
    setNow: (ms) => {
      now = ms
    },
  }
}

const publish = (topic: string, bytes: number, version = 4, properties?: Record<string, unknown>): Buffer =>
  generate(
    {
      cmd: 'publish',
      topic,
      payload: Buffer.alloc(bytes, 'x'),
      qos: 1,
      dup: false,
      retain: false,
      messageId: 7,
      ...(properties ? { properties } : {}),
    },
    { protocolVersion: version },
  )

/** Feeds in pieces of the given sizes, over and over. */
const feedInPieces = (target: Fake, bytes: Buffer, sizes: readonly number[]): void => {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    target.feed(bytes.subarray(at, at + size))
    at += size
  }
}

describe('frame guard', () => {
  it('passes a payload of exactly the maximum and cuts one that is a byte longer', () => {
    const { feed, packets } = fake()
    feed(publish('a', limits.payloadBytesMax))
    feed(publish('a', limits.payloadBytesMax + 1))
    expect(packets.map((p) => (p.cmd === 'publish' ? [p.payload.length, p.cutFromBytes, p.messageId] : p.cmd))).toEqual([
      [1_000, undefined, 7],
      [40, 1_001, 7],
    ])
  })

  it('lets log topics be larger, up to their own maximum', () => {
    const { feed, packets } = fake()
    for (const topic of ['p/m/x/log/syslog', 'p/m/x/system/dmesg']) feed(publish(topic, limits.logPayloadBytesMax))
    feed(publish('p/m/x/log/syslog', limits.logPayloadBytesMax + 1))
    feed(publish('p/m/x/system/info', limits.logPayloadBytesMax))
    expect(packets.map((p) => p.cutFromBytes)).toEqual([undefined, undefined, 5_001, 5_000])
  })

  it('says a cut packet only once it has come in whole, and holds little meanwhile', () => {
    const { feed, packets, guard } = fake()
    const frame = publish('a', 15_000)
    feed(frame.subarray(0, 14_999))
    expect(packets).toEqual([])
    expect(guard.partialBytes()).toBeLessThan(100)
    feed(frame.subarray(14_999))
    expect(packets.map((p) => p.cutFromBytes)).toEqual([15_000])
    expect(guard.partialBytes()).toBe(0)
  })

  it('closes as soon as a length beyond the packet maximum is announced', () => {
    const { feed, refused } = fake()
    feed(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])) // 256 MB
    expect(refused).toEqual(['packetTooLarge'])
  })

  it('passes a packet of exactly the maximum', () => {
    const { feed, refused, packets } = fake()
    const frame = publish('a', limits.packetBytesMax - 9)
    expect(frame.length).toBe(limits.packetBytesMax)
    feed(frame)
    expect(refused).toEqual([])
    expect(packets).toHaveLength(1)
    feed(publish('a', limits.packetBytesMax - 8))
    expect(refused).toEqual(['packetTooLarge'])
  })

  it('cuts by the payload, not by MQTT 5 properties, and refuses properties that are a payload themselves', () => {
    const { feed, packets, refused } = fake(5)
    feed(publish('a', 1_000, 5, { contentType: 'x'.repeat(300) }))
    feed(publish('a', 1_001, 5, { contentType: 'x'.repeat(300) }))
    expect(packets.map((p) => [p.cutFromBytes, p.cmd === 'publish' && p.properties?.contentType?.length])).toEqual([
      [undefined, 300],
      [1_001, 300],
    ])
    feed(publish('a', 10, 5, { contentType: 'x'.repeat(1_200) }))
    expect(refused).toEqual(['packetTooLarge'])
  })

  it('closes the connection whose unfinished packet goes beyond what all may hold', () => {
    const { feed, refused } = fake()
    feed(publish('p/m/x/log/syslog', 4_000).subarray(0, 3_000))
    expect(refused).toEqual([])
    feed(Buffer.from('x'))
    expect(refused).toEqual(['partialBytes'])
  })

  it('closes a connection that stays silent in the middle of a packet', () => {
    const { feed, refused, guards, setNow } = fake()
    feed(publish('a', 500).subarray(0, 100))
    guards.closeIdle(limits.packetIdleMs - 1)
    expect(refused).toEqual([])
    setNow(5_000)
    feed(Buffer.from('x')) // Slow, but alive.
    guards.closeIdle(limits.packetIdleMs + 4_999)
    expect(refused).toEqual([])
    guards.closeIdle(limits.packetIdleMs + 5_000)
    expect(refused).toEqual(['packetIdle'])
  })

  it('reads no more than the maximum in flight, and goes on with what it held', () => {
    const { feed, packets, guard, read } = fake()
    feed(Buffer.concat(Array.from({ length: 6 }, () => publish('a', 1))))
    expect(packets).toHaveLength(4)
    for (let n = 0; n < 4; n++) guard.countInFlight(1)
    expect(read()).toBeNull()
    for (let n = 0; n < 4; n++) guard.countInFlight(-1)
    feed(read() ?? Buffer.alloc(0))
    expect(packets).toHaveLength(6)
    expect(read()).toBeNull()
  })

  it('gives the same packets however the bytes are cut into chunks', () => {
    const topics = fc.constantFrom('a', 'p/m/x/log/syslog', 'é/ü')
    const frames = fc.array(fc.tuple(topics, fc.nat(7_000)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(
        frames,
        fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(4, 5),
        (sent, sizes, version) => {
          const target = fake(version)
          feedInPieces(target, Buffer.concat(sent.map(([topic, bytes]) => publish(topic, bytes, version))), sizes)
          let held = target.read()
          for (; held; held = target.read()) target.feed(held)
          if (target.refused.length > 0) return // More unfinished bytes than allowed.
          const expected = sent.map(([topic, bytes]) => {
            const most = topic.includes('log') ? limits.logPayloadBytesMax : limits.payloadBytesMax
            return bytes > most ? [topic, 40, bytes] : [topic, bytes, undefined]
          })
          expect(target.packets.map((p) => (p.cmd === 'publish' ? [p.topic, p.payload.length, p.cutFromBytes] : p.cmd))).toEqual(expected)
          expect(target.guards.partialBytes()).toBe(0)
        },
      ),
    )
  })

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
        const target = fake()
        feedInPieces(target, Buffer.from(bytes), [size])
        expect(target.guard.partialBytes()).toBeLessThanOrEqual(bytes.length)
      }),
    )
  })
})
