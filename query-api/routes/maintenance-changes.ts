/**
 * What a person does with maintenance windows. Each change is a record of the log; the answer waits until the first stage has
 * taken it, since of two changes made at once only one holds.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { type MaintenanceWindow, windowReasonCharsMax, windowsMax } from '../../model/maintenance.ts'
import { type AskedWindow, changedWindow, isSameWindow, newWindow, windowStateOf, withdrawnWindow } from '../domain/maintenance.ts'
import { ProblemError } from '../domain/problems.ts'
import { toTime } from '../domain/time.ts'
import { oneWindow, openWindowCount, windowOf, type WindowRow } from '../queries/maintenance.ts'
import type { RouteContext } from './context.ts'
import { createdOf, knownWindow, meetsOf, rowShown, SelectorSchema, shownOf, Told, WindowParams } from './maintenance-item.ts'
import { ProblemSchema, query } from './schemas.ts'

const Reason = Type.Optional(Type.String({ maxLength: windowReasonCharsMax }))
const dryRunQuery = { dryRun: Type.Boolean({ default: false, description: 'Only says whom it would meet, and changes nothing.' }) }
const ExpectedVersion = Type.Integer({ minimum: 1, description: 'The version that you saw; when it has changed since, the answer is 409.' })
const times = {
  from: Type.Optional(Type.String({ maxLength: 60, description: 'RFC 3339 with a zone. Default now.' })),
  to: Type.Optional(Type.String({ maxLength: 60, description: 'RFC 3339 with a zone; excluded. At most 30 days after from.' })),
}

export const maintenanceChangeRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  const append = async (window: MaintenanceWindow, actor: string): Promise<{ atMs: number }> => {
    if (deps.setMaintenance === undefined) throw new ProblemError('ALARM_ACTION_INVALID', 'This program writes no log; ask one that does.')
    return deps.setMaintenance(window, actor)
  }
  /** That still can be changed, and is as it was seen. */
  const changeable = async (id: string, expectedVersion: number): Promise<WindowRow> => {
    const row = await knownWindow(context, id)
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
  /** One after the other, so that the next one is judged by what the one before did. */
  const inTurn = createQueue()
  /** Appended, and seen in the warehouse: from then on it is what it says. Another change of the same moment may have won. */
  const told = async (
    window: MaintenanceWindow,
    actor: string,
    before: WindowRow | null,
    dryRun: boolean,
  ): Promise<Static<typeof Told>> => {
    const met = await meetsOf(context, window)
    const { atMs } = dryRun ? { atMs: deps.clock.nowMs() } : await append(window, actor)
    const isConfirmed = !dryRun && (await confirmed(context, window))
    const created = before === null ? { createdAt: toTime(atMs), createdBy: actor } : createdOf(before)
    const shown = { ...shownOf(window, deps.clock.nowMs()), ...created, changedAt: toTime(atMs), changedBy: actor }
    return { ...shown, dryRun, confirmed: isConfirmed, meets: met }
  }

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
    return { ...rowShown(row, deps.clock.nowMs()), dryRun: false, confirmed: true, meets: await meetsOf(context, own) }
  }

  app.post(
    '/maintenance-windows/:id/change',
    {
      schema: {
        tags: ['maintenance'],
        summary:
          'Changes what is given of one that is planned or active: its end, its devices, its reason, its beginning before it has begun',
        params: WindowParams,
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
        params: WindowParams,
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
