/**
 * Reads untrusted YAML values strictly: each reader notes what is wrong with its path and goes on, so that a file's mistakes
 * are all told at once. What a reader returns after noting a problem is never used.
 */
import { durationMs } from '../arguments.ts'

export type Read<T> = (value: unknown, path: string, problems: string[]) => T
/** `fallback` stands for an absent key; a field without one is required. */
export type Field<T> = { read: Read<T>; fallback?: () => T }
type Shape = Readonly<Record<string, Field<unknown>>>
export type ObjectOf<S extends Shape> = { -readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never }

export const required = <T>(read: Read<T>): Field<T> => ({ read })
export const optional = <T>(read: Read<T>): Field<T | undefined> => ({ read, fallback: () => undefined })
export const withDefault = <T>(read: Read<T>, fallback: T): Field<T> => ({ read, fallback: () => fallback })

const complain = (problems: string[], path: string, expected: string, value: unknown): void => {
  const shown = value === undefined ? 'nothing' : JSON.stringify(value)
  problems.push(`${path}: expected ${expected}, got ${shown.length > 80 ? `${shown.slice(0, 80)}...` : shown}`)
}

export const text: Read<string> = (value, path, problems) => {
  if (typeof value === 'string' && value.trim() !== '') return value
  complain(problems, path, 'a text', value)
  return ''
}

export const matching =
  (pattern: RegExp, expected: string): Read<string> =>
  (value, path, problems) => {
    if (typeof value === 'string' && pattern.test(value)) return value
    complain(problems, path, expected, value)
    return ''
  }

export const flag: Read<boolean> = (value, path, problems) => {
  if (typeof value === 'boolean') return value
  complain(problems, path, 'true or false', value)
  return false
}

export const number =
  (least: number, greatest: number): Read<number> =>
  (value, path, problems) => {
    if (typeof value === 'number' && value >= least && value <= greatest) return value
    complain(problems, path, `a number from ${least} to ${greatest}`, value)
    return least
  }

export const integer =
  (least: number, greatest: number): Read<number> =>
  (value, path, problems) => {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= greatest) return Number(value)
    complain(problems, path, `a whole number from ${least} to ${greatest}`, value)
    return least
  }

/** 0..1. */
export const share: Read<number> = number(0, 1)

export const oneOf =
  <const T extends readonly string[]>(words: T): Read<T[number]> =>
  (value, path, problems) => {
    const found = words.find((word) => word === value)
    if (found === undefined) complain(problems, path, `one of ${words.join(', ')}`, value)
    return found ?? (words[0] as T[number])
  }

/** `90s`, `1h30m`; a negative one has a leading `-`. Milliseconds. */
export const duration =
  (leastMs = 0): Read<number> =>
  (value, path, problems) => {
    const ms = typeof value === 'string' ? parseDuration(value) : undefined
    if (ms !== undefined && ms >= leastMs) return ms
    complain(
      problems,
      path,
      leastMs > 0 ? `a duration of at least ${leastMs} ms, like 90s or 1h30m` : 'a duration like 90s or 1h30m',
      value,
    )
    return leastMs
  }

export const parseDuration = (written: string): number | undefined => {
  const [, sign, rest] = /^([+-]?)((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)$/.exec(written.trim()) ?? []
  if (rest === undefined) return undefined
  let sumMs = 0
  for (const [part] of rest.matchAll(/\d+(?:\.\d+)?(?:ms|s|m|h|d)/g)) sumMs += durationMs(part) ?? 0
  return sign === '-' ? -sumMs : sumMs
}

export const list =
  <T>(read: Read<T>, atLeast = 0): Read<T[]> =>
  (value, path, problems) => {
    if (!Array.isArray(value) || value.length < atLeast) {
      complain(problems, path, atLeast > 0 ? `a list of at least ${atLeast}` : 'a list', value)
      return []
    }
    return value.map((item: unknown, index) => read(item, `${path}[${index}]`, problems))
  }

/** A list of objects that differ in a key. */
export const listBy =
  <const K extends string, T extends Record<K, string>>(key: K, read: Read<T>, atLeast = 0): Read<T[]> =>
  (value, path, problems) => {
    const items = list(read, atLeast)(value, path, problems)
    const seen = new Set<string>()
    for (const [index, item] of items.entries()) {
      if (item[key] !== '' && seen.has(item[key])) problems.push(`${path}[${index}].${key}: "${item[key]}" comes twice`)
      seen.add(item[key])
    }
    return items
  }

/** One value or a list of them. */
export const oneOrMore =
  <T>(read: Read<T>): Read<T[]> =>
  (value, path, problems) =>
    Array.isArray(value) ? list(read, 1)(value, path, problems) : [read(value, path, problems)]

/** Unknown keys are problems: a misspelt one would otherwise change nothing, silently. */
export const object =
  <const S extends Shape>(shape: S): Read<ObjectOf<S>> =>
  (value, path, problems) => {
    const given = isObject(value) ? value : {}
    if (!isObject(value)) complain(problems, path || 'the file', 'keys and values', value)
    const at = (key: string): string => (path === '' ? key : `${path}.${key}`)
    for (const key of Object.keys(given))
      if (!Object.hasOwn(shape, key)) problems.push(`${at(key)}: unknown; known are ${Object.keys(shape).join(', ') || 'none'}`)
    const out: Record<string, unknown> = {}
    for (const [key, { read, fallback }] of Object.entries(shape)) {
      const found = given[key]
      if (found !== undefined && found !== null) out[key] = read(found, at(key), problems)
      else if (fallback === undefined) {
        problems.push(`${at(key)}: missing`)
        out[key] = read(undefined, at(key), []) // A placeholder of the right shape.
      } else out[key] = fallback()
    }
    return out as ObjectOf<S>
  }

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
