import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filtersMax, filtersOfFamilies, overlaps, parseFilters } from './bridge-filters.ts'
import { parseTopicConfig } from './topic-config.ts'

const filtersOf = (...patterns: string[]): string[] => {
  const parsed = parseTopicConfig({
    placeRoots: ['france', 'italy'],
    families: patterns.map((pattern) => ({ pattern, subject: subjectOf(pattern), category: 'c', metric: 'm' })),
  })
  if (!parsed.ok) throw new Error(parsed.reason)
  return filtersOfFamilies(parsed.value.families, parsed.value.placeRoots)
}
const subjectOf = (pattern: string): string =>
  pattern.includes('placeRoot') ? 'household' : pattern.includes('{device') ? 'device' : 'place'

describe('filters of the families', () => {
  it('are the patterns with wildcards in the place of what varies', () => {
    expect(filtersOf('collectd/{device}/{metric+}', 'world/{continent}/{country}/{city}/{quantity}')).toEqual([
      'collectd/+/+/#',
      'world/+/+/+/+',
    ])
  })

  it('name each place root', () => {
    expect(filtersOf('{placeRoot}/{region}/{town}/{household}/{household}/{quantity*}')).toEqual(['france/+/+/+/+/#', 'italy/+/+/+/+/#'])
  })

  it('are joined where they overlap', () => {
    expect(filtersOf('{product}/{model}/{device}/{category}/{metric+}', 'collectd/{device}/{metric+}')).toEqual(['+/+/+/#'])
    expect(filtersOf('a/{device}/x', 'a/{device}/y', 'a/{device}/{metric+}')).toEqual(['a/+/+/#'])
  })
})

describe('overlap of filters', () => {
  it.each([
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/+', 'a', false],
    ['a/+', '+/b', true],
    ['a/+/c', 'a/b/d', false],
    ['#', 'anything/at/all', true],
    ['+/+', '+/+/+', false],
    ['+/+/#', '+/+', true],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(overlaps(a, b)).toBe(expected)
    expect(overlaps(b, a)).toBe(expected)
  })

  it('is what two filters that match one topic do', () => {
    const level = fc.constantFrom('a', 'b')
    const topics = fc.array(level, { minLength: 1, maxLength: 5 })
    const filterOf = (levels: string[], mask: number, cut: number | null): string =>
      [...levels.slice(0, cut ?? levels.length).map((word, at) => ((mask >> at) & 1 ? '+' : word)), ...(cut === null ? [] : ['#'])].join(
        '/',
      )
    const cuts = fc.option(fc.nat(5), { nil: null })
    fc.assert(
      fc.property(topics, fc.nat(31), fc.nat(31), cuts, cuts, (topic, maskA, maskB, cutA, cutB) => {
        expect(overlaps(filterOf(topic, maskA, cutA), filterOf(topic, maskB, cutB))).toBe(true)
      }),
    )
  })
})

describe('MQTT_TOPICS', () => {
  it.each([
    ['a/#, b/+/c ,', ['a/#', 'b/+/c']],
    ['#', ['#']],
  ])('reads %j', (text, value) => {
    expect(parseFilters(text)).toEqual({ ok: true, value })
  })

  it.each([
    ['', 'expected 1 to 100 topic filters between commas, got 0'],
    ['a/#/b', 'expected a topic filter like a/+/b or a/#, got "a/#/b"'],
    ['a+', 'expected a topic filter like a/+/b or a/#, got "a+"'],
    ['$share/g/a', 'expected a topic filter like a/+/b or a/#, got "$share/g/a"'],
    ['a/#,b,a/c', 'expected filters that do not overlap, got "a/#" and "a/c": a broker may send a message once for each'],
  ])('refuses %j', (text, reason) => {
    expect(parseFilters(text)).toEqual({ ok: false, reason })
  })

  it('takes as many filters as it may, and not one more', () => {
    const list = (count: number): string => Array.from({ length: count }, (_, n) => `a/${n}`).join(',')
    expect(parseFilters(list(filtersMax)).ok).toBe(true)
    expect(parseFilters(list(filtersMax + 1)).ok).toBe(false)
  })
})
