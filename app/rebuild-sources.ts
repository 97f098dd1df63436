/**
 * The records of one partition from its beginning: from the log, and where the log no longer (or not any more, while we
 * read) reaches, from the frames that `messages` keeps. Read by `processors/rebuild.ts` in offset order.
 */
import type { EventLog, StoredRecord, Warehouse } from '../model/ports.ts'
import { AppError } from '../runtime/errors.ts'

export type SourceFigures = { fromLog: number; fromMessages: number; firstOffset: number | null; lost: number }

export type PartitionSource = { chunks: AsyncIterable<readonly StoredRecord[]>; figures: SourceFigures }

const chunkRecordsMax = 5_000
/** Offsets per query: frames of one answer stay far below what the door lets through. */
const pageOffsets = 20_000
const pageOffsetsMin = 16

/** `keys`: only records of these subjects (and the ticks); null: all. */
export const deviceEvents = (
  log: EventLog,
  live: Warehouse,
  partition: number,
  to: number,
  keys: ReadonlySet<string> | null,
): PartitionSource => {
  const figures: SourceFigures = { fromLog: 0, fromMessages: 0, firstOffset: null, lost: 0 }
  const isWanted = (key: string): boolean => keys === null || keys.has(key) || key === tickKey
  const count = (from: 'fromLog' | 'fromMessages', offset: number): void => {
    figures[from]++
    figures.firstOffset ??= offset
  }

  async function* chunks(): AsyncGenerator<readonly StoredRecord[]> {
    let chunk: StoredRecord[] = []
    let at = 0
    for await (const record of log.read('device-events', partition, 0, to)) {
      if (record.offset > at) {
        if (chunk.length > 0) yield chunk
        chunk = []
        yield* fromMessages(at, record.offset)
      }
      at = record.offset + 1
      count('fromLog', record.offset)
      if (isWanted(record.key)) chunk.push(record)
      if (chunk.length < chunkRecordsMax) continue
      yield chunk
      chunk = []
    }
    if (chunk.length > 0) yield chunk
    if (at < to) yield* fromMessages(at, to)
  }

  /** Fills what the log holds no more: its beginning, and what retention took from under us. */
  async function* fromMessages(from: number, before: number): AsyncGenerator<readonly StoredRecord[]> {
    const first = await firstKept(live, log.logId, partition, from)
    if (figures.firstOffset !== null || first === null) figures.lost += (first === null ? before : Math.min(first, before)) - from
    for (let start = first ?? before; start < before; start += pageOffsets) {
      const end = Math.min(before, start + pageOffsets)
      const records = await page(live, log.logId, partition, start, end)
      for (const { offset } of records) count('fromMessages', offset)
      figures.lost += end - start - records.length
      yield records.filter(({ key }) => isWanted(key))
    }
  }

  return { chunks: chunks(), figures }
}

/** The key of ticks, which every partition gets. */
const tickKey = 'all'

export async function* deadLetters(log: EventLog, to: number): AsyncGenerator<readonly StoredRecord[]> {
  let chunk: StoredRecord[] = []
  for await (const record of log.read('dead-letters', 0, 0, to)) {
    chunk.push(record)
    if (chunk.length < chunkRecordsMax) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

const firstKept = async (live: Warehouse, logId: string, partition: number, from: number): Promise<number | null> => {
  const [row] = await live.query<{ first: number | string; held: number | string }>(
    'SELECT min(offset) AS first, count() AS held FROM messages WHERE log_id = {logId:String} AND partition = {partition:UInt16} AND offset >= {from:UInt64}',
    { logId, partition, from },
  )
  return row === undefined || Number(row.held) === 0 ? null : Number(row.first)
}

type MessageRow = { at: number | string; arrived: number | string; subject: string; frame64: string }

const page = async (live: Warehouse, logId: string, partition: number, from: number, to: number): Promise<StoredRecord[]> => {
  try {
    const rows = await live.query<MessageRow>(
      'SELECT offset AS at, toUnixTimestamp64Milli(received_at) AS arrived, subject, base64Encode(frame) AS frame64 FROM messages ' +
        'WHERE log_id = {logId:String} AND partition = {partition:UInt16} AND offset >= {from:UInt64} AND offset < {to:UInt64} ORDER BY offset',
      { logId, partition, from, to },
    )
    return rows.map(({ at, arrived, subject, frame64 }) => ({
      offset: Number(at),
      appendedAtMs: Number(arrived),
      key: subject,
      value: Buffer.from(frame64, 'base64'),
    }))
  } catch (error) {
    // Long frames: an answer that is too large is asked for in halves.
    if (!(error instanceof AppError) || error.code !== 'WAREHOUSE_REFUSED' || to - from <= pageOffsetsMin) throw error
    const middle = Math.floor((from + to) / 2)
    return [...(await page(live, logId, partition, from, middle)), ...(await page(live, logId, partition, middle, to))]
  }
}
