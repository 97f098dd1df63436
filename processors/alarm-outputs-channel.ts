/**
 * The part of the outputs that is driven by time: raises whose hold is over, messages that are due, rows that wait for the
 * warehouse, streams to forget. A slow receiver delays nothing but its own messages.
 */
import type { ChannelAnswer, NotificationChannel } from '../model/notification.ts'
import type { Clock, EventLog, Row, Warehouse } from '../model/ports.ts'
import type { OutputPartition } from './alarm-outputs-partition.ts'
import { tombstoneOf } from './domain/outputs/current-record.ts'
import { nextNotice, noteAnswer } from './domain/outputs/delivery.ts'
import { type FoldContext, passTime } from './domain/outputs/fold-alarm.ts'

/** Messages on their way at once: a slow receiver is not met with a crowd. */
export const sendsAtOnceMax = 4
/** A receiver that fails is asked with one message this often whether it is back: then all that wait go at once. */
export const probeEveryMs = 30_000
/** Rows of one insert, and streams of one save. */
export const rowsAtOnceMax = 2_000
const streamsAtOnceMax = 500
/** A warehouse that refused rows is asked again after this. */
const rowsAgainAfterMs = 5_000
/** An answer that could not be noted (a full disk, a partition that is being taken over) is noted again after this. */
export const noteAgainAfterMs = 1_000

export type ChannelStatus = {
  /** Alarms whose raise waits for the verdict about the fleet. */
  held: number
  /** Alarms with something to send. */
  pending: number
  /** Messages that the receiver refused. */
  parked: number
  /** Time of the event that the oldest of them tells. */
  oldestPendingMs: number | null
  /** The receiver answered 410: nothing is sent any more until the next start. */
  disabled: boolean
  /** Since when no try succeeds; null while they do, and after one message alone was refused. */
  failingSinceMs: number | null
  lastAnswer: string
  lastSentMs: number | null
}

type Options = {
  log: EventLog
  warehouse: Warehouse
  channel: NotificationChannel | null
  clock: Clock
  timeMs: () => number | null
  random: () => number
  onError: (error: Error, where: { stage: string; partition: number }) => void
  onCount: (what: string, by: number) => void
  partitions: () => OutputPartition[]
  contextOf: (own: OutputPartition) => FoldContext
}

export const createChannelWork = (options: Options) => {
  const { log, warehouse, channel, clock, random, onCount, partitions, contextOf } = options
  const sending = new Map<string, Promise<void>>()
  /** Answers that could not be noted, by stream: they are noted before anything else is sent, or the message would go out at each look. */
  const unnoted = new Map<string, { own: OutputPartition; id: string; answer: ChannelAnswer; againMs: number }>()
  let disabled = false
  let failingSinceMs: number | null = null
  /** The newest message that was refused, until one is taken: one is that message's fault, two in a row are the receiver's or ours. */
  let refusedId: string | null = null
  let lastAnswer = ''
  let lastSentMs: number | null = null
  let rowsAfterMs = 0
  let lastTryMs = 0

  const told = (error: unknown, partition: number): void =>
    options.onError(error instanceof Error ? error : new Error(String(error)), { stage: 'alarm-outputs', partition })

  /** Time counts only when all that was known by then has been read. */
  const passTimeIn = async (own: OutputPartition): Promise<void> => {
    const timeMs = options.timeMs()
    if (timeMs === null) return
    const due = streamsWhere(own, ({ heldMs }) => heldMs > 0 && heldMs <= timeMs)
    const over = streamsWhere(own, ({ forgetMs, rows }) => forgetMs > 0 && forgetMs <= timeMs && rows === 0)
    if (due.length === 0 && over.length === 0) return
    const { next } = await log.bounds('alarms', own.partition)
    if (own.nextOffset() < next) return
    if (due.length > 0) await own.change(due, (state) => passTime(contextOf(own), state, timeMs))
    if (over.length > 0) await forget(own, over)
  }

  const forget = async (own: OutputPartition, streams: readonly string[]): Promise<void> => {
    const tombstones: { partition: number; key: string; value: Uint8Array }[] = []
    await own.exclusive(async () => {
      const turn = own.begin()
      for (const stream of streams) {
        const state = turn.get(stream)
        if (state !== undefined && state.currentEpisode > 0)
          tombstones.push({ partition: own.partition, key: tombstoneOf(state).key, value: new Uint8Array(0) })
      }
    })
    if (tombstones.length > 0) await log.append('alarms-current', tombstones)
    await own.change(streams, (state, turn) => turn.forget(state.stream))
  }

  const sendDue = (own: OutputPartition): void => {
    if (channel === null || disabled) return
    const nowMs = clock.nowMs()
    if (failingSinceMs !== null && sending.size === 0 && nowMs - lastTryMs >= probeEveryMs) {
      const [longest] = [...own.attention].filter(([, { nextMs }]) => nextMs > 0).sort(([, one], [, other]) => one.sinceMs - other.sinceMs)
      if (longest !== undefined && mayStart(longest[0], nowMs)) {
        start(own, channel, longest[0])
        return
      }
    }
    for (const [stream, { nextMs }] of own.attention) {
      if (sending.size >= sendsAtOnceMax) return
      if (nextMs === 0 || nextMs > nowMs || sending.has(stream) || !mayStart(stream, nowMs)) continue
      start(own, channel, stream)
    }
  }

  const mayStart = (stream: string, nowMs: number): boolean => {
    const waiting = unnoted.get(stream)
    return waiting === undefined ? unnoted.size < sendsAtOnceMax : waiting.againMs <= nowMs
  }

  const start = (own: OutputPartition, over: NotificationChannel, stream: string): void => {
    lastTryMs = clock.nowMs()
    const done = sendOne(own, over, stream)
      .catch((error: unknown) => told(error, own.partition))
      .finally(() => sending.delete(stream))
    sending.set(stream, done)
  }

  const sendOne = async (own: OutputPartition, over: NotificationChannel, stream: string): Promise<void> => {
    const notice = await own.exclusive(async () => {
      const state = own.begin().get(stream)
      return state === undefined ? undefined : nextNotice(state)
    })
    if (notice === undefined) return own.change([stream], () => undefined)
    const known = unnoted.get(stream)
    const answer = known?.id === notice.id ? known.answer : await over.send({ id: notice.id, body: notice.body })
    unnoted.set(stream, { own, id: notice.id, answer, againMs: clock.nowMs() + noteAgainAfterMs })
    await own.change([stream], (state) => noteAnswer(state, notice.id, answer, clock.nowMs(), random()))
    unnoted.delete(stream)
    note(notice.id, answer)
  }

  const note = (id: string, { outcome, answer }: ChannelAnswer): void => {
    onCount(outcome === 'taken' ? 'sent' : outcome, 1)
    lastAnswer = answer
    if (outcome === 'taken') {
      const wasFailing = failingSinceMs !== null
      failingSinceMs = null
      refusedId = null
      lastSentMs = clock.nowMs()
      if (wasFailing) for (const own of partitions()) own.release(clock.nowMs())
      return
    }
    const isFirstRefused = outcome === 'refused' && (refusedId ?? id) === id
    if (outcome === 'refused') refusedId = id
    if (!isFirstRefused) failingSinceMs ??= clock.nowMs()
    if (outcome === 'gone') disabled = true
  }

  const writeRows = async (own: OutputPartition): Promise<void> => {
    if (clock.nowMs() < rowsAfterMs) return
    const streams = streamsWhere(own, ({ rows }) => rows > 0)
    if (streams.length === 0) return
    const rows: Row[] = []
    const written = new Map<string, number>()
    await own.exclusive(async () => {
      const turn = own.begin()
      for (const stream of streams) {
        if (rows.length >= rowsAtOnceMax) break
        const state = turn.get(stream)
        for (const row of state?.rows ?? []) rows.push(row)
        written.set(stream, state?.rowVersion ?? 0)
      }
    })
    try {
      const last = rows.at(-1)
      const token = `${log.logId}:notifications:${String(own.partition)}:${String(last?.['id'])}:${String(last?.['row_version'])}:${String(rows.length)}`
      if (rows.length > 0) await warehouse.insert('notifications', rows, { dedupToken: token })
    } catch (error) {
      rowsAfterMs = clock.nowMs() + rowsAgainAfterMs
      throw error
    }
    await own.change([...written.keys()], (state) => {
      const upTo = written.get(state.stream) ?? 0
      state.rows = state.rows.filter((row) => Number(row['row_version']) > upTo)
    })
  }

  const look = async (): Promise<void> => {
    // A partition that went to another member, or was opened anew, is no longer ours to note in.
    const opened = partitions()
    for (const [stream, { own }] of unnoted) if (!opened.includes(own) && !sending.has(stream)) unnoted.delete(stream)
    for (const own of opened) {
      for (const part of [passTimeIn, async () => sendDue(own), writeRows])
        await part(own).catch((error: unknown) => told(error, own.partition))
    }
  }

  return {
    look,
    status: (): ChannelStatus => {
      let [held, pending, parked] = [0, 0, 0]
      let oldestPendingMs: number | null = null
      for (const own of partitions()) {
        for (const one of own.attention.values()) {
          if (one.heldMs > 0) held++
          parked += one.parked
          if (one.nextMs === 0) continue
          pending++
          if (oldestPendingMs === null || one.sinceMs < oldestPendingMs) oldestPendingMs = one.sinceMs
        }
      }
      return { held, pending, parked, oldestPendingMs, disabled, failingSinceMs, lastAnswer, lastSentMs }
    },
    /** A message on its way is waited for; its answer is noted. */
    stop: async (): Promise<void> => {
      await Promise.all(sending.values())
    },
  }
}

const streamsWhere = (
  own: OutputPartition,
  is: (attention: { heldMs: number; nextMs: number; forgetMs: number; rows: number }) => boolean,
): string[] => {
  const found: string[] = []
  for (const [stream, attention] of own.attention) {
    if (is(attention)) found.push(stream)
    if (found.length >= streamsAtOnceMax) break
  }
  return found
}
