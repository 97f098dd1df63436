/** Texts and attributes of rules, made once into questions. */
import { type Fits, fitsAny } from '../../../model/selector.ts'

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
