/** A kill -9 between the note of a token and the rows it stands for, made by hand: the part of the last insert is taken away. */
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Warehouse } from '../../model/ports.ts'
import { migrate } from '../clickhouse/migrations.ts'
import { openWarehouse } from '../clickhouse/warehouse.ts'
import { measurementRow } from '../warehouse-rows.ts'
import { testToken } from './start-for-test.ts'
import { startWarehouseChild } from './supervisor.ts'

/** Rows older than the table keeps would be dropped as they are written. */
const nowMs = Date.now()
const reading = (offset: number) => measurementRow(offset, { value: 1, quality: 'ok', observed_at: nowMs, received_at: nowMs })
const tables = ['measurements', 'measurements_15m', 'measurements_1h', 'measurements_1d'] as const
type Table = (typeof tables)[number]

let folder = ''
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** One life of the engine on the folder; answers what `work` does, and the tables' own folders. */
const live = async <T>(work: (warehouse: Warehouse) => Promise<T>): Promise<T> => {
  const child = await startWarehouseChild({ dataDir: folder, listen: null, adminToken: testToken, memoryBytesMax: 1_200_000_000 })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  try {
    await migrate(warehouse)
    return await work(warehouse)
  } finally {
    await warehouse.close()
    await child.stop()
  }
}
const counts = async (warehouse: Warehouse): Promise<number[]> => {
  const [row] = await warehouse.query<Record<Table, number>>(
    `SELECT (SELECT count() FROM measurements) AS measurements, ${tables
      .slice(1)
      .map((table) => `(SELECT sum(samples) FROM ${table}) AS ${table}`)
      .join(', ')}`,
  )
  return tables.map((table) => row?.[table] ?? Number.NaN)
}
const pathOf = async (warehouse: Warehouse, table: string): Promise<string> => {
  const [row] = await warehouse.query<{ path: string }>(
    'SELECT data_paths[1] AS path FROM system.tables WHERE database = {database:String} AND name = {table:String}',
    { database: 'fleet', table },
  )
  return row?.path ?? ''
}
const insert = (warehouse: Warehouse, offset: number): Promise<void> =>
  warehouse.insert('measurements', [reading(offset)], { dedupToken: `killed:${offset}` })
const partsOf = (path: string): string[] => readdirSync(path).filter((name) => /^\d+_\d+_\d+_\d+$/.test(name))

describe('a token that was noted and its rows not', { timeout: 120_000 }, () => {
  for (const table of tables) {
    it(`does not keep the repetition from writing, in ${table}`, async () => {
      folder = mkdtempSync(join(tmpdir(), 'fleet-tokens-'))
      const path = await live(async (warehouse) => {
        for (const name of tables) await warehouse.command(`SYSTEM STOP MERGES ${name}`)
        await insert(warehouse, 1)
        await insert(warehouse, 2)
        return pathOf(warehouse, table)
      })
      const last =
        partsOf(path)
          .sort((a, b) => Number(a.split('_')[1]) - Number(b.split('_')[1]))
          .at(-1) ?? ''
      rmSync(join(path, last), { recursive: true })
      const before = tables.map((name) => (name === table ? 1 : 2))
      await live(async (warehouse) => {
        expect(await counts(warehouse)).toEqual(before)
        for (const offset of [1, 2]) await insert(warehouse, offset)
        expect(await counts(warehouse)).toEqual([2, 2, 2, 2])
      })
    })
  }

  it('is one whose line was torn, too', async () => {
    folder = mkdtempSync(join(tmpdir(), 'fleet-tokens-'))
    const path = await live(async (warehouse) => {
      await insert(warehouse, 1)
      return pathOf(warehouse, 'measurements')
    })
    appendFileSync(join(path, 'deduplication_logs', 'deduplication_log_1.txt'), '1\t202607_9')
    await live((warehouse) => insert(warehouse, 2))
    await live(async (warehouse) => {
      for (const offset of [1, 2]) await insert(warehouse, offset)
      expect(await counts(warehouse)).toEqual([2, 2, 2, 2])
    })
  })

  it('is none whose part was merged into another', async () => {
    folder = mkdtempSync(join(tmpdir(), 'fleet-tokens-'))
    await live(async (warehouse) => {
      for (const offset of [1, 2, 3]) await insert(warehouse, offset)
      for (const table of tables) await warehouse.command(`OPTIMIZE TABLE ${table} FINAL`)
    })
    await live(async (warehouse) => {
      for (const offset of [1, 2, 3]) await insert(warehouse, offset)
      expect(await counts(warehouse)).toEqual([3, 3, 3, 3])
    })
  })
})

it('an insert that is repeated after a new start of the engine adds nothing, to no table and behind no view', {
  timeout: 120_000,
}, async () => {
  folder = mkdtempSync(join(tmpdir(), 'fleet-tokens-'))
  const message = {
    tenant: 'main',
    subject_kind: 'device',
    subject: '02-f1-00-00-00-01',
    observed_at: nowMs,
    claimed_at: null,
    received_at: nowMs,
    clock_verdict: 'trusted',
    outcome: 'stored',
    topic: 'a/b',
    boot_id: 'b',
    seq: 1,
    log_id: 'log',
    partition: 0,
    offset: 1,
    frame: Uint8Array.of(1),
  }
  const all = async (warehouse: Warehouse): Promise<unknown> => {
    await insert(warehouse, 1)
    await warehouse.insert('messages', [message], { dedupToken: 'messages' })
    return [await counts(warehouse), await warehouse.query('SELECT messages FROM subjects_seen')]
  }
  const first = await live(all) // In the same life as the migrations, whose views the engine knows otherwise than after a start.
  expect(first).toEqual([[1, 1, 1, 1], [{ messages: 1 }]])
  expect(await live(all)).toEqual(first)
})
