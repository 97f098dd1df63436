import { describe, expect, it } from 'vitest'
import { type AvroSchema, createBytesCheck, depthMax, itemsMax, zeroSizeItemsMax } from './check-bytes.ts'

const check = (schema: AvroSchema, hex: string): string | undefined => createBytesCheck(schema)(Buffer.from(hex, 'hex'), 0)
const long = (n: number): Buffer => {
  const bytes: number[] = []
  let rest = n * 2
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

describe('check of Avro bytes', () => {
  it('takes at most so many items without bytes in the whole message, over nesting and blocks', () => {
    const nested: AvroSchema = { type: 'array', items: { type: 'array', items: 'null' } }
    const inner = (count: number): Buffer => Buffer.concat([long(count), Buffer.from([0])])
    const of = (...counts: number[]): Buffer => Buffer.concat([long(counts.length), ...counts.map(inner), Buffer.from([0])])
    expect(createBytesCheck(nested)(of(zeroSizeItemsMax - 1, 1), 0)).toBeUndefined()
    expect(createBytesCheck(nested)(of(zeroSizeItemsMax - 1, 2), 0)).toMatch(/at most 1000 items without bytes/)
  })

  it('starts each message with fresh counts', () => {
    const fresh = createBytesCheck({ type: 'array', items: 'null' })
    const full = Buffer.concat([long(zeroSizeItemsMax), Buffer.from([0])])
    expect([fresh(full, 0), fresh(full, 0)]).toEqual([undefined, undefined])
  })

  it('takes at most so many items at all', () => {
    const of = (count: number): Buffer => Buffer.concat([long(count), Buffer.alloc(count), Buffer.from([0])])
    const ints = createBytesCheck({ type: 'array', items: 'int' })
    expect(ints(of(itemsMax), 0)).toBeUndefined()
    expect(ints(of(itemsMax + 1), 0)).toMatch(/at most 1000000 items/)
  })

  it('takes at most so many levels', () => {
    const list: AvroSchema = { type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'] }] }
    expect(check(list, `${'02'.repeat(depthMax - 1)}00`)).toBeUndefined()
    expect(check(list, `${'02'.repeat(depthMax)}00`)).toMatch(/at most 64 levels/)
  })

  it('takes integers from -2^52 to 2^53 - 2', () => {
    expect(check('long', 'fcffffffffffff1f')).toBeUndefined()
    expect(check('long', 'ffffffffffffff0f')).toBeUndefined()
    expect(check('long', 'feffffffffffff1f')).toMatch(/-2\^52 to 2\^53/)
    expect(check('long', '8180808080808010')).toMatch(/-2\^52 to 2\^53/)
    expect(check('int', 'feffffff0f')).toBeUndefined()
    expect(check('int', 'ffffffff0f')).toBeUndefined()
    expect(check('int', '8080808010')).toMatch(/32-bit/)
  })

  it('refuses an integer that is written longer than needed', () => expect(check('long', '8200')).toMatch(/shortest form/))

  it('refuses a block that does not take the bytes that it announces', () => {
    const ints: AvroSchema = { type: 'array', items: 'int' }
    expect(check(ints, '03040204' + '00')).toBeUndefined()
    expect(check(ints, '03060204' + '00')).toMatch(/block of 3 bytes, got 2/)
    expect(check(ints, '0305020400')).toMatch(/block of -3 bytes, got 2/)
  })

  it('refuses the map key __proto__', () => {
    const map: AvroSchema = { type: 'map', values: 'int' }
    expect(check(map, `0212${Buffer.from('__proto__').toString('hex')}0200`)).toMatch(/map key/)
    expect(check(map, `0212${Buffer.from('__prot0__').toString('hex')}0200`)).toBeUndefined()
  })

  it('refuses floats and doubles that are not finite, of either sign', () => {
    expect([check('float', '0000807f'), check('float', '000080ff'), check('float', '0000c07f')]).toEqual(
      Array(3).fill('Expected a finite number at byte 4'),
    )
    expect([check('float', 'ffff7f7f'), check('double', 'ffffffffffffef7f')]).toEqual([undefined, undefined])
  })

  it('refuses invalid UTF-8 in short and in long texts', () => {
    const text = (length: number): string =>
      Buffer.concat([long(length), Buffer.alloc(length - 1, 'a'), Buffer.from([0xff])]).toString('hex')
    expect([check('string', text(5)), check('string', text(500))]).toEqual(['Expected UTF-8 at byte 6', 'Expected UTF-8 at byte 502'])
  })
})
