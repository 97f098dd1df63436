/**
 * `keeping.yaml` as read: every mistake with its path, so that the reader of the file can name the line. A rule that would
 * delete at once (0 days, a selector without a word) is a mistake, not a wish.
 */
import { type KeepingRule, type KeepingRules, type KeptDays, type KeptGroup, keptGroups, rollupGroups, shippedKeeping } from './keeping.ts'

export type FormProblem = { path: readonly (string | number)[]; reason: string }

/** Each is tried for each subject and table. */
export const rulesMax = 200
export const patternsMax = 100
const patternCharsMax = 200
const daysMax = 36_500

export const parseKeeping = (value: unknown): { ok: true; value: KeepingRules } | { ok: false; problems: FormProblem[] } => {
  const problems: FormProblem[] = []
  const tell = (path: FormProblem['path'], reason: string): void => void problems.push({ path, reason })
  const root = value ?? {}
  if (!isMapping(root))
    return { ok: false, problems: [{ path: [], reason: `expected a mapping of default and rules, got ${shown(value)}` }] }
  onlyKnown(root, ['default', 'rules'], [], tell)
  const days = root['default'] === undefined ? {} : parseDays(root['default'], ['default'], tell)
  const rules = parseRules(root['rules'], tell)
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, value: { default: { ...shippedKeeping.default, ...days }, rules } }
}

type Tell = (path: FormProblem['path'], reason: string) => void

const parseRules = (value: unknown, tell: Tell): KeepingRule[] => {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) {
    tell(['rules'], `expected a list, got ${shown(value)}`)
    return []
  }
  if (value.length > rulesMax) tell(['rules'], `expected at most ${rulesMax} rules, got ${value.length}`)
  return value.slice(0, rulesMax).map((rule: unknown, index) => parseRule(rule, ['rules', index], tell))
}

const selectors = ['class', 'model', 'customer'] as const

const parseRule = (value: unknown, path: FormProblem['path'], tell: Tell): KeepingRule => {
  const rule: KeepingRule = { class: null, model: null, customer: null, keep: {} }
  if (!isMapping(value)) {
    tell(path, `expected a mapping of class, model or customer, and keep, got ${shown(value)}`)
    return rule
  }
  onlyKnown(value, [...selectors, 'keep'], path, tell)
  for (const name of selectors) if (value[name] !== undefined) rule[name] = parsePatterns(value[name], [...path, name], tell)
  if (selectors.every((name) => value[name] === undefined)) {
    tell(path, 'expected class, model or customer: what holds for all stands under default')
  }
  rule.keep = parseDays(value['keep'], [...path, 'keep'], tell)
  if (isMapping(value['keep']) && Object.keys(value['keep']).length === 0) tell([...path, 'keep'], 'expected days for at least one table')
  return rule
}

const parsePatterns = (value: unknown, path: FormProblem['path'], tell: Tell): string[] => {
  const patterns: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (patterns.length === 0 || patterns.length > patternsMax) tell(path, `expected 1 to ${patternsMax} texts, got ${patterns.length}`)
  return patterns.slice(0, patternsMax).map((pattern, index) => {
    if (typeof pattern === 'string' && pattern !== '' && pattern.length <= patternCharsMax) return pattern
    // YAML reads 925 as a number, and no as false.
    const quote = typeof pattern === 'number' || typeof pattern === 'boolean' ? ' (write it in quotes)' : ''
    tell(
      Array.isArray(value) ? [...path, index] : path,
      `expected a text of 1 to ${patternCharsMax} characters, got ${shown(pattern)}${quote}`,
    )
    return ''
  })
}

const parseDays = (value: unknown, path: FormProblem['path'], tell: Tell): Partial<Record<KeptGroup, KeptDays>> => {
  const days: Partial<Record<KeptGroup, KeptDays>> = {}
  if (!isMapping(value)) {
    tell(path, `expected a mapping of ${keptGroups.join(', ')} to days, got ${shown(value)}`)
    return days
  }
  onlyKnown(value, keptGroups, path, tell)
  for (const group of keptGroups) {
    const own = value[group]
    if (own === undefined) continue
    if (own === 'forever') days[group] = null
    else if (typeof own === 'number' && Number.isInteger(own) && own >= 1 && own <= daysMax) days[group] = own
    else if (own === 0) tell([...path, group], 'expected 1 day or more: 0 would delete all at once')
    else tell([...path, group], `expected days from 1 to ${daysMax}, or forever, got ${shown(own)}`)
  }
  const raw = days.measurements
  for (const group of rollupGroups) {
    const own = days[group]
    if (raw === undefined || own === undefined || own === null) continue
    if (raw === null || own < raw)
      tell([...path, group], `expected at least the days of measurements (${raw ?? 'forever'}): rollups outlive them`)
  }
  return days
}

const onlyKnown = (value: Record<string, unknown>, known: readonly string[], path: FormProblem['path'], tell: Tell): void => {
  for (const key of Object.keys(value))
    if (!known.includes(key)) tell([...path, key], `expected one of ${known.join(', ')}, got ${shown(key)}`)
}

const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) as string | undefined
  return text === undefined ? 'nothing' : text.slice(0, 60)
}
