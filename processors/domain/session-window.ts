/**
 * Messages without time and sequence: a redelivery is only what is marked as one (DUP) and equals a message of an earlier
 * connection of the same persistent session, each earlier one matched once (decision 0009). So five equal `23.4` are five
 * readings, also from a client that connects for each; and what is sent again after a reconnect is one. Bounded by age and
 * count.
 */

/**
 * `ambiguous`: equal to one of an earlier connection, but not marked as sent again; or marked, but what it would have matched
 * may have been forgotten for want of room.
 */
export type SessionVerdict = 'new' | 'duplicate' | 'ambiguous'

export type SessionWindowState = {
  next: number
  /** When the newest message was noted that had to be forgotten before its time; 0 when none. */
  forgottenAtMs: number
}

/** A client resends what was not acknowledged when it comes back; a day covers a device that was switched off. */
export const sessionAgeMaxMs = 24 * 3_600_000
/** Messages remembered per partition: several in-flight windows (at most 65,535 each), about 30 MB. */
export const sessionMessagesMax = 200_000

/** `number` counts all messages of the partition that were judged here. */
type Remembered = { number: number; key: number; connection: number; atMs: number; next: Remembered | undefined }
/**
 * Messages of one content, oldest first. The connections of a session only rise and the oldest is forgotten first, so only
 * the first one is ever looked at and taken: a client that says one thing 200,000 times costs no more than another.
 */
type Queue = { first: Remembered; last: Remembered }

export type SessionWindow = ReturnType<typeof createSessionWindow>

export const createSessionWindow = (messagesMax: number = sessionMessagesMax) => {
  /** By content: those that no redelivery has matched yet, oldest first. */
  let unmatched = new Map<number, Queue>()
  let order: Remembered[] = []
  let head = 0
  let added: number[] = []
  let state: SessionWindowState = { next: 0, forgottenAtMs: 0 }

  const forgetOldest = (): Remembered | undefined => {
    const oldest = order[head++]
    if (oldest !== undefined) takeFirst(unmatched, oldest.key, (first) => first === oldest)
    if (head > 1_024 && head * 2 > order.length) {
      order = order.slice(head)
      head = 0
    }
    return oldest
  }

  const forgetAged = (nowMs: number): void => {
    for (let oldest = order[head]; oldest !== undefined && oldest.atMs <= nowMs - sessionAgeMaxMs; oldest = order[head]) forgetOldest()
  }

  const remember = (message: Remembered): void => {
    const queue = unmatched.get(message.key)
    if (queue === undefined) unmatched.set(message.key, { first: message, last: message })
    else {
      queue.last.next = message
      queue.last = message
    }
    order.push(message)
  }

  return {
    /** `id`: digest of session, topic, payload and packet id. */
    judge: (id: Uint8Array, connection: number, dup: boolean, nowMs: number): SessionVerdict => {
      forgetAged(nowMs)
      const key = keyOf(id)
      const matched = takeFirst(unmatched, key, (first) => first.connection < connection)
      // The redelivery itself is remembered too: its acknowledgement can be lost like the first one's.
      const message = { number: state.next++, key, connection, atMs: nowMs, next: undefined }
      remember(message)
      added.push(message.number, key, connection, nowMs, matched?.number ?? -1)
      if (order.length - head > messagesMax) state.forgottenAtMs = forgetOldest()?.atMs ?? 0
      if (matched !== undefined) return dup ? 'duplicate' : 'ambiguous'
      return dup && connection > 1 && state.forgottenAtMs > nowMs - sessionAgeMaxMs ? 'ambiguous' : 'new'
    },

    /** What the running batch added, as bytes to store; null when nothing. */
    takeSegment: (): Uint8Array | null => {
      if (added.length === 0) return null
      const bytes = new Uint8Array(Float64Array.from(added).buffer)
      added = []
      return bytes
    },

    /** Segments whose newest message is older are not needed any more. */
    dropBeforeMs: (): number => order[head]?.atMs ?? 0,

    state: (): SessionWindowState => ({ ...state }),

    /** Rebuilds the window as it was: the stored state and all segments, oldest first. */
    load: (stored: SessionWindowState, segments: Iterable<Uint8Array>): void => {
      unmatched = new Map()
      order = []
      head = 0
      added = []
      state = { ...stored }
      for (const bytes of segments) {
        const values = new Float64Array(bytes.slice().buffer)
        for (let at = 0; at + 4 < values.length; at += 5) {
          const [number = 0, key = 0, connection = 0, atMs = 0, matched = -1] = values.subarray(at, at + 5)
          forgetAged(atMs)
          takeFirst(unmatched, key, (first) => first.number === matched)
          remember({ number, key, connection, atMs, next: undefined })
          if (order.length - head > messagesMax) forgetOldest()
        }
      }
    },

    size: (): number => order.length - head,
  }
}

/** 53 bits of the digest: one message among 200,000 meets another by chance once in 4 * 10^10. */
const keyOf = (id: Uint8Array): number => {
  let key = 0
  for (let at = 0; at < 6; at++) key = key * 256 + (id[at] ?? 0)
  return key * 32 + ((id[6] ?? 0) & 31)
}

const takeFirst = (unmatched: Map<number, Queue>, key: number, fits: (first: Remembered) => boolean): Remembered | undefined => {
  const queue = unmatched.get(key)
  if (queue === undefined || !fits(queue.first)) return undefined
  const { first } = queue
  if (first.next === undefined) unmatched.delete(key)
  else queue.first = first.next
  first.next = undefined // What is gone holds nothing back.
  return first
}
