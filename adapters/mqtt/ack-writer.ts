/**
 * Writes the PUBACKs that became due in one turn as one buffer per connection: writing each alone took nearly half of the
 * broker's time (bench/front-door.ts). Four bytes each, the success form of MQTT 3 and 5. A class, since each connection has
 * one: closures would cost it more than its fields.
 */
import type { SeamClient } from './aedes-seam.ts'

type Due = { messageId: number; written: () => void }
const none: Due[] = []

export class AckWriter {
  readonly #client: SeamClient
  readonly #outgoingBytesMax: number
  #due = none

  /** `outgoingBytesMax`: a client that publishes but never reads its acknowledgements is closed there. */
  constructor(client: SeamClient, outgoingBytesMax: number) {
    this.#client = client
    this.#outgoingBytesMax = outgoingBytesMax
  }

  /** `written` runs after the PUBACK has been given to the socket; never, when the connection is gone. */
  add(messageId: number, written: () => void): void {
    if (this.#due === none) {
      this.#due = []
      // The tick queue runs after the promises that are settling now: a whole group commit becomes one write.
      process.nextTick(flush, this)
    }
    this.#due.push({ messageId, written })
  }

  flush(): void {
    const acks = this.#due
    this.#due = none
    const { conn, closed } = this.#client
    if (closed || conn.destroyed) return
    if (conn.writableLength >= this.#outgoingBytesMax) {
      conn.destroy()
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
    conn.write(bytes)
    for (const { written } of acks) written()
  }
}

const flush = (writer: AckWriter): void => writer.flush()
