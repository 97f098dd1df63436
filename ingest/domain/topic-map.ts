/**
 * What a topic is about: subject, category, metric, payload profile. The mapping is data (`topics.yaml`); what one topic means
 * is worked out once and remembered, so the usual message costs one look into a map.
 * Before: `adapters/mqtt`.  After: `payloads/profiles.ts`.
 */
import type { FactsBody, Subject } from '../../model/event.ts'
import type { Result } from '../../model/result.ts'
import { filtersOfFamilies } from './bridge-filters.ts'
import { attributesOf } from './attributes.ts'
import { snakeKey } from './keys.ts'
import { topicCharsMax, topicLevelsMax, topicsInCacheMax } from './limits.ts'
import { parseMac } from './mac.ts'
import type { DeclaredProfile } from './declared-profile.ts'
import type { ProfileName } from './profile-names.ts'
import { type RadioScale, scalesOfModel } from './radio-scale.ts'
import type { ReasonCode } from './reasons.ts'
import { type Family, parseTopicConfig, type ProfileRef, type TopicConfig } from './topic-config.ts'
import { shown } from './shown.ts'
import { guessedShape } from './topic-shape.ts'

export type Route = {
  kind: 'route'
  family: string
  profile: ProfileName
  /** Of the profile `declared`: its table. */
  declared: DeclaredProfile | null
  /** Null for a household until its pseudonym is known, and for a device that only the payload names. */
  subject: Subject | null
  household: Household | null
  /** The topic's level that should have named the device and does not: the payload has to. Else null. */
  unnamed: Unnamed | null
  storedTopic: string
  topicShape: string
  /** Names of unknown keys begin with this: `hardware.lte`, `environment.door`. */
  prefix: string
  /** Last level: `dmesg`, `syslog`, `temperature`. */
  metric: string
  /** Levels that `{metric}` took, as written: `interface-wwan0`, `if_octets`. */
  path: readonly string[]
  radioScales: readonly RadioScale[]
  storeRates: Family['storeRates']
  /** Of every measurement of this topic: '' or `{"place.area":"hall"}`. */
  attributes: string
  factPrefix: string
  taskId: string
  /** Product and model as facts; one object for all messages of the topic. */
  topicFacts: FactsBody | null
}

export type Unnamed = { family: string; at: number; hint: string }

/** `germany/bavaria/nuremberg` + `90402/12a` + `hall/door`. */
export type Household = { town: string; house: string; below: string; known: string | null; resolved: ResolvedHousehold | null }
type ResolvedHousehold = { by: (text: string) => string; subject: Subject; storedTopic: string }

export type TopicRefusal = {
  kind: 'refused'
  reason: ReasonCode
  detail: string
  topicShape: string
  /** First levels that may stay readable; what is behind them may name a household. Null: none of it does. */
  placeRoot: string | null
}

export type Resolution = Route | TopicRefusal | { kind: 'ignored'; reason: string }

export type TopicMap = {
  resolve: (topic: string) => Resolution
  /** What a bridge subscribes to, so that all families are heard and no message comes twice. */
  filters: readonly string[]
}

export const createTopicMap = (config: unknown): Result<TopicMap> => {
  const parsed = parseTopicConfig(config)
  if (!parsed.ok) return parsed
  const { families, placeRoots } = parsed.value
  const filters = filtersOfFamilies(families, placeRoots)
  return { ok: true, value: { resolve: remembering((topic) => resolveTopic(parsed.value, topic)), filters } }
}

/** Two generations: when the young one is full it becomes the old one. Topics in use move on, others are forgotten. */
const remembering = (resolve: (topic: string) => Resolution): ((topic: string) => Resolution) => {
  let young = new Map<string, Resolution>()
  let old = new Map<string, Resolution>()
  return (topic) => {
    const known = young.get(topic)
    if (known !== undefined) return known
    const resolution = old.get(topic) ?? resolve(topic)
    if (young.size >= topicsInCacheMax / 2) {
      old = young
      young = new Map()
    }
    young.set(topic, resolution)
    return resolution
  }
}

const illegal = /[\u0000-\u001f\u007f-\u009f+#\ufffd]/

const resolveTopic = (config: TopicConfig, topic: string): Resolution => {
  if (topic.startsWith('$')) return { kind: 'ignored', reason: "topics that begin with $ are the broker's own [MQTT-4.7.2-1]" }
  const levels = topic.split('/')
  const refused = (reason: ReasonCode, detail: string): TopicRefusal => {
    const root = config.placeRoots.has(levels[0] ?? '')
      ? levels[0]
      : config.placeRoots.has(levels[1] ?? '')
        ? `/${levels[1] ?? ''}`
        : undefined
    return { kind: 'refused', reason, detail, topicShape: root === undefined ? guessedShape(topic) : `${root}/#`, placeRoot: root ?? null }
  }
  if (topic.length > topicCharsMax || levels.length > topicLevelsMax) {
    return refused(
      'TOPIC_TOO_LONG',
      `expected at most ${topicCharsMax} characters and ${topicLevelsMax} levels, got ${topic.length} and ${levels.length}`,
    )
  }
  if (illegal.test(topic) || !topic.isWellFormed()) {
    return refused('TOPIC_INVALID', 'expected a topic without wildcard, control character or invalid UTF-8')
  }
  if (levels.length > 1 && levels.at(-1) === '') levels.pop() // Devices publish `.../hardware/lte/`.
  const empty = levels.indexOf('')
  if (empty >= 0) return refused('TOPIC_EMPTY_LEVEL', `expected no empty level, got one as level ${empty + 1} of ${levels.length}`)
  let unnamed: TopicRefusal | null = null
  for (const family of config.families) {
    const captured = match(config, family, levels)
    if (captured === null) continue
    if (captured.unnamedAt < 0 || family.identity === 'payload') return toRoute(config, family, captured, topic, levels)
    unnamed ??= {
      kind: 'refused',
      reason: 'IDENTITY_UNKNOWN',
      detail: unnamedDetail({ family: family.name, at: captured.unnamedAt, hint: hintOf(config, levels[captured.unnamedAt]) }),
      topicShape: captured.shape.join('/'),
      placeRoot: null,
    }
  }
  return unnamed ?? refused('TOPIC_UNMAPPED', unmappedDetail(config, levels))
}

export const unnamedDetail = ({ family, at, hint }: Unnamed): string =>
  `level ${at + 1} of the topic (family ${family}) is no MAC and no alias; add it to aliases in topics.yaml, in quotes, with the device's MAC${hint}`

/** YAML reads an unquoted 0000000007 as the number 7. */
const hintOf = (config: TopicConfig, level: string | undefined): string =>
  level !== undefined && /^0\d+$/.test(level) && config.aliases.has(String(Number(level)))
    ? '; there is an alias without its leading zeros: quote it'
    : ''

const unmappedDetail = (config: TopicConfig, levels: readonly string[]): string =>
  `no family of topics.yaml matches ${levels.length} levels with "${levels[0] ?? ''}" first` +
  (levels.length >= 4 && !config.placeRoots.has(levels[0] ?? '')
    ? `; level 3 "${shown(levels[2])}" is no MAC and no alias, level 1 is no place root`
    : '')

/** What the placeholders took. */
type Captured = {
  mac: string
  /** Level of an alias, which may be an IMEI; -1 none. */
  aliasAt: number
  /** Level that should name the device and does not; -1 none. */
  unnamedAt: number
  product: string | null
  model: string | null
  category: string | null
  metric: string[]
  quantity: string[]
  taskId: string
  /** Where household levels begin and how many they are; 0 none. */
  householdAt: number
  householdLevels: number
  /** Levels of the shape. */
  shape: string[]
}

/** A pseudonym in the place of postcode and house: topics of dead letters come back like this. */
const pseudonymLevel = /^~[0-9a-f]{32}$/

const match = (config: TopicConfig, family: Family, levels: readonly string[]): Captured | null => {
  const captured: Captured = {
    mac: '',
    aliasAt: -1,
    unnamedAt: -1,
    product: null,
    model: null,
    category: null,
    metric: [],
    quantity: [],
    taskId: '',
    householdAt: 0,
    householdLevels: 0,
    shape: [],
  }
  let at = 0
  for (const [index, level] of family.levels.entries()) {
    if (level.kind === 'metric' || level.kind === 'quantity') {
      const count = level.many ? levels.length - at - (family.levels.length - index - 1) : 1
      if (count < level.least || at + count > levels.length) return null
      const taken = levels.slice(at, at + count)
      captured[level.kind] = taken
      captured.shape.push(...taken)
      at += count
      continue
    }
    const text = levels[at]
    if (text === undefined) return null
    if (level.kind === 'household' && captured.householdLevels > 0 && pseudonymLevel.test(levels[captured.householdAt] ?? '')) continue
    at++
    switch (level.kind) {
      case 'word':
        if (text !== level.word) return null
        break
      case 'device': {
        const mac = parseMac(text)
        const aliased = mac ?? config.aliases.get(text)
        // Where a word begins the pattern, the topic is one of this family whoever sent it.
        if (aliased === undefined && family.levels[0]?.kind !== 'word') return null
        if (aliased === undefined) captured.unnamedAt = at - 1
        captured.mac = aliased ?? ''
        if (mac === null) captured.aliasAt = at - 1
        break
      }
      case 'deviceName': {
        const [, name, hex] = namedDevice.exec(text) ?? []
        const mac = config.aliases.get(text) ?? (hex === undefined ? null : parseMac(hex))
        if (mac === null) return null
        captured.mac = mac
        captured.product = name ?? null
        captured.aliasAt = at - 1
        break
      }
      case 'placeRoot':
        if (!config.placeRoots.has(text)) return null
        break
      case 'household':
        if (captured.householdLevels === 0) captured.householdAt = at - 1
        captured.householdLevels++
        break
      case 'task':
        captured.taskId = text
        break
      case 'product':
      case 'model':
      case 'category':
        captured[level.kind] = text
        break
      case 'place':
        break
    }
    captured.shape.push(keptInShape.has(level.kind) ? text : '+')
  }
  return at === levels.length ? captured : null
}

/** `shellyplus1pm-a8032abcdef0`. */
const namedDevice = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63})-([0-9A-Fa-f]{12})$/

const keptInShape = new Set(['word', 'product', 'model', 'category'])

const toRoute = (config: TopicConfig, family: Family, captured: Captured, topic: string, levels: readonly string[]): Resolution => {
  switch (family.subject) {
    case 'ignored':
      return { kind: 'ignored', reason: family.reason }
    case 'device':
      return deviceRoute(config, family, captured, topic)
    case 'place':
    case 'household':
      return placeRoute(family, captured, topic, levels)
  }
}

const deviceRoute = (config: TopicConfig, family: Family, captured: Captured, topic: string): Route => {
  const category = family.category ?? captured.category ?? ''
  const path = family.metric === null ? captured.metric : [family.metric, ...captured.metric]
  const { profile, length } = profileOf(config, family, [category, ...path])
  const { mac, unnamedAt, aliasAt } = captured
  // Levels beneath the ones that chose the profile: `hardware/temperature/cpu` is the sensor `cpu`.
  const instance = path.slice(Math.max(length - 1, 1))
  const own = path.slice(0, Math.max(length - 1, 1))
  const part = instance.join('/')
  return {
    kind: 'route',
    family: family.name,
    profile: profile.name,
    declared: profile.declared,
    subject: unnamedAt < 0 ? { kind: 'device', id: mac } : null,
    household: null,
    unnamed: unnamedAt < 0 ? null : { family: family.name, at: unnamedAt, hint: hintOf(config, topic.split('/')[unnamedAt]) },
    storedTopic: aliasAt < 0 || unnamedAt >= 0 ? topic : topic.split('/').with(aliasAt, mac).join('/'),
    topicShape: captured.shape.join('/'),
    prefix: [category, ...own]
      .filter((level) => level !== '')
      .map(snakeKey)
      .join('.'),
    metric: own.at(-1) ?? '',
    path: captured.metric,
    radioScales: scalesOfModel(config.radioScales, captured.product, captured.model),
    storeRates: family.storeRates,
    attributes: part === '' ? '' : attributesOf({ [profile.name === 'temperature' ? 'hw.name' : 'topic.part']: part }),
    factPrefix: part === '' ? '' : `${instance.map(snakeKey).join('.')}.`,
    taskId: captured.taskId,
    topicFacts: topicFacts(captured),
  }
}

/** The longest prefix of `<category>/<metric>/...` that the profiles table knows. */
const profileOf = (config: TopicConfig, family: Family, path: readonly string[]): { profile: ProfileRef; length: number } => {
  if (family.profile !== null) return { profile: family.profile, length: path.length }
  for (let length = path.length; length > 0; length--) {
    const profile = config.profiles.get(path.slice(0, length).join('/'))
    if (profile !== undefined) return { profile, length }
  }
  return { profile: genericProfile, length: path.length }
}
const genericProfile: ProfileRef = { name: 'generic', declared: null }

const topicFacts = ({ product, model }: Captured): FactsBody | null => {
  const items = [
    { name: 'device.product', value: product, sealed: null },
    { name: 'device.model', value: model, sealed: null },
  ].filter(({ value }) => value !== null)
  return items.length === 0 ? null : { kind: 'Facts', items }
}

const placeRoute = (family: Family, captured: Captured, topic: string, levels: readonly string[]): Route => {
  const area = captured.quantity.slice(0, -1)
  const quantity = captured.quantity.at(-1) ?? ''
  const above = levels.slice(0, levels.length - captured.quantity.length)
  const { householdAt, householdLevels } = captured
  const house = above.slice(householdAt, householdAt + householdLevels)
  return {
    kind: 'route',
    family: family.name,
    profile: family.profile?.name ?? 'place',
    declared: family.profile?.declared ?? null,
    unnamed: null,
    subject: householdLevels === 0 ? { kind: 'place', id: above.join('/') } : null,
    household:
      householdLevels === 0
        ? null
        : {
            town: above.slice(0, householdAt).join('/'),
            house: house.join('/'),
            below: topic.slice(above.join('/').length),
            known: pseudonymLevel.test(house[0] ?? '') ? (house[0] ?? '').slice(1) : null,
            resolved: null,
          },
    storedTopic: topic,
    topicShape: captured.shape.join('/'),
    prefix: ['environment', ...(quantity === '' ? [] : [snakeKey(quantity)])].join('.'),
    metric: quantity,
    path: captured.quantity,
    radioScales: [],
    storeRates: family.storeRates,
    attributes: area.length === 0 ? '' : attributesOf({ 'place.area': area.join('/') }),
    factPrefix: area.map((level) => `${snakeKey(level)}.`).join(''),
    taskId: '',
    topicFacts: null,
  }
}

/** Subject and stored topic, the household's pseudonym made once per remembered topic. */
export const placeRouteOf = (route: Route, pseudonym: (text: string) => string): { subject: Subject; storedTopic: string } => {
  const { household, subject, storedTopic } = route
  if (household === null) return { subject: subject ?? { kind: 'place', id: '' }, storedTopic }
  if (household.resolved?.by === pseudonym) return household.resolved
  const id = `${household.town}/~${household.known ?? pseudonym(`${household.town}/${household.house}`)}`
  household.resolved = { by: pseudonym, subject: { kind: 'place', id }, storedTopic: id + household.below }
  return household.resolved
}
