/**
 * Wills take turns: when a network is away all of a fleet's connections end in one instant, and twenty thousand wills at once
 * would hold up the PUBACKs of all others for seconds. A client that comes back has its will sent before anything else of it
 * is heard, so that `offline` never comes after the `online` of its next connection.
 */
export type WillTurns = {
  /** `send` runs within the next turns of the event loop. */
  add: (clientId: string, send: () => void) => void
  /** The client is here again: its will, should it still wait, is sent now. */
  sendOf: (clientId: string) => void
  /** All that wait are sent now. */
  sendAll: () => void
  waiting: () => number
}

/** About 4 ms of work. */
const perTurnMax = 16

export const createWillTurns = (): WillTurns => {
  const waiting = new Map<string, () => void>() // At most one for each client: coming back sends the last one.

  const sendOf = (clientId: string): void => {
    const send = waiting.get(clientId)
    waiting.delete(clientId)
    send?.()
  }
  const nextTurn = (): void => {
    let sent = 0
    for (const clientId of waiting.keys()) {
      if (sent++ === perTurnMax) break
      sendOf(clientId)
    }
    if (waiting.size > 0) setImmediate(nextTurn)
  }

  return {
    add: (clientId, send) => {
      sendOf(clientId)
      waiting.set(clientId, send)
      if (waiting.size === 1) setImmediate(nextTurn)
    },
    sendOf,
    sendAll: () => {
      for (const clientId of waiting.keys()) sendOf(clientId)
    },
    waiting: () => waiting.size,
  }
}
