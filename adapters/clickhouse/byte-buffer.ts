/** A larger one was for a rare batch and goes back to the memory. */
export const keptBytesMax = 64 * 1024 * 1024

/** Bytes under construction: grows by doubling and is reused, so that a steady flow of batches allocates nothing. */
export class ByteBuffer {
  /** Its memory is its own, so `buffer.buffer` may be viewed as numbers where `at` is a multiple of their width. */
  buffer: Buffer
  at = 0
  private readonly bytesAtFirst: number

  constructor(bytesAtFirst = 1 << 20) {
    this.bytesAtFirst = bytesAtFirst
    this.buffer = Buffer.allocUnsafeSlow(bytesAtFirst)
  }

  reset(): void {
    this.at = 0
    if (this.buffer.length > keptBytesMax) this.buffer = Buffer.allocUnsafeSlow(this.bytesAtFirst)
  }

  /** Valid until the next `reset`. */
  bytes(): Buffer {
    return this.buffer.subarray(0, this.at)
  }

  /** Call before writing `bytes` more at `at`. */
  room(bytes: number): Buffer {
    if (this.at + bytes > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes))
      this.buffer.copy(larger, 0, 0, this.at)
      this.buffer = larger
    }
    return this.buffer
  }

  /** LEB128, below 2^32. */
  writeVarint(value: number): void {
    const buffer = this.room(5)
    let rest = value
    while (rest > 127) {
      buffer[this.at++] = (rest & 127) | 128
      rest >>>= 7
    }
    buffer[this.at++] = rest
  }

  /** Length and UTF-8. Short plain ASCII is most of what we write: a loop beats the call into the native encoder. */
  writeText(value: string): void {
    const { length } = value
    if (length < 64) {
      const buffer = this.room(length + 1)
      let at = this.at
      buffer[at++] = length
      let index = 0
      for (; index < length; index++) {
        const code = value.charCodeAt(index)
        if (code > 127) break
        buffer[at++] = code
      }
      if (index === length) {
        this.at = at
        return
      }
    }
    const bytes = Buffer.byteLength(value)
    this.writeVarint(bytes)
    this.room(bytes).write(value, this.at, 'utf8')
    this.at += bytes
  }

  writeBytes(value: Uint8Array): void {
    this.writeVarint(value.length)
    this.room(value.length).set(value, this.at)
    this.at += value.length
  }

  /** A safe integer, maybe negative, as 64 bit: two halves, since a BigInt per value costs five times as much. */
  writeInt64(value: number): void {
    const buffer = this.room(8)
    const high = Math.floor(value / 0x1_0000_0000)
    buffer.writeUInt32LE(value - high * 0x1_0000_0000, this.at)
    buffer.writeInt32LE(high | 0, this.at + 4)
    this.at += 8
  }

  append(other: ByteBuffer): void {
    other.buffer.copy(this.room(other.at), this.at, 0, other.at)
    this.at += other.at
  }

  /** The other's 32-bit numbers, cut to 1, 2 or 4 bytes each. */
  appendNarrowed(other: ByteBuffer, width: number): void {
    if (width === 4) {
      this.append(other)
      return
    }
    const numbers = new Uint32Array(other.buffer.buffer, other.buffer.byteOffset, other.at / 4)
    const buffer = this.room(numbers.length * width)
    let { at } = this
    for (const number of numbers) {
      buffer[at++] = number
      if (width === 2) buffer[at++] = number >> 8
    }
    this.at = at
  }
}
