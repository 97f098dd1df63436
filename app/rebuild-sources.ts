/**
 * The records of one partition from its beginning: from the log, and where the log no longer (or not any more, while we
 * read) reaches, from the frames that `messages` keeps. Read by `processors/rebuild.ts` in offset order.
 */
import type { EventLog, StoredRecord, Warehouse } from '../model/ports.ts'
import { tickKey } from '../processors/rebuild.ts'
import { AppError } from '../runtime/errors.ts'

/** Records found on either side, whoever they are of. */
export type SourceFigures = { fromLog: number; fromMessages: number; firstOffset: number | null }

export type PartitionSource = { chunks: AsyncIterable<readonly StoredRecord[]>; figures: SourceFigures }

const chunkRecordsMax = 5_000
/** Offsets per query: frames of one answer stay far below what the door lets through. */
const pageOffsets = 20_000
const pageOffsetsMin = 16

/** `wanted`: of `messages`, only these subjects' records (and the ticks) are fetched; null: all. The log is read whole, from `from` on. */
export const deviceEvents = (
  log: EventLog,
  live: Warehouse,
  partition: number,
  to: number,
  wanted: readonly string[] | null,
  from = 0,
): PartitionSource => {
  const figures: SourceFigures = { fromLog: 0, fromMessages: 0, firstOffset: null }

  async function* chunks(): AsyncGenerator<readonly StoredRecord[]> {
    let chunk: StoredRecord[] = []
    let at = from
    for await (const record of log.read('device-events', partition, from, to)) {
      if (record.offset > at) {
        if (chunk.length > 0) yield chunk
        chunk = []
        yield* fromMessages(at, record.offset)
      }
      at = record.offset + 1
      figures.fromLog++
      figures.firstOffset ??= record.offset
      chunk.push(record)
      if (chunk.length < chunkRecordsMax) continue
      yield chunk
      chunk = []
    }
    if (chunk.length > 0) yield chunk
    if (at < to) yield* fromMessages(at, to)
  }

  /** Fills what the log holds no more: its beginning, and what retention took from under us. */
  async function* fromMessages(from: number, before: number): AsyncGenerator<readonly StoredRecord[]> {
    const place: Place = { logId: log.logId, partition, wanted }
    const { first, held } = await keptBetween(live, place, from, before)
    if (held === 0) return
    figures.fromMessages += held
    figures.firstOffset ??= first
    for (let start = first; start < before; start += pageOffsets) {
      const records = await page(live, place, start, Math.min(before, start + pageOffsets))
      if (records.length > 0) yield records
    }
  }

  return { chunks: chunks(), figures }
}

export const deadLetters = (log: EventLog, to: number): AsyncGenerator<readonly StoredRecord[]> => wholeTopic(log, 'dead-letters', to)

export const fleetSignals = (log: EventLog, to: number): AsyncGenerator<readonly StoredRecord[]> => wholeTopic(log, 'fleet-signals', to)

/** Of one partition. */
async function* wholeTopic(log: EventLog, topic: 'dead-letters' | 'fleet-signals', to: number): AsyncGenerator<readonly StoredRecord[]> {
  let chunk: StoredRecord[] = []
  for await (const record of log.read(topic, 0, 0, to)) {
    chunk.push(record)
    if (chunk.length < chunkRecordsMax) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

type Place = { logId: string; partition: number; wanted: readonly string[] | null }

const keptBetween = async (
  live: Warehouse,
  { logId, partition }: Place,
  from: number,
  to: number,
): Promise<{ first: number; held: number }> => {
  const [row] = await live.query<{ first: number | string; held: number | string }>(
    'SELECT min(offset) AS first, count() AS held FROM messages WHERE log_id = {logId:String} AND partition = {partition:UInt16} AND offset >= {from:UInt64} AND offset < {to:UInt64}',
    { logId, partition, from, to },
  )
  return { first: Number(row?.first ?? 0), held: Number(row?.held ?? 0) }
}

type MessageRow = { at: number | string; arrived: number | string; subject: string; frame64: string }

/** A record that came back from the archive was appended when it arrived: its own time is all that the table keeps. */
const page = async (live: Warehouse, place: Place, from: number, to: number): Promise<StoredRecord[]> => {
  const { logId, partition, wanted } = place
  try {
    const rows = await live.query<MessageRow>(
      'SELECT offset AS at, toUnixTimestamp64Milli(received_at) AS arrived, subject, base64Encode(frame) AS frame64 FROM messages ' +
        'WHERE log_id = {logId:String} AND partition = {partition:UInt16} AND offset >= {from:UInt64} AND offset < {to:UInt64}' +
        `${wanted === null ? '' : ' AND subject IN {wanted:Array(String)}'} ORDER BY offset`,
      { logId, partition, from, to, ...(wanted === null ? {} : { wanted: [...wanted, tickKey] }) },
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
    return [...(await page(live, place, from, middle)), ...(await page(live, place, middle, to))]
  }
}
