import { describe, expect, it } from 'vitest'
import type { Warehouse } from '../../model/ports.ts'
import { parseStep } from '../domain/step.ts'
import { createSeriesBatch, seriesTogetherMax } from './series-batch.ts'
import { type PointRow, pointRowsMax, type SeriesQuery } from './series.ts'

const point = (metric: string, attributes = ''): PointRow => ({
  metric,
  attributes,
  at_ms: 0,
  value: 1,
  samples: 1,
  missing: 0,
  quantiles: [],
})
const query = (metric: string, more: Partial<SeriesQuery> = {}): SeriesQuery => ({
  subject: 's',
  metric,
  attributes: null,
  fromMs: 0,
  toMs: 1000,
  step: parseStep('1s'),
  tz: 'UTC',
  knownMs: null,
  ...more,
})

/** Answers every statement with the rows, and keeps what it was asked for. */
const batchOver = (answer: (asked: Record<string, unknown>) => PointRow[]) => {
  const statements: Record<string, unknown>[] = []
  const ask = async (_sql: string, params: Record<string, unknown> = {}): Promise<PointRow[]> => {
    statements.push(params)
    return answer(params)
  }
  const warehouse = { query: ask } as unknown as Warehouse
  const read = createSeriesBatch({ warehouse, tenant: 'default' })
  return { statements, read: (asked: SeriesQuery) => read(asked, 'avg', 'raw', []) }
}

describe('charts that are asked for together', () => {
  it('are one statement, and each is given its own series', async () => {
    const { statements, read } = batchOver(() => [point('a'), point('a', 'x'), point('b', 'x')])
    const answers = await Promise.all([read(query('a')), read(query('a', { attributes: 'x' })), read(query('b'))])
    expect(answers).toEqual([[point('a'), point('a', 'x')], [point('a', 'x')], [point('b', 'x')]])
    expect(statements.map(({ metrics, whole, single }) => ({ metrics, whole, single }))).toEqual([
      { metrics: ['a', 'b'], whole: ['a', 'b'], single: ['a\nx'] },
    ])
  })

  it('are read apart where range, step or subject differ', async () => {
    const { statements, read } = batchOver(() => [])
    await Promise.all([read(query('a')), read(query('a', { toMs: 2000 })), read(query('a', { subject: 't' }))])
    expect(statements.map(({ subject, to_ms, metrics }) => ({ subject, to_ms, metrics }))).toEqual([
      { subject: 's', to_ms: 1000, metrics: undefined },
      { subject: 's', to_ms: 2000, metrics: undefined },
      { subject: 't', to_ms: 1000, metrics: undefined },
    ])
  })

  it(`are at most ${String(seriesTogetherMax)} in a statement`, async () => {
    const { statements, read } = batchOver(() => [])
    await Promise.all(Array.from({ length: seriesTogetherMax + 1 }, (_, index) => read(query(`m${String(index)}`))))
    expect(statements.map(({ metrics }) => (Array.isArray(metrics) ? metrics.length : 1))).toEqual([seriesTogetherMax, 1])
  })

  it('are asked for again one by one when together they have more rows than one answer may have', async () => {
    const cut = Array.from({ length: pointRowsMax + 1 }, () => point('a'))
    const { statements, read } = batchOver(({ metrics, metric }) => (metrics === undefined ? [point(String(metric))] : cut))
    expect(await Promise.all([read(query('a')), read(query('b'))])).toEqual([[point('a')], [point('b')]])
    expect(statements).toHaveLength(3)
  })

  it('all fail when their statement does, and the next is asked anew', async () => {
    let failures = 1
    const { read } = batchOver(() => {
      if (failures-- > 0) throw new Error('away')
      return [point('a')]
    })
    const failed = await Promise.allSettled([read(query('a')), read(query('b'))])
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await read(query('a'))).toEqual([point('a')])
  })
})
