/** Percentiles of long ranges come from merged sketches: within their bound of the exact ones, and null where there are none. */
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import type { Row, Warehouse } from '../model/ports.ts'
import { testDeps, testToken } from './fakes.ts'
import { createServer } from './server.ts'

const device = '00-11-22-33-44-55'
const dayMs = 86_400_000
const nowMs = Math.floor(Date.now() / dayMs) * dayMs
const fromMs = nowMs - 20 * dayMs
const perDay = 144
/** Half a step of a number with 8 significant bits. */
const bound = 1 / 256

/** Uniform by a linear congruence: the same numbers in every run. */
const random = (() => {
  let state = 42
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state + 0.5) / 4_294_967_296
  }
})()
const normal = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())

const metrics = {
  'network.ping.rtt': () => Math.exp(3 + 1.2 * normal()),
  'hw.signal_strength': () => Math.round(-95 + 8 * normal()),
  'ac.power': () => 1000 * normal(),
} as const
type Metric = keyof typeof metrics

const reading = (metric: Metric, i: number, value: number | null): Row => ({
  tenant: 'default',
  subject: device,
  metric,
  attributes: '',
  observed_at: fromMs + (i * dayMs) / perDay,
  received_at: fromMs + (i * dayMs) / perDay,
  value,
  quality: value === null ? 'missing' : 'ok',
  log_id: 'log',
  partition: 0,
  offset: i,
})
const values = Object.fromEntries(
  Object.entries(metrics).map(([metric, make]) => [metric, Array.from({ length: 20 * perDay }, (_, i) => (i % 50 === 7 ? null : make()))]),
) as Record<Metric, (number | null)[]>
const rowsOf = (days: [number, number]): Row[] =>
  (Object.keys(metrics) as Metric[]).flatMap((metric) =>
    values[metric].map((value, i) => reading(metric, i, value)).slice(days[0] * perDay, days[1] * perDay),
  )

const exact = (metric: Metric, level: number, days: [number, number], ranks = 0): number => {
  const sorted = values[metric]
    .slice(days[0] * perDay, days[1] * perDay)
    .filter((value) => value !== null)
    .sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(level * sorted.length) + ranks)] ?? Number.NaN
}

let stop: () => Promise<void>
let warehouse: Warehouse
let app: FastifyInstance
const own = fileURLToPath(new URL('../schemas/clickhouse', import.meta.url))
const released = mkdtempSync(join(tmpdir(), 'fleet-released-'))

beforeAll(async () => {
  const engine = await startForTest({ listen: null })
  stop = engine.stop
  warehouse = engine.warehouse
  // A warehouse of the first release, with ten days in it, of which the raw rows of the first three are gone.
  copyFileSync(join(own, '0001_first_tables.sql'), join(released, '0001_first_tables.sql'))
  await migrate(warehouse, { directory: released })
  await warehouse.insert('measurements', rowsOf([0, 10]), { dedupToken: 'before' })
  await warehouse.command(
    `ALTER TABLE measurements DELETE WHERE observed_at < fromUnixTimestamp64Milli(${String(fromMs + 3 * dayMs)}, 'UTC') SETTINGS mutations_sync = 1`,
  )
  for (const name of readdirSync(own)) copyFileSync(join(own, name), join(released, name))
  await migrate(warehouse, { directory: released })
  // Killed before it was noted: the file runs again, over what it has left.
  await warehouse.command('ALTER TABLE migrations DELETE WHERE number = 2 SETTINGS mutations_sync = 1')
  await migrate(warehouse, { directory: released, alone: true })
  for (let day = 10; day < 20; day++) await warehouse.insert('measurements', rowsOf([day, day + 1]), { dedupToken: `day ${String(day)}` })
  const message = {
    subject_kind: 'device',
    claimed_at: null,
    clock_verdict: 'missing',
    outcome: 'stored',
    topic: 't',
    boot_id: '',
    seq: null,
  }
  const { tenant, subject, observed_at, received_at, log_id, partition, offset } = reading('ac.power', 0, 1)
  const origin = { tenant, subject, observed_at, received_at, log_id, partition, offset }
  await warehouse.insert('messages', [{ ...message, ...origin, frame: new Uint8Array() }], { dedupToken: 'message' })
  app = await createServer(testDeps({ warehouse, clock: { nowMs: () => nowMs } }), [])
}, 120_000)
afterAll(async () => {
  await app.close()
  await stop()
  rmSync(released, { recursive: true, force: true })
}, 30_000)

type Point = { at: string; value: number | null; samples: number; missing: number; quantiles?: Record<string, number | null> }
type Answer = { source: string; code?: string; series: { points: Point[] }[] }
const ask = async (metric: string, days: [number, number], more: string): Promise<Answer> => {
  const at = (day: number): string => new Date(fromMs + day * dayMs).toISOString()
  const answer = await app.inject({
    url: `/api/v1/devices/${device}/metrics?metric=${metric}&from=${at(days[0])}&to=${at(days[1])}&${more}`,
    headers: { host: 'localhost', authorization: `Bearer ${testToken}` },
  })
  return answer.json<Answer>()
}

describe('percentiles', () => {
  it('of over 14 days are merged from sketches, within 0.4 % of the exact ones', async () => {
    for (const metric of ['network.ping.rtt', 'ac.power'] as const) {
      const { source, series } = await ask(metric, [3, 20], 'step=17d&aggregate=p95&quantiles=0.01,0.5,0.95,0.99')
      expect(source).toBe('1d')
      // Steps of 17 days are cut from the epoch on, so the range lies in two.
      for (const { at, value, quantiles } of series[0]?.points ?? []) {
        const first = Math.max(3, Math.round((Date.parse(at) - fromMs) / dayMs))
        const last = Math.min(20, Math.round((Date.parse(at) - fromMs) / dayMs) + 17)
        for (const level of [0.01, 0.5, 0.95, 0.99]) {
          // Where a level falls between two readings, either may be told; near zero these differ by more than the bound.
          const [low, high] = [exact(metric, level, [first, last], -1), exact(metric, level, [first, last])]
          const got = quantiles?.[String(level)] ?? Number.NaN
          expect(got, `${metric} ${String(level)}`).toBeGreaterThanOrEqual(low - Math.abs(low) * bound)
          expect(got, `${metric} ${String(level)}`).toBeLessThanOrEqual(high + Math.abs(high) * bound)
        }
        expect(value).toBe(quantiles?.['0.95'])
      }
    }
  })

  it('of whole dBm are exact also there', async () => {
    const { source, series } = await ask('hw.signal_strength', [3, 20], 'step=1d&aggregate=p50&quantiles=0.05,0.95')
    expect(source).toBe('1d')
    expect(series[0]?.points.map(({ value, quantiles }) => [value, quantiles])).toEqual(
      Array.from({ length: 17 }, (_, i) => [3 + i, 4 + i] as [number, number]).map((days) => [
        exact('hw.signal_strength', 0.5, days),
        { 0.05: exact('hw.signal_strength', 0.05, days), 0.95: exact('hw.signal_strength', 0.95, days) },
      ]),
    )
  })

  it('are exact from raw rows up to 14 days', async () => {
    const { source, series } = await ask('network.ping.rtt', [10, 11], 'step=1d&quantiles=0.95')
    expect([source, series[0]?.points[0]?.quantiles]).toEqual(['raw', { 0.95: exact('network.ping.rtt', 0.95, [10, 11]) }])
  })

  it('are null where the raw rows were gone before there were sketches; what was added up then stays', async () => {
    const { series } = await ask('network.ping.rtt', [0, 20], 'step=1d&aggregate=count&quantiles=0.5')
    const points = series[0]?.points ?? []
    expect(points.slice(0, 3).map(({ quantiles }) => quantiles)).toEqual([{ 0.5: null }, { 0.5: null }, { 0.5: null }])
    expect(points.slice(3).every(({ quantiles }) => typeof quantiles?.['0.5'] === 'number')).toBe(true)
    expect(points.reduce((sum, { value }) => sum + (value ?? 0), 0)).toBe(
      values['network.ping.rtt'].filter((value) => value !== null).length,
    )
  })

  it('are of one day the same from the quarters, the hours and the day, also of a warehouse that was migrated twice', async () => {
    for (const table of ['measurements_15m', 'measurements_1h', 'measurements_1d']) {
      const rows = await warehouse.query<{ p: number[]; unsketched: number }>(
        `SELECT quantilesBFloat16Merge(0.5, 0.95)(sketch) AS p, toFloat64(sum(unsketched)) AS unsketched FROM ${table}
         WHERE metric = 'hw.signal_strength' AND bucket >= fromUnixTimestamp64Milli(${String(fromMs + 3 * dayMs)}, 'UTC') GROUP BY toDate(bucket) ORDER BY toDate(bucket)`,
      )
      expect(rows).toEqual(
        Array.from({ length: 17 }, (_, i) => ({
          p: [0.5, 0.95].map((level) => exact('hw.signal_strength', level, [3 + i, 4 + i])),
          unsketched: 0,
        })),
      )
    }
  })

  it('are refused when they are no levels', async () => {
    for (const quantiles of ['', '0', '1', '95', '0.95,0.95', '0.00001', "0.5)('", Array(11).fill('0.5').join(',')]) {
      expect([quantiles, (await ask('network.ping.rtt', [10, 11], `quantiles=${encodeURIComponent(quantiles)}`)).code]).toEqual([
        quantiles,
        'QUANTILES_INVALID',
      ])
    }
  })
})
