/**
 * What a payload's value says: a number, "no reading", or a word. Devices write numbers as texts ("-97.00") and missing
 * readings as `-`, `--`, `n/a`; those must become null, never zero.
 */

const missingMarkers = new Set([
  '',
  '-',
  '--',
  '---',
  'n/a',
  'na',
  'nan',
  'null',
  'nil',
  'none',
  'unknown',
  'unavailable',
  'not available',
  '?',
  'undefined',
])
/** Of a fact, `none` and `unknown` are words that say something. */
const missingFacts = new Set(['', '-', '--', '---', 'n/a', 'null', 'nil', 'undefined'])
const numberText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** Null: the device says that it has no reading. Undefined: a word, or no single value. */
export const toNumber = (value: unknown): number | null | undefined => {
  if (typeof value === 'number') return value
  if (value === null) return null
  if (typeof value === 'string') return textToNumber(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  return undefined
}

export const textToNumber = (text: string): number | null | undefined => {
  const trimmed = text.trim()
  if (trimmed.length > 0 && trimmed.length <= 40 && numberText.test(trimmed)) return Number(trimmed)
  return trimmed.length < 16 && missingMarkers.has(trimmed.toLowerCase()) ? null : undefined
}

/** Null: the device says that there is none. Undefined: an object or array. */
export const toWord = (value: unknown): string | null | undefined => {
  if (typeof value === 'string') {
    const trimmed = value.trim()
    return trimmed.length < 16 && missingFacts.has(trimmed.toLowerCase()) ? null : trimmed
  }
  if (value === null) return null
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return undefined
}

const trueWords = new Set(['true', 'yes', 'on', 'up', '1', 'y', 'active', 'connected'])
const falseWords = new Set(['false', 'no', 'off', 'down', '0', 'n', 'inactive', 'disconnected'])

/** Null where the value is neither. */
export const toFlag = (value: unknown): boolean | null => {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim().toLowerCase() : ''
  return trueWords.has(word) ? true : falseWords.has(word) ? false : null
}

/** All but the last four characters as `*`; shorter ones whole, so that the mask never says the value. */
export const masked = (value: string): string =>
  value.length <= 6 ? '*'.repeat(value.length) : '*'.repeat(value.length - 4) + value.slice(-4)

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
