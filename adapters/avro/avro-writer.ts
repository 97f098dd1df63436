/**
 * Avro's primitives, written one after the other into a slab that is never written twice. What it writes is always sound by
 * `check-bytes.ts`: numbers are finite and in range or it throws, lone surrogates become U+FFFD.
 * avsc's own writer takes twice as long, refuses Uint8Array and writes lone surrogates as invalid UTF-8.
 */

import { longMax, longMin } from './check-bytes.ts'

/** One allocation per some thousand frames. A frame keeps its slab alive: copy what is kept long. */
const slabBytes = 256 * 1024
/** Up to here a loop over characters costs less than two native calls. */
const shortTextMax = 48
const longBytesMax = 10

export class AvroWriter {
  private slab = Buffer.allocUnsafeSlow(slabBytes)
  private start = 0
  private at = 0

  /** Begins a frame: byte 0, schema id as int32 big-endian. */
  begin(schemaId: number): void {
    this.start = this.at
    this.reserve(5)
    this.slab[this.at] = 0
    this.at = this.slab.writeInt32BE(schemaId, this.at + 1)
  }

  end(): Buffer {
    return this.slab.subarray(this.start, this.at)
  }

  /** Gives the room of a frame that failed to the next one. */
  abandon(): void {
    this.at = this.start
  }

  boolean(value: boolean): void {
    this.reserve(1)
    this.slab[this.at++] = value ? 1 : 0
  }

  int(value: number): void {
    if ((value | 0) !== value) throw new RangeError(`Expected a 32-bit integer, got ${value}`)
    this.long(value)
  }

  /** Zigzag varint (Avro 1.12, "Primitive Types"). */
  long(value: number): void {
    this.reserve(longBytesMax)
    const { slab } = this
    if (value < 0x40000000 && value >= -0x40000000 && (value | 0) === value) {
      let n = (value << 1) ^ (value >> 31)
      while (n > 0x7f) {
        slab[this.at++] = (n & 0x7f) | 0x80
        n >>>= 7
      }
      slab[this.at++] = n
      return
    }
    if (!Number.isSafeInteger(value) || value < longMin || value > longMax)
      throw new RangeError(`Expected an integer from -2^52 to 2^53 - 2, got ${value}`)
    // The sign is the lowest bit; the rest is split off by division, since it does not fit bit operations.
    let magnitude = value < 0 ? -value - 1 : value
    slab[this.at++] = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0) | 0x80
    magnitude = Math.floor(magnitude / 64)
    while (magnitude > 0x7f) {
      slab[this.at++] = (magnitude % 128) | 0x80
      magnitude = Math.floor(magnitude / 128)
    }
    slab[this.at++] = magnitude
  }

  double(value: number): void {
    if (!Number.isFinite(value)) throw new RangeError(`Expected a finite number, got ${value}`)
    this.reserve(8)
    this.at = this.slab.writeDoubleLE(value, this.at)
  }

  text(value: string): void {
    const { length } = value
    if (length <= shortTextMax) {
      this.reserve(1 + length)
      const { slab, at } = this
      let i = 0
      for (; i < length; i++) {
        const unit = value.charCodeAt(i)
        if (unit > 0x7f) break
        slab[at + 1 + i] = unit
      }
      if (i === length) {
        slab[at] = length << 1
        this.at = at + 1 + length
        return
      }
    }
    const bytes = Buffer.byteLength(value)
    this.long(bytes)
    this.reserve(bytes)
    this.slab.write(value, this.at, bytes)
    this.at += bytes
  }

  bytes(value: Uint8Array): void {
    this.long(value.length)
    this.fixed(value, value.length)
  }

  fixed(value: Uint8Array, length: number): void {
    if (value.length !== length) throw new RangeError(`Expected ${length} bytes, got ${value.length}`)
    this.reserve(length)
    this.slab.set(value, this.at)
    this.at += length
  }

  textOrNull(value: string | null): void {
    if (!this.branch(value)) return
    this.text(value)
  }

  longOrNull(value: number | null): void {
    if (!this.branch(value)) return
    this.long(value)
  }

  intOrNull(value: number | null): void {
    if (!this.branch(value)) return
    this.int(value)
  }

  doubleOrNull(value: number | null): void {
    if (!this.branch(value)) return
    this.double(value)
  }

  /** Branch of a union ["null", T]; true when the value follows. */
  branch<T>(value: T | null): value is T {
    this.boolean(false)
    if (value === null) return false
    this.slab[this.at - 1] = 2
    return true
  }

  /** One block: count, items, end. */
  array<T>(items: readonly T[], write: (item: T) => void): void {
    if (items.length > 0) {
      this.long(items.length)
      for (const item of items) write(item)
    }
    this.long(0)
  }

  /** Room for so many bytes: a new slab when this one ends, to which the frame moves. */
  private reserve(bytes: number): void {
    if (this.at + bytes <= this.slab.length) return
    const written = this.at - this.start
    const slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, (written + bytes) * 2))
    this.slab.copy(slab, 0, this.start, this.at)
    this.slab = slab
    this.start = 0
    this.at = written
  }
}
