/**
 * Which partition a key belongs to: Kafka's murmur2 over the UTF-8 bytes, positive, modulo the count. Computed by us and
 * never left to a client, since the two Kafka clients' defaults differ (delivery: section 3.1).
 */
const encoder = new TextEncoder()
/** Runs for each message: usual keys are written over each other here. */
const scratch = new Uint8Array(256)
const utf8BytesPerUnitMax = 3

export const partitionOf = (key: string, partitionCount: number): number =>
  partitionCount === 1 ? 0 : (murmur2(bytesOf(key)) & 0x7fffffff) % partitionCount

const bytesOf = (key: string): Uint8Array =>
  key.length * utf8BytesPerUnitMax > scratch.length ? encoder.encode(key) : scratch.subarray(0, encoder.encodeInto(key, scratch).written)

/** MurmurHash2, 32 bit, seed 0x9747b28c, as in Kafka's `Utils.murmur2`. */
export const murmur2 = (data: Uint8Array): number => {
  const m = 0x5bd1e995
  const length = data.length
  let h = 0x9747b28c ^ length
  const words = length >> 2
  for (let i = 0; i < words; i++) {
    const at = i << 2
    let k = byteAt(data, at) | (byteAt(data, at + 1) << 8) | (byteAt(data, at + 2) << 16) | (byteAt(data, at + 3) << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    k = Math.imul(k, m)
    h = Math.imul(h, m) ^ k
  }
  const rest = length & ~3
  switch (length & 3) {
    case 3:
      h ^= byteAt(data, rest + 2) << 16
    // falls through: the bytes of the tail add up
    case 2:
      h ^= byteAt(data, rest + 1) << 8
    // falls through: the bytes of the tail add up
    case 1:
      h ^= byteAt(data, rest)
      h = Math.imul(h, m)
  }
  h ^= h >>> 13
  h = Math.imul(h, m)
  h ^= h >>> 15
  return h
}

const byteAt = (data: Uint8Array, at: number): number => data[at] ?? 0
