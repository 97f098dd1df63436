/**
 * Messages on their way to the receiver: a few at once, in order per alarm (`domain/outputs/delivery.ts`). Each answer is noted
 * by whoever has the partition then, which may have been opened anew meanwhile. A receiver that fails is asked with one message
 * at a time whether it is back, in turn: one that it never takes must not hide that it takes the others.
 */
import type { ChannelAnswer, NotificationChannel } from '../model/notification.ts'
import type { Clock } from '../model/ports.ts'
import type { OutputPartition } from './alarm-outputs-partition.ts'
import { nextNotice, noteAnswer } from './domain/outputs/delivery.ts'

/** Messages on their way at once: a slow receiver is not met with a crowd. */
export const sendsAtOnceMax = 4
/** A receiver that fails is asked with one message this often whether it is back: then all that wait go at once. */
export const probeEveryMs = 30_000
/** An answer that could not be noted (a full disk, a partition that is being taken over) is noted again after this. */
export const noteAgainAfterMs = 1_000

export type SendingStatus = {
  /** The receiver answered 410: nothing is sent any more until the next start. */
  disabled: boolean
  /** Since when no try succeeds; null while they do, and after one message alone was refused. */
  failingSinceMs: number | null
  lastAnswer: string
  lastSentMs: number | null
}

export type SendingOptions = {
  channel: NotificationChannel | null
  clock: Clock
  random: () => number
  onCount: (what: string, by: number) => void
  /** Opened, and ours. */
  partitions: () => OutputPartition[]
  /** Ours, whether it is open just now or not. */
  isOurs: (partition: number) => boolean
  onError: (error: unknown, partition: number) => void
}

type Unnoted = { partition: number; id: string; answer: ChannelAnswer; againMs: number }
type Waiting = { own: OutputPartition; stream: string; sinceMs: number }

export const createSending = ({ channel, clock, random, onCount, partitions, isOurs, onError }: SendingOptions) => {
  const sending = new Map<string, Promise<void>>()
  /** Answers that are not noted yet, by stream: until they are, nothing more of it is sent. */
  const unnoted = new Map<string, Unnoted>()
  /** The newest message that was refused, until one is taken: one is that message's fault, two in a row are the receiver's or ours. */
  let refusedId: string | null = null
  let lastTryMs = 0
  let lastProbed: Waiting | undefined
  const status: SendingStatus = { disabled: false, failingSinceMs: null, lastAnswer: '', lastSentMs: null }

  const run = (stream: string, own: OutputPartition, work: Promise<void>): void => {
    const done = work
      .catch((error: unknown) => {
        if (own.isOpen()) onError(error, own.partition)
      })
      .finally(() => sending.delete(stream))
    sending.set(stream, done)
  }

  const mayStart = (stream: string): boolean => !sending.has(stream) && !unnoted.has(stream) && unnoted.size < sendsAtOnceMax

  const start = (own: OutputPartition, over: NotificationChannel, stream: string): void => {
    lastTryMs = clock.nowMs()
    run(stream, own, sendOne(own, over, stream))
  }

  const sendOne = async (own: OutputPartition, over: NotificationChannel, stream: string): Promise<void> => {
    const notice = await own.exclusive(async () => {
      const state = own.begin().get(stream)
      return state === undefined ? undefined : nextNotice(state)
    })
    if (notice === undefined) return own.change([stream], () => undefined)
    const { partition } = own
    const answer = await over.send({ id: notice.id, body: notice.body })
    unnoted.set(stream, { partition, id: notice.id, answer, againMs: 0 })
    hear(notice.id, answer)
    const now = partitions().find((one) => one.partition === partition)
    if (now !== undefined) await noteIn(now, stream)
  }

  const noteIn = async (own: OutputPartition, stream: string): Promise<void> => {
    const kept = unnoted.get(stream)
    if (kept === undefined) return
    kept.againMs = clock.nowMs() + noteAgainAfterMs
    await own.change([stream], (state) => noteAnswer(state, kept.id, kept.answer, clock.nowMs(), random()))
    unnoted.delete(stream)
  }

  const noteKept = (opened: readonly OutputPartition[]): void => {
    for (const [stream, { partition, againMs }] of unnoted) {
      if (sending.has(stream) || againMs > clock.nowMs()) continue
      const own = opened.find((one) => one.partition === partition)
      if (own !== undefined) run(stream, own, noteIn(own, stream))
      else if (!isOurs(partition)) unnoted.delete(stream) // Another member sends it again, with the same id.
    }
  }

  const hear = (id: string, { outcome, answer }: ChannelAnswer): void => {
    onCount(outcome === 'taken' ? 'sent' : outcome, 1)
    status.lastAnswer = answer
    if (outcome === 'taken') {
      const wasFailing = status.failingSinceMs !== null
      status.failingSinceMs = null
      refusedId = null
      status.lastSentMs = clock.nowMs()
      if (wasFailing) for (const own of partitions()) own.release(clock.nowMs())
      return
    }
    const isFirstRefused = outcome === 'refused' && (refusedId ?? id) === id
    if (outcome === 'refused') refusedId = id
    if (!isFirstRefused) status.failingSinceMs ??= clock.nowMs()
    if (outcome === 'gone') status.disabled = true
  }

  /** The one that waits longest, then the next: by turns, over all partitions. */
  const probe = (opened: readonly OutputPartition[], over: NotificationChannel): void => {
    const nowMs = clock.nowMs()
    if (status.failingSinceMs === null || sending.size > 0 || nowMs - lastTryMs < probeEveryMs) return
    lastTryMs = nowMs // Also where none may be asked with: looking for it is work.
    const waiting: Waiting[] = []
    for (const own of opened)
      for (const [stream, { nextMs, notBeforeMs, sinceMs }] of own.attention)
        if (nextMs > 0 && notBeforeMs <= nowMs && mayStart(stream)) waiting.push({ own, stream, sinceMs })
    waiting.sort(byAge)
    const last = lastProbed
    lastProbed = (last === undefined ? undefined : waiting.find((one) => byAge(one, last) > 0)) ?? waiting[0]
    if (lastProbed !== undefined) start(lastProbed.own, over, lastProbed.stream)
  }

  const sendDue = (own: OutputPartition, over: NotificationChannel): void => {
    const nowMs = clock.nowMs()
    for (const [stream, { nextMs }] of own.attention) {
      if (sending.size >= sendsAtOnceMax) return
      if (nextMs > 0 && nextMs <= nowMs && mayStart(stream)) start(own, over, stream)
    }
  }

  return {
    look: (): void => {
      if (channel === null) return
      const opened = partitions()
      noteKept(opened)
      if (status.disabled) return
      probe(opened, channel)
      for (const own of opened) sendDue(own, channel)
    },
    status: (): SendingStatus => ({ ...status }),
    /** A message on its way is waited for; its answer is noted. */
    stop: async (): Promise<void> => {
      await Promise.all(sending.values())
    },
  }
}

const byAge = (one: Waiting, other: Waiting): number =>
  one.sinceMs - other.sinceMs || (one.stream < other.stream ? -1 : Number(one.stream > other.stream))
