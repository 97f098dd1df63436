/**
 * MQTT exchanges: each part is one write of one of three connections, with what follows it. Valid packets of 3.1, 3.1.1 and 5,
 * some of them mutated, cut at any byte, announced larger than they are, half open, interleaved with others.
 *
 * Wire of a part: byte 0 connection (0..2), byte 1 what follows (`pause`), then the bytes to write.
 */
import { type Packet, writeToStream } from 'mqtt-packet'
import type { Random } from '../../agent/simulation/random.ts'
import { type Input } from './fuzz-target.ts'
import { anyOf, mutateBytes } from './mutations.ts'
import { mutatedPayload } from './pure-targets.ts'
import { deviceRoot, samples, sampleTopics } from './samples.ts'

export const follow = { nothing: 0, pause: 1, end: 2, destroy: 3 } as const

export const connectionsMax = 3
const versions = [3, 4, 5] as const
type Version = (typeof versions)[number]

export const mqttExchange = (random: Random): Input => {
  const parts: Uint8Array[] = []
  const open = Array.from({ length: anyOf(random, [1, 1, 1, 2, 3]) }, () => anyOf(random, versions))
  const damaged = random.chance(0.6)
  for (const [connection, version] of open.entries()) {
    const connect = packetBytes(random, version, connectPacket)
    const broken = damaged && random.chance(0.15)
    if (!random.chance(0.03))
      parts.push(
        partOf(connection, anyOf(random, [follow.pause, follow.pause, follow.nothing]), broken ? mutateBytes(random, connect) : connect),
      )
  }
  for (let packets = random.between(1, 12); packets > 0; packets--) {
    const connection = random.between(0, open.length - 1)
    const bytes = random.chance(0.04) ? noise(random) : packetBytes(random, open[connection] ?? 4)
    const written = damaged && random.chance(0.15) ? mutateBytes(random, bytes, [packetBytes(random, 4)]) : bytes
    for (const piece of piecesOf(random, written))
      parts.push(partOf(connection, anyOf(random, [follow.nothing, follow.nothing, follow.nothing, follow.pause]), piece))
  }
  if (random.chance(0.15))
    parts.push(partOf(random.between(0, open.length - 1), random.chance(0.5) ? follow.end : follow.destroy, new Uint8Array(0)))
  return parts
}

const partOf = (connection: number, then: number, bytes: Uint8Array): Uint8Array => Uint8Array.from([connection, then, ...bytes])

/** Mostly whole, sometimes cut in two or three: TCP keeps no packets together. */
const piecesOf = (random: Random, bytes: Uint8Array): Uint8Array[] => {
  if (random.chance(0.8) || bytes.length < 2) return [bytes]
  const at = random.between(1, bytes.length - 1)
  return [bytes.subarray(0, at), bytes.subarray(at)]
}

const noise = (random: Random): Uint8Array =>
  anyOf(random, [
    () => Uint8Array.from({ length: random.between(1, 200) }, () => random.between(0, 255)),
    () => new TextEncoder().encode('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
    () => Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f, ...new Uint8Array(1_000)), // 256 MB announced, 1 kB sent.
    () => Uint8Array.of(0x32, 0xff, 0xff, 0x03, 0x00, 0x01, 0x61, 0x00, 0x07, ...new Uint8Array(60_000)), // 64 KiB, not all of it.
    () => Uint8Array.of(0x10, 0xff, 0xff, 0x7f, 0x00, 0x04),
  ])()

const clientIds = ['', 'a', 'fuzz-shared', 'fuzz-shared-2', 'x'.repeat(256), 'x'.repeat(300), 'id with + # /', '\0']

const connectPacket = (random: Random, version: Version): Packet => {
  const hasWill = random.chance(0.25)
  // A client of its own mostly: acknowledgements of one that others share cannot be told apart.
  const clientId = random.chance(0.8) ? `fuzz-${random.uuid()}` : anyOf(random, clientIds)
  return {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clientId,
    clean: clientId === '' || random.chance(0.7),
    keepalive: anyOf(random, [0, 1, 60, 65_535]),
    ...(random.chance(0.1) ? { username: 'x', password: Buffer.from('y') } : {}),
    ...(hasWill
      ? {
          will: {
            topic: topicFor(random),
            payload: Buffer.from(payloadFor(random)),
            qos: anyOf(random, [0, 1, 2]),
            retain: random.chance(0.5),
            ...(version === 5 && random.chance(0.5)
              ? { properties: { willDelayInterval: random.between(0, 2), messageExpiryInterval: 3 } }
              : {}),
          },
        }
      : {}),
    ...(version === 5 && random.chance(0.5)
      ? {
          properties: {
            sessionExpiryInterval: anyOf(random, [0, 1, 60, 0xffffffff]),
            receiveMaximum: anyOf(random, [1, 10, 65_535]),
            maximumPacketSize: anyOf(random, [100, 2_000, 0xffffffff]),
            topicAliasMaximum: anyOf(random, [0, 10]),
            requestProblemInformation: random.chance(0.5),
          },
        }
      : {}),
  }
}

const topicFor = (random: Random): string =>
  random.chance(0.9)
    ? anyOf(random, sampleTopics)
    : anyOf(random, ['a', '$SYS/x', 'x/y', '/'.repeat(20), 'a\0b', '\u{1f4a9}', 'a/'.repeat(31), 'x'.repeat(1_024), 'x'.repeat(1_025)])

const payloadFor = (random: Random): Uint8Array => {
  if (random.chance(0.02)) return new Uint8Array(anyOf(random, [65_535, 65_536, 65_537, 100_000, 1_048_577])).fill(0x41)
  if (random.chance(0.03)) return new Uint8Array(0)
  return mutatedPayload(random, anyOf(random, samples).payload)
}

const filters = [
  '#',
  '+/#',
  'dwr/+/+/hardware/+',
  `${deviceRoot}/#`,
  '$SYS/#',
  '$share/g/dwr/#',
  'a//+',
  '+',
  'x'.repeat(500),
  'a/#/b',
  'a+',
  '',
]
const id = (random: Random): number => anyOf(random, [1, 2, 3, random.between(1, 65_535)])

type Sink = { write: (chunk: Uint8Array | string) => boolean; destroy: (error?: Error) => void; cork: () => void; uncork: () => void }

/** mqtt-packet writes no packet that MQTT does not allow: then another one is made; mutations make the others. */
const packetBytes = (random: Random, version: Version, make = packetOf): Uint8Array => {
  for (;;) {
    const pieces: Buffer[] = []
    const refusals: unknown[] = []
    const sink: Sink = {
      // Of a length beyond 65,535 there is no number to write.
      write: (chunk: Uint8Array | string | undefined) => {
        if (chunk === undefined) refusals.push(chunk)
        else pieces.push(Buffer.from(chunk as string))
        return true
      },
      destroy: (error) => void refusals.push(error),
      cork: () => undefined,
      uncork: () => undefined,
    }
    writeToStream(make(random, version), sink as unknown as NodeJS.WritableStream, { protocolVersion: version })
    if (refusals.length === 0 && pieces.length > 0) return Buffer.concat(pieces)
  }
}

const packetOf = (random: Random, version: Version): Packet => {
  const messageId = id(random)
  const packet = random.chance(0.65) ? publishOf(random, version, messageId) : otherOf(random, version, messageId)
  return packet as Packet
}

const publishOf = (random: Random, version: Version, messageId: number): unknown => ({
  cmd: 'publish',
  topic: topicFor(random),
  payload: Buffer.from(payloadFor(random)),
  qos: anyOf(random, [0, 1, 1, 1, 2, 2]),
  dup: random.chance(0.1),
  retain: random.chance(0.1),
  messageId,
  ...(version === 5 && random.chance(0.4)
    ? {
        properties: {
          ...(random.chance(0.4) ? { topicAlias: anyOf(random, [1, 2, 16, 17, 65_535]) } : {}),
          messageExpiryInterval: anyOf(random, [0, 1, 0xffffffff]),
          payloadFormatIndicator: random.chance(0.5),
          contentType: 'application/json',
          userProperties: { a: 'b', __proto__x: 'y'.repeat(random.between(0, 200)) },
        },
      }
    : {}),
})

const otherOf = (random: Random, version: Version, messageId: number): unknown =>
  anyOf(random, [
    {
      cmd: 'subscribe',
      messageId,
      subscriptions: Array.from({ length: random.between(1, 4) }, () => ({
        topic: anyOf(random, filters),
        qos: anyOf(random, [0, 1, 2]),
        nl: false,
        rap: true,
        rh: 1,
      })),
    },
    { cmd: 'unsubscribe', messageId, unsubscriptions: [anyOf(random, filters), 'a'] },
    { cmd: 'pingreq' },
    { cmd: 'pubrel', messageId },
    { cmd: 'pubrel', messageId },
    { cmd: 'pubrec', messageId },
    { cmd: 'puback', messageId },
    { cmd: 'pubcomp', messageId },
    { cmd: 'disconnect', ...(version === 5 ? { reasonCode: anyOf(random, [0, 4, 0x82]) } : {}) },
    { cmd: 'connect', protocolId: 'MQTT', protocolVersion: version === 3 ? 4 : version, clientId: 'second', clean: true, keepalive: 0 },
    ...(version === 5
      ? [{ cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'x', authenticationData: Buffer.from('y') } }]
      : []),
  ])
