/**
 * Distinct series (metric with attributes) of one device are bounded: names stand in LowCardinality columns, which hold some
 * thousands well and millions not at all, and one device with changing names would fill them for the whole fleet. Beyond the
 * bound a new name gives no row; it is counted, told once as a fact of the device, and its message stays in `messages`.
 */
import type { Context } from '../projection.ts'
import { seriesKeyOf } from '../series-key.ts'
import { projectFacts } from './facts.ts'

/** A switch of 48 ports with 20 readings each has 960; a router some 100. */
export const seriesPerDeviceMax = 2_000
export const seriesLimitFact = 'recorder.series_limit'

/** May a row of this series be written? A new one is remembered while there is room. */
export const admitSeries = (context: Context, metric: string, attributes: string): boolean => {
  const { overlay, event } = context
  const { id } = event.subject
  const state = overlay.look('series', id) ?? { kind: 'series', hashes: [], told: false }
  const { hash } = seriesKeyOf(metric, attributes)
  const at = placeOf(state.hashes, hash)
  if (state.hashes[at] === hash) return true
  if (state.hashes.length < seriesPerDeviceMax) {
    state.hashes.splice(at, 0, hash)
    overlay.keep('series', id, state)
    return true
  }
  context.onLimit('series-per-device')
  if (!state.told) {
    state.told = true
    overlay.keep('series', id, state)
    const value = `${seriesPerDeviceMax} metrics are kept; readings of new names are in messages only`
    projectFacts(context, { kind: 'Facts', items: [{ name: seriesLimitFact, value, sealed: null }] })
  }
  return false
}

/** Where it stands or would stand in the ascending list. */
const placeOf = (hashes: readonly number[], hash: number): number => {
  let [low, high] = [0, hashes.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((hashes[middle] ?? 0) < hash) low = middle + 1
    else high = middle
  }
  return low
}
