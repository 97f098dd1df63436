/**
 * Several small reads as one statement. To plan and run any statement costs the engine some milliseconds, more than reading
 * the few rows of one device does, and an answer about a moment needs ten such reads.
 *
 * Each part gives rows of its own. A UNION has one form, so a row travels as one JSON text of an array: to plan a call of one
 * function is cheaper than one for each column, and times stay as the engine writes them (`msOfText`).
 */
import type { Warehouse } from '../../model/ports.ts'

/**
 * `read` is given one value for each of `cells`; its parameter says of which types. 64-bit integers are numbers or texts, to be
 * read by `Number`. `from`: all that follows the columns, beginning with the table's name.
 */
export type Part<Row> = {
  cells: readonly string[]
  read: (cells: never) => Row
  from: string
  params: Record<string, unknown>
}

type RowsOf<Parts extends readonly Part<unknown>[]> = { [Index in keyof Parts]: Parts[Index] extends Part<infer Row> ? Row[] : never }

/** Parameters of one name have one value in all parts. The rows of a part come in no order. */
export const askTogether = async <const Parts extends readonly Part<unknown>[]>(
  warehouse: Warehouse,
  parts: Parts,
): Promise<RowsOf<Parts>> => {
  const asked = parts.map(
    ({ cells, from }, part) => `SELECT toUInt8(${String(part)}) AS part, toJSONString(tuple(${cells.join(', ')})) AS cells FROM ${from}`,
  )
  const answer = await warehouse.query<{ part: number; cells: string }>(
    asked.join('\nUNION ALL\n'),
    Object.assign({}, ...parts.map(({ params }) => params)) as Record<string, unknown>,
  )
  const rows: unknown[][] = parts.map(() => [])
  for (const { part, cells } of answer) rows[part]?.push(parts[part]?.read(cellsOf(cells) as never))
  return rows as RowsOf<Parts>
}

/** A server may be set to give names to the elements of a tuple; it keeps their order. */
const cellsOf = (text: string): unknown => withoutNames(JSON.parse(text))
const withoutNames = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutNames)
  return typeof value === 'object' && value !== null ? Object.values(value).map(withoutNames) : value
}

/** A DateTime or DateTime64 in UTC as the engine writes it: `2026-03-01 12:00:00.000`. */
export const msOfText = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`)
