import { describe, expect, it } from 'vitest'
import type { Evidence, EvidenceValue } from '../../model/alarm.ts'
import { parseRuleFile } from '../../model/rule-form.ts'
import type { Rule } from '../../model/rule.ts'
import { clearText, judgedUnit, reasonText } from './alarm-reason.ts'
import { momentsIn, valueText } from './value-words.ts'

const atMs = Date.UTC(2025, 2, 1, 3, 15)
const minute = 60_000

const ruleOf = (more: Record<string, unknown>): Rule => {
  const parsed = parseRuleFile({
    rules: [
      {
        id: 'test.rule',
        number: 1,
        title: 't',
        why: 'w',
        cause: 'c',
        action: 'a',
        eventType: 'communications',
        severity: 'warning',
        ...more,
      },
    ],
  })
  const [rule] = parsed.ok ? parsed.value.rules : []
  if (rule === undefined) throw new Error(JSON.stringify(parsed))
  return rule
}
const evidenceOf = (values: readonly (Partial<EvidenceValue> & { name: string })[], levels: Partial<Evidence> = {}): Evidence => ({
  topic: 'device-events',
  partition: 1,
  firstOffset: 5,
  lastOffset: 9,
  values: values.map((value) => ({ value: null, unit: '', observedAtMs: atMs, ...value })),
  raiseLevel: null,
  clearLevel: null,
  ...levels,
})
const said = (rule: Rule | undefined, evidence: Evidence | null, { qualifier = '', periods = [] as number[] } = {}): string =>
  reasonText(rule, qualifier, evidence, periods, momentsIn('UTC', atMs))

const level = (more: Record<string, unknown>): Rule =>
  ruleOf({
    level: {
      metric: 'cellular.rsrp',
      aggregate: 'median',
      window: 'rop',
      raise: { below: -115 },
      clear: { atLeast: -110 },
      inARow: 2,
      ...more,
    },
  })

describe('a level over periods of 15 minutes', () => {
  const weak = evidenceOf([{ name: 'cellular.rsrp median', value: -118, unit: 'dBm' }], { raiseLevel: -115, clearLevel: -110 })

  it('names the periods that made the row, those before it left out', () => {
    const periods = [60, 45, 30, 15].map((back) => atMs - back * minute)
    expect(said(level({}), weak, { periods })).toBe(
      'RSRP median of 15 minutes was -118 dBm, below -115 dBm, in two intervals in a row (02:45, 03:00).',
    )
  })

  it('names the last alone when the readings are no longer there', () => {
    expect(said(level({}), weak)).toBe(
      'RSRP median of 15 minutes was -118 dBm, below -115 dBm, in two intervals in a row, the last from 03:00.',
    )
    expect(said(level({ inARow: 1 }), weak)).toBe('RSRP median of 15 minutes was -118 dBm, below -115 dBm, in the interval from 03:00.')
  })

  it('compares with the level that was in force then, as an override may have set it', () => {
    expect(said(level({ inARow: 1 }), { ...weak, raiseLevel: -112 })).toContain('below -112 dBm')
  })

  it('says of which part', () => {
    const rule = level({ metric: 'hw.temperature', aggregate: 'mean', raise: { above: 85 }, clear: { below: 80 }, inARow: 1 })
    const hot = evidenceOf([{ name: 'hw.temperature mean', value: 91.26, unit: 'Cel' }], { raiseLevel: 85, clearLevel: 80 })
    expect(said(rule, hot, { qualifier: 'modem' })).toBe(
      'Temperature mean of 15 minutes (modem) was 91.3 °C, above 85 °C, in the interval from 03:00.',
    )
  })

  it('writes shares as percent and quotients without a unit', () => {
    const loss = level({ metric: 'network.probe.loss', aggregate: 'mean', raise: { above: 0.05 }, clear: { below: 0.02 }, inARow: 1 })
    expect(said(loss, evidenceOf([{ name: 'network.probe.loss mean', value: 0.12, unit: '1' }], { raiseLevel: 0.05 }))).toContain(
      'Packet loss mean of 15 minutes was 12 %, above 5 %',
    )
    const plan = level({
      metric: 'network.wan.used',
      dividedBy: { metric: 'network.wan.quota' },
      aggregate: 'last',
      window: 'event',
      raise: { atLeast: 0.8 },
      clear: { below: 0.8 },
      inARow: 1,
    })
    expect(said(plan, evidenceOf([{ name: 'network.wan.used', value: 0.93, unit: 'By' }], { raiseLevel: 0.8 }))).toBe(
      'Data volume used, divided by network.wan.quota, was 0.93 at 03:15:00, at least 0.8.',
    )
  })
})

describe('a level of a group', () => {
  const group = (parameters: Record<string, number>): Rule => ruleOf({ scope: 'group', fleet: { signal: 'members', parameters } })

  it('is a share in percent whatever the first value of its evidence is, or a count of devices', () => {
    expect(valueText(0.2, judgedUnit(group({ shareMin: 0.2 }), '{device}'))).toBe('20 %')
    expect(valueText(0.01, judgedUnit(group({ shareAbove: 0.01 }), ''))).toBe('1 %')
    expect(valueText(3, judgedUnit(group({ devicesMin: 3 }), '{device}'))).toBe('3')
  })
})

describe('a slope', () => {
  it('says where it leads and where it is', () => {
    const rule = ruleOf({
      level: {
        metric: 'system.memory.utilization',
        aggregate: 'slope',
        window: '72 h',
        horizon: '7 d',
        fitMin: 0.8,
        raise: { above: 0.95 },
        clear: { atMost: 0.95 },
      },
    })
    expect(
      said(
        rule,
        evidenceOf(
          [
            { name: 'system.memory.utilization in 168 h', value: 0.97, unit: '1' },
            { name: 'fit', value: 0.93 },
            { name: 'system.memory.utilization now', value: 0.71, unit: '1' },
          ],
          { raiseLevel: 0.95 },
        ),
      ),
    ).toBe('At its pace of the last 3 days, memory in use comes to 97 % within 7 days, above 95 %; it is 71 % now.')
  })
})

describe('a count', () => {
  it('says how many of what, and what the rule asks for', () => {
    const rule = ruleOf({ count: { events: { boot: { planned: false } }, within: '60 min', atLeast: 4, clearAtMost: 0 } })
    expect(
      said(
        rule,
        evidenceOf([
          { name: 'boot in 60 min', value: 5, unit: '1' },
          { name: 'boot', value: 'watchdog' },
        ]),
      ),
    ).toBe('Five boots within 60 minutes up to 03:15:00 (the rule asks for four); the last: it booted, reason watchdog.')
    expect(clearText(rule, null)).toBe('It clears when none came within 60 minutes.')
  })
})

describe('an event', () => {
  it('quotes what the device said', () => {
    const rule = ruleOf({ event: { raiseOn: { log: 'panic' }, staleAfter: '24 h' } })
    expect(said(rule, evidenceOf([{ name: 'log panic', value: 'Kernel panic - not syncing' }]))).toBe(
      'Its log says “Kernel panic - not syncing”, at 03:15:00.',
    )
    expect(clearText(rule, null)).toBe('Nothing tells its end: it clears when it has not come again for 24 hours.')
  })
})

describe('silence', () => {
  const rule = ruleOf({ silence: { deadlineLeast: '5 min', gapFactor: 3, keepAlive: '60 s', willDelay: '120 s' } })
  const heard = { name: 'presence.last_message', observedAtMs: atMs - 6 * minute }

  it('is told from a connection that broke', () => {
    expect(said(rule, evidenceOf([{ name: 'presence.silence', value: 5 * minute, unit: 'ms' }, heard]))).toBe(
      'Nothing came for 5 minutes, longer than it ever pauses; its last message came at 03:09:00.',
    )
    expect(said(rule, evidenceOf([{ name: 'presence.will', value: 2 * minute, unit: 'ms' }, heard]))).toBe(
      'Its connection broke or was ended, and it did not come back within 2 minutes; its last message came at 03:09:00.',
    )
  })

  it('says when it usually is off at that hour', () => {
    const away = { name: 'presence.usually_away', value: 0.8, unit: '1' }
    expect(said(rule, evidenceOf([{ name: 'presence.silence', value: 5 * minute, unit: 'ms' }, heard, away]))).toContain(
      ' At this hour it is away 80 % of the time.',
    )
    expect(clearText(rule, null)).toBe('It clears when the device is heard again.')
  })
})

describe('without a rule or without evidence', () => {
  it('what is known is said', () => {
    expect(said(undefined, evidenceOf([{ name: 'hw.temperature', value: 91, unit: 'Cel' }], { raiseLevel: 85 }))).toBe(
      'Temperature was 91 °C at 03:15:00; the level to raise was 85 °C.',
    )
    expect(said(undefined, evidenceOf([]))).toBe('It was seen in messages 1:5 to 1:9 of device-events.')
    expect(said(level({}), null)).toBe('No evidence was kept with it.')
  })
})
