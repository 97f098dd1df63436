/** Small non-cryptographic hashes: equal input, equal number, on every machine and for ever (they stand in stored rows). */

/** FNV-1a over UTF-16 units, 32 bit, never 0 (0 means "none" where it is stored). */
export const hash32 = (text: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0 || 1
}

/** cyrb64 (bryc, public domain): two 32-bit lanes over UTF-16 units. */
export const hash64 = (text: string): bigint => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (BigInt(b >>> 0) << 32n) | BigInt(a >>> 0)
}

/**
 * The same for two texts in a row, cut to the 53 bits of a plain number, without a bigint on the way: two of 2,000 names of a
 * device meet by chance in one of 4 * 10^9 devices.
 */
export const hash53 = (first: string, second: string): number => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let at = 0; at <= first.length + second.length; at++) {
    // A unit of its own (the noncharacter U+FFFF) parts the two, so that ab, c is not a, bc.
    const unit = at < first.length ? first.charCodeAt(at) : at === first.length ? 0xffff : second.charCodeAt(at - first.length - 1)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (b >>> 11) * 2 ** 32 + (a >>> 0)
}
