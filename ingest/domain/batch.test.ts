import fc from 'fast-check'
import { expect, it } from 'vitest'
import { batchMessagesMax, isBatchTopic, splitBatch } from './batch.ts'

const root = 'dwr/311-a1/00-11-22-33-44-55'
const bytes = (text: string) => new TextEncoder().encode(text)
const split = (text: string) => {
  const result = splitBatch(`${root}/batch/deflate`, bytes(text))
  return result.ok ? result.value.map(({ topic, payload }) => [topic, new TextDecoder().decode(payload)]) : result.reason
}

it('knows its topic', () => {
  expect(isBatchTopic(`${root}/batch/deflate`)).toBe(true)
  expect(isBatchTopic(`${root}/hardware/loadavg`)).toBe(false)
})

it('makes each line a message of its own, its text untouched', () => {
  expect(split('{"topic":"hardware/loadavg","payload":{"load1":1,"load1":2}}\n{"topic":"status","payload":"online"}\n')).toEqual([
    [`${root}/hardware/loadavg`, '{"load1":1,"load1":2}'],
    [`${root}/status`, 'online'],
  ])
})

it.each([
  ['', 'expected at least one line, got none'],
  ['{}', 'line 1: expected {"topic":"<category>/<metric>","payload":...}, got {}'],
  [
    '{"topic":"../other","payload":1}',
    'line 1: expected {"topic":"<category>/<metric>","payload":...}, got {"topic":"../other","payload":1}',
  ],
  [
    '{"topic":"batch/deflate","payload":1}',
    'line 1: expected {"topic":"<category>/<metric>","payload":...}, got {"topic":"batch/deflate","payload":1}',
  ],
])('refuses %s', (text, reason) => expect(split(text)).toBe(reason))

it(`takes ${batchMessagesMax} lines and refuses one more`, () => {
  const line = '{"topic":"a/b","payload":1}\n'
  expect(split(line.repeat(batchMessagesMax))).toHaveLength(batchMessagesMax)
  expect(split(line.repeat(batchMessagesMax + 1))).toBe(`expected at most ${batchMessagesMax} lines, got ${batchMessagesMax + 1}`)
})

it('never throws', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (input) => void splitBatch(`${root}/batch/deflate`, input)))
})
