/** /devices/{mac}/state and /places/{place}/state: the black box, all that was last known at a moment. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { unitOf } from '../domain/units.ts'
import { attributesObject } from '../domain/attributes.ts'
import { clockAheadMaxMs, parseTime, toTime } from '../domain/time.ts'
import { bootAt, presenceAt } from '../queries/presence.ts'
import { radioAt } from '../queries/radio.ts'
import { type LastCounterRow, type LastMeasurementRow, lastCounters, lastFacts, lastMeasurements } from '../queries/state.ts'
import { completeThrough, knownDevice, knownPlace, type RouteContext } from './context.ts'
import { Boot, toBoot } from './devices.ts'
import { nameCells, Radio, toRadio } from './radio.ts'
import { answers, choice, atQuery, CompleteThrough, DeviceParams, nullable, PlaceParams, query, TextOrNull, Time } from './schemas.ts'

const Age = Type.Number({ description: 'Seconds from there to `at`.' })

const Measurement = Type.Object({
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

const Counter = Type.Object({
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

const Fact = Type.Object({ name: Type.String(), value: TextOrNull, observedAt: Time, ageSeconds: Age, masked: Type.Boolean() })

const PlaceState = Type.Object({
  place: Type.String(),
  at: Time,
  measurements: Type.Array(Measurement),
  counters: Type.Array(Counter),
  facts: Type.Array(Fact),
  completeThrough: CompleteThrough,
})

const DeviceState = Type.Object({
  deviceId: Type.String(),
  at: Time,
  presence: Type.Object({ state: Type.String(), since: nullable(Time), reason: TextOrNull, sessionId: TextOrNull }),
  firmware: nullable(Type.Object({ version: TextOrNull, observedAt: Time, ageSeconds: Age })),
  boot: nullable(Type.Intersect([Boot, Type.Object({ ageSeconds: Age })])),
  radio: nullable(Type.Intersect([Radio, Type.Object({ ageSeconds: Age })])),
  measurements: Type.Array(Measurement),
  counters: Type.Array(Counter),
  facts: Type.Array(Fact),
  completeThrough: CompleteThrough,
})

export const stateRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context
  /** Asked about now, what believed clocks say ahead of ours is part of it; asked about a moment, nothing after it is. */
  const momentOf = (at: string | undefined): Moment => {
    if (at !== undefined) return { atMs: parseTime('at', at), throughMs: parseTime('at', at) }
    const nowMs = deps.clock.nowMs()
    return { atMs: nowMs, throughMs: nowMs + clockAheadMaxMs }
  }

  const commonState = async (subject: string, { atMs, throughMs }: Moment) => {
    const [measurements, counters, facts] = await Promise.all([
      lastMeasurements(scope, subject, throughMs),
      lastCounters(scope, subject, throughMs),
      lastFacts(scope, subject, throughMs),
    ])
    return {
      measurements: measurements.map((row) => toMeasurement(row, atMs)),
      counters: counters.map((row) => toCounter(row, atMs)),
      facts: facts.map(({ name, value, observed_at_ms, sealed }) => ({
        name,
        value,
        ...placed(observed_at_ms, atMs),
        masked: sealed === 1,
      })),
    }
  }

  app.get(
    '/devices/:mac/state',
    {
      schema: {
        tags: ['devices'],
        summary: 'The black box: everything last known of a device at a moment, each with its age',
        description:
          'By placed time: the time of the device where it is believed, else of arrival. What a late upload proved about that moment is included. `at` includes rows of exactly that millisecond.',
        params: DeviceParams,
        querystring: query(atQuery),
        response: answers(DeviceState),
      },
    },
    async (request) => {
      const deviceId = await knownDevice(context, request.params.mac)
      const moment = momentOf(request.query.at)
      const { atMs, throughMs } = moment
      const [common, radio, presence, boot] = await Promise.all([
        commonState(deviceId, moment),
        radioAt(scope, deviceId, throughMs),
        presenceAt(scope, [deviceId], throughMs),
        bootAt(scope, deviceId, throughMs),
      ])
      const names = await nameCells(scope, radio === undefined ? [] : [radio])
      const firmware = common.facts.find((fact) => fact.name === 'firmware.version')
      const now = presence[0]
      return {
        deviceId,
        at: toTime(atMs),
        presence: {
          state: now?.state ?? 'unknown',
          since: now === undefined ? null : toTime(now.since_ms),
          reason: now?.reason ?? null,
          sessionId: now?.session_id ?? null,
        },
        firmware:
          firmware === undefined ? null : { version: firmware.value, observedAt: firmware.observedAt, ageSeconds: firmware.ageSeconds },
        boot: boot === undefined ? null : { ...toBoot(boot), ageSeconds: ageSeconds(boot.observed_at_ms, atMs) },
        radio: radio === undefined ? null : { ...toRadio(radio, names), ageSeconds: ageSeconds(radio.observed_at_ms, atMs) },
        ...common,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/places/:place/state',
    {
      schema: {
        tags: ['places'],
        summary: 'Everything last known of a place at a moment',
        params: PlaceParams,
        querystring: query(atQuery),
        response: answers(PlaceState),
      },
    },
    async (request) => {
      const place = await knownPlace(context, request.params.place)
      const moment = momentOf(request.query.at)
      return { place, at: toTime(moment.atMs), ...(await commonState(place, moment)), completeThrough: completeThrough(context) }
    },
  )
}

type Moment = { atMs: number; throughMs: number }

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
