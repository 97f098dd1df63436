import fc from 'fast-check'
import { expect, it } from 'vitest'
import { alarmKey } from '../../../test/alarm-fakes.ts'
import { episodeIdOf, eventIdOf, parseEpisodeId, streamIdOf } from './stream-id.ts'

it('a stream is named by tenant, resource, type and qualifier, for ever', () => {
  expect(streamIdOf('default', alarmKey)).toMatch(/^alarm-default-[0-9a-f]{16}$/)
  const others = [
    { ...alarmKey, qualifier: 'x' },
    { ...alarmKey, type: 'x' },
    { ...alarmKey, resource: 'x' },
    { resource: 'a', type: 'b', qualifier: 'c' },
    { resource: 'ab', type: '', qualifier: 'c' },
  ]
  expect(new Set([alarmKey, ...others].map((key) => streamIdOf('default', key))).size).toBe(6)
})

it('an episode id is read back as it was written, and anything else is refused', () => {
  fc.assert(
    fc.property(
      fc
        .string({ minLength: 1 })
        .map((text) => text.replaceAll('\n', ''))
        .filter((text) => text !== ''),
      fc.integer({ min: 1 }),
      fc.boolean(),
      (stream, episode, foundLate) => {
        expect(parseEpisodeId(episodeIdOf(stream, { episode, foundLate }))).toEqual({ stream, episode, foundLate })
      },
    ),
  )
  for (const wrong of ['', 'alarm', ':1', 'alarm:0', 'alarm:01', 'alarm:-1', 'alarm:M1', 'alarm:1x'])
    expect(parseEpisodeId(wrong)).toBeNull()
  expect(eventIdOf('alarm-default-0', 7)).toBe('alarm-default-0#7')
})
