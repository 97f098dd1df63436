/** /rules: the rules that alarms are judged by, as this process has loaded them, or as they were in force at a time. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { alarmTypeOf, type Rule, type RuleSet, severitiesOf } from '../../model/rule.ts'
import { runbookUrlOf } from '../domain/docs-pages.ts'
import { ProblemError } from '../domain/problems.ts'
import { parseTime, toTime } from '../domain/time.ts'
import { firstActivationMs, rulesInForce } from '../queries/rules.ts'
import { SeverityName } from './alarm-item.ts'
import type { RouteContext } from './context.ts'
import { answers, choice, list, nullable, query, TextOrNull, Time } from './schemas.ts'

const RuleItem = Type.Object({
  id: Type.String({ description: 'Type of its alarms.' }),
  number: Type.Integer({ description: 'By which documents name it.' }),
  version: Type.Integer(),
  title: Type.String(),
  why: Type.String(),
  cause: Type.String(),
  action: Type.String(),
  runbook: Type.String(),
  runbookUrl: Type.Union([Type.String(), Type.Null()], { description: 'Where that page is served; null: not here.' }),
  eventType: Type.String(),
  scope: choice(['device', 'group', 'platform']),
  pack: choice(['default', 'optional']),
  enabled: Type.Boolean(),
  severity: SeverityName,
  severities: Type.Array(SeverityName, { description: 'All that it may give.' }),
  clearsByItself: Type.Boolean(),
  condition: Type.Unknown({ description: 'Form, signal, window, levels to raise and to clear, counts.' }),
  steps: Type.Array(Type.Unknown(), { description: 'From when on it is another severity.' }),
  select: Type.Unknown({ description: 'Devices that it watches; all null: every device.' }),
  overrides: Type.Array(Type.Object({ select: Type.Unknown(), set: Type.Unknown() }), {
    description: 'What is otherwise for some devices; the last that fits decides, field by field, null: as the rule says.',
  }),
  qualifier: TextOrNull,
  onDelaySeconds: Type.Number(),
  offDelaySeconds: Type.Number(),
  learnSeconds: Type.Number({ description: 'From the first sign of a device on, it only records for so long.' }),
  dependsOn: Type.Array(Type.String(), { description: 'Rules whose alarm on the same device explains this one.' }),
  notify: Type.Object({ critical: Type.Boolean(), business: Type.Boolean(), home: Type.Boolean() }),
})

const Activation = Type.Object(
  {
    at: Type.Unsafe<string>({
      ...Time,
      description: 'When they were told to the log last: each start of the recorder does, changed or not.',
    }),
    version: Type.String({ description: 'The same for the same rules.' }),
    place: Type.String({ description: 'partition:offset of that record.' }),
  },
  { description: 'With `at`: the record that had put them in force. Null: as this program has loaded them.' },
)

type InForce = { ruleSet: RuleSet; activation: Static<typeof Activation> | null }

export const ruleRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  app.get(
    '/rules',
    {
      schema: {
        tags: ['alarms'],
        summary: 'The rules in force, or those of a time: what each watches, from which level on, why, and what to do',
        querystring: query({
          id: Type.Optional(Type.String({ maxLength: 100, examples: ['radio.rsrp-poor'] })),
          enabled: Type.Optional(Type.Boolean({ description: 'Only those that judge, or only those that are switched off.' })),
          at: Type.Optional(
            Type.String({
              maxLength: 60,
              description: 'Those that judged what arrived then; default those that are loaded now. RFC 3339 with a zone.',
              examples: ['2025-03-01T03:15:00Z'],
            }),
          ),
        }),
        response: answers(list(RuleItem, { activation: nullable(Activation) })),
      },
    },
    async (request) => {
      const { id, enabled, at } = request.query
      const { ruleSet, activation } = at === undefined ? loaded(context) : await inForceAt(context, parseTime('at', at))
      const rules = ruleSet.rules.filter(
        (rule) => (id === undefined || rule.id === id) && (enabled === undefined || rule.enabled === enabled),
      )
      return { items: rules.map((rule) => itemOf(rule, ruleSet, context.pages)), nextCursor: null, activation }
    },
  )
}

const loaded = ({ deps }: RouteContext): InForce => ({
  ruleSet: { rules: deps.rules ?? [], overrides: deps.ruleOverrides ?? [] },
  activation: null,
})

/** Else RULES_UNKNOWN. */
const inForceAt = async ({ scope, deps }: RouteContext, atMs: number): Promise<InForce> => {
  const row = await rulesInForce(scope, atMs)
  if (row === undefined) {
    const firstMs = await firstActivationMs(scope)
    const known = firstMs === null ? 'none are known to have been' : `the first that are known came at ${toTime(firstMs)}`
    throw new ProblemError('RULES_UNKNOWN', `No rules are known to have been in force at ${toTime(atMs)}; ${known}.`)
  }
  const place = `${String(row.partition)}:${String(row.offset)}`
  const decoded = deps.decodeFrame(Buffer.from(row.frame_base64, 'base64'))
  const body = decoded.ok ? decoded.event.bodies.find(({ kind }) => kind === 'RuleActivated') : undefined
  if (body?.kind !== 'RuleActivated')
    throw new Error(`Expected rules in the message at ${place}, got ${decoded.ok ? 'none' : decoded.reason}`)
  return {
    // Written by a recorder, never from outside.
    ruleSet: JSON.parse(body.ruleSet) as RuleSet,
    activation: { at: toTime(row.activated_ms), version: body.version, place },
  }
}

const itemOf = (rule: Rule, { overrides }: RuleSet, pages: ReadonlySet<string>): Static<typeof RuleItem> => ({
  id: rule.id,
  number: rule.number,
  version: rule.version,
  title: rule.title,
  why: rule.why,
  cause: rule.cause,
  action: rule.action,
  runbook: rule.runbook,
  runbookUrl: runbookUrlOf(rule.runbook, pages),
  eventType: rule.eventType,
  scope: rule.scope,
  pack: rule.pack,
  enabled: rule.enabled,
  severity: rule.severity,
  severities: [...severitiesOf(rule)],
  clearsByItself: alarmTypeOf(rule).willClear,
  condition: rule.condition,
  steps: [...rule.steps],
  select: rule.select,
  overrides: overrides.filter((override) => override.rule === rule.id).map(({ select, set }) => ({ select, set })),
  qualifier: rule.qualifier,
  onDelaySeconds: rule.onDelayMs / 1_000,
  offDelaySeconds: rule.offDelayMs / 1_000,
  learnSeconds: rule.learnMs / 1_000,
  dependsOn: [...rule.dependsOn],
  notify: rule.notify,
})
