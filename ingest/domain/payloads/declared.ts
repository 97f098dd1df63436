/**
 * A JSON dialect that topics.yaml declares: the payload is walked beside the table of paths (`declared-profile.ts`). What the
 * table does not name is kept by its path, as everywhere, unless it says `unknown: drop`.
 */
import { attributesOf } from '../attributes.ts'
import type { DeclaredProfile, FieldNode, FieldSpec, Template } from '../declared-profile.ts'
import {
  addCounter,
  addFact,
  addGeneric,
  addMeasurement,
  addPersonal,
  addUnknownKey,
  type Draft,
  note,
  personalName,
  refuse,
} from '../draft.ts'
import { type FieldReader, fieldTable } from '../fields.ts'
import { snakeKey } from '../keys.ts'
import { itemsInMessageMax } from '../limits.ts'
import type { Profile } from '../profile.ts'
import { shown } from '../shown.ts'
import { converted, numberWithUnit } from '../units.ts'
import { metricDefinition } from '../../../model/measurement-catalogue.ts'
import { toNumber, toWord } from '../values.ts'
import { readRadio } from './radio.ts'

export const declared: Profile = {
  json: (draft, value) => {
    const profile = draft.route.declared
    if (profile === null) return
    const reading: Reading = { profile, radio: {}, hasRadio: false, visited: 0 }
    walk(draft, reading, profile.root, value, '', [], {})
    if (reading.hasRadio) readRadio(draft, reading.radio)
  },
  text: (draft, text) => refuse(draft, 'PAYLOAD_SHAPE', `expected JSON for the profile ${draft.profile}, got "${shown(text)}"`),
}

type Reading = { profile: DeclaredProfile; radio: Record<string, unknown>; hasRadio: boolean; visited: number }

const walk = (
  draft: Draft,
  reading: Reading,
  node: FieldNode,
  value: unknown,
  key: string,
  stars: readonly string[],
  beside: Record<string, unknown>,
): void => {
  if (draft.refusal !== null) return
  if (node.spec !== null) {
    apply(draft, reading, node.spec, value, key, stars, beside)
    return
  }
  if (typeof value !== 'object' || value === null) {
    unknown(draft, reading, key, value)
    return
  }
  const list = Array.isArray(value)
  for (const [name, part] of Object.entries(value)) {
    if (++reading.visited > 10 * itemsInMessageMax) {
      refuse(draft, 'TOO_MANY_ITEMS', `expected at most ${10 * itemsInMessageMax} values`)
      return
    }
    const path = key === '' ? name : `${key}.${name}`
    const child = node.keys.get(name)
    const group = list ? beside : (value as Record<string, unknown>)
    if (child !== undefined) walk(draft, reading, child, part, path, stars, group)
    else if (node.any !== null) walk(draft, reading, node.any, part, path, [...stars, name], group)
    else unknown(draft, reading, path, part)
  }
}

const unknown = (draft: Draft, { profile }: Reading, path: string, value: unknown): void => {
  const at = path.lastIndexOf('.')
  const key = path.slice(at + 1)
  if (!profile.keepUnknown) {
    sealIdentifiers(draft, key, value)
    return
  }
  const above = at < 0 ? [] : path.slice(0, at).split('.').map(snakeKey)
  addUnknownKey(draft, [draft.route.prefix, ...above].join('.'), key, value)
}

/** What is left out may still hold an IMEI or a position: found here, they have the raw payload sealed. */
const sealIdentifiers = (draft: Draft, key: string, value: unknown): void => {
  const personal = personalName(key)
  if (personal !== undefined) addPersonal(draft, personal, value)
  else if (typeof value === 'object' && value !== null) for (const [name, part] of Object.entries(value)) sealIdentifiers(draft, name, part)
}

const envelope = fieldTable({})
const envelopeReaders: Record<string, FieldReader> = {
  time: envelope.readerOf('ts'),
  bootId: envelope.readerOf('bootId'),
  seq: envelope.readerOf('seq'),
  uptime: envelope.readerOf('uptime'),
}

const apply = (
  draft: Draft,
  reading: Reading,
  spec: FieldSpec,
  raw: unknown,
  key: string,
  stars: readonly string[],
  beside: Record<string, unknown>,
): void => {
  const value = isMissing(spec, raw) ? null : raw
  const { becomes } = spec
  switch (becomes.kind) {
    case 'ignore':
      sealIdentifiers(draft, key.slice(key.lastIndexOf('.') + 1), raw)
      return
    case 'fact':
      addFact(draft, becomes.name, Array.isArray(value) && value.every((item) => typeof item !== 'object') ? value.join(',') : value)
      return
    case 'personal':
      addPersonal(draft, becomes.name, value)
      return
    case 'envelope':
      envelopeReaders[becomes.field]?.(draft, value, key)
      return
    case 'radio':
      reading.radio[becomes.field] = scaled(spec, value)
      reading.hasRadio = true
      return
    case 'counter':
      addCounter(draft, becomes.metric, attributesFor(spec, stars, beside), withScale(spec, becomes.metric, value))
      return
    case 'gauge':
      measure(draft, spec, becomes.metric, value, key, attributesFor(spec, stars, beside))
  }
}

const isMissing = ({ missing }: FieldSpec, value: unknown): boolean =>
  missing.size > 0 && (missing.has(value) || (typeof value === 'string' && (missing.has(value.trim()) || missing.has(toNumber(value)))))

const scaled = (spec: FieldSpec, value: unknown): unknown => {
  const number = spec.conversion === null ? undefined : toNumber(value)
  return typeof number === 'number' && spec.conversion !== null ? converted(number, spec.conversion) : value
}

/** A text with a unit of its own ("38 °C") has said its unit; the table's is for bare numbers. */
const withScale = (spec: FieldSpec, metric: string, value: unknown): unknown => {
  const unit = metricDefinition(metric)?.unit
  if (typeof value === 'string' && toNumber(value) === undefined && unit !== undefined) return numberWithUnit(value, unit) ?? value
  return scaled(spec, value)
}

const measure = (draft: Draft, spec: FieldSpec, metric: string, value: unknown, key: string, attributes: string): void => {
  const told = withScale(spec, metric, value)
  const { becomes } = spec
  const number = toNumber(told)
  if (number === undefined) {
    note(draft, `${key}: expected a number for ${metric}, got ${shown(value)}`)
    if (typeof value !== 'object') addFact(draft, metric, value)
  } else if (becomes.kind === 'gauge' && becomes.catalogued !== null) addMeasurement(draft, becomes.catalogued, attributes, number)
  else addGeneric(draft, metric, number, attributes)
}

const attributesFor = ({ attributes }: FieldSpec, stars: readonly string[], beside: Record<string, unknown>): string => {
  if (attributes.length === 0) return ''
  const told: Record<string, string> = {}
  for (const [name, template] of attributes) {
    const text = textOf(template, stars, beside)
    if (text !== null && text !== '') told[name] = text.slice(0, 200).toWellFormed()
  }
  return attributesOf(told)
}

const textOf = (template: Template, stars: readonly string[], beside: Record<string, unknown>): string | null => {
  switch (template.kind) {
    case 'text':
      return template.text
    case 'star':
      return stars[template.index] ?? null
    case 'beside':
      return Object.hasOwn(beside, template.key) ? (toWord(beside[template.key]) ?? null) : null
  }
}
