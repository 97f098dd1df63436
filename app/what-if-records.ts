/** The past as a what-if runs it: the rules that are asked about in place of those of its time, and what was known before it begins. */
import { ownSource } from '../model/own-source.ts'
import type { EventCodec, StoredRecord, Warehouse } from '../model/ports.ts'
import type { RuleSet } from '../model/rule.ts'
import { tickKey } from '../processors/rebuild.ts'

/** Stands before the first record; time does not begin with it. */
export const rulesRecord = (codec: EventCodec, tenant: string, ruleSet: RuleSet, from: number): StoredRecord => ({
  offset: Math.max(0, from - 1),
  appendedAtMs: 0,
  key: tickKey,
  value: Uint8Array.from(
    codec.encode({
      eventId: new Uint8Array(16),
      tenant,
      subject: { kind: 'fleet', id: tickKey },
      observedAtMs: null,
      receivedAtMs: 0,
      bootId: null,
      seq: null,
      uptimeSeconds: null,
      source: ownSource('recorder', null),
      bodies: [{ kind: 'RuleActivated', version: 'what-if', ruleSet: JSON.stringify(ruleSet) }],
      payload: { encoding: 'none', bytes: new Uint8Array(0) },
    }),
  ),
})

export async function* withRules(
  first: readonly StoredRecord[],
  chunks: AsyncIterable<readonly StoredRecord[]>,
  codec: EventCodec,
  onChunk: (records: readonly StoredRecord[]) => void,
): AsyncGenerator<readonly StoredRecord[]> {
  yield first
  for await (const records of chunks) {
    onChunk(records)
    yield records.some((record) => activatesRules(record, codec)) ? records.filter((record) => !activatesRules(record, codec)) : records
  }
}

/** A tick is short: only long records to all are opened. */
const tickBytesMax = 512

const activatesRules = ({ key, value }: StoredRecord, codec: EventCodec): boolean => {
  if (key !== tickKey || value.byteLength <= tickBytesMax) return false
  const decoded = codec.decode(value)
  return decoded.ok && decoded.event.bodies[0]?.kind === 'RuleActivated'
}

type MessageRow = { at: number | string; arrived: number | string; subject: string; frame64: string }

/** Imports that lie before the first record, since class, site and model decide who pages, and maintenance windows. */
export const inventoryBefore = async (live: Warehouse, logId: string, partition: number, before: number): Promise<StoredRecord[]> => {
  const rows = await live.query<MessageRow>(
    'SELECT offset AS at, toUnixTimestamp64Milli(received_at) AS arrived, subject, base64Encode(frame) AS frame64 FROM messages ' +
      "WHERE log_id = {logId:String} AND partition = {partition:UInt16} AND offset < {before:UInt64} AND outcome IN ('inventory', 'maintenance') ORDER BY offset",
    { logId, partition, before },
  )
  return rows.map(({ at, arrived, subject, frame64 }) => ({
    offset: Number(at),
    appendedAtMs: Number(arrived),
    key: subject,
    value: Buffer.from(frame64, 'base64'),
  }))
}
