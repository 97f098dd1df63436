/**
 * What a device wants to say and has not had acknowledged yet, oldest first. Filled by the samplers, emptied by
 * `link.ts`. On disk for the agent (`disk-outbox.ts`), in memory for replay and simulator (below).
 */

export type OutboxMessage = { topic: string; payload: string; retain: boolean }
/** `position` counts messages of this process from 0 and is how an acknowledgement names one. */
export type Kept = OutboxMessage & { position: number }

export type Outbox = {
  /** Keeps the message and answers its position; undefined when there is no room for it. */
  append: (message: OutboxMessage) => number | undefined
  /** The oldest message that was not handed out since the last `rewind` and is not acknowledged. */
  next: () => Kept | undefined
  /** Forgets the message. Repeats safely; any order. */
  acknowledge: (position: number) => void
  /** After a lost connection: everything unacknowledged is handed out again, in the order of `append`. */
  rewind: () => void
  counts: () => { waiting: number; waitingBytes: number; dropped: number }
}

/** Bounded queue without a disk: `append` refuses at `messagesMax`, so that the caller can wait instead of losing. */
export const createMemoryOutbox = ({ messagesMax }: { messagesMax: number }): Outbox => {
  let kept: (Kept | undefined)[] = []
  let firstPosition = 0
  let head = 0 // Index into `kept` of the oldest that is still there.
  let cursor = 0 // Index into `kept` of the next to hand out.
  let waiting = 0
  let waitingBytes = 0

  const forgetHead = (): void => {
    while (head < kept.length && kept[head] === undefined) head++
    // Shifted in large steps: one slice per acknowledgement would make a deep queue quadratic.
    if (head < kept.length && head < 1024) return
    kept = kept.slice(head)
    firstPosition += head
    cursor = Math.max(0, cursor - head)
    head = 0
  }

  return {
    append: (message) => {
      if (waiting >= messagesMax) return undefined
      const position = firstPosition + kept.length
      kept.push({ ...message, position })
      waiting++
      waitingBytes += bytesOf(message)
      return position
    },
    next: () => {
      while (cursor < kept.length) {
        const message = kept[cursor++]
        if (message !== undefined) return message
      }
      return undefined
    },
    acknowledge: (position) => {
      const index = position - firstPosition
      const message = kept[index]
      if (message === undefined) return
      kept[index] = undefined
      waiting--
      waitingBytes -= bytesOf(message)
      if (index === head) forgetHead()
    },
    rewind: () => {
      cursor = head
    },
    counts: () => ({ waiting, waitingBytes, dropped: 0 }),
  }
}

const bytesOf = (message: OutboxMessage): number => message.topic.length + message.payload.length
