/**
 * Online, offline, unknown: in the order of arrival, since presence is about the link (a will carries the time of its
 * connect). Only changes give rows. A will of an older session is ignored; a stored copy only fills what is absent or older.
 */
import type { DeviceEvent, PresenceBody } from '../../../model/event.ts'
import { endWatch } from '../front-door-watch.ts'
import { hash32 } from '../hash.ts'
import { believedAheadMs } from '../placed-time.ts'
import type { Context, Place, TableRows } from '../projection.ts'
import { type CoreState, initialCore, type Overlay, type PartitionState, type PresenceState } from '../state.ts'

/** Online devices are indexed in shards, so that one change rewrites a small list. */
export const onlineShards = 64
/** 128,000 devices per partition; one beyond gets no verdict after a restart of the front door, everything else works. */
export const onlinePerShardMax = 2_000
/** Devices judged per tick: their states are read at once. */
export const judgedPerTickMax = 1_000

export const projectPresence = (context: Context, body: PresenceBody): void => {
  const { event, placed, core } = context
  const known = core.presence
  const { storedCopy } = event.source
  const atMs = storedCopy ? placed.observedAtMs : event.receivedAtMs
  const next: PresenceState = { state: body.state, sessionId: body.sessionId, atMs }
  if (known !== null) {
    if (storedCopy && (placed.verdict !== 'trusted' || atMs <= known.atMs)) return
    // History, not the newest. All others are ordered by the log: a clock that was set back makes nothing old.
    if (event.source.redriveOf !== null && atMs < known.atMs) {
      pushRow(context, next, body.reason)
      return
    }
    if (isWillOfOlderSession(known, next)) return
    if (known.state === next.state && (next.sessionId === null || next.sessionId === known.sessionId)) return
  }
  become(context, next, body.reason)
}

/** A message is proof enough that a device is there that was unknown, or was taken for offline since it was silent. */
export const projectSign = (context: Context): void => {
  const { core, event } = context
  if (core.presence === null || (core.presence.state !== 'unknown' && core.presence.isSilent !== true)) return
  if (event.source.redriveOf !== null && event.receivedAtMs <= core.presence.atMs) return
  become(context, { state: 'online', sessionId: core.presence.sessionId, atMs: event.receivedAtMs }, 'spoke')
}

export type Judging = { event: DeviceEvent; place: Place; overlay: Overlay; rows: TableRows; onLimit: Context['onLimit'] }

/** The front door had started anew and 60 s are over: who was online and has been silent since is unknown. */
export const judgeSilent = (judging: Judging, partition: PartitionState): void => {
  const { running } = partition.watch
  let judged = 0
  while (running !== null && running.shard < onlineShards && judged < judgedPerTickMax) {
    const shard = judging.overlay.look('online', String(running.shard++))
    for (const id of [...(shard?.ids ?? [])].sort()) {
      judged++
      const core = judging.overlay.look('core', id)
      if (core?.presence?.state !== 'online' || hasSpoken(core, running.startedAtMs, judging.event.receivedAtMs)) continue
      judging.overlay.keep('core', id, core)
      become(
        { ...judging, core, subject: id },
        { ...core.presence, state: 'unknown', atMs: judging.event.receivedAtMs },
        'front-door-restart',
      )
    }
  }
  if (running !== null && running.shard >= onlineShards) endWatch(partition.watch)
}

/** An arrival far ahead of now is of a time when the recorder's clock was ahead: before the start, not after it. */
const hasSpoken = ({ lastReceivedAtMs }: CoreState, sinceMs: number, nowMs: number): boolean =>
  lastReceivedAtMs >= sinceMs && lastReceivedAtMs <= nowMs + believedAheadMs

/** Birth and will of one connection carry the same session id. */
const isWillOfOlderSession = (known: PresenceState, next: PresenceState): boolean =>
  next.state === 'offline' && next.sessionId !== null && known.sessionId !== null && next.sessionId !== known.sessionId

type Becoming = Pick<Context, 'event' | 'place' | 'overlay' | 'rows' | 'onLimit'> & { core: CoreState; subject?: string }

/** Writes a row, and keeps the index of those that are online. */
export const become = (context: Becoming, next: PresenceState, reason: string | null): void => {
  const id = context.subject ?? context.event.subject.id
  const before = context.core.presence
  context.core.presence = next.state === 'offline' ? { ...next, reason } : next
  if ((before?.state === 'online') !== (next.state === 'online')) index(context, id, next.state === 'online')
  pushRow(context, next, reason)
}

/**
 * The device is told offline, or why it is has become known: a row with the cause. Silence makes offline what its own word had not.
 * Called by the watch (`watch-device.ts`), whose rule has judged the silence.
 */
export const projectAbsence = (judging: Judging, id: string, cause: string): void => {
  const { overlay, event } = judging
  const core = coreOf(overlay, id)
  const { presence } = core
  if (presence?.state === 'offline') {
    if (presence.cause === cause) return
    presence.cause = cause
    pushRow({ ...judging, subject: id }, { ...presence, atMs: Math.max(presence.atMs, event.receivedAtMs) }, presence.reason ?? null)
    return
  }
  become(
    { ...judging, core, subject: id },
    { state: 'offline', sessionId: presence?.sessionId ?? null, atMs: event.receivedAtMs, cause, isSilent: true },
    'silence',
  )
}

/** What an absence that is over is now known to have come of: it was offline at `atMs`. */
export const projectPastAbsence = (judging: Judging, id: string, cause: string, atMs: number): void =>
  pushRow({ ...judging, subject: id }, { state: 'offline', sessionId: null, atMs, cause }, 'silence')

const index = ({ overlay, onLimit }: Becoming, id: string, online: boolean): void => {
  const shard = overlay.open('online', String(hash32(id) % onlineShards), () => ({ kind: 'online', ids: [] }))
  if (!online) shard.ids = shard.ids.filter((other) => other !== id)
  else if (shard.ids.length < onlinePerShardMax) shard.ids.push(id)
  else onLimit('online-per-shard')
}

const pushRow = (
  { event, place, rows, subject }: Omit<Becoming, 'core' | 'overlay' | 'onLimit'>,
  next: PresenceState,
  reason: string | null,
): void => {
  rows.presence.push({
    tenant: event.tenant,
    subject: subject ?? event.subject.id,
    observed_at: next.atMs,
    received_at: event.receivedAtMs,
    state: next.state,
    session_id: next.sessionId,
    reason,
    cause: next.cause ?? '',
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}

export const coreOf = (overlay: Overlay, id: string): CoreState => overlay.open('core', id, initialCore)
