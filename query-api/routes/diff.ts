/** /devices/{mac}/diff: what differs between two states of a device. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { attributesObject } from '../domain/attributes.ts'
import { ProblemError } from '../domain/problems.ts'
import { diffStates, seriesKey, withoutAges } from '../domain/state-diff.ts'
import { toTime, toTimeOrNull } from '../domain/time.ts'
import { unitOf } from '../domain/units.ts'
import { counterIncreases } from '../queries/state.ts'
import { AlarmThen } from './alarms-then.ts'
import { completeThrough, knownDevice, type RouteContext } from './context.ts'
import { Boot } from './devices.ts'
import { deviceStateAt, KnownAt, momentOf, PresenceThen } from './moment.ts'
import { Radio } from './radio.ts'
import {
  answers,
  CompleteThrough,
  DeviceParams,
  diffQuery,
  knownAtQuery,
  NumberOrNull,
  nullable,
  query,
  TextOrNull,
  Time,
} from './schemas.ts'

const series = { metric: Type.String(), attributes: Type.Record(Type.String(), Type.String()), unit: TextOrNull }
const Reading = Type.Object({
  value: NumberOrNull,
  quality: Type.String(),
  observedAt: Time,
  lastKnown: nullable(Type.Object({ value: Type.Number(), observedAt: Time })),
})
const CounterReading = Type.Object({ value: Type.Number(), observedAt: Time, ratePerSecond: NumberOrNull, flag: Type.String() })
const FactReading = Type.Object({ value: TextOrNull, masked: Type.Boolean(), observedAt: Time })

const { id: _id, ageSeconds: _age, ...alarmSide } = AlarmThen.properties
const AlarmSide = Type.Object(alarmSide)

const StateDiff = Type.Object({
  deviceId: Type.String(),
  from: Time,
  to: Time,
  knownAt: KnownAt,
  presence: nullable(Type.Object({ from: PresenceThen, to: PresenceThen })),
  firmware: nullable(Type.Object({ from: TextOrNull, to: TextOrNull })),
  boot: nullable(Type.Object({ from: nullable(Boot), to: nullable(Boot) })),
  radio: nullable(
    Type.Object({
      from: nullable(Radio),
      to: nullable(Radio),
      changed: Type.Array(Type.String(), { description: 'Names of the fields that differ: cell, band, rsrpDbm, carriers, ...' }),
    }),
  ),
  measurements: Type.Array(
    Type.Object({
      ...series,
      from: nullable(Reading),
      to: nullable(Reading),
      change: Type.Union([Type.Number(), Type.Null()], { description: 'to - from; null where one of them has no value.' }),
    }),
  ),
  counters: Type.Array(
    Type.Object({
      ...series,
      from: nullable(CounterReading),
      to: nullable(CounterReading),
      increase: Type.Union([Type.Number(), Type.Null()], {
        description: 'Sum of the known increases after `from` and up to `to`, amendments included; null when none is known.',
      }),
      seconds: Type.Number({ description: 'Time that the known increases cover.' }),
      flags: Type.Array(Type.String({ description: 'Besides ok: first, reset, wrap, gap, suspect.' })),
    }),
  ),
  facts: Type.Array(Type.Object({ name: Type.String(), from: nullable(FactReading), to: nullable(FactReading) })),
  alarms: Type.Array(Type.Object({ id: Type.String(), from: nullable(AlarmSide), to: nullable(AlarmSide) }), {
    description: 'from null: raised between the two; to null: it stands no more.',
  }),
  toldAgain: Type.Optional(
    Type.Object(
      {
        presence: nullable(PresenceThen),
        boot: nullable(Boot),
        radio: nullable(Radio),
        measurements: Type.Array(Type.Intersect([Type.Object(series), Reading])),
        counters: Type.Array(Type.Intersect([Type.Object(series), CounterReading])),
        facts: Type.Array(Type.Intersect([Type.Object({ name: Type.String() }), FactReading])),
        alarms: Type.Array(Type.Intersect([Type.Object({ id: Type.String() }), AlarmSide])),
      },
      { description: 'With `toldAgain=true`: what has the same value from a later message, as it is at `to`.' },
    ),
  ),
  completeThrough: CompleteThrough,
})

export const diffRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  app.get(
    '/devices/:mac/diff',
    {
      schema: {
        tags: ['devices'],
        summary: 'What differs between two states of a device',
        description:
          'Lists what is not the same at `to` as at `from`; a value that was only told again is no difference. A side that is null was not there in that state. Changed and changed back between the two shows no difference: `timeline` has it.',
        params: DeviceParams,
        querystring: query({
          ...diffQuery,
          ...knownAtQuery,
          toldAgain: Type.Boolean({
            default: false,
            description: 'Also what was only told again, so that the answer makes the one state of the other exactly, ages aside.',
          }),
        }),
        response: answers(StateDiff),
      },
    },
    async (request) => {
      const deviceId = await knownDevice(context, request.params.mac)
      const { knownAt, toldAgain: withToldAgain } = request.query
      const before = momentOf(context, 'from', request.query.from, knownAt)
      const after = momentOf(context, 'to', request.query.to, knownAt)
      if (before.atMs >= after.atMs) {
        throw new ProblemError(
          'TIME_RANGE_INVALID',
          `Expected from before to, got from ${toTime(before.atMs)} and to ${toTime(after.atMs)}.`,
        )
      }
      const between = { fromMs: before.throughMs, toMs: after.throughMs, knownMs: after.knownMs }
      const [from, to, increases] = await Promise.all([
        deviceStateAt(context, deviceId, before),
        deviceStateAt(context, deviceId, after),
        counterIncreases(context.scope, deviceId, between),
      ])
      const { toldAgain, ...diff } = diffStates(withoutAges(from), withoutAges(to))
      const grown = new Map(increases.map((row) => [seriesKey({ metric: row.metric, attributes: attributesObject(row.attributes) }), row]))
      const firmware = diff.facts.find(({ name }) => name === 'firmware.version')
      return {
        deviceId,
        from: from.at,
        to: to.at,
        knownAt: toTimeOrNull(after.knownMs),
        ...diff,
        firmware: firmware === undefined ? null : { from: firmware.from?.value ?? null, to: firmware.to?.value ?? null },
        measurements: diff.measurements.map((entry) => ({ ...entry, unit: unitOf(entry.metric) })),
        counters: diff.counters.map((entry) => {
          const row = grown.get(seriesKey(entry))
          return {
            ...entry,
            unit: unitOf(entry.metric),
            increase: row?.increase ?? null,
            seconds: row?.seconds ?? 0,
            flags: row?.flags ?? [],
          }
        }),
        ...(withToldAgain ? { toldAgain } : {}),
        completeThrough: completeThrough(context),
      }
    },
  )
}
