/** What the broker's store keeps of a message, what it counts for, and under which key it lies in the files. */
import { createHash } from 'node:crypto'

export type StoredPacket = {
  cmd: string
  brokerId?: string | undefined
  brokerCounter?: number | undefined
  topic: string
  payload: Buffer
  qos: number
  retain: boolean
  dup: boolean
  messageId?: number | undefined
  clientId?: string
  nl?: boolean
  properties?: Record<string, unknown>
  /** Epoch ms after which the message is worthless (MQTT 5 Message Expiry Interval). */
  messageExpiry?: number
}
export type ClientRef = { id: string }

const packetOverheadBytes = 200

/** A PUBREL that stands in a queue has neither topic nor payload. */
export const sizeOf = ({ topic, payload }: Partial<StoredPacket>): number =>
  packetOverheadBytes + (topic?.length ?? 0) + (payload?.length ?? 0)

/** Topics and client ids may be longer than an LMDB key and hold any character. */
export const keyOf = (text: string): string => createHash('md5').update(text).digest('hex')

/** A packet as aedes keeps it: without its packet id, which belongs to one connection. */
export const copyOf = (packet: StoredPacket, qos: number): StoredPacket => ({
  ...(packet.clientId === undefined ? {} : { clientId: packet.clientId }),
  ...(packet.nl === undefined ? {} : { nl: packet.nl }),
  ...(packet.properties === undefined ? {} : { properties: packet.properties }),
  ...(packet.messageExpiry === undefined ? {} : { messageExpiry: packet.messageExpiry }),
  cmd: packet.cmd,
  brokerId: packet.brokerId,
  brokerCounter: packet.brokerCounter ?? 0,
  topic: packet.topic,
  payload: packet.payload,
  qos,
  retain: packet.retain || false,
  dup: packet.dup || false,
  ...(qos > 0 ? { messageId: undefined } : {}),
})
