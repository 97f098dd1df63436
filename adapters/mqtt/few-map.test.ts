import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FewMap } from './few-map.ts'

it('answers as a Map does, whatever is done to it', () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(fc.tuple(fc.constant('set' as const), key, fc.integer()), fc.tuple(fc.constant('delete' as const), key))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const few = new FewMap<string, number>()
      const map = new Map<string, number>()
      for (const [what, name, value] of steps) {
        if (what === 'set') {
          const isNew = !map.has(name)
          map.set(name, value)
          expect(few.set(name, value)).toBe(isNew)
        } else expect(few.delete(name)).toBe(map.delete(name))
        const found: [string, number][] = []
        few.forEach((each, of) => found.push([of, each]))
        expect(found).toEqual([...map])
        for (const each of ['a', 'b', 'c']) expect(few.get(each)).toBe(map.get(each))
        expect(few.isEmpty).toBe(map.size === 0)
      }
    }),
  )
})
