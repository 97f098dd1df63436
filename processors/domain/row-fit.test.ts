import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteBuffer } from '../../adapters/clickhouse/byte-buffer.ts'
import { compileEncoder } from '../../adapters/clickhouse/native-block.ts'
import { type TableName, tables } from '../../schemas/tables.ts'
import { misfitOf } from './row-fit.ts'

const value = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, '', 'ok', 'stored', 'online', 'told', 'trusted', true, [], [{}], 2n ** 64n, -1n, Number.NaN),
  fc.constantFrom(-1, 0, 1.5, 255, 256, 65_536, 2 ** 32, 2 ** 53, -(2 ** 53), Date.UTC(1899, 11, 31), Date.UTC(2300, 0, 1)),
  fc.integer(),
  fc.string(),
  fc.uint8Array({ maxLength: 3 }),
)

describe('a row that is said to fit', () => {
  it.each(Object.keys(tables) as TableName[])('is one that the encoder of %s takes', (table) => {
    const encode = compileEncoder(tables[table])
    const row = fc.record(Object.fromEntries(tables[table].map(([name]) => [name, value])))
    // Column by column: a whole row of chance values never fits.
    for (const [column, [name]] of tables[table].entries()) {
      const encodeOne = compileEncoder(tables[table].slice(column, column + 1))
      fc.assert(
        fc.property(value, (own) => {
          const fits = misfitOfColumn(table, name, own)
          if (fits) expect(() => encodeOne([{ [name]: own }], new ByteBuffer())).not.toThrow()
        }),
        { numRuns: 60 },
      )
    }
    fc.assert(
      fc.property(row, (own) => {
        if (misfitOf(table, own) === null) expect(() => encode([own], new ByteBuffer())).not.toThrow()
      }),
      { numRuns: 60 },
    )
  })

  it('is refused by name of table and column', () => {
    expect(misfitOf('sites', {})).toBe('sites.tenant')
    expect(misfitOf('radio', { tenant: 't', subject: 's', observed_at: 0, received_at: 0, tac: -1 })).toBe('radio.tac')
  })
})

/** All other columns hold what fits none: the first misfit is this column, or one before or after it. */
const misfitOfColumn = (table: TableName, name: string, own: unknown): boolean => {
  const others = Object.fromEntries(tables[table].map(([column, type]) => [column, column === name ? own : fitting(type)]))
  return misfitOf(table, others) === null
}

const fitting = (type: string): unknown => {
  if (type.startsWith('Nullable') || type.includes('(Nullable')) return type.startsWith('Array') ? [] : null
  if (type.startsWith('Enum8')) return /'([^']*)'/.exec(type)?.[1]
  if (type.startsWith('Array')) return []
  return type.includes('String') ? '' : 0
}
