/**
 * A plain TCP connection to a broker that reads little at a time not more often than every `readEveryMs`. Brokers write each
 * message for itself, and a read of one message costs as much as reading, parsing and encoding several; the batches of the
 * log wait longer than that for company anyway. What comes after a pause is read at once, and so is all there is while much
 * comes.
 */
import { connect, type Socket } from 'node:net'

export const readEveryMs = 16
/** More than this in one read: there is more to read already. */
export const muchBytes = 16 * 1024
const bufferBytes = 64 * 1024

export type PacedReader = {
  /** Gets bytes of its own. Answers whether to read on; after false, `resume` of the socket says when. */
  take: (bytes: Buffer) => boolean
  isWaiting: () => boolean
}

export const connectPaced = (address: { host: string; port: number }, reader: PacedReader): Socket => {
  const socket = connect({
    ...address,
    onread: {
      buffer: Buffer.allocUnsafe(bufferBytes), // Read into again and again, so what is handed over is a copy.
      callback: (length, bytes) => {
        if (!reader.take(Buffer.from(bytes.subarray(0, length)))) return false
        if (length >= muchBytes) return true
        setTimeout(goOn, readEveryMs)
        return false
      },
    },
  })
  const goOn = (): void => {
    if (!reader.isWaiting()) socket.resume()
  }
  socket.resume() // Else its end would not be told.
  return socket
}
