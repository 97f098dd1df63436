import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseStrictJson } from './strict-json.ts'

const reasonOf = (text: string): string => {
  const result = parseStrictJson(text)
  return result.ok ? 'ok' : result.reason
}

describe('strict JSON', () => {
  it('gives what JSON.parse gives for every valid value within the depth', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => {
        const text = JSON.stringify(value)
        expect(parseStrictJson(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown })
      }),
    )
  })

  it('never throws, and takes nothing that JSON.parse refuses', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', 'u', 'd', '8', '0', '1', 'e', ' ') }),
        ),
        (text) => {
          if (!parseStrictJson(text).ok) return
          expect(() => JSON.parse(text) as unknown).not.toThrow()
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ['{"a":1,"a":2}', 'JSON_DUPLICATE_KEY'],
    ['{"a":1,"\\u0061":2}', 'JSON_DUPLICATE_KEY'],
    ['{"o":{"b":1,"c":{"d":1,"d":1}}}', 'JSON_DUPLICATE_KEY'],
    ['{"__proto__":1,"__proto__":2}', 'JSON_DUPLICATE_KEY'],
    ['[{"a":1},{"a":2}]', 'ok'],
    ['{"a:b":": \\" :","c":1}', 'ok'],
    ['{"a":1e400}', 'NUMBER_NOT_FINITE'],
    ['{"a":-1e400}', 'NUMBER_NOT_FINITE'],
    ['{"a":1e308}', 'ok'],
    ['{"a":"\\ud800"}', 'JSON_LONE_SURROGATE'],
    ['{"\\udc00":1}', 'JSON_LONE_SURROGATE'],
    ['{"a":"\\ud83d\\ude00"}', 'ok'],
    ['\ufeff{"a":1}', 'JSON_BOM'],
    ['{"a":NaN}', 'JSON_INVALID'],
    ['{"a":1,}', 'JSON_INVALID'],
    ['{"a":01}', 'JSON_INVALID'],
    ['{"a":"line\nfeed"}', 'JSON_INVALID'],
    ['{"a":"', 'JSON_INVALID'],
    ['', 'JSON_INVALID'],
  ])('%s: %s', (text, reason) => expect(reasonOf(text)).toBe(reason))

  it('takes 32 levels and refuses 33, and 100,000 without a deep stack', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(reasonOf(nested(32))).toBe('ok')
    expect(reasonOf(nested(33))).toBe('JSON_TOO_DEEP')
    expect(reasonOf('{"a":'.repeat(100_000))).toBe('JSON_TOO_DEEP')
  })

  it('keeps __proto__ as a plain key without effect', () => {
    const result = parseStrictJson('{"__proto__":{"polluted":true}}')
    expect(result.ok && Object.keys(result.value as object)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('names the key that came twice', () => {
    expect(parseStrictJson('{"x":[{"a":1}],"load\\"1":1,"load\\"1":2}')).toEqual({
      ok: false,
      reason: 'JSON_DUPLICATE_KEY',
      detail: 'expected each key once, got "load"1" twice',
    })
  })

  it('tells of an error without showing long numbers of the payload', () => {
    expect(parseStrictJson('{"imei":001122334455667}')).toMatchObject({ detail: expect.not.stringContaining('1122334455667') as string })
  })
})
