/** What tests and the benchmark of this room stand on: a warehouse in memory, events by short words, a run over a log. */
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { createMemoryLog, type MemoryLog } from '../adapters/memory/memory-log.ts'
import { createMemoryStageStore } from '../adapters/memory/memory-stage-store.ts'
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import type { Body, DeviceEvent, EventSource, MaintenanceWindowBody } from '../model/event.ts'
import type { RuleSet } from '../model/rule.ts'
import type { LogBatch, Row, StageStore, Warehouse } from '../model/ports.ts'
import { topicOfTable, tables, type TableName } from '../schemas/tables.ts'
import { createDeviceStage, type DeviceStageDeps } from '../processors/device-stage.ts'
import type { StageState } from '../processors/domain/state.ts'
import { shippedRules } from './rule-kit.ts'

export const eventCodec = createEventCodec()
export const deadLetterCodec = createDeadLetterCodec()
export const alarmCodec = createAlarmCodec()
export const fleetCodec = createFleetCodec()
export const arrivalMs = Date.UTC(2026, 0, 5, 12)
export const deviceId = '00-11-22-33-44-55'

export type FakeWarehouse = Warehouse & {
  rows: Record<string, Row[]>
  /** Every insert asked for, repeated ones too. */
  inserts: { table: string; token: string; rows: readonly Row[] }[]
  marksLost: boolean
}

/** Exactly once per token; marks and greatest offsets are told as ClickHouse would. */
export const createFakeWarehouse = (logId: () => string): FakeWarehouse => {
  const tokens = new Set<string>()
  /** Of alarms two topics give rows. */
  const topicOf = (table: string, row: Row): string => (row['log_topic'] as string | undefined) ?? topicOfTable(table as TableName)
  const greatest = (table: string, partition: number, topic?: string): number[] =>
    (warehouse.rows[table] ?? [])
      .filter(
        (row) => row['log_id'] === logId() && row['partition'] === partition && (topic === undefined || topicOf(table, row) === topic),
      )
      .map((row) => Number(row['offset']))
  const query = async (sql: string, params: Record<string, unknown> = {}): Promise<unknown[]> => {
    if (sql.includes('FROM sink_marks')) {
      if (warehouse.marksLost) return []
      return Object.keys(warehouse.rows).flatMap((table) => {
        const rows = warehouse.rows[table] ?? []
        const places = new Map(rows.map((row) => [`${topicOf(table, row)} ${String(row['partition'])}`, row]))
        return [...places.values()].map((row) => {
          const partition = Number(row['partition'])
          const topic = topicOf(table, row)
          return { topic, partition, table, offset: String(Math.max(...greatest(table, partition, topic))) }
        })
      })
    }
    const ofTopic = sql.includes('log_topic') ? String(params['topic']) : undefined
    const offsets = greatest(/FROM (\w+)/.exec(sql)?.[1] ?? '', Number(params['partition']), ofTopic)
    return [{ offset: String(Math.max(0, ...offsets)), held: String(offsets.length) }]
  }
  const warehouse: FakeWarehouse = {
    rows: {},
    inserts: [],
    marksLost: false,
    insert: async (table, rows, { dedupToken }) => {
      if (!(table in tables)) throw new Error(`no table ${table}`)
      warehouse.inserts.push({ table, token: dedupToken, rows })
      if (tokens.has(dedupToken)) return
      tokens.add(dedupToken)
      const own = (warehouse.rows[table] ??= [])
      for (const row of rows) own.push(row)
    },
    query: query as Warehouse['query'],
    command: async () => undefined,
    ping: async () => true,
    close: async () => undefined,
  }
  return warehouse
}

const mqttSource: EventSource = {
  origin: 'mqtt',
  topic: `dwr/311-a1/${deviceId}/hardware/loadavg`,
  qos: 1,
  dup: false,
  retain: false,
  storedCopy: false,
  clientId: 'client-1',
  sessionId: null,
  connection: 0,
  packetId: 1,
  redriveOf: null,
  actor: null,
}

export type EventWords = Partial<Omit<DeviceEvent, 'source' | 'subject'>> & {
  source?: Partial<EventSource>
  device?: string
  text?: string
}

/** One event; what is not said is a plain message without time or sequence. `text` is its payload. */
export const eventOf = ({ source, device = deviceId, text = '{}', ...rest }: EventWords): DeviceEvent => ({
  eventId: new Uint8Array(16),
  tenant: 'main',
  subject: { kind: 'device', id: device },
  observedAtMs: null,
  receivedAtMs: arrivalMs,
  bootId: null,
  seq: null,
  uptimeSeconds: null,
  bodies: [],
  payload: { encoding: 'plain', bytes: new TextEncoder().encode(text) },
  ...rest,
  source: { ...mqttSource, ...source },
})

export const tickOf = (receivedAtMs: number, body: Partial<Extract<Body, { kind: 'Tick' }>> = {}): DeviceEvent => ({
  ...eventOf({ receivedAtMs, source: { origin: 'recorder', topic: '', qos: 0 } }),
  subject: { kind: 'fleet', id: 'all' },
  bodies: [
    {
      kind: 'Tick',
      instance: 'front-1',
      counter: 0,
      instanceStartedAtMs: arrivalMs,
      brokerConnected: true,
      lastMessageAtMs: null,
      ...body,
    },
  ],
})

/** From 10 to 40 minutes after the first arrival, of one device. */
export const windowEvent = (ms: number, changes: Partial<MaintenanceWindowBody> = {}): DeviceEvent => ({
  ...tickOf(arrivalMs + ms),
  source: { ...tickOf(arrivalMs).source, origin: 'api', actor: 'ann' },
  bodies: [
    {
      kind: 'MaintenanceWindow',
      id: 'w1',
      version: 1,
      changeId: 'c',
      selector: `{"device":["${deviceId}"]}`,
      fromMs: arrivalMs + 10 * 60_000,
      toMs: arrivalMs + 40 * 60_000,
      reason: 'new mast',
      withdrawn: false,
      ...changes,
    },
  ],
})

/** From here on these rules hold. */
export const rulesEvent = (ruleSet?: RuleSet): DeviceEvent => ({
  ...tickOf(arrivalMs),
  bodies: [
    {
      kind: 'RuleActivated',
      version: '1',
      ruleSet: ruleSet === undefined ? (shipped ??= JSON.stringify(shippedRules())) : JSON.stringify(ruleSet),
    },
  ],
})
let shipped: string | undefined

export const readingsOf = (...values: (number | null)[]): Body => ({
  kind: 'Measurements',
  items: values.map((value, index) => ({
    metric: `system.cpu.load_average.${index}m`,
    attributes: '',
    value,
    quality: value === null ? 'missing' : 'ok',
    observedAtMs: null,
  })),
})

export type Bench = ReturnType<typeof createBench>

/** A log with these events, a warehouse and a store; `run` drives a fresh stage over what the store has not finished. */
export const createBench = () => {
  const log: MemoryLog = createMemoryLog({ clock: { nowMs: () => arrivalMs }, partitions: 1 })
  const store = createMemoryStageStore<StageState>({ group: 'device-stage', log })
  const warehouse = createFakeWarehouse(() => log.logId)
  const counts: Record<string, number> = {}
  const deps: DeviceStageDeps = {
    logId: log.logId,
    tenant: 'main',
    codec: eventCodec,
    digest: md5,
    encodeDeadLetter: deadLetterCodec.encode,
    encodeAlarm: alarmCodec.encode,
    encodeSignal: fleetCodec.encode,
    seenIdsMax: 1_000,
    counters: {
      outcome: (outcome) => (counts[outcome] = (counts[outcome] ?? 0) + 1),
      limitReached: (limit) => (counts[limit] = (counts[limit] ?? 0) + 1),
    },
    store,
    warehouse,
  }
  const appendFrames = (frames: readonly Uint8Array[]): void => {
    log.appendNow(
      'device-events',
      frames.map((value) => ({ partition: 0, key: deviceId, value })),
    )
  }
  const append = (...events: DeviceEvent[]): void => appendFrames(events.map((event) => Uint8Array.from(eventCodec.encode(event))))
  const batchFrom = async (from: number, to: number): Promise<LogBatch> => {
    const records: LogBatch['records'] = []
    for await (const record of log.read('device-events', 0, from, to + 1)) records.push(record)
    return { topic: 'device-events', partition: 0, firstOffset: from, lastOffset: to, records }
  }
  const run = async (batchRecords = Number.POSITIVE_INFINITY, changed: Partial<DeviceStageDeps> = {}): Promise<void> => {
    const stage = createDeviceStage({ ...deps, ...changed })
    const { next: end } = await log.bounds('device-events', 0)
    let { next, repeatTo } = await stage.startAt(0)
    while (next < end) {
      const to = repeatTo ?? Math.min(end, next + batchRecords) - 1
      await stage.processBatch(await batchFrom(next, to))
      next = to + 1
      repeatTo = null
    }
  }
  /** Events in, rows of a table out. */
  const rowsOf = (table: TableName): Row[] => warehouse.rows[table] ?? []
  return { log, store, warehouse, counts, deps, append, appendFrames, batchFrom, run, rowsOf }
}

/** Rows of the given columns, to compare what a test is about. */
export const only = (rows: readonly Row[], ...columns: string[]): Row[] =>
  rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]])))

export const withStore = (store: StageStore<StageState>, changed: Partial<StageStore<StageState>>): StageStore<StageState> => ({
  ...store,
  ...changed,
})
