/**
 * Acknowledges in the order of arrival [MQTT-4.6.0-2], whatever order the promises settle in. Once one message of a
 * connection has failed nothing after it is acknowledged: the device sends all of them again.
 */
export type ArrivalOrder = {
  /** `accept` runs once `gate` has resolved and everything before it was accepted; `fail` at most once per connection. */
  add: (gate: Promise<unknown>, accept: () => void) => void
  waiting: () => number
}

export const createArrivalOrder = (fail: (error: unknown) => void): ArrivalOrder => {
  let entries: { done: boolean; accept: () => void }[] = []
  let head = 0
  let failed = false

  const release = (): void => {
    for (;;) {
      const entry = entries[head]
      if (!entry?.done) break
      head++
      entry.accept()
    }
    if (head === entries.length) {
      entries = []
      head = 0
    }
  }
  return {
    add: (gate, accept) => {
      const entry = { done: false, accept }
      entries.push(entry)
      gate.then(
        () => {
          entry.done = true
          if (!failed && entries[head] === entry) release()
        },
        (error: unknown) => {
          if (failed) return
          failed = true
          fail(error)
        },
      )
    },
    waiting: () => entries.length - head,
  }
}
