/**
 * One connection to an outside broker, with its own MQTT.js client, from CONNECT to close. MQTT.js does all but messages of
 * QoS 0 and 1: they are read out of the stream before it (`publish-reader.ts`), and their PUBACKs are written to the stream
 * by `hand-over.ts`. Two seams of the pinned MQTT.js are used for that: it asks its `streamBuilder` for the stream, and calls
 * `pipe` of it once. `bridge.test.ts` holds them.
 */
import { connect, type IClientOptions, type IPublishPacket, type MqttClient, type StreamBuilder } from 'mqtt'
import { AppError } from '../../runtime/errors.ts'
import { packetBytesMax, packetBytesMaxOfMqtt311, shownUrl } from './client-options.ts'
import { connectPaced } from './paced-socket.ts'
import { createPublishReader, type PublishedMessage } from './publish-reader.ts'
import { createSendWindow, type SendWindow } from './send-window.ts'

export type BrokerConnection = {
  subscribe: (filters: readonly string[]) => Promise<Granted[]>
  unsubscribe: (filters: readonly string[]) => Promise<void>
  send: (topic: string, payload: Uint8Array, qos: 0 | 1) => Promise<void>
  /** PUBACKs, written as they are. */
  write: (bytes: Buffer) => void
  /** Ends without a word: the broker keeps what was not acknowledged. */
  drop: () => void
  /** DISCONNECT, then the end. */
  end: () => Promise<void>
  /** Resolves when the socket is closed, however that came. */
  closed: Promise<void>
  /** After `message` answered false: there is room again. */
  readOn: () => void
}

export type Granted = { filter: string; qos: 0 | 1 | 2 | null }

export type ConnectionEvents = {
  /** Before the first message of the connection is seen. */
  connected: (sessionPresent: boolean, connection: BrokerConnection) => void
  /** QoS 0 or 1. Answers whether to read on; the PUBACK is the caller's. */
  message: (message: PublishedMessage) => boolean
  /** QoS 2, which a broker sends that grants more than asked. `proceed` lets the PUBCOMP go out and the next one be read. */
  messageOfQos2: (packet: IPublishPacket, proceed: () => void) => void
  /** The broker sent what is no MQTT; the connection ends. */
  malformed: (reason: string) => void
}

const plainPort = 1883

/** Resolves when the broker has accepted the connection. Rejects with `MQTT_UNAVAILABLE` or `MQTT_LOGIN_REFUSED`. */
export const openConnection = async (url: string, options: IClientOptions, events: ConnectionEvents): Promise<BrokerConnection> => {
  const client = connect(url, { ...options, manualConnect: true })
  const sends = createSendWindow()
  const reading = readMessages(client, options, events)
  const connection = connectionOf(client, url, sends, reading)
  client.on('packetreceive', (packet) => {
    // MQTT.js tells of the connection a few turns later, when redelivered messages have already come.
    if (packet.cmd === 'connack' && (packet.returnCode ?? 0) === 0 && (packet.reasonCode ?? 0) === 0) {
      sends.allow(packet.properties?.receiveMaximum ?? 65_535)
      events.connected(packet.sessionPresent, connection)
    }
  })
  client.handleMessage = (packet, callback) => events.messageOfQos2(packet, () => callback())
  await connected(client, url)
  client.on('error', () => undefined) // The close that follows tells.
  return connection
}

type Reading = { readOn: () => void; ignoreMessages: () => void }

/** Puts the reader between the stream and MQTT.js, which gets all other packets, as fast as it takes them. */
const readMessages = (client: MqttClient, options: IClientOptions, events: ConnectionEvents): Reading => {
  let stream: { destroy: () => unknown; resume: () => unknown } | undefined
  let isEnding = false
  let mqttJs: NodeJS.WritableStream | undefined
  const isMqtt5 = options.protocolVersion === 5
  const reader = createPublishReader({
    isMqtt5,
    packetBytesMax: isMqtt5 ? packetBytesMax : packetBytesMaxOfMqtt311,
    publish: (message) => isEnding || events.message(message),
    other: (packet) => mqttJs?.write(packet) ?? true,
    malformed: (reason) => {
      events.malformed(reason)
      stream?.destroy()
    },
  })
  const take = (bytes: Buffer): boolean => {
    reader.push(bytes)
    return !reader.isWaiting()
  }
  const readOn = (): void => {
    reader.goOn()
    if (!reader.isWaiting()) stream?.resume()
  }
  const seam = client as unknown as { streamBuilder: StreamBuilder }
  const { streamBuilder } = seam
  seam.streamBuilder = (own) => {
    const { protocol, hostname = 'localhost', port = plainPort } = own.options
    const isPlain = protocol === 'mqtt' || protocol === 'tcp'
    const made = isPlain ? connectPaced({ host: hostname, port }, { take, isWaiting: reader.isWaiting }) : streamBuilder(own)
    stream = made
    made.pipe = <T extends NodeJS.WritableStream>(target: T): T => {
      mqttJs = target
      target.on('drain', readOn)
      made.on('end', () => target.end())
      if (!isPlain) {
        made.on('data', (bytes: Buffer) => {
          if (!take(bytes)) made.pause()
        })
      }
      return target
    }
    return made
  }
  return {
    readOn,
    /** Read and not acknowledged: behind them lies what MQTT.js and the socket wait for to end in order. */
    ignoreMessages: () => {
      isEnding = true
      readOn()
    },
  }
}

const connectionOf = (client: MqttClient, url: string, sends: SendWindow, reading: Reading): BrokerConnection => {
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  const outgoing = new Set<(error: Error) => void>()
  let isClosed = false
  const closedError = (): AppError => new AppError('MQTT_UNAVAILABLE', `The connection to ${shownUrl(url)} closed before the answer`)
  void closed.then(() => {
    isClosed = true
    for (const reject of outgoing) reject(closedError())
  })
  const answered = (ask: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (isClosed) {
        reject(closedError()) // MQTT.js would keep it for a connection that never comes.
        return
      }
      outgoing.add(reject)
      ask((error) => {
        outgoing.delete(reject)
        if (error) reject(error)
        else resolve()
      })
    })

  return {
    subscribe: async (filters) => {
      if (filters.length === 0) return []
      const wanted = Object.fromEntries(filters.map((filter) => [filter, { qos: 1 as const, rap: false, rh: 1 }]))
      // What was granted stands in the packet: the client reports success beside a refusal, and its list mixes asked and granted.
      let codes: readonly number[] = []
      await answered((done) => {
        client.subscribe(wanted, (error, _asked, packet) => {
          codes = (packet?.granted as number[] | undefined) ?? []
          done(codes.length === filters.length ? null : (error ?? new Error(`expected ${filters.length} codes in the SUBACK, got none`)))
        })
      })
      return filters.map((filter, index) => ({ filter, qos: qosOf(codes[index]) }))
    },
    unsubscribe: async (filters) => {
      if (filters.length > 0) await answered((done) => client.unsubscribe([...filters], (error) => done(error)))
    },
    send: (topic, payload, qos) => {
      const publish = (): Promise<void> => answered((done) => client.publish(topic, Buffer.from(payload), { qos }, (error) => done(error)))
      return qos === 0 ? publish() : sends.run(publish)
    },
    write: (bytes) => {
      if (!client.stream.destroyed) client.stream.write(bytes)
    },
    drop: () => client.stream.destroy(),
    end: async () => {
      reading.ignoreMessages()
      client.end(false)
      await closed
    },
    closed,
    readOn: () => reading.readOn(),
  }
}

export const connected = (client: MqttClient, url: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      client.off('connect', onConnect)
      client.off('error', onError)
      client.off('close', onClose)
      finish()
    }
    const refuse = (error: AppError): void =>
      settle(() => {
        client.on('error', () => undefined)
        client.end(true)
        reject(error)
      })
    const onConnect = (): void => settle(resolve)
    const onError = (cause: Error): void => refuse(connectError(cause, url))
    const onClose = (): void => refuse(new AppError('MQTT_UNAVAILABLE', `${shownUrl(url)} closed the connection before the CONNACK`))
    client.on('connect', onConnect)
    client.on('error', onError)
    client.on('close', onClose)
    client.connect()
  })

/** MQTT 3.1.1 return codes 4 and 5, MQTT 5 reason codes 0x86, 0x87, 0x8C: the login; 1 and 0x84: the version. */
const loginCodes = new Set([4, 5, 0x86, 0x87, 0x8c])
const versionCodes = new Set([1, 0x84])

const connectError = (cause: Error & { code?: unknown }, url: string): AppError => {
  const { code } = cause
  if (typeof code === 'number' && loginCodes.has(code)) {
    return new AppError('MQTT_LOGIN_REFUSED', `Expected ${shownUrl(url)} to accept the login, got: ${cause.message}`, { cause })
  }
  const hint = typeof code === 'number' && versionCodes.has(code) ? '; MQTT_PROTOCOL=3.1.1 speaks the older version' : ''
  return new AppError('MQTT_UNAVAILABLE', `${shownUrl(url)} cannot be reached: ${cause.message}${hint}`, { cause })
}

const qosOf = (code: number | undefined): 0 | 1 | 2 | null => (code === 0 || code === 1 || code === 2 ? code : null)
