/** Alarms for tests of the API: two devices, five episodes, what happened to them, and the rules that they were judged by. */
import { createEventCodec } from '../../adapters/avro/event-codec.ts'
import type { Evidence } from '../../model/alarm.ts'
import type { Row } from '../../model/ports.ts'
import type { AlarmCommandRequest } from '../../query-api/deps.ts'
import { fakeDevice, fakeSite } from './inventory-rows.ts'
import { milderForOneModel, panicRule, rulesMessage, weakRule } from './rule-world.ts'
import { startApiForTest, type TestApi } from './start-api.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** 03:15 of yesterday: rows leave the tables by age, counted from the engine's own clock. */
export const raisedMs = Math.floor(Date.now() / dayMs) * dayMs - dayMs + 3 * hourMs + 15 * minuteMs
export const nowMs = raisedMs + 45 * minuteMs
export const at = (minutes: number): number => raisedMs + minutes * minuteMs
export const iso = (minutes: number): string => new Date(at(minutes)).toISOString()
export const day = iso(0).slice(0, 10)

export const router = '00-11-22-33-44-55'
export const other = '00-11-22-33-44-66'
export const weak = 'alarm-default-000000000000000a'
export const offline = 'alarm-default-000000000000000b'
export const retractedStream = 'alarm-default-000000000000000c'

export const evidence: Evidence = {
  topic: 'device-events',
  partition: 3,
  firstOffset: 100,
  lastOffset: 130,
  values: [
    { name: 'cellular.rsrp median', value: -118, unit: 'dBm', observedAtMs: raisedMs },
    { name: 'cellular.rsrp readings', value: 15, unit: '', observedAtMs: raisedMs },
  ],
  raiseLevel: -115,
  clearLevel: -110,
}

export const episode = (more: Row): Row => ({
  tenant: 'default',
  subject: router,
  stream: weak,
  episode: 1,
  found_late: 0,
  stream_version: 1,
  resource: `dwr/311-a1/${router}`,
  type: 'radio.rsrp-poor',
  qualifier: '',
  raised_at: raisedMs,
  detected_at: raisedMs + 10_000,
  cleared_at: null,
  severity: 'warning',
  severity_max: 'warning',
  first_raised_at: raisedMs,
  first_cleared_at: null,
  first_severity: 'warning',
  retracted: 0,
  amendments: 0,
  amended_reason: '',
  condition: 'active',
  clear_cause: '',
  operator: 'none',
  operator_actor: '',
  acknowledged_at: null,
  closed_reason: '',
  assignee: '',
  ticket: '',
  comments: 0,
  shelf: 'none',
  shelved_until: null,
  suppressed_by: [],
  flapping: 0,
  situation: '',
  situation_role: '',
  unknown_ms: 0,
  occurrences: 1,
  escalations: 0,
  rule_version: 1,
  evidence: JSON.stringify(evidence),
  purged: 0,
  updated_at: raisedMs + 10_000,
  received_at: raisedMs + 10_000,
  log_topic: 'device-events',
  log_id: 'log',
  partition: 3,
  offset: 130,
  ...more,
})

const cleared = { cleared_at: at(-300), first_cleared_at: at(-300), condition: 'normal', clear_cause: 'condition' }

const episodes: Row[] = [
  // An older row of the same episode: the newer one holds.
  episode({ episode: 2, stream_version: 4, severity: 'indeterminate' }),
  episode({
    episode: 2,
    stream_version: 5,
    severity: 'minor',
    severity_max: 'minor',
    first_severity: 'minor',
    comments: 1,
    assignee: 'ann',
    ticket: 'T-0',
    updated_at: at(31),
  }),
  episode({ raised_at: at(-400), detected_at: at(-399), first_raised_at: at(-400), ...cleared }),
  episode({
    subject: other,
    resource: `dwr/311-a1/${other}`,
    stream: offline,
    type: 'presence.offline',
    raised_at: at(10),
    detected_at: at(10),
    first_raised_at: at(10),
    severity: 'major',
    severity_max: 'major',
    first_severity: 'major',
    operator: 'ack',
    operator_actor: 'admin',
    acknowledged_at: at(12),
    suppressed_by: [`${weak}:2`],
    evidence: '',
  }),
  episode({
    episode: 1,
    found_late: 1,
    raised_at: at(-200),
    cleared_at: at(-170),
    first_raised_at: at(-200),
    first_cleared_at: at(-170),
    detected_at: at(-20),
    condition: 'normal',
    clear_cause: 'condition',
  }),
  episode({
    stream: retractedStream,
    retracted: 1,
    amendments: 1,
    ...cleared,
    raised_at: at(-400),
    first_raised_at: at(-400),
  }),
]

let version = 0
export const event = (kind: string, atMs: number, more: Row, detail: Record<string, unknown> = {}): Row => ({
  tenant: 'default',
  subject: router,
  stream: weak,
  stream_version: ++version,
  episode: 2,
  found_late: 0,
  kind,
  severity: 'warning',
  resource: `dwr/311-a1/${router}`,
  type: 'radio.rsrp-poor',
  qualifier: '',
  at: atMs,
  observed_at: atMs,
  received_at: atMs,
  actor: '',
  command_id: '',
  rule_version: 1,
  detail: JSON.stringify(detail),
  log_topic: 'device-events',
  log_id: 'log',
  partition: 3,
  offset: 130,
  ...more,
})

const events: Row[] = [
  event('AlarmRaised', at(-399), { episode: 1, observed_at: at(-400) }, { raisedAtMs: at(-400), evidence }),
  event('AlarmCleared', at(-299), { episode: 1, observed_at: at(-300) }, { clearedAtMs: at(-300), cause: 'condition' }),
  event('RaiseDelayStarted', at(-15), { episode: 1 }, { deadline: { eventMs: raisedMs, tickMs: raisedMs } }),
  event('AlarmRaised', raisedMs + 10_000, { observed_at: raisedMs }, { raisedAtMs: raisedMs, evidence, occurrences: 1, staleAt: null }),
  event('SeverityChanged', at(30), { severity: 'minor' }, { from: 'warning', evidence }),
  event('Commented', at(31), { actor: 'admin', severity: '' }, { text: 'looked at the antenna' }),
]

const message = (offset: number, minutes: number): Row => ({
  tenant: 'default',
  subject: router,
  observed_at: at(minutes),
  received_at: at(minutes),
  log_id: 'log',
  partition: 3,
  offset,
})
const snapshots = Array.from({ length: 30 }, (_, index) => message(101 + index, -30 + index))

const rows: Record<string, Row[]> = {
  alarm_episodes: episodes,
  alarm_events: events,
  devices: [fakeDevice(router, { name: 'Harbour router', site: 'harbour', class: 'business', received_at: at(-600) })],
  sites: [fakeSite('harbour', { name: 'Harbour', received_at: at(-600) })],
  radio: snapshots.map((snapshot) => ({
    ...snapshot,
    rat: 'LTE',
    mode: 'LTE',
    plmn: null,
    tac: null,
    cell_id: 1,
    enb_id: null,
    pci: null,
    band: null,
    earfcn: null,
    rsrp_dbm: -118,
    rsrq_db: null,
    sinr_db: null,
    rssi_dbm: null,
    cqi: null,
    carriers: [],
  })),
  messages: snapshots.map((snapshot) => ({
    ...snapshot,
    subject_kind: 'device',
    claimed_at: null,
    clock_verdict: 'missing',
    outcome: 'stored',
    topic: 'dwr/311-a1/00-11-22-33-44-55/hardware/lte',
    boot_id: '',
    seq: null,
    frame: new Uint8Array(),
  })),
}

/** Those that were in force first, and those after them. */
const activations = [
  rulesMessage(message(1, -500), at(-500), 'first', { rules: [weakRule], overrides: [] }),
  rulesMessage(message(50, -100), at(-100), 'second', { rules: [{ ...weakRule, version: 2 }, panicRule], overrides: [milderForOneModel] }),
]

export type AlarmApi = TestApi & { appended: AlarmCommandRequest[][] }

/** `appended`: what the log was given, in requests. `more`: rows beside those of every test. */
export const startAlarmApi = async (more: Record<string, Row[]> = {}): Promise<AlarmApi> => {
  const appended: AlarmCommandRequest[][] = []
  const all = Object.fromEntries(Object.entries(rows).map(([table, own]) => [table, [...own, ...(more[table] ?? [])]]))
  const api = await startApiForTest(
    { ...all, messages: [...(all['messages'] ?? []), ...activations] },
    {
      clock: { nowMs: () => nowMs },
      rules: [weakRule, panicRule],
      ruleOverrides: [milderForOneModel],
      decodeFrame: createEventCodec().decode,
      commandAlarms: (commands) => {
        appended.push([...commands])
        return Promise.resolve(commands.map((_command, index) => ({ topic: 'device-events' as const, partition: 3, offset: 200 + index })))
      },
    },
  )
  return { ...api, appended }
}
