/**
 * Who is connected and subscribed, in the place of aedes' own emitter (mqemitter): the same tree that the persistent
 * subscriptions have, which takes a fifth of the memory for a filter that one device has alone.
 */
import { createFilterIndex } from './topic-filter.ts'

type Message = { topic: string }
type Notify = (message: Message, done: () => void) => void

export type LiveSubscribers = {
  on: (filter: string, notify: Notify, done?: () => void) => void
  removeListener: (filter: string, notify: Notify, done?: () => void) => void
  /** `done` after each subscriber has been told and is done. */
  emit: (message: Message, done?: (error?: Error) => void) => void
  close: (done: () => void) => void
}

export const createLiveSubscribers = (): LiveSubscribers => {
  const subscribers = createFilterIndex<Notify, Notify>()
  let closed = false
  return {
    on: (filter, notify, done) => {
      subscribers.set(filter, notify, notify)
      if (done) setImmediate(done)
    },

    // Later, as mqemitter does it: what is being delivered in this turn still reaches it.
    removeListener: (filter, notify, done) => {
      setImmediate(() => {
        subscribers.remove(filter, notify)
        done?.()
      })
    },

    emit: (message, done) => {
      if (closed) {
        done?.(new Error('the broker is closed'))
        return
      }
      const found = subscribers.match(message.topic)
      let waiting = found.length
      if (waiting === 0) done?.()
      for (const notify of found) {
        notify(message, () => {
          if (--waiting === 0) done?.()
        })
      }
    },

    close: (done) => {
      closed = true
      setImmediate(done)
    },
  }
}
