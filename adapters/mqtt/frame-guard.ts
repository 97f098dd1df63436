/**
 * Stands between a socket and aedes' parser, which would otherwise buffer whatever a client announces. It walks the frames
 * of each chunk (fixed header and length only), so that
 * - a packet beyond `packetBytesMax` closes the connection as soon as its length is known;
 * - a PUBLISH whose payload is too large is read and thrown away except for its first bytes; once it has come in whole, the
 *   parser gets a shortened PUBLISH, marked `cutFromBytes`, to be handed over and acknowledged like any other;
 * - all incomplete packets together stay below `partialBytesMax`, and none stays silent for longer than `packetIdleMs`;
 * - at most `inFlightMax` messages are under way per connection: beyond, nothing is read from it.
 */
import type { SeamClient } from './aedes-seam.ts'
import { type BrokerLimits, isLogTopic } from './limits.ts'

export type GuardRefusal = 'packetTooLarge' | 'connectTooLarge' | 'partialBytes' | 'packetIdle'

export type FrameGuard = {
  /** A message was handed over (+1) or is done with (-1). */
  countInFlight: (change: 1 | -1) => void
  /** Bytes of an incomplete packet that we hold. */
  partialBytes: () => number
}

export type FrameGuards = {
  install: (client: SeamClient) => FrameGuard
  /** Closes connections whose packet was begun and is silent. Called every second. */
  closeIdle: (nowMs: number) => void
  partialBytes: () => number
}

const publishType = 3
const empty = Buffer.alloc(0)

export const createFrameGuards = (
  limits: BrokerLimits,
  nowMs: () => number,
  refuse: (client: SeamClient, reason: GuardRefusal) => void,
): FrameGuards => {
  let partialTotal = 0
  const unfinished = new Map<SeamClient, number>() // Client -> when its last byte came.

  const install = (client: SeamClient): FrameGuard => {
    const parser = client._parser
    const parse = parser.parse.bind(parser)
    const read = client.conn.read.bind(client.conn)
    let head = empty // Beginning of a frame whose kind is not known yet.
    let held: Buffer | null = null // Whole bytes that must wait, since too much is in flight.
    let need = 0 // Bytes still to come of a frame that the parser already has a part of.
    let passed = 0 // Bytes of that frame which the parser holds.
    let discard = 0 // Bytes still to come of a payload that is thrown away.
    let cut: { frame: Buffer; payloadBytes: number } | null = null
    let cutBytes: number | undefined
    let inFlight = 0
    let blocked = false
    let partial = 0
    let refused = false

    parser.prependListener('packet', (packet) => {
      if (cutBytes !== undefined) packet.cutFromBytes = cutBytes
    })
    client.conn.read = (size?: number) => {
      if (inFlight >= limits.inFlightMax) {
        blocked = true
        return null
      }
      if (held === null) return read(size) as Buffer | null
      const waiting = held
      held = null
      return waiting
    }
    const setPartial = (bytes: number): void => {
      partialTotal += bytes - partial
      partial = bytes
      if (bytes > 0) unfinished.set(client, nowMs())
      else unfinished.delete(client)
      if (bytes > 0 && partialTotal > limits.partialBytesMax) stop('partialBytes')
    }
    const stop = (reason: GuardRefusal): void => {
      refused = true
      refuse(client, reason)
    }
    client.conn.once('close', () => setPartial(0))

    parser.parse = (chunk) => {
      if (refused) return 0
      const bytes = head.length === 0 ? chunk : Buffer.concat([head, chunk])
      head = empty
      let at = 0
      let from = 0
      let frames = 0
      const room = Math.max(1, limits.inFlightMax - inFlight)
      const flush = (to: number): void => {
        if (to > from) parse(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to))
        from = to
      }

      while (at < bytes.length) {
        if (discard > 0) {
          const skipped = Math.min(discard, bytes.length - at)
          discard -= skipped
          at += skipped
          from = at
          if (discard === 0 && cut) {
            cutBytes = cut.payloadBytes
            parse(cut.frame)
            cutBytes = undefined
            cut = null
            frames++
          }
          continue
        }
        if (need > 0) {
          const taken = Math.min(need, bytes.length - at)
          need -= taken
          passed = need === 0 ? 0 : passed + taken
          at += taken
          if (need === 0) frames++
          continue
        }
        if (frames >= room) {
          flush(at)
          held = bytes.subarray(at)
          setPartial(0)
          return 0
        }
        const length = lengthOf(bytes, at)
        if (length === 'invalid') {
          flush(bytes.length) // The parser says what is wrong with it.
          return 0
        }
        if (length === null) break
        const { remaining, headerBytes } = length
        const frameBytes = headerBytes + remaining
        const tooLarge = frameBytes > limits.packetBytesMax
        if (tooLarge || (!client.connected && !client.connecting && frameBytes > limits.connectPacketBytesMax)) {
          flush(at)
          stop(tooLarge ? 'packetTooLarge' : 'connectTooLarge')
          if (tooLarge) client.rejectPacketTooLarge(frameBytes)
          else client.conn.destroy()
          return 0
        }
        if (remaining > limits.payloadBytesMax && (bytes[at] ?? 0) >> 4 === publishType) {
          const plan = planPublish(bytes.subarray(at), headerBytes, remaining, client.version === 5, limits)
          if (plan === 'incomplete') break
          if (plan === 'tooLarge') {
            flush(at)
            stop('packetTooLarge')
            client.rejectPacketTooLarge(frameBytes)
            return 0
          }
          if (plan !== 'pass') {
            flush(at)
            cut = { frame: plan.frame, payloadBytes: plan.payloadBytes }
            discard = frameBytes
            continue
          }
        }
        need = frameBytes
        passed = 0
      }
      flush(at)
      head = at < bytes.length ? Buffer.from(bytes.subarray(at)) : empty // A copy: the chunk it came in may be large.
      const holding = head.length + passed + (cut ? cut.frame.length : 0)
      if (holding > 0 || partial > 0) setPartial(holding)
      return 0
    }

    return {
      countInFlight: (change) => {
        inFlight += change
        if (!blocked || inFlight * 2 > limits.inFlightMax) return
        blocked = false
        setImmediate(() => {
          if (!client.closed) client._nextBatch()
        })
      },
      partialBytes: () => partial,
    }
  }

  return {
    install,
    closeIdle: (atMs) => {
      for (const [client, lastByteAtMs] of unfinished) if (atMs - lastByteAtMs >= limits.packetIdleMs) refuse(client, 'packetIdle')
    },
    partialBytes: () => partialTotal,
  }
}

/** Remaining length [MQTT-2.2.3]: one to four bytes; null when they have not all come. */
const lengthOf = (bytes: Buffer, at: number): { remaining: number; headerBytes: number } | 'invalid' | null => {
  let remaining = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + 1 + i]
    if (byte === undefined) return null
    remaining += (byte & 0x7f) * 128 ** i
    if (byte < 0x80) return { remaining, headerBytes: 2 + i }
  }
  return 'invalid'
}

/** Whether this PUBLISH passes, or what the parser gets in its place. */
const planPublish = (
  frame: Buffer,
  headerBytes: number,
  remaining: number,
  hasProperties: boolean,
  limits: BrokerLimits,
): 'incomplete' | 'pass' | 'tooLarge' | { frame: Buffer; payloadBytes: number } => {
  if (frame.length < headerBytes + 2) return 'incomplete'
  const topicBytes = frame.readUInt16BE(headerBytes)
  const qos = ((frame[0] ?? 0) >> 1) & 3
  let payloadAt = headerBytes + 2 + topicBytes + (qos > 0 ? 2 : 0)
  if (payloadAt > headerBytes + remaining) return 'pass' // Malformed: the parser refuses it.
  if (frame.length < payloadAt) return 'incomplete'
  if (hasProperties) {
    const properties = lengthOf(frame, payloadAt - 1)
    if (properties === 'invalid') return 'pass'
    if (properties === null) return frame.length < headerBytes + remaining ? 'incomplete' : 'pass'
    if (properties.remaining > limits.payloadBytesMax) return 'tooLarge' // User properties are no place for a payload.
    payloadAt += properties.headerBytes - 1 + properties.remaining
    if (payloadAt > headerBytes + remaining) return 'pass'
  }
  const payloadBytes = headerBytes + remaining - payloadAt
  const topic = frame.toString('utf8', headerBytes + 2, headerBytes + 2 + topicBytes)
  if (payloadBytes <= (isLogTopic(topic) ? limits.logPayloadBytesMax : limits.payloadBytesMax)) return 'pass'
  const keptTo = payloadAt + limits.cutPayloadBytesKept
  if (frame.length < keptTo) return 'incomplete'
  const body = frame.subarray(headerBytes, keptTo)
  return { frame: Buffer.concat([frame.subarray(0, 1), encodeLength(body.length), body]), payloadBytes }
}

const encodeLength = (length: number): Buffer => {
  const bytes: number[] = []
  let rest = length
  do {
    const byte = rest % 128
    rest = (rest - byte) / 128
    bytes.push(rest > 0 ? byte | 0x80 : byte)
  } while (rest > 0)
  return Buffer.from(bytes)
}
