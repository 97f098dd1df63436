/** /rules: the rules that this process has loaded, as alarms are judged by them. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { alarmTypeOf, severitiesOf } from '../../model/rule.ts'
import { SeverityName } from './alarm-item.ts'
import type { RouteContext } from './context.ts'
import { answers, choice, list, query, TextOrNull } from './schemas.ts'

const RuleItem = Type.Object({
  id: Type.String({ description: 'Type of its alarms.' }),
  number: Type.Integer(),
  version: Type.Integer(),
  title: Type.String(),
  why: Type.String(),
  cause: Type.String(),
  action: Type.String(),
  runbook: Type.String(),
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
  qualifier: TextOrNull,
  onDelaySeconds: Type.Number(),
  offDelaySeconds: Type.Number(),
  learnSeconds: Type.Number({ description: 'From the first sign of a device on, it only records for so long.' }),
  dependsOn: Type.Array(Type.String(), { description: 'Rules whose alarm on the same device explains this one.' }),
  notify: Type.Object({ critical: Type.Boolean(), business: Type.Boolean(), home: Type.Boolean() }),
})

export const ruleRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  app.get(
    '/rules',
    {
      schema: {
        tags: ['alarms'],
        summary: 'The rules in force: what each watches, from which level on, why, and what to do',
        querystring: query({
          id: Type.Optional(Type.String({ maxLength: 100, examples: ['radio.rsrp-poor'] })),
          enabled: Type.Optional(Type.Boolean()),
        }),
        response: answers(list(RuleItem, {})),
      },
    },
    (request) => {
      const { id, enabled } = request.query
      const rules = (context.deps.rules ?? []).filter(
        (rule) => (id === undefined || rule.id === id) && (enabled === undefined || rule.enabled === enabled),
      )
      return {
        items: rules.map((rule) => ({
          id: rule.id,
          number: rule.number,
          version: rule.version,
          title: rule.title,
          why: rule.why,
          cause: rule.cause,
          action: rule.action,
          runbook: rule.runbook,
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
          qualifier: rule.qualifier,
          onDelaySeconds: rule.onDelayMs / 1_000,
          offDelaySeconds: rule.offDelayMs / 1_000,
          learnSeconds: rule.learnMs / 1_000,
          dependsOn: [...rule.dependsOn],
          notify: rule.notify,
        })),
        nextCursor: null,
      }
    },
  )
}
