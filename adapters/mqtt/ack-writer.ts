/**
 * Writes the PUBACKs that became due in one turn as one buffer per connection: writing each alone took nearly half of the
 * broker's time (bench/front-door.ts). Four bytes each, the success form of MQTT 3 and 5.
 */
import type { SeamClient } from './aedes-seam.ts'

export type AckWriter = {
  /** `written` runs after the PUBACK has been given to the socket; never, when the connection is gone. */
  add: (messageId: number, written: () => void) => void
}

/** `outgoingBytesMax`: a client that publishes but never reads its acknowledgements is closed there. */
export const createAckWriter = (client: SeamClient, outgoingBytesMax: number): AckWriter => {
  let due: { messageId: number; written: () => void }[] = []

  const flush = (): void => {
    const acks = due
    due = []
    if (client.closed || client.conn.destroyed) return
    if (client.conn.writableLength >= outgoingBytesMax) {
      client.conn.destroy()
      return
    }
    const bytes = Buffer.allocUnsafe(acks.length * 4)
    let at = 0
    for (const { messageId } of acks) {
      bytes[at] = 0x40
      bytes[at + 1] = 2
      bytes[at + 2] = messageId >> 8
      bytes[at + 3] = messageId & 0xff
      at += 4
    }
    client.conn.write(bytes)
    for (const { written } of acks) written()
  }

  return {
    add: (messageId, written) => {
      due.push({ messageId, written })
      // The tick queue runs after the promises that are settling now: a whole group commit becomes one write.
      if (due.length === 1) process.nextTick(flush)
    },
  }
}
