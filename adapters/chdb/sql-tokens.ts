/**
 * Tokens of a ClickHouse text: enough to tell words from quoted texts and comments, to find `{name:Type}` parameters and to
 * cut FORMAT and SETTINGS from the end. Never throws; an unclosed quote runs to the end of the text.
 */

export type Token = { kind: 'word' | 'string' | 'quoted' | 'number' | 'sign'; text: string; start: number; end: number }

const wordStart = /[A-Za-z_]/
const pattern =
  /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|#(?:!| )[^\n]*|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|[`"](?:[^`"\\]|\\[\s\S])*(?:[`"]|$)|[A-Za-z_]\w*|\d[\w.]*|[\s\S]/gy

export const tokenize = (sql: string): Token[] => {
  const tokens: Token[] = []
  pattern.lastIndex = 0
  for (let start = 0; start < sql.length; ) {
    pattern.lastIndex = start
    const text = quotedIdentifier(sql, start) ?? pattern.exec(sql)?.[0] ?? sql[start] ?? ''
    const end = start + text.length
    const kind = kindOf(text)
    if (kind !== null) tokens.push({ kind, text, start, end })
    start = end
  }
  return tokens
}

/** Backticks may hold double quotes and the other way round. */
const quotedIdentifier = (sql: string, start: number): string | undefined => {
  const quote = sql[start]
  if (quote !== '`' && quote !== '"') return undefined
  for (let at = start + 1; at < sql.length; at++) {
    if (sql[at] === '\\') at++
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return sql.slice(start, at + 1)
      at++
    }
  }
  return sql.slice(start)
}

const kindOf = (text: string): Token['kind'] | null => {
  const first = text[0] ?? ''
  if (/\s/.test(first) || text.startsWith('--') || text.startsWith('/*') || (first === '#' && text.length > 1)) return null
  if (first === "'" || (first === '$' && text.length > 1)) return 'string'
  if (first === '`' || first === '"') return 'quoted'
  if (wordStart.test(first)) return 'word'
  return /\d/.test(first) ? 'number' : 'sign'
}

export const isWord = (token: Token | undefined, word: string): boolean => token?.kind === 'word' && token.text.toUpperCase() === word

/** Names of the `{name:Type}` parameters that the text asks for. */
export const parameterNames = (tokens: readonly Token[]): Set<string> => {
  const names = new Set<string>()
  for (let index = 0; index < tokens.length - 2; index++) {
    const [open, name, colon] = [tokens[index], tokens[index + 1], tokens[index + 2]]
    if (open?.text === '{' && name?.kind === 'word' && colon?.text === ':') names.add(name.text)
  }
  return names
}

export type Tail = {
  /** The text without its trailing FORMAT and SETTINGS. */
  text: string
  format: string | null
  /** Name and value as written, in order. */
  settings: readonly (readonly [name: string, value: string])[]
}

/** Cuts `FORMAT x` and `SETTINGS a = 1, ...` (either order) from the end of a text, at bracket depth 0 only. */
export const cutTail = (sql: string): Tail => {
  const tail: { text: string; format: string | null; settings: [string, string][] } = { text: sql, format: null, settings: [] }
  for (let pass = 0; pass < 2; pass++) {
    const tokens = tokenize(tail.text)
    if (tail.format === null && cutFormat(tokens, tail)) continue
    if (tail.settings.length === 0) cutSettings(tokens, tail)
  }
  return tail
}

const cutFormat = (tokens: readonly Token[], tail: { text: string; format: string | null }): boolean => {
  const name = tokens.at(-1)
  const keyword = tokens.at(-2)
  if (name?.kind !== 'word' || !keyword || !isWord(keyword, 'FORMAT') || !canPrecedeClause(tokens.at(-3))) return false
  tail.format = name.text
  tail.text = tail.text.slice(0, keyword.start).trimEnd()
  return true
}

const cutSettings = (tokens: readonly Token[], tail: { text: string; settings: [string, string][] }): void => {
  const at = lastTopLevelSettings(tokens)
  const keyword = tokens[at]
  if (!keyword) return
  const settings: [string, string][] = []
  for (let index = at + 1; index < tokens.length; ) {
    const [name, equals] = [tokens[index], tokens[index + 1]]
    if (name?.kind !== 'word' || equals?.text !== '=') return
    const end = endOfValue(tokens, index + 2)
    const [first, last] = [tokens[index + 2], tokens[end - 1]]
    if (!first || !last) return
    settings.push([name.text, tail.text.slice(first.start, last.end)])
    index = end + 1
  }
  tail.settings = settings
  tail.text = tail.text.slice(0, keyword.start).trimEnd()
}

const lastTopLevelSettings = (tokens: readonly Token[]): number => {
  let depth = 0
  for (let index = tokens.length - 1; index > 0; index--) {
    const token = tokens[index]
    if (token && ')]}'.includes(token.text)) depth++
    else if (token && '([{'.includes(token.text)) depth--
    else if (depth === 0 && isWord(token, 'SETTINGS') && tokens[index + 2]?.text === '=' && canPrecedeClause(tokens[index - 1]))
      return index
  }
  return -1
}

/** The comma at depth 0 that ends a setting's value, or the end. */
const endOfValue = (tokens: readonly Token[], from: number): number => {
  let depth = 0
  for (let index = from; index < tokens.length; index++) {
    const text = tokens[index]?.text ?? ''
    if ('([{'.includes(text)) depth++
    else if (')]}'.includes(text)) depth--
    else if (text === ',' && depth === 0) return index
  }
  return tokens.length
}

/** `1 AS format`, `t.settings`: a name, not the clause. */
const canPrecedeClause = (token: Token | undefined): boolean =>
  token !== undefined && token.text !== '.' && token.text !== ',' && token.text !== '(' && !isWord(token, 'AS') && !isWord(token, 'SELECT')

/** The engine streams SELECT only; SHOW, DESCRIBE, EXISTS and EXPLAIN are answered whole. */
export const isSelect = (tokens: readonly Token[]): boolean => {
  const first = tokens.find((token) => token.text !== '(')
  return isWord(first, 'SELECT') || isWord(first, 'WITH')
}
