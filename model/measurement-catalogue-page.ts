/** The catalogue as a page of the documentation; a test compares `docs/reference/metrics-catalogue.md` with it. */
import { type MetricDefinition, measurementCatalogue } from './measurement-catalogue.ts'

export const catalogueMarkdown = (): string => `# Metrics catalogue

Made from \`model/measurement-catalogue.ts\`. Names follow the OpenTelemetry semantic conventions where one exists; units are UCUM. A value outside the range is no reading: null with quality \`out_of_range\`. Metrics that are not listed are named by category, metric and path, and have no range.

| metric | kind | unit | range | attributes | description |
| --- | --- | --- | --- | --- | --- |
${Object.entries<MetricDefinition>(measurementCatalogue).map(row).join('\n')}
`

const row = ([name, { kind, unit, min, max, attributes, description }]: [string, MetricDefinition]): string =>
  `| \`${name}\` | ${kind} | \`${unit}\` | ${bound(min)}..${bound(max)} | ${attributes.map((attribute) => `\`${attribute}\``).join(', ')} | ${description} |`

const bound = (value: number): string => (value === Number.MAX_SAFE_INTEGER ? '2^53' : String(value))
