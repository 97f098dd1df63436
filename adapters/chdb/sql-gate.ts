/**
 * The gate before the public door's engine. `readonly = 1` is no barrier (a table function reads files), so a text passes
 * only when the engine's own canonical form of it (comments, heredocs and a second statement are gone by then) has nothing
 * but known nodes, functions, tables and settings. Only that canonical text is run.
 */
import { type EngineSession, literal } from './engine.ts'
import { EngineError } from './engine-error.ts'
import { formatRule } from './formats.ts'
import { checkSetting, isInnerSettingAllowed } from './gate-settings.ts'
import { judgeTree } from './gate-tree.ts'
import { cutTail, isWord, parameterNames, type Token, tokenize } from './sql-tokens.ts'

export type GateOptions = {
  database: string
  /** Tables of the database that this caller may not read. */
  hiddenTables?: ReadonlySet<string>
}

export type Passed = {
  /** Canonical, without FORMAT and SETTINGS. */
  sql: string
  format: string | null
  settings: ReadonlyMap<string, string>
  /** The literal map of `additional_table_filters`, or null. */
  tableFilters: string | null
}

export const textBytesMax = 256 * 1024
const firstWords = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'DESC', 'EXISTS', 'EXPLAIN'])

/** Throws an `EngineError` with the reason. The parameters are already set on the session. */
export const passGate = async (
  session: EngineSession,
  text: string,
  parameters: ReadonlyMap<string, string>,
  options: GateOptions,
): Promise<Passed> => {
  if (Buffer.byteLength(text) > textBytesMax)
    throw new EngineError(307, 'TOO_MANY_BYTES', `Expected a statement of at most ${textBytesMax} bytes`)
  if (text.includes('\0')) throw denied('The statement has a NUL character')
  checkFirstWord(tokenize(text).find((token) => token.text !== '('))
  const canonical = await canonicalise(session, text)
  const tokens = tokenize(canonical)
  checkFirstWord(tokens.find((token) => token.text !== '('))
  for (const name of parameterNames(tokens)) {
    if (!parameters.has(name)) throw new EngineError(456, 'UNKNOWN_QUERY_PARAMETER', `Substitution \`${name}\` is not set`)
  }
  const file = tokens.find((token) => isWord(token, 'OUTFILE') || isWord(token, 'INFILE'))
  if (file) throw denied(`${file.text.toUpperCase()} is not allowed here`)

  const tail = cutTail(canonical)
  if (tail.format !== null && !formatRule(tail.format)) throw denied(`Format ${tail.format} is not offered here`)
  const { settings, tableFilters } = await passSettings(session, tail.settings)
  const inner = innerSettings(tokenize(tail.text))
  checkShow(tokenize(tail.text), options)
  const verdict = judgeTree(await syntaxTree(session, tail.text), rulesOf(options))
  if (verdict.refusal !== null) throw denied(verdict.refusal)
  if (verdict.setNodes !== inner) throw denied('SETTINGS inside the statement are not allowed here')
  return { sql: tail.text, format: tail.format, settings, tableFilters }
}

const denied = (reason: string): EngineError => new EngineError(497, 'ACCESS_DENIED', reason)

const checkFirstWord = (token: Token | undefined): void => {
  if (token?.kind !== 'word' || !firstWords.has(token.text.toUpperCase())) {
    throw denied(`Expected SELECT, WITH, SHOW, DESCRIBE, EXISTS or EXPLAIN, got "${token?.text.slice(0, 40) ?? ''}"`)
  }
}

const canonicalise = async (session: EngineSession, text: string): Promise<string> => {
  const bytes = await session.ask(`SELECT formatQuerySingleLine(${literal(text)}) AS text`, 'JSONCompactEachRow')
  const [canonical] = JSON.parse(Buffer.from(bytes).toString('utf8')) as [string]
  return canonical
}

const syntaxTree = async (session: EngineSession, sql: string): Promise<string[]> => {
  const bytes = await session.ask(`EXPLAIN AST ${sql}`, 'JSONCompactEachRow')
  const rows = Buffer.from(bytes).toString('utf8').split('\n')
  return rows.filter((row) => row !== '').map((row) => (JSON.parse(row) as [string])[0])
}

const systemTables = new Set(
  'one databases tables columns functions data_type_families settings formats time_zones table_engines'.split(' '),
)
const informationTables = new Set('tables columns schemata views'.split(' '))

const rulesOf = ({ database, hiddenTables }: GateOptions) => ({
  isTableAllowed: (name: string): boolean => {
    const parts = /^(?:(\w+)\.)?(\w+)$/.exec(name)
    if (parts?.[2] === undefined) return false
    if (parts[1] === undefined || parts[1] === database) return hiddenTables?.has(parts[2]) !== true
    if (parts[1] === 'system') return systemTables.has(parts[2])
    return /^information_schema$/i.test(parts[1]) && informationTables.has(parts[2].toLowerCase())
  },
  isDatabaseAllowed: (name: string): boolean => name === database || name === 'system' || /^information_schema$/i.test(name),
})

const showWords = new Set(['TABLES', 'DATABASES', 'COLUMNS', 'INDEXES', 'CREATE'])

/** SHOW has many kinds under one node; the names behind FROM stand in the text only. */
const checkShow = (tokens: readonly Token[], options: GateOptions): void => {
  if (!isWord(tokens[0], 'SHOW')) return
  const kind = tokens.slice(1).find((token) => !isWord(token, 'FULL') && !isWord(token, 'EXTENDED'))
  if (kind?.kind !== 'word' || !showWords.has(kind.text.toUpperCase())) throw denied(`SHOW ${kind?.text ?? ''} is not answered here`)
  if (tokens.some((token) => isWord(token, 'WHERE'))) throw denied('SHOW is answered with LIKE, not with WHERE')
  if (isWord(kind, 'CREATE')) return
  const rules = rulesOf(options)
  const names: string[] = []
  for (const [index, token] of tokens.entries()) {
    if (!isWord(token, 'FROM') && !isWord(token, 'IN')) continue
    const [name, dot, second] = tokens.slice(index + 1, index + 4)
    names.push([name, ...(dot?.text === '.' ? [second] : [])].map((part) => (part?.text ?? '').replaceAll('`', '')).join('.'))
  }
  const ofTable = isWord(kind, 'COLUMNS') || isWord(kind, 'INDEXES')
  const allowed = ofTable ? rules.isTableAllowed(names.reverse().join('.')) : names.every(rules.isDatabaseAllowed)
  if (!allowed) throw denied(`${names.join('.').slice(0, 100)} may not be read here`)
}

const explainOptions = new Set(
  'header description indexes actions json projections sorting graph compact run_passes dump_passes dump_tree optimize oneline pretty'.split(
    ' ',
  ),
)

/** Counts the SETTINGS inside the text and the options of EXPLAIN; the tree must have as many `Set` nodes and no more. */
const innerSettings = (tokens: readonly Token[]): number => {
  let count = 0
  for (let index = 0; index < tokens.length; index++) {
    if (!isWord(tokens[index], 'SETTINGS') || tokens[index + 2]?.text !== '=') continue
    count++
    for (let at = index + 1; ; at += 4) {
      const [name, equals, value, comma] = tokens.slice(at, at + 4)
      if (equals?.text !== '=' || !isInnerSettingAllowed(name?.text ?? '', value?.text ?? ''))
        throw denied(`Setting ${name?.text ?? ''} may not be changed inside the statement`)
      if (comma?.text !== ',') break
    }
  }
  if (!isWord(tokens[0], 'EXPLAIN')) return count
  const kinds = ['AST', 'SYNTAX', 'QUERY', 'TREE', 'PLAN', 'PIPELINE', 'ESTIMATE']
  let at = 1
  while (kinds.some((kind) => isWord(tokens[at], kind))) at++
  if (tokens[at + 1]?.text !== '=') return count
  for (; ; at += 4) {
    const [name, equals, value, comma] = tokens.slice(at, at + 4)
    if (equals?.text !== '=' || !explainOptions.has(name?.text ?? '') || !/^\d$/.test(value?.text ?? ''))
      throw denied(`EXPLAIN ${name?.text ?? ''} is not answered here`)
    if (comma?.text !== ',') return count + 1
  }
}

const passSettings = async (
  session: EngineSession,
  written: readonly (readonly [string, string])[],
): Promise<Pick<Passed, 'settings' | 'tableFilters'>> => {
  const settings = new Map<string, string>()
  let tableFilters: string | null = null
  for (const [name, value] of written) {
    if (name === 'additional_table_filters') {
      await checkTableFilters(session, value)
      tableFilters = value
      continue
    }
    const plain = value.startsWith("'") ? unquote(value) : value
    checkSetting(name, plain)
    settings.set(name, plain)
  }
  return { settings, tableFilters }
}

/** Grafana's ad-hoc filters: `{'table':'condition', ...}`, literals only, each condition one expression without a sub-query. */
const checkTableFilters = async (session: EngineSession, value: string): Promise<void> => {
  const tokens = tokenize(value)
  if (tokens[0]?.text !== '{' || tokens.at(-1)?.text !== '}') throw denied('additional_table_filters must be a literal map')
  const inner = tokens.slice(1, -1)
  for (let at = 0; at < inner.length; at += 4) {
    const [table, colon, condition, comma] = inner.slice(at, at + 4)
    const isPair =
      table?.kind === 'string' && colon?.text === ':' && condition?.kind === 'string' && (comma === undefined || comma.text === ',')
    if (!isPair) throw denied('additional_table_filters must be a literal map of texts')
    await checkCondition(session, unquote(condition.text))
  }
}

const checkCondition = async (session: EngineSession, condition: string): Promise<void> => {
  const canonical = await canonicalise(session, `SELECT ${condition}`)
  const tail = cutTail(canonical)
  const verdict = judgeTree(await syntaxTree(session, canonical), { isTableAllowed: () => false, isDatabaseAllowed: () => false })
  if (verdict.refusal !== null) throw denied(verdict.refusal)
  const select = verdict.root.children[0]?.children
  const plain = select?.length === 1 && select[0]?.children.length === 1 && select[0].children[0]?.children.length === 1
  const nested = canonical.includes('SELECT', 6) && tokenize(canonical.slice(6)).some((token) => isWord(token, 'SELECT'))
  if (!plain || nested || tail.format !== null || verdict.setNodes > 0 || !isWord(tokenize(canonical)[0], 'SELECT')) {
    throw denied('A condition of additional_table_filters must be one expression')
  }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0', a: '\x07', v: '\v' }

const unquote = (text: string): string =>
  text.slice(1, -1).replaceAll(/\\x([0-9A-Fa-f]{2})|\\([\s\S])|''/g, (_all, hex: string | undefined, char: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    return char === undefined ? "'" : (escapes[char] ?? char)
  })
