/** Whatever a frame says, its rows fit their columns: a row that the warehouse refuses would hold up its partition for ever. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deviceEvent } from '../adapters/avro/event.arbitrary.ts'
import { ByteBuffer } from '../adapters/clickhouse/byte-buffer.ts'
import { compileEncoder } from '../adapters/clickhouse/native-block.ts'
import { createBench, eventOf } from '../test/stage-fakes.ts'
import { type TableName, tables } from '../schemas/tables.ts'

describe('rows of any event', () => {
  it('can be encoded when three boots of one batch jump to the greatest sequence number', async () => {
    const bench = createBench()
    for (const bootId of ['b1', 'b2', 'b3']) for (const seq of [0, Number.MAX_SAFE_INTEGER - 1]) bench.append(eventOf({ bootId, seq }))
    await bench.run()
    expect(bench.rowsOf('ledger')).toHaveLength(1)
    expect(() => compileEncoder(tables.ledger)(bench.rowsOf('ledger'), new ByteBuffer())).not.toThrow()
  })

  it('can be encoded, whatever the event holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deviceEvent, { maxLength: 8 }), async (events) => {
        const bench = createBench()
        bench.append(...events)
        await bench.run(3)
        expect(bench.counts['failed']).toBe(undefined)
        for (const table of Object.keys(bench.warehouse.rows) as TableName[]) {
          const rows = bench.rowsOf(table)
          const buffer = new ByteBuffer()
          compileEncoder(tables[table])(rows, buffer)
          expect(rows.every((row) => Object.keys(row).length === tables[table].length)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })
})
