/** Reads `keeping.yaml`, or the file that KEEPING_FILE names; every mistake is told with its line. */
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { KeepingRules } from '../model/keeping.ts'
import { type FormProblem, parseKeeping } from '../model/keeping-form.ts'
import { AppError } from '../runtime/errors.ts'

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

export const keepingRulesOf = (text: string, path: string): KeepingRules => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken !== undefined) throw new AppError('KEEPING_INVALID', `${path} line ${lines.linePos(broken.pos[0]).line}: ${broken.message}`)
  const parsed = parseKeeping(document.toJS())
  if (parsed.ok) return parsed.value
  const told = parsed.problems.map(({ path: at, reason }) => {
    const words = at.map((part) => (typeof part === 'number' ? `rule ${part + 1}` : part)).filter((part) => part !== 'rules')
    return `line ${lines.linePos(offsetOf(document.contents, at)).line}: ${words.length === 0 ? '' : `${words.join(', ')}: `}${reason}`
  })
  throw new AppError('KEEPING_INVALID', `${path} is not valid:\n- ${told.join('\n- ')}`)
}

/** Where the key stands, else where the nearest part around it does. */
const offsetOf = (contents: Node | null, path: FormProblem['path']): number => {
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
