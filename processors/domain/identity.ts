/**
 * Is this message new? The one de-duplication in front of every projection (design: section 5), from fields of the event
 * alone, so that a replay decides the same:
 *   bootId and seq        -> that pair, as intervals per device and boot
 *   a time, but not both  -> digest of subject, topic and payload, for a day
 *   neither               -> marked as sent again (DUP), and equal to one of an earlier connection of the same persistent
 *                            session; without DUP it is stored and flagged `ambiguous` (decision 0009)
 * A re-driven dead letter is known by its reference first. Presence and stored copies are never dropped by content.
 */
import type { DeviceEvent } from '../../model/event.ts'
import type { Digest } from '../../model/ports.ts'
import { hash32 } from './hash.ts'
import { addToIntervals, emptyIntervals, highestOf, lowestOf } from './interval-set.ts'
import type { SeenIds } from './seen-ids.ts'
import type { SessionWindow } from './session-window.ts'
import type { BootWindow, CoreState } from './state.ts'

export type IdentityOutcome = 'new' | 'duplicate' | 'ambiguous'

export type Identity = {
  outcome: IdentityOutcome
  /** A second re-drive of one letter: the letter itself has been counted as re-driven already. */
  letterKnown: boolean
  /** What the message adds to its boot's accounts; all 0 without a sequence. */
  withSeq: number
  seqExpected: number
  seqMissing: number
}

export type IdentityWindow = { seenIds: SeenIds; sessions: SessionWindow; digest: Digest }

/** Boots whose sequences are kept per device: a device that uploads its past speaks of a few at once. */
export const bootsKeptMax = 16
/** Boots that are remembered by their hash after that; a message of one of them is stored and flagged `ambiguous`. */
export const bootsForgottenMax = 1_024
/**
 * A sequence further from its boot's others than this is no count of messages: at 100 a second that many take eight months.
 * Its message is stored and flagged, and no account takes it in (a wild number would make sums that no column holds).
 */
export const seqJumpMax = 2 ** 31
/** References of re-driven letters per device. One call re-drives at most 10,000 over all devices. */
export const redrivenKeptMax = 1_024

export const judgeIdentity = (event: DeviceEvent, core: CoreState, window: IdentityWindow, nowMs: number): Identity => {
  const { source, bootId, seq } = event
  // A copy that an outside broker kept is no delivery of the device: it neither proves nor excludes one.
  if (source.storedCopy) return plain('duplicate')
  if (source.redriveOf !== null && !noteRedrive(core, source.redriveOf)) return { ...plain('duplicate'), letterKnown: true }
  if (bootId !== null && seq !== null) return judgeSequence(core, bootId, seq)
  if (event.bodies.some(({ kind }) => kind === 'Presence' || kind === 'Quarantined')) return plain('new')
  if (event.observedAtMs !== null) return judgeContent(event, window, nowMs)
  return judgeSession(event, window, nowMs)
}

const plain = (outcome: IdentityOutcome): Identity => ({ outcome, letterKnown: false, withSeq: 0, seqExpected: 0, seqMissing: 0 })

const judgeSequence = (core: CoreState, bootId: string, seq: number): Identity => {
  const boot = openBoot(core, bootId)
  const lowest = lowestOf(boot.seen)
  const highest = highestOf(boot.seen)
  if (lowest !== undefined && highest !== undefined && (seq - highest > seqJumpMax || lowest - seq > seqJumpMax)) return plain('ambiguous')
  const outcome = addToIntervals(boot.seen, seq)
  if (outcome === 'present') return plain('duplicate')
  if (outcome === 'forgotten' || boot.revived) return plain('ambiguous')
  const counted = { outcome: 'new', letterKnown: false, withSeq: 1 } as const
  if (lowest === undefined || highest === undefined) return { ...counted, seqExpected: 1, seqMissing: 0 }
  if (seq > highest) return { ...counted, seqExpected: seq - highest, seqMissing: seq - highest - 1 }
  if (seq < lowest) return { ...counted, seqExpected: lowest - seq, seqMissing: lowest - seq - 1 }
  return { ...counted, seqExpected: 0, seqMissing: -1 } // It fills a gap that had been counted as missing.
}

/** The boot's window, moved to the end as the one heard last. */
const openBoot = (core: CoreState, bootId: string): BootWindow => {
  const { boots, forgottenBoots } = core
  const last = boots[boots.length - 1]
  if (last?.bootId === bootId) return last
  const at = boots.findIndex((boot) => boot.bootId === bootId)
  const boot = at >= 0 ? boots.splice(at, 1)[0] : undefined
  const opened = boot ?? { bootId, seen: emptyIntervals(), revived: forgottenBoots.includes(hash32(bootId)) }
  boots.push(opened)
  if (boots.length > bootsKeptMax) {
    const pushedOut = boots.shift()
    if (pushedOut !== undefined && !forgottenBoots.includes(hash32(pushedOut.bootId))) forgottenBoots.push(hash32(pushedOut.bootId))
    if (forgottenBoots.length > bootsForgottenMax) forgottenBoots.shift()
  }
  return opened
}

const judgeContent = (event: DeviceEvent, { seenIds, digest }: IdentityWindow, nowMs: number): Identity => {
  if (seenIds.seen(digest(event.subject.id, event.source.topic, contentOf(event)), nowMs)) return plain('duplicate')
  // Taken before the table had to forget early: it may have come then.
  return plain((event.observedAtMs ?? nowMs) < seenIds.state().forgottenBeforeMs ? 'ambiguous' : 'new')
}

const judgeSession = (event: DeviceEvent, { sessions, digest }: IdentityWindow, nowMs: number): Identity => {
  const { sessionId, clientId, topic, packetId, qos, connection, redriveOf, dup } = event.source
  if (sessionId === null || packetId === null || qos === 0 || redriveOf !== null) return plain('new')
  const id = digest(clientId, sessionId, topic, contentOf(event), String(packetId))
  return plain(sessions.judge(id, connection, dup, nowMs))
}

/** The payload; a sealed one differs each time it is sealed, so then what was read from it, personal identifiers masked. */
const contentOf = ({ payload, bodies, observedAtMs, seq, uptimeSeconds }: DeviceEvent): Uint8Array | string =>
  payload.encoding === 'sealed'
    ? JSON.stringify([observedAtMs, seq, uptimeSeconds, bodies], (key, value: unknown) => (key === 'sealed' ? null : value))
    : payload.bytes

/** False when this letter came back before. The reference is `partition:offset[:uncounted]`, of a topic with one partition. */
const noteRedrive = (core: CoreState, redriveOf: string): boolean => {
  const offset = Number(redriveOf.split(':')[1])
  if (core.redriven.includes(offset)) return false
  core.redriven.push(offset)
  if (core.redriven.length > redrivenKeptMax) core.redriven.shift()
  return true
}
