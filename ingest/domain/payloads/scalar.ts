/** A payload that is one value without braces: `23.4`, `open`, `"open"`, `true`, `-`. */
import { addFact, addGeneric, type Draft } from '../draft.ts'
import { toNumber } from '../values.ts'

export const scalarOf = (text: string): unknown => {
  const trimmed = text.trim()
  if (trimmed === 'true') return true
  if (trimmed === 'false') return false
  if (!trimmed.startsWith('"')) return trimmed
  try {
    return JSON.parse(trimmed)
  } catch {
    return trimmed
  }
}

/** A number (or no reading) becomes a measurement, a word a fact of that name. */
export const readScalar = (draft: Draft, value: unknown, metric: string, factName: string): void => {
  const number = toNumber(value)
  if (number === undefined) addFact(draft, factName, value)
  else addGeneric(draft, metric, number)
}
