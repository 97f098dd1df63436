/**
 * Rows gathered as bytes until an insert is worth its price: encoded when they come and let go of at once, one block per table
 * and round. For whoever writes the past anew (`processors/rebuild.ts`), in inserts far larger than a live batch's.
 */
import type { Row } from '../../model/ports.ts'
import { type TableName, tables } from '../../schemas/tables.ts'
import { ByteBuffer } from './byte-buffer.ts'
import { type BlockWriter, createBlockWriter } from './native-block.ts'
import { openInserter, type WarehouseOptions } from './warehouse.ts'

export type RowGatherer = {
  add: (table: TableName, rows: readonly Row[]) => void
  isFull: () => boolean
  flush: (tokenOf: (table: string) => string) => Promise<void>
  close: () => Promise<void>
}

/** The engine's price of an insert and its part no longer shows beyond. */
export const gatheredRowsMax = 250_000
/** Of all tables; twice as much is held while a round is under way. */
export const gatheredBytesMax = 48 * 1024 * 1024

export const openRowGatherer = (options: WarehouseOptions): RowGatherer => {
  const inserter = openInserter(options)
  const writers = new Map<TableName, BlockWriter>()
  const spare: ByteBuffer[] = []

  const takeBlocks = (): { table: TableName; rows: number; buffer: ByteBuffer }[] => {
    const blocks: { table: TableName; rows: number; buffer: ByteBuffer }[] = []
    for (const [table, writer] of writers) {
      const rows = writer.rows()
      if (rows === 0) continue
      const buffer = spare.pop() ?? new ByteBuffer()
      writer.end(buffer)
      blocks.push({ table, rows, buffer })
    }
    return blocks
  }

  return {
    add: (table, rows) => {
      let writer = writers.get(table)
      if (writer === undefined) writers.set(table, (writer = createBlockWriter(tables[table])))
      writer.add(rows)
    },
    isFull: () => {
      let bytes = 0
      for (const writer of writers.values()) {
        if (writer.rows() >= gatheredRowsMax) return true
        bytes += writer.bytes()
      }
      return bytes >= gatheredBytesMax
    },
    flush: async (tokenOf) => {
      // Encoded before the first wait: what is added from now on is the next round's.
      for (const { table, rows, buffer } of takeBlocks()) {
        await inserter.insert(table, rows, buffer.bytes(), tokenOf(table))
        buffer.reset()
        spare.push(buffer)
      }
    },
    close: inserter.close,
  }
}
