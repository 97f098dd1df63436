/**
 * The live tables against the rebuilt ones: hashes by subject and day first, then the rows of those groups that differ.
 * Reads only; before: `rebuild.ts`. While the recorder runs it goes on writing: rows beyond the compared offsets are left
 * out, and of added-up tables those days that later records have changed (`moving`), since they cannot be taken apart.
 */
import type { Warehouse } from '../model/ports.ts'
import { fleetTables } from './domain/fleet/turn.ts'
import { type ComparedTable, derivedTables, groupsQuery, incomparableQuery, rowsQuery, rowTables } from './domain/compared-tables.ts'
import { type Difference, rowDifferences, type ShownRow } from './domain/row-differences.ts'

/** Offsets of one partition that are compared: `from` included, `to` excluded. */
export type Span = { partition: number; from: number; to: number }

export type CompareDeps = {
  live: Warehouse
  scratch: Warehouse
  logId: string
  deviceEvents: readonly Span[]
  deadLetters: readonly Span[]
  /** Empty: the topic no longer reaches to its beginning, so what the fleet stage made of it is not compared. */
  fleetSignals: readonly Span[]
  /** Null: all subjects. */
  sample: readonly string[] | null
  /** Not compared: their key is gone, and with it what they said. */
  skipped: ReadonlySet<string>
  /** The history is whole and the live tables hold this log only: else what is added up over all of it is not compared. */
  whole: boolean
  /** Days that the live table keeps rows for, by arrival; rows nearer to that than a day are left out. */
  keptDays: (table: string) => number | null
  nowMs: number
  /** From when on the live table is whole, where keeping has taken rows of some subjects away (`*`: of all); epoch milliseconds. */
  keptFrom: readonly { table: string; subject: string; sinceMs: number }[]
  /** Why a table cannot be compared this time; null: it can. */
  notComparable: (table: string) => string | null
  /** Memory that one query at the rebuilt tables may take before it goes on on disk. */
  spillBytes: number
  onTable: (outcome: TableOutcome) => void
}

export type TableOutcome = { table: string; groups: number; rows: number; moving: number; differences: number; notCompared: string | null }
export type CompareResult = { tables: TableOutcome[]; differences: Difference[]; differencesAreCut: boolean }

/** Subjects per query: keeps an answer under the public door's limits of rows and time. */
const subjectsPerQuery = 100
/** More subjects when they said little: each query has its price, whatever it reads. */
const messagesPerQuery = 500_000
const subjectsPerQueryMax = 1_000
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

/** Subjects that are asked for together, and the condition that holds them: each subject falls into one slice. */
type Slice = { subjects: readonly string[]; condition: (subject: string) => string }

const subjectSlices = async ({ live, scratch, sample }: CompareDeps): Promise<Slice[]> => {
  if (sample !== null) {
    return chunksOf(sample, subjectsPerQuery).map((subjects) => ({
      subjects,
      condition: (subject) => `${subject} IN (${subjects.map(literal).join(', ')})`,
    }))
  }
  const query = 'SELECT subject, sum(messages) AS messages FROM subjects_seen GROUP BY subject'
  const known = new Map<string, number>()
  for (const side of [live, scratch]) {
    for (const { subject, messages } of await side.query<{ subject: string; messages: number | string }>(query))
      known.set(subject, Math.max(known.get(subject) ?? 0, Number(messages)))
  }
  const chunks = chunksByMessages([...known].sort(([one], [other]) => byBytes(one, other)))
  // The last bound is left open: subjects that are in neither list still fall into one slice.
  return (chunks.length === 0 ? [[]] : chunks).map((subjects, index, all) => {
    const after = all[index - 1]?.at(-1)
    const upTo = index === all.length - 1 ? undefined : subjects.at(-1)
    return {
      subjects,
      condition: (subject) =>
        [after === undefined ? null : `${subject} > ${literal(after)}`, upTo === undefined ? null : `${subject} <= ${literal(upTo)}`]
          .filter((part) => part !== null)
          .join(' AND ') || '1',
    }
  })
}

/** The engine compares texts by their bytes. */
const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

const chunksByMessages = (subjects: readonly (readonly [subject: string, messages: number])[]): string[][] => {
  const chunks: string[][] = []
  let chunk: string[] = []
  let held = 0
  for (const [subject, messages] of subjects) {
    chunk.push(subject)
    held += messages
    if (chunk.length < subjectsPerQueryMax && (chunk.length < subjectsPerQuery || held < messagesPerQuery)) continue
    chunks.push(chunk)
    chunk = []
    held = 0
  }
  if (chunk.length > 0) chunks.push(chunk)
  return chunks
}

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
  const reason =
    compared.kind !== 'rows' && !deps.whole ? 'the history before the first record is gone' : deps.notComparable(compared.table)
  if (reason !== null) return { ...outcome, notCompared: reason }
  const rebuiltOf = await rebuiltGroups(deps, compared)
  let looked = 0
  for (const slice of slices) {
    const where = whereOf(deps, compared, slice.condition(compared.subject), slice.subjects)
    const [live, rebuilt] = await Promise.all([groupsOf(deps.live, groupsQuery(compared, where)), rebuiltOf(slice, where)])
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
      const group = `${compared.subject} = ${literal(subject)} AND ${compared.day} = toDate(${literal(day)})`
      if (looked++ < groupsShownMax) {
        const found = await lookInto(deps, compared, subject, whereOf(deps, compared, group, [subject]))
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

type GroupsOf = (slice: Slice, where: string) => Promise<Map<string, GroupRow>>

/**
 * The rebuilt tables lie in no order: asked slice by slice, each would read them whole. So their groups are made at once into
 * a small table of their own. Bounds that differ by subject are short enough for a slice only.
 */
const rebuiltGroups = async (deps: CompareDeps, compared: ComparedTable): Promise<GroupsOf> => {
  const { scratch, keptFrom, sample, spillBytes } = deps
  if (sample !== null || keptFrom.some(({ table, subject }) => table === compared.table && subject !== '*')) {
    return (_slice, where) => groupsOf(scratch, groupsQuery(compared, where))
  }
  const made = `groups_of_${compared.table}`
  await scratch.command(`DROP TABLE IF EXISTS ${made} SYNC`)
  await scratch.command(
    `CREATE TABLE ${made} ENGINE = MergeTree ORDER BY the_subject AS ${groupsQuery(compared, whereOf(deps, compared, '1', []))} SETTINGS max_bytes_before_external_group_by = ${spillBytes}`,
  )
  return (slice) => groupsOf(scratch, `SELECT the_subject, day, held, hash FROM ${made} WHERE ${slice.condition('the_subject')}`)
}

const dayMs = 86_400_000

/** What is compared of a table: `part`, as far as both sides have it. `subjects`: those that `part` may hold. */
const whereOf = (deps: CompareDeps, compared: ComparedTable, part: string, subjects: readonly string[]): string =>
  [part, ...ownCondition(deps, compared), ...keptCondition(deps, compared, subjects)].join(' AND ')

const ownCondition = (deps: CompareDeps, { table, kind }: ComparedTable): string[] => {
  if (kind === 'sums') return []
  const ofLog = `log_id = ${literal(deps.logId)}`
  if (kind === 'newest') return ofTwoTopics.has(table) && deps.fleetSignals.length === 0 ? [ofLog, ofDevices] : [ofLog]
  const kept = deps.keptDays(table)
  const floor = kept === null ? [] : [`received_at >= toDateTime(${Math.max(0, Math.floor((deps.nowMs - (kept - 1) * dayMs) / 1000))})`]
  return [
    ofLog,
    ofTwoTopics.has(table) ? spansOfBoth(deps) : spanCondition(table === 'dead_letters' ? deps.deadLetters : deps.deviceEvents),
    ...floor,
  ]
}

/** Alarms of devices and of groups, which the fleet stage writes. */
const ofTwoTopics: ReadonlySet<string> = new Set(fleetTables)
const ofDevices = "log_topic = 'device-events'"
const ofFleet = "log_topic = 'fleet-signals'"

const spansOfBoth = ({ deviceEvents, fleetSignals }: CompareDeps): string =>
  `(${ofDevices} AND ${spanCondition(deviceEvents)} OR ${ofFleet} AND ${spanCondition(fleetSignals)})`

const keptCondition = ({ keptFrom }: CompareDeps, { table, subject, keptBy }: ComparedTable, subjects: readonly string[]): string[] => {
  if (keptBy === '') return []
  const among = new Set(subjects)
  const bySince = new Map<number, string[]>()
  const conditions: string[] = []
  for (const kept of keptFrom) {
    if (kept.table !== table) continue
    if (kept.subject === '*') conditions.push(`${keptBy} >= ${momentOf(kept.sinceMs)}`)
    else if (among.has(kept.subject)) bySince.set(kept.sinceMs, [...(bySince.get(kept.sinceMs) ?? []), kept.subject])
  }
  for (const [sinceMs, own] of bySince) {
    conditions.push(`NOT (${subject} IN (${own.map(literal).join(', ')}) AND ${keptBy} < ${momentOf(sinceMs)})`)
  }
  return conditions
}

const momentOf = (ms: number): string => `fromUnixTimestamp64Milli(${ms})`

const keyOf = (subject: string, day: string): string => `${day} ${subject}`

const groupsOf = async (side: Warehouse, query: string): Promise<Map<string, GroupRow>> => {
  const rows = await side.query<GroupRow>(query)
  return new Map(rows.map((row) => [keyOf(row.the_subject, row.day), row]))
}

const movingGroups = async (
  { live, deviceEvents, fleetSignals, logId }: CompareDeps,
  compared: ComparedTable,
  slice: Slice,
): Promise<(key: string) => boolean> => {
  const queries: string[] = []
  if (compared.touchedBy !== null) {
    const { table, subject, day } = compared.touchedBy
    const ofGroups = fleetSignals.length === 0 ? '0' : `${ofFleet} AND ${beyondCondition(fleetSignals)}`
    const beyond = ofTwoTopics.has(table)
      ? `(${ofDevices} AND ${beyondCondition(deviceEvents)} OR ${ofGroups})`
      : beyondCondition(deviceEvents)
    queries.push(
      `SELECT DISTINCT ${subject} AS the_subject, toString(${day}) AS the_day FROM ${table} WHERE ${slice.condition(subject)} AND log_id = ${literal(logId)} AND ${beyond}`,
    )
  }
  if (compared.incomparable !== '') queries.push(incomparableQuery(compared, slice.condition(compared.subject)))
  const keys = new Set<string>()
  for (const query of queries) {
    const rows = await live.query<{ the_subject: string; the_day: string }>(query)
    for (const { the_subject, the_day } of rows) keys.add(keyOf(the_subject, the_day))
  }
  return (key) => keys.has(key)
}

/** Read a second time, so that a group that was just being written when it was hashed is not called different. */
const lookInto = async ({ live, scratch }: CompareDeps, compared: ComparedTable, subject: string, where: string): Promise<Difference[]> => {
  const query = rowsQuery(compared, where, rowsPerGroupMax)
  const [one, other] = [await live.query<ShownRow>(query), await scratch.query<ShownRow>(query)]
  return rowDifferences(compared, subject, one, other)
}
