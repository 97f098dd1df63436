/** For property tests of payload profiles: the profile's own examples with pieces cut, doubled, swapped and replaced by what hurts. */
import fc from 'fast-check'

/** What hurts readers: empty, half, huge, not a number, markers, quotes, controls. */
export const hostilePieces = [
  '',
  '-',
  '--',
  '""',
  '"',
  ',',
  ',,,,',
  ':',
  '\r\n',
  '\0',
  '{',
  '}',
  '[]',
  'null',
  'true',
  'nan',
  'U',
  'N',
  '0',
  '-32768',
  '2079167',
  '1e400',
  '1e308',
  '9007199254740993',
  '"__proto__":1',
  '{"__proto__":{"v":1}}',
  '"constructor"',
  '-97 dBm',
  '\u{1f4a9}',
  '\ud800',
  'x'.repeat(300),
] as const

type Edit = { at: number; length: number; piece: string }
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(10_000),
  length: fc.nat(12),
  piece: fc.oneof(fc.constantFrom(...hostilePieces), fc.string({ maxLength: 6 })),
})

/** One of the texts, edited up to four times. */
export const mutatedOf = (texts: readonly string[]): fc.Arbitrary<string> =>
  fc.record({ text: fc.constantFrom(...texts), edits: fc.array(edit, { maxLength: 4 }) }).map(({ text, edits }) =>
    edits.reduce((current, { at, length, piece }) => {
      const from = at % (current.length + 1)
      return current.slice(0, from) + piece + current.slice(from + length)
    }, text),
  )
