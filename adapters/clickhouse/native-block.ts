/**
 * Rows as one block of ClickHouse's Native format, one column each (`block-columns.ts`), made once from `schemas/tables.ts`.
 * Native and not RowBinary because words travel as dictionaries: the engine reads a batch of measurements twenty times as
 * fast, and one block in the file is one block of the insert.
 *
 * Values: epoch milliseconds for DateTime64(3) and DateTime, names for enums, Uint8Array or text for String, boolean or number
 * for UInt8, number or bigint for 64-bit integers, null or undefined for Nullable only. Deterministic: the same rows give the
 * same bytes, which makes a repeated insert the same insert. A value that does not fit throws `WAREHOUSE_REFUSED` with row
 * and column before anything is sent.
 *
 * Wire: varint columns, varint rows, then per column: name, type (both as text), data. No block info: that is revision 0.
 */
import type { Row } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Column } from '../../schemas/tables.ts'
import { columnOf } from './block-columns.ts'
import type { ByteBuffer } from './byte-buffer.ts'
import { parseColumnType } from './column-type.ts'
import { UnfitValue } from './value-writers.ts'

export type BlockEncoder = (rows: readonly Row[], into: ByteBuffer) => void

/** A block that grows: rows are encoded as they come and need not be kept. */
export type BlockWriter = {
  /** Refused rows take the whole block with them. */
  add: (rows: readonly Row[]) => void
  rows: () => number
  bytes: () => number
  /** Writes the block and begins the next one. */
  end: (into: ByteBuffer) => void
}

/** Its buffers are kept for the next rows. */
export const compileEncoder = (columns: readonly Column[]): BlockEncoder => {
  const writer = createBlockWriter(columns)
  return (rows, into) => {
    writer.add(rows)
    writer.end(into)
  }
}

export const createBlockWriter = (columns: readonly Column[]): BlockWriter => {
  const compiled = columns.map(([name, type]) => ({ name, type, column: columnOf(parseColumnType(type)) }))
  let held = 0
  const clear = (): void => {
    held = 0
    for (const { column } of compiled) column.clear()
  }
  return {
    add: (rows) => {
      const count = rows.length
      const values: unknown[] = new Array<unknown>(count)
      for (const { name, column } of compiled) {
        for (let index = 0; index < count; index++) values[index] = rows[index]?.[name]
        try {
          column.add(values, count)
        } catch (error) {
          clear()
          if (!(error instanceof UnfitValue)) throw error
          throw new AppError('WAREHOUSE_REFUSED', `row ${error.index}, column ${name}: ${error.message}`, { cause: error })
        }
      }
      held += count
    },
    rows: () => held,
    bytes: () => compiled.reduce((sum, { column }) => sum + column.bytes(), 0),
    end: (into) => {
      into.writeVarint(compiled.length)
      into.writeVarint(held)
      for (const { name, type, column } of compiled) {
        into.writeText(name)
        into.writeText(type)
        column.prefix(into)
        column.data(into)
      }
      clear()
    },
  }
}
