/**
 * Field tables: which key of a JSON payload means what. A table is written once per profile with all spellings; the keys of
 * time, boot and sequence and of personal identifiers belong to every table. Keys that no table knows are named by their path.
 */
import type { MetricName } from '../../model/measurement-catalogue.ts'
import { addFact, addMeasurement, addPersonal, addUnknownKey, type Draft, personalName, refuse } from './draft.ts'
import { canonicalKey } from './keys.ts'
import { bootIdCharsMax, itemsInMessageMax, keysInCacheMax } from './limits.ts'
import { parseTimeMs } from './time.ts'
import { isObject, toNumber, toWord } from './values.ts'
import { shown } from './shown.ts'

export type FieldReader = (draft: Draft, value: unknown, key: string) => void
export type FieldTable = { readerOf: (key: string) => FieldReader }

/** `'load1 load1m 1m': reader` gives each of these spellings the reader. Spellings are compared by canonical key. */
export const fieldTable = (entries: Readonly<Record<string, FieldReader>>): FieldTable => {
  const known = new Map<string, FieldReader>(envelope)
  for (const [spellings, reader] of Object.entries(entries)) {
    for (const spelling of spellings.split(' ')) known.set(canonicalKey(spelling), reader)
  }
  const cache = new Map<string, FieldReader>()
  return {
    readerOf: (key) => {
      const cached = cache.get(key)
      if (cached !== undefined) return cached
      const reader = known.get(canonicalKey(key)) ?? personalReader(key) ?? readUnknown
      if (cache.size < keysInCacheMax) cache.set(key, reader)
      return reader
    },
  }
}

const personalReader = (key: string): FieldReader | undefined => {
  const name = personalName(key)
  return name === undefined ? undefined : (draft, value) => addPersonal(draft, name, value)
}

/** One object read by a table. */
export const readObject = (draft: Draft, table: FieldTable, object: Record<string, unknown>): void => {
  for (const key in object) table.readerOf(key)(draft, object[key], key)
}

/** An object, or an array of objects that each have their own `ts`. */
export const readJson = (draft: Draft, table: FieldTable, value: unknown): void => {
  if (isObject(value)) {
    readObject(draft, table, value)
    return
  }
  if (!Array.isArray(value)) return
  if (value.length > itemsInMessageMax) {
    refuse(draft, 'TOO_MANY_ITEMS', `expected at most ${itemsInMessageMax} elements, got ${value.length}`)
    return
  }
  for (const item of value) {
    if (!isObject(item)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected an array of objects, got ${shown(item)} in it`)
      return
    }
    draft.itemAtMs = itemTimeMs(item)
    const newest = newer(draft.observedAtMs, draft.itemAtMs)
    readObject(draft, table, item)
    // The newest element's time is the message's claim: it places what has no time of its own, and tells redeliveries.
    draft.observedAtMs = newest
  }
  draft.itemAtMs = null
}

const itemTimeMs = (item: Record<string, unknown>): number | null => {
  for (const key in item) if (isTimeKey(key)) return parseTimeMs(item[key])
  return null
}

export const newer = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.max(a, b))

export const measure =
  (metric: MetricName, attributes = '', scale = 1): FieldReader =>
  (draft, value, key) =>
    addMeasurement(draft, metric, attributes, value, scale, key)

export const fact =
  (name: string): FieldReader =>
  (draft, value) =>
    addFact(draft, name, value)

export const ignoreField: FieldReader = () => undefined

export const readUnknown: FieldReader = (draft, value, key) => addUnknownKey(draft, draft.route.prefix, key, value)

const readTime: FieldReader = (draft, value, key) => {
  const ms = parseTimeMs(value)
  if (ms !== null) draft.observedAtMs = ms
  else if (value !== null) draft.notes.push(`${key}: expected ms or s since the epoch, or RFC 3339 with zone, got ${shown(value)}: no time`)
}

const readBootId: FieldReader = (draft, value, key) => {
  const word = toWord(value)
  if (word === undefined || (word !== null && word.length > bootIdCharsMax)) {
    refuse(draft, 'FIELD_INVALID', `expected ${key} as text of at most ${bootIdCharsMax} characters, got ${shown(value)}`)
    return
  }
  draft.bootId = word
}

const readSeq: FieldReader = (draft, value, key) => {
  const number = toNumber(value)
  if (number === null) return
  if (number === undefined || !Number.isInteger(number) || number < 0) {
    refuse(draft, 'FIELD_INVALID', `expected ${key} as an integer from 0, got ${shown(value)}`)
    return
  }
  if (!Number.isSafeInteger(number)) {
    refuse(draft, 'INTEGER_NOT_EXACT', `expected ${key} below 2^53, got ${number}`)
    return
  }
  draft.seq = number
}

const uptime =
  (scale: number): FieldReader =>
  (draft, value, key) => {
    const number = toNumber(value)
    if (typeof number === 'number' && number >= 0 && number * scale <= 1e10) draft.uptimeSeconds = number * scale
    addMeasurement(draft, 'system.uptime', '', value, scale, key)
  }

const timeKeys = ['ts', 'timestamp', 'time', 'observedat', 'observedatms', 'timestampms', 'tsms']
const isTimeKey = (key: string): boolean => timeKeys.includes(canonicalKey(key))

const envelope: readonly (readonly [string, FieldReader])[] = [
  ...timeKeys.map((key) => [key, readTime] as const),
  ['bootid', readBootId],
  ['seq', readSeq],
  ['seqno', readSeq],
  ['sequence', readSeq],
  ['uptime', uptime(1)],
  ['uptimeseconds', uptime(1)],
  ['uptimems', uptime(0.001)],
]
