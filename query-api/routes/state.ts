/** /devices/{mac}/state and /places/{place}/state: the black box, all that was last known at a moment. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { parseDeviceId } from '../domain/device-id.ts'
import { toTime, toTimeOrNull } from '../domain/time.ts'
import { completeThrough, knownPlace, type RouteContext } from './context.ts'
import { commonStateAt, Counter, DeviceState, deviceStateAt, Fact, KnownAt, Measurement, momentOf } from './moment.ts'
import { answers, atQuery, CompleteThrough, DeviceParams, knownAtQuery, PlaceParams, query, Time } from './schemas.ts'

const PlaceState = Type.Object({
  place: Type.String(),
  at: Time,
  knownAt: KnownAt,
  measurements: Type.Array(Measurement),
  counters: Type.Array(Counter),
  facts: Type.Array(Fact),
  completeThrough: CompleteThrough,
})

export const stateRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  app.get(
    '/devices/:mac/state',
    {
      schema: {
        tags: ['devices'],
        summary: 'The black box: everything last known of a device at a moment, each with its age',
        description:
          'By placed time: the time of the device where it is believed, else of arrival. What a late upload proved about that moment is included, unless `knownAt` asks for the state as it was known then. `at` includes rows of exactly that millisecond.',
        params: DeviceParams,
        querystring: query({ ...atQuery, ...knownAtQuery }),
        response: answers(DeviceState),
      },
    },
    async (request) =>
      deviceStateAt(context, parseDeviceId(request.params.mac), momentOf(context, 'at', request.query.at, request.query.knownAt)),
  )

  app.get(
    '/places/:place/state',
    {
      schema: {
        tags: ['places'],
        summary: 'Everything last known of a place at a moment',
        params: PlaceParams,
        querystring: query({ ...atQuery, ...knownAtQuery }),
        response: answers(PlaceState),
      },
    },
    async (request) => {
      const place = await knownPlace(context, request.params.place)
      const moment = momentOf(context, 'at', request.query.at, request.query.knownAt)
      return {
        place,
        at: toTime(moment.atMs),
        knownAt: toTimeOrNull(moment.knownMs),
        ...(await commonStateAt(context, place, moment)),
        completeThrough: completeThrough(context),
      }
    },
  )
}
