/**
 * One connection of the doctor: a client that keeps what arrives as it arrived (DUP, RETAIN, QoS), may leave it
 * unacknowledged, and tells what the CONNACK said. The same seam of the pinned MQTT.js as the bridge's (`../mqtt-bridge/connection.ts`).
 */
import type { TLSSocket } from 'node:tls'
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt'
import { AppError } from '../../runtime/errors.ts'
import { shownUrl } from '../mqtt-bridge/client-options.ts'
import { connected } from '../mqtt-bridge/connection.ts'

export type Arrived = { topic: string; text: string; qos: 0 | 1 | 2; dup: boolean; retain: boolean }

export type TlsFacts = { version: string; cipher: string; issuer: string; validToMs: number }

export type DoctorClient = {
  protocol: '3.1.1' | '5'
  connack: IConnackPacket
  connectMs: number
  /** Null without TLS, and with WebSocket, which hides its socket. */
  tls: TlsFacts | null
  /** In the order of arrival, over the life of this connection. */
  arrived: Arrived[]
  /** The code of the SUBACK: the QoS granted, or 128 and more. */
  subscribe: (filter: string, asked?: { qos?: 0 | 1; retainHandling?: 0 | 1 | 2 }) => Promise<number>
  /** `acknowledged` is all that a 3.1.1 broker ever says, also of what it throws away. */
  publish: (topic: string, text: string, retain?: boolean) => Promise<'acknowledged' | 'refused' | 'closed'>
  /** Resolves when so many have arrived, or none came for `quietMs`, or the connection is gone. */
  until: (count: number, quietMs: number) => Promise<void>
  /** Ends without a word, as a crash would. */
  drop: () => Promise<void>
  /** DISCONNECT; what was asked for the session holds. */
  end: () => Promise<void>
}

/** A broker that takes longer for one answer cannot be tested. */
const answerWithinMs = 20_000

const unacknowledged = new Error('left unacknowledged')

export const openDoctorClient = async (url: string, options: IClientOptions, acknowledge: boolean): Promise<DoctorClient> => {
  const client = connect(url, { ...options, manualConnect: true })
  const arrived: Arrived[] = []
  const listeners = new Set<() => void>()
  const tell = (): void => {
    for (const listener of listeners) listener()
  }
  const connacks: IConnackPacket[] = []
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'connack') connacks.push(packet)
  })
  client.handleMessage = ({ topic, payload, qos, dup, retain }, callback) => {
    arrived.push({ topic, text: payload.toString(), qos, dup, retain })
    tell()
    callback(acknowledge ? undefined : unacknowledged)
  }
  let isClosed = false
  const closed = new Promise<void>((resolve) =>
    client.once('close', () => {
      isClosed = true
      tell()
      resolve()
    }),
  )
  const startMs = performance.now()
  await connected(client, url)
  client.on('error', () => undefined) // The close that follows tells.
  const [connack] = connacks
  if (connack === undefined) throw new AppError('MQTT_UNAVAILABLE', `${shownUrl(url)} connected without a CONNACK`)
  return {
    protocol: options.protocolVersion === 5 ? '5' : '3.1.1',
    connack,
    connectMs: performance.now() - startMs,
    tls: tlsFacts(client),
    arrived,
    subscribe: (filter, { qos = 1, retainHandling = 1 } = {}) =>
      answered(closed, `a SUBACK for ${filter}`, (done) => {
        client.subscribe({ [filter]: { qos, rap: false, rh: retainHandling } }, (error, _asked, packet) => {
          const code = (packet?.granted as number[] | undefined)?.[0]
          if (code === undefined) done(error ?? new Error('no code in the SUBACK'))
          else done(null, code)
        })
      }),
    publish: async (topic, text, retain = false) => {
      if (isClosed) return 'closed'
      const outcome = answered<'acknowledged' | 'refused'>(closed, `a PUBACK for ${topic}`, (done) => {
        client.publish(topic, text, { qos: 1, retain }, (error) => done(null, error ? 'refused' : 'acknowledged'))
      })
      // A refused PUBLISH of 3.1.1 may cost the connection; the callback then comes with the close, or never.
      return outcome.then(
        (answer) => (isClosed ? 'closed' : answer),
        (error: unknown) => {
          if (isClosed) return 'closed'
          throw error
        },
      )
    },
    until: (count, quietMs) =>
      new Promise((resolve) => {
        let timer: NodeJS.Timeout | undefined
        const finish = (): void => {
          clearTimeout(timer)
          listeners.delete(look)
          resolve()
        }
        const look = (): void => {
          clearTimeout(timer)
          if (arrived.length >= count || isClosed) finish()
          else timer = setTimeout(finish, quietMs)
        }
        listeners.add(look)
        look()
      }),
    drop: async () => {
      client.stream.destroy()
      await closed
    },
    end: async () => {
      client.end(false)
      await Promise.race([closed, rejectAfter(answerWithinMs, 'the end of the connection')]).catch(() => client.stream.destroy())
    },
  }
}

const answered = async <T>(
  closed: Promise<void>,
  what: string,
  ask: (done: (error: Error | null, value?: T) => void) => void,
): Promise<T> => {
  const answer = new Promise<T>((resolve, reject) => {
    ask((error, value) => {
      if (error === null) resolve(value as T)
      else reject(error)
    })
  })
  const lost = closed.then(() => {
    throw new AppError('MQTT_UNAVAILABLE', `Expected ${what}, the broker closed the connection`)
  })
  return Promise.race([answer, lost, rejectAfter(answerWithinMs, what)])
}

const rejectAfter = (ms: number, what: string): Promise<never> =>
  new Promise((_resolve, reject) => {
    setTimeout(() => reject(new AppError('MQTT_UNAVAILABLE', `Expected ${what} within ${ms / 1_000} s, got nothing`)), ms).unref()
  })

const tlsFacts = ({ stream }: MqttClient): TlsFacts | null => {
  const socket = stream as unknown as Partial<TLSSocket>
  if (typeof socket.getPeerCertificate !== 'function') return null
  const { issuer, valid_to: validTo } = socket.getPeerCertificate()
  return {
    version: socket.getProtocol?.() ?? 'unknown',
    cipher: socket.getCipher?.().name ?? 'unknown',
    issuer: [issuer.CN ?? issuer.O ?? 'unknown'].flat().join(', '),
    validToMs: Date.parse(validTo),
  }
}
