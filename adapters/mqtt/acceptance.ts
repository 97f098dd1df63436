/**
 * What happens to one message: rights, hand-over, acknowledgement in arrival order, then live subscribers. The port's
 * `onMessage` and `send` are here. aedes asks `authorizePublish` (before the acknowledgement, also for wills) and then calls
 * `publish`, which we replace: what aedes would store after the PUBACK is already stored, and publishers do not wait for
 * subscribers.
 */
import type { Aedes } from 'aedes'
import type { DeviceLink, DeviceMessage } from '../../model/ports.ts'
import type { StoredPacket } from '../lmdb/broker-packets.ts'
import type { BrokerPersistence } from '../lmdb/broker-persistence.ts'
import type { Queued } from '../lmdb/broker-sessions.ts'
import type { FoundSubscription } from '../lmdb/broker-subscriptions.ts'
import { type Connection, isPublishable } from './admission.ts'
import type { Accepted, ArrivingPacket, Done, ForwardedPacket, SeamBroker, SeamClient } from './aedes-seam.ts'
import { type BrokerLimits, isLogTopic } from './limits.ts'
import { filterMatches } from './topic-filter.ts'
import { createWillTurns } from './will-turns.ts'

export type Acceptance = {
  hooks: Pick<Aedes, 'authorizePublish' | 'authorizeForward'>
  attach: (broker: SeamBroker) => void
  onMessage: DeviceLink['onMessage']
  send: DeviceLink['send']
  lastMessageAtMs: () => number | null
  counts: () => { accepted: AcceptedCounts; droppedForSlowSubscribers: number; handlerRejections: number }
  /** A client comes back: what is to be said of its last connection is said first. */
  beforeAdmission: (clientId: string) => void
  stopWills: () => void
  /** Resolves when nothing is being handed over. */
  settled: () => Promise<void>
}
export type AcceptedCounts = { qos0: number; qos1: number; qos2: number; wills: number; cut: number }

export type AcceptanceDeps = {
  limits: BrokerLimits
  store: BrokerPersistence
  nowMs: () => number
  refuse: (reason: string) => void
  connectionOf: (client: unknown) => Connection | undefined
  isTakenOver: (client: SeamClient) => boolean
}

type Kept = { queued: Queued[]; synced: Promise<unknown> }
type Handler = (message: DeviceMessage) => Promise<void>
const qosNames = ['qos0', 'qos1', 'qos2'] as const
const alreadyHandedOver = Promise.resolve()

export const createAcceptance = ({ limits, store, nowMs, refuse, connectionOf, isTakenOver }: AcceptanceDeps): Acceptance => {
  const accepted: AcceptedCounts = { qos0: 0, qos1: 0, qos2: 0, wills: 0, cut: 0 }
  let handler: Handler | null = null
  let broker: SeamBroker | null = null
  let lastMessageAtMs: number | null = null
  let dropped = 0
  let handlerRejections = 0
  let inHand = 0
  let stopped = false
  const idle: (() => void)[] = []
  const wills = createWillTurns()

  const countInHand = (change: 1 | -1): void => {
    inHand += change
    if (inHand === 0) for (const tell of idle.splice(0)) tell()
  }

  /** Null when it may go on. */
  const refusalOf = (connection: Connection, packet: ArrivingPacket, isWill: boolean): string | null => {
    if (isWill && stopped) return 'stopping'
    if (!isPublishable(packet.topic, limits)) return 'topicInvalid'
    if (!connection.rights.mayPublish(packet.topic)) return 'topicForbidden'
    return null
  }

  const authorizePublish = (client: SeamClient | null, packet: ArrivingPacket, callback: Done): void => {
    const connection = connectionOf(client)
    const isWill = (packet.cmd as string | undefined) !== 'publish'
    const refusal = connection ? refusalOf(connection, packet, isWill) : 'unknownConnection'
    if (!connection || refusal !== null) {
      refuse(refusal ?? 'unknownConnection')
      callback(new Error(refusal ?? 'unknownConnection'))
      return
    }
    const hand = handler
    if (hand === null) {
      refuse('notReady') // Nobody to hand it to yet: no answer at all, so that the device keeps it and comes again.
      if (isWill) callback(new Error('notReady'))
      else connection.client.conn.destroy()
      return
    }
    if (isWill) prepareWill(packet, limits)
    const { messageId } = packet
    const isQos2 = packet.qos === 2 && messageId !== undefined && !isWill
    if (isQos2 && !roomForQos2(connection, messageId)) {
      refuse('inFlightMax')
      connection.client.conn.destroy()
      return
    }

    connection.guard.countInFlight(1)
    countInHand(1)
    const gate = isQos2 ? handOverOnce(hand, connection, packet, messageId) : handOver(hand, connection, packet, isWill)
    const settle = (): void => {
      connection.guard.countInFlight(-1)
      countInHand(-1)
    }
    gate.then(settle, () => {
      handlerRejections++
      settle()
    })
    if (isWill) acceptWill(gate, callback)
    else {
      connection.order.add(gate, () => {
        accepted[qosNames[packet.qos]]++
        if (packet.qos === 1 && messageId !== undefined) acknowledge(connection, packet, messageId, callback)
        else callback(null)
      })
    }
  }

  /** The PUBACK is ours; for aedes the message then is one of QoS 0, which it publishes without writing another. */
  const acknowledge = (connection: Connection, packet: ArrivingPacket, messageId: number, callback: Done): void => {
    connection.acks.add(messageId, () => {
      packet.qos = 0
      callback(null)
    })
  }

  /** Its connection is gone, so nobody sends it again: when the handler rejects, the device's silence must tell. */
  const acceptWill = (gate: Promise<unknown>, callback: Done): void => {
    gate.then(
      () => {
        accepted.wills++
        callback(null)
      },
      (error: unknown) => {
        refuse('willLost')
        callback(error as Error)
      },
    )
  }

  const roomForQos2 = ({ client, handingOver }: Connection, messageId: number): boolean =>
    store.hasIncoming(client.id, messageId) ||
    handingOver?.has(messageId) === true ||
    store.incomingCount(client.id) + (handingOver?.size ?? 0) < limits.inFlightMax

  /** [MQTT-4.3.3-2]: between PUBREC and PUBREL the same packet id is the same message. */
  const handOverOnce = (hand: Handler, connection: Connection, packet: ArrivingPacket, messageId: number): Promise<unknown> => {
    const running = connection.handingOver?.get(messageId)
    if (running || store.hasIncoming(connection.client.id, messageId)) {
      packet.accepted = { qos: 2, forward: false, queued: [] }
      return running ?? alreadyHandedOver
    }
    const gate = handOver(hand, connection, packet, false)
    connection.handingOver ??= new Map()
    connection.handingOver.set(messageId, gate) // Until aedes has stored the id and publishes.
    return gate
  }

  const handOver = (hand: Handler, connection: Connection, packet: ArrivingPacket, isWill: boolean): Promise<unknown> => {
    const receivedAtMs = nowMs()
    // Cut messages and topics that MQTT does not allow are for the dead letters only.
    const forward = packet.cutFromBytes === undefined && !packet.topic.includes('\0') && !packet.topic.includes('\uFFFD')
    const found = forward && packet.qos > 0 ? store.matching(packet.topic) : []
    const keeps = forward && (packet.retain || found.length > 0)
    if (keeps) {
      const full = store.refusal('progress')
      if (full) {
        refuse('diskFull')
        return Promise.reject(full)
      }
    }
    lastMessageAtMs = receivedAtMs
    const cutFromBytes = packet.cutFromBytes ?? null
    if (cutFromBytes !== null) accepted.cut++
    const tellsTakeovers = !isWill && !connection.areTakeoversTold
    if (tellsTakeovers) connection.areTakeoversTold = true
    const handled = hand({
      topic: packet.topic,
      payload: packet.payload as Buffer,
      cutFromBytes,
      qos: packet.qos,
      dup: !isWill && packet.dup,
      retain: packet.retain,
      storedCopy: false,
      packetId: isWill ? null : (packet.messageId ?? null),
      clientId: connection.client.id,
      sessionId: connection.sessionId,
      connection: connection.connection,
      receivedAtMs,
      ...(tellsTakeovers ? { takeovers: connection.takeovers } : {}),
    })
    packet.accepted = { qos: packet.qos, forward, queued: [] }
    if (!keeps) return handled
    const keepNow = (): Kept => {
      const kept = keep(packet, found, receivedAtMs)
      packet.accepted = { qos: packet.qos, forward, queued: kept.queued }
      return kept
    }
    // Near the log's mark the log is asked first: what it refuses comes again, and again.
    if (store.refusal('accept')) return handled.then(() => keepNow().synced)
    const kept = keepNow()
    return Promise.all([handled.catch((error: unknown) => takeBack(found, kept, error)), kept.synced])
  }

  const takeBack = (found: readonly { clientId: string }[], { queued }: Kept, error: unknown): never => {
    store.takeBack(found, queued)
    throw error
  }

  /** Retained copy and queues of persistent sessions. */
  const keep = (packet: ArrivingPacket, found: readonly FoundSubscription[], receivedAtMs: number): Kept => {
    const expiresInSeconds = packet.properties?.messageExpiryInterval ?? 0
    if (expiresInSeconds > 0) packet.messageExpiry = receivedAtMs + expiresInSeconds * 1_000
    const { queued, synced } = store.enqueue(found, { ...(packet as unknown as StoredPacket), retain: false, dup: false })
    return { queued, synced: packet.retain ? Promise.all([synced, store.storeRetained(storedForm(packet))]) : synced }
  }

  /** To the subscribers that are connected. Does not wait for them. */
  const forward = (target: SeamBroker, packet: ArrivingPacket, { qos, queued }: Accepted, clientId: string | undefined): void => {
    const brokerCounter = ++target.counter
    for (const { packet: waiting } of queued) Object.assign(waiting, { brokerId: target.id, brokerCounter })
    target.mq.emit(
      { ...storedForm(packet), qos, brokerId: target.id, brokerCounter, ...(clientId === undefined ? {} : { clientId }) },
      ignore,
    )
  }

  return {
    hooks: {
      authorizePublish: ((client: SeamClient | null, packet: ArrivingPacket, callback: Done) => {
        const isWill = (packet.cmd as string | undefined) !== 'publish'
        // Of a connection that was taken over: the next one is admitted already, and may speak at any moment.
        const mayWait = isWill && client !== null && !isTakenOver(client)
        if (mayWait) wills.add(client.id, () => authorizePublish(client, packet, callback))
        else authorizePublish(client, packet, callback)
      }) as unknown as Aedes['authorizePublish'],
      authorizeForward: (client, packet) => {
        const connection = connectionOf(client)
        if (!connection?.rights.mayReceive(packet.topic)) return null
        const { maximumPacketSize } = client
        if (maximumPacketSize !== undefined && bytesOf(packet) > maximumPacketSize) return null // [MQTT-3.1.2-24]
        if (client.conn.writableLength < limits.outgoingBytesMax) return packet
        dropped++
        if (Math.min(packet.qos, grantedQos(connection.client, packet.topic)) === 0) return null
        client.conn.destroy() // Its session keeps the message, if it has one.
        return packet
      },
    },

    attach: (target) => {
      broker = target
      const publish = target.publish.bind(target)
      target.publish = (packet, client, done) => {
        if (typeof client === 'function' || client === null || packet.accepted === undefined) publish(packet, client, done)
        else {
          if (packet.qos === 2 && packet.messageId !== undefined) connectionOf(client)?.handingOver?.delete(packet.messageId)
          if (packet.accepted.forward) forward(target, packet, packet.accepted, client.id)
          done?.()
        }
      }
    },

    onMessage: (next) => {
      handler = next
    },

    send: async (topic, payload, qos) => {
      if (broker === null || stopped) throw new Error('the broker is stopped')
      const packet = {
        cmd: 'publish',
        topic,
        payload: Buffer.from(payload),
        qos,
        retain: false,
        dup: false,
      } as ArrivingPacket
      const found = qos > 0 ? store.matching(topic) : []
      const { queued, synced } = keep(packet, found, nowMs())
      await synced
      forward(broker, packet, { qos, forward: true, queued }, undefined)
    },

    lastMessageAtMs: () => lastMessageAtMs,
    counts: () => ({ accepted: { ...accepted }, droppedForSlowSubscribers: dropped, handlerRejections }),
    beforeAdmission: wills.sendOf,
    stopWills: () => {
      wills.sendAll()
      stopped = true
    },
    settled: () => (inHand === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
  }
}

/** A PUBLISH on the wire, rather too much than too little: header, lengths and packet id take at most 13 bytes. */
const bytesOf = ({ topic, payload, properties }: ForwardedPacket): number =>
  13 + Buffer.byteLength(topic) + payload.length + (properties === undefined ? 0 : Buffer.byteLength(JSON.stringify(properties)))

/** The best QoS of the subscriptions that match; asked only of slow subscribers. */
const grantedQos = ({ subscriptions }: SeamClient, topic: string): number =>
  Object.entries(subscriptions).reduce((best, [filter, { qos }]) => (filterMatches(filter, topic) ? Math.max(best, qos) : best), 0)

const storedForm = ({ topic, payload, qos, retain, properties, messageExpiry }: ArrivingPacket): StoredPacket => ({
  cmd: 'publish',
  topic,
  payload: payload as Buffer,
  qos,
  retain,
  dup: false, // [MQTT-3.3.1-3]
  messageId: undefined,
  ...(properties === undefined ? {} : { properties: properties }),
  ...(messageExpiry === undefined ? {} : { messageExpiry }),
})

/** A will comes inside the CONNECT, past the frame guard, and with properties that are none of a PUBLISH. */
const prepareWill = (will: ArrivingPacket, limits: BrokerLimits): void => {
  const properties = will.properties as Record<string, unknown> | undefined
  if (properties?.['willDelayInterval'] !== undefined) {
    const { willDelayInterval: _delay, ...published } = properties
    will.properties = published
  }
  const payload = Buffer.from(will.payload)
  will.payload = payload
  if (payload.length <= (isLogTopic(will.topic) ? limits.logPayloadBytesMax : limits.payloadBytesMax)) return
  will.cutFromBytes = payload.length
  will.payload = payload.subarray(0, limits.cutPayloadBytesKept)
}

const ignore = (): void => undefined
