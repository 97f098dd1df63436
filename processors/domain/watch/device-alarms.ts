/**
 * The alarms of one device: commands of rules, ticks and persons carried to their streams, with what they do to each other (an
 * alarm that explains another holds it down while it stands). Every event is handed on with the stream as it was right after.
 * Before: `processors/domain/rules`.  After: `alarm-rows.ts`.
 */
import { type AlarmEvent, isForLog } from '../../../model/alarm-event.ts'
import type { AlarmCommand, AlarmDelays, AlarmKey, AlarmType, Suppressor } from '../../../model/alarm.ts'
import { severities } from '../../../model/alarm.ts'
import { alarmTypeOf, type Rule } from '../../../model/rule.ts'
import { evolveAlarm, nextDueMs, stepAlarm } from '../alarms/alarm-decider.ts'
import { type AlarmState, initialAlarmState, isLive } from '../alarms/alarm-state.ts'
import type { Refusal } from '../alarms/draft.ts'
import { episodeOf, type EpisodeRow, evolveEpisodeRow } from '../alarms/episodes.ts'
import { begunBefore, type Rejudge, reconciled } from '../alarms/late-findings.ts'
import { type PackedAlarm, packAlarm, unpackAlarm } from '../alarms/packed-state.ts'
import { episodeIdOf, streamIdOf } from '../alarms/stream-id.ts'
import { unsuppressOrphans } from '../alarms/suppression.ts'
import type { CompiledRules } from '../rules/compile.ts'
import { partsOfKey, streamKey } from '../rules/state.ts'
import {
  episodesPerDeviceMax,
  episodesPerStreamMax,
  type KeptEpisode,
  type PackedEpisode,
  packEpisode,
  unpackEpisode,
} from './kept-episodes.ts'

export type StoredAlarm = { state: PackedAlarm | null; episodes: PackedEpisode[]; dueMs: number | null }

export type AlarmsState = {
  kind: 'alarms'
  /** As it was when the first alarm was raised: it names the streams. */
  resource: string
  /** By rule and qualifier. */
  byKey: Record<string, StoredAlarm>
  /** The greatest numbers of streams that were forgotten: one that comes back goes on behind them. */
  forgotten: { version: number; episode: number; foundLate: number }
}

/** Streams remembered per device; beyond, the one that has been quiet longest is forgotten. */
export const alarmStreamsMax = 64

export const initialAlarms = (resource: string): AlarmsState => ({
  kind: 'alarms',
  resource,
  byKey: {},
  forgotten: { version: 0, episode: 0, foundLate: 0 },
})

/** One event, and the stream right after it. */
export type Told = {
  stream: string
  key: AlarmKey
  event: AlarmEvent
  after: AlarmState
  /** The episode whose row it changes; null: none. */
  episode: KeptEpisode | null
}

/** A maintenance window that holds for the device right now. */
export type ActiveWindow = { id: string; untilMs: number; reason: string }

export const suppressorOf = ({ id, untilMs }: ActiveWindow): Suppressor => ({ kind: 'maintenance', by: id, untilMs })

export type AlarmTurn = {
  tenant: string
  rules: Pick<CompiledRules, 'rules' | 'dependents'>
  /** Of a rule that holds no more: the inventory knows its type still. */
  typeOf: (type: string) => AlarmType | undefined
  nowMs: number
  /** What holds a new alarm down from its beginning; left out: nothing. */
  windows?: readonly { suppressor: Suppressor; reason: string }[]
  onTold: (told: Told) => void
  onLimit: (limit: 'alarm-streams-per-device' | 'late-beyond-episodes') => void
}

export type DeviceAlarms = ReturnType<typeof openAlarms>

type Open = { key: AlarmKey; stream: string; state: AlarmState; episodes: KeptEpisode[]; isChanged: boolean }

export const openAlarms = (alarms: AlarmsState, turn: AlarmTurn) => {
  const opened = new Map<string, Open>()

  const openOf = (id: string): Open => {
    let open = opened.get(id)
    if (open === undefined) {
      const [type, qualifier] = partsOfKey(id)
      const key = { resource: alarms.resource, type, qualifier }
      const stream = streamIdOf(turn.tenant, key)
      const stored = alarms.byKey[id]
      const state = stored === undefined ? beginning(alarms) : unpackAlarm(stored.state)
      const episodes = (stored?.episodes ?? []).map((packed) => unpackEpisode(stream, key, packed))
      opened.set(id, (open = { key, stream, state, episodes, isChanged: false }))
    }
    return open
  }

  const stateOf = (id: string): AlarmState | null => opened.get(id)?.state ?? (Object.hasOwn(alarms.byKey, id) ? openOf(id).state : null)
  const ids = (): string[] => [...new Set([...Object.keys(alarms.byKey), ...opened.keys()])]

  const step = (id: string, command: AlarmCommand, delays: AlarmDelays | null): Refusal | null => {
    const open = openOf(id)
    const rule = turn.rules.rules.get(open.key.type)
    const type = rule === undefined ? (turn.typeOf(open.key.type) ?? goneType(open.key.type)) : alarmTypeFor(rule)
    const stepped = stepAlarm({ type, ...(delays ?? (rule === undefined ? noDelays : delaysOf(rule))) }, open.state, command)
    if (!stepped.ok) return stepped.reason
    if (stepped.value.events.length === 0) return null
    if (!Object.hasOwn(alarms.byKey, id) && !open.isChanged && !makeRoom()) return null
    open.isChanged = true
    for (const event of stepped.value.events) {
      open.state = evolveAlarm(open.state, event)
      if (isForLog(event)) turn.onTold(tell(open, event))
    }
    for (const event of stepped.value.events) follow(open, event)
    return null
  }

  /** The numbers of what is forgotten are never given again. */
  const makeRoom = (): boolean => {
    if (ids().filter((id) => Object.hasOwn(alarms.byKey, id) || opened.get(id)?.isChanged === true).length < alarmStreamsMax) return true
    turn.onLimit('alarm-streams-per-device')
    const quiet = Object.keys(alarms.byKey)
      .filter((id) => isQuiet(stateOf(id)))
      .sort((one, other) => (stateOf(one)?.last?.clearedAtMs ?? 0) - (stateOf(other)?.last?.clearedAtMs ?? 0) || (one < other ? -1 : 1))
    const [oldest] = quiet
    if (oldest === undefined) return false
    const { version, episode, episodesFoundLate } = openOf(oldest).state
    const { forgotten } = alarms
    alarms.forgotten = {
      version: Math.max(forgotten.version, version),
      episode: Math.max(forgotten.episode, episode),
      foundLate: Math.max(forgotten.foundLate, episodesFoundLate),
    }
    Reflect.deleteProperty(alarms.byKey, oldest)
    opened.delete(oldest)
    return true
  }

  /** What is now known of a stretch of the past is written to the episodes that it touches. */
  const findLate = (id: string, told: Rejudge, delays: AlarmDelays): Refusal | null => {
    // What is over by now is not taken for what stands.
    if (stateOf(id) !== null) step(id, { kind: 'TimerFired', atMs: turn.nowMs }, null)
    const { state, episodes } = openOf(id)
    const kept = episodes.filter(({ row }) => !row.foundLate).length
    const forgotten = { live: state.episode - kept, late: state.episodesFoundLate - (episodes.length - kept) }
    const findings = reconciled(rowsOf(openOf(id)), forgotten, told)
    if (findings === null) turn.onLimit('late-beyond-episodes')
    let refusal: Refusal | null = null
    for (const finding of findings ?? []) refusal ??= step(id, finding, delays)
    return refusal
  }

  /** What happened to one alarm happens to those that it explains. */
  const follow = (open: Open, event: AlarmEvent): void => {
    if (event.kind === 'AlarmRaised') {
      for (const finding of begunBefore(rowsOf(open), event)) step(keyIdOf(open), finding, null)
      for (const other of ids()) {
        const isExplained = turn.rules.dependents.get(open.key.type)?.includes(partsOfKey(other)[0]) === true
        if (isExplained && isTroubled(stateOf(other))) holdDown(other, open)
      }
    }
    if (event.kind === 'AlarmCleared') freeOrphans()
  }

  const holdDown = (id: string, cause: Open): void =>
    void step(
      id,
      {
        kind: 'Suppress',
        suppressor: {
          kind: 'alarm',
          by: episodeIdOf(cause.stream, { episode: cause.state.episode, foundLate: false }),
          untilMs: null,
        },
        reason: `${cause.key.type} explains it`,
        atMs: turn.nowMs,
      },
      null,
    )

  const freeOrphans = (): void => {
    const standing = new Set<string>()
    const held: [string, AlarmState][] = []
    for (const id of ids()) {
      const state = stateOf(id)
      if (state === null) continue
      if (isLive(state)) standing.add(episodeIdOf(openOf(id).stream, { episode: state.episode, foundLate: false }))
      if (state.suppressedBy.length > 0) held.push([id, state])
    }
    for (const { stream, command } of unsuppressOrphans(held, (by) => standing.has(by), turn.nowMs)) step(stream, command, null)
  }

  return {
    /** A verdict of a rule. What explains it is told before it. */
    observe: (key: { type: string; qualifier: string }, command: AlarmCommand | Rejudge, delays: AlarmDelays): Refusal | null => {
      const id = streamKey(key.type, key.qualifier)
      const isBad = command.kind === 'Observe' && command.verdict === 'active'
      if (!isBad && command.kind !== 'Rejudge' && stateOf(id) === null) return null
      if (isBad && !isTroubled(stateOf(id))) {
        const causes = turn.rules.rules.get(key.type)?.dependsOn ?? []
        for (const other of causes.length === 0 ? [] : ids())
          if (causes.includes(partsOfKey(other)[0]) && isLiveState(stateOf(other))) holdDown(id, openOf(other))
        for (const window of turn.windows ?? []) step(id, { kind: 'Suppress', ...window, atMs: turn.nowMs }, null)
      }
      return command.kind === 'Rejudge' ? findLate(id, command, delays) : step(id, command, delays)
    },
    /** Null where the device has no such stream. */
    find: (stream: string): string | null => ids().find((id) => openOf(id).stream === stream) ?? null,
    tell: (id: string, command: AlarmCommand): Refusal | null => step(id, command, null),
    /** Streams of these types; null: all. */
    ofTypes: (types: readonly string[] | null): string[] =>
      types === null ? ids() : ids().filter((id) => types.includes(partsOfKey(id)[0])),
    stateOf,
    keyOf: (id: string): AlarmKey => openOf(id).key,
    /** The stage's time has come to `nowMs`. */
    fire: (): void => {
      for (const [id, { dueMs }] of Object.entries(alarms.byKey))
        if (dueMs !== null && dueMs <= turn.nowMs) step(id, { kind: 'TimerFired', atMs: turn.nowMs }, null)
      freeOrphans()
    },
    retireAll: (): void => {
      for (const id of ids()) step(id, { kind: 'RetireResource', atMs: turn.nowMs }, null)
    },
    /** Puts what has changed back into `alarms`. Answers whether anything has, when the next deadline is due (0: none), and whether one stands. */
    close: (): { isChanged: boolean; dueMs: number; stands: boolean } => {
      let isChanged = false
      for (const [id, { state, episodes, isChanged: own }] of opened) {
        if (!own) continue
        isChanged = true
        const packed = packAlarm(state)
        if (packed === null && episodes.length === 0) Reflect.deleteProperty(alarms.byKey, id)
        else alarms.byKey[id] = { state: packed, episodes: episodes.map(packEpisode), dueMs: nextDueMs(state) }
      }
      if (isChanged) dropOldest(alarms)
      let dueMs = 0
      let stands = false
      for (const stored of Object.values(alarms.byKey)) {
        if (stored.dueMs !== null && (dueMs === 0 || stored.dueMs < dueMs)) dueMs = stored.dueMs
        stands ||= stored.state?.condition !== undefined // Left out: normal.
      }
      return { isChanged, dueMs, stands }
    },
  }
}

const beginning = ({ forgotten: { version, episode, foundLate } }: AlarmsState): AlarmState =>
  version === 0 ? initialAlarmState : { ...initialAlarmState, version, episode, episodesFoundLate: foundLate }

const rowsOf = ({ episodes }: Open): EpisodeRow[] => episodes.map(({ row }) => row)
const keyIdOf = ({ key }: Open): string => streamKey(key.type, key.qualifier)
const isLiveState = (state: AlarmState | null): boolean => state !== null && isLive(state)
export const isTroubled = (state: AlarmState | null): boolean => state !== null && (isLive(state) || state.condition.is === 'raising')
const isQuiet = (state: AlarmState | null): boolean =>
  state !== null &&
  state.condition.is === 'normal' &&
  state.shelf.is === 'none' &&
  state.suppressedBy.every(({ kind }) => kind === 'maintenance') // A window holds down what comes anew as well.

/** The rows of episodes after an event; what is about the stream as a whole shows in the row of its newest. */
const tell = (open: Open, event: AlarmEvent): Told => {
  const { stream, key, state: after, episodes } = open
  const about = episodeOf(event) ?? { episode: after.episode, foundLate: false }
  const at = episodes.findIndex(({ row }) => row.episode === about.episode && row.foundLate === about.foundLate)
  const before = episodes[at]
  const evolved = evolveEpisodeRow(before?.row, { stream, key, event })
  if (evolved === undefined) return { stream, key, event, after, episode: null }
  // What begins a delay is seen of the episode that may come, not of the one that is over.
  const ownEvidence = 'evidence' in event && event.kind !== 'RaiseDelayStarted' ? event.evidence : null
  const episode: KeptEpisode = { row: { ...evolved, version: event.version }, evidence: ownEvidence ?? before?.evidence ?? null }
  if (at >= 0) episodes[at] = episode
  else {
    episodes.push(episode)
    // The one that stands has its clear still before it, however many were found late since.
    const isStanding = ({ row }: KeptEpisode): boolean => !row.foundLate && row.episode === after.episode
    if (episodes.length > episodesPerStreamMax) episodes.splice(Number(episodes[0] !== undefined && isStanding(episodes[0])), 1)
  }
  return { stream, key, event, after, episode }
}

/** Of all streams together: what stands stays, then the newest. */
const dropOldest = ({ byKey }: AlarmsState): void => {
  const over = Object.values(byKey).flatMap((stored) =>
    stored.episodes.filter(({ amended }) => amended.clearedAtMs !== null).map((episode) => ({ stored, episode })),
  )
  const kept = Object.values(byKey).reduce((sum, { episodes }) => sum + episodes.length, 0)
  over.sort((one, other) => one.episode.detectedAtMs - other.episode.detectedAtMs || one.episode.version - other.episode.version)
  for (const { stored, episode } of over.slice(0, Math.max(0, kept - episodesPerDeviceMax)))
    stored.episodes = stored.episodes.filter((own) => own !== episode)
}

const types = new WeakMap<Rule, AlarmType>()
const alarmTypeFor = (rule: Rule): AlarmType => {
  let type = types.get(rule)
  if (type === undefined) types.set(rule, (type = alarmTypeOf(rule)))
  return type
}

const noDelays: AlarmDelays = { onDelayMs: 0, offDelayMs: 0 }
const delaysOf = ({ onDelayMs, offDelayMs, condition }: Rule): AlarmDelays => ({
  onDelayMs,
  offDelayMs,
  ...(condition.form === 'event' && condition.staleAfterMs !== null ? { staleAfterMs: condition.staleAfterMs } : {}),
})

/** Its rule was taken out of the files: it can only be retired. */
const goneType = (type: string): AlarmType => ({
  type,
  eventType: 'processing-error',
  willClear: true,
  eventOnly: false,
  severities,
  cause: '',
  action: '',
  runbook: '',
})
