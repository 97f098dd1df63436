/**
 * Reads the shipped `rules/*.yaml` and, on top, a folder of one's own: a rule of the same id takes the place of the shipped
 * one, overrides are added. Every mistake is told with its file and line.
 */
import { fileNamesIn } from '../adapters/system/folder.ts'
import { boundPatternTime } from '../adapters/system/linear-patterns.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { Rule, RuleSet } from '../model/rule.ts'
import { checkRules } from '../model/rule-check.ts'
import { parseRuleFile, type RuleFile } from '../model/rule-form.ts'
import { AppError } from '../runtime/errors.ts'
import { readYamlForm, type YamlForm } from './yaml-form.ts'

export const shippedRulesFolder = new URL('../rules', import.meta.url).pathname

/** `own`: '' for the shipped rules alone. Throws RULES_INVALID. */
export const loadRuleSet = (own: string): RuleSet => {
  const shipped = readFolder(shippedRulesFolder)
  return ruleSetOf(own === '' ? [shipped] : [shipped, readFolder(own)])
}

/** Later files win. Throws RULES_INVALID when they do not fit together. */
export const ruleSetOf = (layers: readonly RuleFile[]): RuleSet => {
  boundPatternTime()
  const rules = new Map<string, RuleFile['rules'][number]>()
  const problems = new Set<string>()
  for (const layer of layers) {
    const ids = layer.rules.map(({ id }) => id)
    for (const id of ids.filter((one, at) => ids.indexOf(one) !== at)) problems.add(`${id}: expected one rule of this id, got two`)
    for (const rule of layer.rules) rules.set(rule.id, rule)
  }
  const ruleSet = { rules: [...rules.values()], overrides: layers.flatMap(({ overrides }) => overrides) }
  for (const { rule, reason } of checkRules(ruleSet)) problems.add(`${rule}: ${reason}`)
  if (problems.size > 0) throw new AppError('RULES_INVALID', `The rules are not valid:\n- ${[...problems].join('\n- ')}`)
  return ruleSet
}

/**
 * As it would be with an edit: `edited` is a folder in place of one's own, or a file on top of it; a file of the same name
 * takes the place of the one there. Throws RULES_INVALID.
 */
export const editedRuleSet = (own: string, edited: string): RuleSet => {
  const shipped = readFolder(shippedRulesFolder)
  if (!edited.endsWith('.yaml') && !edited.endsWith('.yml')) return ruleSetOf([shipped, readFolder(edited)])
  const kept = own === '' ? [] : readFiles(own).filter(({ name }) => name !== edited.split('/').at(-1))
  return ruleSetOf([shipped, together(kept), ruleFileOf(readTextFile(edited), edited)])
}

export type RuleSource = { rule: Rule; source: string; overrides: number }

/** Each rule as it stands in the files, where, and how many overrides change it for some devices. */
export const rulesWithSources = (own: string): RuleSource[] => {
  const files = [
    ...readFiles(shippedRulesFolder).map((file) => ({ ...file, source: `shipped rules/${file.name}` })),
    ...(own === '' ? [] : readFiles(own).map((file) => ({ ...file, source: `${own}/${file.name}` }))),
  ]
  const { rules, overrides } = ruleSetOf(files.map(({ file }) => file))
  return rules.map((rule) => ({
    rule,
    source: files.findLast(({ file }) => file.rules.some(({ id }) => id === rule.id))?.source ?? '',
    overrides: overrides.filter(({ rule: id }) => id === rule.id).length,
  }))
}

type NamedFile = { name: string; file: RuleFile }

const readFolder = (folder: string): RuleFile => together(readFiles(folder))

const together = (files: readonly NamedFile[]): RuleFile => ({
  rules: files.flatMap(({ file }) => file.rules),
  overrides: files.flatMap(({ file }) => file.overrides),
})

const readFiles = (folder: string): NamedFile[] => {
  let names: string[]
  try {
    names = fileNamesIn(folder, '.yaml')
  } catch (cause) {
    throw new AppError('RULES_INVALID', `${folder}: expected a folder of rules, ${(cause as Error).message}`, { cause })
  }
  return names.map((name) => ({ name, file: ruleFileOf(readTextFile(`${folder}/${name}`), `${folder}/${name}`) }))
}

export const ruleFileOf = (text: string, path: string): RuleFile => readYamlForm(text, path, form)

const form: YamlForm<RuleFile> = {
  code: 'RULES_INVALID',
  parse: parseRuleFile,
  wordsOf: (path) => path.map((part) => (typeof part === 'number' ? String(part + 1) : part)).join('.'),
}
