import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../../model/ports.ts'
import { type TableName, tables } from '../../schemas/tables.ts'
import { startForTest } from '../chdb/start-for-test.ts'
import { ByteBuffer } from './byte-buffer.ts'
import { type ColumnType, parseColumnType } from './column-type.ts'
import { migrate } from './migrations.ts'
import { compileEncoder } from './native-block.ts'

const encoded = (columns: readonly (readonly [string, string])[], rows: Row[]): number[] => {
  const buffer = new ByteBuffer(1)
  compileEncoder(columns)(rows, buffer)
  return [...buffer.bytes()]
}

describe('a Native block', () => {
  it('is names, types and columns', () => {
    const text = (value: string): number[] => [value.length, ...Buffer.from(value)]
    expect(
      encoded(
        [
          ['n', 'UInt16'],
          ['w', 'LowCardinality(Nullable(String))'],
          ['o', 'Nullable(Int64)'],
        ],
        [
          { n: 258, w: 'ab', o: -2 },
          { n: 1, w: null, o: null },
        ],
      ),
    ).toEqual([
      3,
      2,
      ...[...text('n'), ...text('UInt16'), 2, 1, 1, 0],
      ...[...text('w'), ...text('LowCardinality(Nullable(String))'), 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0],
      ...[2, 0, 0, 0, 0, 0, 0, 0, 0, ...text('ab'), 2, 0, 0, 0, 0, 0, 0, 0, 1, 0],
      ...[...text('o'), ...text('Nullable(Int64)'), 0, 1, 254, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0],
    ])
  })

  it('is the same for the same rows, in a new buffer or a reused one', () => {
    const rows = [{ a: 'x'.repeat(5000), b: ['1', 'ü'] }]
    const columns = [
      ['a', 'String'],
      ['b', 'Array(String)'],
    ] as const
    const buffer = new ByteBuffer(1)
    const encode = compileEncoder(columns)
    encode([{ a: '', b: [] }], buffer)
    buffer.reset()
    encode(rows, buffer)
    expect([...buffer.bytes()]).toEqual(encoded(columns, rows))
  })

  it.each([
    ['UInt8', 256, 'an integer 0..255'],
    ['UInt8', -1, 'an integer 0..255'],
    ['Int16', 1.5, 'an integer -32768..32767'],
    ['UInt64', -1, 'an integer 0..18446744073709551615'],
    ['UInt64', 2 ** 53, 'an integer 0..18446744073709551615'],
    ['UInt64', 2n ** 64n, 'an integer 0..18446744073709551615'],
    ['Int64', '1', 'an integer -9223372036854775808..9223372036854775807'],
    ['Float64', null, 'a number'],
    ['String', 1, 'a text or bytes'],
    ['LowCardinality(String)', null, 'a text'],
    ['DateTime64(3)', '2026-01-01', 'epoch milliseconds of 1900..2299'],
    ['DateTime64(3)', Number.NaN, 'epoch milliseconds of 1900..2299'],
    ['DateTime', -1, 'epoch milliseconds of 1970..2106'],
    ["Enum8('a' = 1)", 'b', 'a'],
    ['Array(String)', 'x', 'an array'],
    ['Tuple(a String)', 'x', 'an object or array'],
  ])('of %s refuses %s', (type, value, expected) => {
    expect(() => encoded([['c', type]], [{ c: value }])).toThrow(`row 0, column c: Expected ${expected}, got `)
  })

  it.each([
    ['UInt8', [0, 255, true]],
    ['Int32', [-(2 ** 31), 2 ** 31 - 1]],
    ['UInt64', [0, Number.MAX_SAFE_INTEGER, 2n ** 64n - 1n]],
    ['Int64', [-(2n ** 63n), -1, 2n ** 63n - 1n]],
  ])('of %s takes its limits', (type, values) => {
    expect(() =>
      encoded(
        [['c', type]],
        (values as unknown[]).map((c) => ({ c })),
      ),
    ).not.toThrow()
  })
})

describe('every table, written and read back', { timeout: 120_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  beforeAll(async () => {
    started = await startForTest({ listen: null })
    await migrate(started.warehouse)
  }, 60_000)
  afterAll(() => started.stop())

  it('has the columns of the migrations, in their order', async () => {
    const found = await started.warehouse.query<{ table: string; columns: [string, string][] }>(
      `SELECT table, arrayMap(c -> (c.2, c.3), arraySort(groupArray((position, name, type)))) AS columns FROM system.columns
       WHERE database = 'fleet' AND table IN {names:Array(String)} GROUP BY table ORDER BY table`,
      { names: Object.keys(tables) },
    )
    const withoutSpaces = (columns: readonly (readonly string[])[]) => columns.map(([name, type]) => [name, type?.replaceAll(/\s+/g, '')])
    expect(found.map(({ table, columns }) => [table, withoutSpaces(columns)])).toEqual(
      Object.entries(tables)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([table, columns]) => [table, withoutSpaces(columns)]),
    )
  })

  it.each(Object.keys(tables) as TableName[])('%s gives back what was written', async (table) => {
    const copy = `copy_of_${table}`
    const columns = tables[table].map(([name]) => name)
    // Memory keeps the order and merges nothing; the column types are the table's.
    await started.warehouse.command(`CREATE TABLE ${copy} ENGINE = Memory AS SELECT * FROM ${table} LIMIT 0`)
    const rowArbitrary = fc.record(Object.fromEntries(tables[table].map(([name, type]) => [name, arbitraryOf(parseColumnType(type))])))
    const samples = fc.sample(fc.array(rowArbitrary, { minLength: 1, maxLength: 40 }), { numRuns: 10, seed: 7 })
    for (const rows of samples) {
      await started.warehouse.command(`TRUNCATE TABLE ${copy}`)
      const buffer = new ByteBuffer()
      compileEncoder(tables[table])(rows, buffer)
      const { access } = started.child
      const response = await fetch(
        `${access.url}/?query=${encodeURIComponent(`INSERT INTO ${copy} (${columns.join(', ')}) FORMAT Native`)}`,
        {
          method: 'POST',
          headers: { 'x-clickhouse-user': access.username, 'x-clickhouse-key': access.password },
          body: new Uint8Array(buffer.bytes()),
        },
      )
      expect(await response.text()).toBe('')
      const shown = tables[table].map(([name, type]) => `${readable(name, parseColumnType(type))} AS ${name}`)
      const read = await started.warehouse.query<Row>(`SELECT ${shown.join(', ')} FROM ${copy} AS t`)
      expect(read).toEqual(rows.map((row) => expectedRow(tables[table], row)))
    }
  })
})

/** Values that JSON carries back exactly. */
const arbitraryOf = (type: ColumnType): fc.Arbitrary<unknown> => {
  switch (type.kind) {
    case 'nullable':
      return fc.option(arbitraryOf(type.of))
    case 'low-cardinality':
      return type.of.kind === 'nullable'
        ? fc.option(fc.constantFrom('', 'a', 'ü', 'word', 'null'))
        : fc.oneof(fc.constantFrom('', 'a', 'b', 'ü'), fc.string({ unit: 'binary' }))
    case 'array':
      return fc.array(arbitraryOf(type.of), { maxLength: 4 })
    case 'tuple':
      return fc.record(Object.fromEntries(type.fields.map((field) => [field.name ?? '', arbitraryOf(field.type)])))
    case 'enum':
      return fc.constantFrom(...type.valueOf.keys())
    case 'map':
      throw new Error('no maps')
    case 'plain':
      return plainArbitrary(type.name)
  }
}

const plainArbitrary = (name: string): fc.Arbitrary<unknown> => {
  const bits = Number(/\d+$/.exec(name)?.[0] ?? 64)
  switch (name) {
    case 'String':
      return fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 60, maxLength: 200 }))
    case 'Float64':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))
    case 'Float32':
      return fc.float({ noNaN: true, noDefaultInfinity: true, min: -2000, max: 2000 }).map((value) => Math.round(value * 8) / 8 + 0)
    case 'DateTime64':
      return fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2299, 11, 31) })
    case 'DateTime':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => value * 1000)
    case 'UInt64':
      return fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    case 'Int64':
      return fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
    default:
      return name.startsWith('U')
        ? fc.integer({ min: 0, max: 2 ** bits - 1 })
        : fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
  }
}

/** Times as epoch milliseconds again. */
const readable = (name: string, type: ColumnType): string => {
  const inner = type.kind === 'nullable' ? type.of : type
  if (inner.kind !== 'plain') return `t.${name}`
  if (inner.name === 'DateTime64') return `toUnixTimestamp64Milli(t.${name})`
  return inner.name === 'DateTime' ? `toUInt64(toUnixTimestamp(t.${name})) * 1000` : `t.${name}`
}

const expectedRow = (columns: readonly (readonly [string, string])[], row: Row): Row =>
  Object.fromEntries(columns.map(([name]) => [name, inJson(row[name])]))

const inJson = (value: unknown): unknown => {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}
