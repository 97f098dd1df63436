/**
 * Charts that are asked for at the same time are read at once. The page of a device asks for each of its charts by itself; six
 * metrics of one day lie in the same blocks of the table, so that six statements would unpack each block six times.
 */
import type { Aggregate, SeriesSource } from '../domain/step.ts'
import type { Scope } from './scope.ts'
import { measurementSeries, type PointRow, pointRowsMax, type SeriesQuery } from './series.ts'

/** So long a request waits for others: what a page asks at once arrives within less. */
const gatherMs = 2
/** A page asks for fewer; more would only make the first wait for the last. */
export const seriesTogetherMax = 16

type Asked = { query: SeriesQuery; resolve: (rows: PointRow[]) => void; reject: (error: unknown) => void }
type Batch = { aggregate: Aggregate; source: SeriesSource; levels: readonly number[]; asked: Asked[] }

export type ReadSeries = (query: SeriesQuery, aggregate: Aggregate, source: SeriesSource, levels: readonly number[]) => Promise<PointRow[]>

export const createSeriesBatch = (scope: Scope): ReadSeries => {
  const gathering = new Map<string, Batch>()

  return (query, aggregate, source, levels) =>
    new Promise((resolve, reject) => {
      const { subject, fromMs, toMs, step, tz, knownMs } = query
      const key = JSON.stringify([subject, fromMs, toMs, step.text, tz, knownMs, aggregate, source, levels])
      const batch = gathering.get(key) ?? { aggregate, source, levels, asked: [] }
      batch.asked.push({ query, resolve, reject })
      if (batch.asked.length === 1) {
        gathering.set(key, batch)
        setTimeout(() => {
          if (gathering.get(key) === batch) gathering.delete(key)
          void read(scope, batch)
        }, gatherMs)
      } else if (batch.asked.length === seriesTogetherMax) gathering.delete(key)
    })
}

const read = async (scope: Scope, batch: Batch): Promise<void> => {
  const { aggregate, source, levels, asked } = batch
  const alone = ({ query, resolve, reject }: Asked): void => {
    measurementSeries(scope, [query], aggregate, source, levels).then(resolve, reject)
  }
  const [first, ...others] = asked
  if (first === undefined) return
  if (others.length === 0) {
    alone(first)
    return
  }
  try {
    const rows = await measurementSeries(scope, [first.query, ...others.map(({ query }) => query)], aggregate, source, levels)
    // Cut short: each by itself may have as many.
    if (rows.length > pointRowsMax) asked.forEach(alone)
    else for (const { query, resolve } of asked) resolve(rows.filter((row) => isOf(query, row)))
  } catch (error) {
    for (const { reject } of asked) reject(error)
  }
}

const isOf = ({ metric, attributes }: SeriesQuery, row: PointRow): boolean =>
  row.metric === metric && (attributes === null || row.attributes === attributes)
