/** Whole generated events and dead letters, for property tests. */
import fc from 'fast-check'
import type { Body, DeadLetter, DeviceEvent, EventSource, Subject } from '../../model/event.ts'
import { longMax, longMin } from './check-bytes.ts'

const text = fc.string({ unit: 'binary', maxLength: 90 })
const integer = fc.oneof(
  fc.maxSafeInteger().map((n) => Math.min(Math.max(n, longMin), longMax)),
  fc.integer({ min: -3, max: 200 }),
)
const int = fc.integer()
const double = fc.double({ noNaN: true, noDefaultInfinity: true })
const bytes = fc.uint8Array({ maxLength: 300 })
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const many = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 4 })
const kind = <K extends string>(name: K) => fc.constant(name)

const source: fc.Arbitrary<EventSource> = fc.record({
  origin: fc.constantFrom('mqtt', 'api', 'recorder'),
  topic: text,
  qos: int,
  dup: fc.boolean(),
  retain: fc.boolean(),
  storedCopy: fc.boolean(),
  clientId: text,
  sessionId: orNull(text),
  connection: int,
  packetId: orNull(int),
  redriveOf: orNull(text),
  actor: orNull(text),
})

const subject: fc.Arbitrary<Subject> = fc.record({ kind: fc.constantFrom('device', 'place', 'site', 'cell', 'fleet'), id: text })

const carrier = fc.record({
  role: orNull(fc.constantFrom('PCC' as const, 'SCC' as const, 'PSCC' as const)),
  rat: orNull(text),
  band: orNull(text),
  bandwidthMhz: orNull(double),
  earfcn: orNull(integer),
  pci: orNull(integer),
  rsrpDbm: orNull(double),
  rsrqDb: orNull(double),
  sinrDb: orNull(double),
  active: orNull(fc.boolean()),
})

const body: fc.Arbitrary<Body> = fc.oneof(
  fc.record({
    kind: kind('Measurements'),
    items: many(
      fc.record({
        metric: text,
        attributes: text,
        value: orNull(double),
        quality: fc.constantFrom('ok', 'missing', 'out_of_range'),
        observedAtMs: orNull(integer),
      }),
    ),
  }),
  fc.record({
    kind: kind('Radio'),
    rat: orNull(text),
    mode: orNull(text),
    plmn: orNull(text),
    tac: orNull(integer),
    cellId: orNull(integer),
    enbId: orNull(integer),
    pci: orNull(integer),
    band: orNull(text),
    earfcn: orNull(integer),
    rsrpDbm: orNull(double),
    rsrqDb: orNull(double),
    sinrDb: orNull(double),
    rssiDbm: orNull(double),
    cqi: orNull(double),
    carriers: many(carrier),
  }),
  fc.record({
    kind: kind('Counters'),
    items: many(fc.record({ metric: text, attributes: text, value: integer, widthBits: orNull(int), linkBitsPerSecond: orNull(double) })),
  }),
  fc.record({ kind: kind('Facts'), items: many(fc.record({ name: text, value: orNull(text), sealed: orNull(bytes) })) }),
  fc.record({
    kind: kind('LogLines'),
    source: text,
    items: many(
      fc.record({
        observedAtMs: orNull(integer),
        writtenAt: text,
        severity: orNull(int),
        facility: orNull(text),
        program: orNull(text),
        message: text,
        cut: fc.boolean(),
      }),
    ),
  }),
  fc.record({ kind: kind('Presence'), state: fc.constantFrom('online', 'offline'), sessionId: orNull(text), reason: orNull(text) }),
  fc.record({ kind: kind('Boot'), bootId: text, reason: orNull(text), uptimeBeforeSeconds: orNull(double), taskId: orNull(text) }),
  fc.record({ kind: kind('TaskEvent'), taskId: text, detail: text }),
  fc.record({
    kind: kind('InventoryChanged'),
    entity: fc.constantFrom('device', 'site', 'cell'),
    id: text,
    retired: fc.boolean(),
    fields: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      text,
      { maxKeys: 4, noNullPrototype: true },
    ),
  }),
  fc.record({ kind: kind('Quarantined'), reason: text, deadLetter: text }),
  fc.record({
    kind: kind('Tick'),
    instance: text,
    counter: integer,
    instanceStartedAtMs: integer,
    brokerConnected: fc.boolean(),
    lastMessageAtMs: orNull(integer),
  }),
  fc.record({
    kind: kind('AlarmCommand'),
    stream: text,
    name: text,
    expectedEpisode: integer,
    commandId: text,
    text: orNull(text),
    to: orNull(text),
    ticket: orNull(text),
    untilMs: orNull(integer),
    oneShot: fc.boolean(),
    force: fc.boolean(),
  }),
  fc.record({ kind: kind('RuleActivated'), version: text, ruleSet: fc.constant('{"rules":[],"overrides":[]}') }),
  fc.record({
    kind: kind('GroupVerdict'),
    situation: text,
    withdrawn: fc.boolean(),
    group: text,
    rule: text,
    cause: text,
    reason: text,
    alarmTypes: fc.array(text, { maxLength: 3 }),
  }),
  fc.record({
    kind: kind('MaintenanceWindow'),
    id: text,
    version: integer,
    changeId: text,
    selector: fc.constant('{"site":["a"]}'),
    fromMs: integer,
    toMs: integer,
    reason: text,
    withdrawn: fc.boolean(),
  }),
)

const eventId = fc.uint8Array({ minLength: 16, maxLength: 16 })

export const deviceEvent: fc.Arbitrary<DeviceEvent> = fc.record({
  eventId,
  tenant: text,
  subject,
  observedAtMs: orNull(integer),
  receivedAtMs: integer,
  bootId: orNull(text),
  seq: orNull(integer),
  uptimeSeconds: orNull(double),
  source,
  bodies: many(body),
  payload: fc.record({ encoding: fc.constantFrom('plain', 'sealed', 'none'), bytes }),
})

export const deadLetter: fc.Arbitrary<DeadLetter> = fc.record({
  eventId,
  tenant: text,
  receivedAtMs: integer,
  topic: text,
  topicShape: text,
  reason: text,
  detail: text,
  subject: orNull(subject),
  source,
  sealedPayload: bytes,
  payloadBytes: integer,
  cut: fc.boolean(),
})

/** Bytes as hex and no prototypes, so that two values compare by content alone. */
export const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value === 0 ? 0 : value // -0 compares as 0.
  return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, plain(own)]))
}
