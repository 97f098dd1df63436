import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type MetricDefinition, measurementCatalogue, metricDefinition } from './measurement-catalogue.ts'
import { catalogueMarkdown } from './measurement-catalogue-page.ts'

describe('measurement catalogue', () => {
  it('is what the documentation shows', () => {
    expect(readFileSync(new URL('../docs/reference/metrics-catalogue.md', import.meta.url), 'utf8')).toBe(catalogueMarkdown())
  })

  it.each(Object.entries<MetricDefinition>(measurementCatalogue))('%s has a range, a unit and a sentence', (name, definition) => {
    expect(name).toMatch(/^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$/)
    expect(definition.min).toBeLessThan(definition.max)
    expect(definition.unit).not.toBe('')
    expect(definition.description).toMatch(/\.$/)
  })

  it('knows nothing of other names, not even those of every object', () => {
    expect(metricDefinition('hardware.fan.rpm')).toBeUndefined()
    expect(metricDefinition('constructor')).toBeUndefined()
  })
})
