/**
 * The part of the outputs that is driven by time: raises whose hold is over, rows that wait for the warehouse, streams to forget,
 * and the messages that are due (`alarm-outputs-sending.ts`). A slow receiver delays nothing but its own messages, a slow
 * warehouse nothing but its rows.
 */
import type { EventLog, Row, Warehouse } from '../model/ports.ts'
import { type Attention, attentionOf, type OutputPartition } from './alarm-outputs-partition.ts'
import { createSending, type SendingOptions, type SendingStatus } from './alarm-outputs-sending.ts'
import { tombstoneOf } from './domain/outputs/current-record.ts'
import { type FoldContext, passTime } from './domain/outputs/fold-alarm.ts'

/** Rows of one insert, and streams of one save. */
export const rowsAtOnceMax = 2_000
const streamsAtOnceMax = 500
/** A warehouse that refused rows is asked again after this. */
const rowsAgainAfterMs = 5_000

export type ChannelStatus = SendingStatus & {
  /** Alarms whose raise waits for the verdict about the fleet. */
  held: number
  /** Alarms with something to send. */
  pending: number
  /** Messages that the receiver refused. */
  parked: number
  /** Time of the event that the oldest of them tells. */
  oldestPendingMs: number | null
}

type Options = Omit<SendingOptions, 'onError'> & {
  log: EventLog
  warehouse: Warehouse
  timeMs: () => number | null
  onError: (error: Error, where: { stage: string; partition: number }) => void
  contextOf: (own: OutputPartition) => FoldContext
}

export const createChannelWork = (options: Options) => {
  const { log, warehouse, clock, partitions, contextOf } = options
  let rowsAfterMs = 0
  let writing: Promise<void> | undefined

  const told = (error: unknown, partition: number): void =>
    options.onError(error instanceof Error ? error : new Error(String(error)), { stage: 'alarm-outputs', partition })
  const sending = createSending({ ...options, onError: told })

  /** Time counts only when all that was known by then has been read. */
  const passTimeIn = async (own: OutputPartition): Promise<void> => {
    const timeMs = options.timeMs()
    if (timeMs === null) return
    const due = streamsWhere(own, ({ heldMs }) => heldMs > 0 && heldMs <= timeMs)
    const over = streamsWhere(own, (attention) => isOver(attention, timeMs))
    if (due.length === 0 && over.length === 0) return
    const { next } = await log.bounds('alarms', own.partition)
    if (own.nextOffset() < next) return
    if (due.length > 0) await own.change(due, (state) => passTime(contextOf(own), state, timeMs))
    if (over.length > 0) await forget(own, over, timeMs)
  }

  const forget = async (own: OutputPartition, streams: readonly string[], timeMs: number): Promise<void> => {
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
    await own.change(streams, (state, turn) => {
      if (isOver(attentionOf(state), timeMs)) turn.forget(state.stream) // Else it was raised again meanwhile.
    })
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

  const inEach = async (work: (own: OutputPartition) => Promise<void>): Promise<void> => {
    for (const own of partitions())
      await work(own).catch((error: unknown) => {
        if (own.isOpen()) told(error, own.partition)
      })
  }

  const look = async (): Promise<void> => {
    await inEach(passTimeIn)
    sending.look()
    writing ??= inEach(writeRows).finally(() => (writing = undefined)) // Not waited for: the warehouse may take its time.
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
      return { held, pending, parked, oldestPendingMs, ...sending.status() }
    },
    stop: async (): Promise<void> => {
      await Promise.all([sending.stop(), writing])
    },
  }
}

const isOver = ({ forgetMs, rows }: Attention, timeMs: number): boolean => forgetMs > 0 && forgetMs <= timeMs && rows === 0

const streamsWhere = (own: OutputPartition, is: (attention: Attention) => boolean): string[] => {
  const found: string[] = []
  for (const [stream, attention] of own.attention) {
    if (is(attention)) found.push(stream)
    if (found.length >= streamsAtOnceMax) break
  }
  return found
}
