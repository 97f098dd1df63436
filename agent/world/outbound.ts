/**
 * A router's way to the broker: its connection with sessions and wills, what it keeps while it has none, and how that goes out later.
 * What is handed in leaves in the order of arrival times, which never go back; `router.ts` decides when there is a connection.
 */
import type { Random } from '../simulation/random.ts'
import type { Effects } from './actions.ts'
import { willText } from './telemetry.ts'

/**
 * `connect` and `lost`, `disconnect`: what the connection does, without topic and payload. `will`: what the broker publishes for the
 * device. Everything is in the order and at the times (simulated) at which it reaches the broker.
 */
export type WorldEvent = {
  kind: 'message' | 'will' | 'connect' | 'lost' | 'disconnect'
  atMs: number
  deviceIndex: number
  topic: string
  payload: string
  retain: boolean
  /** Sent again, byte for byte. */
  dup: boolean
  /** Of the message; '' and 0 for others. */
  bootId: string
  seq: number
  /** Of the connection; its will names it. */
  sessionId: string
}

export type Kept = { topic: string; payload: string; retain: boolean; bootId: string; seq: number }

export type OutboundOptions = {
  deviceIndex: number
  statusTopic: string
  fromMs: number
  random: Random
  keepAliveMs: number
  intervalMs: number
  /** Beyond it the oldest are lost. */
  keptMax: number
  uploadPerSecond: number
  later: (atMs: number, run: (nowMs: number) => void) => void
}

export type Outbound = {
  connected: () => boolean
  sessionId: () => string
  nothingKept: () => boolean
  /** Out now, or kept while there is no connection or uploads are held. */
  send: (nowMs: number, message: Kept, effects: Effects) => void
  sendGroup: (nowMs: number) => void
  /** A new session begins with its `online`. */
  open: (nowMs: number, bootId: string, online: (sessionId: string) => Kept) => void
  /** All that was kept. */
  upload: (nowMs: number, shuffled: boolean, duplicateShare: number) => void
  hold: (on: boolean) => void
  lose: (nowMs: number, silentBroker: boolean) => void
  /** A clean end: `offline` is said, no will follows. */
  leave: (nowMs: number, offline: (sessionId: string) => Kept) => void
  /** Another client with the same id speaks in a session of its own; its will comes when the rightful device is back. */
  takeOver: (nowMs: number, bootId: string, messages: (sessionId: string) => Kept[]) => void
  /** When the first thing reaches the broker that has not yet; Infinity when there is none. `shift` takes it. */
  headMs: () => number
  shift: () => WorldEvent | undefined
}

const inFlightMs = 200 // What left so shortly before a loss arrives all the same.

export const createOutbound = (options: OutboundOptions): Outbound => {
  const { deviceIndex, statusTopic, random, keepAliveMs, intervalMs, keptMax, uploadPerSecond, later } = options
  const out: WorldEvent[] = []
  let head = 0
  let lastArrivalMs = options.fromMs
  let connected = false
  let sessions = 0
  let sessionId = ''
  let pendingWill: { sessionId: string } | undefined
  let kept: Kept[] = []
  let group: Kept[] = []
  let holding = false

  const emit = (kind: WorldEvent['kind'], atMs: number, message: Kept | undefined, dup = false, session = sessionId): void => {
    lastArrivalMs = Math.max(lastArrivalMs, atMs)
    out.push({
      kind,
      atMs: lastArrivalMs,
      deviceIndex,
      topic: message?.topic ?? '',
      payload: message?.payload ?? '',
      retain: message?.retain ?? false,
      dup,
      bootId: message?.bootId ?? '',
      seq: message?.seq ?? 0,
      sessionId: session,
    })
  }

  const emitWill = (nowMs: number): void => {
    const will = pendingWill
    pendingWill = undefined
    if (will === undefined) return
    emit('will', nowMs, { topic: statusTopic, payload: willText(will.sessionId), retain: true, bootId: '', seq: 0 }, false, will.sessionId)
  }

  const keep = (message: Kept): void => {
    kept.push(message)
    if (kept.length > keptMax) kept.shift()
  }

  /** An upload that a loss cuts short: what had not left yet is kept again. */
  const withdraw = (nowMs: number): void => {
    let index = head
    while (index < out.length && (out[index]?.atMs ?? 0) <= nowMs + inFlightMs) index++
    const withdrawn = out.splice(index)
    lastArrivalMs = out.at(-1)?.atMs ?? nowMs
    if (withdrawn.length > 0) kept = [...withdrawn.filter(({ kind, dup }) => kind === 'message' && !dup), ...kept].slice(-keptMax)
  }

  const sendGroup = (nowMs: number): void => {
    shuffle(group, random)
    for (const message of group) {
      if (connected) emit('message', nowMs + 60, message)
      else keep(message)
    }
    group = []
  }

  return {
    connected: () => connected,
    sessionId: () => sessionId,
    nothingKept: () => kept.length === 0,
    send: (nowMs, message, { shuffleGroup, duplicateShare, duplicateWithinMs }) => {
      if (!connected || holding) {
        keep(message)
        return
      }
      if (shuffleGroup !== undefined) {
        group.push(message)
        if (group.length >= shuffleGroup) sendGroup(nowMs)
        return
      }
      emit('message', nowMs + random.between(30, 180), message)
      if (duplicateShare === undefined || !random.chance(duplicateShare)) return
      later(nowMs + random.between(200, duplicateWithinMs ?? 30_000), (laterMs) => {
        if (connected) emit('message', laterMs, message, true)
      })
    },
    sendGroup,
    open: (nowMs, bootId, online) => {
      emitWill(nowMs) // A client that comes back before its will was due takes the old session over, which publishes it.
      connected = true
      sessions++
      sessionId = `${bootId.slice(0, 8)}-${sessions}`
      emit('connect', nowMs, undefined)
      emit('message', nowMs + 20, online(sessionId))
    },
    upload: (nowMs, shuffled, duplicateShare) => {
      const messages = kept
      kept = []
      if (shuffled) shuffle(messages, random)
      const stepMs = 1000 / uploadPerSecond
      let atMs = nowMs + 80
      for (const message of messages) {
        emit('message', Math.round((atMs += stepMs)), message)
        if (duplicateShare > 0 && random.chance(duplicateShare)) emit('message', Math.round((atMs += stepMs)), message, true)
      }
    },
    hold: (on) => {
      holding = on
    },
    lose: (nowMs, silentBroker) => {
      if (!connected) return
      connected = false
      withdraw(nowMs)
      emit('lost', nowMs, undefined)
      if (group.length > 0) sendGroup(nowMs)
      if (silentBroker) return
      // The broker waits 1.5 keep-alives from the last packet, and the client spoke within the last keep-alive [MQTT-3.1.2-24].
      const will = { sessionId }
      pendingWill = will
      later(nowMs + Math.round(keepAliveMs * 1.5) - random.between(0, Math.min(keepAliveMs, intervalMs)), (laterMs) => {
        if (pendingWill === will) emitWill(laterMs)
      })
    },
    leave: (nowMs, offline) => {
      connected = false
      withdraw(nowMs)
      if (group.length > 0) sendGroup(nowMs)
      emit('message', nowMs + 20, offline(sessionId))
      emit('disconnect', nowMs + 30, undefined)
    },
    takeOver: (nowMs, bootId, messages) => {
      withdraw(nowMs)
      pendingWill = { sessionId }
      emitWill(nowMs)
      connected = false
      if (group.length > 0) sendGroup(nowMs)
      sessions++
      const session = `${bootId.slice(0, 8)}-${sessions}`
      emit('connect', nowMs, undefined, false, session)
      for (const message of messages(session)) emit('message', nowMs + 40, message, false, session)
      pendingWill = { sessionId: session }
    },
    headMs: () => out[head]?.atMs ?? Infinity,
    shift: () => {
      const event = out[head]
      if (event === undefined) return undefined
      head++
      if (head === out.length) {
        out.length = 0
        head = 0
      }
      return event
    },
  }
}

/** Fisher and Yates. */
const shuffle = (messages: Kept[], random: Random): void => {
  for (let index = messages.length - 1; index > 0; index--) {
    const other = random.between(0, index)
    const [a, b] = [messages[index], messages[other]]
    if (a !== undefined && b !== undefined) [messages[index], messages[other]] = [b, a]
  }
}
