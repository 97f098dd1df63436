/**
 * Empties an outbox into an MQTT broker at QoS 1: a bounded number of PUBLISHes in flight, a message forgotten only at its
 * PUBACK, and after a lost connection everything unacknowledged again, in order. Reconnects for ever with jittered
 * exponential back-off: a fleet that lost its broker must not come back in one second.
 *
 * MQTT.js is used for one connection at a time and never reconnects by itself: its own store and queue would be a second
 * place where messages wait, with another order and no bound.
 */
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import type { Kept, Outbox } from './outbox.ts'

/** What one PUBLISH carries: one message, or several packed into one. */
export type Parcel = { topic: string; payload: string | Uint8Array; retain: boolean; positions: readonly number[] }

export type LinkOptions = {
  url: string
  /** Asked before each connection, so that a will or a password may change. */
  clientOptions: () => IClientOptions
  outbox: Outbox
  inFlightMax: number
  /** Makes the next PUBLISH of what `take` hands out; undefined: nothing to send now. Default: one message each. */
  pack?: (take: () => Kept | undefined) => Parcel | undefined
  /** Called on each accepted connection, before anything is sent. */
  onConnected?: () => void
  /** Told once per lost or refused connection, with the wait before the next try. */
  onLost?: (reason: string, retryAfterMs: number) => void
  onAcknowledged?: (parcel: Parcel) => void
  /** Bytes of each PUBLISH packet as sent. */
  onSent?: (packetBytes: number) => void
  backoff?: { firstMs: number; maxMs: number }
  /** 0..1, for the jitter. */
  random?: () => number
}

export type Link = {
  /** Sends what is there; call it after `append`. */
  pump: () => void
  /** Sends this one before everything that waits (presence). It must be in the outbox too. Nothing happens while offline. */
  publishNow: (parcel: Parcel) => void
  connected: () => boolean
  /** Resolves true when the outbox is empty, false when it is not after `withinMs`. */
  drained: (withinMs: number) => Promise<boolean>
  /** Cuts the connection without DISCONNECT, as a device that loses power does: the broker publishes the will. */
  cut: () => void
  /** DISCONNECT (no will) and no further connection. A second call is harmless. */
  stop: () => Promise<void>
}

const stopWithinMs = 1000
const stableAfterMs = 10_000 // A connection that held this long starts the back-off anew; one that flaps does not.

export const startLink = (options: LinkOptions): Link => {
  const { outbox, inFlightMax, pack = single, random = Math.random } = options
  const { firstMs, maxMs } = options.backoff ?? { firstMs: 500, maxMs: 60_000 }
  let client: MqttClient | undefined
  let connected = false
  let stopped = false
  let failures = 0
  let inFlight = 0
  let inFlightPositions = new Set<number>()
  let retryTimer: NodeJS.Timeout | undefined
  const waiters = new Set<() => void>()

  const open = (): void => {
    const current = connect(options.url, { connectTimeout: 20_000, ...options.clientOptions(), reconnectPeriod: 0, queueQoSZero: false })
    client = current
    let reason = 'connection closed'
    let openedAtMs = Infinity
    current.on('connect', () => {
      openedAtMs = Date.now()
      connected = true
      options.onConnected?.()
      pump()
    })
    const lost = (): void => {
      if (client !== current) return
      client = undefined
      connected = false
      current.on('error', () => undefined) // Late errors of a dead connection concern nobody.
      current.end(true)
      inFlight = 0
      inFlightPositions = new Set()
      outbox.rewind()
      if (stopped) return
      failures = Date.now() - openedAtMs >= stableAfterMs ? 1 : failures + 1
      const capMs = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 20))
      const retryAfterMs = Math.round(capMs / 2 + (random() * capMs) / 2)
      options.onLost?.(reason, retryAfterMs)
      retryTimer = setTimeout(open, retryAfterMs)
    }
    current.on('error', (error) => {
      reason = describe(error)
      lost()
    })
    current.on('close', lost)
    current.on('end', lost)
  }

  const take = (): Kept | undefined => {
    let message = outbox.next()
    while (message !== undefined && inFlightPositions.has(message.position)) message = outbox.next()
    return message
  }

  const publish = (parcel: Parcel): void => {
    const current = client
    if (current === undefined) return
    inFlight++
    for (const position of parcel.positions) inFlightPositions.add(position)
    options.onSent?.(publishPacketBytes(parcel))
    const payload =
      typeof parcel.payload === 'string'
        ? parcel.payload
        : Buffer.from(parcel.payload.buffer, parcel.payload.byteOffset, parcel.payload.byteLength)
    current.publish(parcel.topic, payload, { qos: 1, retain: parcel.retain }, (error) => {
      if (client !== current) return // Its connection is gone: it was rewound and goes out again.
      if (error) {
        current.emit('error', error)
        return
      }
      inFlight--
      for (const position of parcel.positions) {
        inFlightPositions.delete(position)
        outbox.acknowledge(position)
      }
      options.onAcknowledged?.(parcel)
      pump()
    })
  }

  const pump = (): void => {
    while (connected && inFlight < inFlightMax) {
      const parcel = pack(take)
      if (parcel === undefined) break
      publish(parcel)
    }
    if (waiters.size > 0 && outbox.counts().waiting === 0) for (const waiter of [...waiters]) waiter()
  }

  open()
  return {
    pump,
    publishNow: (parcel) => {
      if (connected) publish(parcel)
    },
    connected: () => connected,
    drained: (withinMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => done(false), withinMs)
        const waiter = (): void => done(true)
        const done = (empty: boolean): void => {
          clearTimeout(timer)
          waiters.delete(waiter)
          resolve(empty)
        }
        waiters.add(waiter)
        pump()
      }),
    cut: () => client?.stream.destroy(),
    stop: async () => {
      stopped = true
      if (retryTimer !== undefined) clearTimeout(retryTimer)
      const current = client
      client = undefined
      const wasConnected = connected
      connected = false
      if (current === undefined) return
      current.on('error', () => undefined)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          current.end(true) // MQTT.js waits for what is in flight; it is kept and sent by the next start.
          resolve()
        }, stopWithinMs)
        current.end(!wasConnected, {}, () => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
  }
}

const single = (take: () => Kept | undefined): Parcel | undefined => {
  const message = take()
  return message === undefined ? undefined : { ...message, positions: [message.position] }
}

/** MQTT 3.1.1 section 3.3: fixed header, topic with its length, packet id, payload. */
export const publishPacketBytes = ({ topic, payload }: Pick<Parcel, 'topic' | 'payload'>): number => {
  const remaining = 2 + Buffer.byteLength(topic) + 2 + (typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength)
  return 1 + (remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4) + remaining
}

const describe = (error: Error): string => {
  const { code } = error as { code?: string | number }
  return error.message === '' ? String(code ?? error.name) : error.message
}
