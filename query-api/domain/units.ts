/** Unit (UCUM) of a metric; null for one that the catalogue does not know. */
import { metricDefinition } from '../../model/measurement-catalogue.ts'

export const unitOf = (metric: string): string | null => metricDefinition(metric)?.unit ?? null
