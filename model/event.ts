/**
 * One durable event: what one MQTT message (or one import line, tick, re-drive) said. Made by `ingest/accept.ts`, carried
 * as Avro (`schemas/avro/device-event.avsc`, same names), read by the device stage. Plain data, no classes.
 */

export type SubjectKind = 'device' | 'place' | 'site' | 'cell' | 'fleet'

/**
 * Who an event is about. Device: canonical MAC `00-11-22-33-44-55`. Place: the topic's levels above the quantity,
 * `world/asia/taiwan/taipei/neihu`; a household is `<country>/<region>/<town>/~<pseudonym>`. Fleet: id `all` (ticks).
 */
export type Subject = { kind: SubjectKind; id: string }

export type EventSource = {
  origin: 'mqtt' | 'api' | 'recorder'
  /** MQTT topic with household levels replaced by the place id; empty unless origin is `mqtt`. */
  topic: string
  qos: number
  dup: boolean
  retain: boolean
  storedCopy: boolean
  clientId: string
  sessionId: string | null
  connection: number
  packetId: number | null
  /**
   * `partition:offset` of the dead letter this event was re-driven from; with `:uncounted` behind it when no Quarantined body
   * had counted that letter for this subject (the topic could not be mapped then).
   */
  redriveOf: string | null
  /** Who did it, for origin `api`. */
  actor: string | null
}

/** `missing`: the device said that it has no reading (value null). `out_of_range`: outside the physical range (value null). */
export type Quality = 'ok' | 'missing' | 'out_of_range'

export type MeasurementItem = {
  /** Name from `model/measurement-catalogue.ts`, or `<category>.<path>` for unknown ones. */
  metric: string
  /** Canonical attributes: '' or a JSON object text with sorted keys, `{"cpu.mode":"user"}`. */
  attributes: string
  value: number | null
  quality: Quality
  /** Own time of this item where it has one (SenML, arrays); else null: the event's time. */
  observedAtMs: number | null
}

export type CounterItem = {
  metric: string
  attributes: string
  /** Cumulative, 0..2^53. */
  value: number
  /** Width in bits where known (32 or 64); null lets the projection judge. */
  widthBits: number | null
  /** Link speed where told, for the wrap rule. */
  linkBitsPerSecond: number | null
}

export type Carrier = {
  role: 'PCC' | 'SCC' | 'PSCC' | null
  rat: string | null
  band: string | null
  bandwidthMhz: number | null
  earfcn: number | null
  pci: number | null
  rsrpDbm: number | null
  rsrqDb: number | null
  sinrDb: number | null
  active: boolean | null
}

export type RadioBody = {
  kind: 'Radio'
  /** 'LTE', 'NR', 'UMTS', 'GSM' (EN-DC: 'LTE' with an NR carrier, or 'NR' when the device only says 5G); null unknown. */
  rat: string | null
  /** As the device wrote it: 'LTE', '5G', 'HSPA+', 'NSA'. */
  mode: string | null
  /** Digits as text, leading zeros kept: '00101'. */
  plmn: string | null
  tac: number | null
  /** LTE ECI (28 bit) or NR NCI (36 bit). */
  cellId: number | null
  /** ECI >> 8; null for NR and unknown. */
  enbId: number | null
  pci: number | null
  band: string | null
  earfcn: number | null
  /** On 3G rows this is the level that the device sends in the same field (RSCP). */
  rsrpDbm: number | null
  rsrqDb: number | null
  sinrDb: number | null
  rssiDbm: number | null
  cqi: number | null
  carriers: Carrier[]
}

export type FactItem = {
  /** `firmware.version`, `device.model`, `network.wwan0.address`, `modem.imei`, ... */
  name: string
  /** Null: the device said that there is none. Personal identifiers: the masked form. */
  value: string | null
  /** Personal identifiers: the clear text sealed with the subject's key; else null. */
  sealed: Uint8Array | null
}

export type LogLineItem = {
  /** Time as written, when it can be placed (syslog with zone or epoch); null: the event's time. */
  observedAtMs: number | null
  /** The stamp exactly as written, '' when none. */
  writtenAt: string
  /** 0 emergency .. 7 debug (RFC 5424); null when neither written nor recognised. */
  severity: number | null
  facility: string | null
  program: string | null
  message: string
  /** The line was longer than the limit and is cut. */
  cut: boolean
}

export type PresenceBody = {
  kind: 'Presence'
  state: 'online' | 'offline'
  sessionId: string | null
  reason: string | null
}

export type BootBody = {
  kind: 'Boot'
  bootId: string
  /** power, watchdog, panic, commanded, fota, unknown, or the device's own word. */
  reason: string | null
  uptimeBeforeSeconds: number | null
  taskId: string | null
}

export type MeasurementsBody = { kind: 'Measurements'; items: MeasurementItem[] }
export type CountersBody = { kind: 'Counters'; items: CounterItem[] }
export type FactsBody = { kind: 'Facts'; items: FactItem[] }
export type LogLinesBody = { kind: 'LogLines'; source: string; items: LogLineItem[] }
/** From `tasks/<taskId>/event`; `detail` is the JSON text as it came. */
export type TaskEventBody = { kind: 'TaskEvent'; taskId: string; detail: string }
/** One inventory entry as it now is. Fields are the import's columns; an empty one is absent. */
export type InventoryChangedBody = {
  kind: 'InventoryChanged'
  entity: 'device' | 'site' | 'cell'
  id: string
  retired: boolean
  fields: Record<string, string>
}
/** Stands in the subject's partition for a message that became a dead letter, so that the ledger counts it once. */
export type QuarantinedBody = { kind: 'Quarantined'; reason: string; deadLetter: string }
/** Every 5 s to every partition, from each ingest instance. */
export type TickBody = {
  kind: 'Tick'
  instance: string
  counter: number
  instanceStartedAtMs: number
  brokerConnected: boolean
  lastMessageAtMs: number | null
}

/**
 * What a person asks of one alarm, in the partition of its device; who it is stands in `source.actor`. `name` is a kind of
 * `OperatorCommand` (`model/alarm.ts`); a field that it does not have is null or false.
 */
export type AlarmCommandBody = {
  kind: 'AlarmCommand'
  stream: string
  name: string
  /** The episode that the person saw: another one is refused. */
  expectedEpisode: number
  /** From the client; a repeat does nothing. */
  commandId: string
  /** Reason, or text of a comment. */
  text: string | null
  to: string | null
  ticket: string | null
  untilMs: number | null
  oneShot: boolean
  force: boolean
}

/**
 * From here on these rules hold, in this partition: a stage takes its rules from the log alone, so a replay judges by the rules
 * of its time. `ruleSet` is the JSON text of a `RuleSet` (`model/rule.ts`), which therefore only grows.
 */
export type RuleActivatedBody = { kind: 'RuleActivated'; version: string; ruleSet: string }

/**
 * What the fleet stage found about this device: it shares a fault with others, which one alarm of the group tells. Its own alarms
 * of `alarmTypes` become symptoms of `situation` and notify nobody; `withdrawn`: they stand for themselves again.
 */
export type GroupVerdictBody = {
  kind: 'GroupVerdict'
  /** Id of the group's alarm, `<stream>:<n>`. */
  situation: string
  withdrawn: boolean
  /** `group/cell/00101-1234`. */
  group: string
  /** Id of the group's rule. */
  rule: string
  /** Why the device is offline, one of `offlineCauses` (`model/fleet-signal.ts`); '' where the verdict says nothing of that. */
  cause: string
  /** In words. */
  reason: string
  alarmTypes: string[]
}

/**
 * Between the two times alarms of the devices that fit tell nobody. Broadcast to every partition; who asked for it stands in
 * `source.actor`. Each change is a further record: `model/maintenance.ts` says which holds.
 */
export type MaintenanceWindowBody = {
  kind: 'MaintenanceWindow'
  id: string
  /** 1, and one more with each change. */
  version: number
  /** Random: tells two changes apart that were made at once. */
  changeId: string
  /** JSON text of those fields of a `Selector` (`model/rule.ts`) that were given. */
  selector: string
  fromMs: number
  /** Excluded. */
  toMs: number
  reason: string
  /** It holds no more, from this record on. */
  withdrawn: boolean
}

export type Body =
  | MeasurementsBody
  | RadioBody
  | CountersBody
  | FactsBody
  | LogLinesBody
  | PresenceBody
  | BootBody
  | TaskEventBody
  | InventoryChangedBody
  | QuarantinedBody
  | TickBody
  | AlarmCommandBody
  | RuleActivatedBody
  | GroupVerdictBody
  | MaintenanceWindowBody

/** `sealed`: encrypted with the subject's key because the payload carries personal identifiers. `none`: not from a message. */
export type Payload = { encoding: 'plain' | 'sealed' | 'none'; bytes: Uint8Array }

export type DeviceEvent = {
  /** Random, 16 bytes; reused only by our own append retry. */
  eventId: Uint8Array
  tenant: string
  subject: Subject
  /** The device's claim; null when it made none. */
  observedAtMs: number | null
  receivedAtMs: number
  bootId: string | null
  /** Per device and boot, over all its topics. */
  seq: number | null
  uptimeSeconds: number | null
  source: EventSource
  bodies: Body[]
  payload: Payload
}

/** A message that could not become an event. Avro `dead-letter.avsc`, topic and table `dead-letters`. */
export type DeadLetter = {
  eventId: Uint8Array
  tenant: string
  receivedAtMs: number
  /** As it came, invalid UTF-8 as U+FFFD; household levels replaced like in events. */
  topic: string
  /** The topic with identities replaced by `+`: messages of one cause share it. */
  topicShape: string
  /** Stable code of `ingest/domain/reasons.ts`, e.g. `JSON_DUPLICATE_KEY`. */
  reason: string
  /** Says what was expected and what came. */
  detail: string
  subject: Subject | null
  source: EventSource
  /** Sealed under the dead letters' key of that day (`dead-letters:YYYY-MM-DD`). */
  sealedPayload: Uint8Array
  payloadBytes: number
  /** Only the first 4 KiB were kept: never re-driven. */
  cut: boolean
}
