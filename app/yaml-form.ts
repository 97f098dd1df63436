/** A YAML file of an operator held against its form; every mistake is told with its line. */
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import type { Path } from '../model/shape.ts'
import { AppError, type ErrorCode } from '../runtime/errors.ts'

type Parsed<T> = { ok: true; value: T } | { ok: false; problems: readonly { path: Path; reason: string }[] }

export type YamlForm<T> = {
  code: ErrorCode
  parse: (value: unknown) => Parsed<T>
  /** A place in the file as a person names it; '' for the whole. */
  wordsOf: (path: Path) => string
}

/** Throws the form's error. */
export const readYamlForm = <T>(text: string, path: string, { code, parse, wordsOf }: YamlForm<T>): T => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken !== undefined) throw new AppError(code, `${path} line ${lines.linePos(broken.pos[0]).line}: ${broken.message}`)
  const parsed = parse(document.toJS())
  if (parsed.ok) return parsed.value
  const told = parsed.problems.map(({ path: at, reason }) => {
    const words = wordsOf(at)
    return `line ${lines.linePos(offsetOf(document.contents, at)).line}: ${words === '' ? '' : `${words}: `}${reason}`
  })
  throw new AppError(code, `${path} is not valid:\n- ${told.join('\n- ')}`)
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
