/**
 * Publishes as fast as it is let, as a process of its own: raw sockets and hand-made PUBLISH packets, so that it takes as
 * little as possible of the machine it shares with what it measures. Each message is 200 bytes of JSON with ts, bootId, seq.
 *
 *   node bench/load-generator.ts --port 1883 --connections 100 --in-flight 10 --seconds 10 [--rate 2000] [--qos 1]
 *
 * `--rate` is for all connections together; without it every PUBACK is answered with the next PUBLISH. Prints one line of
 * JSON: messages per second and PUBACK latency (ms) after a warm-up of two seconds.
 */
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { generate } from 'mqtt-packet'

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '1883' },
    connections: { type: 'string', default: '100' },
    'in-flight': { type: 'string', default: '10' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '0' },
    bytes: { type: 'string', default: '200' },
  },
})
const connections = Number(values.connections)
const inFlightMax = Number(values['in-flight'])
const seconds = Number(values.seconds)
const ratePerSecond = Number(values.rate)
const payloadBytes = Number(values.bytes)
const warmUpMs = 2_000
const slots = 65_536

type Device = {
  socket: Socket
  prefix: Buffer
  text: string
  seq: number
  nextId: number
  inFlight: number
  sentAtMs: Float64Array
  rest: Buffer
}

const latencies = new Float64Array(4_000_000)
let measured = 0
let acknowledged = 0
let measuring = false

const macOf = (n: number): string =>
  createHash('md5').update(String(n)).digest('hex').slice(0, 10).replace(/(..)/g, '-$1').replace(/^/, '02')

const open = (n: number): Promise<Device> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: values.host, port: Number(values.port), noDelay: true })
    const topic = Buffer.from(`dwr/311-a1/${macOf(n)}/hardware/loadavg`)
    const prefix = Buffer.alloc(2 + topic.length)
    prefix.writeUInt16BE(topic.length)
    topic.copy(prefix, 2)
    const device: Device = {
      socket,
      prefix,
      text: `{"load1":0.42,"load5":0.40,"load15":0.38,"bootId":"boot-${macOf(n)}","uptime":123456,"pad":"`,
      seq: 0,
      nextId: 1,
      inFlight: 0,
      sentAtMs: new Float64Array(slots),
      rest: Buffer.alloc(0),
    }
    socket.once('error', reject)
    socket.once('connect', () =>
      socket.write(generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: `load-${n}`, clean: true, keepalive: 60 })),
    )
    socket.once('data', (connack: Buffer) => {
      if (connack[3] !== 0) reject(new Error(`connection ${n} refused with ${connack[3]}`))
      socket.on('data', (chunk: Buffer) => onData(device, chunk))
      resolve(device)
    })
  })

/** Only PUBACKs come: 4 bytes each. */
const onData = (device: Device, chunk: Buffer): void => {
  const bytes = device.rest.length === 0 ? chunk : Buffer.concat([device.rest, chunk])
  const nowMs = performance.now()
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) {
    if (bytes[at] !== 0x40) throw new Error(`expected a PUBACK, got type ${(bytes[at] ?? 0) >> 4}`)
    const id = bytes.readUInt16BE(at + 2)
    device.inFlight--
    acknowledged++
    if (measuring && measured < latencies.length) latencies[measured++] = nowMs - (device.sentAtMs[id] ?? nowMs)
  }
  device.rest = at < bytes.length ? bytes.subarray(at) : Buffer.alloc(0)
  if (ratePerSecond === 0) fill(device)
}

const fill = (device: Device): void => {
  const frames: Buffer[] = []
  while (device.inFlight < inFlightMax) frames.push(nextFrame(device))
  if (frames.length > 0) device.socket.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames))
}

const nextFrame = (device: Device): Buffer => {
  const id = device.nextId
  device.nextId = id === 65_535 ? 1 : id + 1
  device.inFlight++
  device.sentAtMs[id] = performance.now()
  const text = `${device.text}","seq":${device.seq++},"ts":${Date.now()}}`
  const payload = text.replace('"pad":"', `"pad":"${'x'.repeat(Math.max(0, payloadBytes - text.length))}`)
  const remaining = device.prefix.length + 2 + payload.length
  const frame = Buffer.allocUnsafe(3 + remaining)
  frame[0] = 0x32
  frame[1] = (remaining & 0x7f) | 0x80
  frame[2] = remaining >> 7
  device.prefix.copy(frame, 3)
  frame.writeUInt16BE(id, 3 + device.prefix.length)
  frame.write(payload, 5 + device.prefix.length, 'latin1')
  return frame
}

const paced = (devices: readonly Device[]): NodeJS.Timeout => {
  let owed = 0
  let turn = 0
  let lastMs = performance.now()
  return setInterval(() => {
    const nowMs = performance.now()
    owed += ((nowMs - lastMs) / 1_000) * ratePerSecond
    lastMs = nowMs
    for (; owed >= 1; owed--) {
      const device = devices[turn++ % devices.length]
      if (device && device.inFlight < inFlightMax) device.socket.write(nextFrame(device))
    }
  }, 2)
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const devices: Device[] = []
for (let n = 0; n < connections; n += 50) {
  devices.push(...(await Promise.all(Array.from({ length: Math.min(50, connections - n) }, (_, i) => open(n + i)))))
}
const pacing = ratePerSecond > 0 ? paced(devices) : undefined
if (!pacing) for (const device of devices) fill(device)
await wait(warmUpMs)
const before = acknowledged
const cpuBefore = process.cpuUsage()
const startMs = performance.now()
measuring = true
await wait(seconds * 1_000)
measuring = false
const tookSeconds = (performance.now() - startMs) / 1_000
const count = acknowledged - before
const cpu = process.cpuUsage(cpuBefore)
clearInterval(pacing)
for (const { socket } of devices) socket.destroy()
const sorted = latencies.subarray(0, measured).sort()
const quantile = (q: number): number => Math.round((sorted[Math.min(measured - 1, Math.floor(measured * q))] ?? 0) * 100) / 100
process.stdout.write(
  `${JSON.stringify({
    connections,
    inFlightMax,
    ratePerSecond: ratePerSecond || 'unlimited',
    messages: count,
    messagesPerSecond: Math.round(count / tookSeconds),
    pubackP50Ms: quantile(0.5),
    pubackP99Ms: quantile(0.99),
    pubackMaxMs: quantile(1),
    generatorCpuMicrosPerMessage: Math.round(((cpu.user + cpu.system) / Math.max(1, count)) * 10) / 10,
  })}\n`,
)
