/**
 * The window between a broker's PUBLISHes and our PUBACKs, for one connection. Each message is handed over at once, so that
 * the log can make batches; its PUBACK is written when its promise and all before it have resolved, in the order of arrival
 * [MQTT-4.6.0-2]. What falls due in one turn is one write: 282 k messages a second drained against 179 k with a write each.
 *
 * While there is room the reader goes on; at `messagesMax` or `bytesMax` it waits, and TCP holds the broker back. QoS 0
 * messages take room as well: nothing else would bound them. One failure ends the window: nothing after it is acknowledged,
 * the broker sends all of it again on the next connection.
 */
export type HandOver = {
  /** `gate`: resolves when the message is in the log. Answers whether the reader goes on; after false, `goOn` says when. */
  take: (messageId: number | null, bytes: number, gate: Promise<unknown>) => boolean
  /** Nothing is acknowledged and no reader goes on from here: the connection is gone, or shall go. */
  end: () => void
  /** Reads no more, acknowledges what is still in hand. */
  pause: () => void
  /** Since when the reader has been waiting for room; null when it is not. */
  fullSinceMs: () => number | null
  waiting: () => { messages: number; bytes: number }
}

export type HandOverDeps = {
  messagesMax: number
  bytesMax: number
  nowMs: () => number
  /** Gets the PUBACKs that are due, as one buffer. */
  write: (acks: Buffer) => void
  /** There is room again; never after `end`. */
  goOn: () => void
  /** Called once, with the reason of the first gate that rejected. */
  failed: (error: unknown) => void
  /** Called for each gate that has resolved or rejected, also after `end`. */
  settled: () => void
}

type Entry = { messageId: number | null; bytes: number; done: boolean }

const ackBytes = 4

export const createHandOver = ({ messagesMax, bytesMax, nowMs, write, goOn, failed, settled }: HandOverDeps): HandOver => {
  let entries: Entry[] = []
  let head = 0
  let bytes = 0
  let due: number[] = []
  let flushing = false
  let waitingSinceMs: number | null = null
  let state: 'reading' | 'paused' | 'ended' = 'reading'

  const hasRoom = (): boolean => entries.length - head < messagesMax && bytes < bytesMax

  const release = (): void => {
    for (let entry = entries[head]; entry?.done === true; entry = entries[head]) {
      head++
      bytes -= entry.bytes
      if (entry.messageId !== null) due.push(entry.messageId)
    }
    if (head === entries.length) {
      entries = []
      head = 0
    } else if (head > 4_096 && head * 2 > entries.length) {
      entries = entries.slice(head)
      head = 0
    }
    if (flushing) return
    flushing = true
    // The tick queue runs after the promises that are settling now: a whole batch of the log becomes one write.
    process.nextTick(flush)
  }

  const flush = (): void => {
    flushing = false
    if (state === 'ended') return
    if (due.length > 0) write(acknowledgements(due))
    due = []
    if (waitingSinceMs === null || state !== 'reading' || !hasRoom()) return
    waitingSinceMs = null
    goOn()
  }

  return {
    take: (messageId, ownBytes, gate) => {
      const entry = { messageId, bytes: ownBytes, done: false }
      gate.then(
        () => {
          settled()
          entry.done = true
          if (state !== 'ended' && entries[head] === entry) release()
        },
        (error: unknown) => {
          settled()
          if (state === 'ended') return
          state = 'ended'
          failed(error)
        },
      )
      if (state === 'ended') return false
      entries.push(entry)
      bytes += ownBytes
      if (state === 'reading' && hasRoom()) return true
      waitingSinceMs = nowMs()
      return false
    },
    end: () => {
      state = 'ended'
      waitingSinceMs = null
    },
    pause: () => {
      if (state === 'reading') state = 'paused'
    },
    fullSinceMs: () => (state === 'reading' ? waitingSinceMs : null),
    waiting: () => ({ messages: entries.length - head, bytes }),
  }
}

/** PUBACKs in their success form, valid in MQTT 3.1.1 and 5: type, remaining length 2, packet id. */
const acknowledgements = (messageIds: readonly number[]): Buffer => {
  const buffer = Buffer.allocUnsafe(messageIds.length * ackBytes)
  let at = 0
  for (const messageId of messageIds) {
    buffer[at] = 0x40
    buffer[at + 1] = 2
    buffer[at + 2] = messageId >> 8
    buffer[at + 3] = messageId & 0xff
    at += ackBytes
  }
  return buffer
}
