/** /keeping on the engine: rules and what they cost, to the row. */
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { shippedKeeping } from '../model/keeping.ts'
import type { Row } from '../model/ports.ts'
import { keepingCosts } from './domain/keeping-cost.ts'
import { testDeps, testToken } from './fakes.ts'
import { createServer } from './server.ts'
import { fakeDevice } from '../test/query-api/inventory-rows.ts'

const dayMs = 86_400_000
const nowMs = Math.floor(Date.now() / dayMs) * dayMs + dayMs / 2
const [acme, other] = ['00-00-00-00-00-0a', '00-00-00-00-00-0b']
const nobody = { class: '', product: '', model: '', customer: '' }

describe('what keeping costs', () => {
  const counted = (oldestMs: number, recent: number) => [
    { group: 'measurements' as const, days: [90], rows: [{ ...nobody, subjects: 1, rows: 1000, oldest_ms: oldestMs, recent, older: [7] }] },
  ]
  it('is rows a day of the last week, times days, times the bytes of a row', () => {
    expect(keepingCosts(shippedKeeping, counted(nowMs - 100 * dayMs, 70), new Map([['measurements', 2]]), nowMs)).toMatchObject([
      {
        bytesNow: 2000,
        bytesPerDay: 20,
        bytesWhenFull: 1800,
        rowsDue: 7,
        tables: [{ keptDays: 90, rule: null, rows: 1000, rowsPerDay: 10, bytesPerRow: 2 }],
      },
    ])
  })
  it('goes by the time that there is, in the first week, and by an hour at least', () => {
    const perDay = (ageMs: number) => keepingCosts(shippedKeeping, counted(nowMs - ageMs, 100), new Map(), nowMs)[0]?.tables[0]?.rowsPerDay
    expect([perDay(2 * dayMs), perDay(dayMs / 24), perDay(0)]).toEqual([50, 2400, 2400])
  })
})

describe('GET /keeping', () => {
  let own: Awaited<ReturnType<typeof startForTest>>
  let app: FastifyInstance
  let offset = 0
  let clockMs = nowMs
  const rules = { ...shippedKeeping, rules: [{ class: null, model: ['dwr/*'], customer: ['acme'], keep: { measurements: 30 } }] }
  const base = (subject: string, atMs: number): Row => ({
    tenant: 'default',
    subject,
    observed_at: atMs,
    received_at: atMs,
    log_id: 'log',
    partition: 0,
    offset: ++offset,
  })
  const reading = (subject: string, atMs: number): Row => ({ ...base(subject, atMs), metric: 'm', attributes: '', value: 1, quality: 'ok' })
  const fact = (subject: string, name: string, value: string): Row => ({ ...base(subject, nowMs - dayMs), name, value, sealed: '' })
  const insert = (table: string, rows: readonly Row[]) => own.warehouse.insert(table, rows, { dedupToken: `${table}-${++offset}` })
  const ask = async (query = '') => {
    const answer = await app.inject({
      url: `/api/v1/keeping${query}`,
      headers: { authorization: `Bearer ${testToken}`, host: '127.0.0.1' },
    })
    return answer.json<{ items: Record<string, unknown>[]; nextCursor: string | null } & Record<string, unknown>>()
  }

  beforeAll(async () => {
    own = await startForTest()
    await migrate(own.warehouse, { alone: true })
    const inventory = fakeDevice(acme, { customer: 'acme', class: 'router', received_at: nowMs, offset: ++offset })
    await insert('devices', [inventory])
    await insert('facts', [fact(acme, 'device.product', 'dwr'), fact(acme, 'device.model', '925')])
    const subjects = [acme, other].map((subject) => ({
      ...base(subject, nowMs),
      subject_kind: 'device',
      claimed_at: null,
      clock_verdict: 'trusted',
      outcome: 'stored',
      topic: '',
      boot_id: '',
      seq: null,
      frame: new Uint8Array(),
    }))
    await insert('messages', subjects)
    await insert('measurements', [
      reading(acme, nowMs - 31 * dayMs),
      reading(acme, nowMs - dayMs),
      reading(acme, nowMs),
      reading(other, nowMs - 31 * dayMs),
    ])
    await own.warehouse.command(
      `INSERT INTO keeping_runs VALUES ('default', fromUnixTimestamp64Milli(${nowMs}, 'UTC'), 'radio', 3, 'held', 7, 8, 0.5, ''), ('default', fromUnixTimestamp64Milli(${nowMs}, 'UTC'), '', 0, 'removed', 0, 0, 0.5, '')`,
    )
    app = await createServer(testDeps({ warehouse: own.warehouse, keepingRules: rules, clock: { nowMs: () => clockMs } }), [])
  })
  afterAll(async () => {
    await app.close()
    await own.stop()
  })

  it('tells for each class, model and customer what is kept by which rule, and what is due', async () => {
    const answer = await ask()
    const mine = answer.items.find(({ customer }) => customer === 'acme') as { tables: Record<string, unknown>[] } & Record<string, unknown>
    expect(mine).toMatchObject({ class: 'router', product: 'dwr', model: '925', subjects: 1, rowsDue: 1 })
    const [size] = await own.warehouse.query<{ bytes: number }>(
      "SELECT toFloat64(sum(bytes_on_disk)) AS bytes FROM system.parts WHERE table = 'measurements' AND active",
    )
    const bytesPerRow = (size?.bytes ?? 0) / 4
    expect(mine.tables.find(({ table }) => table === 'measurements')).toEqual({
      table: 'measurements', keptDays: 30, rule: 1, rows: 3, rowsPerDay: 2 / 7, bytesPerRow, bytesNow: 3 * bytesPerRow, bytesWhenFull: (2 / 7) * 30 * bytesPerRow,
      bytesPerDay: (2 / 7) * bytesPerRow, oldest: new Date(nowMs - 31 * dayMs).toISOString(), rowsDue: 1,
    }) // biome-ignore format: one answer
    expect(mine.tables.find(({ table }) => table === 'measurements_1h')).toMatchObject({
      keptDays: null,
      rule: null,
      bytesWhenFull: null,
      rowsDue: 0,
    })
    const others = answer.items.find(({ customer }) => customer === '') as { tables: Record<string, unknown>[] }
    expect(others.tables.find(({ table }) => table === 'measurements')).toMatchObject({ keptDays: 90, rule: null, rows: 1, rowsDue: 0 })
  })

  it('tells the rules, what the tables hold, and what the last run held', async () => {
    expect(await ask()).toMatchObject({
      rules: {
        default: { messages: 400, rollups1d: null },
        rules: [{ class: null, model: ['dwr/*'], customer: ['acme'], keep: { measurements: 30 } }],
      },
      lastRunAt: new Date(nowMs).toISOString(),
      lastRun: [{ table: 'radio', keptDays: 3, outcome: 'held', dueRows: 7, ofRows: 8, seconds: 0.5 }],
    })
    expect((await ask())['tables']).toContainEqual(expect.objectContaining({ table: 'measurements', rows: 4, longestDays: 90 }))
  })

  it('is counted once in ten minutes, and comes in pages', async () => {
    await insert('measurements', [reading(other, nowMs)])
    const first = await ask('?limit=1')
    expect([first.items.length, first['countedAt']]).toEqual([1, new Date(nowMs).toISOString()])
    const second = await ask(`?limit=1&cursor=${first.nextCursor}`)
    expect([second.items.length, second.nextCursor]).toEqual([1, null])
    expect(second.items[0]).not.toEqual(first.items[0])
    clockMs = nowMs + 599_999
    expect((await ask())['countedAt']).toBe(new Date(nowMs).toISOString())
    clockMs++
    const later = await ask()
    expect(later['countedAt']).toBe(new Date(clockMs).toISOString())
    expect(later['tables']).toContainEqual(expect.objectContaining({ table: 'measurements', rows: 5 }))
  })
})
