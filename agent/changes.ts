/**
 * For paid links: of each message only what changed since it was last said. Everything is said again every
 * `fullEveryMs`, so that a recorder that starts later, or lost an hour, knows the state soon.
 */
import type { Sample } from './samplers.ts'

export const createChangesOnly = (fullEveryMs: number): ((sample: Sample, nowMs: number) => Sample | undefined) => {
  const said = new Map<string, { values: Record<string, unknown>; fullAtMs: number }>()
  return (sample, nowMs) => {
    const before = said.get(sample.topic)
    if (before === undefined || nowMs - before.fullAtMs >= fullEveryMs) {
      said.set(sample.topic, { values: sample.values, fullAtMs: nowMs })
      return sample
    }
    said.set(sample.topic, { values: sample.values, fullAtMs: before.fullAtMs })
    const changed = changedOf(before.values, sample.values)
    return changed === undefined ? undefined : { topic: sample.topic, values: changed }
  }
}

/** The entries of `after` that differ from `before`; objects entry by entry, arrays as a whole; undefined when nothing differs. */
export const changedOf = (before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> | undefined => {
  const changed: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(after)) {
    const old = before[key]
    if (isObject(value) && isObject(old)) {
      const inner = changedOf(old, value)
      if (inner !== undefined) changed[key] = inner
    } else if (JSON.stringify(value) !== JSON.stringify(old)) {
      changed[key] = value
    }
  }
  return Object.keys(changed).length === 0 ? undefined : changed
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
