/** Test help: a broker on ephemeral loopback ports in a folder of its own, MQTT.js clients and raw sockets against it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { generate, type Packet, parser } from 'mqtt-packet'
import { vi } from 'vitest'
import type { DeviceMessage } from '../../model/ports.ts'
import { type EmbeddedBroker, type EmbeddedBrokerOptions, startEmbeddedBroker } from './embedded-broker.ts'

export type Place = {
  dataDir: string
  start: (own?: Partial<EmbeddedBrokerOptions>, withoutHandler?: boolean) => Promise<Running>
  /** Ends clients, brokers and the folder. */
  clean: () => Promise<void>
}
export type Running = {
  broker: EmbeddedBroker
  messages: DeviceMessage[]
  url: string
  webSocketUrl: string
  client: (options?: IClientOptions, url?: string) => Promise<MqttClient>
  raw: () => Promise<RawClient>
}
export type RawClient = {
  socket: Socket
  packets: Packet[]
  write: (packet: Packet) => void
  bytes: (bytes: Uint8Array) => void
  /** Connects as MQTT 3.1.1 unless told otherwise and waits for the CONNACK. */
  connect: (own?: Record<string, unknown>) => Promise<void>
  waitFor: (cmd: Packet['cmd'], count?: number) => Promise<Packet[]>
  closed: () => boolean
}

/** Waits for a condition; long enough for a machine that is busy with other things. */
export const eventually = <T>(condition: () => T | Promise<T>, own: { timeout?: number; interval?: number } = {}): Promise<T> =>
  vi.waitFor(condition, { timeout: 15_000, interval: 10, ...own })

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const anything = { mayPublish: (topic: string) => !topic.startsWith('$'), mayReceive: (topic: string) => !topic.startsWith('$') }

export const makePlace = (): Place => {
  const dataDir = mkdtempSync(join(tmpdir(), 'embedded-broker-'))
  const ends: (() => Promise<unknown>)[] = []

  const start = async (own: Partial<EmbeddedBrokerOptions> = {}, withoutHandler = false): Promise<Running> => {
    const messages: DeviceMessage[] = []
    const loopback = { host: '127.0.0.1', port: 0 }
    const broker = await startEmbeddedBroker({
      dataDir,
      listen: { tcp: loopback, webSocket: loopback, tls: null },
      usersFile: null,
      rightsOf: () => anything,
      openFilesMax: Number.MAX_SAFE_INTEGER, // Whatever this machine allows.
      ...own,
    })
    ends.push(() => broker.stop())
    if (!withoutHandler) {
      broker.onMessage(async (message) => {
        messages.push(message)
      })
    }
    const port = broker.addresses.tcp?.port ?? 0
    const url = `mqtt://127.0.0.1:${port}`
    return {
      broker,
      messages,
      url,
      webSocketUrl: `ws://127.0.0.1:${broker.addresses.webSocket?.port ?? 0}/mqtt`,
      client: async (options = {}, at = url) => {
        const client = await connectAsync(at, { reconnectPeriod: 20, ...options }, false)
        client.on('error', () => undefined)
        ends.push(() => client.endAsync(true))
        return client
      },
      raw: async () => {
        const raw = await openRaw(port)
        ends.push(async () => raw.socket.destroy())
        return raw
      },
    }
  }
  return {
    dataDir,
    start,
    clean: async () => {
      for (const end of ends.splice(0).reverse()) await end()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

const openRaw = async (port: number): Promise<RawClient> => {
  const socket = connectSocket(port, '127.0.0.1')
  let version = 4
  let decoder = parser({ protocolVersion: 4 })
  const packets: Packet[] = []
  let closed = false
  socket.on('error', () => undefined)
  socket.on('close', () => {
    closed = true
  })
  socket.on('data', (chunk) => decoder.parse(chunk))
  await new Promise((resolve) => socket.once('connect', resolve))
  const write = (packet: Packet): void => void socket.write(generate(packet, { protocolVersion: version }))
  const waitFor = (cmd: Packet['cmd'], count = 1): Promise<Packet[]> =>
    eventually(
      () => {
        const found = packets.filter((packet) => packet.cmd === cmd)
        if (found.length < count) throw new Error(`expected ${count} ${cmd}, got ${packets.map((p) => p.cmd).join(' ')}`)
        return found
      },
      { interval: 5 },
    )
  return {
    socket,
    packets,
    write,
    bytes: (bytes) => void socket.write(bytes),
    closed: () => closed,
    waitFor,
    connect: async (own = {}) => {
      version = (own['protocolVersion'] as number | undefined) ?? 4
      decoder = parser({ protocolVersion: version })
      decoder.on('packet', (packet: Packet) => packets.push(packet))
      write({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: 'raw', keepalive: 60, ...own })
      await waitFor('connack')
    },
  }
}
