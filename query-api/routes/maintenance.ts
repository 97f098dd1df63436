/** /maintenance-windows: times in which alarms of some devices are planned for and tell nobody. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { selectorOfText } from '../../model/maintenance.ts'
import { type SelectedBy, selectorOf } from '../../model/selector.ts'
import { pageOf } from '../domain/cursor.ts'
import { windowStates } from '../domain/maintenance.ts'
import { toTime } from '../domain/time.ts'
import {
  deviceProfiles,
  heldByWindow,
  listWindows,
  windowHistory,
  windowOf,
  type WindowQuery,
  type WindowRow,
} from '../queries/maintenance.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext } from './context.ts'
import { knownWindow, Listed, Met, meetsOf, rowShown, SelectorSchema, selectorShown, WindowParams } from './maintenance-item.ts'
import { answers, choice, CompleteThrough, list, pagingQuery, query, TextOrNull, Time } from './schemas.ts'

export const maintenanceRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  app.get(
    '/maintenance-windows',
    {
      schema: {
        tags: ['maintenance'],
        summary: 'Maintenance windows; those that begin last come first',
        querystring: query({
          state: choice([...windowStates, 'open', 'all'], { default: 'open', description: 'open: planned or active.' }),
          device: Type.Optional(
            Type.String({ maxLength: 60, description: 'Only those that mean this device. MAC in any common writing.' }),
          ),
          ...pagingQuery,
        }),
        response: answers(list(Listed, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { state, device, limit, cursor } = request.query
      const after = cursorOf(cursor, ['number', 'string'])
      const asked: WindowQuery = {
        state,
        nowMs: deps.clock.nowMs(),
        limit: limit + 1,
        after: after === null ? null : [Number(after[0]), String(after[1])],
      }
      const profile = device === undefined ? null : await profileOf(context, device)
      const rows = profile === null ? await listWindows(scope, asked) : await windowsOf(context, profile, asked)
      const page = pageOf(rows, limit, ({ from_ms, window_id }) => [from_ms, window_id])
      const held = await heldByWindow(
        scope,
        page.rows.map(({ window_id }) => window_id),
      )
      return {
        items: page.rows.map((row) => ({ ...rowShown(row, asked.nowMs), heldAlarms: held.get(row.window_id) ?? 0 })),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/maintenance-windows/:id',
    {
      schema: {
        tags: ['maintenance'],
        summary: 'One maintenance window, whom it meets now, and each change of it',
        params: WindowParams,
        querystring: query({}),
        response: answers(
          Type.Intersect([
            Listed,
            Type.Object({
              meets: Met,
              history: Type.Array(
                Type.Object({
                  version: Type.Integer(),
                  at: Time,
                  actor: Type.String(),
                  selector: SelectorSchema,
                  from: Time,
                  to: Time,
                  reason: TextOrNull,
                  withdrawn: Type.Boolean(),
                }),
              ),
            }),
          ]),
        ),
      },
    },
    async (request) => {
      const row = await knownWindow(context, request.params.id)
      const [history, held, met] = await Promise.all([
        windowHistory(scope, row.window_id),
        heldByWindow(scope, [row.window_id]),
        meetsOf(context, windowOf(row)),
      ])
      return {
        ...rowShown(row, deps.clock.nowMs()),
        heldAlarms: held.get(row.window_id) ?? 0,
        meets: met,
        history: history.map((one) => ({
          version: one.version,
          at: toTime(one.told_ms),
          actor: one.actor,
          selector: selectorShown(one.selector),
          from: toTime(one.from_ms),
          to: toTime(one.to_ms),
          reason: one.reason,
          withdrawn: one.withdrawn === 1,
        })),
      }
    },
  )
}

const readAtOnce = 1_000

const profileOf = async (context: RouteContext, mac: string): Promise<SelectedBy> => {
  const device = await knownDevice(context, mac)
  const [profile] = await deviceProfiles(context.scope, device)
  const unknown = { class: 'home', product: '', model: '', site: '', region: '', firmware: '', plan: '', groups: [], fixed: false } as const
  return profile ?? { device, ...unknown } // Retired, or nothing that it said could be read.
}

/** Which windows mean a device is known only by asking each: read on until the page is full or none are left. */
const windowsOf = async ({ scope }: RouteContext, profile: SelectedBy, asked: WindowQuery): Promise<WindowRow[]> => {
  const found: WindowRow[] = []
  let { after } = asked
  for (;;) {
    const rows = await listWindows(scope, { ...asked, after, limit: readAtOnce })
    found.push(...rows.filter(({ selector }) => selectorOf(selectorOfText(selector))(profile)))
    const last = rows.at(-1)
    if (found.length >= asked.limit || rows.length < readAtOnce || last === undefined) return found.slice(0, asked.limit)
    after = [last.from_ms, last.window_id]
  }
}
