/**
 * Exchanges of `mqtt-inputs.ts` over TCP against the program. What was acknowledged is noted per client and packet id; at the end
 * of each turn the program is killed with SIGKILL, and its log must hold an event or a dead letter for each of them.
 */
import { connect as connectSocket, type Socket } from 'node:net'
import { type Packet, parser } from 'mqtt-packet'
import { createDeadLetterCodec, createEventCodec } from '../../adapters/avro/event-codec.ts'
import { openEnvironment } from '../../adapters/lmdb/environment.ts'
import { openEventLog } from '../../adapters/lmdb/event-log.ts'
import { systemClock } from '../../adapters/system/clock-ids-digest.ts'
import type { EventSource } from '../../model/event.ts'
import type { LogTopic } from '../../model/ports.ts'
import { createCounts, Finding, gone, type Input, type Target } from './fuzz-target.ts'
import { connectionsMax, follow, mqttExchange } from './mqtt-inputs.ts'
import type { Program } from './program.ts'
import { shippedMap } from './whole-path.ts'

const pauseMs = 5
/** After its last byte a connection is left to answer until it is quiet this long. */
const quietMs = 15
const exchangeMs = 1_500
/** Sockets that stay open, with whatever they have begun, while others come. */
const lingeringMax = 300

/** Acknowledged, by `clientId`, QoS and packet id. */
type Acked = Map<string, number>

export const mqttTarget = (program: Program): Target => {
  const { add, counts } = createCounts()
  const acked: Acked = new Map()
  const lingering: Wire[] = []
  const inputOf = new Map<string, Input>()
  const readTo = new Map<string, number>()
  const kept: Acked = new Map()

  /** Its last acknowledgements have come by now, or never will. */
  const closeOldest = (left: number): void => {
    for (const wire of lingering.splice(0, Math.max(0, lingering.length - left))) {
      wire.socket.destroy()
      for (const [key, times] of ackedOf(wire)) {
        inputOf.set(key, wire.input)
        acked.set(key, (acked.get(key) ?? 0) + times)
        add('acknowledged', times)
      }
    }
  }

  const check = async (input: Input): Promise<void> => {
    const wires = await exchange(program.recorder.ports.mqtt, input)
    for (const { closed } of wires) add(closed ? 'connections closed by the broker' : 'connections left open')
    lingering.push(...wires)
    closeOldest(lingeringMax)
  }

  const finish = async (): Promise<void> => {
    await program.kill()
    closeOldest(0)
    try {
      await readLog(program.dataDir, readTo, kept)
      for (const [key, times] of acked) {
        if ((kept.get(key) ?? 0) >= times) continue
        throw new Finding(
          'an acknowledged message is not in the log',
          `${key}: acknowledged ${times}, in the log ${kept.get(key) ?? 0}`,
          inputOf.get(key),
        )
      }
      add(
        'acknowledged and in the log after kill -9',
        [...acked.values()].reduce((sum, times) => sum + times, 0),
      )
    } finally {
      acked.clear()
      inputOf.clear()
      kept.clear()
      await program.ensureRunning()
    }
  }
  return {
    name: 'mqtt',
    inputsAtOnce: 48,
    inputOf: mqttExchange,
    check,
    prepare: program.ensureRunning,
    settle: program.checkHealth,
    finish,
    counts,
  }
}

type Wire = { input: Input; socket: Socket; sent: Buffer[]; received: Buffer[]; closed: boolean }

const exchange = async (port: number, input: Input): Promise<Wire[]> => {
  const wires: (Wire | undefined)[] = []
  const endMs = performance.now() + exchangeMs
  for (const part of input) {
    const index = (part[0] ?? 0) % connectionsMax
    const wire = (wires[index] ??= await open(port, input))
    const bytes = Buffer.from(part.subarray(2))
    if (!wire.closed && bytes.length > 0) {
      wire.sent.push(bytes)
      wire.socket.write(bytes)
    }
    const then = part[1]
    if (then === follow.pause) await delay(pauseMs)
    else if (then === follow.end) wire.socket.end()
    else if (then === follow.destroy) wire.socket.destroy()
  }
  const opened = wires.filter((wire) => wire !== undefined)
  for (let heard = -1; performance.now() < endMs; ) {
    await delay(quietMs)
    const now = opened.reduce((sum, { received }) => sum + received.length, 0)
    if (now === heard) break
    heard = now
  }
  return opened
}

const open = async (port: number, input: Input): Promise<Wire> => {
  const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
  const wire: Wire = { input, socket, sent: [], received: [], closed: false }
  socket.on('data', (bytes: Buffer) => wire.received.push(bytes))
  socket.on('close', () => (wire.closed = true))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (error) => reject(new Finding(gone, error.message)))
  })
  socket.on('error', () => undefined)
  return wire
}

const delay = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

const packetsOf = (bytes: readonly Buffer[], protocolVersion: number): Packet[] => {
  const decoder = parser({ protocolVersion })
  const packets: Packet[] = []
  decoder.on('packet', (packet: Packet) => packets.push(packet))
  decoder.on('error', () => undefined)
  try {
    for (const piece of bytes) decoder.parse(piece)
  } catch {
    // What was sent may be anything; what stood before it was read.
  }
  return packets
}

/**
 * PUBACKs and PUBRECs that promise something, of a client whose CONNECT is whole and whose id is its own. What MQTT says is
 * no message for us (retained and empty, a topic that the mapping ignores) promises nothing; which packet id that was is read
 * from what we sent, by the parser that the broker has.
 */
const ackedOf = ({ sent, received }: Wire): Acked => {
  const acked: Acked = new Map()
  const first = packetsOf(sent, 4)[0]
  if (first?.cmd !== 'connect' || !/^fuzz-[0-9a-f-]{36}$/.test(first.clientId)) return acked
  const version = first.protocolVersion ?? 4
  const silent = new Set(
    packetsOf(sent, version).flatMap((packet) =>
      packet.cmd === 'publish' && isNoMessage(packet.topic, packet.retain, packet.payload.length) ? [packet.messageId] : [],
    ),
  )
  for (const packet of packetsOf(received, version)) {
    if ((packet.cmd !== 'puback' && packet.cmd !== 'pubrec') || silent.has(packet.messageId) || (packet.reasonCode ?? 0) >= 0x80) continue
    const key = keyOf(first.clientId, packet.cmd === 'puback' ? 1 : 2, packet.messageId ?? 0)
    // A PUBREC may be repeated for one and the same message.
    acked.set(key, packet.cmd === 'puback' ? (acked.get(key) ?? 0) + 1 : 1)
  }
  return acked
}

/** An empty topic with an alias may name any topic that came before. */
const isNoMessage = (topic: string, retain: boolean, payloadBytes: number): boolean =>
  topic === '' || (retain && payloadBytes === 0) || shippedMap.resolve(topic).kind === 'ignored'

const keyOf = (clientId: string, qos: number, packetId: number): string => `${clientId} qos ${qos} id ${packetId}`

const events = createEventCodec()
const letters = createDeadLetterCodec()

/** Counts what the log has got since the last time. A batch counts once for each of its messages: never too little. */
const readLog = async (dataDir: string, readTo: Map<string, number>, kept: Acked): Promise<void> => {
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
  const count = (source: EventSource): void => {
    const key = keyOf(source.clientId, source.qos, source.packetId ?? 0)
    kept.set(key, (kept.get(key) ?? 0) + 1)
  }
  try {
    for (const topic of ['device-events', 'dead-letters'] as const satisfies LogTopic[]) {
      for (let partition = 0; partition < log.partitionCount(topic); partition++) {
        const place = `${topic}:${partition}`
        const { next } = await log.bounds(topic, partition)
        for await (const { value } of log.read(topic, partition, readTo.get(place) ?? 0, next)) {
          const source = sourceOf(topic, value)
          if (source !== null) count(source)
        }
        readTo.set(place, next)
      }
    }
  } finally {
    await log.close()
    await environment.close()
  }
}

/** Null for what is no message of its own: a Quarantined body stands beside its dead letter. */
const sourceOf = (topic: LogTopic, value: Uint8Array): EventSource | null => {
  if (topic === 'dead-letters') {
    const letter = letters.decode(value)
    if (!letter.ok) throw new Finding('a dead letter of the log does not decode', letter.reason)
    return letter.value.source
  }
  const decoded = events.decode(value)
  if (!decoded.ok) throw new Finding('an event of the log does not decode', decoded.reason)
  return decoded.event.bodies[0]?.kind === 'Quarantined' ? null : decoded.event.source
}
