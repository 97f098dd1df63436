/**
 * What a person does about alarms: each becomes a record in the log of the device, carried out by the stage that owns the
 * device, so that it stands in the history and a replay does it again. The answer says what was appended, not what came of it.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { AlarmCommandRequest } from '../deps.ts'
import { type AlarmAction, alarmActions, commentCharsMax, deedOf, reasonCharsMax } from '../domain/alarm-actions.ts'
import { idOfRow } from '../domain/alarm-id.ts'
import { ProblemError } from '../domain/problems.ts'
import { toTime } from '../domain/time.ts'
import { listAlarms, liveEpisode } from '../queries/alarms.ts'
import { commandOf, commandsOf, refusalOf, staleness } from './alarm-commands.ts'
import { alarmFilterQuery, filterOf } from './alarm-filter.ts'
import { AlarmParams, knownAlarm } from './alarm.ts'
import type { RouteContext } from './context.ts'
import { choice, nullable, ProblemSchema, query, Time } from './schemas.ts'

/** One request's work: bounded, so that it answers; a narrower filter takes the rest. */
export const actionsMax = 1_000

const CommandId = Type.Optional(
  Type.String({ minLength: 1, maxLength: 100, description: 'Yours, so that a repeat does nothing; made here when left out.' }),
)
const ActionBody = Type.Object(
  {
    commandId: CommandId,
    reason: Type.Optional(Type.String({ maxLength: reasonCharsMax, description: 'Of close (may be left out), clear and shelve.' })),
    text: Type.Optional(Type.String({ maxLength: commentCharsMax, description: 'Of comment.' })),
    to: Type.Optional(
      nullable(Type.String({ maxLength: reasonCharsMax, description: 'Of assign: who; null nobody; left out: as it is.' })),
    ),
    ticket: Type.Optional(
      nullable(Type.String({ maxLength: reasonCharsMax, description: 'Of assign: its reference; null none; left out: as it is.' })),
    ),
    until: Type.Optional(Type.String({ maxLength: 60, description: 'Of shelve: a time within 7 days. RFC 3339 with a zone.' })),
    oneShot: Type.Optional(Type.Boolean({ description: 'Of shelve, instead of until: until it clears.' })),
    force: Type.Optional(Type.Boolean({ description: 'Of clear: also of what clears by itself.' })),
  },
  { additionalProperties: false },
)

const Accepted = Type.Object({
  id: Type.String(),
  action: choice(alarmActions),
  actor: Type.String(),
  commandId: Type.String(),
  expectedEpisode: Type.Integer(),
  command: Type.Unknown({ description: 'As it was appended.' }),
  appended: Type.Object({ topic: Type.String(), partition: Type.Integer(), offset: Type.Integer() }, { description: 'Place in the log.' }),
  at: Time,
})

const Skipped = Type.Object({ id: Type.String(), code: Type.String(), detail: Type.String() })

const Many = Type.Object({
  action: choice(alarmActions),
  dryRun: Type.Boolean(),
  matched: Type.Integer({ description: 'Alarms that fit.' }),
  appended: Type.Integer({ description: 'Commands in the log; 0 on a dry run.' }),
  skipped: Type.Array(Skipped, { description: 'That fit and cannot be acted on.' }),
  ids: Type.Array(Type.String(), { description: 'Of those acted on, or that would be.' }),
  commandId: Type.String(),
})

export const alarmActionRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { scope, deps } = context
  const append = (commands: readonly AlarmCommandRequest[]) => {
    if (deps.commandAlarms === undefined) throw new ProblemError('ALARM_ACTION_INVALID', 'This program writes no log; ask one that does.')
    return deps.commandAlarms(commands)
  }
  // Acknowledging needs no body.
  app.addHook('preValidation', async (request) => {
    request.body ??= {}
  })

  for (const action of alarmActions) {
    app.post(
      `/alarms/:id/${action}`,
      {
        schema: {
          tags: ['alarms'],
          summary: summaries[action],
          description:
            'The id carries the episode that you saw: is another one there by now, the answer is 409. Accepted means appended to the log; the history of the alarm shows what came of it within a second or two.',
          params: AlarmParams,
          querystring: query({}),
          body: ActionBody,
          response: { 202: Accepted, default: ProblemSchema },
        },
      },
      async (request, reply) => {
        const { commandId = randomUUID(), ...asked } = request.body
        const deed = deedOf(action, asked, deps.clock.nowMs())
        const row = await knownAlarm(context, request.params.id)
        const refusal = refusalOf(context, row, deed) ?? staleness(row, await liveEpisode(scope, row.stream))
        if (refusal !== null) throw refusal
        const command = commandOf(row, deed, request.actor, commandId)
        const [appended] = await append([command])
        if (appended === undefined) throw new Error('the log took one record and gave no offset')
        return reply.code(202).send({
          id: idOfRow(row),
          action,
          actor: request.actor,
          commandId,
          expectedEpisode: row.episode,
          command: command.command,
          appended,
          at: toTime(deps.clock.nowMs()),
        })
      },
    )
  }

  app.post(
    '/alarms/actions/:action',
    {
      schema: {
        tags: ['alarms'],
        summary: 'One action on every alarm that fits a filter, or with dryRun how many those are',
        description: `Filters are those of the list. At most ${String(actionsMax)} at once; all are appended or none.`,
        params: Type.Object({ action: choice(alarmActions) }),
        querystring: query({
          ...alarmFilterQuery,
          dryRun: Type.Boolean({ default: false, description: 'Only says how many, and changes nothing.' }),
        }),
        body: ActionBody,
        response: { 200: Many, 202: Many, default: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { action } = request.params
      const { dryRun, ...filter } = request.query
      const { commandId = randomUUID(), ...asked } = request.body
      const deed = deedOf(action, asked, deps.clock.nowMs())
      const rows = await listAlarms(scope, { ...filterOf(filter), sort: 'raisedAt', descending: true, limit: actionsMax, after: null })
      if (rows.length > actionsMax) {
        throw new ProblemError('TOO_MANY_ALARMS', `More than ${String(actionsMax)} alarms fit; narrow the filter by type, site or time.`)
      }
      const { commands, skipped, ids } = commandsOf(context, rows, deed, request.actor, commandId)
      if (!dryRun && commands.length > 0) await append(commands)
      return reply.code(dryRun ? 200 : 202).send({
        action,
        dryRun,
        matched: rows.length,
        appended: dryRun ? 0 : commands.length,
        skipped,
        ids,
        commandId,
      })
    },
  )
}

const summaries: Readonly<Record<AlarmAction, string>> = {
  acknowledge: 'Somebody has seen it',
  unacknowledge: 'Takes an acknowledgement or a close back',
  close: 'Done with it, whether it stands or not; the reason says whether the rule was right',
  comment: 'Adds a comment to the episode',
  assign: 'To a person, with a ticket',
  clear: 'Ends it by hand, where nothing observes its end, or with force',
  shelve: 'Puts it aside until a time at most 7 days away, or until it clears; it notifies nobody meanwhile',
  unshelve: 'Takes it back from the shelf',
}
