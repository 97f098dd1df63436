/**
 * All that was last known of a subject at a moment, as answers show it: for `state` and for both sides of `diff`. With
 * `knownAt` only what had arrived by then counts, so that the answer is what a reader saw who looked at that time.
 */
import { type Static, Type } from 'typebox'
import { attributesObject } from '../domain/attributes.ts'
import { clockAheadMaxMs, parseKnownAt, parseTime, toTime, toTimeOrNull } from '../domain/time.ts'
import { unitOf } from '../domain/units.ts'
import { deviceAt, subjectAt, type SubjectState } from '../queries/moment.ts'
import type { LastCounterRow, LastMeasurementRow } from '../queries/state.ts'
import { AlarmThen, deviceAlarmsThen } from './alarms-then.ts'
import { completeThrough, knownDevice, type RouteContext } from './context.ts'
import { Boot, toBoot } from './devices.ts'
import { namedBy, Radio, toRadio } from './radio.ts'
import { choice, CompleteThrough, nullable, TextOrNull, Time, TimeOrNull } from './schemas.ts'

export const KnownAt = nullable(
  Type.String({ format: 'date-time', description: 'Only what had arrived by then; null: all that is known now.' }),
)

const Age = Type.Number({ description: 'Seconds from there to `at`.' })

export const Measurement = Type.Object({
  metric: Type.String(),
  attributes: Type.Record(Type.String(), Type.String()),
  value: Type.Union([Type.Number(), Type.Null()], {
    description: 'Of the newest report. Null: the device said that it has no reading, or it was out of range.',
  }),
  unit: Type.Union([Type.String(), Type.Null()], { description: 'UCUM; null for metrics that the catalogue does not know.' }),
  quality: choice(['ok', 'missing', 'out_of_range']),
  observedAt: Time,
  ageSeconds: Age,
  lastKnown: Type.Union([Type.Object({ value: Type.Number(), observedAt: Time, ageSeconds: Age }), Type.Null()], {
    description: 'The newest report with a value; equal to the above when its quality is ok.',
  }),
})

export const Counter = Type.Object({
  metric: Type.String(),
  attributes: Type.Record(Type.String(), Type.String()),
  value: Type.Number({ description: 'As the device counts.' }),
  unit: TextOrNull,
  ratePerSecond: Type.Union([Type.Number(), Type.Null()], {
    description: 'Over the interval that ends here; null after a first reading or a gap.',
  }),
  flag: Type.String(),
  observedAt: Time,
  ageSeconds: Age,
})

export const Fact = Type.Object({ name: Type.String(), value: TextOrNull, observedAt: Time, ageSeconds: Age, masked: Type.Boolean() })

export const PresenceThen = Type.Object({ state: Type.String(), since: nullable(Time), reason: TextOrNull, sessionId: TextOrNull })
export const BootThen = Type.Intersect([Boot, Type.Object({ ageSeconds: Age })])
export const RadioThen = Type.Intersect([Radio, Type.Object({ ageSeconds: Age })])

export const DeviceState = Type.Object({
  deviceId: Type.String(),
  at: Time,
  knownAt: KnownAt,
  presence: Type.Intersect([
    PresenceThen,
    Type.Object({
      recorderGap: Type.Union([Type.Object({ from: TimeOrNull, to: TimeOrNull }), Type.Null()], {
        description:
          'Not null: the recorder was not running from there to there, so the state is what had been said last. from null: it had not run before; to null: it has not since.',
      }),
    }),
  ]),
  firmware: nullable(Type.Object({ version: TextOrNull, observedAt: Time, ageSeconds: Age })),
  boot: nullable(BootThen),
  radio: nullable(RadioThen),
  measurements: Type.Array(Measurement),
  counters: Type.Array(Counter),
  facts: Type.Array(Fact),
  alarms: Type.Array(AlarmThen, { description: 'That stood then, newest first.' }),
  completeThrough: CompleteThrough,
})

/** `throughMs`: rows up to here count; `knownMs`: and only those that had arrived by then, null for all. */
export type Moment = { atMs: number; throughMs: number; knownMs: number | null }

/** Asked about now, what believed clocks say ahead of ours is part of it; asked about a moment, nothing after it is. */
export const momentOf = ({ deps }: RouteContext, name: string, at: string | undefined, knownAt: string | undefined): Moment => {
  const knownMs = parseKnownAt(knownAt)
  if (at !== undefined) return { atMs: parseTime(name, at), throughMs: parseTime(name, at), knownMs }
  const nowMs = deps.clock.nowMs()
  return { atMs: nowMs, throughMs: nowMs + clockAheadMaxMs, knownMs }
}

export const commonStateAt = async ({ scope }: RouteContext, subject: string, { atMs, throughMs, knownMs }: Moment) =>
  commonOf(await subjectAt(scope, { subject, atMs: throughMs, knownMs }), atMs)

const commonOf = ({ measurements, counters, facts }: SubjectState, atMs: number) => ({
  measurements: measurements.map((row) => toMeasurement(row, atMs)),
  counters: counters.map((row) => toCounter(row, atMs)),
  facts: facts.map(({ name, value, observed_at_ms, sealed }) => ({
    name,
    value,
    ...placed(observed_at_ms, atMs),
    masked: sealed === 1,
  })),
})

/** DEVICE_UNKNOWN when it is: a device of which anything is known here was heard, so only an empty state needs a look. */
export const deviceStateAt = async (context: RouteContext, deviceId: string, moment: Moment): Promise<Static<typeof DeviceState>> => {
  const { scope } = context
  const { atMs, throughMs, knownMs } = moment
  const [then, alarms] = await Promise.all([
    deviceAt(scope, { subject: deviceId, atMs: throughMs, knownMs }, { atMs, nowMs: context.deps.clock.nowMs() }),
    deviceAlarmsThen(context, deviceId, moment),
  ])
  const { radio, boot, gap, presence: now } = then
  const common = commonOf(then, atMs)
  const isEmpty = [radio, boot, now, ...common.measurements, ...common.counters, ...common.facts, ...alarms].every(
    (found) => found === undefined,
  )
  if (isEmpty) await knownDevice(context, deviceId)
  const names = namedBy(then.cells)
  const firmware = common.facts.find((fact) => fact.name === 'firmware.version')
  return {
    deviceId,
    at: toTime(atMs),
    knownAt: toTimeOrNull(knownMs),
    presence: {
      state: now?.state ?? 'unknown',
      since: now === undefined ? null : toTime(now.since_ms),
      reason: now?.reason ?? null,
      sessionId: now?.session_id ?? null,
      // What was said after the recorder had come back is said.
      recorderGap:
        gap === null || (gap.toMs !== null && now !== undefined && now.since_ms > gap.toMs)
          ? null
          : { from: toTimeOrNull(gap.fromMs), to: toTimeOrNull(gap.toMs) },
    },
    firmware: firmware === undefined ? null : { version: firmware.value, observedAt: firmware.observedAt, ageSeconds: firmware.ageSeconds },
    boot: boot === undefined ? null : { ...toBoot(boot), ageSeconds: ageSeconds(boot.observed_at_ms, atMs) },
    radio: radio === undefined ? null : { ...toRadio(radio, names), ageSeconds: ageSeconds(radio.observed_at_ms, atMs) },
    ...common,
    alarms,
    completeThrough: completeThrough(context),
  }
}

const ageSeconds = (observedAtMs: number, atMs: number): number => Math.max(0, atMs - observedAtMs) / 1000
const placed = (observedAtMs: number, atMs: number) => ({ observedAt: toTime(observedAtMs), ageSeconds: ageSeconds(observedAtMs, atMs) })

const toMeasurement = (row: LastMeasurementRow, atMs: number): Static<typeof Measurement> => ({
  metric: row.metric,
  attributes: attributesObject(row.attributes),
  value: row.value,
  unit: unitOf(row.metric),
  quality: row.quality,
  ...placed(row.newest_at_ms, atMs),
  lastKnown: row.known_at_ms === null || row.known_value === null ? null : { value: row.known_value, ...placed(row.known_at_ms, atMs) },
})

const toCounter = (row: LastCounterRow, atMs: number): Static<typeof Counter> => ({
  metric: row.metric,
  attributes: attributesObject(row.attributes),
  value: row.value,
  unit: unitOf(row.metric),
  ratePerSecond: row.delta === null || row.seconds === null || row.seconds <= 0 ? null : row.delta / row.seconds,
  flag: row.flag,
  ...placed(row.newest_at_ms, atMs),
})
