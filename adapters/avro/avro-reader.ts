/**
 * Avro's primitives, read one after the other and checked while they are read. It takes what `avro-writer.ts` writes and
 * nothing else: anything unusual (several blocks, sizes of blocks, numbers out of range, bytes that are no UTF-8, a cut end)
 * throws `NotOurs`, and the caller takes the long way of `check-bytes.ts` and avsc, which accepts it or says what is wrong.
 */
import { isUtf8 } from 'node:buffer'
import { longMax, longMin } from './check-bytes.ts'

export class NotOurs extends Error {}

/** Decoded, an item takes far more memory than its bytes; more than this of one list is for the long way to judge. */
const listItemsMax = 10_000
/** Texts up to here are looked for among those that came before. */
const rememberedBytesMax = 64
/** Bytes of a text that choose its slot. */
const sampledBytes = 16
/** Two million bytes at most; a fleet's words, ids and topics come again with every message. */
const rememberedTexts = 32_768

export class AvroReader {
  private bytes: Buffer = Buffer.alloc(0)
  private at = 0
  private end = 0
  /** The text that came last of each slot. One object for equal texts makes looking it up in a map cheap. */
  private readonly texts: string[] = new Array<string>(rememberedTexts).fill('')

  begin(bytes: Buffer, at: number): void {
    this.bytes = bytes
    this.at = at
    this.end = bytes.length
  }

  finish(): void {
    if (this.at !== this.end) throw new NotOurs('more bytes')
  }

  boolean(): boolean {
    const byte = this.byte()
    if (byte > 1) throw new NotOurs('a boolean')
    return byte === 1
  }

  /** Zigzag varint in its shortest form, of the range that avsc reads exactly. */
  long(): number {
    const { bytes, at, end } = this
    if (at + 1 < end) {
      const first = bytes[at] ?? 0
      if (first < 0x80) {
        this.at = at + 1
        return (first >>> 1) ^ -(first & 1)
      }
      const second = bytes[at + 1] ?? 0
      if (second < 0x80 && second > 0) {
        this.at = at + 2
        const zigzag = (first & 0x7f) | (second << 7)
        return (zigzag >>> 1) ^ -(zigzag & 1)
      }
    }
    return this.longOfAnyLength()
  }

  int(): number {
    const value = this.long()
    if (value < -0x80000000 || value > 0x7fffffff) throw new NotOurs('an int')
    return value
  }

  symbol<T>(symbols: readonly T[]): T {
    const found = symbols[this.long()]
    if (found === undefined) throw new NotOurs('a symbol')
    return found
  }

  double(): number {
    const { bytes, at } = this
    const value = bytes.readDoubleLE(this.skip(8))
    // All exponent bits set: infinity or NaN (IEEE 754).
    if (((bytes[at + 7] ?? 0) & 0x7f) === 0x7f && ((bytes[at + 6] ?? 0) & 0xf0) === 0xf0) throw new NotOurs('a finite number')
    return value
  }

  /** A text that is likely to come again. */
  word(): string {
    const length = this.length()
    if (length === 0) return ''
    if (length > rememberedBytesMax) return this.textOf(length)
    const { bytes, at, texts } = this
    const last = at + length - 1
    const step = 1 + Math.floor(length / sampledBytes)
    let hash = length
    for (let from = last; from >= at; from -= step) hash = Math.imul(hash ^ (bytes[from] ?? 0), 0x01000193)
    const slot = (hash ^ (hash >>> 15)) & (rememberedTexts - 1)
    const known = texts[slot] ?? ''
    if (known.length === length) {
      let same = 0
      while (same < length && known.charCodeAt(same) === bytes[at + same]) same++
      // Only of ASCII are units and bytes the same: of others the length differs.
      if (same === length) {
        this.at = last + 1
        return known
      }
    }
    const text = this.textOf(length)
    if (text.length === length) texts[slot] = text
    return text
  }

  text(): string {
    return this.textOf(this.length())
  }

  /** A view of the frame. */
  view(): Buffer {
    return this.fixed(this.length())
  }

  /** A view of the frame. */
  fixed(length: number): Buffer {
    const at = this.skip(length)
    return this.bytes.subarray(at, at + length)
  }

  /** Of a union ["null", T]: does the value follow? */
  branch(): boolean {
    const byte = this.byte()
    if (byte !== 0 && byte !== 2) throw new NotOurs('null or a value')
    return byte === 2
  }

  longOrNull(): number | null {
    return this.branch() ? this.long() : null
  }

  intOrNull(): number | null {
    return this.branch() ? this.int() : null
  }

  doubleOrNull(): number | null {
    return this.branch() ? this.double() : null
  }

  wordOrNull(): string | null {
    return this.branch() ? this.word() : null
  }

  textOrNull(): string | null {
    return this.branch() ? this.text() : null
  }

  /** One block or none. */
  list<T>(read: (from: AvroReader) => T): T[] {
    const count = this.long()
    if (count === 0) return []
    // Each item takes a byte at least.
    if (count < 0 || count > listItemsMax || count > this.end - this.at) throw new NotOurs('a list')
    const items: T[] = []
    for (let index = 0; index < count; index++) items.push(read(this))
    if (this.byte() !== 0) throw new NotOurs('one block')
    return items
  }

  private byte(): number {
    if (this.at >= this.end) throw new NotOurs('a byte')
    return this.bytes[this.at++] ?? 0
  }

  private skip(length: number): number {
    const { at } = this
    if (length > this.end - at) throw new NotOurs('as many bytes')
    this.at = at + length
    return at
  }

  private length(): number {
    const length = this.long()
    if (length < 0 || length > this.end - this.at) throw new NotOurs('a length')
    return length
  }

  private textOf(length: number): string {
    const { bytes } = this
    const at = this.skip(length)
    const end = at + length
    if (length <= rememberedBytesMax) {
      let seen = 0
      for (let from = at; from < end; from++) seen |= bytes[from] ?? 0
      if (seen < 0x80) return bytes.toString('latin1', at, end)
    }
    if (!isUtf8(bytes.subarray(at, end))) throw new NotOurs('UTF-8')
    return bytes.toString('utf8', at, end)
  }

  /** The sign bit is split off first, so that the magnitude is exact. */
  private longOfAnyLength(): number {
    let byte = this.byte()
    const isNegative = (byte & 1) === 1
    let magnitude = (byte & 0x7f) >> 1
    if (byte >= 0x80) {
      let scale = 64
      do {
        byte = this.byte()
        magnitude += (byte & 0x7f) * scale
        scale *= 128
      } while (byte >= 0x80 && scale < 2 ** 60)
      if (byte === 0 || byte >= 0x80) throw new NotOurs('an integer in its shortest form')
    }
    const value = isNegative ? -magnitude - 1 : magnitude
    if (value > longMax || value < longMin) throw new NotOurs('a safe integer')
    return value
  }
}
