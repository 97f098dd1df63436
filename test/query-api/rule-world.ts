/** Rules for tests of the API, and the record by which a start of the recorder tells them to the log. */
import { createEventCodec } from '../../adapters/avro/event-codec.ts'
import { ownSource } from '../../model/own-source.ts'
import type { Row } from '../../model/ports.ts'
import { parseRuleFile } from '../../model/rule-form.ts'
import type { Rule, RuleSet } from '../../model/rule.ts'
import { everyDevice } from '../../model/selector-form.ts'

const ruleOf = (more: Record<string, unknown>): Rule => {
  const parsed = parseRuleFile({
    rules: [
      { number: 1, title: 't', why: 'Why.', cause: 'Cause.', action: 'Act.', eventType: 'communications', severity: 'warning', ...more },
    ],
  })
  const [rule] = parsed.ok ? parsed.value.rules : []
  if (rule === undefined) throw new Error(JSON.stringify(parsed))
  return rule
}
export const weakRule = ruleOf({
  id: 'radio.rsrp-poor',
  title: 'Weak signal',
  why: 'Throughput falls, and the session may be lost.',
  cause: 'Distance, an antenna that moved, or the cell.',
  action: 'Look at the antenna; compare with other devices of the cell.',
  level: {
    radio: 'rsrpDbm',
    metric: 'cellular.rsrp',
    aggregate: 'median',
    window: 'rop',
    raise: { below: -115 },
    clear: { atLeast: -110 },
    inARow: 2,
  },
})
export const panicRule = ruleOf({ id: 'device.crash', event: { raiseOn: { log: 'panic' }, staleAfter: '24 h' } })

/** What a start of the recorder tells the log. */
export const rulesMessage = (message: Row, receivedAtMs: number, version: string, ruleSet: RuleSet): Row => ({
  ...message,
  subject: 'all',
  subject_kind: 'fleet',
  claimed_at: null,
  clock_verdict: 'missing',
  outcome: 'rules',
  topic: '',
  boot_id: '',
  seq: null,
  frame: createEventCodec().encode({
    eventId: new Uint8Array(16),
    tenant: 'default',
    subject: { kind: 'fleet', id: 'all' },
    observedAtMs: null,
    receivedAtMs,
    bootId: null,
    seq: null,
    uptimeSeconds: null,
    source: ownSource('recorder', null),
    bodies: [{ kind: 'RuleActivated', version, ruleSet: JSON.stringify(ruleSet) }],
    payload: { encoding: 'none', bytes: new Uint8Array() },
  }),
})
const milder = {
  enabled: null,
  raise: { op: 'below', value: -120 } as const,
  clear: null,
  onDelayMs: null,
  offDelayMs: null,
  severity: null,
  notify: null,
}
export const milderForOneModel = { rule: 'radio.rsrp-poor', select: { ...everyDevice, model: ['311-a1'] }, set: milder }
