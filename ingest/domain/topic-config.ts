/**
 * The mapping file (`topics.yaml`) checked: every problem is named with its path, and nothing is used while one is left.
 * A pattern is levels joined by `/`; a level is a word or a placeholder:
 *
 * | placeholder | matches | means |
 * | --- | --- | --- |
 * | `{device}` | a MAC in any writing, or a key of `aliases` | the device |
 * | `{deviceName}` | a name that ends in a MAC: `shellyplus1pm-a8032abcdef0` | the device; what stands in front is its product |
 * | `{product}`, `{model}` | one level | facts of the device |
 * | `{category}` | one level | the category; else the family's `category` says it |
 * | `{metric+}` | one level or more | metric and parts; else the family's `metric` says it |
 * | `{task}` | one level | id of a task |
 * | `{placeRoot}` | one of `placeRoots` | first level of a home topic |
 * | `{household}` | one level that names a household | replaced by its pseudonym |
 * | `{quantity}`, `{quantity*}` | one level, any number of levels | area inside the place, last the quantity |
 * | any other name | one level | part of the place |
 */
import type { Result } from '../../model/result.ts'
import { type DeclaredProfile, parseDeclaredProfiles } from './declared-profile.ts'
import { parseMac } from './mac.ts'
import { type ProfileName, profileNames } from './profile-names.ts'
import { parseRadioScales, type RadioScale } from './radio-scale.ts'
import { isObject } from './values.ts'

export type Level =
  | { kind: 'word'; word: string }
  | { kind: 'device' | 'deviceName' | 'product' | 'model' | 'category' | 'task' | 'placeRoot' | 'household' | 'place' }
  | { kind: 'metric' | 'quantity'; least: number; many: boolean }

export type Family = {
  name: string
  levels: Level[]
  /** `ignored`: known, and never ingested. */
  subject: 'device' | 'place' | 'household' | 'ignored'
  category: string | null
  metric: string | null
  profile: ProfileRef | null
  /** `payload`: where the topic's level is neither a MAC nor an alias, the payload may name the device by its MAC. */
  identity: 'topic' | 'payload'
  /** collectd: whether differences come as rates or as raw counters; `auto` goes by the number's form. */
  storeRates: 'auto' | 'rates' | 'counters'
  reason: string
}

/** A profile of the program, or one that topics.yaml declares. */
export type ProfileRef = { name: ProfileName; declared: DeclaredProfile | null }

export type TopicConfig = {
  placeRoots: Set<string>
  /** Other identity (IMEI, serial) as written in topics -> canonical MAC. */
  aliases: Map<string, string>
  families: Family[]
  /** `<category>/<metric>` -> profile. */
  profiles: Map<string, ProfileRef>
  radioScales: RadioScale[]
}

export const parseTopicConfig = (config: unknown): Result<TopicConfig> => {
  const problems: string[] = []
  if (!isObject(config)) return { ok: false, reason: `expected an object with families and profiles, got ${shown(config)}` }
  unknownKeys(config, ['placeRoots', 'aliases', 'families', 'profiles', 'radioScales', 'declaredProfiles'], '', problems)
  const declared = parseDeclaredProfiles(config['declaredProfiles'], profileNames, problems)
  const value: TopicConfig = {
    placeRoots: parsePlaceRoots(config['placeRoots'], problems),
    aliases: parseAliases(config['aliases'], problems),
    families: parseFamilies(config['families'], declared, problems),
    profiles: parseProfiles(config['profiles'], declared, problems),
    radioScales: parseRadioScales(config['radioScales'], problems),
  }
  return problems.length === 0 ? { ok: true, value } : { ok: false, reason: problems.join('; ') }
}

const parsePlaceRoots = (value: unknown, problems: string[]): Set<string> => {
  const roots = new Set<string>()
  if (value === undefined || value === null) return roots
  if (!Array.isArray(value)) problems.push(`placeRoots: expected a list of country names, got ${shown(value)}`)
  else
    for (const [index, root] of value.entries()) {
      if (isLevel(root)) roots.add(root)
      else problems.push(`placeRoots[${index}]: expected one topic level, got ${shown(root)}`)
    }
  return roots
}

const parseAliases = (value: unknown, problems: string[]): Map<string, string> => {
  const aliases = new Map<string, string>()
  if (value === undefined || value === null) return aliases
  if (!isObject(value)) {
    problems.push(`aliases: expected an object of identity: mac, got ${shown(value)}`)
    return aliases
  }
  for (const [alias, text] of Object.entries(value)) {
    const mac = typeof text === 'string' ? parseMac(text) : null
    if (mac === null) problems.push(`aliases.${alias}: expected a MAC such as 00-11-22-33-44-55 in quotes, got ${shown(text)}`)
    else if (isLevelText(alias)) aliases.set(alias, mac)
    else problems.push(`aliases.${shown(alias)}: expected one topic level as identity`)
  }
  return aliases
}

type Declared = ReadonlyMap<string, DeclaredProfile>

/** `declared` alone names no table, so it is no name that a file may use. */
const profileRef = (name: unknown, declared: Declared): ProfileRef | undefined => {
  const own = typeof name === 'string' ? declared.get(name) : undefined
  if (own !== undefined) return { name: 'declared', declared: own }
  return isProfile(name) && name !== 'declared' ? { name, declared: null } : undefined
}

const expectedProfile = (declared: Declared): string =>
  `expected one of ${[...profileNames.filter((name) => name !== 'declared'), ...declared.keys()].join(', ')}`

const parseProfiles = (value: unknown, declared: Declared, problems: string[]): Map<string, ProfileRef> => {
  const profiles = new Map<string, ProfileRef>()
  if (value === undefined || value === null) return profiles
  if (!isObject(value)) {
    problems.push(`profiles: expected an object of category/metric: profile, got ${shown(value)}`)
    return profiles
  }
  for (const [path, name] of Object.entries(value)) {
    const profile = profileRef(name, declared)
    if (profile === undefined) problems.push(`profiles.${path}: ${expectedProfile(declared)}, got ${shown(name)}`)
    else if (!path.split('/').every(isLevel)) problems.push(`profiles.${path}: expected <category>/<metric>`)
    else profiles.set(path, profile)
  }
  return profiles
}

const parseFamilies = (value: unknown, declared: Declared, problems: string[]): Family[] => {
  if (!Array.isArray(value) || value.length === 0) {
    problems.push(`families: expected a list of at least one family, got ${shown(value)}`)
    return []
  }
  return value.flatMap((family, index) => parseFamily(family, `families[${index}]`, declared, problems) ?? [])
}

const subjects = ['device', 'place', 'household', 'ignored'] as const

const familyKeys = ['name', 'pattern', 'subject', 'category', 'metric', 'profile', 'identity', 'storeRates', 'reason']

const parseFamily = (family: unknown, path: string, declared: Declared, problems: string[]): Family | undefined => {
  if (!isObject(family)) {
    problems.push(`${path}: expected an object with pattern and subject, got ${shown(family)}`)
    return undefined
  }
  unknownKeys(family, familyKeys, `${path}.`, problems)
  const text = (key: string): string | null => {
    const given = family[key]
    if (given === undefined || given === null) return null
    if (typeof given === 'string' && given !== '') return given
    problems.push(`${path}.${key}: expected text, got ${shown(given)}`)
    return null
  }
  const subject = subjects.find((known) => known === family['subject'])
  if (subject === undefined) problems.push(`${path}.subject: expected one of ${subjects.join(', ')}, got ${shown(family['subject'])}`)
  const profileName = text('profile')
  const profile = profileName === null ? null : (profileRef(profileName, declared) ?? null)
  if (profileName !== null && profile === null) problems.push(`${path}.profile: ${expectedProfile(declared)}, got ${shown(profileName)}`)
  const identity = (['topic', 'payload'] as const).find((known) => known === (family['identity'] ?? 'topic'))
  if (identity === undefined) problems.push(`${path}.identity: expected topic or payload, got ${shown(family['identity'])}`)
  const storeRates = (['auto', 'rates', 'counters'] as const).find((known) => known === (family['storeRates'] ?? 'auto'))
  if (storeRates === undefined) problems.push(`${path}.storeRates: expected auto, rates or counters, got ${shown(family['storeRates'])}`)
  const levels = parsePattern(family['pattern'], `${path}.pattern`, problems)
  if (subject === undefined || levels === undefined) return undefined
  const parsed: Family = {
    name: text('name') ?? path,
    levels,
    subject,
    category: text('category'),
    metric: text('metric'),
    profile,
    identity: identity ?? 'topic',
    storeRates: storeRates ?? 'auto',
    reason: text('reason') ?? 'topics.yaml says that these are not ingested',
  }
  problems.push(...missingParts(parsed, path))
  return parsed
}

/** What the subject kind needs of its pattern. */
const missingParts = ({ subject, levels, category, metric, profile, identity, storeRates }: Family, path: string): string[] => {
  const count = (kind: Level['kind']): number => levels.filter((level) => level.kind === kind).length
  const problems: string[] = []
  if (levels.filter((level) => 'many' in level && level.many).length > 1)
    problems.push(`${path}.pattern: expected at most one {...*} or {...+}`)
  if (count('metric') + count('quantity') > 1) problems.push(`${path}.pattern: expected one {metric} or {quantity}`)
  if (subject === 'device') {
    if (count('device') + count('deviceName') !== 1) problems.push(`${path}.pattern: expected {device} or {deviceName} once`)
    const isTask = profile?.name === 'task-event'
    if (!isTask && count('category') === 0 && category === null) problems.push(`${path}: expected {category} in the pattern, or category`)
    if (!isTask && count('metric') === 0 && metric === null) problems.push(`${path}: expected {metric} in the pattern, or metric`)
    if (isTask && count('task') !== 1) problems.push(`${path}.pattern: expected {task} once`)
  }
  if (subject === 'place' || subject === 'household') {
    if (count('quantity') !== 1 || levels.at(-1)?.kind !== 'quantity')
      problems.push(`${path}.pattern: expected {quantity} as the last level`)
    if (count('device') + count('deviceName') > 0) problems.push(`${path}.pattern: expected no {device} for a place`)
  }
  // Else every topic of as many levels would be one of these.
  if (identity === 'payload' && (subject !== 'device' || levels[0]?.kind !== 'word' || count('device') !== 1))
    problems.push(`${path}.identity: payload needs subject device, {device}, and a pattern that begins with a word`)
  if (storeRates !== 'auto' && profile?.name !== 'collectd') problems.push(`${path}.storeRates: expected profile collectd with it`)
  if (subject === 'household' && !adjacent(levels)) problems.push(`${path}.pattern: expected {household} levels side by side`)
  return problems
}

const adjacent = (levels: readonly Level[]): boolean => {
  const at = levels.flatMap((level, index) => (level.kind === 'household' ? [index] : []))
  return at.length > 0 && at.every((index, place) => index === (at[0] ?? 0) + place)
}

const parsePattern = (pattern: unknown, path: string, problems: string[]): Level[] | undefined => {
  if (typeof pattern !== 'string' || pattern === '') {
    problems.push(`${path}: expected levels joined by /, got ${shown(pattern)}`)
    return undefined
  }
  const levels: Level[] = []
  for (const text of pattern.split('/')) {
    const level = parseLevel(text)
    if (level === undefined) problems.push(`${path}: expected a word or a placeholder such as {device}, got "${text}"`)
    else levels.push(level)
  }
  return levels
}

const placeholder = /^\{([A-Za-z][A-Za-z0-9]*)([*+]?)\}$/
const single = ['device', 'deviceName', 'product', 'model', 'category', 'task', 'placeRoot', 'household'] as const

const parseLevel = (text: string): Level | undefined => {
  const [, name, repeat] = placeholder.exec(text) ?? []
  if (name === undefined) return isLevel(text) && !/[{}]/.test(text) ? { kind: 'word', word: text } : undefined
  if (name === 'metric' || name === 'quantity') return { kind: name, least: repeat === '*' ? 0 : 1, many: repeat !== '' }
  if (repeat !== '') return undefined
  return { kind: single.find((known) => known === name) ?? 'place' }
}

const isProfile = (name: unknown): name is ProfileName => profileNames.includes(name as ProfileName)
const isLevel = (text: unknown): text is string => typeof text === 'string' && isLevelText(text)
const isLevelText = (text: string): boolean => text !== '' && !/[/+#\0]/.test(text)

const unknownKeys = (object: Record<string, unknown>, known: readonly string[], path: string, problems: string[]): void => {
  for (const key of Object.keys(object))
    if (!known.includes(key)) problems.push(`${path}${key}: unknown key; known are ${known.join(', ')}`)
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60))
