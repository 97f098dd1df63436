/**
 * /maintenance-windows: times in which alarms of some devices are planned for and tell nobody. Each is a record of the log, so it
 * holds from there on in every stage and stands in the history with who asked for it. The answer waits until the first stage has
 * taken it, since of two changes made at once only one holds.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { type MaintenanceWindow, selectorOfText, windowReasonCharsMax, windowsMax } from '../../model/maintenance.ts'
import { type SelectedBy, selectorOf } from '../../model/selector.ts'
import { pageOf } from '../domain/cursor.ts'
import {
  type AskedWindow,
  changedWindow,
  isSameWindow,
  newWindow,
  windowStateOf,
  windowStates,
  withdrawnWindow,
} from '../domain/maintenance.ts'
import { ProblemError } from '../domain/problems.ts'
import { toTime } from '../domain/time.ts'
import {
  deviceProfiles,
  heldByWindow,
  listWindows,
  oneWindow,
  openWindowCount,
  standingAlarms,
  windowHistory,
  windowOf,
  type WindowQuery,
  type WindowRow,
} from '../queries/maintenance.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext } from './context.ts'
import { answers, choice, CompleteThrough, list, pagingQuery, ProblemSchema, query, TextOrNull, Time } from './schemas.ts'

const SelectorSchema = Type.Unsafe<Record<string, string | string[]>>({
  type: 'object',
  additionalProperties: true,
  description:
    'All that it names must fit: device (MAC in any writing), site, region, class, model (`<product>/<model>`, or the model alone), firmware, plan: a text or a list of which any fits, `*` for any characters; fixed: true or false. At least one.',
  examples: [{ site: ['depot-*'], class: 'business' }],
})

const Window = Type.Object({
  id: Type.String(),
  version: Type.Integer({ description: 'Grows with each change; name it as expectedVersion to change what you saw.' }),
  state: choice(windowStates),
  selector: SelectorSchema,
  from: Time,
  to: Type.String({ format: 'date-time', description: 'Excluded.' }),
  reason: Type.String(),
  createdAt: Time,
  createdBy: Type.String(),
  changedAt: Time,
  changedBy: Type.String(),
})
const Listed = Type.Intersect([
  Window,
  Type.Object({ heldAlarms: Type.Integer({ description: 'Alarms that stand and that it holds down now.' }) }),
])
const Met = Type.Object(
  {
    devices: Type.Integer({ description: 'That fit now; who will fit later is held down too.' }),
    standingAlarms: Type.Integer({ description: 'Of those devices.' }),
    examples: Type.Array(Type.String(), { description: 'Ids of some of the devices.' }),
  },
  { description: 'Whom it is about.' },
)
const Told = Type.Intersect([
  Window,
  Type.Object({
    dryRun: Type.Boolean(),
    confirmed: Type.Boolean({
      description: 'The processors have taken it. false: it is in the log for certain and they are behind; or it was a dry run.',
    }),
    meets: Met,
  }),
])

const Reason = Type.Optional(Type.String({ maxLength: windowReasonCharsMax }))
const dryRunQuery = { dryRun: Type.Boolean({ default: false, description: 'Only says whom it would meet, and changes nothing.' }) }
const ExpectedVersion = Type.Integer({ minimum: 1, description: 'The version that you saw; when it has changed since, the answer is 409.' })
const times = {
  from: Type.Optional(Type.String({ maxLength: 60, description: 'RFC 3339 with a zone. Default now.' })),
  to: Type.Optional(Type.String({ maxLength: 60, description: 'RFC 3339 with a zone; excluded. At most 30 days after from.' })),
}
const Params = Type.Object({ id: Type.String({ maxLength: 100 }) })
const examplesMax = 20

export const maintenanceRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  const append = async (window: MaintenanceWindow, actor: string): Promise<{ atMs: number }> => {
    if (deps.setMaintenance === undefined) throw new ProblemError('ALARM_ACTION_INVALID', 'This program writes no log; ask one that does.')
    return deps.setMaintenance(window, actor)
  }
  const known = async (id: string): Promise<WindowRow> => {
    const row = await oneWindow(scope, id)
    if (row === undefined)
      throw new ProblemError('MAINTENANCE_UNKNOWN', `There is no maintenance window ${JSON.stringify(id.slice(0, 64))}.`)
    return row
  }
  /** That still can be changed, and is as it was seen. */
  const changeable = async (id: string, expectedVersion: number): Promise<WindowRow> => {
    const row = await known(id)
    if (row.version !== expectedVersion)
      throw new ProblemError(
        'MAINTENANCE_STALE',
        `It was changed since: you saw version ${String(expectedVersion)}, now it is ${String(row.version)}, by ${row.actor}.`,
        {
          current: row.version,
        },
      )
    const state = windowStateOf(windowOf(row), deps.clock.nowMs())
    if (state === 'over' || state === 'withdrawn') throw new ProblemError('MAINTENANCE_OVER', `It is ${state}; make another one.`)
    return row
  }
  const meets = async (window: MaintenanceWindow): Promise<Static<typeof Met>> => {
    const [profiles, standing] = await Promise.all([deviceProfiles(scope, null), standingAlarms(scope)])
    const met = profiles.filter(selectorOf(selectorOfText(window.selector)))
    return {
      devices: met.length,
      standingAlarms: met.reduce((sum, { device }) => sum + (standing.get(device) ?? 0), 0),
      examples: met.slice(0, examplesMax).map(({ device }) => device),
    }
  }
  /** One after the other, so that the next one is judged by what the one before did. */
  const inTurn = createQueue()
  /** Appended, and seen in the warehouse: from then on it is what it says. Another change of the same moment may have won. */
  const told = async (
    window: MaintenanceWindow,
    actor: string,
    before: WindowRow | null,
    dryRun: boolean,
  ): Promise<Static<typeof Told>> => {
    const met = await meets(window)
    const { atMs } = dryRun ? { atMs: deps.clock.nowMs() } : await append(window, actor)
    const isConfirmed = !dryRun && (await confirmed(context, window))
    const created = before === null ? { createdAt: toTime(atMs), createdBy: actor } : createdOf(before)
    const shown = { ...shownOf(window, deps.clock.nowMs()), ...created, changedAt: toTime(atMs), changedBy: actor }
    return { ...shown, dryRun, confirmed: isConfirmed, meets: met }
  }

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
        params: Params,
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
      const row = await known(request.params.id)
      const [history, held, met] = await Promise.all([
        windowHistory(scope, row.window_id),
        heldByWindow(scope, [row.window_id]),
        meets(windowOf(row)),
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

  app.post(
    '/maintenance-windows',
    {
      schema: {
        tags: ['maintenance'],
        summary: 'Makes a maintenance window, or with dryRun says whom it would meet',
        description: `Give an id of yours (a change ticket) and repeat the call safely. At most ${String(windowsMax)} are open at once.`,
        querystring: query(dryRunQuery),
        body: Type.Object(
          {
            id: Type.Optional(Type.String({ maxLength: 64, description: 'Yours; made here when left out.', examples: ['CHG-1042'] })),
            selector: SelectorSchema,
            ...times,
            reason: Reason,
          },
          { additionalProperties: false },
        ),
        response: { 200: Told, 201: Told, default: ProblemSchema },
      },
    },
    (request, reply) =>
      inTurn(async () => {
        const { dryRun } = request.query
        const nowMs = deps.clock.nowMs()
        const window = newWindow(request.body, request.body.id ?? randomUUID(), { changeId: randomUUID(), nowMs })
        const before = request.body.id === undefined ? undefined : await oneWindow(scope, window.id)
        if (before !== undefined) return reply.code(200).send(await repeated(windowOf(before), before, window, request.body))
        if ((await openWindowCount(scope, nowMs)) >= windowsMax)
          throw new ProblemError(
            'MAINTENANCE_TOO_MANY',
            `Expected at most ${String(windowsMax)} windows that are planned or active; withdraw some.`,
          )
        return reply.code(dryRun ? 200 : 201).send(await told(window, request.actor, null, dryRun))
      }),
  )
  /** The same once more is no change; another one under the same id is refused. */
  const repeated = async (
    own: MaintenanceWindow,
    row: WindowRow,
    asked: MaintenanceWindow,
    body: AskedWindow,
  ): Promise<Static<typeof Told>> => {
    const again = body.from === undefined ? { ...asked, fromMs: own.fromMs } : asked
    if (own.withdrawn || !isSameWindow(own, again))
      throw new ProblemError(
        'MAINTENANCE_EXISTS',
        `There is another maintenance window ${own.id}, by ${row.created_by}; change that, or take another id.`,
      )
    return { ...rowShown(row, deps.clock.nowMs()), dryRun: false, confirmed: true, meets: await meets(own) }
  }

  app.post(
    '/maintenance-windows/:id/change',
    {
      schema: {
        tags: ['maintenance'],
        summary:
          'Changes what is given of one that is planned or active: its end, its devices, its reason, its beginning before it has begun',
        params: Params,
        querystring: query(dryRunQuery),
        body: Type.Object(
          { expectedVersion: ExpectedVersion, selector: Type.Optional(SelectorSchema), ...times, reason: Reason },
          { additionalProperties: false },
        ),
        response: { 200: Told, 202: Told, default: ProblemSchema },
      },
    },
    (request, reply) =>
      inTurn(async () => {
        const { expectedVersion, ...asked } = request.body
        const { dryRun } = request.query
        const before = await changeable(request.params.id, expectedVersion)
        const window = changedWindow(windowOf(before), asked, { changeId: randomUUID(), nowMs: deps.clock.nowMs() })
        return reply.code(dryRun ? 200 : 202).send(await told(window, request.actor, before, dryRun))
      }),
  )

  app.post(
    '/maintenance-windows/:id/withdraw',
    {
      schema: {
        tags: ['maintenance'],
        summary: 'Ends it now: what it held down and still stands is told',
        params: Params,
        querystring: query({}),
        body: Type.Object({ expectedVersion: ExpectedVersion, reason: Reason }, { additionalProperties: false }),
        response: { 202: Told, default: ProblemSchema },
      },
    },
    (request, reply) =>
      inTurn(async () => {
        const { expectedVersion, reason } = request.body
        const before = await changeable(request.params.id, expectedVersion)
        return reply.code(202).send(await told(withdrawnWindow(windowOf(before), reason, randomUUID()), request.actor, before, false))
      }),
  )
}

/** The stage writes its row within a second or two; an answer waits 5 s for it at most. */
const askedEveryMs = 100
const askedTimesMax = 50

const confirmed = async ({ scope }: RouteContext, { id, version, changeId }: MaintenanceWindow): Promise<boolean> => {
  for (let asked = 0; asked < askedTimesMax; asked++) {
    const row = await oneWindow(scope, id)
    if (row?.change_id === changeId) return true
    if (row !== undefined && row.version >= version)
      throw new ProblemError('MAINTENANCE_STALE', `It was changed at the same moment by ${row.actor}; this change was not taken.`, {
        current: row.version,
      })
    await delay(askedEveryMs)
  }
  return false
}

/** Work of one kind, one at a time, in the order in which it came. */
const createQueue = () => {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const own = last.then(work, work)
    last = own.catch(() => undefined)
    return own
  }
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

const selectorShown = (text: string): Record<string, string[]> => JSON.parse(text) as Record<string, string[]>

const shownOf = (window: MaintenanceWindow, nowMs: number) => ({
  id: window.id,
  version: window.version,
  state: windowStateOf(window, nowMs),
  selector: selectorShown(window.selector),
  from: toTime(window.fromMs),
  to: toTime(window.toMs),
  reason: window.reason,
})
const createdOf = ({ created_ms, created_by }: WindowRow) => ({ createdAt: toTime(created_ms), createdBy: created_by })
const rowShown = (row: WindowRow, nowMs: number): Static<typeof Window> => ({
  ...shownOf(windowOf(row), nowMs),
  ...createdOf(row),
  changedAt: toTime(row.told_ms),
  changedBy: row.actor,
})
