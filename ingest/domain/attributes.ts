/** Canonical attributes: '' or a JSON object text with sorted keys, so that one series has one text. */
import { keysInCacheMax } from './limits.ts'

export const attributesOf = (entries: Readonly<Record<string, string>>): string => {
  const keys = Object.keys(entries).sort()
  return keys.length === 0 ? '' : `{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(entries[key])}`).join(',')}}`
}

const merged = new Map<string, string>()

/** Both sets together. Texts come from `attributesOf`; names of the second win. */
export const mergeAttributes = (first: string, second: string): string => {
  if (first === '' || first === second) return second
  if (second === '') return first
  const key = `${first}\n${second}`
  const known = merged.get(key)
  if (known !== undefined) return known
  const made = attributesOf({ ...(JSON.parse(first) as Record<string, string>), ...(JSON.parse(second) as Record<string, string>) })
  if (merged.size < keysInCacheMax) merged.set(key, made)
  return made
}
