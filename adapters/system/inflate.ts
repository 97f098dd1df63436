/** Raw inflate that ends at a bound: 486 kB of deflate can announce 500 MB (security: row 11). */
import { inflateRawSync } from 'node:zlib'

export const inflateBounded = (bytes: Uint8Array, outputBytesMax: number): Uint8Array | null => {
  try {
    return inflateRawSync(bytes, { maxOutputLength: outputBytesMax })
  } catch {
    return null // No deflate stream, cut short, or larger than the bound: all the sender's fault, told as a dead letter.
  }
}
