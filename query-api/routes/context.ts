/** What every route is given, and the checks that several of them begin with. */
import type { QueryApiDeps } from '../deps.ts'
import { type CursorPart, type CursorShape, decodeCursor } from '../domain/cursor.ts'
import { parseDeviceId } from '../domain/device-id.ts'
import { ProblemError } from '../domain/problems.ts'
import { toTimeOrNull } from '../domain/time.ts'
import { deviceIsKnown } from '../queries/devices.ts'
import { onePlace } from '../queries/inventory.ts'
import { reportedOfExpected } from '../queries/ledger.ts'
import type { Scope } from '../queries/scope.ts'

export type RouteContext = {
  deps: QueryApiDeps
  scope: Scope
  /** Paths of the pages that are served without a token: docs are linked only if they are there. */
  pages: ReadonlySet<string>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who holds the token; '' on public routes. */
    actor: string
  }
}

export const completeThrough = ({ deps }: RouteContext): string | null => toTimeOrNull(deps.completeThroughMs())

/** For lists and fleet data: up to when, and how many devices spoke of those that should. */
export const completenessOf = async (context: RouteContext) => {
  const counts = await reportedOfExpected(context.scope, context.deps.clock.nowMs())
  return { completeThrough: completeThrough(context), devicesReported: counts.reported, devicesExpected: counts.expected }
}

/** The canonical id of a device that is in the inventory or has spoken; else DEVICE_UNKNOWN. */
export const knownDevice = async ({ scope }: RouteContext, mac: string): Promise<string> => {
  const deviceId = parseDeviceId(mac)
  if (!(await deviceIsKnown(scope, deviceId))) throw deviceUnknown(deviceId)
  return deviceId
}

export const deviceUnknown = (deviceId: string): ProblemError =>
  new ProblemError('DEVICE_UNKNOWN', `${deviceId} is not in the inventory and nothing has ever arrived from it.`)

export const knownPlace = async ({ scope }: RouteContext, place: string): Promise<string> => {
  if ((await onePlace(scope, place)) === undefined) {
    throw new ProblemError(
      'PLACE_UNKNOWN',
      `Nothing has ever arrived from the place ${JSON.stringify(place)}; /api/v1/places lists those that spoke.`,
    )
  }
  return place
}

export const cursorOf = (text: string | undefined, shape: CursorShape): CursorPart[] | null =>
  text === undefined ? null : decodeCursor(text, shape)

/** Texts of the warehouse that are empty where nothing was said. */
export const textOrNull = (text: string): string | null => (text === '' ? null : text)
