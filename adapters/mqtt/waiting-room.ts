/**
 * Where accepted sockets wait, unread, for their turn. A CONNECT costs half a millisecond of the thread that also writes the
 * PUBACKs: a fleet that comes back at once enters at a pace, a few in one turn of the event loop, and those that are connected
 * notice little. Nobody is sent away for coming at the wrong moment; only when the room is full.
 */
export type WaitingRoom = {
  /** `enter` runs now or later. False: the room is full. */
  add: (enter: () => void) => boolean
  waiting: () => number
  /** Those who wait never enter. */
  close: () => void
}

export type WaitingRoomOptions = { perSecondMax: number; waitingMax: number; nowMs?: () => number }

/** About 4 ms of work, between which PUBACKs go out. */
const enterPerTurnMax = 8
/** After a pause so much of the rate may come at once. */
const burstSeconds = 0.05

export const createWaitingRoom = ({ perSecondMax, waitingMax, nowMs = () => performance.now() }: WaitingRoomOptions): WaitingRoom => {
  const burst = Math.max(1, perSecondMax * burstSeconds)
  let queue: (() => void)[] = []
  let head = 0
  let allowed = burst
  let countedAtMs = nowMs()
  let enteredInTurn = 0
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined

  const mayEnter = (): boolean => {
    const now = nowMs()
    allowed = Math.min(burst, allowed + ((now - countedAtMs) / 1_000) * perSecondMax)
    countedAtMs = now
    return allowed >= 1 && enteredInTurn < enterPerTurnMax
  }

  const enterNow = (enter: () => void): void => {
    allowed--
    enteredInTurn++
    immediate ??= setImmediate(nextTurn)
    enter()
  }

  const nextTurn = (): void => {
    immediate = undefined
    enteredInTurn = 0
    pump()
  }

  const pump = (): void => {
    while (head < queue.length && mayEnter()) {
      const enter = queue[head++]
      if (enter) enterNow(enter)
    }
    if (head === queue.length) {
      queue = []
      head = 0
    } else if (head >= 1_024 && head * 2 >= queue.length) {
      queue = queue.slice(head)
      head = 0
    }
    if (queue.length === 0 || immediate !== undefined || timer !== undefined) return
    timer = setTimeout(
      () => {
        timer = undefined
        pump()
      },
      Math.ceil(((1 - allowed) / perSecondMax) * 1_000),
    )
  }

  return {
    add: (enter) => {
      if (queue.length === 0 && mayEnter()) {
        enterNow(enter)
        return true
      }
      if (queue.length - head >= waitingMax) return false
      queue.push(enter)
      pump()
      return true
    },
    waiting: () => queue.length - head,
    close: () => {
      clearTimeout(timer)
      clearImmediate(immediate)
      queue = []
      head = 0
    },
  }
}
