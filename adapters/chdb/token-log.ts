/**
 * Takes back promises of the engine that a kill -9 left unkept. A MergeTree table first notes an insert's token in its log of
 * tokens and then renames the part into its place (seen by its system calls, ClickHouse 26.7: about 0.1 ms between the two).
 * Killed in between, the table knows the token and not the rows, and the repetition that would bring them is dropped as a
 * duplicate. So at each start the last token of each table whose part is not there is forgotten, before anybody may insert;
 * only the last can be of that kind, since a table's parts are written one at a time.
 */
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'

/** To be awaited before the doors open. Killed half way, the next start does the rest: a detached table comes back by itself. */
export const mendTokenLogs = async (engine: Engine, database: string): Promise<UnkeptToken[]> => {
  const listed = await engine.withSession((session) =>
    session.ask(`SELECT name, data_paths[1] FROM system.tables WHERE database = '${database}' AND engine LIKE '%MergeTree' ORDER BY name`),
  )
  const unkept = Buffer.from(listed)
    .toString()
    .split('\n')
    .map((line) => line.split('\t'))
    .flatMap(([table = '', path = '']) => (path === '' ? [] : [unkeptToken({ table, path })]))
    .filter((found) => found !== null)
  for (const token of unkept) {
    // The engine holds what it has read of the log in memory, and the file open.
    await engine.withSession((session) => session.ask(`DETACH TABLE ${database}.${token.table} SYNC`))
    forget(token)
    await engine.withSession((session) => session.ask(`ATTACH TABLE ${database}.${token.table}`))
  }
  return unkept
}

type TableFolder = { table: string; path: string }
/** What stands behind the last token whose rows are there: it must go. */
export type UnkeptToken = TableFolder & { file: string; part: string; keepBytes: number }

/** Of the newest log that has a line: a torn line, or a note of a part that is not there. Null: everything is kept. */
const unkeptToken = ({ table, path }: TableFolder): UnkeptToken | null => {
  const folder = join(path, 'deduplication_logs')
  if (!existsSync(folder)) return null
  for (const name of readdirSync(folder).sort(byNumber).reverse()) {
    const file = join(folder, name)
    const bytes = readFileSync(file)
    if (bytes.length === 0) continue
    const lineEnd = bytes.at(-1) === newline ? bytes.length - 1 : bytes.length
    const lineStart = bytes.lastIndexOf(newline, lineEnd - 1) + 1
    const [operation, part = ''] = bytes.toString('utf8', lineStart, lineEnd).split('\t')
    const isTorn = lineEnd === bytes.length
    if (!isTorn && (operation !== added || hasPart(path, part))) return null
    return { table, path, file, part, keepBytes: lineStart }
  }
  return null
}

const forget = ({ file, keepBytes }: UnkeptToken): void => truncateSync(file, keepBytes)

const newline = 10
const added = '1' // '2' notes that a part was dropped.

const byNumber = (a: string, b: string): number => numberOf(a) - numberOf(b)
const numberOf = (name: string): number => Number(/_(\d+)\.txt$/.exec(name)?.[1] ?? -1)

/** The part itself, or one that it was merged into: same partition, its block within theirs. */
const hasPart = (path: string, name: string): boolean => {
  const part = parsePart(name)
  if (part === null) return true // Of a form that we do not know: nothing is taken back.
  return readdirSync(path).some((folder) => {
    const other = parsePart(folder)
    return other !== null && other.partition === part.partition && other.firstBlock <= part.firstBlock && other.lastBlock >= part.lastBlock
  })
}

/** `202609_3_3_0`: partition, first and last block, level, and after a mutation its version. */
const parsePart = (name: string): { partition: string; firstBlock: number; lastBlock: number } | null => {
  const [, partition, firstBlock, lastBlock] = /^([^_]+)_(\d+)_(\d+)_\d+(?:_\d+)?$/.exec(name) ?? []
  return partition === undefined ? null : { partition, firstBlock: Number(firstBlock), lastBlock: Number(lastBlock) }
}
