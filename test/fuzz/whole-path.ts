/**
 * A few messages from the front door to the rows, in memory: accept, log, device stage, dead-letter sink, the warehouse's
 * blocks. What must hold for any messages: nothing throws, each message is kept once, each record decodes, no event is
 * refused by a projection, every row fits its column, and the ledger adds up.
 */
import { createFleetCodec } from '../../adapters/avro/fleet-codec.ts'
import { createDeadLetterCodec } from '../../adapters/avro/event-codec.ts'
import { ByteBuffer } from '../../adapters/clickhouse/byte-buffer.ts'
import { compileEncoder } from '../../adapters/clickhouse/native-block.ts'
import { createMemoryLog } from '../../adapters/memory/memory-log.ts'
import { createMemoryStageStore } from '../../adapters/memory/memory-stage-store.ts'
import { createMemorySubjectKeys } from '../../adapters/memory/memory-subject-keys.ts'
import { md5 } from '../../adapters/system/clock-ids-digest.ts'
import { inflateBounded } from '../../adapters/system/inflate.ts'
import { createAccept } from '../../ingest/accept.ts'
import type { DeviceMessage, LogBatch, LogTopic, Row, StageStore, Warehouse } from '../../model/ports.ts'
import { createDeadLetterSink, type SinkState } from '../../processors/dead-letter-sink.ts'
import { createDeviceStage } from '../../processors/device-stage.ts'
import type { StageState } from '../../processors/domain/state.ts'
import { type TableName, tables } from '../../schemas/tables.ts'
import { mapOf, shippedTopics } from '../parse-kit.ts'
import { shippedRules } from '../rule-kit.ts'
import { alarmCodec, createBench, eventCodec } from '../stage-fakes.ts'
import { Finding } from './fuzz-target.ts'

export type Sent = {
  topic: string
  payload: Uint8Array
  dup: boolean
  retain: boolean
  sessionId: string | null
  cutFromBytes: number | null
}

export const shippedMap = mapOf(shippedTopics())
const letters = createDeadLetterCodec()
const keys = createMemorySubjectKeys()
const encoders = new Map(Object.entries(tables).map(([name, columns]) => [name, compileEncoder(columns)]))
const block = new ByteBuffer()
const startMs = 1767602410000

/** What became of each message, by outcome of the stage; throws a `Finding`. */
export const runWholePath = async (messages: readonly Sent[]): Promise<Record<string, number>> => {
  let nowMs = startMs
  const log = createMemoryLog({ clock: { nowMs: () => nowMs }, partitions: 1 })
  const kept = { accepted: 0, deadLettered: 0, ignored: 0 }
  let ids = 0
  const accept = createAccept({
    log,
    codec: eventCodec,
    encodeDeadLetter: letters.encode,
    keys,
    ids: { eventId: () => Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? ids++ & 0xff : at)) },
    tenant: 'main',
    topicMap: shippedMap,
    inflate: inflateBounded,
    counters: { accepted: () => kept.accepted++, deadLettered: () => kept.deadLettered++, ignored: () => kept.ignored++ },
  })
  for (const [index, sent] of messages.entries()) {
    const before = kept.accepted + kept.deadLettered + kept.ignored
    await accept(toMessage(sent, index, nowMs))
    if (kept.accepted + kept.deadLettered + kept.ignored === before) throw new Finding('a message was neither kept nor ignored')
    nowMs += 1_000
  }
  return judge(log, kept)
}

const toMessage = (sent: Sent, index: number, nowMs: number): DeviceMessage => ({
  ...sent,
  qos: 1,
  storedCopy: false,
  packetId: index + 1,
  clientId: 'fuzz',
  connection: 0,
  receivedAtMs: nowMs,
})

const judge = async (
  log: ReturnType<typeof createMemoryLog>,
  kept: { accepted: number; deadLettered: number },
): Promise<Record<string, number>> => {
  const outcomes: Record<string, number> = {}
  const rows: Record<string, Row[]> = {}
  const warehouse: Warehouse = { ...createBench().warehouse, insert: async (table, given) => insert(rows, table, given) }
  const stage = createDeviceStage({
    logId: log.logId,
    tenant: 'main',
    codec: eventCodec,
    digest: md5,
    encodeDeadLetter: letters.encode,
    encodeAlarm: alarmCodec.encode,
    encodeSignal: createFleetCodec().encode,
    seenIdsMax: 1_000,
    counters: { outcome: (outcome) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1), limitReached: () => undefined },
    store: judgedByRules(createMemoryStageStore<StageState>({ group: 'device-stage', log })),
    warehouse,
  })
  const events = await batchOf(log, 'device-events')
  for (const { value } of events.records) {
    const decoded = eventCodec.decode(value)
    if (!decoded.ok) throw new Finding('an event of our own does not decode', decoded.reason)
  }
  await stage.startAt(0)
  if (events.records.length > 0) await stage.processBatch(events)
  if ((outcomes['failed'] ?? 0) + (outcomes['undecodable'] ?? 0) > 0)
    throw new Finding('the stage refuses an event that ingest accepted', await reasonOf(log))

  const sink = createDeadLetterSink({
    logId: log.logId,
    store: createMemoryStageStore<SinkState>({ group: 'dead-letter-sink', log }),
    warehouse,
    decodeDeadLetter: letters.decode,
    onUndecodable: (_offset, reason) => {
      throw new Finding('a dead letter of our own makes no row', reason)
    },
    onRows: () => undefined,
  })
  await sink.startAt(0)
  const dead = await batchOf(log, 'dead-letters')
  if (dead.records.length > 0) await sink.processBatch(dead)
  checkCounts(rows, kept, events.records.length, dead.records.length)
  return outcomes
}

const ruleBook: StageState = { kind: 'rule-book', version: '1', ruleSet: JSON.stringify(shippedRules()) }

/** The shipped rules are in force from the first record on. */
const judgedByRules = (store: StageStore<StageState>): StageStore<StageState> => ({
  ...store,
  get: (topic, partition, key) => (key === 'rule-book' ? ruleBook : store.get(topic, partition, key)),
})

const insert = (rows: Record<string, Row[]>, table: string, given: readonly Row[]): void => {
  block.reset()
  const encode = encoders.get(table)
  if (encode === undefined) throw new Finding('rows for a table that is none', table)
  encode(given, block) // Throws on a value that does not fit its column.
  const own = (rows[table] ??= [])
  for (const row of given) own.push(row)
}

const batchOf = async (log: ReturnType<typeof createMemoryLog>, topic: LogTopic): Promise<LogBatch> => {
  const records: LogBatch['records'] = []
  for await (const record of log.read(topic, 0, 0, Number.POSITIVE_INFINITY)) records.push(record)
  return { topic, partition: 0, firstOffset: 0, lastOffset: records.length - 1, records }
}

const reasonOf = async (log: ReturnType<typeof createMemoryLog>): Promise<string> => {
  const { records } = await batchOf(log, 'dead-letters')
  const last = records.at(-1)
  const decoded = last === undefined ? undefined : letters.decode(last.value)
  return decoded?.ok === true ? `${decoded.value.reason}: ${decoded.value.detail}` : 'no dead letter'
}

/** G3 of the security page: received = stored + dead-lettered + rejected, exactly. */
const checkCounts = (rows: Record<string, Row[]>, kept: { accepted: number; deadLettered: number }, events: number, dead: number): void => {
  if (dead !== kept.deadLettered) throw new Finding('dead letters are not what was counted', `${dead} of ${kept.deadLettered}`)
  const messages = rows['messages'] ?? []
  if (messages.length !== events) throw new Finding('an event has no row in messages', `${messages.length} of ${events}`)
  const total = (column: string): number => (rows['ledger'] ?? []).reduce((sum, row) => sum + Number(row[column]), 0)
  const sum = total('stored') + total('duplicate') + total('quarantined')
  if (total('received') !== sum) throw new Finding('the ledger does not add up', `received ${total('received')}, of that ${sum}`)
  const names = new Set<string>(Object.keys(tables))
  for (const table of Object.keys(rows) as TableName[]) if (!names.has(table)) throw new Finding('rows for a table that is none', table)
}
