import { describe, expect, it } from 'vitest'
import { hash53 } from './hash.ts'
import { seriesKeyOf, seriesKeysMax } from './series-key.ts'

describe('the key of a series', () => {
  it('is made of metric and attributes, once', () => {
    const key = seriesKeyOf('network.io', '{"a":"b"}')
    expect(key).toEqual({ text: 'network.io {"a":"b"}', hash: hash53('network.io', '{"a":"b"}') })
    expect(seriesKeyOf('network.io', '{"a":"b"}')).toBe(key)
    expect(seriesKeyOf('network.io', '')).not.toEqual(key)
  })

  it('is the same after more names than are remembered', () => {
    const key = seriesKeyOf('a', '1')
    for (let n = 0; n <= seriesKeysMax; n++) seriesKeyOf('metric', String(n))
    const again = seriesKeyOf('a', '1')
    expect(again).toEqual(key)
    expect(again).not.toBe(key)
  })
})
