/**
 * The newest readings of what is watched for changes, by the device's own time: one that was overtaken within the minute still
 * shows its changes. Up, down, up is two changes in whatever order the three arrive.
 */
import type { DeviceRuleState } from './state.ts'

/** Of one signal; what is older than all of them is not placed any more. */
export const recentMax = 16
/** Signals of one device that are watched for changes; one beyond is not. */
export const changingMax = 64
const numbers = 2

export type Change = { atMs: number; value: number }
const none: readonly Change[] = []

/**
 * Changes that were not known before this reading. `keptFromMs`: what is older is late and shows none. Of two readings of one time
 * the later arrival is the later one.
 */
export const changesBy = (state: DeviceRuleState, key: string, { atMs, value }: Change, keptFromMs: number): readonly Change[] => {
  if (atMs < keptFromMs) return none
  const all = (state.recent ??= {})
  const known = all[key]
  if (known === undefined) {
    if (Object.keys(all).length < changingMax) all[key] = [atMs, value]
    return none
  }
  let at = known.length
  while (at > 0 && (known[at - numbers] ?? 0) > atMs) at -= numbers
  const isFull = known.length >= recentMax * numbers
  if (at === 0 && isFull) return none
  const [before, next, after] = [at === 0 ? undefined : known[at - 1], known[at], known[at + 1]]
  known.splice(at, 0, atMs, value)
  if (isFull) known.splice(0, numbers)
  // One from before the minute stays: it is what the first of the minute differs from.
  while (known.length > numbers && (known[numbers] ?? 0) <= keptFromMs) known.splice(0, numbers)
  return newChanges({ atMs, value }, before, next === undefined || after === undefined ? null : { atMs: next, value: after })
}

/** Between two that differ it moves their change at most: nothing is counted twice. */
const newChanges = (own: Change, before: number | undefined, next: Change | null): readonly Change[] => {
  const isChange = before !== undefined && before !== own.value
  if (next === null) return isChange ? [own] : none
  if (next.value === own.value) return none
  const wasChange = before !== undefined && before !== next.value
  return [...(isChange ? [own] : none), ...(wasChange ? none : [next])]
}

/** The value that held at `atMs`, and those after it; none where nothing is known. */
export const recentFrom = ({ recent }: DeviceRuleState, key: string, atMs: number): readonly number[] => {
  const known = recent?.[key]
  if (known === undefined) return []
  const values: number[] = []
  for (let at = known.length - numbers; at >= 0; at -= numbers) {
    values.push(known[at + 1] ?? 0)
    if ((known[at] ?? 0) <= atMs) break
  }
  return values
}
