import { describe, expect, it } from 'vitest'
import { createTopicMap } from '../../ingest/domain/topic-map.ts'
import { parse } from 'yaml'
import { mappingLine } from './mapping-line.ts'

describe('mapping line', () => {
  it.each([
    ['acme/+/telemetry/temp', '- { name: acme, pattern: "acme/{device}/{metric+}", subject: device, category: acme }'],
    ['meters/+', '- { name: meters, pattern: "meters/{device}", subject: device, category: meters, metric: value }'],
    ['+/+/state', '- { name: own, pattern: "{model}/{device}/{metric+}", subject: device, category: own }'],
  ])('of %s takes in its topics', (shape, line) => {
    expect(mappingLine(shape)).toBe(line)
    const map = createTopicMap({ families: parse(line) as unknown[] })
    if (!map.ok) throw new Error(map.reason)
    const topic = shape.replace(/\+(?!.*\+)/, '00-11-22-33-44-55').replace('+', 'x1')
    expect(map.value.resolve(topic)).toMatchObject({ subject: { id: '00-11-22-33-44-55' } })
  })

  it.each(['a/b/c', 'a/+/b/#'])('of %s is not guessed', (shape) => {
    expect(mappingLine(shape)).toBeNull()
  })
})
