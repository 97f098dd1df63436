/**
 * What differs between two states of a device, and the way back: `applyDiff(a, diffStates(a, b))` says what `b` says. A
 * value that was merely told again is no difference, so times are compared for presence and boots only, where they are
 * what happened.
 */

export type SeriesKey = { metric: string; attributes: Record<string, string> }
export type Reading = { value: number | null; quality: string; observedAt: string }
export type CounterReading = { value: number; observedAt: string }
export type FactReading = { value: string | null; masked: boolean; observedAt: string }

/** The part of a state that is compared; `routes/moment.ts` answers with more. */
export type ComparedState<R extends RadioReading, B extends { bootId: string; observedAt: string }, P extends PresenceReading> = {
  presence: P
  boot: B | null
  radio: R | null
  measurements: readonly (SeriesKey & Reading)[]
  counters: readonly (SeriesKey & CounterReading)[]
  facts: readonly ({ name: string } & FactReading)[]
}

export type RadioReading = { observedAt: string } & Record<string, unknown>
export type PresenceReading = { state: string; since: string | null } & Record<string, unknown>

/** Null on a side: not there in that state. */
type Sides<T> = { from: T | null; to: T | null }

export type StateDiff<R, B, P> = {
  presence: { from: P; to: P } | null
  boot: Sides<B> | null
  /** `changed` names the fields that differ; all of them when one side has no radio. */
  radio: (Sides<R> & { changed: string[] }) | null
  measurements: (SeriesKey & Sides<Reading> & { change: number | null })[]
  counters: (SeriesKey & Sides<CounterReading>)[]
  facts: ({ name: string } & Sides<FactReading>)[]
}

export const diffStates = <R extends RadioReading, B extends { bootId: string; observedAt: string }, P extends PresenceReading>(
  from: ComparedState<R, B, P>,
  to: ComparedState<R, B, P>,
): StateDiff<R, B, P> => {
  const changed = radioFieldsChanged(from.radio, to.radio)
  return {
    presence:
      from.presence.state === to.presence.state && from.presence.since === to.presence.since ? null : pair(from.presence, to.presence),
    boot: from.boot?.bootId === to.boot?.bootId && from.boot?.observedAt === to.boot?.observedAt ? null : { from: from.boot, to: to.boot },
    radio: changed.length === 0 ? null : { from: from.radio, to: to.radio, changed },
    measurements: changes(from.measurements, to.measurements, seriesKey, (a, b) => a.value === b.value && a.quality === b.quality).map(
      ({ item: { metric, attributes }, from: a, to: b }) => ({
        metric,
        attributes,
        from: a === null ? null : { value: a.value, quality: a.quality, observedAt: a.observedAt },
        to: b === null ? null : { value: b.value, quality: b.quality, observedAt: b.observedAt },
        change: a === null || b === null || a.value === null || b.value === null ? null : b.value - a.value,
      }),
    ),
    counters: changes(from.counters, to.counters, seriesKey, (a, b) => a.value === b.value).map(
      ({ item: { metric, attributes }, from: a, to: b }) => ({
        metric,
        attributes,
        from: a === null ? null : { value: a.value, observedAt: a.observedAt },
        to: b === null ? null : { value: b.value, observedAt: b.observedAt },
      }),
    ),
    facts: changes(
      from.facts,
      to.facts,
      ({ name }) => name,
      (a, b) => a.value === b.value && a.masked === b.masked,
    ).map(({ item: { name }, from: a, to: b }) => ({
      name,
      from: a === null ? null : { value: a.value, masked: a.masked, observedAt: a.observedAt },
      to: b === null ? null : { value: b.value, masked: b.masked, observedAt: b.observedAt },
    })),
  }
}

/** The later state, from the earlier one and what differs. */
export const applyDiff = <R extends RadioReading, B extends { bootId: string; observedAt: string }, P extends PresenceReading>(
  from: ComparedState<R, B, P>,
  diff: StateDiff<R, B, P>,
): ComparedState<R, B, P> => ({
  presence: diff.presence === null ? from.presence : diff.presence.to,
  boot: diff.boot === null ? from.boot : diff.boot.to,
  radio: diff.radio === null ? from.radio : diff.radio.to,
  measurements: applied(from.measurements, diff.measurements, seriesKey, ({ metric, attributes }, to) => ({ metric, attributes, ...to })),
  counters: applied(from.counters, diff.counters, seriesKey, ({ metric, attributes }, to) => ({ metric, attributes, ...to })),
  facts: applied(
    from.facts,
    diff.facts,
    ({ name }) => name,
    ({ name }, to) => ({ name, ...to }),
  ),
})

/** Names one series whatever the order in which its attributes were written. */
export const seriesKey = ({ metric, attributes }: SeriesKey): string =>
  `${metric}\n${JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))}`

const pair = <T>(from: T, to: T): { from: T; to: T } => ({ from, to })

const radioFieldsChanged = (from: RadioReading | null, to: RadioReading | null): string[] => {
  const names = [...new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})])]
  const one = from === null || to === null
  return names.filter((name) => !toldWhen.has(name) && (one || JSON.stringify(from[name]) !== JSON.stringify(to[name])))
}

/** When a snapshot was told and how old it is, which says nothing of the radio. */
const toldWhen = new Set(['observedAt', 'receivedAt', 'ageSeconds'])

const changes = <T>(from: readonly T[], to: readonly T[], keyOf: (item: T) => string, same: (a: T, b: T) => boolean) => {
  const before = new Map(from.map((item) => [keyOf(item), item]))
  const found: { item: T; from: T | null; to: T | null }[] = []
  for (const item of to) {
    const earlier = before.get(keyOf(item))
    before.delete(keyOf(item))
    if (earlier === undefined || !same(earlier, item)) found.push({ item, from: earlier ?? null, to: item })
  }
  // What is left is not in the later state: with `knownAt` or an erasure, not by time alone.
  for (const item of before.values()) found.push({ item, from: item, to: null })
  return found
}

const applied = <T, D extends { to: object | null }>(
  from: readonly T[],
  diff: readonly D[],
  keyOf: (item: T | D) => string,
  made: (entry: D, to: NonNullable<D['to']>) => T,
): T[] => {
  const after = new Map(from.map((item) => [keyOf(item), item]))
  for (const entry of diff) {
    if (entry.to === null) after.delete(keyOf(entry))
    else after.set(keyOf(entry), made(entry, entry.to))
  }
  return [...after.values()]
}
