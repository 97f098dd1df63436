/**
 * Judges the lines of `EXPLAIN AST`: every node's kind, every function and every table must be on a list. What the engine's
 * next version adds is unknown here and refused.
 */
import { isFunctionAllowed, tableFunctions } from './gate-lists.ts'

export type TreeNode = { kind: string; text: string; depth: number; children: TreeNode[] }

export type TreeRules = {
  isTableAllowed: (name: string) => boolean
  /** Database of `SHOW TABLES FROM x`. */
  isDatabaseAllowed: (name: string) => boolean
}

export type TreeVerdict = { refusal: string } | { refusal: null; setNodes: number; root: TreeNode }

const nodeKinds = new Set(
  `SelectWithUnionQuery SelectIntersectExceptQuery SelectQuery ExpressionList WithElement Subquery Literal Identifier Function
  TablesInSelectQuery TablesInSelectQueryElement TableExpression TableIdentifier TableJoin ArrayJoin Asterisk QualifiedAsterisk
  ColumnsRegexpMatcher ColumnsListMatcher QualifiedColumnsRegexpMatcher QualifiedColumnsListMatcher ColumnsTransformerList
  ColumnsExceptTransformer ColumnsReplaceTransformer ColumnsReplaceTransformer::Replacement OrderByElement InterpolateElement
  WindowDefinition WindowListElement SampleRatio QueryParameter DataType Collation Set`.split(/\s+/),
)
const topKinds = new Set(
  'SelectWithUnionQuery SelectIntersectExceptQuery ShowTables ShowColumns ShowIndexes DescribeQuery ExistsTableQuery ExistsViewQuery ExistsDatabaseQuery ShowCreateTableQuery ShowCreateViewQuery Explain'.split(
    ' ',
  ),
)
/** Columns of system tables that tell where the files lie, or the text of what others wrote. */
const hiddenColumns = new Set(['data_paths', 'metadata_path', 'data_path', 'create_table_query', 'engine_full', 'as_select'])
const starKinds = new Set(['Asterisk', 'QualifiedAsterisk', 'ColumnsRegexpMatcher', 'QualifiedColumnsRegexpMatcher'])

export const judgeTree = (lines: readonly string[], rules: TreeRules): TreeVerdict => {
  const root = parseTree(lines)
  if (typeof root === 'string') return { refusal: root }
  if (!topKinds.has(root.kind)) return { refusal: `${root.kind} statements are not answered here` }
  const seen = { setNodes: 0, readsPaths: false, namesPaths: false }
  const visit = (node: TreeNode, parent: TreeNode | null): string | null => {
    if (parent !== null && !nodeKinds.has(node.kind)) return `${node.kind} is not allowed here`
    if (node.kind === 'Set') seen.setNodes++
    if (node.kind === 'TableIdentifier') {
      if (!rules.isTableAllowed(node.text)) return `Table ${node.text.slice(0, 100)} may not be read here`
      if (/^system\.(tables|databases)$/i.test(node.text)) seen.readsPaths = true
    }
    if (starKinds.has(node.kind) || (node.kind === 'Identifier' && hiddenColumns.has(node.text.split('.').at(-1) ?? '')))
      seen.namesPaths = true
    if (node.kind === 'Function') {
      const refusal = functionRefusal(node, parent, rules)
      if (refusal !== null) return refusal
    }
    for (const child of node.children) {
      const refusal = visit(child, node)
      if (refusal !== null) return refusal
    }
    return null
  }
  const refusal =
    visit(root, null) ??
    topRefusal(root, rules) ??
    (seen.readsPaths && seen.namesPaths ? 'Name the columns of system.tables; those with paths and texts are not shown' : null)
  return refusal === null ? { refusal, setNodes: seen.setNodes, root } : { refusal }
}

const functionRefusal = (node: TreeNode, parent: TreeNode | null, rules: TreeRules): string | null => {
  const name = node.text
  if (!/^\w+$/.test(name)) return `Function ${name.slice(0, 60)} is not allowed here`
  if (parent?.kind === 'TableExpression')
    return tableFunctions.has(name.toLowerCase()) ? null : `Table function ${name} is not allowed here`
  if (!isFunctionAllowed(name)) return `Function ${name} is not allowed here`
  // `x IN name` reads a table of that name.
  const second = /in(ignoreset)?$/i.test(name) ? node.children[0]?.children[1] : undefined
  if (second?.kind === 'Identifier' && !rules.isTableAllowed(second.text)) return `Table ${second.text.slice(0, 100)} may not be read here`
  return null
}

/** Names that stand beside the tree's expressions: SHOW TABLES FROM x, EXISTS TABLE x.y, SHOW CREATE TABLE x.y. */
const topRefusal = (root: TreeNode, rules: TreeRules): string | null => {
  const names = root.children.filter(({ kind }) => kind === 'Identifier').map(({ text }) => text)
  switch (root.kind) {
    case 'ShowTables':
    case 'ExistsDatabaseQuery':
      return names.every(rules.isDatabaseAllowed) ? null : `Database ${names.join('.').slice(0, 100)} may not be read here`
    case 'ShowCreateTableQuery':
    case 'ShowCreateViewQuery':
    case 'ExistsTableQuery':
    case 'ExistsViewQuery': {
      const name = names.join('.')
      const showsText = root.kind.startsWith('ShowCreate') && /^(system|information_schema)\./i.test(name)
      return names.length > 0 && rules.isTableAllowed(name) && !showsText ? null : `Table ${name.slice(0, 100)} may not be read here`
    }
    case 'Explain':
      return root.children.some(({ kind }) => kind === 'SelectWithUnionQuery') ? null : 'EXPLAIN is answered over a SELECT only'
    default:
      return null
  }
}

const linePattern = /^( *)([A-Za-z]\w*(?:::\w+)?)(?: (.*?))??(?: \(alias (?:.*?)\))?(?: \(children (\d+)\))?$/

/** The root, or why the lines are no tree. The counts of children are checked, so no line can pose as another's child. */
const parseTree = (lines: readonly string[]): TreeNode | string => {
  const path: { node: TreeNode; open: number }[] = []
  let root: TreeNode | undefined
  for (const line of lines) {
    const parts = linePattern.exec(line)
    if (parts?.[2] === undefined) return 'The statement has names that cannot be judged'
    const depth = parts[1]?.length ?? 0
    const node: TreeNode = { kind: parts[2], text: parts[3] ?? '', depth, children: [] }
    while (path.length > depth) {
      if (path.pop()?.open !== 0) return 'The statement has names that cannot be judged'
    }
    const parent = path.at(-1)
    if (path.length !== depth || (parent === undefined) !== (root === undefined)) return 'The statement has names that cannot be judged'
    if (parent) {
      parent.node.children.push(node)
      parent.open--
    } else root = node
    path.push({ node, open: Number(parts[4] ?? 0) })
  }
  if (path.some(({ open }) => open !== 0)) return 'The statement has names that cannot be judged'
  return root ?? 'The statement is empty'
}
