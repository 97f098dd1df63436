/** Attributes of series as objects for readers, as canonical text for the warehouse. */
import { ProblemError } from './problems.ts'

/** Rows carry canonical JSON text; one that is not stays visible under `text` rather than failing a whole answer. */
export const attributesObject = (text: string): Record<string, string> => {
  if (text === '') return {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
      return Object.fromEntries(
        Object.entries(parsed).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
      )
    }
  } catch {
    // Falls to the text itself.
  }
  return { text }
}

/** The canonical text of what was asked for: sorted keys; `''` and `{}` are the series without attributes. */
export const canonicalAttributes = (text: string): string => {
  if (text === '') return ''
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new ProblemError(
      'REQUEST_INVALID',
      `Expected attributes as a JSON object like {"cpu.mode":"user"}, got ${JSON.stringify(text.slice(0, 60))}.`,
      {
        parameter: 'attributes',
      },
    )
  }
  const entries = Object.entries(parsed).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? '' : JSON.stringify(Object.fromEntries(entries))
}
