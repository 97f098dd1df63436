/**
 * The state of a device at a moment, told by its messages alone: a plain fold, written without the stage and without SQL, to
 * hold the answers of both against. Messages come in the order of the log.
 */
import type { BootBody, DeviceEvent, RadioBody } from '../../model/event.ts'

/** Of the answer `state` what a fold can say. Times are epoch milliseconds. */
type Folded = {
  measurements: Record<string, { value: number | null; quality: string; atMs: number; lastKnown: { value: number; atMs: number } | null }>
  counters: Record<string, { value: number; atMs: number }>
  facts: Record<string, { value: string | null; masked: boolean }>
  radio: { atMs: number; told: RadioBody } | null
  presence: { state: string; sinceMs: number | null; reason: string | null; sessionId: string | null }
  boot: { bootId: string; atMs: number; evidence: string; reason: string | null; uptimeBeforeSeconds: number | null } | null
  boots: number
}

type Dated<T> = { atMs: number; is: T }

export const foldUpTo = (log: readonly DeviceEvent[], atMs: number, knownMs = Number.POSITIVE_INFINITY): Folded => {
  const arrived = log.filter(({ receivedAtMs }) => receivedAtMs <= knownMs)
  const events = withoutRepeats(arrived)
  const told = events.filter(({ source }) => !source.storedCopy)
  const readings = told.flatMap((event) =>
    event.bodies.flatMap((body) =>
      body.kind !== 'Measurements'
        ? []
        : body.items.map((item) => ({ atMs: item.observedAtMs === null ? placedMs(event) : itemMs(item.observedAtMs, event), is: item })),
    ),
  )
  const counts = told.flatMap((event) =>
    event.bodies.flatMap((body) => (body.kind === 'Counters' ? body.items.map((is) => ({ atMs: placedMs(event), is })) : [])),
  )
  const snapshots = told.flatMap((event) => event.bodies.flatMap((is) => (is.kind === 'Radio' ? [{ atMs: placedMs(event), is }] : [])))
  const facts = factsOf(events)
  const radio = newest(snapshots, atMs)
  const boots = bootsOf(signsOfBoots(told)).filter((boot) => boot.atMs <= atMs)
  return {
    measurements: byKey(
      readings,
      ({ metric, attributes }) => `${metric} ${attributes}`,
      (own) => {
        const last = newest(own, atMs)
        const known = newest(
          own.filter(({ is }) => is.value !== null),
          atMs,
        )
        if (last === undefined) return undefined
        const { value, quality } = last.is
        return { value, quality, atMs: last.atMs, lastKnown: known?.is.value == null ? null : { value: known.is.value, atMs: known.atMs } }
      },
    ),
    counters: byKey(
      counts,
      ({ metric, attributes }) => `${metric} ${attributes}`,
      (own) => {
        const last = newest(own, atMs)
        return last === undefined ? undefined : { value: last.is.value, atMs: last.atMs }
      },
    ),
    facts: byKey(
      facts,
      ({ name }) => name,
      (own) => {
        const last = newest(own, atMs)
        return last === undefined ? undefined : { value: last.is.value, masked: last.is.sealed !== null }
      },
    ),
    radio: radio === undefined ? null : { atMs: radio.atMs, told: radio.is },
    presence: presenceOf(told.filter(({ receivedAtMs }) => receivedAtMs <= atMs)),
    boot:
      newest(
        boots.map((is) => ({ atMs: is.atMs, is })),
        atMs,
      )?.is ?? null,
    boots: boots.length,
  }
}

/** Its own time, unless that lies before 2010 or more than five minutes ahead. */
const placedMs = ({ observedAtMs, receivedAtMs }: DeviceEvent): number =>
  observedAtMs === null || observedAtMs < Date.UTC(2010, 0, 1) || observedAtMs > receivedAtMs + 300_000 ? receivedAtMs : observedAtMs
const itemMs = (ownMs: number, event: DeviceEvent): number =>
  ownMs < Date.UTC(2010, 0, 1) || ownMs > event.receivedAtMs + 300_000 ? placedMs(event) : ownMs

const withoutRepeats = (log: readonly DeviceEvent[]): DeviceEvent[] => {
  const seen = new Set<string>()
  return log.filter(({ source, bootId, seq, observedAtMs, payload }) => {
    if (source.storedCopy || (seq === null && observedAtMs === null)) return true
    const id = seq === null ? new TextDecoder().decode(payload.bytes) : `${bootId ?? ''} ${String(seq)}`
    if (seen.has(id)) return false
    seen.add(id)
    return true
  })
}

/** Of equal times the one that came last. */
const newest = <T>(items: readonly Dated<T>[], atMs: number): Dated<T> | undefined =>
  items.reduce<Dated<T> | undefined>(
    (best, item) => (item.atMs <= atMs && (best === undefined || item.atMs >= best.atMs) ? item : best),
    undefined,
  )

const byKey = <T, R>(
  items: readonly Dated<T>[],
  keyOf: (is: T) => string,
  stateOf: (own: Dated<T>[]) => R | undefined,
): Record<string, R> => {
  const groups: Record<string, Dated<T>[]> = {}
  for (const item of items) (groups[keyOf(item.is)] ??= []).push(item)
  const states: Record<string, R> = {}
  for (const [key, own] of Object.entries(groups)) {
    const state = stateOf(own)
    if (state !== undefined) states[key] = state
  }
  return states
}

/** A stored copy only fills what is absent (the random ones are older than all else). */
const factsOf = (events: readonly DeviceEvent[]) => {
  const facts: Dated<{ name: string; value: string | null; sealed: Uint8Array | null }>[] = []
  for (const event of events)
    for (const body of event.bodies) {
      if (body.kind !== 'Facts') continue
      for (const is of body.items)
        if (!event.source.storedCopy || !facts.some((fact) => fact.is.name === is.name)) facts.push({ atMs: placedMs(event), is })
    }
  return facts
}

/** In the order of arrival; the will of another session says nothing. */
const presenceOf = (events: readonly DeviceEvent[]): Folded['presence'] => {
  let now: Folded['presence'] = { state: 'unknown', sinceMs: null, reason: null, sessionId: null }
  for (const { bodies, receivedAtMs } of events)
    for (const body of bodies) {
      if (body.kind !== 'Presence') continue
      if (now.sinceMs !== null && body.state === 'offline' && body.sessionId !== now.sessionId) continue
      if (body.state === now.state && body.sessionId === now.sessionId) continue
      const sinceMs = body.state === now.state ? now.sinceMs : receivedAtMs
      now = { state: body.state, sinceMs, reason: body.reason, sessionId: body.sessionId }
    }
  return now
}

export type Change = { kind: string; atMs: number; from: unknown; to: unknown }

/** What a timeline lists of facts, boots, presence, cells and bands, in the order of time. */
export const changesIn = (log: readonly DeviceEvent[], knownMs = Number.POSITIVE_INFINITY): Change[] => {
  const events = withoutRepeats(log.filter(({ receivedAtMs }) => receivedAtMs <= knownMs))
  const told = events.filter(({ source }) => !source.storedCopy)
  const facts = Object.entries(Object.groupBy(factsOf(events), ({ is }) => is.name)).flatMap(([name, own = []]) =>
    changesOf(
      name === 'firmware.version' ? 'firmware' : 'fact',
      own.map(({ atMs, is }) => ({ atMs, is: is.value })),
    ),
  )
  const radio = told.flatMap((event) => event.bodies.flatMap((is) => (is.kind === 'Radio' ? [{ atMs: placedMs(event), is }] : [])))
  const of = <T>(valueOf: (is: RadioBody) => T | null) =>
    radio.flatMap(({ atMs, is }) => {
      const value = valueOf(is)
      return value === null ? [] : [{ atMs, is: value }]
    })
  // The first cell heard is no change of cell.
  const moves = [
    ...changesOf(
      'cell',
      of(({ cellId }) => cellId),
    ),
    ...changesOf(
      'band',
      of(({ band }) => band),
    ),
  ].filter(({ from }) => from !== undefined)
  const presence: Dated<string>[] = []
  for (let index = 0; index < told.length; index++) {
    const { state } = presenceOf(told.slice(0, index + 1))
    const atMs = told[index]?.receivedAtMs ?? 0
    if (state !== 'unknown') presence.push({ atMs, is: state })
  }
  const boots = bootsOf(signsOfBoots(told)).map(({ atMs, bootId }) => ({ kind: 'boot', atMs, from: undefined, to: bootId }))
  return [...facts, ...moves, ...changesOf('presence', presence), ...boots].map((change) => ({ ...change, from: change.from ?? null }))
}

/** `undefined`: there was nothing before. */
const changesOf = <T>(kind: string, items: readonly Dated<T>[]): Change[] => {
  const inOrder = items.map((item, index) => ({ ...item, index })).sort((a, b) => a.atMs - b.atMs || a.index - b.index)
  return inOrder.flatMap(({ atMs, is }, index) => {
    const before = inOrder[index - 1]
    return before !== undefined && before.is === is ? [] : [{ kind, atMs, from: before?.is, to: is }]
  })
}

type Sign = { bootId: string; atMs: number; told: BootBody | null }

/** Told, or a boot id that is new (the very first only with an uptime: it may have run for a year). */
const signsOfBoots = (events: readonly DeviceEvent[]): Sign[] => {
  const heard = new Set<string>()
  const signs: Sign[] = []
  for (const event of events) {
    const { bootId, uptimeSeconds, bodies } = event
    if (bootId === null) continue
    const told = bodies.find((body) => body.kind === 'Boot') ?? null
    const isNew = !heard.has(bootId)
    const veryFirst = heard.size === 0
    heard.add(bootId)
    if (told !== null) signs.push({ bootId, atMs: placedMs(event), told })
    else if (isNew && !(veryFirst && uptimeSeconds === null)) {
      signs.push({ bootId, atMs: placedMs(event) - (uptimeSeconds ?? 0) * 1_000, told: null })
    }
  }
  return signs
}

/** All signs of one boot id are one boot: since the earliest of them, with the words of the device where it told any. */
const bootsOf = (signs: readonly Sign[]): NonNullable<Folded['boot']>[] =>
  [...new Set(signs.map(({ bootId }) => bootId))].map((bootId) => {
    const own = signs.filter((sign) => sign.bootId === bootId)
    const told = own.find((sign) => sign.told !== null)?.told ?? null
    return {
      bootId,
      atMs: Math.min(...own.map(({ atMs }) => atMs)),
      evidence: told === null ? 'new-boot-id' : 'told',
      reason: told?.reason ?? null,
      uptimeBeforeSeconds: told?.uptimeBeforeSeconds ?? null,
    }
  })
