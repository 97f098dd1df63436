/**
 * Publishes numbered QoS 1 messages of 1,000 devices to an outside broker, as a process of its own that takes about a
 * microsecond a message: frames are made once a device, then only packet id, time and number are written into them, and all
 * that one connection owes in a turn is one write. For `bridge.ts`.
 *
 *   node bench/bridge-publisher.ts --port 1883 --root dwr --run 7 --count 200000            # as fast as the broker takes it
 *   node bench/bridge-publisher.ts --port 1883 --root dwr --run 8 --count 50000 --rate 5000
 *
 * Message n is number `n / devices` of device `n % devices`: `bridge-records.ts` finds it again. Prints a line of JSON when
 * it starts to publish and one when all are acknowledged.
 */
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { generate } from 'mqtt-packet'
import { deviceCount, noTime, payloadOf, seqDigits, timeDigits, topicOf } from './bridge-message.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '1883' },
    root: { type: 'string', default: 'dwr' },
    run: { type: 'string', default: '0' },
    count: { type: 'string', default: '200000' },
    rate: { type: 'string', default: '0' },
    bytes: { type: 'string', default: '200' },
    connections: { type: 'string', default: '20' },
  },
})
const count = Number(values.count)
const ratePerSecond = Number(values.rate)
const connectionCount = Number(values.connections)
/** Each connection's own, unless the rate decides. */
const inFlightMax = 500
const packetIdMax = 65_535
const turnEveryMs = 2

type Frame = { bytes: Buffer; packetIdAt: number; timeAt: number; seqAt: number }
type Line = { socket: Socket; nextId: number; inFlight: number; rest: number; owed: Buffer[]; devices: Frame[]; turn: number }

const frameOf = (device: number): Frame => {
  const payload = payloadOf(Number(values.run), device, Number(values.bytes))
  const topic = topicOf(values.root, device)
  const bytes = generate({ cmd: 'publish', topic, payload, qos: 1, messageId: 1, dup: false, retain: false })
  const payloadAt = bytes.length - payload.length
  return {
    bytes,
    packetIdAt: payloadAt - 2,
    timeAt: payloadAt + payload.indexOf(String(noTime)),
    seqAt: payloadAt + payload.indexOf('1000000,'),
  }
}

const openLine = (n: number): Promise<Line> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(values.port), noDelay: true })
    const devices: Frame[] = []
    for (let device = n; device < deviceCount; device += connectionCount) devices.push(frameOf(device))
    const line: Line = { socket, nextId: 1, inFlight: 0, rest: 0, owed: [], devices, turn: 0 }
    socket.once('error', reject)
    const clientId = `publisher-${values.root}-${n}`
    socket.once('connect', () =>
      socket.write(generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean: true, keepalive: 600 })),
    )
    socket.once('data', (connack: Buffer) => {
      if (connack[3] !== 0) reject(new Error(`connection ${n} refused with ${connack[3]}`))
      socket.on('data', (chunk: Buffer) => onAcknowledged(line, chunk.length))
      resolve(line)
    })
  })

let sent = 0
let acknowledged = 0

/** Only PUBACKs come, 4 bytes each. */
const onAcknowledged = (line: Line, bytes: number): void => {
  const whole = line.rest + bytes
  line.rest = whole % 4
  const acks = (whole - line.rest) / 4
  line.inFlight -= acks
  acknowledged += acks
  if (ratePerSecond === 0) fill(line)
  if (acknowledged === count) end()
}

/** Messages of one connection go on with its devices in turn, so that each device's numbers come in order. */
const add = (line: Line): void => {
  const { bytes, packetIdAt, timeAt, seqAt } = line.devices[line.turn % line.devices.length] as Frame
  const seq = Math.floor(line.turn / line.devices.length)
  line.turn++
  const frame = Buffer.from(bytes)
  frame.writeUInt16BE(line.nextId, packetIdAt)
  frame.write(String(Date.now()).padStart(timeDigits, '0'), timeAt, 'latin1')
  frame.write(String(10 ** (seqDigits - 1) + seq), seqAt, 'latin1')
  line.nextId = line.nextId === packetIdMax ? 1 : line.nextId + 1
  line.inFlight++
  line.owed.push(frame)
  sent++
}

const flush = (line: Line): void => {
  if (line.owed.length === 0) return
  line.socket.write(line.owed.length === 1 ? (line.owed[0] as Buffer) : Buffer.concat(line.owed))
  line.owed = []
}

const fill = (line: Line): void => {
  const own = count / connectionCount
  while (line.inFlight < inFlightMax && line.turn < own) add(line)
  flush(line)
}

const say = (what: object): void => {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

const lines = await Promise.all(Array.from({ length: connectionCount }, (_, n) => openLine(n)))
const startedAtMs = Date.now()
const cpu = process.cpuUsage()
say({ startedAtMs })

if (ratePerSecond === 0) for (const line of lines) fill(line)
else {
  const startMs = performance.now()
  const pacing = setInterval(() => {
    const due = Math.min(count, ((performance.now() - startMs) / 1000) * ratePerSecond)
    while (sent < due) add(lines[sent % connectionCount] as Line)
    for (const line of lines) flush(line)
    if (sent >= count) clearInterval(pacing)
  }, turnEveryMs)
}

function end(): void {
  const { user, system } = process.cpuUsage(cpu)
  say({ endedAtMs: Date.now(), sent, cpuMicrosPerMessage: Math.round(((user + system) / count) * 10) / 10 })
  for (const { socket } of lines) socket.destroy()
}
