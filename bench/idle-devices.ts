/**
 * Devices that are connected and say nothing, for `connections.ts`: raw sockets and hand-made packets, since they share the
 * machine with what is measured. Each has a persistent session with a subscription to its own task requests, a will on its
 * `status` and a retained birth, pings in time, and comes back by itself: exponential back-off with full jitter.
 *
 * A child process with IPC: takes `{ go: 'open' | 'storm' | 'end' }`, sends `Standing` four times a second.
 */
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { generate, type Packet } from 'mqtt-packet'

/** `back`: CONNACK, granted subscription and acknowledged birth. */
export type Standing = { connected: number; back: number; attempts: number; refused: number; sessionsResumed: number; pings: number }

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '1883' },
    source: { type: 'string', default: '127.0.0.2' },
    first: { type: 'string', default: '0' },
    count: { type: 'string', default: '100' },
    rate: { type: 'string', default: '1000' },
    birth: { type: 'string', default: 'word' },
  },
})
const port = Number(values.port)
const backOffFirstMs = 1_000
const backOffMaxMs = 60_000
const keepAliveSecondsMin = 60
const keepAliveSecondsMax = 600

const standing: Standing = { connected: 0, back: 0, attempts: 0, refused: 0, sessionsResumed: 0, pings: 0 }

type Device = {
  id: string
  topic: string
  keepAliveSeconds: number
  socket: Socket | null
  connections: number
  failures: number
  connected: boolean
  back: boolean
  lastSentMs: number
}

const macOf = (n: number): string => `02-00-00-${[16, 8, 0].map((shift) => ((n >> shift) & 0xff).toString(16).padStart(2, '0')).join('-')}`
const bytesOf = (packet: Packet): Buffer => generate(packet, { protocolVersion: 4 })
const pingRequest = bytesOf({ cmd: 'pingreq' })

const devices: Device[] = Array.from({ length: Number(values.count) }, (_, index) => {
  const mac = macOf(Number(values.first) + index)
  const spread = keepAliveSecondsMax - keepAliveSecondsMin + 1
  return {
    id: `idle-${mac}`,
    topic: `dwr/311-a1/${mac}`,
    keepAliveSeconds: keepAliveSecondsMin + ((index * 7919) % spread),
    socket: null,
    connections: 0,
    failures: 0,
    connected: false,
    back: false,
    lastSentMs: 0,
  }
})

const statusOf = (device: Device, state: 'online' | 'offline'): string =>
  values.birth === 'session' ? JSON.stringify({ state, sessionId: `${device.id}-${device.connections}` }) : state

const open = (device: Device): void => {
  standing.attempts++
  device.connections++
  const socket = connect({ host: '127.0.0.1', port, localAddress: values.source, noDelay: true })
  device.socket = socket
  socket.once('connect', () => {
    device.lastSentMs = Date.now()
    socket.write(
      bytesOf({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clientId: device.id,
        clean: false,
        keepalive: device.keepAliveSeconds,
        will: { topic: `${device.topic}/status`, payload: Buffer.from(statusOf(device, 'offline')), qos: 1, retain: true },
      }),
    )
  })
  socket.on('data', (bytes) => onData(device, socket, bytes))
  socket.on('error', ignore)
  socket.once('close', () => onClose(device, socket))
}

/** Small packets, each whole in one read: CONNACK, SUBACK, PUBACK, PINGRESP, and its own retained status never comes. */
const onData = (device: Device, socket: Socket, bytes: Buffer): void => {
  for (let at = 0; at + 1 < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
    const type = (bytes[at] ?? 0) >> 4
    if (type === 2) onConnack(device, socket, bytes[at + 2] === 1, bytes[at + 3] ?? 0)
    else if (type === 4) {
      device.back = true
      device.failures = 0
      standing.back++
    }
  }
}

const onConnack = (device: Device, socket: Socket, sessionPresent: boolean, code: number): void => {
  if (code !== 0) {
    socket.destroy()
    return
  }
  device.connected = true
  standing.connected++
  if (sessionPresent) standing.sessionsResumed++
  const birth = bytesOf({
    cmd: 'publish',
    topic: `${device.topic}/status`,
    payload: statusOf(device, 'online'),
    qos: 1,
    retain: true,
    dup: false,
    messageId: 2,
  })
  const subscribe = bytesOf({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `${device.topic}/tasks/+/request`, qos: 1 }] })
  socket.write(sessionPresent ? birth : Buffer.concat([subscribe, birth]))
}

const onClose = (device: Device, socket: Socket): void => {
  if (device.socket !== socket) return
  device.socket = null
  if (device.connected) standing.connected--
  else standing.refused++
  if (device.back) standing.back--
  device.connected = false
  device.back = false
  const waitMs = Math.random() * Math.min(backOffMaxMs, backOffFirstMs * 2 ** device.failures)
  device.failures++
  setTimeout(open, waitMs, device)
}

const ignore = (): void => undefined

const openSlowly = (): void => {
  let next = 0
  const ratePer50Ms = Math.max(1, Math.round(Number(values.rate) / 20))
  const timer = setInterval(() => {
    for (let n = 0; n < ratePer50Ms && next < devices.length; n++) open(devices[next++] as Device)
    if (next >= devices.length) clearInterval(timer)
  }, 50)
}

/** All connections are lost at once, without a DISCONNECT, and all come back in the same instant. */
const storm = (): void => {
  for (const device of devices) {
    const { socket } = device
    device.socket = null
    if (device.connected) standing.connected--
    if (device.back) standing.back--
    Object.assign(device, { connected: false, back: false })
    socket?.resetAndDestroy()
  }
  for (const device of devices) open(device)
}

setInterval(() => {
  const nowMs = Date.now()
  for (const device of devices) {
    if (!device.connected || nowMs - device.lastSentMs < device.keepAliveSeconds * 800) continue
    device.lastSentMs = nowMs
    standing.pings++
    device.socket?.write(pingRequest)
  }
}, 1_000)
setInterval(() => process.send?.(standing), 250)

process.on('message', ({ go }: { go: 'open' | 'storm' | 'end' }) => {
  if (go === 'open') openSlowly()
  else if (go === 'storm') storm()
  else process.exit(0)
})
process.on('disconnect', () => process.exit(0))
