import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stageTables } from '../../processors/domain/projection.ts'
import { formatNote, parseNote } from './commit-note.ts'

describe('the note beside a committed offset', () => {
  it('gives back what it was made of', () => {
    const note = fc
      .record({ next: fc.nat(2 ** 50), more: fc.option(fc.nat(1_000_000)), held: fc.subarray([...stageTables]) })
      .map(({ next, more, held }) =>
        more === null ? { next, pendingTo: null } : { next, pendingTo: next + more, ...(held.length === 0 ? {} : { held }) },
      )
    fc.assert(
      fc.property(note, (own) => {
        expect(parseNote(own.next, formatNote(own))).toEqual(own)
      }),
    )
  })

  it('takes any other text as no note', () => {
    fc.assert(fc.property(fc.nat(), fc.string(), (next, text) => /^p:\d+/.test(text) || parseNote(next, text).pendingTo === null))
    for (const text of [null, '', 'p:', 'p:-1', 'p:4', 'p:99999999999999999999', 'p:9x', 'p:9 ', 'p:9  radio', 'p:9 Radio', 'x p:9'])
      expect(parseNote(5, text)).toEqual({ next: 5, pendingTo: null })
    expect(parseNote(5, 'p:5')).toEqual({ next: 5, pendingTo: 5 })
  })
})
