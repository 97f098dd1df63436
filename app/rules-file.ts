/**
 * Reads the shipped `rules/*.yaml` and, on top, a folder of one's own: a rule of the same id takes the place of the shipped
 * one, overrides are added. Every mistake is told with its file and line.
 */
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { fileNamesIn } from '../adapters/system/folder.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { RuleSet } from '../model/rule.ts'
import { checkRules } from '../model/rule-check.ts'
import { parseRuleFile, type RuleFile } from '../model/rule-form.ts'
import type { Path } from '../model/shape.ts'
import { AppError } from '../runtime/errors.ts'

export const shippedRulesFolder = new URL('../rules', import.meta.url).pathname

/** `own`: '' for the shipped rules alone. Throws RULES_INVALID. */
export const loadRuleSet = (own: string): RuleSet => {
  const shipped = readFolder(shippedRulesFolder)
  return ruleSetOf(own === '' ? [shipped] : [shipped, readFolder(own)])
}

/** Later files win. Throws RULES_INVALID when they do not fit together. */
export const ruleSetOf = (layers: readonly RuleFile[]): RuleSet => {
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

const readFolder = (folder: string): RuleFile => {
  let names: string[]
  try {
    names = fileNamesIn(folder, '.yaml')
  } catch (cause) {
    throw new AppError('RULES_INVALID', `${folder}: expected a folder of rules, ${(cause as Error).message}`, { cause })
  }
  const files = names.map((name) => ruleFileOf(readTextFile(`${folder}/${name}`), `${folder}/${name}`))
  return { rules: files.flatMap(({ rules }) => rules), overrides: files.flatMap(({ overrides }) => overrides) }
}

export const ruleFileOf = (text: string, path: string): RuleFile => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken !== undefined) throw new AppError('RULES_INVALID', `${path} line ${lines.linePos(broken.pos[0]).line}: ${broken.message}`)
  const parsed = parseRuleFile(document.toJS())
  if (parsed.ok) return parsed.value
  const told = parsed.problems.map(({ path: at, reason }) => {
    const words = at.map((part) => (typeof part === 'number' ? String(part + 1) : part)).join('.')
    return `line ${lines.linePos(offsetOf(document.contents, at)).line}: ${words === '' ? '' : `${words}: `}${reason}`
  })
  throw new AppError('RULES_INVALID', `${path} is not valid:\n- ${told.join('\n- ')}`)
}

/** Where the key stands, else where the nearest part around it does. */
const offsetOf = (contents: Node | null, path: Path): number => {
  let node: unknown = contents
  let offset = contents?.range?.[0] ?? 0
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part)
      if (pair === undefined) break
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value
    } else {
      node = (node as { items?: unknown[] } | null)?.items?.[Number(part)]
      offset = (node as Node | undefined)?.range?.[0] ?? offset
    }
  }
  return offset
}
