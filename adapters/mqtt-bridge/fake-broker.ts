/** Test help: the broker's side of one persistent session, played by the test packet for packet. */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { generate, type IConnectPacket, type IPublishPacket, type ISubscribePacket, type Packet, parser } from 'mqtt-packet'
import { eventually } from '../mqtt/broker-harness.ts'

export type FakeBroker = {
  url: string
  /** All packets that came, over all connections. */
  packets: Packet[]
  /** The CONNECT of each connection. */
  connects: IConnectPacket[]
  subscriptions: ISubscribePacket[]
  /** What the bridge published. */
  published: IPublishPacket[]
  /** Packet ids acknowledged by the bridge, in order; `writes` counts the socket reads that brought them. */
  acknowledged: number[]
  ackReads: () => number
  /** Sends to the bridge; resolves when it acknowledged. Sent again with DUP on the next connection while it did not. */
  publish: (topic: string, payload: string, own?: Partial<IPublishPacket>) => Promise<void>
  /** Cuts the connection; the session stays. */
  cut: () => void
  close: () => Promise<void>
}

export type FakeBrokerOptions = {
  /** SUBACK code of a filter; 1 by default. */
  grant?: (filter: string) => number
  /** CONNACK code; 0 by default. */
  connackCode?: () => number
  /** What the broker says of the session; by default true from the second connection on. */
  sessionPresent?: (connection: number) => boolean
}

export const startFakeBroker = async (options: FakeBrokerOptions = {}): Promise<FakeBroker> => {
  const { grant = () => 1, connackCode = () => 0, sessionPresent = (connection) => connection > 1 } = options
  const seen = { packets: [] as Packet[], connects: [] as IConnectPacket[], subscriptions: [] as ISubscribePacket[] }
  const published: IPublishPacket[] = []
  const acknowledged: number[] = []
  const unacknowledged = new Map<number, { packet: IPublishPacket; done: () => void }>()
  const sockets = new Set<Socket>()
  let live: { write: (packet: Packet) => void } | null = null
  let nextId = 1
  let ackReads = 0

  const server = createServer((socket) => {
    sockets.add(socket)
    let version = 4
    const decoder = parser({ protocolVersion: 5 })
    const write = (packet: Packet): void => void socket.write(generate(packet, { protocolVersion: version }))
    const answer = (packet: Packet): void => {
      seen.packets.push(packet)
      switch (packet.cmd) {
        case 'connect': {
          version = packet.protocolVersion ?? 4
          seen.connects.push(packet)
          const code = connackCode()
          write({
            cmd: 'connack',
            returnCode: code,
            reasonCode: code,
            sessionPresent: code === 0 && sessionPresent(seen.connects.length),
          })
          if (code !== 0) {
            socket.end()
            return
          }
          live = { write }
          // A broker sends what was not acknowledged at once, in one piece with the CONNACK.
          for (const { packet: again } of unacknowledged.values()) write({ ...again, dup: true })
          return
        }
        case 'subscribe':
          seen.subscriptions.push(packet)
          write({ cmd: 'suback', messageId: packet.messageId, granted: packet.subscriptions.map(({ topic }) => grant(topic)) } as Packet)
          return
        case 'unsubscribe':
          write({ cmd: 'unsuback', messageId: packet.messageId, granted: packet.unsubscriptions.map(() => 0) } as Packet)
          return
        case 'publish':
          published.push(packet)
          if (packet.qos === 1) write({ cmd: 'puback', messageId: packet.messageId } as Packet)
          return
        case 'puback': {
          const id = packet.messageId ?? 0
          acknowledged.push(id)
          unacknowledged.get(id)?.done()
          unacknowledged.delete(id)
          return
        }
        case 'pingreq':
          write({ cmd: 'pingresp' })
          return
        default:
      }
    }
    decoder.on('packet', answer)
    socket.on('data', (chunk) => {
      const before = acknowledged.length
      decoder.parse(chunk)
      if (acknowledged.length > before) ackReads++
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sockets.delete(socket)
      if (live?.write === write) live = null
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...seen,
    published,
    acknowledged,
    ackReads: () => ackReads,
    publish: (topic, payload, own = {}) => {
      const packet: IPublishPacket = { cmd: 'publish', topic, payload, qos: 1, dup: false, retain: false, ...own }
      if (packet.qos === 0) {
        return eventually(() => {
          if (live === null) throw new Error('nobody is connected')
          live.write(packet)
        })
      }
      packet.messageId ??= nextId++
      const { messageId } = packet
      return new Promise((done) => {
        unacknowledged.set(messageId, { packet, done })
        live?.write(packet)
      })
    },
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
