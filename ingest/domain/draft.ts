/**
 * What a payload profile fills: one draft per message, turned into a ParsedMessage by `parse-message.ts`. The functions here
 * are the only way in, so that ranges, missing readings, exactness, limits and personal identifiers are judged in one place.
 */
import type { Body, CounterItem, FactItem, MeasurementItem } from '../../model/event.ts'
import { type MetricDefinition, type MetricName, measurementCatalogue } from '../../model/measurement-catalogue.ts'
import { mergeAttributes } from './attributes.ts'
import { canonicalKey, snakeKey } from './keys.ts'
import { factCharsMax, itemsInMessageMax, nameCharsMax } from './limits.ts'
import type { ReasonCode } from './reasons.ts'
import type { Route } from './topic-map.ts'
import { numberWithUnit } from './units.ts'
import { masked, toNumber, toWord } from './values.ts'
import { shown } from './shown.ts'

export type PersonalFact = { name: string; value: string; masked: string }

export type Draft = {
  readonly route: Route
  readonly receivedAtMs: number
  /** The profile that read it: the topic's, or the one whose form was recognised. */
  profile: string
  /** The device's MAC where the payload tells it; names the device where the topic does not. */
  mac: string | null
  /** The payload as text, for what is kept as it came. */
  text: string
  observedAtMs: number | null
  bootId: string | null
  seq: number | null
  uptimeSeconds: number | null
  /** Attributes that every measurement from here on has; begins with the topic's. */
  attributes: string
  /** Factor of sizes without a unit of their own: 1024 where the payload counts in kB. */
  unitScale: number
  /** Time of the array element being read; null outside of one. */
  itemAtMs: number | null
  measurements: MeasurementItem[]
  counters: CounterItem[]
  facts: FactItem[]
  personalFacts: PersonalFact[]
  /** Bodies other than the three above: radio, log lines, presence, boot, task event. */
  bodies: Body[]
  notes: string[]
  /** The first refusal; the message becomes a dead letter. */
  refusal: { reason: ReasonCode; detail: string } | null
}

export const createDraft = (route: Route, receivedAtMs: number): Draft => ({
  route,
  receivedAtMs,
  profile: route.declared?.name ?? route.profile,
  mac: null,
  text: '',
  observedAtMs: null,
  bootId: null,
  seq: null,
  uptimeSeconds: null,
  attributes: route.attributes,
  unitScale: 1,
  itemAtMs: null,
  measurements: [],
  counters: [],
  facts: [],
  personalFacts: [],
  bodies: [],
  notes: [],
  refusal: null,
})

export const refuse = (draft: Draft, reason: ReasonCode, detail: string): void => {
  draft.refusal ??= { reason, detail }
}

/** Values that firmwares send for "no reading"; only looked at outside the physical range. */
const sentinels = new Set([
  99, 255, 999, 9999, 32767, 65535, 2079167, 2147483647, 4294967295, -127, -128, -255, -999, -9999, -32768, -2147483648,
])

/** A reading of a catalogued metric. A word is kept as a fact under the payload's own path. */
export const addMeasurement = (
  draft: Draft,
  metric: MetricName,
  attributes: string,
  value: unknown,
  scale = 1,
  key: string = metric,
): void => {
  const definition = measurementCatalogue[metric]
  let number = typeof value === 'number' ? value : toNumber(value)
  if (number === undefined && typeof value === 'string') {
    number = numberWithUnit(value, definition.unit)
    scale = 1
  }
  if (number === undefined) {
    addUnknownKey(draft, draft.route.prefix, key, value)
    return
  }
  if (number !== null && !Number.isFinite(number)) {
    refuse(draft, 'NUMBER_NOT_FINITE', `expected ${metric} within the range of a double`)
    return
  }
  const read = number === null ? null : inRange(definition, scaled(number, scale))
  if (read === null && number !== null) noteOutOfRange(draft, metric, definition, number)
  pushMeasurement(
    draft,
    metric,
    attributes,
    read,
    read !== null ? 'ok' : number === null || sentinels.has(number) ? 'missing' : 'out_of_range',
  )
}

/** Is this text a reading of the metric (a number, with the metric's unit perhaps, or a marker for none), not a word? */
export const isReading = (metric: MetricName, value: unknown): boolean =>
  toNumber(value) !== undefined || (typeof value === 'string' && numberWithUnit(value, measurementCatalogue[metric].unit) !== undefined)

/** A reading without catalogue entry: any finite number is one. */
export const addGeneric = (draft: Draft, metric: string, number: number | null, attributes = ''): void => {
  if (number !== null && !Number.isFinite(number)) {
    refuse(draft, 'NUMBER_NOT_FINITE', `expected ${metric} within the range of a double`)
    return
  }
  pushMeasurement(draft, metric, attributes, number, number === null ? 'missing' : 'ok')
}

const pushMeasurement = (
  draft: Draft,
  metric: string,
  attributes: string,
  value: number | null,
  quality: MeasurementItem['quality'],
): void => {
  const shared = draft.attributes
  draft.measurements.push({
    metric,
    attributes: shared === '' ? attributes : mergeAttributes(shared, attributes),
    value,
    quality,
    observedAtMs: draft.itemAtMs,
  })
}

/** 12.3 % becomes 0.123, not 0.12300000000000001. */
const scaled = (value: number, scale: number): number => {
  if (scale === 1) return value
  const exact = value * scale
  return scale < 1 && Math.abs(exact) < 1e6 ? Math.round(exact * 1e9) / 1e9 : exact
}

export const inRange = (definition: MetricDefinition, value: number): number | null =>
  value >= definition.min && value <= definition.max ? value : null

export const noteOutOfRange = (draft: Draft, metric: string, { min, max, unit }: MetricDefinition, value: number): void => {
  if (draft.notes.length < notesMax) draft.notes.push(`${metric} ${value} is outside ${min}..${max} ${unit}: no reading`)
}
const notesMax = 20

export const note = (draft: Draft, text: string): void => {
  if (draft.notes.length < notesMax) draft.notes.push(text)
}

export type CounterHints = { widthBits: number | null; linkBitsPerSecond: number | null }
const noHints: CounterHints = { widthBits: null, linkBitsPerSecond: null }

/** A cumulative reading. A missing or negative one says nothing; one past 2^53 is refused, because it was rounded. */
export const addCounter = (draft: Draft, metric: string, attributes: string, value: unknown, hints: CounterHints = noHints): void => {
  const number = typeof value === 'number' ? value : exactNumber(draft, metric, value)
  if (number === null || number === undefined) return
  if (number > Number.MAX_SAFE_INTEGER) {
    refuse(draft, 'INTEGER_NOT_EXACT', `expected ${metric} below 2^53, got ${number}`)
    return
  }
  if (number < 0) {
    if (draft.notes.length < notesMax) draft.notes.push(`${metric} ${number} is below 0: no reading`)
    return
  }
  draft.counters.push({
    metric,
    attributes: draft.attributes === '' ? attributes : mergeAttributes(draft.attributes, attributes),
    value: Math.round(number),
    widthBits: hints.widthBits,
    linkBitsPerSecond: hints.linkBitsPerSecond,
  })
}

const exactNumber = (draft: Draft, metric: string, value: unknown): number | null | undefined => {
  const number = toNumber(value)
  if (number === undefined && draft.notes.length < notesMax) draft.notes.push(`${metric}: expected a count, got ${shown(value)}`)
  return number
}

/** `value` null: the device said that there is none. */
export const addFact = (draft: Draft, name: string, value: unknown): void => {
  if (typeof value === 'number' && !Number.isSafeInteger(value) && Number.isInteger(value)) {
    refuse(draft, 'INTEGER_NOT_EXACT', `expected ${name} as text, got an integer past 2^53`)
    return
  }
  const word = toWord(value)
  if (word === undefined) {
    addUnknown(draft, name, value)
    return
  }
  draft.facts.push({ name: factName(draft, name), value: word === null ? null : cut(word), sealed: null })
}

/** IMEI, IMSI, ICCID, numbers, positions: sealed with the subject's key before the append, shown masked. */
export const addPersonal = (draft: Draft, name: string, value: unknown): void => {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    refuse(draft, 'INTEGER_NOT_EXACT', `expected ${name} as text, got an integer past 2^53`)
    return
  }
  const word = typeof value === 'object' && value !== null ? JSON.stringify(value) : toWord(value)
  if (word === null || word === undefined || word === '[]' || word === '{}') return
  const kept = cut(word)
  const hidden = name.startsWith('position') || name.startsWith('secret')
  const item = { name: factName(draft, name), value: kept, masked: hidden ? '***' : masked(kept) }
  if (!draft.personalFacts.some((known) => known.name === item.name && known.value === kept)) draft.personalFacts.push(item)
}

const factName = (draft: Draft, name: string): string => (draft.route.factPrefix === '' ? name : draft.route.factPrefix + name)

const cut = (text: string): string => (text.length <= factCharsMax ? text : text.slice(0, factCharsMax).toWellFormed())

/**
 * A key that the profile does not know: numbers become measurements `<path>`, true and false 1 and 0 (so that they can be
 * counted and drawn), words facts, objects and arrays their parts. Never dropped.
 */
export const addUnknown = (draft: Draft, path: string, value: unknown): void => {
  if (draft.measurements.length + draft.facts.length > itemsInMessageMax) return
  if (path.length > nameCharsMax) {
    refuse(draft, 'NAME_TOO_LONG', `expected names of at most ${nameCharsMax} characters, got ${path.slice(0, 80)}...`)
    return
  }
  switch (typeof value) {
    case 'number': {
      addGeneric(draft, path, value)
      return
    }
    case 'boolean': {
      addGeneric(draft, path, value ? 1 : 0)
      return
    }
    case 'string':
      addWordOrNumber(draft, path, value)
      return
    case 'object':
      if (value === null) {
        addFact(draft, path, null)
        return
      }
      for (const key in value) addUnknownKey(draft, path, key, (value as Record<string, unknown>)[key])
  }
}

/** One key below a path; a personal identifier is recognised wherever it stands. */
export const addUnknownKey = (draft: Draft, path: string, key: string, value: unknown): void => {
  const personal = personalName(key)
  if (personal === undefined) addUnknown(draft, `${path}.${snakeKey(key)}`, value)
  else addPersonal(draft, personal, value)
}

/** Numbers in texts: `"00101"` and long digit strings are identifiers and stay texts. */
const addWordOrNumber = (draft: Draft, path: string, text: string): void => {
  const number = toNumber(text)
  const isIdentifier = /^\s*[+-]?0\d/.test(text) || (Number.isInteger(number) && !Number.isSafeInteger(number))
  if (number === undefined || number === null || isIdentifier) addFact(draft, path, text)
  else addGeneric(draft, path, number)
}

/** Keys that hold personal identifiers wherever they stand, by canonical spelling. */
const personalKeys = new Map([
  ['imei', 'modem.imei'],
  ['imeisv', 'modem.imeisv'],
  ['equipmentidentifier', 'modem.imei'],
  ['meid', 'modem.meid'],
  ['imsi', 'modem.imsi'],
  ['iccid', 'modem.iccid'],
  ['eid', 'modem.eid'],
  ['msisdn', 'modem.msisdn'],
  ['phonenumber', 'modem.msisdn'],
  ['ownnumber', 'modem.msisdn'],
  ['ownnumbers', 'modem.msisdn'],
  ['lat', 'position.latitude'],
  ['latitude', 'position.latitude'],
  ['lon', 'position.longitude'],
  ['lng', 'position.longitude'],
  ['longitude', 'position.longitude'],
  ['position', 'position'],
  ['gps', 'position'],
  ['gnss', 'position'],
  ['location', 'position'],
  // Not of a person, but never to be read in clear either.
  ['password', 'secret.password'],
  ['passwd', 'secret.password'],
  ['passphrase', 'secret.password'],
  ['psk', 'secret.psk'],
])

export const personalName = (key: string): string | undefined => personalKeys.get(canonicalKey(key))
