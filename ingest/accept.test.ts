import { deflateRawSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { createMemoryLog } from '../adapters/memory/memory-log.ts'
import { createMemorySubjectKeys } from '../adapters/memory/memory-subject-keys.ts'
import { inflateBounded } from '../adapters/system/inflate.ts'
import type { DeadLetter, DeviceEvent } from '../model/event.ts'
import type { DeviceMessage, LogTopic } from '../model/ports.ts'
import { AppError } from '../runtime/errors.ts'
import { type AcceptDeps, createAccept, deadLetterKeyOf } from './accept.ts'
import { createTopicMap } from './domain/topic-map.ts'
import { createRedrive } from './redrive.ts'

const receivedAtMs = Date.UTC(2026, 0, 5, 8, 40, 3)
const device = 'dwr/311-a1/00-11-22-33-44-55'
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (payload: Uint8Array | null) => new TextDecoder().decode(payload ?? undefined)
const message = (topic: string, payload: string | Uint8Array, more: Partial<DeviceMessage> = {}): DeviceMessage => ({
  topic,
  payload: typeof payload === 'string' ? bytes(payload) : payload,
  cutFromBytes: null,
  qos: 1,
  dup: false,
  retain: false,
  storedCopy: false,
  packetId: 7,
  clientId: 'router-1',
  sessionId: null,
  connection: 0,
  receivedAtMs,
  ...more,
})

const topicMapOf = (yaml: string) => {
  const map = createTopicMap(parseYaml(yaml))
  if (!map.ok) throw new Error(map.reason)
  return map.value
}
const shipped = readFileSync(new URL('../topics.yaml', import.meta.url), 'utf8')

const setUp = () => {
  const codec = createEventCodec()
  const letters = createDeadLetterCodec()
  const log = createMemoryLog({ clock: { nowMs: () => receivedAtMs }, partitions: 3 })
  const keys = createMemorySubjectKeys()
  const counted: string[] = []
  let ids = 0
  const deps: AcceptDeps & { decodeDeadLetter: typeof letters.decode } = {
    log,
    codec,
    encodeDeadLetter: letters.encode,
    decodeDeadLetter: letters.decode,
    keys,
    ids: { eventId: () => new Uint8Array(16).fill(++ids) },
    tenant: 'default',
    topicMap: topicMapOf(shipped),
    inflate: inflateBounded,
    counters: {
      accepted: () => counted.push('accepted'),
      deadLettered: (reason) => counted.push(reason),
      ignored: () => counted.push('ignored'),
    },
  }
  const read = async <T>(topic: LogTopic, decode: (frame: Uint8Array) => T): Promise<T[]> => {
    const found: T[] = []
    for (let partition = 0; partition < log.partitionCount(topic); partition++) {
      for await (const record of log.read(topic, partition, 0, Number.MAX_SAFE_INTEGER)) found.push(decode(record.value))
    }
    return found
  }
  const events = () =>
    read('device-events', (frame): DeviceEvent => {
      const decoded = codec.decode(frame)
      if (!decoded.ok) throw new Error(decoded.reason)
      return decoded.event
    })
  const deadLetters = () =>
    read('dead-letters', (frame): DeadLetter => {
      const decoded = letters.decode(frame)
      if (!decoded.ok) throw new Error(decoded.reason)
      return decoded.value
    })
  return { deps, keys, counted, events, deadLetters, accept: createAccept(deps) }
}

let at = setUp()
beforeEach(() => {
  at = setUp()
})

describe('accept', () => {
  it('makes one event of one message, with its source and its raw payload', async () => {
    const payload = '{"ts":1767602403000,"bootId":"b1","seq":5,"load1":0.34}'
    await at.accept(message(`${device}/hardware/loadavg`, payload, { sessionId: 's1', connection: 2 }))
    const [event, ...others] = await at.events()
    expect(others).toEqual([])
    expect({ ...event, bodies: undefined, payload: text(event?.payload.bytes ?? null) }).toEqual({
      eventId: Buffer.from(new Uint8Array(16).fill(1)),
      tenant: 'default',
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      observedAtMs: 1767602403000,
      receivedAtMs,
      bootId: 'b1',
      seq: 5,
      uptimeSeconds: null,
      source: {
        origin: 'mqtt',
        topic: `${device}/hardware/loadavg`,
        qos: 1,
        dup: false,
        retain: false,
        storedCopy: false,
        clientId: 'router-1',
        sessionId: 's1',
        connection: 2,
        packetId: 7,
        redriveOf: null,
        actor: null,
      },
      bodies: undefined,
      payload,
    })
    expect(event?.bodies.find((body) => body.kind === 'Measurements')).toMatchObject({
      items: [{ metric: 'system.cpu.load_average.1m', value: 0.34, quality: 'ok' }],
    })
    expect(at.counted).toEqual(['accepted'])
  })

  it('keeps that another connection took its client id as a fact of its first message, of a batch as well', async () => {
    const reading = '{"ts":1767602403000,"bootId":"b1","seq":5,"load1":0.34}'
    const two = deflateRawSync([5, 6].map((seq) => JSON.stringify({ topic: 'hardware/loadavg', payload: { seq, load1: 0.34 } })).join('\n'))
    await at.accept(message(`${device}/hardware/loadavg`, reading, { takeovers: 3 }))
    await at.accept(message(`${device}/hardware/loadavg`, reading))
    await at.accept(message(`${device}/batch/deflate`, two, { takeovers: 4 }))
    const told = (await at.events()).map(({ bodies }) =>
      bodies.flatMap((body) => (body.kind === 'Facts' ? body.items.filter(({ name }) => name === 'mqtt.session.takeovers') : [])),
    )
    const fact = (value: string) => [{ name: 'mqtt.session.takeovers', value, sealed: null }]
    expect(told).toEqual([fact('3'), [], fact('4'), []])
  })

  it('seals personal identifiers and the payload they came in; the clear text stands nowhere', async () => {
    await at.accept(message(`${device}/modem/status`, '{"imei":"490154203237518","plmn":"00101"}'))
    const [event] = await at.events()
    const facts = event?.bodies.flatMap((body) => (body.kind === 'Facts' ? body.items : [])) ?? []
    const imei = facts.find((fact) => fact.name.endsWith('imei'))
    expect(imei?.value).not.toContain('490154203')
    expect(text(await at.keys.open('00-11-22-33-44-55', imei?.sealed ?? new Uint8Array()))).toBe('490154203237518')
    expect(event?.payload.encoding).toBe('sealed')
    expect(text(await at.keys.open('00-11-22-33-44-55', event?.payload.bytes ?? new Uint8Array()))).toContain('490154203237518')
    expect(Buffer.from(at.deps.codec.encode(event as DeviceEvent)).includes('490154203237518')).toBe(false)
  })

  it('keeps no clear household in topic, subject or facts', async () => {
    await at.accept(message('germany/bavaria/nuremberg/90402/12a/livingroom/temperature', '21.5'))
    const [event] = await at.events()
    expect(event?.subject.id).toMatch(/^germany\/bavaria\/nuremberg\/~[0-9a-f]{32}$/)
    expect(Buffer.from(at.deps.codec.encode(event as DeviceEvent)).includes('90402')).toBe(false)
  })

  it('makes a dead letter of what cannot be read, and notes it beside the device', async () => {
    await at.accept(message(`${device}/hardware/loadavg`, '{"load1":1,"load1":2}'))
    const [letter] = await at.deadLetters()
    expect(letter).toMatchObject({
      topic: `${device}/hardware/loadavg`,
      topicShape: 'dwr/311-a1/+/hardware/loadavg',
      reason: 'JSON_DUPLICATE_KEY',
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      payloadBytes: 21,
      cut: false,
    })
    expect(text(await at.keys.open(deadLetterKeyOf(receivedAtMs), letter?.sealedPayload ?? new Uint8Array()))).toBe('{"load1":1,"load1":2}')
    expect((await at.events()).map((event) => event.bodies)).toEqual([
      [{ kind: 'Quarantined', reason: 'JSON_DUPLICATE_KEY', deadLetter: '0:0' }],
    ])
    expect(at.counted).toEqual(['JSON_DUPLICATE_KEY'])
  })

  it('keeps the first bytes of a payload that was cut, and its whole length', async () => {
    await at.accept(message(`${device}/hardware/loadavg`, 'x'.repeat(4096), { cutFromBytes: 70_000 }))
    expect(await at.deadLetters()).toMatchObject([{ reason: 'PAYLOAD_TOO_LARGE', payloadBytes: 70_000, cut: true }])
  })

  it('never keeps a task request', async () => {
    await at.accept(message(`${device}/tasks/42/request`, '{"type":"reboot"}'))
    expect([await at.events(), await at.deadLetters(), at.counted]).toEqual([[], [], ['ignored']])
  })

  it('takes an empty retained message as the deletion that it is, and another empty one as a fault', async () => {
    await at.accept(message(`${device}/status`, '', { retain: true }))
    await at.accept(message(`${device}/status`, ''))
    expect([await at.events().then((events) => events.length), at.counted]).toEqual([1, ['ignored', 'PAYLOAD_EMPTY']])
  })

  it('makes an event of each line of a batch, with its own seq', async () => {
    const lines = [1, 2]
      .map((seq) => JSON.stringify({ topic: 'hardware/loadavg', payload: { ts: 1767602403000, bootId: 'b', seq, load1: seq } }))
      .join('\n')
    await at.accept(message(`${device}/batch/deflate`, deflateRawSync(lines)))
    expect((await at.events()).map((event) => [event.source.topic, event.seq])).toEqual([
      [`${device}/hardware/loadavg`, 1],
      [`${device}/hardware/loadavg`, 2],
    ])
  })

  it('appends a batch in one piece: a log that refuses leaves none of it', async () => {
    const appends: number[] = []
    const accept = createAccept({
      ...at.deps,
      log: {
        ...at.deps.log,
        append: (topic, records) => {
          appends.push(records.length)
          return at.deps.log.append(topic, records)
        },
      },
    })
    const lines = [
      '{"topic":"hardware/loadavg","payload":{"load1":1}}',
      '{"topic":"modem/status","payload":{"imei":"490154203237518"}}',
      '{"topic":"status","payload":"online"}',
    ]
    await accept(message(`${device}/batch/deflate`, deflateRawSync(lines.join('\n'))))
    expect([appends, at.counted]).toEqual([[3], ['accepted', 'accepted', 'accepted']])
  })

  it('makes one dead letter of a batch that does not inflate within its bound', async () => {
    await at.accept(message(`${device}/batch/deflate`, deflateRawSync(Buffer.alloc(1024 * 1024 + 1))))
    expect(await at.deadLetters()).toMatchObject([{ reason: 'BATCH_INVALID', topicShape: 'dwr/311-a1/+/batch/deflate' }])
  })

  it('makes a dead letter of a value that the schema cannot carry', async () => {
    const deps = {
      ...at.deps,
      codec: {
        ...at.deps.codec,
        encode: (event: DeviceEvent) => {
          if (event.bodies.some(({ kind }) => kind === 'Measurements')) throw new RangeError('expected an integer, got 12.5')
          return at.deps.codec.encode(event)
        },
      },
    }
    await createAccept(deps)(message(`${device}/hardware/loadavg`, '{"load1":1}'))
    expect(await at.deadLetters()).toMatchObject([{ reason: 'FIELD_INVALID', detail: 'expected an integer, got 12.5', payloadBytes: 11 }])
    expect(at.counted).toEqual(['FIELD_INVALID'])
  })

  it('rejects when the log refuses, so that no acknowledgement goes out', async () => {
    const full = new AppError('LOG_DISK_FULL', 'no space')
    const accept = createAccept({ ...at.deps, log: { ...at.deps.log, append: () => Promise.reject(full) } })
    await expect(accept(message(`${device}/hardware/loadavg`, '0.34 0.28 0.19 1/78 2671'))).rejects.toBe(full)
    await expect(accept(message('nobody/knows', 'x'))).rejects.toBe(full)
  })
})

describe('re-drive', () => {
  const topic = 'portugal/lisbon/lisbon/1000/7/hall/temperature'
  const mended = topicMapOf(shipped.replace('placeRoots: [', 'placeRoots: [portugal, '))

  it('gives nothing while the mapping is as it was', async () => {
    await at.accept(message(topic, '21.5'))
    const [letter] = await at.deadLetters()
    const filter = { topicShape: letter?.topicShape ?? '', reason: 'TOPIC_UNMAPPED', limit: 100 }
    expect(await createRedrive(at.deps)(filter, 'admin')).toEqual({ redriven: 0, stillRefused: 1, skippedCut: 0 })
  })

  it('makes the event after the mending, once, with the first arrival time', async () => {
    await at.accept(message(topic, '21.5'))
    const [letter] = await at.deadLetters()
    const redrive = createRedrive({ ...at.deps, topicMap: mended })
    const filter = { topicShape: letter?.topicShape ?? '', reason: 'TOPIC_UNMAPPED', limit: 100 }
    expect(await redrive(filter, 'admin')).toEqual({ redriven: 1, stillRefused: 0, skippedCut: 0 })
    expect(await redrive(filter, 'admin')).toEqual({ redriven: 0, stillRefused: 0, skippedCut: 0 })
    expect((await at.events()).map(({ source, receivedAtMs: arrived }) => [source.redriveOf, source.actor, arrived])).toEqual([
      ['0:0:uncounted', 'admin', receivedAtMs],
    ])
    expect((await at.deadLetters()).map(({ reason, detail }) => [reason, reason === 'REDRIVEN' ? detail : ''])).toEqual([
      ['TOPIC_UNMAPPED', ''],
      ['REDRIVEN', '0:0'],
    ])
  })

  it('leaves cut letters where they are', async () => {
    await at.accept(message(topic, 'x', { cutFromBytes: 70_000 }))
    const [letter] = await at.deadLetters()
    const filter = { topicShape: letter?.topicShape ?? '', reason: 'PAYLOAD_TOO_LARGE', limit: 100 }
    expect(await createRedrive({ ...at.deps, topicMap: mended })(filter, 'admin')).toEqual({ redriven: 0, stillRefused: 0, skippedCut: 1 })
  })
})
