import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterMatches } from './topic-filter.ts'
import { createTopicIndex } from './topic-index.ts'

const level = fc.constantFrom('a', 'b', '', '$x')
const topics = fc.uniqueArray(fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/')))
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => (hash ? [...levels.slice(0, -1), '#'] : levels).join('/'))

describe('a topic index', () => {
  it('finds what the filter matches, and nothing of what was removed', () => {
    fc.assert(
      fc.property(topics, topics, filter, (kept, removed, wanted) => {
        const index = createTopicIndex<{ topic: string }>()
        for (const topic of [...kept, ...removed]) index.set(topic, { topic })
        const gone = removed.filter((topic) => !kept.includes(topic))
        for (const topic of gone) index.remove(topic)
        index.remove('never/there')
        const found = index.match(wanted).map(({ topic }) => topic)
        expect(found.sort()).toEqual(kept.filter((topic) => filterMatches(wanted, topic)).sort())
        expect(index.size()).toBe(kept.length)
        for (const topic of kept) expect(index.get(topic)).toEqual({ topic })
        for (const topic of gone) expect(index.get(topic)).toBeUndefined()
      }),
    )
  })

  it('replaces the value of a topic, and a topic between others may go or come', () => {
    const index = createTopicIndex<{ n: number }>()
    index.set('a/b', { n: 1 })
    index.set('a/b', { n: 2 })
    expect(index.get('a')).toBeUndefined()
    index.set('a', { n: 3 })
    index.remove('a')
    expect(index.match('#')).toEqual([{ n: 2 }])
    expect(index.size()).toBe(1)
  })
})
