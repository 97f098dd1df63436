import avsc from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DeviceEvent } from '../../model/event.ts'
import { deadLetter, deviceEvent, plain } from './event.arbitrary.ts'
import { createDeadLetterCodec, createEventCodec, createPlainEventCodec } from './event-codec.ts'
import { readSchema } from './frame-codec.ts'

const codec = createEventCodec()
const letters = createDeadLetterCodec()
const [sample] = fc.sample(deviceEvent, { numRuns: 1, seed: 7 }) as [DeviceEvent]

/** avsc takes no plain Uint8Array. */
const withBuffers = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(withBuffers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, withBuffers(own)]))
}

describe('event codec', () => {
  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(deviceEvent, (event) => {
        const decoded = codec.decode(codec.encode(event))
        expect(decoded.ok && plain(decoded.event)).toEqual(plain(event))
      }),
      { numRuns: 1000 },
    )
  })

  it('writes what avsc, asked directly, reads', () => {
    const type = avsc.Type.forSchema(readSchema('device-event') as avsc.Schema)
    fc.assert(
      fc.property(deviceEvent, (event) => {
        const bodies = event.bodies.map((body) => ({ [body.kind]: body }))
        expect(Buffer.from(codec.encode(event)).subarray(5)).toEqual(type.toBuffer(withBuffers({ ...event, bodies })))
      }),
    )
  })

  it('reads a frame of each earlier release, whose union of bodies ended earlier', () => {
    const now = readSchema('device-event') as unknown as { fields: { name: string; type: { items: { name: string }[] } }[] }
    const released = 11 // Up to Tick: before AlarmCommand, RuleActivated and GroupVerdict.
    const before = structuredClone(now)
    for (const field of before.fields) if (field.name === 'bodies') field.type.items = field.type.items.slice(0, released)
    const type = avsc.Type.forSchema(before as avsc.Schema)
    const known = new Set(before.fields.find(({ name }) => name === 'bodies')?.type.items.map(({ name }) => name))
    expect(known.size).toBe(released)
    fc.assert(
      fc.property(deviceEvent, (event) => {
        const old = { ...event, bodies: event.bodies.filter(({ kind }) => known.has(kind)) }
        const bytes = type.toBuffer(withBuffers({ ...old, bodies: old.bodies.map((body) => ({ [body.kind]: body })) }))
        const decoded = codec.decode(Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), bytes]))
        expect(decoded.ok && plain(decoded.event)).toEqual(plain(old))
      }),
    )
  })

  it('frames with byte 0 and the schema id as int32 big-endian', () => {
    expect([...codec.encode(sample).subarray(0, 5)]).toEqual([0, 0, 0, 0, 1])
  })

  it('keeps frames as they were while later ones are encoded', () => {
    const events = fc.sample(deviceEvent, { numRuns: 2000, seed: 11 })
    const frames = events.map((event) => codec.encode(event))
    for (const [index, frame] of frames.entries()) {
      const decoded = codec.decode(frame)
      expect(decoded.ok && plain(decoded.event)).toEqual(plain(events[index]))
    }
  })

  it('encodes an event larger than its slab', () => {
    const large = { ...sample, payload: { encoding: 'plain' as const, bytes: Buffer.alloc(1024 * 1024, 'x') } }
    const decoded = codec.decode(codec.encode(large))
    expect(decoded.ok && decoded.event.payload.bytes).toHaveLength(1024 * 1024)
    expect(codec.decode(codec.encode(sample)).ok).toBe(true)
  })

  it('writes lone surrogates, which JSON can carry and UTF-8 cannot, as U+FFFD', () => {
    const decoded = codec.decode(
      codec.encode({
        ...sample,
        tenant: 'a\ud800b',
        bodies: [{ kind: 'TaskEvent', taskId: '\udfff', detail: `${'x'.repeat(100)}\ud800` }],
      }),
    )
    expect(decoded.ok && [decoded.event.tenant, plain(decoded.event.bodies)]).toEqual([
      'a\ufffdb',
      [{ kind: 'TaskEvent', taskId: '\ufffd', detail: `${'x'.repeat(100)}\ufffd` }],
    ])
  })

  it('refuses to encode what could not be decoded', () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) expect(() => codec.encode({ ...sample, uptimeSeconds: wrong })).toThrow()
    for (const wrong of [2 ** 53 - 1, -(2 ** 52) - 1, 0.5, Number.NaN])
      expect(() => codec.encode({ ...sample, receivedAtMs: wrong })).toThrow()
    expect(() => codec.encode({ ...sample, source: { ...sample.source, qos: 2 ** 31 } })).toThrow()
    expect(codec.decode(codec.encode(sample)).ok).toBe(true)
  })

  it('never throws over arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        codec.decode(bytes)
        codec.decode(Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), bytes]))
        letters.decode(Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), bytes]))
      }),
      { numRuns: 2000 },
    )
  })

  it('never throws over mutated frames, and what it then takes for sound it can encode again', () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() })
    fc.assert(
      fc.property(deviceEvent, fc.array(change, { minLength: 1, maxLength: 5 }), (event, changes) => {
        let frame = Buffer.from(codec.encode(event))
        for (const { at, to, cut } of changes) {
          frame[5 + (at % (frame.length - 5))] = to
          if (cut) frame = frame.subarray(0, Math.max(6, at % frame.length))
        }
        const decoded = codec.decode(frame)
        if (decoded.ok) expect(codec.decode(codec.encode(decoded.event)).ok).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('decides by the short way as by the schema: the same event, or the same reason', () => {
    const bySchema = createPlainEventCodec()
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() })
    const both = (frame: Uint8Array) => {
      const [short, long] = [codec.decode(frame), bySchema.decode(frame)]
      expect(short.ok ? plain(short.event) : short.reason).toEqual(long.ok ? plain(long.value) : long.reason)
    }
    fc.assert(
      fc.property(deviceEvent, fc.array(change, { maxLength: 3 }), (event, changes) => {
        let frame = Buffer.from(codec.encode(event))
        both(frame)
        for (const { at, to, cut } of changes) {
          frame[5 + (at % (frame.length - 5))] = to
          if (cut) frame = frame.subarray(0, Math.max(6, at % frame.length))
          both(frame)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('says what it expected of a frame that is not one of its own', () => {
    const frame = Buffer.from(codec.encode(sample))
    expect(codec.decode(letters.encode(fc.sample(deadLetter, 1)[0] as never))).toEqual({ ok: false, reason: 'Expected schema id 1, got 2' })
    expect(codec.decode(frame.subarray(0, 4))).toEqual({ ok: false, reason: 'Expected a frame of at least 5 bytes, got 4' })
    expect(codec.decode(new Uint8Array(0))).toEqual({ ok: false, reason: 'Expected a frame of at least 5 bytes, got 0' })
    expect(codec.decode(Buffer.concat([frame, Buffer.from([0])]))).toMatchObject({ ok: false })
  })
})

describe('dead letter codec', () => {
  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(deadLetter, (letter) => {
        const decoded = letters.decode(letters.encode(letter))
        expect(decoded.ok && plain(decoded.value)).toEqual(plain(letter))
      }),
    )
  })
})
