/** The small words of the API: device ids, cursors, attributes, the ledger's verdict. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attributesObject, canonicalAttributes } from './attributes.ts'
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts'
import { macDigits, parseDeviceId } from './device-id.ts'
import { ledgerVerdict } from './ledger-words.ts'

describe('device ids', () => {
  it('are read in any common writing', () => {
    for (const text of ['00-11-22-AA-BB-cc', '00:11:22:aa:bb:cc', '0011.22aa.bbcc', '001122AABBCC', ' 00 11 22 aa bb cc ']) {
      expect(parseDeviceId(text)).toBe('00-11-22-aa-bb-cc')
    }
    for (const text of ['', '00-11-22-33-44', '00-11-22-33-44-5g', '00112233445566', "00-11-22-33-44-55'"]) {
      expect(() => parseDeviceId(text)).toThrow(/Expected a MAC address/)
    }
  })

  it('are searched by any part of them', () => {
    expect(macDigits('22:AA')).toBe('22aa')
    expect(macDigits('0011.22')).toBe('001122')
    expect(macDigits('gateway')).toBe('')
    expect(macDigits('a')).toBe('')
  })
})

describe('cursors', () => {
  it('come back as they were, whatever the texts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), (text, number) => {
        expect(decodeCursor(encodeCursor([text, number]), ['string', 'signed'])).toEqual([text, number])
      }),
    )
  })

  it('of another list or of nobody are refused', () => {
    expect(() => decodeCursor(encodeCursor(['a']), ['number'])).toThrow(/nextCursor/)
    expect(() => decodeCursor(encodeCursor([1.5]), ['number'])).toThrow(/nextCursor/)
    expect(() => decodeCursor(encodeCursor([-1]), ['number'])).toThrow(/nextCursor/)
    expect(decodeCursor(encodeCursor([0]), ['number'])).toEqual([0])
    expect(decodeCursor(encodeCursor([-1]), ['signed'])).toEqual([-1])
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => decodeCursor(text, ['string', 'string', 'number'])).toThrow(/nextCursor/)
      }),
    )
  })

  it('are given only when there is more', () => {
    expect(pageOf([1, 2, 3], 2, (last) => [last])).toEqual({ rows: [1, 2], nextCursor: encodeCursor([2]) })
    expect(pageOf([1, 2], 2, (last) => [last])).toEqual({ rows: [1, 2], nextCursor: null })
  })
})

describe('attributes', () => {
  it('are compared by sorted keys', () => {
    expect(canonicalAttributes('{"b":"2","a":"1"}')).toBe('{"a":"1","b":"2"}')
    expect(canonicalAttributes('{}')).toBe('')
    expect(canonicalAttributes('')).toBe('')
    for (const text of ['[1]', 'x', '3', 'null']) expect(() => canonicalAttributes(text)).toThrow(/Expected attributes/)
  })

  it('are shown as an object', () => {
    expect(attributesObject('{"cpu.mode":"user"}')).toEqual({ 'cpu.mode': 'user' })
    expect(attributesObject('')).toEqual({})
    expect(attributesObject('not json')).toEqual({ text: 'not json' })
  })
})

describe('the ledger', () => {
  const sums = { received: 10, stored: 7, duplicate: 2, quarantined: 1, ambiguous: 1, withSeq: 7, seqExpected: 9, seqMissing: 2 }

  it('agrees when received is stored, repeated or refused', () => {
    expect(ledgerVerdict(sums)).toEqual({ ...sums, reconciled: true, difference: 0, missing: 2 })
    expect(ledgerVerdict({ ...sums, received: 11 })).toEqual({ ...sums, received: 11, reconciled: false, difference: 1, missing: 2 })
  })

  it('knows nothing of what is missing where nothing is numbered', () => {
    expect(ledgerVerdict({ ...sums, withSeq: 0, seqExpected: 0, seqMissing: 0 }).missing).toBe('unknown')
  })
})
