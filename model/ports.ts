/**
 * The ports: everything the services need of the outside world. Each has one behaviour suite (`adapters/*.contract.ts`)
 * that every adapter passes. Promises here are what the suites test; where a guarantee is weaker, the adapter says so.
 */
import type { logTopics } from '../schemas/topics.ts'
import type { DeviceEvent } from './event.ts'
import type { OutsideBroker } from './front-door.ts'

// ---------------------------------------------------------------------------------------------------------- event log

/** The log's topics (design: topics in `schemas/topics.ts`). A topic has a fixed number of partitions for its life. */
export type LogTopic = keyof typeof logTopics

/** One record to append. `partition` is computed by us (`partitionOf(key, count)`), never left to a client. */
export type LogRecord = { partition: number; key: string; value: Uint8Array }

/** One record as stored. `offset` counts from 0 per topic and partition and never repeats within one `logId`. */
export type StoredRecord = { offset: number; appendedAtMs: number; key: string; value: Uint8Array }

/** Records `firstOffset..lastOffset` (both included) of one partition, in offset order, without holes. */
export type LogBatch = {
  topic: LogTopic
  partition: number
  firstOffset: number
  lastOffset: number
  records: StoredRecord[]
}

/**
 * Where to start: `next` is the next offset to read. With `repeatTo`, one batch is exactly `repeatFrom..repeatTo`: the first
 * one, unless `repeatFrom` lies ahead of `next` (a state that is older than the pending range). `repeatHeld`: `held` of that range.
 */
export type StartPosition = { next: number; repeatTo: number | null; repeatFrom?: number; repeatHeld?: readonly string[] }

export type ConsumeOptions = {
  /** Name of the consumer group; also the label of its metrics. */
  group: string
  topics: readonly LogTopic[]
  /** Asked once per partition on assignment; the `StageStore` answers (it alone owns progress). */
  startAt: (topic: LogTopic, partition: number) => Promise<StartPosition>
  /** Called with one batch in flight per partition. A rejection makes the same batch come again after a back-off. */
  onBatch: (batch: LogBatch) => Promise<void>
  /** A batch is cut at this many records ... */
  batchRecordsMax: number
  /** ... or this many bytes (one larger record still comes alone) ... */
  batchBytesMax: number
  /** ... or when its first record has waited this long. */
  batchAfterMs: number
  /** Told of each failed batch (for logs and metrics); the consumer itself retries for ever, with jittered back-off up to 5 s. */
  onError: (error: Error, where: { topic: LogTopic; partition: number }) => void
}

export type LogConsumer = {
  /** Highest count of records that lie ahead over all partitions; for metrics and `/readyz`. */
  lagRecords: () => number
  /** Partitions of the topic that are given to this consumer now; left out: all of them, always. */
  partitions?: (topic: LogTopic) => readonly number[]
  /** Since when a partition of ours has not started, or none is given for want of a membership; null: all are read. Left out: always. */
  waitingSinceMs?: () => number | null
  /** Waits for the batches in flight, then stops. A second call is harmless. */
  stop: () => Promise<void>
}

export type EventLog = {
  /** Random, made with the log; part of every token, mark and reference, so that a new log is never taken for the old. */
  readonly logId: string
  partitionCount: (topic: LogTopic) => number
  /**
   * Resolves when all records are durable (synced, or acks=all), with their offsets in the order given. Within one
   * partition, records of an earlier call get lower offsets than those of a later call. All of one call or nothing
   * (LMDB); rejects with `LOG_DISK_FULL` (retryable) below the low-water mark, `LOG_CLOSED` after `close`.
   */
  append: (topic: LogTopic, records: readonly LogRecord[]) => Promise<number[]>
  consume: (options: ConsumeOptions) => Promise<LogConsumer>
  /** Records `from` (included) to `to` (excluded); starts at the first retained offset when `from` is older. */
  read: (topic: LogTopic, partition: number, from: number, to: number) => AsyncIterable<StoredRecord>
  /** `first`: oldest retained offset; `next`: the offset that the next append will get. */
  bounds: (topic: LogTopic, partition: number) => Promise<{ first: number; next: number }>
  close: () => Promise<void>
}

// -------------------------------------------------------------------------------------------------------- stage store

export type StageRange = {
  topic: LogTopic
  partition: number
  from: number
  to: number
  /** Tables whose rows of this range the warehouse had before the range began: a repetition writes them no more than the first try. */
  held?: readonly string[]
}

/** What `finish` saves, all of it or nothing. */
export type StageResult<S> = {
  range: StageRange
  /** Changed states by key; `null` removes. */
  states: ReadonlyMap<string, S | null>
  /** Append-only side data of the partition (the identity window): one value per batch, dropped by age. */
  segments: { name: string; put: { atMs: number; bytes: Uint8Array } | null; dropBeforeMs: number }[]
  /** For each table that got rows of this range: its name. The store keeps the last such `to` per table (sink marks are compared with it). */
  tables: readonly string[]
  /** Records for other topics of the log. With LMDB in the same transaction. */
  outputs: readonly { topic: LogTopic; records: readonly LogRecord[] }[]
}

/**
 * Progress and state of one stage. `S` is structured-cloneable plain data (numbers, strings, null, arrays, plain
 * objects, Uint8Array): no class instances, no Map.
 */
export type StageStore<S> = {
  resume: (topic: LogTopic, partition: number) => Promise<StartPosition & { lastRowOffsets: Record<string, number> }>
  /** A fresh copy each time: the caller may change it, nothing is kept unless `finish` gets it. Synchronous: hot path. */
  get: (topic: LogTopic, partition: number, key: string) => S | undefined
  segments: (topic: LogTopic, partition: number, name: string) => { atMs: number; bytes: Uint8Array }[]
  /** Notes durably that rows of this range are about to be written. Repeats safely with the same range. */
  begin: (range: StageRange) => Promise<void>
  /** State, segments, outputs and the offset `range.to + 1`, in one step; the pending note is gone after it. */
  finish: (result: StageResult<S>) => Promise<void>
  /** State alone, all of it or nothing, without progress: what came about by no record (an answer from outside, time). */
  put: (topic: LogTopic, partition: number, states: ReadonlyMap<string, S | null>) => Promise<void>
}

// ---------------------------------------------------------------------------------------------------------- warehouse

export type Row = Readonly<Record<string, unknown>>

export type Warehouse = {
  /**
   * Inserts the rows as one block, exactly once per `dedupToken` (and so do the views behind the table). Rejections are
   * "unknown outcome": repeat with the same rows, order and token. Column order and types come from `schemas/tables.ts`;
   * times are epoch milliseconds (number), bytes are Uint8Array.
   */
  insert: (table: string, rows: readonly Row[], options: { dedupToken: string }) => Promise<void>
  /** All rows of the answer. Parameters are `{name:Type}` in the text; values are escaped by the client. DateTime64 comes back as text in UTC. */
  query: <T>(sql: string, params?: Record<string, unknown>) => Promise<T[]>
  /** DDL and the like. */
  command: (sql: string) => Promise<void>
  /** True when a trivial query answers within 2 s. */
  ping: () => Promise<boolean>
  close: () => Promise<void>
}

// -------------------------------------------------------------------------------------------------------- device link

/** One MQTT PUBLISH as it came. */
export type DeviceMessage = {
  topic: string
  payload: Uint8Array
  /** Set when the broker read and threw away the rest: `payload` is then the first 4 KiB, this the whole length. */
  cutFromBytes: number | null
  qos: 0 | 1 | 2
  dup: boolean
  /** The RETAIN flag of a fresh publish (embedded broker). */
  retain: boolean
  /** A stored (retained) copy that an outside broker sent on subscribe: never a sample, only fills older presence and facts. */
  storedCopy: boolean
  packetId: number | null
  clientId: string
  /** Id of the persistent session (clean=false) in which it came; null in a clean session. */
  sessionId: string | null
  /** Counts the connections of that session from 1; 0 in a clean session. */
  connection: number
  receivedAtMs: number
  /**
   * How often in a row its client id was taken from a living connection by the next one. Set on the first message after each
   * such turn, and only by a broker of our own: an outside one does not tell.
   */
  takeovers?: number
}

export type DeviceLink = {
  /** The promise gates the acknowledgement: resolved = PUBACK/PUBREC may go out; rejected = no acknowledgement, connection closed. */
  onMessage: (handler: (message: DeviceMessage) => Promise<void>) => void
  send: (topic: string, payload: Uint8Array, qos: 0 | 1) => Promise<void>
  /** For the Tick: whether devices can reach us now, and when the last message came. */
  /** `waitsFor`: why it is not connected, for operators; not given when there is nothing more to say. */
  /** `outside`: of a bridge, the broker that brings its devices. */
  health: () => {
    connected: boolean
    waitsFor?: string
    lastMessageAtMs: number | null
    connections: number
    outside?: OutsideBroker
  }
  stop: () => Promise<void>
}

// ------------------------------------------------------------------------------------------------- keys, clock, codec

/** Keys of subjects. A key is durable before `seal` resolves. Sealed bytes: AES-256-GCM, self-describing, key id inside. */
export type SubjectKeys = {
  seal: (subject: string, plain: Uint8Array) => Promise<Uint8Array>
  /** Null when the key was erased or never was. Rejects on bytes that were tampered with. */
  open: (subject: string, sealed: Uint8Array) => Promise<Uint8Array | null>
  /** Keyed HMAC of a text, 32 hex digits; the same for the life of the installation. For household place ids. */
  pseudonym: (text: string) => string
  /** Deletes the subject's key; true when there was one. Sealing for that subject later makes a new key. */
  erase: (subject: string) => Promise<boolean>
}

export type Clock = { nowMs: () => number }
/** 16 random bytes per call. */
export type Ids = { eventId: () => Uint8Array }
/** MD5 of the parts joined by NUL, as 16 bytes: an identity, not a secret. */
export type Digest = (...parts: (string | Uint8Array)[]) => Uint8Array

/** Confluent frame: byte 0, schema id as int32 big-endian, Avro body. Never throws on bytes from outside. */
export type EventCodec = {
  encode: (event: DeviceEvent) => Uint8Array
  decode: (frame: Uint8Array) => { ok: true; event: DeviceEvent } | { ok: false; reason: string }
}
