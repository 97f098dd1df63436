/**
 * Readings that stand still: a series whose readings nearly always differ from the one before says the same value for far longer
 * than it ever did. A sensor that is stuck stays within all that is usual, so no level finds it.
 * Before: readings.  After: `detector.ts`.
 */
export type FlatLine = { atMs: number; sinceMs: number; value: number; readings: number }

/** Plain data. */
export type Standstill = {
  firstMs: number | null
  lastMs: number
  value: number
  sinceMs: number
  readings: number
  longestMs: number
  /** Readings in all, and those that differed from the one before. */
  seen: number
  changes: number
  told: boolean
}

export const initialStandstill = (): Standstill => ({
  firstMs: null,
  lastMs: 0,
  value: Number.NaN,
  sinceMs: 0,
  readings: 0,
  longestMs: 0,
  seen: 0,
  changes: 0,
  told: false,
})

const learnMs = 86_400_000
const seenLeast = 96
/** What rests for hours each night, or says whole numbers that repeat, is no such series. */
const changingShareLeast = 0.8
const standsLeastMs = 2 * 3_600_000
const readingsLeast = 12
const longerThanEver = 3

/** Takes a reading in, in place; answers once for each standstill. */
export const noteStandstill = (state: Standstill, atMs: number, value: number): FlatLine | null => {
  if (state.firstMs !== null && atMs <= state.lastMs) return null
  state.firstMs ??= atMs
  state.lastMs = atMs
  if (value !== state.value) {
    // A standstill that was told is no measure of what is usual.
    if (!state.told && state.readings > 0) {
      state.longestMs = Math.max(state.longestMs, atMs - state.sinceMs)
      state.seen += state.readings
      state.changes++
    }
    state.value = value
    state.sinceMs = atMs
    state.readings = 1
    state.told = false
    return null
  }
  state.readings++
  if (state.told || state.readings < readingsLeast || !isLearned(state)) return null
  const standsMs = atMs - state.sinceMs
  if (standsMs < standsLeastMs || standsMs < longerThanEver * state.longestMs) return null
  state.told = true
  return { atMs, sinceMs: state.sinceMs, value, readings: state.readings }
}

const isLearned = ({ firstMs, sinceMs, seen, changes }: Standstill): boolean =>
  firstMs !== null && sinceMs - firstMs >= learnMs && seen >= seenLeast && changes >= changingShareLeast * seen
