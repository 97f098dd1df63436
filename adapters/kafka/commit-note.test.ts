import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatNote, parseNote } from './commit-note.ts'

describe('the note beside a committed offset', () => {
  it('gives back what it was made of', () => {
    const note = fc
      .record({ next: fc.nat(2 ** 50), more: fc.option(fc.nat(1_000_000)) })
      .map(({ next, more }) => ({ next, pendingTo: more === null ? null : next + more }))
    fc.assert(
      fc.property(note, (own) => {
        expect(parseNote(own.next, formatNote(own))).toEqual(own)
      }),
    )
  })

  it('takes any other text as no note', () => {
    fc.assert(fc.property(fc.nat(), fc.string(), (next, text) => /^p:\d+$/.test(text) || parseNote(next, text).pendingTo === null))
    for (const text of [null, '', 'p:', 'p:-1', 'p:4', 'p:99999999999999999999', 'p:9x'])
      expect(parseNote(5, text)).toEqual({ next: 5, pendingTo: null })
    expect(parseNote(5, 'p:5')).toEqual({ next: 5, pendingTo: 5 })
  })
})
