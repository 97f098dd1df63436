import { deflateRawSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { inflateBounded } from './inflate.ts'

it('gives what was deflated, up to the bound itself', () => {
  const deflated = deflateRawSync(Buffer.alloc(1000, 7))
  expect(inflateBounded(deflated, 1000)).toEqual(Buffer.alloc(1000, 7))
  expect(inflateBounded(deflated, 999)).toBeNull()
})

it('gives null for bytes that are no deflate stream', () => {
  expect(inflateBounded(Buffer.from('no deflate'), 1000)).toBeNull()
  expect(inflateBounded(Buffer.alloc(0), 1000)).toBeNull()
})
