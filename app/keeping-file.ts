/** Reads `keeping.yaml`, or the file that KEEPING_FILE names; every mistake is told with its line. */
import { readTextFile } from '../adapters/system/text-file.ts'
import type { KeepingRules } from '../model/keeping.ts'
import { parseKeeping } from '../model/keeping-form.ts'
import { AppError } from '../runtime/errors.ts'
import { readYamlForm, type YamlForm } from './yaml-form.ts'

const shippedKeepingFile = new URL('../keeping.yaml', import.meta.url).pathname

/** Throws KEEPING_INVALID. */
export const loadKeepingRules = (configured: string): KeepingRules => {
  const path = configured === '' ? shippedKeepingFile : configured
  let text: string
  try {
    text = readTextFile(path)
  } catch (cause) {
    throw new AppError('KEEPING_INVALID', `KEEPING_FILE ${path}: ${(cause as Error).message}`, { cause })
  }
  return keepingRulesOf(text, path)
}

export const keepingRulesOf = (text: string, path: string): KeepingRules => readYamlForm(text, path, form)

const form: YamlForm<KeepingRules> = {
  code: 'KEEPING_INVALID',
  parse: parseKeeping,
  wordsOf: (path) =>
    path
      .map((part) => (typeof part === 'number' ? `rule ${part + 1}` : part))
      .filter((part) => part !== 'rules')
      .join(', '),
}
