/**
 * The live tables against the rebuilt ones: hashes by subject and day first, then the rows of those groups that differ.
 * Reads only; before: `rebuild.ts`. While the recorder runs it goes on writing: rows beyond the compared offsets are left
 * out, and of added-up tables those days that later records have changed (`moving`), since they cannot be taken apart.
 */
import type { Warehouse } from '../model/ports.ts'
import { type ComparedTable, derivedTables, groupsQuery, rowsQuery, rowTables } from './domain/compared-tables.ts'
import { type Difference, rowDifferences, type ShownRow } from './domain/row-differences.ts'

/** Offsets of one partition that are compared: `from` included, `to` excluded. */
export type Span = { partition: number; from: number; to: number }

export type CompareDeps = {
  live: Warehouse
  scratch: Warehouse
  logId: string
  deviceEvents: readonly Span[]
  deadLetters: readonly Span[]
  /** Null: all subjects. */
  sample: readonly string[] | null
  /** Not compared: their key is gone, and with it what they said. */
  skipped: ReadonlySet<string>
  /** The history is whole and the live tables hold this log only: else what is added up over all of it is not compared. */
  whole: boolean
  /** Days that the live table keeps rows for, by arrival; rows nearer to that than a day are left out. */
  keptDays: (table: string) => number | null
  nowMs: number
  onTable: (outcome: TableOutcome) => void
}

export type TableOutcome = { table: string; groups: number; rows: number; moving: number; differences: number; notCompared: string | null }
export type CompareResult = { tables: TableOutcome[]; differences: Difference[]; differencesAreCut: boolean }

/** Subjects per query: keeps an answer under the public door's limits of rows and time. */
const subjectsPerQuery = 100
/** Of one group when it differs; beyond it the difference is told, its rows are not. */
const rowsPerGroupMax = 50_000
/** Groups of one table whose rows are looked at. */
const groupsShownMax = 20
/** Rows named per group. */
const rowsShownMax = 5

export const compareTables = async (deps: CompareDeps): Promise<CompareResult> => {
  const result: CompareResult = { tables: [], differences: [], differencesAreCut: false }
  const slices = await subjectSlices(deps)
  for (const compared of [...rowTables, ...derivedTables]) {
    const outcome = await compareTable(deps, compared, slices, result)
    result.tables.push(outcome)
    deps.onTable(outcome)
  }
  return result
}

const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

type Slice = (subject: string) => string

/** Conditions that together hold every subject once, or those of the sample. */
const subjectSlices = async ({ live, scratch, sample }: CompareDeps): Promise<Slice[]> => {
  if (sample !== null) {
    return chunksOf(sample, subjectsPerQuery).map((own) => (subject) => `${subject} IN (${own.map(literal).join(', ')})`)
  }
  const query = 'SELECT subject FROM subjects_seen GROUP BY subject'
  const known = new Set<string>()
  for (const side of [live, scratch]) for (const { subject } of await side.query<{ subject: string }>(query)) known.add(subject)
  const bounds = chunksOf([...known].sort(byBytes), subjectsPerQuery).flatMap((own) => own.slice(-1))
  // The last bound is left open: subjects that are in neither list still fall into one slice.
  return [null, ...bounds.slice(0, -1)].map((after, index, all) => {
    const upTo = all[index + 1] ?? null
    return (subject) =>
      [after === null ? null : `${subject} > ${literal(after)}`, upTo === null ? null : `${subject} <= ${literal(upTo)}`]
        .filter((part) => part !== null)
        .join(' AND ') || '1'
  })
}

/** The engine compares texts by their bytes. */
const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

const chunksOf = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))

const spanCondition = (spans: readonly Span[]): string =>
  spans.length === 0
    ? '0'
    : `(${spans.map(({ partition, from, to }) => `partition = ${partition} AND offset >= ${from} AND offset < ${to}`).join(' OR ')})`

const beyondCondition = (spans: readonly Span[]): string =>
  `(${spans.map(({ partition, to }) => `partition = ${partition} AND offset >= ${to}`).join(' OR ')})`

type GroupRow = { the_subject: string; day: string; held: number | string; hash: string }

const compareTable = async (
  deps: CompareDeps,
  compared: ComparedTable,
  slices: readonly Slice[],
  result: CompareResult,
): Promise<TableOutcome> => {
  const outcome: TableOutcome = { table: compared.table, groups: 0, rows: 0, moving: 0, differences: 0, notCompared: null }
  if (compared.kind !== 'rows' && !deps.whole) return { ...outcome, notCompared: 'the history before the first record is gone' }
  const common = commonCondition(deps, compared)
  let looked = 0
  for (const slice of slices) {
    const where = `${slice(compared.subject)} AND ${common}`
    const live = await groupsOf(deps.live, compared, where)
    const rebuilt = await groupsOf(deps.scratch, compared, where)
    // Asked after the live groups: whatever had come into them by then is known here.
    const isMoving = await movingGroups(deps, compared, slice)
    for (const key of new Set([...live.keys(), ...rebuilt.keys()])) {
      const [one, other] = [live.get(key), rebuilt.get(key)]
      const subject = (one ?? other)?.the_subject ?? ''
      const day = (one ?? other)?.day ?? ''
      if (deps.skipped.has(subject)) continue
      if (isMoving(key)) {
        outcome.moving++
        continue
      }
      outcome.groups++
      outcome.rows += Number(other?.held ?? 0)
      if (one?.hash === other?.hash && one?.held === other?.held) continue
      // An insert reaches a table and the views behind it one after the other: what was under way then is known by now.
      if ((await movingGroups(deps, compared, slice))(key)) {
        outcome.moving++
        continue
      }
      const groupWhere = `${compared.subject} = ${literal(subject)} AND ${compared.day} = toDate(${literal(day)}) AND ${common}`
      if (looked++ < groupsShownMax) {
        const found = await lookInto(deps, compared, subject, groupWhere)
        outcome.differences += found.length
        result.differences.push(...found.slice(0, rowsShownMax))
        if (found.length > rowsShownMax) result.differencesAreCut = true
      } else {
        outcome.differences += Math.max(1, Math.abs(Number(one?.held ?? 0) - Number(other?.held ?? 0)))
        result.differencesAreCut = true
      }
    }
  }
  return outcome
}

const dayMs = 86_400_000

const commonCondition = (deps: CompareDeps, { table, kind }: ComparedTable): string => {
  if (kind === 'sums') return '1'
  const { logId } = deps
  if (kind === 'newest') return `log_id = ${literal(logId)}`
  const kept = deps.keptDays(table)
  const floor = kept === null ? '' : ` AND received_at >= toDateTime(${Math.max(0, Math.floor((deps.nowMs - (kept - 1) * dayMs) / 1000))})`
  return `log_id = ${literal(logId)} AND ${spanCondition(table === 'dead_letters' ? deps.deadLetters : deps.deviceEvents)}${floor}`
}

const keyOf = (subject: string, day: string): string => `${day} ${subject}`

const groupsOf = async (side: Warehouse, compared: ComparedTable, where: string): Promise<Map<string, GroupRow>> => {
  const rows = await side.query<GroupRow>(groupsQuery(compared, where))
  return new Map(rows.map((row) => [keyOf(row.the_subject, row.day), row]))
}

const movingGroups = async (
  { live, deviceEvents, logId }: CompareDeps,
  { touchedBy }: ComparedTable,
  slice: Slice,
): Promise<(key: string) => boolean> => {
  if (touchedBy === null) return () => false
  const { table, subject, day } = touchedBy
  const rows = await live.query<{ the_subject: string; the_day: string }>(
    `SELECT DISTINCT ${subject} AS the_subject, toString(${day}) AS the_day FROM ${table} WHERE ${slice(subject)} AND log_id = ${literal(logId)} AND ${beyondCondition(deviceEvents)}`,
  )
  const keys = new Set(rows.map(({ the_subject, the_day }) => keyOf(the_subject, the_day)))
  return (key) => keys.has(key)
}

/** Read a second time, so that a group that was just being written when it was hashed is not called different. */
const lookInto = async ({ live, scratch }: CompareDeps, compared: ComparedTable, subject: string, where: string): Promise<Difference[]> => {
  const query = rowsQuery(compared, where, rowsPerGroupMax)
  const [one, other] = [await live.query<ShownRow>(query), await scratch.query<ShownRow>(query)]
  return rowDifferences(compared, subject, one, other)
}
