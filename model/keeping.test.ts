/** Rules of keeping: which decides, and what of the file is refused. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type KeepingRules, keptDays, keptSince, longestDays, shippedKeeping } from './keeping.ts'
import { parseKeeping, patternsMax, rulesMax } from './keeping-form.ts'

const rulesOf = (value: unknown): KeepingRules => {
  const parsed = parseKeeping(value)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.value
}
const problemsOf = (value: unknown): string[] => {
  const parsed = parseKeeping(value)
  return parsed.ok ? [] : parsed.problems.map(({ path, reason }) => `${path.join('.')}: ${reason}`)
}
const router = { class: 'router', product: 'dwr', model: '925-A1', customer: 'Acme' }
const nobody = { class: '', product: '', model: '', customer: '' }
const dayMs = 86_400_000

describe('keeping rules', () => {
  const rules = rulesOf({
    default: { measurements: 60 },
    rules: [
      { customer: 'acme', class: 'sensor', keep: { measurements: 7 } },
      { model: ['m2', 'dwr/925-*'], keep: { measurements: 30, logs: 'forever' } },
      { customer: 'ac*', keep: { measurements: 10, messages: 20 } },
    ],
  })

  it('the first rule that fits and names the table decides, else the default', () => {
    expect(keptDays(rules, router, 'measurements')).toEqual({ days: 30, rule: 1 })
    expect(keptDays(rules, router, 'messages')).toEqual({ days: 20, rule: 2 })
    expect(keptDays(rules, router, 'logs')).toEqual({ days: null, rule: 1 })
    expect(keptDays(rules, router, 'counters')).toEqual({ days: 90, rule: null })
    expect(keptDays(rules, { ...router, class: 'sensor' }, 'measurements')).toEqual({ days: 7, rule: 0 })
    expect(keptDays(rules, nobody, 'measurements')).toEqual({ days: 60, rule: null })
  })

  it('tell since when rows of a table are kept', () => {
    expect(keptSince(rules, router, 'measurements', 100 * dayMs)).toBe(70 * dayMs)
    expect(keptSince(rules, router, 'log_lines', 100 * dayMs)).toBe(null)
    expect(keptSince(rules, router, 'devices', 100 * dayMs)).toBe(null)
  })

  it('give a table the longest of all days', () => {
    expect(longestDays(rules, 'measurements')).toBe(60)
    expect(longestDays(rules, 'logs')).toBe(null)
    expect(longestDays(rulesOf({ rules: [{ class: 'a', keep: { radio: 91 } }] }), 'radio')).toBe(91)
  })

  it('keep rollups at least as long as what they are made of', () => {
    const short = rulesOf({ rules: [{ class: 'router', keep: { rollups15m: 30 } }] })
    expect(keptDays(short, router, 'rollups15m')).toEqual({ days: 90, rule: 0 })
    expect(
      keptDays(
        rulesOf({ default: { measurements: 'forever' }, ...{ rules: [{ class: 'x', keep: { rollups1h: 5 } }] } }),
        { ...nobody, class: 'x' },
        'rollups1h',
      ).days,
    ).toBe(null)
  })

  it('stars stand for any characters, whatever the text', () => {
    const fitting = (pattern: string, text: string) =>
      keptDays(rulesOf({ rules: [{ class: pattern, keep: { logs: 1 } }] }), { ...nobody, class: text }, 'logs').days === 1
    expect(['a*', '*a', '*', 'a*a', 'A'].map((pattern) => fitting(pattern, 'a'))).toEqual([true, true, true, false, true])
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength: 8 }),
        fc.array(fc.constantFrom('a', 'b'), { maxLength: 10 }),
        (pattern, text) => {
          const expected = new RegExp(`^${pattern.join('').replaceAll('*', '.*')}$`).test(text.join(''))
          expect(fitting(pattern.join(''), text.join(''))).toBe(expected)
        },
      ),
    )
  })
})

describe('the form of keeping rules', () => {
  it('may be empty', () => {
    expect(rulesOf(null)).toEqual(shippedKeeping)
    expect(rulesOf({})).toEqual(shippedKeeping)
  })

  it.each([
    [{ default: { measurements: 0 } }, 'default.measurements: expected 1 day or more: 0 would delete all at once'],
    [{ default: { measurements: 1 } }, undefined],
    [{ default: { messages: 36_500 } }, undefined],
    [{ default: { messages: 36_501 } }, 'default.messages: expected days from 1 to 36500, or forever, got 36501'],
    [{ default: { messages: '30' } }, 'default.messages: expected days from 1 to 36500, or forever, got "30"'],
    [{ default: { messages: -1 } }, 'default.messages: expected days from 1 to 36500, or forever, got -1'],
    [{ default: { messages: 1.5 } }, 'default.messages: expected days from 1 to 36500, or forever, got 1.5'],
    [{ default: { mesages: 1 } }, /^default\.mesages: expected one of measurements, .*, got "mesages"$/],
    [{ rule: [] }, 'rule: expected one of default, rules, got "rule"'],
    [[], 'expected a mapping of default and rules, got []'],
    [{ rules: [{ keep: { logs: 1 } }] }, 'rules.0: expected class, model or customer: what holds for all stands under default'],
    [{ rules: [{ class: '', keep: { logs: 1 } }] }, 'rules.0.class: expected a text of 1 to 200 characters, got ""'],
    [{ rules: [{ model: 925, keep: { logs: 1 } }] }, 'rules.0.model: expected a text of 1 to 200 characters, got 925 (write it in quotes)'],
    [{ rules: [{ model: [], keep: { logs: 1 } }] }, `rules.0.model: expected 1 to ${patternsMax} texts, got 0`],
    [{ rules: [{ class: 'a', keep: {} }] }, 'rules.0.keep: expected days for at least one table'],
    [{ rules: [{ class: 'a' }] }, /^rules\.0\.keep: expected a mapping of measurements, .* to days, got nothing$/],
    [
      { rules: [{ class: 'a', keep: { measurements: 30, rollups1h: 29 } }] },
      'rules.0.keep.rollups1h: expected at least the days of measurements (30): rollups outlive them',
    ],
    [{ rules: [{ class: 'a', keep: { measurements: 30, rollups1h: 30 } }] }, undefined],
  ])('judges %j', (value, problem) => {
    const found = problemsOf(value).map((text) => text.replace(/^: /, ''))
    if (problem === undefined) expect(found).toEqual([])
    else expect(found).toEqual([typeof problem === 'string' ? problem : expect.stringMatching(problem)])
  })

  it(`takes ${rulesMax} rules and not one more`, () => {
    const many = (count: number) => ({ rules: Array.from({ length: count }, () => ({ class: 'a', keep: { logs: 1 } })) })
    expect(problemsOf(many(rulesMax))).toEqual([])
    expect(problemsOf(many(rulesMax + 1))).toEqual([`rules: expected at most ${rulesMax} rules, got ${rulesMax + 1}`])
  })

  it('never throws, whatever is read', () => {
    fc.assert(fc.property(fc.anything(), (value) => void parseKeeping(value)))
    fc.assert(
      fc.property(
        fc.record({ default: fc.anything(), rules: fc.array(fc.record({ class: fc.anything(), keep: fc.anything() })) }),
        (value) => void parseKeeping(value),
      ),
    )
  })
})
