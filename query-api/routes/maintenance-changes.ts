/**
 * What a person does with maintenance windows. Each change is a record of the log; the answer waits until the first stage has
 * taken it. The same call again is no further change, and reaches partitions that had missed the first one.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { type MaintenanceWindow, windowReasonCharsMax, windowsMax } from '../../model/maintenance.ts'
import { type AskedWindow, changedWindow, isAsAsked, newWindow, windowStateOf, withdrawnWindow } from '../domain/maintenance.ts'
import { ProblemError } from '../domain/problems.ts'
import { rowOf, windowOf, type WindowRow } from '../queries/maintenance.ts'
import type { RouteContext } from './context.ts'
import { knownOr404, meetsOf, rowShown, SelectorSchema, Told, WindowParams } from './maintenance-item.ts'
import { createTellings, tooMany } from './maintenance-tellings.ts'
import { ProblemSchema, query } from './schemas.ts'

const Reason = Type.Optional(Type.String({ maxLength: windowReasonCharsMax }))
const dryRunQuery = { dryRun: Type.Boolean({ default: false, description: 'Only says whom it would meet, and changes nothing.' }) }
const ExpectedVersion = Type.Integer({ minimum: 1, description: 'The version that you saw; when it has changed since, the answer is 409.' })
const times = {
  from: Type.Optional(Type.String({ maxLength: 60, description: 'RFC 3339 with a zone. Default now.' })),
  to: Type.Optional(Type.String({ maxLength: 60, description: 'RFC 3339 with a zone; excluded. At most 30 days after from.' })),
}

export const maintenanceChangeRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps } = context
  const tellings = createTellings(context)
  const known = async (id: string): Promise<WindowRow> => knownOr404(await tellings.newest(id), id)
  const answerOf = async (row: WindowRow, state: { dryRun: boolean; confirmed: boolean }): Promise<Static<typeof Told>> => ({
    ...rowShown(row, deps.clock.nowMs()),
    ...state,
    meets: await meetsOf(context, windowOf(row)),
  })
  /** Of a dry run: as if it had been told. */
  const wouldBe = (window: MaintenanceWindow, actor: string, before: WindowRow | undefined): Promise<Static<typeof Told>> => {
    const nowMs = deps.clock.nowMs()
    const row = rowOf(window, actor, nowMs, before)
    return answerOf(row, { dryRun: true, confirmed: false })
  }
  const told = async (row: WindowRow): Promise<Static<typeof Told>> =>
    answerOf(row, { dryRun: false, confirmed: await tellings.confirmed(row) })

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
    async (request, reply) => {
      const { dryRun } = request.query
      const nowMs = deps.clock.nowMs()
      const window = newWindow(request.body, request.body.id ?? randomUUID(), { changeId: randomUUID(), nowMs })
      const make = async (): Promise<{ row: WindowRow; isNew: boolean } | null> => {
        const before = request.body.id === undefined ? undefined : await tellings.newest(window.id)
        if (before !== undefined) {
          refuseAnother(before, request.body)
          if (!dryRun) await tellings.repeat(before)
          return { row: before, isNew: false }
        }
        if ((await tellings.openCount(nowMs)) >= windowsMax) throw tooMany()
        return dryRun ? null : { row: await tellings.tell(window, request.actor, undefined), isNew: true }
      }
      const made = dryRun ? await make() : await tellings.inTurn(make)
      if (made === null) return reply.code(200).send(await wouldBe(window, request.actor, undefined))
      if (dryRun) return reply.code(200).send(await answerOf(made.row, { dryRun: true, confirmed: false }))
      return reply.code(made.isNew ? 201 : 200).send(await told(made.row))
    },
  )

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
    async (request, reply) => {
      const { expectedVersion, ...asked } = request.body
      const changeOf = (before: WindowRow): MaintenanceWindow =>
        changedWindow(windowOf(before), asked, { changeId: randomUUID(), nowMs: deps.clock.nowMs() })
      if (request.query.dryRun) {
        const before = changeable(await known(request.params.id), expectedVersion, deps.clock.nowMs())
        return reply.code(200).send(await wouldBe(changeOf(before), request.actor, before))
      }
      const row = await tellings.inTurn(async () => {
        const before = await known(request.params.id)
        const isRepeat = before.version === expectedVersion + 1 && before.withdrawn === 0 && isAsAsked(windowOf(before), asked)
        if (isRepeat) await tellings.repeat(before)
        return isRepeat ? before : tellings.tell(changeOf(changeable(before, expectedVersion, deps.clock.nowMs())), request.actor, before)
      })
      return reply.code(202).send(await told(row))
    },
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
    async (request, reply) => {
      const { expectedVersion, reason } = request.body
      const row = await tellings.inTurn(async () => {
        const before = await known(request.params.id)
        const isRepeat = before.version === expectedVersion + 1 && before.withdrawn === 1
        if (isRepeat) await tellings.repeat(before)
        if (isRepeat) return before
        const window = windowOf(changeable(before, expectedVersion, deps.clock.nowMs()))
        return tellings.tell(withdrawnWindow(window, reason, randomUUID()), request.actor, before)
      })
      return reply.code(202).send(await told(row))
    },
  )
}

/** The same once more is no change; another one under the same id is refused. */
const refuseAnother = (row: WindowRow, asked: AskedWindow): void => {
  const own = windowOf(row)
  if (!own.withdrawn && isAsAsked(own, asked)) return
  throw new ProblemError(
    'MAINTENANCE_EXISTS',
    `There is another maintenance window ${own.id}, by ${row.created_by}; change that, or take another id.`,
  )
}

/** That still can be changed, and is as it was seen. */
const changeable = (row: WindowRow, expectedVersion: number, nowMs: number): WindowRow => {
  if (row.version !== expectedVersion)
    throw new ProblemError(
      'MAINTENANCE_STALE',
      `It was changed since: you saw version ${String(expectedVersion)}, now it is ${String(row.version)}, by ${row.actor}.`,
      { current: row.version },
    )
  const state = windowStateOf(windowOf(row), nowMs)
  if (state === 'over' || state === 'withdrawn') throw new ProblemError('MAINTENANCE_OVER', `It is ${state}; make another one.`)
  return row
}
