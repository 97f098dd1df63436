/**
 * One partition of the outputs: its streams in the store, and in memory only what each of them waits for, so that a look costs
 * no reads. Changes come one after the other (`exclusive`): a batch, an answer and the passing of time never meet.
 */
import type { LogTopic, StageStore } from '../model/ports.ts'
import { nextNotice, nextSendMs, parkedOf, unpark } from './domain/outputs/delivery.ts'
import { heldUntilMs } from './domain/outputs/fold-alarm.ts'
import { hash32 } from './domain/hash.ts'
import type { IndexEntry, OutputBegin, OutputsState, OutputState } from './domain/outputs/output-state.ts'

/** What a stream waits for. */
export type Attention = {
  heldMs: number
  nextMs: number
  /** The receiver's own wish: no sooner, though it takes others. */
  notBeforeMs: number
  forgetMs: number
  rows: number
  parked: number
  /** Time of the event that the oldest waiting message tells; 0: none waits. */
  sinceMs: number
}

export type OutputTurn = {
  get: (stream: string) => OutputState | undefined
  keep: (state: OutputState) => void
  forget: (stream: string) => void
  /** To be saved. */
  states: () => Map<string, OutputsState | null>
  /** It was saved. */
  done: () => void
}

export type OutputPartition = {
  partition: number
  beganMs: number
  attention: ReadonlyMap<string, Attention>
  /** Of the log: all before it was read. */
  nextOffset: () => number
  readTo: (next: number) => void
  /** Alarms with something to send, those of the turn under way too. */
  waitingAlarms: () => number
  exclusive: <T>(work: () => Promise<T>) => Promise<T>
  begin: () => OutputTurn
  /** One stream changed by no record. */
  change: (streams: readonly string[], work: (state: OutputState, turn: OutputTurn) => void) => Promise<void>
  /** It will be opened anew: waits for what is under way; who still has this one can do nothing more with it. */
  close: () => Promise<void>
  isOpen: () => boolean
  /** The receiver answers again: whoever waits for a later try goes now, save where it asked for the later one itself. */
  release: (nowMs: number) => void
}

/** At 60,000 streams a change rewrites some 15 kB. */
const indexParts = 256

type Options = { store: StageStore<OutputsState>; topic: LogTopic; partition: number; nowMs: number }

export const createOutputPartition = async ({ store, topic, partition, nowMs }: Options): Promise<OutputPartition> => {
  const read = (key: string): OutputsState | undefined => store.get(topic, partition, key)
  const attention = new Map<string, Attention>()
  for (let part = 0; part < indexParts; part++) {
    const stored = read(`output-index:${String(part)}`)
    if (stored?.kind !== 'output-index') continue
    for (const [stream, heldMs, nextMs, forgetMs, rows, parked, sinceMs, notBeforeMs = 0] of stored.entries)
      attention.set(stream, { heldMs, nextMs, notBeforeMs, forgetMs, rows, parked, sinceMs })
  }
  const stored = read(beginKey)
  const beganMs = stored?.kind === 'output-begin' ? stored.atMs : nowMs
  let next = (await store.resume(topic, partition)).next
  let waiting = [...attention.values()].filter(({ nextMs }) => nextMs > 0).length
  let waitingInTurn = 0
  let isBeginStored = stored !== undefined

  let isOpen = true
  let last: Promise<unknown> = Promise.resolve()
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const running = last.then(() => {
      if (!isOpen) throw new Error(`partition ${String(partition)} of ${topic} was opened anew`)
      return work()
    })
    last = running.catch(() => undefined)
    return running
  }

  const begin = (): OutputTurn => {
    const changed = new Map<string, OutputState | null>()
    const marks = new Map<string, Attention | null>()
    waitingInTurn = 0
    const mark = (stream: string, own: Attention | null): void => {
      const before = marks.has(stream) ? marks.get(stream) : attention.get(stream)
      waitingInTurn += Number((own?.nextMs ?? 0) > 0) - Number((before?.nextMs ?? 0) > 0)
      marks.set(stream, own)
    }
    return {
      get: (stream) => {
        const own = changed.get(stream)
        if (own !== undefined) return own ?? undefined
        const known = read(`output:${stream}`)
        return known?.kind === 'output' ? known : undefined
      },
      keep: (state) => {
        changed.set(state.stream, state)
        mark(state.stream, attentionOf(state))
      },
      forget: (stream) => {
        changed.set(stream, null)
        mark(stream, null)
      },
      states: () => {
        const states = new Map<string, OutputsState | null>([...changed].map(([stream, state]) => [`output:${stream}`, state]))
        if (!isBeginStored) states.set(beginKey, { kind: 'output-begin', atMs: beganMs } satisfies OutputBegin)
        const parts = new Set([...marks.keys()].map(partOf))
        for (const part of parts) states.set(`output-index:${String(part)}`, { kind: 'output-index', entries: [] })
        const write = (stream: string, { heldMs, nextMs, notBeforeMs, forgetMs, rows, parked, sinceMs }: Attention): void => {
          const index = states.get(`output-index:${String(partOf(stream))}`)
          const entry: IndexEntry = [stream, heldMs, nextMs, forgetMs, rows, parked, sinceMs, notBeforeMs]
          if (index?.kind === 'output-index') index.entries.push(entry)
        }
        for (const [stream, own] of attention) if (parts.has(partOf(stream)) && !marks.has(stream)) write(stream, own)
        for (const [stream, own] of marks) if (own !== null) write(stream, own)
        return states
      },
      done: () => {
        isBeginStored = true
        waiting += waitingInTurn
        waitingInTurn = 0
        for (const [stream, own] of marks) {
          if (own === null) attention.delete(stream)
          else attention.set(stream, own)
        }
      },
    }
  }

  const change: OutputPartition['change'] = (streams, work) =>
    exclusive(async () => {
      const turn = begin()
      for (const stream of streams) {
        const state = turn.get(stream)
        if (state === undefined) {
          turn.forget(stream) // Erased.
          continue
        }
        turn.keep(state)
        work(state, turn)
        if (turn.get(stream) !== undefined) turn.keep(state)
      }
      await store.put(topic, partition, turn.states())
      turn.done()
    })

  const opened: OutputPartition = {
    partition,
    beganMs,
    attention,
    nextOffset: () => next,
    readTo: (to) => {
      next = to
    },
    waitingAlarms: () => waiting + waitingInTurn,
    exclusive,
    begin,
    change,
    release: (atMs) => {
      for (const own of attention.values()) if (own.nextMs > atMs) own.nextMs = Math.max(atMs, own.notBeforeMs)
    },
    close: async () => {
      isOpen = false
      await last
    },
    isOpen: () => isOpen,
  }
  // At once: a start that finds no alarm yet must not make a later one the first.
  if (!isBeginStored) await change([], () => undefined)
  const parked = [...attention].filter(([, own]) => own.parked > 0).map(([stream]) => stream)
  if (parked.length > 0) await change(parked, (state) => void unpark(state, nowMs))
  return opened
}

const beginKey = 'output-begin'
const partOf = (stream: string): number => hash32(stream) % indexParts

export const attentionOf = (state: OutputState): Attention => ({
  heldMs: heldUntilMs(state),
  nextMs: nextSendMs(state),
  notBeforeMs: nextNotice(state)?.notBeforeMs ?? 0,
  forgetMs: state.queue.length === 0 ? state.forgetMs : 0,
  rows: state.rows.length,
  parked: parkedOf(state),
  sinceMs: nextNotice(state)?.atMs ?? 0,
})
