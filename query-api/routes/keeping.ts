/** /keeping: the rules of keeping, what they cost by class, model and customer, and what the last run removed or held. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { type KeptDays, keptDays, keptGroups, keptTables, longestDays, shippedKeeping } from '../../model/keeping.ts'
import { encodeCursor } from '../domain/cursor.ts'
import { type GroupCost, keepingCosts, recentDays } from '../domain/keeping-cost.ts'
import { toTime, toTimeOrNull } from '../domain/time.ts'
import { keptRows, lastKeepingRun, tableSizes } from '../queries/keeping.ts'
import { cursorOf, type RouteContext } from './context.ts'
import { answers, list, NumberOrNull, nullable, pagingQuery, query, Time, TimeOrNull } from './schemas.ts'

/** Counting reads every table once: 100 million readings take seconds. */
const costsKeptMs = 600_000
const dayMs = 86_400_000

const Days = nullable(Type.Integer({ description: 'Null: for ever.' }))
const DaysByTable = Type.Record(Type.String(), Days)
const Patterns = nullable(Type.Array(Type.String()))

const TableCost = Type.Object({
  table: Type.String(),
  keptDays: Days,
  rule: nullable(Type.Integer({ description: 'Its place in the file, from 1; null: the default.' })),
  rows: Type.Integer(),
  rowsPerDay: Type.Number({ description: `Of the last ${recentDays} days, or of as long as there have been rows.` }),
  bytesPerRow: NumberOrNull,
  bytesNow: NumberOrNull,
  bytesWhenFull: nullable(Type.Number({ description: 'Once the rule’s time is full, at today’s pace. Null: kept for ever.' })),
  bytesPerDay: NumberOrNull,
  oldest: Time,
  rowsDue: Type.Integer({ description: 'Older than the rule says: the next run removes them, or holds them.' }),
})

const Group = Type.Object({
  class: Type.String(),
  product: Type.String(),
  model: Type.String(),
  customer: Type.String(),
  subjects: Type.Integer(),
  bytesNow: Type.Number(),
  bytesWhenFull: nullable(Type.Number({ description: 'Null: some of it is kept for ever.' })),
  bytesPerDay: Type.Number(),
  rowsDue: Type.Integer(),
  oldest: Time,
  tables: Type.Array(TableCost),
})

const Keeping = list(Group, {
  rules: Type.Object({
    default: DaysByTable,
    rules: Type.Array(Type.Object({ class: Patterns, model: Patterns, customer: Patterns, keep: DaysByTable })),
  }),
  tables: Type.Array(
    Type.Object({
      table: Type.String(),
      rows: Type.Number(),
      bytes: Type.Number({ description: 'On disk, with rows that are removed and not yet given back.' }),
      bytesPerRow: NumberOrNull,
      longestDays: Days,
    }),
  ),
  countedAt: Time,
  lastRunAt: TimeOrNull,
  lastRun: Type.Array(
    Type.Object({
      table: Type.String(),
      keptDays: Type.Integer(),
      outcome: Type.String(),
      dueRows: Type.Integer(),
      ofRows: Type.Integer(),
      seconds: Type.Number(),
    }),
    { description: 'What the last run removed, and what it held until an operator says so. Empty: nothing was due.' },
  ),
})

type Costs = {
  items: GroupCost[]
  tables: { table: string; rows: number; bytes: number; bytesPerRow: number | null; longestDays: KeptDays }[]
  countedAtMs: number
}

export const keepingRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context
  const rules = deps.keepingRules ?? shippedKeeping
  let counting: { startedMs: number; costs: Promise<Costs> } | undefined

  const count = async (nowMs: number): Promise<Costs> => {
    const sizes = new Map((await tableSizes(scope)).map((row) => [row.table, row]))
    const bytesPerRow = new Map([...sizes].flatMap(([table, { rows, bytes }]) => (rows > 0 ? [[table, bytes / rows] as const] : [])))
    const counted: Parameters<typeof keepingCosts>[1][number][] = []
    // One after the other: this is nobody's hurry.
    for (const group of keptGroups) {
      const days = daysOf(group)
      counted.push({ group, days, rows: await keptRows(scope, { group, days, recentFromMs: nowMs - recentDays * dayMs, nowMs }) })
    }
    const tables = keptGroups.map((group) => {
      const { table } = keptTables[group]
      const size = sizes.get(table)
      return {
        table,
        rows: size?.rows ?? 0,
        bytes: size?.bytes ?? 0,
        bytesPerRow: bytesPerRow.get(table) ?? null,
        longestDays: longestDays(rules, group),
      }
    })
    return { items: keepingCosts(rules, counted, bytesPerRow, nowMs), tables, countedAtMs: nowMs }
  }
  /** All days that some rule gives for the table; rollups may be given those of their readings. */
  const daysOf = (group: (typeof keptGroups)[number]): number[] => {
    const words = [group, 'measurements'] as const
    const all = words.flatMap((word) => [rules.default[word], ...rules.rules.map(({ keep }) => keep[word])])
    const nobody = { class: '', product: '', model: '', customer: '' }
    return [...new Set([...all, keptDays(rules, nobody, group).days])].filter((days) => typeof days === 'number')
  }
  /** Asked at once by many, counted once. */
  const costsNow = (): Promise<Costs> => {
    const nowMs = deps.clock.nowMs()
    if (counting === undefined || nowMs - counting.startedMs >= costsKeptMs) {
      const costs = count(nowMs)
      counting = { startedMs: nowMs, costs }
      costs.catch(() => (counting = undefined))
    }
    return counting.costs
  }

  app.get(
    '/keeping',
    {
      schema: {
        tags: ['operations'],
        summary: 'How long what is kept, and what that costs by class, model and customer; largest first',
        description: 'Bytes of a group are its rows times the table’s mean on disk. Counted at most every ten minutes (`countedAt`).',
        querystring: query(pagingQuery),
        response: answers(Keeping),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query
      const start = Number(cursorOf(cursor, ['number'])?.[0] ?? 0)
      const [costs, run] = await Promise.all([costsNow(), lastKeepingRun(scope)])
      const end = start + limit
      return {
        items: costs.items.slice(start, end),
        nextCursor: end < costs.items.length ? encodeCursor([end]) : null,
        rules: {
          default: rules.default,
          rules: rules.rules.map((rule) => ({
            ...rule,
            class: listOf(rule.class),
            model: listOf(rule.model),
            customer: listOf(rule.customer),
          })),
        },
        tables: costs.tables,
        countedAt: toTime(costs.countedAtMs),
        lastRunAt: toTimeOrNull(run[0]?.at_ms ?? null),
        lastRun: run
          .filter(({ table }) => table !== '')
          .map(({ table, kept_days, outcome, due_rows, of_rows, seconds }) => ({
            table,
            keptDays: kept_days,
            outcome,
            dueRows: due_rows,
            ofRows: of_rows,
            seconds,
          })),
      }
    },
  )
}

const listOf = (patterns: readonly string[] | null): string[] | null => (patterns === null ? null : [...patterns])
