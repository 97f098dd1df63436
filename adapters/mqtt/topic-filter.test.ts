import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFilterIndex, filterMatches } from './topic-filter.ts'

describe('topic filters', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/b/c', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
    ['a/+/c', 'a/b/c', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['+/+', '/a', true],
    ['/+', '/a', true],
    ['+', '/a', false],
  ])('%s matches %s: %s', (filter, topic, expected) => {
    expect(filterMatches(filter, topic)).toBe(expected)
  })

  it('found in the index are those that match, and none is left when all are removed', () => {
    const level = fc.constantFrom('a', 'b', '', '$x')
    const filters = fc.uniqueArray(
      fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/')),
    )
    const withHash = fc
      .tuple(filters, fc.boolean())
      .map(([all, hash]) => [...new Set(all.flatMap((f) => (hash ? [f, `${f}/#`, '#'] : [f])))])
    fc.assert(
      fc.property(withHash, fc.array(level, { minLength: 1, maxLength: 4 }), (all, levels) => {
        const index = createFilterIndex<string>()
        for (const filter of all) index.set(filter, 'owner', filter)
        const topic = levels.join('/')
        expect(index.match(topic).sort()).toEqual(all.filter((filter) => filterMatches(filter, topic)).sort())
        expect(index.size()).toBe(all.length)
        for (const filter of all) index.remove(filter, 'owner')
        index.remove('never/there', 'owner')
        expect(index.match(topic)).toEqual([])
        expect(index.size()).toBe(0)
      }),
    )
  })

  it('of two owners are apart, and a second one of the same owner replaces the first', () => {
    const index = createFilterIndex<string>()
    index.set('a', 'x', '1')
    index.set('a', 'y', '2')
    index.set('a', 'x', '3')
    expect(index.match('a').sort()).toEqual(['2', '3'])
    index.remove('a', 'x')
    expect(index.match('a')).toEqual(['2'])
  })
})
