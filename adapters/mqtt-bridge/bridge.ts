/**
 * The bridge to an outside MQTT broker, as a `DeviceLink`. Before: the broker, with what devices published. After:
 * `ingest/accept.ts` (the handler), whose promise gates the PUBACK that we give to the broker.
 *
 * One persistent session under a fixed name, subscribed with QoS 1 at most: with QoS 2 MQTT.js writes PUBREC before we see
 * the message, and a kill between it and PUBREL would lose one that the broker counts as delivered. Each connection is a
 * client and a window of its own (`hand-over.ts`), so a late PUBACK can never hit a packet id of the next connection. When
 * the handler rejects, or the window has been full for half a keep-alive, the connection is dropped on purpose and the
 * broker keeps the messages; we come back when nothing of the old connection is in hand any more, that is: when the log
 * answers again.
 *
 * Retained copies that the broker sends on subscribe are `storedCopy`: they are asked for by MQTT 5's Retain Handling 1 only
 * with a new subscription. `$share` filters should bring none [MQTT-5: 4.8.2]; Mosquitto 2.0.11 sends them all the same.
 */
import { randomUUID } from 'node:crypto'
import type { DeviceLink, DeviceMessage } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { atMost } from '../../runtime/within.ts'
import { isLogTopic } from '../mqtt/limits.ts'
import { type BrokerAddress, clientOptions, keepAliveSeconds, shownUrl } from './client-options.ts'
import { type BrokerConnection, type Granted, openConnection } from './connection.ts'
import { createHandOver, type HandOver } from './hand-over.ts'
import { type BridgeSession, nextSession, openSessionFile, type SessionFile } from './session-file.ts'

export type BridgeOptions = {
  address: BrokerAddress
  /** Topic filters, without `$share`. */
  filters: readonly string[]
  /** Several instances share the messages: `$share/<group>/<filter>`. Null: this one gets all. */
  shareGroup: string | null
  /** Where the session is remembered; null with a session that is not persistent. */
  sessionFile: string | null
  limits: { payloadBytesMax: number; logPayloadBytesMax: number; cutPayloadBytesKept: number }
  /** Topics that are ours to write and come back to us: acknowledged, not handed over. */
  isOwnTopic?: (topic: string) => boolean
  messagesMax?: number
  bytesMax?: number
  /** First and longest wait before the next connection; doubled each time, with jitter. Bridges are few, and a broker may keep nothing for one that is away. */
  backOffMs?: { first: number; max: number }
  fullForMsMax?: number
  nowMs?: () => number
  /** Broker out of reach, login or subscription refused, granted less than asked. It is tried again for ever. */
  onProblem?: (error: AppError) => void
}

export type BridgeStats = {
  connected: boolean
  /** Connections since the program started. */
  connections: number
  session: BridgeSession | null
  granted: readonly Granted[]
  received: { qos0: number; qos1: number; qos2: number; storedCopies: number; redelivered: number; own: number; cut: number }
  /** Connections dropped on purpose, since the log did not take messages. */
  droppedOnPurpose: number
  waiting: { messages: number; bytes: number }
}

export type Bridge = DeviceLink & { stats: () => BridgeStats }

/** Messages not yet in the log: a batch of the log is at most 2,000, so two are on their way. */
export const windowMessagesMax = 4_000
export const windowBytesMax = 64 * 1024 * 1024
const stopWithinMs = 5_000
const watchEveryMs = 1_000
/** A refused filter: rights are changed by hand. */
const askAgainEveryMs = 60_000

export const startBridge = (options: BridgeOptions): Bridge => {
  const { address, nowMs = Date.now, onProblem = () => undefined, isOwnTopic = () => false } = options
  const { messagesMax = windowMessagesMax, bytesMax = windowBytesMax, backOffMs = { first: 500, max: 5_000 } } = options
  const fullForMsMax = options.fullForMsMax ?? (keepAliveSeconds * 1_000) / 2
  const filters = options.filters.map((filter) => (options.shareGroup === null ? filter : `$share/${options.shareGroup}/${filter}`))
  const file = options.sessionFile === null ? forgetful() : openSessionFile(options.sessionFile)
  const received = { qos0: 0, qos1: 0, qos2: 0, storedCopies: 0, redelivered: 0, own: 0, cut: 0 }
  let handler: ((message: DeviceMessage) => Promise<void>) | null = null
  let running: Promise<void> | null = null
  let current: { connection: BrokerConnection; window: HandOver } | null = null
  let session: BridgeSession | null = null
  let granted: readonly Granted[] = []
  let ready = false
  let stopping: Promise<void> | undefined
  let wake: () => void = () => undefined
  let lastMessageAtMs: number | null = null
  let connections = 0
  let droppedOnPurpose = 0
  /** The newest attempt failed by the broker's word. */
  let isRefused = false
  /** Messages whose promises have not settled, of this connection and of earlier ones. */
  let inHand = 0
  const settledListeners: (() => void)[] = []

  const settled = (): Promise<void> => (inHand === 0 ? Promise.resolve() : new Promise((resolve) => settledListeners.push(resolve)))

  const settle = (): void => {
    inHand--
    if (inHand === 0) for (const tell of settledListeners.splice(0)) tell()
  }

  const handOver = (hand: NonNullable<typeof handler>, message: IncomingMessage): Promise<void> => {
    inHand++
    return hand(messageOf(message))
  }

  const messageOf = ({ topic, payload, qos, dup, retain, messageId }: IncomingMessage): DeviceMessage => {
    const isCut = payload.length > payloadBytesMaxOf(topic, payload.length)
    if (isCut) received.cut++
    if (retain) received.storedCopies++
    if (dup) received.redelivered++
    received[qosNames[qos]]++
    lastMessageAtMs = nowMs()
    return {
      topic,
      payload: isCut ? Buffer.from(payload.subarray(0, options.limits.cutPayloadBytesKept)) : payload,
      cutFromBytes: isCut ? payload.length : null,
      qos,
      dup,
      retain: false,
      storedCopy: retain,
      packetId: messageId,
      clientId: address.clientId,
      sessionId: address.persistent ? (session?.id ?? null) : null,
      connection: address.persistent ? (session?.connection ?? 0) : 0,
      receivedAtMs: lastMessageAtMs,
    }
  }

  /** The topic is looked at for large ones only. */
  const payloadBytesMaxOf = (topic: string, bytes: number): number => {
    const { payloadBytesMax, logPayloadBytesMax } = options.limits
    if (bytes <= payloadBytesMax && bytes <= logPayloadBytesMax) return bytes
    return isLogTopic(topic) ? logPayloadBytesMax : payloadBytesMax
  }

  /** One connection, from CONNECT to close. Rejects when it could not be made. */
  const connectOnce = async (hand: NonNullable<typeof handler>): Promise<void> => {
    let connection: BrokerConnection | null = null
    const drop = (): void => {
      droppedOnPurpose++
      window.end()
      connection?.drop()
    }
    const window = createHandOver({
      messagesMax,
      bytesMax,
      nowMs,
      write: (bytes) => connection?.write(bytes),
      goOn: () => connection?.readOn(),
      failed: drop,
      settled: settle,
    })
    const opened = await openConnection(address.url, clientOptions(address, messagesMax), {
      connected: (sessionPresent, itself) => {
        connection = itself
        session = nextSession(file.read(), sessionPresent, randomUUID)
        file.write(session)
      },
      message: (message) => {
        if (isOwnTopic(message.topic)) {
          received.own++
          inHand++
          return window.take(message.messageId, 0, Promise.resolve())
        }
        return window.take(message.messageId, message.payload.length, handOver(hand, message))
      },
      messageOfQos2: ({ topic, payload, dup, retain, messageId }, proceed) => {
        const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
        const gate = handOver(hand, { topic, payload: bytes, qos: 2, dup, retain, messageId: messageId ?? null })
        gate.then(settle, settle)
        gate.then(proceed, drop)
      },
      malformed: (reason) => onProblem(new AppError('MQTT_UNAVAILABLE', `${shownUrl(address.url)} sent what is no MQTT: ${reason}`)),
    })
    connections++
    isRefused = false
    current = { connection: opened, window }
    const watch = setInterval(() => {
      const sinceMs = window.fullSinceMs()
      if (sinceMs !== null && nowMs() - sinceMs >= fullForMsMax) drop()
    }, watchEveryMs)
    const askAgain = setInterval(() => {
      if (!ready) renewSubscriptions(opened).catch(() => opened.drop())
    }, askAgainEveryMs)
    try {
      await renewSubscriptions(opened)
      await opened.closed
    } catch (error) {
      opened.drop()
      throw error
    } finally {
      clearInterval(watch)
      clearInterval(askAgain)
      ready = false
      current = null
      window.end()
      await opened.closed
    }
  }

  /**
   * A session that the broker kept holds its filters; asked again, it would send all retained copies once more (3.1.1). Those
   * of a group are asked for at each connection: Mosquitto 2.0.11 keeps the session over its own restart and forgets its
   * `$share` filters. Copies that come with them do no harm, a group that gets nothing does. What is refused is asked again
   * later, while the others work: the link is not ready before all are granted.
   */
  const renewSubscriptions = async (connection: BrokerConnection): Promise<void> => {
    const known = session?.filters ?? []
    const held = options.shareGroup === null ? known : []
    await connection.unsubscribe(known.filter((filter) => !filters.includes(filter)))
    const answers = await connection.subscribe(filters.filter((filter) => !held.includes(filter)))
    granted = [...granted.filter(({ filter }) => held.includes(filter)), ...answers]
    const refused = answers.filter(({ qos }) => qos === null).map(({ filter }) => filter)
    if (session !== null) {
      session = { ...session, filters: filters.filter((filter) => !refused.includes(filter)) }
      file.write(session)
    }
    ready = refused.length === 0
    if (!ready) {
      onProblem(new AppError('MQTT_SUBSCRIPTION_REFUSED', `Expected ${shownUrl(address.url)} to grant ${refused.join(', ')}; it refused`))
    }
    const lower = answers.filter(({ qos }) => qos === 0).map(({ filter }) => filter)
    if (lower.length > 0) {
      const message = `Expected QoS 1 for ${lower.join(', ')}, got QoS 0: what is lost on the way to us is not sent again`
      onProblem(new AppError('MQTT_SUBSCRIPTION_REFUSED', message))
    }
  }

  const run = async (hand: NonNullable<typeof handler>): Promise<void> => {
    let failures = 0
    while (stopping === undefined) {
      const before = droppedOnPurpose
      try {
        await connectOnce(hand)
        failures = droppedOnPurpose > before ? failures + 1 : 0
      } catch (error) {
        failures++
        const problem =
          error instanceof AppError
            ? error
            : new AppError('MQTT_UNAVAILABLE', `${shownUrl(address.url)}: ${String(error)}`, { cause: error })
        isRefused = problem.code !== 'MQTT_UNAVAILABLE'
        onProblem(problem)
      }
      if (isStopping()) return
      await settled()
      const waitMs = Math.min(backOffMs.max, backOffMs.first * 2 ** Math.min(failures, 10))
      await pause(waitMs * (0.5 + Math.random() / 2))
    }
  }

  const isStopping = (): boolean => stopping !== undefined

  /** Whose fault it is that it is not ready: the broker answers and lets us not in, or our log takes nothing. */
  const isOurs = (): boolean => current !== null || inHand > 0 || isRefused

  const waitsFor = (): string => {
    if (current !== null) return `${shownUrl(address.url)} grants not all of ${filters.join(', ')}`
    if (inHand > 0) return `the log has not taken ${inHand} messages of the last connection`
    return `no connection to ${shownUrl(address.url)}`
  }

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const stop = async (): Promise<void> => {
    wake()
    const ending = current
    if (ending !== null) {
      ending.window.pause()
      await atMost(stopWithinMs, settled())
      await new Promise((resolve) => setImmediate(resolve)) // The PUBACKs of the last batch are written in this turn.
      await atMost(stopWithinMs, ending.connection.end())
      ending.connection.drop()
    }
    await running
  }

  return {
    onMessage: (next) => {
      handler = next
      running ??= run((message) => (handler ?? next)(message))
    },
    send: async (topic, payload, qos) => {
      if (current === null || !ready) throw new AppError('MQTT_UNAVAILABLE', `Not connected to ${shownUrl(address.url)}`)
      await current.connection.send(topic, payload, qos)
    },
    health: () => ({
      connected: ready && stopping === undefined,
      ...(ready ? {} : { waitsFor: waitsFor() }),
      outside: { broker: shownUrl(address.url), clientId: address.clientId, fault: isOurs() ? 'our-bridge' : 'broker' },
      lastMessageAtMs,
      connections: ready ? 1 : 0,
    }),
    stats: () => ({
      connected: ready,
      connections,
      session,
      granted,
      received: { ...received },
      droppedOnPurpose,
      waiting: current?.window.waiting() ?? { messages: 0, bytes: 0 },
    }),
    stop: () => (stopping ??= stop()),
  }
}

/** What `publish-reader.ts` gives, and QoS 2 from MQTT.js. */
type IncomingMessage = Pick<DeviceMessage, 'topic' | 'qos' | 'dup' | 'retain'> & { payload: Buffer; messageId: number | null }

const qosNames = ['qos0', 'qos1', 'qos2'] as const

/** Of a session that ends with its connection nothing is remembered. */
const forgetful = (): SessionFile => ({ read: () => null, write: () => undefined })
