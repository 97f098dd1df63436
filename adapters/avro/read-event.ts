/**
 * An event field by field, as `write-event.ts` writes it. By hand, since the device stage reads each message once and a
 * rebuild all of them: a quarter of what a check by schema and avsc's decoder cost one after the other. Throws on a frame
 * that is not as ours are; `frame-codec.ts` then takes the long way. A branch that is added there and not here is only slow.
 */
import type { Body, Carrier, CounterItem, DeviceEvent, EventSource, FactItem, LogLineItem, MeasurementItem } from '../../model/event.ts'
import { type AvroReader, NotOurs } from './avro-reader.ts'

const eventIdBytes = 16

/** `eventId` and the payload's bytes are views of the frame: copy what is kept long. */
export const readEvent = (from: AvroReader): DeviceEvent => ({
  eventId: from.fixed(eventIdBytes),
  tenant: from.word(),
  subject: { kind: from.symbol(subjectKinds), id: from.word() },
  observedAtMs: from.longOrNull(),
  receivedAtMs: from.long(),
  bootId: from.wordOrNull(),
  seq: from.longOrNull(),
  uptimeSeconds: from.doubleOrNull(),
  source: readSource(from),
  bodies: from.list(readBody),
  payload: { encoding: from.symbol(payloadEncodings), bytes: from.view() },
})

const subjectKinds = ['device', 'place', 'site', 'cell', 'fleet'] as const
const origins = ['mqtt', 'api', 'recorder'] as const
const qualities = ['ok', 'missing', 'out_of_range'] as const
const presenceStates = ['online', 'offline'] as const
const payloadEncodings = ['plain', 'sealed', 'none'] as const

const readSource = (from: AvroReader): EventSource => ({
  origin: from.symbol(origins),
  topic: from.word(),
  qos: from.int(),
  dup: from.boolean(),
  retain: from.boolean(),
  storedCopy: from.boolean(),
  clientId: from.word(),
  sessionId: from.wordOrNull(),
  connection: from.int(),
  packetId: from.intOrNull(),
  redriveOf: from.textOrNull(),
  actor: from.textOrNull(),
})

const readBody = (from: AvroReader): Body => {
  switch (from.long()) {
    case 0:
      return { kind: 'Measurements', items: from.list(readMeasurement) }
    case 1:
      return readRadio(from)
    case 2:
      return { kind: 'Counters', items: from.list(readCounter) }
    case 3:
      return { kind: 'Facts', items: from.list(readFact) }
    case 4:
      return { kind: 'LogLines', source: from.word(), items: from.list(readLogLine) }
    case 5:
      return { kind: 'Presence', state: from.symbol(presenceStates), sessionId: from.wordOrNull(), reason: from.wordOrNull() }
    case 6:
      return {
        kind: 'Boot',
        bootId: from.word(),
        reason: from.wordOrNull(),
        uptimeBeforeSeconds: from.doubleOrNull(),
        taskId: from.textOrNull(),
      }
    case 7:
      return { kind: 'TaskEvent', taskId: from.text(), detail: from.text() }
    case 9:
      return { kind: 'Quarantined', reason: from.word(), deadLetter: from.text() }
    case 10:
      return {
        kind: 'Tick',
        instance: from.word(),
        counter: from.long(),
        instanceStartedAtMs: from.long(),
        brokerConnected: from.boolean(),
        lastMessageAtMs: from.longOrNull(),
      }
    default: // InventoryChanged holds a map; it, and what the recorder itself writes (AlarmCommand to MaintenanceWindow), come rarely.
      throw new NotOurs('a body that is read often')
  }
}

const readMeasurement = (from: AvroReader): MeasurementItem => ({
  metric: from.word(),
  attributes: from.word(),
  value: from.doubleOrNull(),
  quality: from.symbol(qualities),
  observedAtMs: from.longOrNull(),
})

const readCounter = (from: AvroReader): CounterItem => ({
  metric: from.word(),
  attributes: from.word(),
  value: from.long(),
  widthBits: from.intOrNull(),
  linkBitsPerSecond: from.doubleOrNull(),
})

/** Facts stay in the stage's state for long: what is sealed in them is copied. */
const readFact = (from: AvroReader): FactItem => ({
  name: from.word(),
  value: from.wordOrNull(),
  sealed: from.branch() ? Buffer.from(from.view()) : null,
})

const readLogLine = (from: AvroReader): LogLineItem => ({
  observedAtMs: from.longOrNull(),
  writtenAt: from.text(),
  severity: from.intOrNull(),
  facility: from.wordOrNull(),
  program: from.wordOrNull(),
  message: from.text(),
  cut: from.boolean(),
})

const readRadio = (from: AvroReader): Body => ({
  kind: 'Radio',
  rat: from.wordOrNull(),
  mode: from.wordOrNull(),
  plmn: from.wordOrNull(),
  tac: from.longOrNull(),
  cellId: from.longOrNull(),
  enbId: from.longOrNull(),
  pci: from.longOrNull(),
  band: from.wordOrNull(),
  earfcn: from.longOrNull(),
  rsrpDbm: from.doubleOrNull(),
  rsrqDb: from.doubleOrNull(),
  sinrDb: from.doubleOrNull(),
  rssiDbm: from.doubleOrNull(),
  cqi: from.doubleOrNull(),
  carriers: from.list(readCarrier),
})

const readCarrier = (from: AvroReader): Carrier => ({
  role: from.wordOrNull() as Carrier['role'],
  rat: from.wordOrNull(),
  band: from.wordOrNull(),
  bandwidthMhz: from.doubleOrNull(),
  earfcn: from.longOrNull(),
  pci: from.longOrNull(),
  rsrpDbm: from.doubleOrNull(),
  rsrqDb: from.doubleOrNull(),
  sinrDb: from.doubleOrNull(),
  active: from.branch() ? from.boolean() : null,
})
