/**
 * What differs between two states of a device, and the way back: `applyDiff(a, diffStates(a, b))` is `b`. A value that was
 * merely told again is no difference: it stands apart in `toldAgain`, which makes the way back exact.
 */

export type SeriesKey = { metric: string; attributes: Record<string, string> }
type Measured = SeriesKey & { value: number | null; quality: string; observedAt: string }
type Counted = SeriesKey & { value: number; observedAt: string }
type Told = { name: string; value: string | null; masked: boolean; observedAt: string }
type Radio = { observedAt: string } & Record<string, unknown>
type Boot = { bootId: string; observedAt: string }
type Presence = { state: string; since: string | null }
type Standing = { id: string; severity: string; unknown: boolean; operator: string }

/** The part of a state that is compared. Ages, which depend on the moment alone, are left out by `withoutAges`. */
export type ComparedState<P = Presence, B = Boot, R = Radio, M = Measured, C = Counted, F = Told, A = Standing> = {
  presence: P
  boot: B | null
  radio: R | null
  measurements: readonly M[]
  counters: readonly C[]
  facts: readonly F[]
  alarms: readonly A[]
}

/** Null on a side: not there in that state. */
type Sides<T> = { from: T | null; to: T | null }
type OfSeries<T> = Omit<T, keyof SeriesKey>
type OfFact<T> = Omit<T, 'name'>
type OfAlarm<T> = Omit<T, 'id'>

export type StateDiff<P, B, R, M, C, F, A> = {
  presence: { from: P; to: P } | null
  boot: Sides<B> | null
  /** `changed` names the fields that differ; all of them when one side has no radio. */
  radio: (Sides<R> & { changed: string[] }) | null
  measurements: (SeriesKey & Sides<OfSeries<M>> & { change: number | null })[]
  counters: (SeriesKey & Sides<OfSeries<C>>)[]
  facts: ({ name: string } & Sides<OfFact<F>>)[]
  /** From null: raised between the two; to null: it stands no more. */
  alarms: ({ id: string } & Sides<OfAlarm<A>>)[]
  /** The same value as before, from a later message or with more words: as it is in the later state. */
  toldAgain: { presence: P | null; boot: B | null; radio: R | null; measurements: M[]; counters: C[]; facts: F[]; alarms: A[] }
}

export const diffStates = <
  P extends Presence,
  B extends Boot,
  R extends Radio,
  M extends Measured,
  C extends Counted,
  F extends Told,
  A extends Standing,
>(
  from: ComparedState<P, B, R, M, C, F, A>,
  to: ComparedState<P, B, R, M, C, F, A>,
): StateDiff<P, B, R, M, C, F, A> => {
  const changed = radioFieldsChanged(from.radio, to.radio)
  const samePresence = from.presence.state === to.presence.state && from.presence.since === to.presence.since
  const sameBoot = from.boot?.bootId === to.boot?.bootId && from.boot?.observedAt === to.boot?.observedAt
  const measurements = changes(from.measurements, to.measurements, seriesKey, (a, b) => a.value === b.value && a.quality === b.quality)
  const counters = changes(from.counters, to.counters, seriesKey, (a, b) => a.value === b.value)
  const facts = changes(
    from.facts,
    to.facts,
    ({ name }) => name,
    (a, b) => a.value === b.value && a.masked === b.masked,
  )
  const alarms = changes(
    from.alarms,
    to.alarms,
    ({ id }) => id,
    (a, b) => a.severity === b.severity && a.unknown === b.unknown && a.operator === b.operator,
  )
  return {
    presence: samePresence ? null : { from: from.presence, to: to.presence },
    boot: sameBoot ? null : { from: from.boot, to: to.boot },
    radio: changed.length === 0 ? null : { from: from.radio, to: to.radio, changed },
    measurements: measurements.differing.map(({ item: { metric, attributes }, from: a, to: b }) => ({
      metric,
      attributes,
      from: a === null ? null : withoutSeries(a),
      to: b === null ? null : withoutSeries(b),
      change: a === null || b === null || a.value === null || b.value === null ? null : b.value - a.value,
    })),
    counters: counters.differing.map(({ item: { metric, attributes }, from: a, to: b }) => ({
      metric,
      attributes,
      from: a === null ? null : withoutSeries(a),
      to: b === null ? null : withoutSeries(b),
    })),
    facts: facts.differing.map(({ item: { name }, from: a, to: b }) => ({
      name,
      from: a === null ? null : withoutName(a),
      to: b === null ? null : withoutName(b),
    })),
    alarms: alarms.differing.map(({ item: { id }, from: a, to: b }) => ({
      id,
      from: a === null ? null : withoutId(a),
      to: b === null ? null : withoutId(b),
    })),
    toldAgain: {
      presence: samePresence && !equal(from.presence, to.presence) ? to.presence : null,
      boot: sameBoot && !equal(from.boot, to.boot) ? to.boot : null,
      radio: changed.length === 0 && !equal(from.radio, to.radio) ? to.radio : null,
      measurements: measurements.again,
      counters: counters.again,
      facts: facts.again,
      alarms: alarms.again,
    },
  }
}

/** The later state, from the earlier one and what differs; its lists in the order of their keys. */
export const applyDiff = <
  P extends Presence,
  B extends Boot,
  R extends Radio,
  M extends Measured,
  C extends Counted,
  F extends Told,
  A extends Standing,
>(
  from: ComparedState<P, B, R, M, C, F, A>,
  { toldAgain, ...diff }: StateDiff<P, B, R, M, C, F, A>,
): ComparedState<P, B, R, M, C, F, A> => ({
  presence: diff.presence?.to ?? toldAgain.presence ?? from.presence,
  boot: diff.boot === null ? (toldAgain.boot ?? from.boot) : diff.boot.to,
  radio: diff.radio === null ? (toldAgain.radio ?? from.radio) : diff.radio.to,
  measurements: applied(from.measurements, toldAgain.measurements, diff.measurements, seriesKey, ({ metric, attributes }, to) => ({
    metric,
    attributes,
    ...to,
  })),
  counters: applied(from.counters, toldAgain.counters, diff.counters, seriesKey, ({ metric, attributes }, to) => ({
    metric,
    attributes,
    ...to,
  })),
  facts: applied(
    from.facts,
    toldAgain.facts,
    diff.facts,
    ({ name }) => name,
    ({ name }, to) => ({ name, ...to }),
  ),
  alarms: applied(
    from.alarms,
    toldAgain.alarms,
    diff.alarms,
    ({ id }) => id,
    ({ id }, to) => ({ id, ...to }),
  ),
})

/** A state without what the moment of asking alone decides: ages, at any depth, and whether the recorder ran then. */
export const withoutAges = <T>(value: T): T => {
  if (Array.isArray(value)) return value.map(withoutAges) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'ageSeconds' && name !== 'recorderGap')
      .map(([name, inner]) => [name, withoutAges(inner) as unknown]),
  ) as T
}

/** Names one series whatever the order in which its attributes were written. */
export const seriesKey = ({ metric, attributes }: SeriesKey): string =>
  `${metric}\n${JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))}`

const withoutSeries = <T extends SeriesKey>({ metric: _metric, attributes: _attributes, ...rest }: T): OfSeries<T> => rest
const withoutName = <T extends { name: string }>({ name: _name, ...rest }: T): OfFact<T> => rest
const withoutId = <T extends { id: string }>({ id: _id, ...rest }: T): OfAlarm<T> => rest
const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const radioFieldsChanged = (from: Radio | null, to: Radio | null): string[] => {
  const names = [...new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})])]
  const one = from === null || to === null
  return names.filter((name) => !toldWhen.has(name) && (one || !equal(from[name], to[name])))
}

/** When a snapshot was told and how old it is, which says nothing of the radio. */
const toldWhen = new Set(['observedAt', 'receivedAt', 'ageSeconds'])

const changes = <T>(from: readonly T[], to: readonly T[], keyOf: (item: T) => string, same: (a: T, b: T) => boolean) => {
  const before = new Map(from.map((item) => [keyOf(item), item]))
  const differing: { item: T; from: T | null; to: T | null }[] = []
  const again: T[] = []
  for (const item of to) {
    const earlier = before.get(keyOf(item))
    before.delete(keyOf(item))
    if (earlier === undefined || !same(earlier, item)) differing.push({ item, from: earlier ?? null, to: item })
    else if (!equal(earlier, item)) again.push(item)
  }
  // What is left is not in the later state: with `knownAt` or an erasure, not by time alone.
  for (const item of before.values()) differing.push({ item, from: item, to: null })
  return { differing, again }
}

const applied = <T, D extends { to: object | null }>(
  from: readonly T[],
  again: readonly T[],
  diff: readonly D[],
  keyOf: (item: T | D) => string,
  made: (entry: D, to: NonNullable<D['to']>) => unknown,
): T[] => {
  const after = new Map([...from, ...again].map((item) => [keyOf(item), item]))
  for (const entry of diff) {
    if (entry.to === null) after.delete(keyOf(entry))
    else after.set(keyOf(entry), made(entry, entry.to) as T)
  }
  return [...after.keys()].sort().flatMap((key) => after.get(key) ?? [])
}
