/** Export over the API on the engine: what the tables hold is what the files say, in both forms. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdirSync } from 'node:fs'
import { type ClientRequest, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import type { Row } from '../model/ports.ts'
import { testDeps, testToken } from '../query-api/fakes.ts'
import { exportsMax, parquetRowsMax } from '../query-api/routes/export.ts'
import { createServer } from '../query-api/server.ts'
import { exporterOf } from './exporter.ts'

const device = '00-11-22-33-44-55'
const startMs = Math.floor(Date.now() / 1000) * 1000 - 86_400_000
const folder = mkdtempSync(join(tmpdir(), 'export-'))
let own: Awaited<ReturnType<typeof startForTest>>
let app: FastifyInstance
let url = ''
let offset = 0

const base = (subject: string, atMs: number): Row => ({
  tenant: 'default',
  subject,
  observed_at: atMs,
  received_at: atMs,
  log_id: 'log',
  partition: 0,
  offset: ++offset,
})
const reading = (subject: string, atMs: number, value: number | null): Row => ({
  ...base(subject, atMs),
  metric: 'm',
  attributes: '{"a":"é"}',
  value,
  quality: value === null ? 'missing' : 'ok',
})
const radio: Row = {
  ...base(device, startMs + 1),
  rat: 'LTE', mode: null, plmn: '46601', tac: 1, cell_id: 2 ** 33, enb_id: null, pci: 7, band: 'B3', earfcn: 1300, rsrp_dbm: -97.5, rsrq_db: null,
  sinr_db: 3, rssi_dbm: null, cqi: null,
  carriers: [{ role: 'PCC', rat: 'LTE', band: 'B3', bandwidth_mhz: 20, earfcn: 1300, pci: 7, rsrp_dbm: -97.5, rsrq_db: null, sinr_db: null, active: 1 }],
} // biome-ignore format: one row
const message: Row = {
  ...base(device, startMs),
  subject_kind: 'device', claimed_at: null, clock_verdict: 'missing', outcome: 'stored', topic: 't', boot_id: '', seq: 2n ** 63n,
  frame: new Uint8Array([0, 255, 10, 34]),
} // biome-ignore format: one row
const readings = [
  reading(device, startMs - 1, 0),
  reading(device, startMs, 1.5),
  reading(device, startMs + 999, null),
  reading(device, startMs + 1000, 3),
  reading('00-11-22-33-44-66', startMs, 9),
]

const address = (query: string): string => `${url}/api/v1/devices/${device}/export?${query}`
const headers = { authorization: `Bearer ${testToken}` }
const ask = (query: string) => fetch(address(query), { headers })
/** A reader that has seen the head and reads no further. */
const startReading = (query: string): Promise<{ status: number | undefined; request: ClientRequest }> =>
  new Promise((resolve, reject) => {
    const request = get(address(query), { headers, agent: false }, ({ statusCode }) => resolve({ status: statusCode, request }))
    request.once('error', reject)
  })
const range = `from=${new Date(startMs).toISOString()}&to=${new Date(startMs + 1000).toISOString()}`
const insert = (table: string, rows: readonly Row[]) => own.warehouse.insert(table, rows, { dedupToken: `${table}-${++offset}` })

beforeAll(async () => {
  own = await startForTest()
  await migrate(own.warehouse, { alone: true })
  await insert('measurements', readings)
  await insert('radio', [radio])
  await insert('messages', [message])
  app = await createServer(testDeps({ warehouse: own.warehouse, exporter: exporterOf(own.child.access) }), [])
  await app.listen({ host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await app.close()
  await own.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** The engine reads the file that it wrote. */
const readBack = async (name: string, bytes: Uint8Array, columns: string): Promise<unknown[]> => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return own.warehouse.query(`SELECT ${columns} FROM file('${path}', 'Parquet') ORDER BY ALL`)
}

it('is NDJSON of all tables, the first moment in, the last one out', async () => {
  const answer = await ask(range)
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-disposition')]).toEqual([
    200,
    'application/x-ndjson; charset=utf-8',
    `attachment; filename="${device}.ndjson"`,
  ])
  const lines = (await answer.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines.map(({ table, observed_at, value }) => [table, observed_at, value])).toEqual([
    ['messages', new Date(startMs).toISOString(), undefined],
    ['measurements', new Date(startMs).toISOString(), 1.5],
    ['measurements', new Date(startMs + 999).toISOString(), null],
    ['radio', new Date(startMs + 1).toISOString(), undefined],
  ])
  expect(lines[0]?.['frame_base64']).toBe(Buffer.from([0, 255, 10, 34]).toString('base64'))
  expect((await (await ask(`${range}&table=radio`)).text()).trimEnd().split('\n')).toHaveLength(1)
})

it('is Parquet of one table, which reads back as the rows of the table', async () => {
  for (const [table, columns] of [
    ['measurements', 'tenant, subject, metric, attributes, observed_at, received_at, value, quality, log_id, partition, offset'],
    ['radio', 'subject, observed_at, rat, mode, cell_id, rsrp_dbm, rsrq_db, carriers, offset'],
    ['messages', 'subject, observed_at, claimed_at, toString(clock_verdict) AS clock_verdict, toString(seq) AS seq, offset'],
  ] as const) {
    const answer = await ask(`${range}&format=parquet&table=${table}`)
    expect([answer.status, answer.headers.get('content-disposition')]).toEqual([200, `attachment; filename="${device}-${table}.parquet"`])
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const rows = await own.warehouse.query(
      `SELECT ${columns} FROM ${table} WHERE subject = '${device}' AND observed_at >= fromUnixTimestamp64Milli(${startMs}, 'UTC') AND observed_at < fromUnixTimestamp64Milli(${startMs + 1000}, 'UTC') ORDER BY ALL`,
    )
    expect(rows.length).toBeGreaterThan(0)
    expect(await readBack(`${table}.parquet`, bytes, columns)).toEqual(rows)
  }
  expect(readdirSync(join(own.dataDir, 'warehouse-uploads'))).toEqual([])
})

it('is a Parquet file without rows when there are none', async () => {
  const answer = await ask(`${range}&format=parquet&table=facts`)
  expect(await readBack('facts.parquet', new Uint8Array(await answer.arrayBuffer()), 'count() AS n')).toEqual([{ n: 0 }])
})

it('refuses a table that is none, Parquet of all, and a Parquet file that is too large', async () => {
  const code = async (answer: Promise<Response>) => ((await (await answer).json()) as { code: string; detail: string }).code
  expect(await code(ask(`${range}&table=keys`))).toBe('REQUEST_INVALID')
  expect(await code(ask(`${range}&format=parquet`))).toBe('REQUEST_INVALID')
  expect(await code(ask(range.replace(/&.*/, '')))).toBe('REQUEST_INVALID')
  const exporter = { ...exporterOf(own.child.access), count: async () => parquetRowsMax + 1 }
  const small = await createServer(testDeps({ warehouse: own.warehouse, exporter }), [])
  const refused = await small.inject({
    url: `/api/v1/devices/${device}/export?${range}&format=parquet&table=radio`,
    headers: { authorization: `Bearer ${testToken}`, host: '127.0.0.1' },
  })
  expect(refused.json()).toMatchObject({ status: 400, code: 'EXPORT_TOO_LARGE' })
  await small.close()
})

it(`streams as its reader reads, ${exportsMax} at once, and gives the place back when the reader is gone`, async () => {
  const rows = Array.from({ length: 200_000 }, (_, index) => reading(device, startMs + 3_600_000 + index, index))
  await insert('measurements', rows)
  const all = `from=${new Date(startMs).toISOString()}&to=${new Date(startMs + 86_400_000).toISOString()}`
  const unread = await Promise.all(Array.from({ length: exportsMax }, () => startReading(all)))
  expect(unread.map(({ status }) => status)).toEqual([200, 200])
  expect(await (await ask(all)).json()).toMatchObject({ status: 503, code: 'EXPORTS_BUSY' })
  for (const { request } of unread) request.destroy()
  let text = ''
  for (const untilMs = performance.now() + 10_000; text === '' && performance.now() < untilMs; ) {
    const answer = await ask(`${all}&table=measurements`)
    const body = await answer.text()
    if (answer.status === 200) text = body
    else await delay(20)
  }
  expect(text.trimEnd().split('\n')).toHaveLength(200_003)
})

it('does not hold up a stop, whatever its reader does', async () => {
  await startReading(range.replace(/to=.*/, `to=${new Date(startMs + 86_400_000).toISOString()}`))
  const startedMs = performance.now()
  await app.close()
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})
