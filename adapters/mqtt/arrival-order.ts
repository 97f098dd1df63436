/**
 * Acknowledges in the order of arrival [MQTT-4.6.0-2], whatever order the promises settle in. Once one message of a
 * connection has failed nothing after it is acknowledged: the device sends all of them again. A class, since each connection
 * has one.
 */
type Entry = { done: boolean; accept: () => void }
const none: Entry[] = []
const acceptedKeptMax = 1_024

export class ArrivalOrder {
  readonly #fail: (error: unknown) => void
  #entries = none
  #head = 0
  #failed = false

  /** `fail` runs at most once. */
  constructor(fail: (error: unknown) => void) {
    this.#fail = fail
  }

  /** `accept` runs once `gate` has resolved and everything before it was accepted. */
  add(gate: Promise<unknown>, accept: () => void): void {
    const entry = { done: false, accept }
    if (this.#entries === none) this.#entries = []
    this.#entries.push(entry)
    gate.then(
      () => {
        entry.done = true
        if (!this.#failed && this.#entries[this.#head] === entry) this.#release()
      },
      (error: unknown) => {
        if (this.#failed) return
        this.#failed = true
        this.#fail(error)
      },
    )
  }

  waiting(): number {
    return this.#entries.length - this.#head
  }

  #release(): void {
    for (;;) {
      const entry = this.#entries[this.#head]
      if (!entry?.done) break
      this.#head++
      entry.accept()
    }
    if (this.#head === this.#entries.length) {
      this.#entries = none
      this.#head = 0
    } else if (this.#head >= acceptedKeptMax) {
      this.#entries = this.#entries.slice(this.#head) // A sender that always has some in flight never comes to the end.
      this.#head = 0
    }
  }
}
