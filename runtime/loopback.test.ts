import fc from 'fast-check'
import { isIPv4 } from 'node:net'
import { expect, it } from 'vitest'
import { isLoopbackHost } from './loopback.ts'

it.each([
  ['127.0.0.1', true],
  ['127.255.255.255', true],
  ['localhost', true],
  ['LocalHost', true],
  ['::1', true],
  ['[::1]', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['::FFFF:7f00:1', true],
  ['[::ffff:127.9.9.9]', true],
  // Resolvers read it as 127.0.0.1, but an address is one only in full.
  ['127.1', false],
  ['127.0.0.01', false],
  ['127.0.0.256', false],
  ['127.0.0.1.', false],
  ['127.evil.com', false],
  ['127.0.0.1.evil.com', false],
  ['127.0.0.1:80', false],
  ['localhost.evil.com', false],
  ['[127.0.0.1]', false],
  ['[localhost]', false],
  ['::1%lo', false],
  ['::ffff:10.0.0.1', false],
  ['::ffff:128.0.0.1', false],
  ['::', false],
  ['::2', false],
  ['1::1', false],
  ['0.0.0.0', false],
  ['128.0.0.1', false],
  ['10.0.0.1', false],
  ['2130706433', false],
  ['0x7f.0.0.1', false],
  ['example.org', false],
  ['::1]/x[', false],
  ['', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected)
})

it('takes nothing but addresses for what begins with 127.', () => {
  fc.assert(
    fc.property(fc.string(), (rest) => {
      expect(isLoopbackHost(`127.${rest}`)).toBe(isIPv4(`127.${rest}`))
    }),
  )
})
