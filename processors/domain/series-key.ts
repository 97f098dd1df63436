/**
 * What is made of a series' name, metric and attributes: a key and a hash. A fleet's devices share a few hundred of them and
 * send them with every message, so they are made once and found again.
 */
import { hash53 } from './hash.ts'

export type SeriesKey = { text: string; hash: number }

/** Some 20 MB; a fleet in order has a thousandth of it. Beyond, all are made anew. */
export const seriesKeysMax = 100_000

let held = 0
const byMetric = new Map<string, Map<string, SeriesKey>>()

export const seriesKeyOf = (metric: string, attributes: string): SeriesKey => {
  let byAttributes = byMetric.get(metric)
  const known = byAttributes?.get(attributes)
  if (known !== undefined) return known
  if (held >= seriesKeysMax) {
    byMetric.clear()
    byAttributes = undefined
    held = 0
  }
  if (byAttributes === undefined) byMetric.set(metric, (byAttributes = new Map<string, SeriesKey>()))
  const made = { text: `${metric} ${attributes}`, hash: hash53(metric, attributes) }
  byAttributes.set(attributes, made)
  held++
  return made
}
