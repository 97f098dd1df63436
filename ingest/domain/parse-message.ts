/**
 * One topic and payload -> what the device said, or why not. Pure: the same bytes give the same answer, on arrival, in
 * `POST /api/v1/parse` and in a re-drive.
 * Before: `ingest/accept.ts`.  After: `adapters/avro`, the log.
 */
import type { Body, Subject } from '../../model/event.ts'
import { createDraft, type Draft, type PersonalFact } from './draft.ts'
import { itemsInMessageMax } from './limits.ts'
import { profiles } from './payloads/profiles.ts'
import { recognisedJson, recognisedText } from './payloads/recognise.ts'
import { isDraftSenml, isSenml, readSenml } from './payloads/senml.ts'
import type { Profile } from './profile.ts'
import type { ReasonCode } from './reasons.ts'
import { parseStrictJson } from './strict-json.ts'
import { placeRouteOf, type Route, type TopicMap, type TopicRefusal, type Unnamed, unnamedDetail } from './topic-map.ts'
import { guessedShape, printable } from './topic-shape.ts'

export type ParseContext = {
  topicMap: TopicMap
  receivedAtMs: number
  /** Keyed HMAC of a household's clear path. */
  pseudonym: (text: string) => string
}

export type ParsedMessage = {
  /** Household places already `<country>/<region>/<town>/~<pseudonym>`. */
  subject: Subject
  /** The topic, household levels (postcode, house) replaced by `~<pseudonym>`. */
  storedTopic: string
  observedAtMs: number | null
  bootId: string | null
  seq: number | null
  uptimeSeconds: number | null
  /** Facts items here are the ones that are not personal. */
  bodies: Body[]
  /** IMEI, IMSI, ICCID, positions, household names: sealed by `accept` before the append. */
  personalFacts: PersonalFact[]
  /** The raw payload must be sealed. */
  personal: boolean
  profile: string
  /** For people: what was read as no reading, and why. */
  notes: string[]
}

export type ParseOutcome =
  | { kind: 'message'; message: ParsedMessage }
  | { kind: 'ignored'; reason: string }
  | { kind: 'refused'; reason: ReasonCode; detail: string; subject: Subject | null; storedTopic: string; topicShape: string }

export const parseMessage = (topic: string, payload: Uint8Array, context: ParseContext): ParseOutcome => {
  const route = context.topicMap.resolve(topic)
  if (route.kind === 'ignored') return route
  if (route.kind === 'refused') return refusedTopic(topic, route, context)
  const draft = createDraft(route, context.receivedAtMs)
  readPayload(draft, payload)
  const { subject, storedTopic } = route.unnamed === null ? placeRouteOf(route, context.pseudonym) : namedByPayload(draft, route.unnamed)
  const itemCount = draft.measurements.length + draft.counters.length + draft.facts.length + draft.personalFacts.length
  if (itemCount > itemsInMessageMax && draft.refusal === null) {
    draft.refusal = { reason: 'TOO_MANY_ITEMS', detail: `expected at most ${itemsInMessageMax} readings and facts, got more` }
  }
  if (draft.refusal !== null) return { kind: 'refused', ...draft.refusal, subject, storedTopic, topicShape: route.topicShape }
  if (subject === null) {
    const detail = route.unnamed === null ? '' : unnamedDetail(route.unnamed)
    return { kind: 'refused', reason: 'IDENTITY_UNKNOWN', detail, subject, storedTopic, topicShape: route.topicShape }
  }
  return { kind: 'message', message: toMessage(draft, route, subject, storedTopic) }
}

/** The payload's own MAC takes the place of the topic's level, as an alias would. */
const namedByPayload = ({ mac, route }: Draft, { at }: Unnamed): { subject: Subject | null; storedTopic: string } =>
  mac === null
    ? { subject: null, storedTopic: printable(route.storedTopic) }
    : { subject: { kind: 'device', id: mac }, storedTopic: route.storedTopic.split('/').with(at, mac).join('/') }

/** A refusal whose reason lies before the payload (too large, a broken batch), with what the topic alone tells. */
export const refuseUnread = (
  topic: string,
  reason: ReasonCode,
  detail: string,
  context: ParseContext,
): Extract<ParseOutcome, { kind: 'refused' }> => {
  const route = context.topicMap.resolve(topic)
  if (route.kind === 'route') {
    const place = route.unnamed === null ? placeRouteOf(route, context.pseudonym) : { subject: null, storedTopic: printable(topic) }
    return { kind: 'refused', reason, detail, ...place, topicShape: route.topicShape }
  }
  if (route.kind === 'refused') return { ...refusedTopic(topic, route, context), reason, detail }
  return { kind: 'refused', reason, detail, subject: null, storedTopic: printable(topic), topicShape: guessedShape(topic) }
}

const toMessage = (draft: Draft, route: Route, subject: Subject, storedTopic: string): ParsedMessage => {
  const { personalFacts } = draft
  const { household } = route
  if (household !== null && household.known === null) {
    personalFacts.push({ name: 'place.name', value: `${household.town}/${household.house}`, masked: `${household.town}/*` })
  }
  return {
    subject,
    storedTopic,
    observedAtMs: draft.observedAtMs,
    bootId: draft.bootId,
    seq: draft.seq,
    uptimeSeconds: draft.uptimeSeconds,
    bodies: bodiesOf(draft, route),
    personalFacts,
    personal: personalFacts.length > 0 || household !== null,
    profile: draft.profile,
    notes: draft.notes,
  }
}

const bodiesOf = (draft: Draft, route: Route): Body[] => {
  const { bodies, measurements, counters, facts } = draft
  if (measurements.length > 0) bodies.push({ kind: 'Measurements', items: measurements })
  if (counters.length > 0) bodies.push({ kind: 'Counters', items: counters })
  if (facts.length > 0) bodies.push({ kind: 'Facts', items: facts })
  if (route.topicFacts !== null) bodies.push(route.topicFacts)
  return bodies
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenientUtf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

const readPayload = (draft: Draft, payload: Uint8Array): void => {
  const profile = profiles[draft.route.profile]
  if (payload.byteLength === 0) {
    refuseWith(draft, 'PAYLOAD_EMPTY', 'expected a payload, got no bytes')
    return
  }
  let text: string
  try {
    text = strictUtf8.decode(payload)
  } catch {
    // The raw payload keeps the bytes; a line with U+FFFD in it says more than none.
    if (profile.isLog !== true) {
      refuseWith(draft, 'PAYLOAD_NOT_UTF8', `expected UTF-8, got ${hexOf(payload)}`)
      return
    }
    text = lenientUtf8.decode(payload)
    if (text.startsWith('{')) {
      refuseWith(draft, 'PAYLOAD_NOT_UTF8', `expected JSON in UTF-8, got ${hexOf(payload)}`)
      return
    }
  }
  if (!looksLikeJson(text, profile)) {
    readerOfText(draft, profile, text).text(draft, text)
    return
  }
  draft.text = text
  const json = parseStrictJson(text)
  if (!json.ok) {
    refuseWith(draft, json.reason, json.detail)
    return
  }
  if (profile.isLog === true) {
    profile.json(draft, json.value)
    return
  }
  if (isSenml(json.value)) {
    readSenml(draft, json.value)
    return
  }
  if (isDraftSenml(json.value))
    refuseWith(draft, 'PAYLOAD_SHAPE', 'expected SenML as an array (RFC 8428), got an object with e, as drafts before it')
  else readerOfJson(draft, profile, json.value).json(draft, json.value)
}

/** Vendors' own forms are read for what they are on every topic whose profile allows it. */
const readerOfJson = (draft: Draft, profile: Profile, value: unknown): Profile => {
  const name = profile.mayBeForeign === true ? recognisedJson(value) : null
  if (name === null) return profile
  draft.profile = name
  return profiles[name]
}

const readerOfText = (draft: Draft, profile: Profile, text: string): Profile => {
  const name = profile.mayBeForeign === true ? recognisedText(text) : null
  if (name === null) return profile
  draft.profile = name
  return profiles[name]
}

const refuseWith = (draft: Draft, reason: ReasonCode, detail: string): void => {
  draft.refusal ??= { reason, detail }
}

const looksLikeJson = (text: string, profile: Profile): boolean => {
  let at = 0
  for (;;) {
    switch (text.charCodeAt(at)) {
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0d:
        at++
        continue
      case 0xfeff: // Refused by the JSON reader; in front of other text it is part of the text.
        return profile.isLog !== true && /^\ufeff\s*[{[]/.test(text)
      case 0x7b: // {
        return true
      case 0x5b: // [ begins an array, or a kernel line's stamp.
        return profile.isLog !== true || /^\s*\[\s*(?:["{\]]|$)/.test(text)
      default:
        return false
    }
  }
}

/** The first bytes, so that a dead letter can be told at sight. */
const hexOf = (payload: Uint8Array): string =>
  `${Array.from(payload.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join(' ')}${payload.length > 16 ? ' ...' : ''}`

const refusedTopic = (
  topic: string,
  { reason, detail, topicShape, placeRoot }: TopicRefusal,
  context: ParseContext,
): Extract<ParseOutcome, { kind: 'refused' }> => ({
  kind: 'refused',
  reason,
  detail,
  subject: null,
  // Which of the levels behind a country names a household is unknown here, so none of them stays readable.
  storedTopic: placeRoot === null ? printable(topic) : `${placeRoot}/~${context.pseudonym(topic)}`,
  topicShape,
})
