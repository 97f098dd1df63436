/**
 * One MQTT message -> one durable event, or one durable dead letter. The promise gates the acknowledgement.
 * Before: `adapters/mqtt`.  After: `adapters/*` log, then `processors/device-stage.ts`.
 *
 * Resolves only when the log has synced what the message became; then the PUBACK may go out. Rejects when the log refuses
 * (disk full, closed): no PUBACK, the device sends again. Bad input never rejects: it becomes a dead letter, appended first
 * and acknowledged then, so that a device does not resend it for ever.
 */
import type { Body, DeadLetter, DeviceEvent, EventSource, FactItem, Subject } from '../model/event.ts'
import { partitionOf } from '../model/partition.ts'
import type { DeviceMessage, EventCodec, EventLog, Ids, LogRecord, SubjectKeys } from '../model/ports.ts'
import { isBatchTopic, splitBatch } from './domain/batch.ts'
import { type ParseContext, type ParsedMessage, type ParseOutcome, parseMessage, refuseUnread } from './domain/parse-message.ts'
import type { TopicMap } from './domain/topic-map.ts'
import { guessedShape } from './domain/topic-shape.ts'

export type AcceptDeps = {
  log: EventLog
  codec: EventCodec
  encodeDeadLetter: (letter: DeadLetter) => Uint8Array
  keys: SubjectKeys
  ids: Ids
  tenant: string
  topicMap: TopicMap
  /** Raw inflate, ended at `outputBytesMax`; null when the bytes are no deflate stream or give more. */
  inflate: (bytes: Uint8Array, outputBytesMax: number) => Uint8Array | null
  counters: AcceptCounters
}

/** Counted for `/metrics`; each message is counted in exactly one of them. */
export type AcceptCounters = { accepted: () => void; deadLettered: (reason: string) => void; ignored: () => void }

/** A message's context that its parts share: a batch holds several messages. */
type Incoming = {
  topic: string
  payload: Uint8Array
  payloadBytes: number
  cut: boolean
  receivedAtMs: number
  source: EventSource
  takeovers: number
}

export const createAccept = (deps: AcceptDeps) => {
  const pseudonym = (clear: string): string => deps.keys.pseudonym(clear)

  const accept = (message: DeviceMessage): Promise<void> => {
    if (message.retain && message.payload.byteLength === 0) {
      deps.counters.ignored() // MQTT's way to delete a retained message [MQTT-3.3.1-10]: it says nothing of the device.
      return Promise.resolve()
    }
    const incoming = toIncoming(message)
    const context = { topicMap: deps.topicMap, receivedAtMs: message.receivedAtMs, pseudonym }
    if (message.cutFromBytes !== null) return quarantine(deps, incoming, tooLarge(message, message.cutFromBytes, context))
    if (isBatchTopic(message.topic)) return acceptBatch(deps, incoming, context)
    return acceptOne(deps, incoming, parseMessage(message.topic, message.payload, context))
  }

  /** Not async: the usual message costs two promises on its way here, and all in flight outlive the young generation. */
  return (message: DeviceMessage): Promise<void> => {
    try {
      return accept(message)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }
}

const tooLarge = (message: DeviceMessage, bytes: number, context: ParseContext): Refusal =>
  refuseUnread(
    message.topic,
    'PAYLOAD_TOO_LARGE',
    `expected a payload within the limit of its topic, got ${bytes} bytes; the first ${message.payload.byteLength} are kept`,
    context,
  )

/** One outcome to the log. */
export const acceptOne = (deps: AcceptDeps, incoming: Incoming, outcome: ParseOutcome): Promise<void> => {
  switch (outcome.kind) {
    case 'ignored':
      deps.counters.ignored()
      return Promise.resolve()
    case 'refused':
      return quarantine(deps, incoming, outcome)
    case 'message':
      return outcome.message.personal
        ? appendSealed(deps, incoming, outcome.message)
        : append(deps, incoming, toEvent(deps, incoming, outcome.message, [], null))
  }
}

/** `.../batch/deflate`: several messages in one packet, kept as one event each. All are durable before the one PUBACK. */
const acceptBatch = async (deps: AcceptDeps, incoming: Incoming, context: ParseContext): Promise<void> => {
  const inflated = deps.inflate(incoming.payload, batchBytesMax)
  if (inflated === null) {
    const detail = `expected raw deflate of 1 to ${batchBytesMax} bytes, got ${incoming.payload.byteLength} bytes that are not`
    return quarantine(deps, incoming, refuseUnread(incoming.topic, 'BATCH_INVALID', detail, context))
  }
  const split = splitBatch(incoming.topic, inflated)
  if (!split.ok) return quarantine(deps, incoming, refuseUnread(incoming.topic, 'BATCH_INVALID', split.reason, context))
  const records = await Promise.all(
    split.value.map(({ topic, payload }, at) => {
      const takeovers = at === 0 ? incoming.takeovers : 0
      const part = { ...incoming, takeovers, topic, payload, payloadBytes: payload.byteLength, source: { ...incoming.source, topic } }
      return acceptPart(deps, part, parseMessage(topic, payload, context))
    }),
  )
  // In one append, so that a log that refuses in between leaves no half of a batch to come twice.
  const kept = records.filter((record) => record !== null)
  await deps.log.append('device-events', kept)
  for (const _ of kept) deps.counters.accepted()
}

/** A part's record; null when it was ignored or is a dead letter by now. */
const acceptPart = async (deps: AcceptDeps, part: Incoming, outcome: ParseOutcome): Promise<LogRecord | null> => {
  if (outcome.kind !== 'message') {
    await acceptOne(deps, part, outcome)
    return null
  }
  const event = outcome.message.personal ? await sealedEvent(deps, part, outcome.message) : toEvent(deps, part, outcome.message, [], null)
  return recordOf(deps, part, event)
}

/** What one packet may inflate to; a deflate bomb ends here (security: row 11). */
export const batchBytesMax = 1024 * 1024

const toIncoming = (message: DeviceMessage): Incoming => ({
  topic: message.topic,
  payload: message.payload,
  payloadBytes: message.cutFromBytes ?? message.payload.byteLength,
  cut: message.cutFromBytes !== null,
  receivedAtMs: message.receivedAtMs,
  takeovers: message.takeovers ?? 0,
  source: {
    origin: 'mqtt',
    topic: message.topic,
    qos: message.qos,
    dup: message.dup,
    retain: message.retain,
    storedCopy: message.storedCopy,
    clientId: message.clientId,
    sessionId: message.sessionId,
    connection: message.connection,
    packetId: message.packetId,
    redriveOf: null,
    actor: null,
  },
})

const append = (deps: AcceptDeps, incoming: Incoming, event: DeviceEvent): Promise<void> => {
  const value = encoded(deps, event)
  if (typeof value === 'string') return quarantine(deps, incoming, unfit(event, value))
  return deps.log.append('device-events', [toRecord(deps, event, value)]).then(deps.counters.accepted)
}

const recordOf = async (deps: AcceptDeps, incoming: Incoming, event: DeviceEvent): Promise<LogRecord | null> => {
  const value = encoded(deps, event)
  if (typeof value !== 'string') return toRecord(deps, event, value)
  await quarantine(deps, incoming, unfit(event, value))
  return null
}

const toRecord = (deps: AcceptDeps, { subject: { id } }: DeviceEvent, value: Uint8Array): LogRecord => ({
  partition: partitionOf(id, deps.log.partitionCount('device-events')),
  key: id,
  value,
})

/** A value that the schema cannot carry (a PCI of 12.5) is the sender's fault: a dead letter, or the device would send it for ever. */
const encoded = (deps: AcceptDeps, event: DeviceEvent): Uint8Array | string => {
  try {
    return deps.codec.encode(event)
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

const unfit = ({ subject, source }: DeviceEvent, detail: string): Refusal => ({
  kind: 'refused',
  reason: 'FIELD_INVALID',
  detail,
  subject,
  storedTopic: source.topic,
  topicShape: guessedShape(source.topic),
})

const appendSealed = async (deps: AcceptDeps, incoming: Incoming, message: ParsedMessage): Promise<void> =>
  append(deps, incoming, await sealedEvent(deps, incoming, message))

const sealedEvent = async (deps: AcceptDeps, incoming: Incoming, message: ParsedMessage): Promise<DeviceEvent> => {
  const owner = message.subject.id
  const [payload, ...sealed] = await Promise.all([
    deps.keys.seal(owner, incoming.payload),
    ...message.personalFacts.map((fact) => deps.keys.seal(owner, encoder.encode(fact.value))),
  ])
  const facts = message.personalFacts.map(
    (fact, index): FactItem => ({ name: fact.name, value: fact.masked, sealed: sealed[index] ?? null }),
  )
  return toEvent(deps, incoming, message, facts, payload)
}

const encoder = new TextEncoder()

const toEvent = (
  deps: AcceptDeps,
  incoming: Incoming,
  message: ParsedMessage,
  personal: FactItem[],
  sealed: Uint8Array | null,
): DeviceEvent => ({
  eventId: deps.ids.eventId(),
  tenant: deps.tenant,
  subject: message.subject,
  observedAtMs: message.observedAtMs,
  receivedAtMs: incoming.receivedAtMs,
  bootId: message.bootId,
  seq: message.seq,
  uptimeSeconds: message.uptimeSeconds,
  source: incoming.source.topic === message.storedTopic ? incoming.source : { ...incoming.source, topic: message.storedTopic },
  bodies: withFacts(message.bodies, [...personal, ...takeoverFacts(incoming)]),
  payload: sealed === null ? { encoding: 'plain', bytes: incoming.payload } : { encoding: 'sealed', bytes: sealed },
})

const withFacts = (bodies: Body[], items: FactItem[]): Body[] => (items.length === 0 ? bodies : [...bodies, { kind: 'Facts', items }])

/** A reading of ours about the device, beside what it says itself (rule sec.identity-conflict). */
const takeoverFacts = ({ takeovers }: Incoming): FactItem[] =>
  takeovers === 0 ? [] : [{ name: 'mqtt.session.takeovers', value: String(takeovers), sealed: null }]

type Refusal = Extract<ParseOutcome, { kind: 'refused' }>

/** The dead letter first, then a Quarantined body in the subject's partition, so that the ledger counts it once. */
const quarantine = async (deps: AcceptDeps, incoming: Incoming, refusal: Refusal): Promise<void> => {
  const letter: DeadLetter = {
    eventId: deps.ids.eventId(),
    tenant: deps.tenant,
    receivedAtMs: incoming.receivedAtMs,
    topic: refusal.storedTopic,
    topicShape: refusal.topicShape,
    reason: refusal.reason,
    detail: refusal.detail,
    subject: refusal.subject,
    source: { ...incoming.source, topic: refusal.storedTopic },
    sealedPayload: await deps.keys.seal(deadLetterKeyOf(incoming.receivedAtMs), incoming.payload),
    payloadBytes: incoming.payloadBytes,
    cut: incoming.cut,
  }
  const offsets = await deps.log.append('dead-letters', [{ partition: 0, key: letter.topicShape, value: deps.encodeDeadLetter(letter) }])
  deps.counters.deadLettered(refusal.reason)
  if (refusal.subject !== null)
    await deps.log.append('device-events', [quarantinedRecord(deps, incoming, refusal, refusal.subject, `0:${offsets[0] ?? 0}`)])
}

/** Payloads that cannot be parsed may hold anything; one key a day, deleted when their retention ends (`dead-letter-keys.ts`). */
export const deadLetterKeyOf = (receivedAtMs: number): string => `dead-letters:${new Date(receivedAtMs).toISOString().slice(0, 10)}`

const quarantinedRecord = (deps: AcceptDeps, incoming: Incoming, refusal: Refusal, subject: Subject, deadLetter: string): LogRecord => {
  const event: DeviceEvent = {
    eventId: deps.ids.eventId(),
    tenant: deps.tenant,
    subject,
    observedAtMs: null,
    receivedAtMs: incoming.receivedAtMs,
    bootId: null,
    seq: null,
    uptimeSeconds: null,
    source: { ...incoming.source, topic: refusal.storedTopic },
    bodies: [{ kind: 'Quarantined', reason: refusal.reason, deadLetter }],
    payload: { encoding: 'none', bytes: new Uint8Array(0) },
  }
  return { partition: partitionOf(subject.id, deps.log.partitionCount('device-events')), key: subject.id, value: deps.codec.encode(event) }
}
