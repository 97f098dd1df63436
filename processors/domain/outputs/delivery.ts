/**
 * The life of a message between its decision and the receiver: which one of an alarm goes next, and what an answer means. In
 * order per alarm: the next goes when the one before was taken or parked. Retries by the schedule of Standard Webhooks.
 */
import type { ChannelAnswer } from '../../../model/notification.ts'
import { pushRow } from './notice-rows.ts'
import type { OutputState, QueuedNotice } from './output-state.ts'

const [second, minute, hour] = [1_000, 60_000, 3_600_000]
/** Waits before each further try; after the last the message is parked: some 76 hours in all. */
export const retryAfterMs = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour] as const
export const triesMax = retryAfterMs.length + 1

export const nextNotice = ({ queue }: OutputState): QueuedNotice | undefined => queue.find(({ parked }) => !parked)

/** When the next message is to go: 0 when there is none. At once is 1, so that it differs from nothing. */
export const nextSendMs = (state: OutputState): number => {
  const next = nextNotice(state)
  return next === undefined ? 0 : Math.max(1, next.nextMs)
}

export const parkedOf = ({ queue }: OutputState): number => queue.reduce((sum, { parked }) => sum + Number(parked), 0)

/** `share` 0..1 spreads the tries of messages that failed together over a fifth of the wait. */
export const noteAnswer = (state: OutputState, id: string, answer: ChannelAnswer, nowMs: number, share: number): void => {
  const at = state.queue.findIndex((notice) => notice.id === id)
  const notice = state.queue[at]
  if (notice === undefined) return
  notice.attempts++
  notice.answer = answer.answer
  switch (answer.outcome) {
    case 'taken':
      state.queue.splice(at, 1)
      row(state, notice, 'sent', '', nowMs)
      dropOvertaken(state, notice, nowMs)
      return
    case 'refused':
      park(state, notice, 'the receiver does not want it; it is tried again at the next start', nowMs)
      return
    case 'gone':
    case 'failed': {
      notice.notBeforeMs = answer.retryAfterMs === null ? 0 : nowMs + answer.retryAfterMs
      if (notice.nextMs > nowMs) {
        notice.nextMs = Math.max(notice.nextMs, notice.notBeforeMs)
        row(state, notice, 'pending', '', nowMs) // It was asked whether the receiver is back: the schedule stands.
        return
      }
      const waitMs = retryAfterMs[notice.step++]
      if (waitMs === undefined) {
        park(state, notice, `given up after ${String(triesMax)} tries of the schedule; it is tried again at the next start`, nowMs)
        return
      }
      notice.nextMs = Math.max(nowMs + Math.round(waitMs * (0.9 + share * 0.2)), notice.notBeforeMs)
      row(state, notice, 'pending', '', nowMs)
    }
  }
}

/** At a start: whoever mended the receiver or the secret has started us again. */
export const unpark = (state: OutputState, nowMs: number): boolean => {
  const parked = state.queue.filter((notice) => notice.parked)
  for (const notice of parked) {
    Object.assign(notice, { parked: false, step: 0, nextMs: nowMs, notBeforeMs: 0 })
    row(state, notice, 'pending', '', nowMs)
  }
  return parked.length > 0
}

const park = (state: OutputState, notice: QueuedNotice, why: string, nowMs: number): void => {
  notice.parked = true
  row(state, notice, 'parked', why, nowMs)
}

/** Once a clear was taken, an older message of that episode would open it again. */
const dropOvertaken = (state: OutputState, { kind, episode }: QueuedNotice, nowMs: number): void => {
  if (kind !== 'clear') return
  for (const old of state.queue.filter((notice) => notice.parked && notice.episode <= episode))
    row(state, old, 'superseded', 'its alarm was cleared while it was parked', nowMs)
  state.queue = state.queue.filter((notice) => !notice.parked || notice.episode > episode)
}

const row = (
  state: OutputState,
  notice: QueuedNotice,
  status: 'sent' | 'pending' | 'parked' | 'superseded',
  why: string,
  nowMs: number,
): void =>
  pushRow(state, {
    ...notice,
    status,
    why,
    heldUntilMs: null,
    nextMs: status === 'pending' ? notice.nextMs : null,
    updatedMs: nowMs,
  })
