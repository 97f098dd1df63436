/** Texts of rules, `*` for any characters, made once into a question. Upper and lower case are one. */
import { isLike } from '../../../model/keeping.ts'

export type Fits = (text: string) => boolean

export const fitsAny = (patterns: readonly string[]): Fits => {
  const lower = patterns.map((pattern) => pattern.toLowerCase())
  const exact = new Set(lower.filter((pattern) => !pattern.includes('*')))
  const open = lower.filter((pattern) => pattern.includes('*'))
  return (text) => {
    const own = text.toLowerCase()
    return exact.has(own) || open.some((pattern) => isLike(pattern, own))
  }
}

export type AttributeFilter = Readonly<Record<string, readonly string[]>>

/** Attributes as the canonical text of an event. */
export const parseAttributes = (text: string): Readonly<Record<string, string>> => {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {}
  } catch {
    return {} // Not ours to refuse: the message was judged at the front door.
  }
}

export const attributesFit = (given: Readonly<Record<string, string>>, only: AttributeFilter, except: AttributeFilter): boolean =>
  Object.entries(only).every(([name, patterns]) => fitsAny(patterns)(given[name] ?? '')) &&
  Object.entries(except).every(([name, patterns]) => given[name] === undefined || !fitsAny(patterns)(given[name]))

const made = new WeakMap<readonly string[], Fits>()

/** The same for a list that a rule holds: made once. */
export const fitsOf = (patterns: readonly string[]): Fits => {
  let fits = made.get(patterns)
  if (fits === undefined) {
    fits = fitsAny(patterns)
    made.set(patterns, fits)
  }
  return fits
}
