/**
 * The parts of aedes 2.0.0-beta.1 that we use and its types do not name, in one place. The version is pinned; what we rely
 * on is held by `embedded-broker.test.ts`. (aedes: `lib/client.js`, `lib/handlers/connect.js`, `aedes.js`.)
 */
import type { Duplex } from 'node:stream'
import type { Aedes, AedesPublishPacket, Client } from 'aedes'
import type { IPublishPacket } from 'mqtt-packet'

export type SeamClient = Omit<Client, 'conn'> & {
  conn: Duplex
  /** mqtt-packet's parser; `frame-guard.ts` stands in front of its `parse`. */
  _parser: {
    parse: (chunk: Buffer) => number
    prependListener: (event: 'packet', listener: (packet: ArrivingPacket) => void) => void
    removeListener: (event: 'packet', listener: (packet: ArrivingPacket) => void) => void
    /** What it has not read yet: a `bl`, which is a stream around a plain list (`constructor.BufferList`). */
    _list: { constructor: { BufferList: new () => SeamClient['_parser']['_list'] } }
  }
  /** Lets go of `stream.finished`: we tell of the end of the connection ourselves. */
  _eos: () => void
  /** Reads on: called by aedes when a batch is done, and by us after we refused to read. */
  _nextBatch: (error?: Error) => void
  /** MQTT 5 Clean Start, MQTT 3 clean session. */
  _cleanStart: boolean
  _will: { topic: string } | undefined
  subscriptions: Record<string, { qos: number }>
  rejectPacketTooLarge: (bytes: number) => void
}

/**
 * Takes from aedes' client what an idle connection does not need: the parser's list needs not be a stream, and the ten
 * closures of `stream.finished` say no more than `close` does, which always comes. 2 kB of 15 a connection.
 */
export const slim = (client: SeamClient): void => {
  const { _parser: parser } = client
  parser._list = new parser._list.constructor.BufferList()
  client._eos()
  client._eos = () => undefined
  client.conn.once('close', () => client.close())
}

/** A PUBLISH on its way through aedes, or a will (which has no `cmd`). The marks are ours. */
export type ArrivingPacket = IPublishPacket & {
  /** Whole length of a payload of which the frame guard kept only the beginning. */
  cutFromBytes?: number
  /** The QoS it came with, once handled and acknowledged by us; set by the accept step, read by the publish step. */
  accepted?: Accepted
  messageExpiry?: number
}
export type Accepted = {
  qos: 0 | 1 | 2
  forward: boolean
  queued: readonly { packet: { brokerId?: string | undefined; brokerCounter?: number | undefined } }[]
}

export type SeamBroker = Omit<Aedes, 'publish'> & {
  /** Numbers every packet; a subscriber takes only rising numbers. */
  counter: number
  mq: { emit: (packet: unknown, done: () => void) => void }
  publish: (packet: ArrivingPacket, client: SeamClient | null | Done, done?: Done) => void
}
export type Done = (error?: Error | null) => void

export type ForwardedPacket = AedesPublishPacket
