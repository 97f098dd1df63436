/**
 * Dead letters of the log -> table `dead_letters`, one row each, by the same pending range as the device stage.
 * Before: `ingest/accept.ts` and `stage-run.ts`, by way of the log.  After: `query-api/queries/*.ts`.
 * Letters with reason `REDRIVEN` are marks that an earlier letter has become an event; they are rows too.
 */
import type { DeadLetter } from '../model/event.ts'
import type { LogBatch, LogTopic, Row, StageStore, StartPosition, StoredRecord, Warehouse } from '../model/ports.ts'
import type { Result } from '../model/result.ts'
import { misfitOf } from './domain/row-fit.ts'

export type DeadLetterSinkDeps = {
  logId: string
  store: StageStore<SinkState>
  warehouse: Warehouse
  decodeDeadLetter: (frame: Uint8Array) => Result<DeadLetter>
  /** Counts letters whose own frame cannot be read: there is nowhere further to put them, they stay in the log. */
  onUndecodable: (offset: number, reason: string) => void
  onRows: (table: 'dead_letters', rows: number) => void
}

/** Offset of the last row, compared with the warehouse's mark at start. */
export type SinkState = { lastRow: number }

export const sinkTable = 'dead_letters'
export const sinkStateKey = 'sink'
const topic: LogTopic = 'dead-letters'

export const createDeadLetterSink = (deps: DeadLetterSinkDeps) => {
  const { store, warehouse, logId } = deps
  const marks = new Map<number, number>()

  const processBatch = async ({ partition, firstOffset, lastOffset, records }: LogBatch): Promise<void> => {
    const range = { topic, partition, from: firstOffset, to: lastOffset }
    const rows = toDeadLetterRows(deps, partition, records)
    const last = rows[rows.length - 1]
    await store.begin(range)
    const beyond = rows.filter((row) => Number(row['offset']) > (marks.get(partition) ?? -1))
    if (beyond.length > 0) {
      await warehouse.insert(sinkTable, beyond, { dedupToken: `${logId}:${topic}:${partition}:${firstOffset}-${lastOffset}:${sinkTable}` })
    }
    await store.finish({
      range,
      states: new Map(last === undefined ? [] : [[sinkStateKey, { lastRow: Number(last['offset']) }]]),
      segments: [],
      tables: last === undefined ? [] : [sinkTable],
      outputs: [],
    })
    deps.onRows(sinkTable, beyond.length)
  }

  return {
    processBatch,
    /** On assignment. Rows at or below the mark are in the warehouse already. */
    startAt: async (partition: number, mark = -1): Promise<StartPosition> => {
      marks.set(partition, mark)
      const { next, repeatTo, repeatFrom } = await store.resume(topic, partition)
      return repeatFrom === undefined ? { next, repeatTo } : { next, repeatTo, repeatFrom }
    },
  }
}

export const toDeadLetterRows = (
  { logId, decodeDeadLetter, onUndecodable }: Pick<DeadLetterSinkDeps, 'logId' | 'decodeDeadLetter' | 'onUndecodable'>,
  partition: number,
  records: readonly StoredRecord[],
): Row[] => {
  const rows: Row[] = []
  for (const { offset, value } of records) {
    const decoded = decodeDeadLetter(value)
    const row = decoded.ok ? toRow(decoded.value, logId, partition, offset) : null
    const misfit = row === null ? null : misfitOf(sinkTable, row)
    if (row !== null && misfit === null) rows.push(row)
    else onUndecodable(offset, decoded.ok ? `the value of ${misfit ?? ''} does not fit its column` : decoded.reason)
  }
  return rows
}

const toRow = (letter: DeadLetter, logId: string, partition: number, offset: number): Row => ({
  tenant: letter.tenant,
  received_at: letter.receivedAtMs,
  topic: letter.topic,
  topic_shape: letter.topicShape,
  reason: letter.reason,
  detail: letter.detail,
  subject_kind: letter.subject?.kind ?? '',
  subject: letter.subject?.id ?? '',
  client_id: letter.source.clientId,
  payload_bytes: letter.payloadBytes,
  cut: Number(letter.cut),
  sealed_payload: letter.sealedPayload,
  log_id: logId,
  partition,
  offset,
})
