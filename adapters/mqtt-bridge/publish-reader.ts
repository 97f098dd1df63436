/**
 * Reads the PUBLISH packets (QoS 0 and 1) of a connection out of the bytes of the broker; all other packets go on as they are,
 * to MQTT.js. Before: the socket. After: `hand-over.ts`. MQTT.js' own way of a message (a list of buffers, an event, a log
 * line and a tick each) costs more than parsing it and making an event of it.
 *
 * When told to wait it stops behind the packet that it gave, and keeps the rest. Bytes that are no MQTT end it: nothing is
 * given from there on. A payload is a view of what was read: copy what is kept long.
 */
export type PublishedMessage = {
  topic: string
  payload: Buffer
  qos: 0 | 1
  dup: boolean
  retain: boolean
  /** Null with QoS 0. */
  messageId: number | null
}

export type PublishReaderDeps = {
  isMqtt5: boolean
  /** Larger packets are refused, the ones that we told the broker not to send. */
  packetBytesMax: number
  /** Answers whether to read on; after false, `goOn` says when. */
  publish: (message: PublishedMessage) => boolean
  /** The same for any other packet. */
  other: (packet: Buffer) => boolean
  /** Called once, with what was expected and what came. */
  malformed: (reason: string) => void
}

export type PublishReader = {
  /** Bytes that come while it waits are kept. */
  push: (chunk: Buffer) => void
  goOn: () => void
  isWaiting: () => boolean
}

const publishType = 3
/** Of the remaining length (MQTT 5: 1.5.5). */
const lengthBytesMax = 4
const headerBytesMin = 2

export const createPublishReader = (deps: PublishReaderDeps): PublishReader => {
  let pieces: Buffer[] = []
  let have = 0
  /** Bytes from which on a look is worth it. */
  let need = headerBytesMin
  let state: 'reading' | 'waiting' | 'ended' = 'reading'
  let isRunning = false

  const run = (): void => {
    if (isRunning) return // Told to go on from within: the loop below sees it.
    isRunning = true
    while (state === 'reading' && have >= need) {
      const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, have)
      const at = readPackets(bytes)
      have = bytes.length - at
      pieces = have === 0 ? [] : [at === 0 ? bytes : bytes.subarray(at)]
    }
    isRunning = false
  }

  /** Answers where the first packet begins that was not given. */
  const readPackets = (bytes: Buffer): number => {
    let at = 0
    while (state === 'reading') {
      const header = headerAt(bytes, at)
      if (header === 'malformed') {
        end('expected a remaining length of at most 4 bytes, got more')
        return at
      }
      if (header !== undefined && header.end - at > deps.packetBytesMax) {
        end(`expected packets of at most ${deps.packetBytesMax} bytes, got ${header.end - at}`)
        return at
      }
      if (header === undefined || header.end > bytes.length) {
        need = header === undefined ? bytes.length - at + 1 : header.end - at
        return at
      }
      need = headerBytesMin
      give(bytes, at, header)
      at = header.end
    }
    return at
  }

  const give = (bytes: Buffer, at: number, { from, end: to }: Header): void => {
    const first = bytes[at] as number
    const qos = (first >> 1) & 3
    if (first >> 4 !== publishType || qos === 2) {
      waitUnless(deps.other(bytes.subarray(at, to)))
      return
    }
    const message = qos === 3 ? undefined : messageOf(bytes, from, to, first, qos as 0 | 1, deps.isMqtt5)
    if (message === undefined) end('expected a PUBLISH, got one whose lengths or packet id do not fit')
    else waitUnless(deps.publish(message))
  }

  const waitUnless = (isRoom: boolean): void => {
    if (!isRoom && state === 'reading') state = 'waiting'
  }

  const end = (reason: string): void => {
    state = 'ended'
    deps.malformed(reason)
  }

  return {
    push: (chunk) => {
      pieces.push(chunk)
      have += chunk.length
      run()
    },
    goOn: () => {
      if (state === 'waiting') state = 'reading'
      run()
    },
    isWaiting: () => state !== 'reading',
  }
}

type Header = { from: number; end: number }

/** Undefined while it is not whole. */
const headerAt = (bytes: Buffer, at: number): Header | 'malformed' | undefined => {
  let length = 0
  for (let n = 0; n < lengthBytesMax; n++) {
    const byte = bytes[at + 1 + n]
    if (byte === undefined) return undefined
    length += (byte & 0x7f) * 128 ** n
    if (byte < 0x80) return { from: at + 2 + n, end: at + 2 + n + length }
  }
  return 'malformed'
}

/** `from`: behind the fixed header. Undefined when a length reaches beyond `end`. */
const messageOf = (bytes: Buffer, from: number, end: number, first: number, qos: 0 | 1, isMqtt5: boolean): PublishedMessage | undefined => {
  if (from + 2 > end) return undefined
  const topicEnd = from + 2 + bytes.readUInt16BE(from)
  let at = topicEnd + 2 * qos
  if (at > end || topicEnd === from + 2) return undefined // No topic: an alias, which we allow no broker [MQTT-3.3.2-9].
  const messageId = qos === 0 ? null : bytes.readUInt16BE(topicEnd)
  if (messageId === 0) return undefined // [MQTT-2.2.1-3]
  if (isMqtt5) {
    const properties = at < end ? propertiesEnd(bytes, at, end) : undefined
    if (properties === undefined) return undefined
    at = properties
  }
  return {
    topic: bytes.toString('utf8', from + 2, topicEnd),
    payload: bytes.subarray(at, end),
    qos,
    dup: (first & 8) !== 0,
    retain: (first & 1) !== 0,
    messageId,
  }
}

const propertiesEnd = (bytes: Buffer, start: number, end: number): number | undefined => {
  if (bytes[start] === 0) return start + 1
  const header = headerAt(bytes.subarray(0, end), start - 1) // Their length is written as that of a packet.
  return header === undefined || header === 'malformed' || header.end > end ? undefined : header.end
}
