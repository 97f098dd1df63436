import { expect, it, describe } from 'vitest'
import { checkRules } from './rule-check.ts'
import { parseRuleFile } from './rule-form.ts'
import type { Rule } from './rule.ts'

const words = {
  id: 'x.one',
  number: 1,
  title: 't',
  why: 'w',
  cause: 'c',
  action: 'a',
  eventType: 'equipment',
  severity: 'minor',
}
const level = {
  metric: 'system.memory.utilization',
  aggregate: 'mean',
  window: 'rop',
  raise: { above: 0.9 },
  clear: { below: 0.8 },
}
const rulesOf = (...rules: object[]): Rule[] => {
  const parsed = parseRuleFile({ rules })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return [...parsed.value.rules]
}
const problemsOf = (...rules: object[]): string[] =>
  checkRules({ rules: rulesOf(...rules), overrides: [] }).map(({ rule, reason }) => `${rule}: ${reason}`)
const ofLevel = (changes: object, rule: object = {}): string[] => problemsOf({ ...words, ...rule, level: { ...level, ...changes } })
const ofEvent = (event: object): string[] => problemsOf({ ...words, event })
const ofForm = (rule: object): string[] => {
  const parsed = parseRuleFile({ rules: [{ ...words, ...rule }] })
  return parsed.ok ? [] : parsed.problems.map(({ path, reason }) => `${path.join('.')}: ${reason}`)
}

it('a rule that makes sense has no problem', () => {
  expect(ofLevel({})).toEqual([])
})

describe('unknown words', () => {
  it('an unknown metric', () => {
    expect(ofLevel({ metric: 'system.memory.utilisation' })).toEqual([
      'x.one: expected a metric of docs/reference/metrics-catalogue.md, got "system.memory.utilisation"',
    ])
    expect(ofEvent({ raiseOn: { metric: 'no.such', atMost: 0 }, staleAfter: '1 h' })).toEqual([
      'x.one: expected a metric of docs/reference/metrics-catalogue.md, got "no.such"',
    ])
  })
  it('a counter is no gauge', () => {
    expect(ofLevel({ metric: 'system.network.io' })).toEqual(['x.one: expected a gauge, got "system.network.io", a counter'])
  })
  it('an attribute that the metric does not have', () => {
    expect(ofLevel({ attributes: { mount: '/' } })).toEqual([
      'x.one: expected an attribute of system.memory.utilization (it has none), got "mount"',
    ])
  })
  it('a dependsOn that names no rule', () => {
    expect(problemsOf({ ...words, level, dependsOn: ['x.two'] })).toEqual(['x.one: dependsOn: expected the id of a rule, got "x.two"'])
  })
  it('an unknown key, form, severity or time says what was expected', () => {
    expect(ofForm({ level, severty: 'minor' })[0]).toMatch(/^rules\.0\.severty: expected one of id, number, .*, got "severty"$/)
    expect(ofForm({})).toEqual(['rules.0: expected exactly one of level, count, event, silence, gap, neverSeen, fleet, got none'])
    expect(ofForm({ level, severity: 'high' })).toEqual([
      'rules.0.severity: expected one of indeterminate, warning, minor, major, critical, got "high"',
    ])
    expect(ofForm({ level, onDelay: 60 })).toEqual([
      'rules.0.onDelay: expected a time such as 60 s, 15 min, 24 h or 7 d, got 60 (write it in quotes)',
    ])
    expect(ofForm({ event: { raiseOn: { logPattern: '(?=x)' }, staleAfter: '1 h' } })).toEqual([
      'rules.0.event.raiseOn.logPattern: expected a pattern without lookaround and backreferences, got (?=x)',
    ])
  })
})

describe('a rule that can never clear', () => {
  it.each([
    [{ above: 0.9 }, { above: 0.95 }, 'expected raise and clear to look to opposite sides, got raise above 0.9 and clear above 0.95'],
    [{ above: 0.9 }, { below: 0.91 }, 'expected levels that do not cross, got raise above 0.9 and clear below 0.91'],
    [{ atLeast: 0.9 }, { atMost: 0.9 }, 'expected levels that do not cross, got raise atLeast 0.9 and clear atMost 0.9'],
    [{ below: 0.1 }, { above: 0.09 }, 'expected levels that do not cross, got raise below 0.1 and clear above 0.09'],
  ])('levels %j and %j cross', (raise, clear, reason) => {
    expect(ofLevel({ raise, clear })).toEqual([`x.one: it can never clear: ${reason}`])
  })
  it.each([
    [{ above: 0.9 }, { atMost: 0.9 }],
    [{ atLeast: 0.9 }, { below: 0.9 }],
    [{ below: 0.1 }, { atLeast: 0.1 }],
  ])('levels %j and %j touch and do not cross', (raise, clear) => {
    expect(ofLevel({ raise, clear })).toEqual([])
  })
  it('a clear level beyond what the metric can be', () => {
    expect(ofLevel({ raise: { above: 0.5 }, clear: { below: 0 } })).toEqual(['x.one: it can never clear: below 0 lies outside 0..1'])
  })
  it('an event without an end', () => {
    expect(ofEvent({ raiseOn: { log: 'oom' } })).toEqual(['x.one: it can never clear: expected clearOn, staleAfter or clearBy, got none'])
  })
  it('a count that is over at as many as begin it', () => {
    expect(problemsOf({ ...words, count: { events: { session: 'started' }, within: '1 h', atLeast: 3, clearAtMost: 3 } })).toEqual([
      'x.one: it can never clear: expected clearAtMost below atLeast, got 3 and 3',
    ])
  })
})

describe('a rule that can never fire', () => {
  it('more readings than a window can hold', () => {
    expect(ofLevel({ minSamples: 60 })).toEqual([])
    expect(ofLevel({ minSamples: 61 })).toEqual([
      'x.one: it can never fire: expected minSamples of at most 60, which the window holds, got 61',
    ])
  })
  it('a raise level beyond what the metric can be', () => {
    expect(ofLevel({ raise: { above: 1 } })).toEqual(['x.one: it can never fire: above 1 lies outside 0..1'])
    expect(ofLevel({ raise: { atLeast: 1 } })).toEqual([])
  })
})

it('a cycle in dependsOn', () => {
  const event = { raiseOn: { log: 'oom' }, staleAfter: '1 h' }
  const one = (id: string, dependsOn: string[]): object => ({ ...words, id, event, dependsOn })
  expect(problemsOf(one('x.a', ['x.b']), one('x.b', ['x.c']), one('x.c', ['x.a']))).toEqual([
    'x.a: dependsOn: expected no cycle, got x.a -> x.b -> x.c -> x.a',
  ])
  expect(problemsOf(one('x.a', ['x.a']))).toEqual(['x.a: dependsOn: expected no cycle, got x.a -> x.a'])
})

it('two rules of one id', () => {
  expect(problemsOf({ ...words, level }, { ...words, level })).toEqual(['x.one: expected one rule of this id, got two'])
})

it('steps that do not rise', () => {
  expect(ofLevel({}, { steps: [{ severity: 'warning', above: 0.95 }] })).toEqual([
    'x.one: steps: expected severities that rise, got warning',
  ])
  expect(ofLevel({}, { steps: [{ severity: 'major', above: 0.9 }] })).toEqual([
    'x.one: steps: expected a level beyond above 0.9, got above 0.9',
  ])
})

it('an override is judged with the rule that it changes', () => {
  const set = { enabled: null, raise: null, clear: null, onDelayMs: null, offDelayMs: null, severity: null, notify: null }
  const [rule] = rulesOf({ ...words, level })
  if (rule === undefined) return
  const override = (id: string, changes: object) => ({ rule: id, select: rule.select, set: { ...set, ...changes } })
  const reasons = (changes: object, id = 'x.one'): string[] => [
    ...new Set(checkRules({ rules: [rule], overrides: [override(id, changes)] }).map(({ reason }) => reason)),
  ]
  expect(reasons({ raise: { op: 'above', value: 0.95 } })).toEqual([])
  expect(reasons({ clear: { op: 'below', value: 0.95 } })).toEqual([
    'override: it can never clear: expected levels that do not cross, got raise above 0.9 and clear below 0.95',
  ])
  expect(reasons({}, 'x.two')).toEqual(['override: expected the id of a rule'])
})
