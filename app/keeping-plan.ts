/**
 * What the rules of keeping mean for the tables now: for each table and number of days, the rows that are due, as conditions
 * of bounded length. Pure; run by `app/keeping.ts`.
 */
import {
  heldBy,
  type KeepingRules,
  type KeptDays,
  type KeptGroup,
  keptDays,
  keptGroups,
  keptTables,
  type SubjectFacts,
} from '../model/keeping.ts'

export type FactsOfSubject = SubjectFacts & { subject: string }

/** Rows of one table that are kept so many days. */
export type KeepingStep = {
  group: KeptGroup
  table: string
  days: number
  cutoffMs: number
  /** The column that a row's age is counted from. */
  time: string
  /** SQL conditions that are to be used one after the other; together they hold every row of these subjects once. */
  scopes: string[]
  /** Of a scope: the condition of rows that may go. */
  dueIn: (scope: string) => string
}

/** 20 bytes each: a statement stays far below what the engine parses (256 KiB). */
export const subjectsPerStatementMax = 2_000

const dayMs = 86_400_000

export const planKeeping = (rules: KeepingRules, subjects: readonly FactsOfSubject[], nowMs: number): KeepingStep[] =>
  keptGroups.flatMap((group) => {
    const fallback = rules.default[group]
    const byDays = new Map<KeptDays, string[]>()
    for (const { subject, ...facts } of subjects) {
      const { days } = keptDays(rules, facts, group)
      const own = byDays.get(days)
      if (own === undefined) byDays.set(days, [subject])
      else own.push(subject)
    }
    const rest = restDays(rules, group, fallback)
    const others = [...byDays].filter(([days]) => days !== rest)
    const steps = others.flatMap(([days, own]) => (days === null ? [] : [step(group, days, nowMs, among(own))]))
    if (rest !== null) steps.push(step(group, rest, nowMs, besides(others.flatMap(([, own]) => own))))
    return steps.sort((one, other) => one.days - other.days)
  })

/** What a subject that nobody knows (ticks, letters without a subject) is given. */
const restDays = (rules: KeepingRules, group: KeptGroup, fallback: KeptDays): KeptDays =>
  fallback === null ? null : keptDays({ ...rules, rules: [] }, { class: '', product: '', model: '', customer: '' }, group).days

const step = (group: KeptGroup, days: number, nowMs: number, scopes: string[]): KeepingStep => {
  const { table, time } = keptTables[group]
  const cutoffMs = nowMs - days * dayMs
  const before = `${time} < fromUnixTimestamp64Milli(${cutoffMs}, 'UTC')`
  return { group, table, days, cutoffMs, time, scopes, dueIn: (scope) => `${scope} AND ${before}${stays(group, scope, cutoffMs, before)}` }
}

/** Of what is older: the newest of a history still holds, and a rollup stays while rows that it is made of do. */
const stays = (group: KeptGroup, scope: string, cutoffMs: number, before: string): string => {
  const { table } = keptTables[group]
  const key = heldBy[group]
  if (key !== undefined) {
    const columns = key.join(', ')
    return ` AND (${columns}, observed_at, offset) NOT IN (SELECT ${columns}, tupleElement(max((observed_at, offset)) AS newest, 1), tupleElement(newest, 2) FROM ${table} WHERE ${scope} AND ${before} GROUP BY ${columns})`
  }
  if (keptTables[group].time !== 'bucket') return ''
  return ` AND (subject, toDate(bucket)) NOT IN (SELECT DISTINCT subject, toDate(observed_at) FROM measurements WHERE ${scope} AND observed_at < fromUnixTimestamp64Milli(${cutoffMs + dayMs}, 'UTC'))`
}

const among = (subjects: readonly string[]): string[] =>
  chunksOf([...subjects].sort(byBytes)).map((own) => `subject IN (${own.map(literal).join(', ')})`)

/** Everything but these: ranges of subjects, each without the few that lie in it. */
const besides = (subjects: readonly string[]): string[] => {
  const chunks = chunksOf([...subjects].sort(byBytes))
  if (chunks.length === 0) return ['1']
  return chunks.map((own, index) => {
    const after = index === 0 ? undefined : chunks[index - 1]?.at(-1)
    const upTo = index === chunks.length - 1 ? undefined : own.at(-1)
    return [
      ...(after === undefined ? [] : [`subject > ${literal(after)}`]),
      ...(upTo === undefined ? [] : [`subject <= ${literal(upTo)}`]),
      `subject NOT IN (${own.map(literal).join(', ')})`,
    ].join(' AND ')
  })
}

const chunksOf = (items: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(items.length / subjectsPerStatementMax) }, (_, index) =>
    items.slice(index * subjectsPerStatementMax, (index + 1) * subjectsPerStatementMax),
  )

/** The engine compares texts by their bytes. */
const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
