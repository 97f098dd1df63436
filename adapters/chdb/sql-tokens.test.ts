import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutTail, parameterNames, tokenize } from './sql-tokens.ts'

describe('tokens of a statement', () => {
  it('hide words in quotes and comments', () => {
    expect(tokenize('SELECT \'a SETTINGS b\', `x FORMAT y` -- c\n /* d */ + "e"').map(({ kind, text }) => [kind, text])).toEqual([
      ['word', 'SELECT'],
      ['string', "'a SETTINGS b'"],
      ['sign', ','],
      ['quoted', '`x FORMAT y`'],
      ['sign', '+'],
      ['quoted', '"e"'],
    ])
  })

  it('name the parameters, but not those inside texts', () => {
    expect(parameterNames(tokenize("SELECT {a:UInt8}, '{b:String}', {c : Array(String)}, map('k':1)"))).toEqual(new Set(['a', 'c']))
  })

  it('are made of any text, without gaps except white space and comments', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("'", '`', '"', '\\', '-', '/', '*', '$', 'a', ' ', '\n', '(', '{', '#') }), (text) => {
        const tokens = tokenize(text)
        let end = 0
        for (const token of tokens) {
          expect(token.start).toBeGreaterThanOrEqual(end)
          expect(text.slice(token.start, token.end)).toBe(token.text)
          end = token.end
        }
      }),
    )
  })
})

describe('the tail of a statement', () => {
  it.each([
    ['SELECT 1', 'SELECT 1', null, []],
    ['SELECT 1 FORMAT JSON', 'SELECT 1', 'JSON', []],
    ['SELECT 1 FORMAT JSON SETTINGS a = 1', 'SELECT 1', 'JSON', [['a', '1']]],
    [
      "SELECT 1 SETTINGS a = 1, b = 'x, y' FORMAT CSV",
      'SELECT 1',
      'CSV',
      [
        ['a', '1'],
        ['b', "'x, y'"],
      ],
    ],
    ["SELECT 1 SETTINGS f = {'t':'a = 1, b'}", 'SELECT 1', null, [['f', "{'t':'a = 1, b'}"]]],
    ['SELECT 1 AS format', 'SELECT 1 AS format', null, []],
    ['SELECT t.format, settings FROM t', 'SELECT t.format, settings FROM t', null, []],
    ['SELECT * FROM (SELECT 1 SETTINGS a = 1)', 'SELECT * FROM (SELECT 1 SETTINGS a = 1)', null, []],
    ["SELECT 'FORMAT JSON'", "SELECT 'FORMAT JSON'", null, []],
  ])('of %s', (sql, text, format, settings) => {
    expect(cutTail(sql)).toEqual({ text, format, settings })
  })

  it('is cut from any text without an error', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('SETTINGS ', 'FORMAT ', 'a', '=', '1', ',', '(', ')', "'", ' ') }),
        (text) => void cutTail(text),
      ),
    )
  })
})
