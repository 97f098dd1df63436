/** What every `Warehouse` must do, embedded or real. The tables are those of the migrations, in a database of its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row, Warehouse } from '../model/ports.ts'
import { AppError } from '../runtime/errors.ts'
import { migrate } from './clickhouse/migrations.ts'
import { measurementRow } from './warehouse-rows.ts'

export type WarehouseUnderTest = { warehouse: Warehouse; stop: () => Promise<void> }

const nowMs = Date.now()

export const warehouseContract = (name: string, start: () => Promise<WarehouseUnderTest>): void => {
  // Generous: the machine may be busy, and an insert with its views is a dozen files.
  describe(`warehouse: ${name}`, { timeout: 60_000 }, () => {
    let tested: WarehouseUnderTest
    beforeAll(async () => {
      tested = await start()
      await migrate(tested.warehouse)
    }, 60_000)
    afterAll(() => tested.stop())

    const totals = async (subject: string) => {
      const [raw] = await tested.warehouse.query<Row>(
        'SELECT count() AS n, count(value) AS samples, sum(value) AS total, min(value) AS low, max(value) AS high FROM measurements WHERE subject = {subject:String}',
        { subject },
      )
      const rollups = await Promise.all(
        ['15m', '1h', '1d'].map((step) =>
          tested.warehouse.query<Row>(
            `SELECT sum(r.samples + r.missing) AS n, sum(r.samples) AS samples, sum(r.value_sum) AS total, min(r.value_min) AS low, max(r.value_max) AS high FROM measurements_${step} AS r WHERE subject = {subject:String}`,
            { subject },
          ),
        ),
      )
      return [raw, ...rollups.map(([row]) => row)]
    }

    it('answers a ping', async () => {
      expect(await tested.warehouse.ping()).toBe(true)
    })

    it('adds the rows of one token once, to the table and to the rollups behind it', async () => {
      const rows = Array.from({ length: 50 }, (_, offset) => measurementRow(offset, { subject: 'once' }))
      for (let repeat = 0; repeat < 3; repeat++) await tested.warehouse.insert('measurements', rows, { dedupToken: 'once:0-49' })
      await tested.warehouse.insert('measurements', [measurementRow(50, { subject: 'once' })], { dedupToken: 'once:50-50' })
      const expected = {
        n: 51,
        samples: 41,
        total: (50 * 51) / 8 - (4 + 9 + 14 + 19 + 24 + 29 + 34 + 39 + 44 + 49) / 4,
        low: 0,
        high: 12.5,
      }
      expect(await totals('once')).toEqual([expected, expected, expected, expected])
    })

    it('adds equal rows of two tokens twice', async () => {
      const row = measurementRow(0, { subject: 'twice', value: 23.4 })
      for (const dedupToken of ['twice:0', 'twice:1']) await tested.warehouse.insert('measurements', [row], { dedupToken })
      const expected = { n: 2, samples: 2, total: 46.8, low: 23.4, high: 23.4 }
      expect(await totals('twice')).toEqual([expected, expected, expected, expected])
    })

    it('takes one batch of rows observed over 25 years', async () => {
      const monthMs = 30 * 86_400_000
      const rows = Array.from({ length: 300 }, (_, month) =>
        measurementRow(month, { subject: 'old', observed_at: nowMs - month * monthMs, received_at: nowMs, value: 1 }),
      )
      for (let repeat = 0; repeat < 2; repeat++) await tested.warehouse.insert('measurements', rows, { dedupToken: 'old' })
      const expected = { n: 300, samples: 300, total: 300, low: 1, high: 1 }
      expect(await totals('old')).toEqual([expected, expected, expected, expected])
    })

    it('marks the highest offset that gave rows, per log, partition and table', async () => {
      for (const [partition, offset] of [
        [3, 7],
        [3, 12],
        [4, 1],
        [3, 9],
      ]) {
        const row = measurementRow(offset ?? 0, { log_id: 'log-marks', partition })
        await tested.warehouse.insert('measurements', [row], { dedupToken: `marks:${partition}:${offset}` })
      }
      const marks = await tested.warehouse.query<Row>(
        "SELECT topic, partition, table, max(offset) AS offset FROM sink_marks WHERE log_id = 'log-marks' GROUP BY topic, partition, table ORDER BY partition",
      )
      expect(marks).toEqual([
        { topic: 'device-events', partition: 3, table: 'measurements', offset: 12 },
        { topic: 'device-events', partition: 4, table: 'measurements', offset: 1 },
      ])
    })

    it('puts parameters in as values, whatever they hold', async () => {
      const texts = ["it's", 'a\\b', 'line\nbreak\ttab', '{x:String}', "'; DROP TABLE fleet.measurements --", 'ü€😀', '']
      const rows = await tested.warehouse.query<{ texts: string[]; number: number }>(
        'SELECT {texts:Array(String)} AS texts, {number:Int64} AS number',
        {
          texts,
          number: -5,
        },
      )
      expect(rows).toEqual([{ texts, number: -5 }])
    })

    it('gives 64-bit integers as numbers where that is exact, else as text', async () => {
      const rows = await tested.warehouse.query<Row>(
        "SELECT toUInt64(9007199254740991) AS exact, toUInt64(9007199254740993) AS large, [toInt64(-5)] AS list, CAST(NULL AS Nullable(UInt64)) AS none, '12' AS text",
      )
      expect(rows).toEqual([{ exact: 9007199254740991, large: '9007199254740993', list: [-5], none: null, text: '12' }])
    })

    it('gives times as text in UTC', async () => {
      await tested.warehouse.insert(
        'measurements',
        [measurementRow(0, { subject: 'time', observed_at: Date.UTC(2026, 6, 1, 12, 0, 0, 7), received_at: nowMs })],
        {
          dedupToken: 'time',
        },
      )
      expect(await tested.warehouse.query("SELECT observed_at FROM measurements WHERE subject = 'time'")).toEqual([
        { observed_at: '2026-07-01 12:00:00.007' },
      ])
    })

    it('refuses a row that does not fit before anything is sent, and says which', async () => {
      const rows = [measurementRow(0), measurementRow(1, { quality: 'splendid' })]
      await expect(tested.warehouse.insert('measurements', rows, { dedupToken: 'bad' })).rejects.toMatchObject({
        code: 'WAREHOUSE_REFUSED',
        retryable: false,
        message: 'row 1, column quality: Expected ok | missing | out_of_range, got "splendid"',
      })
    })

    it('refuses an unknown table and a wrong statement without asking for a retry', async () => {
      await expect(tested.warehouse.insert('nothing', [{}], { dedupToken: 'x' })).rejects.toMatchObject({ code: 'WAREHOUSE_REFUSED' })
      await expect(tested.warehouse.query('SELECT nothing FROM measurements')).rejects.toMatchObject({
        code: 'WAREHOUSE_REFUSED',
        retryable: false,
      })
      await expect(tested.warehouse.command('DROP SOMETHING')).rejects.toBeInstanceOf(AppError)
    })

    it('answers a right statement after a failed one', async () => {
      for (let failing = 0; failing < 20; failing++) {
        await expect(tested.warehouse.query('SELECT throwIf(number = 3) FROM numbers(10)')).rejects.toMatchObject({
          code: 'WAREHOUSE_REFUSED',
        })
        expect(await tested.warehouse.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
      }
    })

    it('runs many inserts and queries at once', async () => {
      await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          await tested.warehouse.insert('measurements', [measurementRow(index, { subject: 'many', value: 1 })], {
            dedupToken: `many:${index}`,
          })
          expect(await tested.warehouse.query('SELECT {x:UInt32} AS x', { x: index })).toEqual([{ x: index }])
        }),
      )
      const expected = { n: 40, samples: 40, total: 40, low: 1, high: 1 }
      expect(await totals('many')).toEqual([expected, expected, expected, expected])
    })
  })
}
