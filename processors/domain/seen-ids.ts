/**
 * Content ids seen within a day, for devices that send a time but no boot id (design: section 5). Open addressing in typed
 * arrays, 12 bytes an id, in generations: a whole generation is dropped when its time is over or the table is full.
 * What it answers depends on the order of calls and the times given, never on the clock or on where batches are cut.
 */

export type SeenIdsState = {
  /** Number of the oldest generation that still counts, and of the next to be made. */
  oldest: number
  next: number
  /** Ids from before this moment were dropped early, because the table was full; 0 when none. */
  forgottenBeforeMs: number
}

export type SeenIds = ReturnType<typeof createSeenIds>

/** An id is known for at least 24 h and at most 32 h: generations of 8 h, of which the running one and three more count. */
export const generationMs = 8 * 3_600_000
const generationsKept = 3
/** Design section 5. A partition gets its share; at 12 bytes and half-full tables all partitions together take 96 MB. */
export const seenIdsMax = 4_000_000
/** A full table gives up an eighth of its ids at once. */
const generationsWhenFull = 8

const wordsPerId = 3
const slotsAtFirst = 1_024

type Generation = { number: number; startMs: number; words: Uint32Array; used: number }

export const createSeenIds = (idsMax: number = seenIdsMax) => {
  const generationIdsMax = Math.max(1, Math.floor(idsMax / generationsWhenFull))
  let generations: Generation[] = []
  let state: SeenIdsState = { oldest: 0, next: 0, forgottenBeforeMs: 0 }
  let total = 0
  /** What the running batch added, for the store. */
  let added: { generation: Generation; words: number[] }[] = []

  const drop = (): void => {
    const dropped = generations.shift()
    if (dropped === undefined) return
    total -= dropped.used
    state.oldest = dropped.number + 1
  }

  const expire = (nowMs: number): void => {
    const period = periodOf(nowMs)
    while (generations[0] !== undefined && periodOf(generations[0].startMs) < period - generationsKept) drop()
  }

  const makeRoom = (nowMs: number): Generation => {
    let newest = generations[generations.length - 1]
    if (newest === undefined || periodOf(newest.startMs) !== periodOf(nowMs) || newest.used >= generationIdsMax) {
      newest = { number: state.next++, startMs: nowMs, words: new Uint32Array(slotsAtFirst * wordsPerId), used: 0 }
      generations.push(newest)
    }
    if (total >= idsMax && generations.length > 1) {
      drop()
      state.forgottenBeforeMs = generations[0]?.startMs ?? nowMs
    }
    return newest
  }

  return {
    /** True when the id (at least 12 bytes) came before; else it is known from now on. */
    seen: (id: Uint8Array, nowMs: number): boolean => {
      const a = wordAt(id, 0) || 1 // Three zero words mark an empty slot.
      const b = wordAt(id, 4)
      const c = wordAt(id, 8)
      expire(nowMs)
      for (let at = generations.length - 1; at >= 0; at--) {
        const generation = generations[at]
        if (generation !== undefined && contains(generation, a, b, c)) return true
      }
      const generation = makeRoom(nowMs)
      insert(generation, a, b, c)
      total++
      let group = added[added.length - 1]
      if (group?.generation !== generation) {
        group = { generation, words: [] }
        added.push(group)
      }
      group.words.push(a, b, c)
      return false
    },

    /** What was added since the last call, as bytes to store; null when nothing was. */
    takeSegment: (): Uint8Array | null => {
      if (added.length === 0) return null
      const bytes = encodeGroups(added)
      added = []
      return bytes
    },

    /** Segments whose newest id is older than this are not needed any more. */
    dropBeforeMs: (): number => generations[0]?.startMs ?? 0,

    state: (): SeenIdsState => ({ ...state }),

    /** Rebuilds the table as it was: the stored state and all segments, oldest first. */
    load: (stored: SeenIdsState, segments: Iterable<Uint8Array>): void => {
      generations = []
      total = 0
      added = []
      state = { ...stored }
      for (const bytes of segments) {
        for (const { number, startMs, words } of decodeGroups(bytes)) {
          if (number < stored.oldest) continue
          let generation = generations[generations.length - 1]
          if (generation?.number !== number) {
            generation = { number, startMs, words: new Uint32Array(slotsAtFirst * wordsPerId), used: 0 }
            generations.push(generation)
          }
          for (let at = 0; at + 2 < words.length; at += wordsPerId) {
            insert(generation, words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0)
            total++
          }
        }
      }
    },

    size: (): number => total,
  }
}

const periodOf = (timeMs: number): number => Math.floor(timeMs / generationMs)

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0

const contains = ({ words }: Generation, a: number, b: number, c: number): boolean => {
  const slots = words.length / wordsPerId
  for (let slot = a & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
    const at = slot * wordsPerId
    const first = words[at]
    if (first === 0) return false
    if (first === a && words[at + 1] === b && words[at + 2] === c) return true
  }
}

const insert = (generation: Generation, a: number, b: number, c: number): void => {
  if ((generation.used + 1) * wordsPerId * 2 > generation.words.length) grow(generation)
  place(generation.words, a, b, c)
  generation.used++
}

const place = (words: Uint32Array, a: number, b: number, c: number): void => {
  const slots = words.length / wordsPerId
  let slot = a & (slots - 1)
  while (words[slot * wordsPerId] !== 0) slot = (slot + 1) & (slots - 1)
  words[slot * wordsPerId] = a
  words[slot * wordsPerId + 1] = b
  words[slot * wordsPerId + 2] = c
}

/** Slots stay a power of two, at most half of them taken. */
const grow = (generation: Generation): void => {
  const { words } = generation
  const larger = new Uint32Array(words.length * 2)
  for (let at = 0; at < words.length; at += wordsPerId) {
    const a = words[at] ?? 0
    if (a !== 0) place(larger, a, words[at + 1] ?? 0, words[at + 2] ?? 0)
  }
  generation.words = larger
}

/** Per generation: number u32, start f64 (ms), words u32, then the words; little-endian. */
const groupHeaderBytes = 16

const encodeGroups = (groups: readonly { generation: Generation; words: number[] }[]): Uint8Array => {
  const bytes = new Uint8Array(groups.reduce((sum, { words }) => sum + groupHeaderBytes + words.length * 4, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { generation, words } of groups) {
    view.setUint32(at, generation.number, true)
    view.setFloat64(at + 4, generation.startMs, true)
    view.setUint32(at + 12, words.length, true)
    at += groupHeaderBytes
    for (const word of words) {
      view.setUint32(at, word, true)
      at += 4
    }
  }
  return bytes
}

function* decodeGroups(bytes: Uint8Array): Generator<{ number: number; startMs: number; words: number[] }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + groupHeaderBytes <= bytes.byteLength) {
    const number = view.getUint32(at, true)
    const startMs = view.getFloat64(at + 4, true)
    const length = view.getUint32(at + 12, true)
    at += groupHeaderBytes
    const words: number[] = []
    for (let index = 0; index < length; index++) words.push(view.getUint32(at + index * 4, true))
    at += length * 4
    yield { number, startMs, words }
  }
}
