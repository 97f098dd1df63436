/**
 * Messages without time and sequence: a redelivery is only what equals a message of an earlier connection of the same
 * persistent session, each earlier one matched once (design: section 5). So five equal `23.4` are five readings, and a
 * message that the client sends again after a reconnect is one. Bounded by age and count.
 */

/** `ambiguous`: marked as sent again, but what it would have matched may have been forgotten for want of room. */
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
type Remembered = { number: number; key: number; connection: number; atMs: number }

export type SessionWindow = ReturnType<typeof createSessionWindow>

export const createSessionWindow = (messagesMax: number = sessionMessagesMax) => {
  /** By content: those that no redelivery has matched yet, oldest first. */
  let unmatched = new Map<number, Remembered[]>()
  let order: Remembered[] = []
  let head = 0
  let added: number[] = []
  let state: SessionWindowState = { next: 0, forgottenAtMs: 0 }

  const forgetOldest = (): Remembered | undefined => {
    const oldest = order[head++]
    if (oldest !== undefined) take(unmatched, oldest.key, ({ number }) => number === oldest.number)
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
    const same = unmatched.get(message.key)
    if (same === undefined) unmatched.set(message.key, [message])
    else same.push(message)
    order.push(message)
  }

  return {
    /** `id`: digest of session, topic, payload and packet id. */
    judge: (id: Uint8Array, connection: number, dup: boolean, nowMs: number): SessionVerdict => {
      forgetAged(nowMs)
      const key = keyOf(id)
      const matched = take(unmatched, key, (earlier) => earlier.connection < connection)
      // The redelivery itself is remembered too: its acknowledgement can be lost like the first one's.
      const message = { number: state.next++, key, connection, atMs: nowMs }
      remember(message)
      added.push(message.number, key, connection, nowMs, matched?.number ?? -1)
      if (order.length - head > messagesMax) state.forgottenAtMs = forgetOldest()?.atMs ?? 0
      if (matched !== undefined) return 'duplicate'
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
          take(unmatched, key, (earlier) => earlier.number === matched)
          remember({ number, key, connection, atMs })
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

const take = (unmatched: Map<number, Remembered[]>, key: number, fits: (message: Remembered) => boolean): Remembered | undefined => {
  const messages = unmatched.get(key)
  if (messages === undefined) return undefined
  const at = messages.findIndex(fits)
  if (at < 0) return undefined
  const [taken] = messages.splice(at, 1)
  if (messages.length === 0) unmatched.delete(key)
  return taken
}
