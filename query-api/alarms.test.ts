/** Alarms asked for as an operator does, over the embedded engine: lists, counts, one explained, actions, the black box. */
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { createEventCodec } from '../adapters/avro/event-codec.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import type { Evidence } from '../model/alarm.ts'
import { ownSource } from '../model/own-source.ts'
import type { Row } from '../model/ports.ts'
import { parseRuleFile } from '../model/rule-form.ts'
import type { Rule, RuleSet } from '../model/rule.ts'
import type { AlarmCommandRequest } from './deps.ts'
import { testDeps, testToken } from './fakes.ts'
import { createServer } from './server.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** 03:15 of yesterday: rows leave the tables by age, counted from the engine's own clock. */
const raisedMs = Math.floor(Date.now() / dayMs) * dayMs - dayMs + 3 * hourMs + 15 * minuteMs
const nowMs = raisedMs + 45 * minuteMs
const at = (minutes: number): number => raisedMs + minutes * minuteMs
const iso = (minutes: number): string => new Date(at(minutes)).toISOString()
const day = iso(0).slice(0, 10)

const router = '00-11-22-33-44-55'
const other = '00-11-22-33-44-66'
const weak = 'alarm-default-000000000000000a'
const offline = 'alarm-default-000000000000000b'

const evidence: Evidence = {
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

const episode = (more: Row): Row => ({
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
    stream: 'alarm-default-000000000000000c',
    retracted: 1,
    amendments: 1,
    ...cleared,
    raised_at: at(-400),
    first_raised_at: at(-400),
  }),
]

let version = 0
const event = (kind: string, atMs: number, more: Row, detail: Record<string, unknown> = {}): Row => ({
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
  devices: [
    {
      tenant: 'default',
      device_id: router,
      name: 'Harbour router',
      site: 'harbour',
      region: '',
      latitude: null,
      longitude: null,
      time_zone: '',
      customer: '',
      class: 'business',
      expected_interval_seconds: 60,
      plan: '',
      serial: '',
      aliases: [],
      retired: 0,
      received_at: at(-600),
      log_id: 'log',
      partition: 0,
      offset: 1,
    },
  ],
  sites: [
    {
      tenant: 'default',
      site_id: 'harbour',
      name: 'Harbour',
      region: '',
      latitude: null,
      longitude: null,
      time_zone: '',
      customer: '',
      retired: 0,
      received_at: at(-600),
      log_id: 'log',
      partition: 0,
      offset: 2,
    },
  ],
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

const ruleOf = (more: Record<string, unknown>): Rule => {
  const parsed = parseRuleFile({
    rules: [
      { number: 1, title: 't', why: 'Why.', cause: 'Cause.', action: 'Act.', eventType: 'communications', severity: 'warning', ...more },
    ],
  })
  const [rule] = parsed.ok ? parsed.value.rules : []
  if (rule === undefined) throw new Error(JSON.stringify(parsed))
  return rule
}
const weakRule = ruleOf({
  id: 'radio.rsrp-poor',
  title: 'Weak signal',
  why: 'Throughput falls, and the session may be lost.',
  cause: 'Distance, an antenna that moved, or the cell.',
  action: 'Look at the antenna; compare with other devices of the cell.',
  level: {
    radio: 'rsrpDbm',
    metric: 'cellular.rsrp',
    aggregate: 'median',
    window: 'rop',
    raise: { below: -115 },
    clear: { atLeast: -110 },
    inARow: 2,
  },
})
const panicRule = ruleOf({ id: 'device.crash', event: { raiseOn: { log: 'panic' }, staleAfter: '24 h' } })

/** What a start of the recorder tells the log. */
const codec = createEventCodec()
const rulesMessage = (minutes: number, offset: number, version: string, ruleSet: RuleSet): Row => ({
  ...message(offset, minutes),
  subject: 'all',
  subject_kind: 'fleet',
  claimed_at: null,
  clock_verdict: 'missing',
  outcome: 'rules',
  topic: '',
  boot_id: '',
  seq: null,
  frame: codec.encode({
    eventId: new Uint8Array(16),
    tenant: 'default',
    subject: { kind: 'fleet', id: 'all' },
    observedAtMs: null,
    receivedAtMs: at(minutes),
    bootId: null,
    seq: null,
    uptimeSeconds: null,
    source: ownSource('recorder', null),
    bodies: [{ kind: 'RuleActivated', version, ruleSet: JSON.stringify(ruleSet) }],
    payload: { encoding: 'none', bytes: new Uint8Array() },
  }),
})
const everyDevice = {
  class: null,
  model: null,
  site: null,
  region: null,
  firmware: null,
  group: null,
  device: null,
  plan: null,
  fixed: null,
}
const milder = {
  enabled: null,
  raise: { op: 'below', value: -120 } as const,
  clear: null,
  onDelayMs: null,
  offDelayMs: null,
  severity: null,
  notify: null,
}
const override = { rule: 'radio.rsrp-poor', select: { ...everyDevice, model: ['311-a1'] }, set: milder }
const activations = [
  rulesMessage(-500, 1, 'first', { rules: [weakRule], overrides: [] }),
  rulesMessage(-100, 50, 'second', { rules: [{ ...weakRule, version: 2 }, panicRule], overrides: [override] }),
]

const appended: AlarmCommandRequest[][] = []
let stop: () => Promise<void>
let app: FastifyInstance
beforeAll(async () => {
  const engine = await startForTest({ listen: null })
  stop = engine.stop
  await migrate(engine.warehouse)
  for (const [table, tableRows] of Object.entries(rows)) await engine.warehouse.insert(table, tableRows, { dedupToken: table })
  await engine.warehouse.insert('messages', activations, { dedupToken: 'activations' })
  app = await createServer(
    testDeps({
      warehouse: engine.warehouse,
      clock: { nowMs: () => nowMs },
      rules: [weakRule, panicRule],
      ruleOverrides: [override],
      decodeFrame: codec.decode,
      commandAlarms: (commands) => {
        appended.push([...commands])
        return Promise.resolve(commands.map((_command, index) => ({ topic: 'device-events' as const, partition: 3, offset: 200 + index })))
      },
    }),
    [],
  )
}, 60_000)
afterAll(async () => {
  await app.close()
  await stop()
}, 30_000)

const headers = { host: 'localhost', authorization: `Bearer ${testToken}` }
const get = async <T>(path: string): Promise<T> => {
  const answer = await app.inject({ url: `/api/v1/${path}`, headers })
  if (answer.statusCode !== 200) throw new Error(`${String(answer.statusCode)} ${answer.body}`)
  return answer.json<T>()
}
const post = async (path: string, body?: object) => {
  const answer = await app.inject({ method: 'POST', url: `/api/v1/${path}`, headers, ...(body === undefined ? {} : { payload: body }) })
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
}
type List = { items: { id: string; severity: string }[]; nextCursor: string | null }
const idsOf = async (query: string): Promise<string[]> => (await get<List>(`alarms?${query}`)).items.map(({ id }) => id)

describe('the list of alarms', () => {
  it('shows those that stand, newest first, each with all that an operator needs', async () => {
    const { items } = await get<{ items: unknown[] }>('alarms')
    expect(items).toEqual([
      expect.objectContaining({
        id: `${offline}:1`,
        severity: 'major',
        suppressedBy: [`${weak}:2`],
        name: null,
        class: 'home',
        title: null,
      }),
      {
        id: `${weak}:2`,
        deviceId: router,
        subject: router,
        resource: `dwr/311-a1/${router}`,
        name: 'Harbour router',
        site: { id: 'harbour', name: 'Harbour' },
        class: 'business',
        type: 'radio.rsrp-poor',
        qualifier: '',
        title: 'Weak signal',
        text: 'RSRP median of 15 minutes was -118 dBm, below -115 dBm, in two intervals in a row, the last from 03:00.',
        severity: 'minor',
        severityMax: 'minor',
        active: true,
        condition: 'active',
        operator: {
          state: 'none',
          actor: null,
          firstAcknowledgedAt: null,
          reason: null,
          assignee: null,
          ticket: null,
          comments: 1,
          escalations: 0,
        },
        shelf: { state: 'none', until: null },
        suppressedBy: [],
        flapping: false,
        situation: null,
        cause: null,
        raisedAt: iso(0),
        detectedAt: new Date(raisedMs + 10_000).toISOString(),
        clearedAt: null,
        clearCause: null,
        foundLate: false,
        retracted: false,
        amendments: 0,
        firstKnown: { raisedAt: iso(0), clearedAt: null, severity: 'minor' },
        occurrences: 1,
        unknownSeconds: 0,
        rule: { id: 'radio.rsrp-poor', version: 1 },
      },
    ])
  })

  it.each([
    ['state=cleared', [`${weak}:L1`, `${weak}:1`]],
    ['state=all&foundLate=true', [`${weak}:L1`]],
    ['state=all&type=presence.offline', [`${offline}:1`]],
    [`device=${router}`, [`${weak}:2`]],
    ['subject=00:11:22:33:44:55', [`${weak}:2`]],
    ['subject=group/cell/none', []],
    [`device=001122334455&state=cleared&foundLate=false`, [`${weak}:1`]],
    ['site=harbour', [`${weak}:2`]],
    ['class=business', [`${weak}:2`]],
    ['class=home', [`${offline}:1`]],
    ['severity=major%2B', [`${offline}:1`]],
    ['severity=minor,warning', [`${weak}:2`]],
    ['operator=ack', [`${offline}:1`]],
    ['shelved=true', []],
    ['situation=none-such', []],
    [`state=all&foundLate=false&from=${iso(-350)}&to=${iso(-310)}`, [`${weak}:1`, 'alarm-default-000000000000000c:1']],
    [`state=all&from=${iso(-300)}&to=${iso(-250)}`, [`${weak}:1`, 'alarm-default-000000000000000c:1']],
    [`state=all&from=${iso(-299)}&to=${iso(-250)}`, []],
  ])('%s', async (query, ids) => {
    expect((await idsOf(query)).sort()).toEqual([...ids].sort())
  })

  it('goes by severity too, the worst first', async () => {
    expect((await get<List>('alarms?sort=severity')).items.map(({ severity }) => severity)).toEqual(['major', 'minor'])
    expect((await get<List>('alarms?sort=severity&order=asc')).items.map(({ severity }) => severity)).toEqual(['minor', 'major'])
  })

  it.each(['raisedAt', 'severity'])('in pages by %s names each alarm once', async (sort) => {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: List = await get<List>(`alarms?state=all&sort=${sort}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    }
    expect([seen.length, new Set(seen).size]).toEqual([5, 5])
  })

  it.each([
    ['alarms?severity=grave', 'REQUEST_INVALID'],
    ['alarms?device=router-1', 'DEVICE_ID_INVALID'],
    [`alarms?from=${iso(0)}&to=${iso(-1)}`, 'TIME_RANGE_INVALID'],
    [`situations?from=${iso(0)}&to=${iso(-1)}`, 'TIME_RANGE_INVALID'],
    ['alarms?cursor=abc', 'CURSOR_INVALID'],
    ['alarms/17', 'ALARM_ID_INVALID'],
    ['alarms?tz=Mars', 'TIME_ZONE_UNKNOWN'],
  ])('%s is refused', async (path, code) => {
    const answer = await app.inject({ url: `/api/v1/${path}`, headers })
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, code])
  })
})

describe('counts', () => {
  it('are those of each severity, and of what nobody has acknowledged', async () => {
    expect(await get('alarms/counts?state=all')).toMatchObject({
      active: { critical: 0, major: 1, minor: 1, warning: 0, indeterminate: 0, total: 2 },
      unacknowledged: { major: 0, minor: 1, total: 1 },
      shelved: 0,
      cleared: 2,
    })
  })
})

describe('alarms at a moment', () => {
  type Item = { id: string; severity: string; clearedAt: string | null; operator: { comments: number } }
  const known = async (query: string) => (await get<{ items: Item[] }>(`alarms?${query}`)).items

  it('as they were known then: what stood on the screen, as severe as it was, without what was done later', async () => {
    expect(await known(`knownAt=${iso(0)}`)).toEqual([])
    expect(await known(`knownAt=${iso(1)}`)).toMatchObject([{ id: `${weak}:2`, severity: 'warning', operator: { comments: 0 } }])
    expect((await known(`knownAt=${iso(30)}`)).map(({ id, severity }) => [id, severity])).toEqual([
      [`${offline}:1`, 'major'],
      [`${weak}:2`, 'minor'],
    ])
    expect(await known(`knownAt=${iso(31)}&device=${router}`)).toMatchObject([{ operator: { comments: 1 } }])
  })

  it('are narrowed by what they were then', async () => {
    expect((await known(`knownAt=${iso(1)}&severity=warning`)).map(({ id }) => id)).toEqual([`${weak}:2`])
    expect(await known(`knownAt=${iso(31)}&severity=warning`)).toEqual([])
    expect((await known(`knownAt=${iso(1)}&site=harbour&class=business`)).map(({ id }) => id)).toEqual([`${weak}:2`])
  })

  it('as they stood by the time of the device, or as that was known', async () => {
    // It was over at -300 and found to be so a minute later.
    expect(await known(`at=${iso(-300.5)}`)).toMatchObject([{ id: `${weak}:1`, clearedAt: null }])
    expect(await known(`at=${iso(-300)}`)).toEqual([])
    expect(await known(`at=${iso(-300)}&knownAt=${iso(-299.5)}`)).toMatchObject([{ id: `${weak}:1`, clearedAt: null }])
    expect((await known(`at=${iso(-180)}`)).map(({ id }) => id)).toEqual([`${weak}:L1`])
    expect(await known(`at=${iso(-180)}&knownAt=${iso(-180)}`)).toEqual([])
  })

  it('are counted', async () => {
    expect(await get(`alarms/counts?knownAt=${iso(1)}`)).toMatchObject({ active: { warning: 1, minor: 0, total: 1 } })
    expect(await get(`alarms/counts?knownAt=${iso(-299.5)}`)).toMatchObject({ active: { warning: 1, total: 1 }, cleared: 0 })
    expect(await get(`alarms/counts?at=${iso(-180)}&state=all`)).toMatchObject({ active: { total: 1 }, cleared: 1 })
  })

  it('come in pages', async () => {
    const first = await get<List>(`alarms?knownAt=${iso(44)}&limit=1`)
    const second = await get<List>(`alarms?knownAt=${iso(44)}&limit=1&cursor=${first.nextCursor ?? ''}`)
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([`${offline}:1`, `${weak}:2`])
    expect(second.nextCursor).toBeNull()
  })

  it('one has the history and the explanation that could be read then; before it was known it is 404', async () => {
    const one = await get<One & Item>(`alarms/${weak}:2?knownAt=${iso(20)}`)
    expect([one.severity, one.history.map(({ kind }) => kind)]).toEqual(['warning', ['RaiseDelayStarted', 'AlarmRaised']])
    expect(one.explanation.words.slice(1, 4)).toEqual([
      `Raised as warning at ${day} 03:15:00 (UTC).`,
      'It has stood for 20 minutes.',
      'Nobody has acknowledged it.',
    ])
    const answer = await app.inject({ url: `/api/v1/alarms/${weak}:2?knownAt=${iso(0)}`, headers })
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, 'ALARM_UNKNOWN'])
  })

  it('are no filter of actions', async () => {
    expect((await post(`alarms/actions/acknowledge?knownAt=${iso(0)}`, {})).status).toBe(400)
  })
})

type One = { history: { kind: string; text: string }[]; explanation: Record<string, unknown> & { words: string[] } }

describe('one alarm', () => {
  it('is explained as a person would say it', async () => {
    const { explanation } = await get<One>(`alarms/${weak}:2`)
    expect(explanation.words).toEqual([
      'RSRP median of 15 minutes was -118 dBm, below -115 dBm, in two intervals in a row (02:45, 03:00).',
      `Raised as warning at ${day} 03:15:00 (UTC); minor now.`,
      'It has stood for 45 minutes.',
      'Nobody has acknowledged it.',
      'It clears when that is at least -110 dBm, two intervals in a row.',
      'Throughput falls, and the session may be lost. Likely cause: distance, an antenna that moved, or the cell. To do: look at the antenna; compare with other devices of the cell.',
    ])
  })

  it('says it in the zone of the reader', async () => {
    const { explanation } = await get<One>(`alarms/${weak}:2?tz=Asia/Taipei`)
    expect(explanation.words[0]).toContain('(10:45, 11:00)')
    expect(explanation.words[1]).toBe(`Raised as warning at ${day} 11:15:00 (Asia/Taipei); minor now.`)
  })

  it('has the same as data, down to the messages in the log', async () => {
    const { explanation } = await get<One>(`alarms/${weak}:2`)
    expect(explanation).toMatchObject({
      rule: { id: 'radio.rsrp-poor', version: 1, inForce: 1, clearsByItself: true },
      thresholds: { raise: -115, clear: -110 },
      evidence: {
        topic: 'device-events',
        partition: 3,
        firstOffset: 100,
        lastOffset: 130,
        values: [{ name: 'cellular.rsrp median', value: -118, unit: 'dBm', text: '-118 dBm', observedAt: iso(0) }, {}],
      },
      periods: [iso(-30), iso(-15)],
      timers: { onDelaySeconds: 0, raiseDelay: { startedAt: iso(-15), dueAt: iso(0) }, clearDelay: null },
      groupedBy: null,
    })
    const messages = explanation['messages'] as { place: string; explain: string }[]
    expect([messages.length, messages[0]?.place, messages[0]?.explain]).toEqual([
      30,
      '3:130',
      `/api/v1/devices/${router}/explain?of=message&message=3:130`,
    ])
  })

  it('has its history, from the delay before its raise on, and nothing of another episode', async () => {
    const { history } = await get<One>(`alarms/${weak}:2`)
    expect(history.map(({ kind, text }) => [kind, text])).toEqual([
      ['RaiseDelayStarted', 'Seen; raised unless it is well again by 03:15:00.'],
      ['AlarmRaised', 'Raised as warning.'],
      ['SeverityChanged', 'Now minor, before warning.'],
      ['Commented', 'admin: looked at the antenna'],
    ])
    expect((await get<One>(`alarms/${weak}:1`)).history.map(({ kind }) => kind)).toEqual(['AlarmRaised', 'AlarmCleared'])
  })

  it('that was found late or lost its rule says so', async () => {
    expect((await get<One>(`alarms/${weak}:L1`)).explanation.words[1]).toBe(
      `Found late: it stood as warning from ${new Date(at(-200)).toISOString().slice(0, 19).replace('T', ' ')} (UTC). The recorder knew at ${day} 02:55:00, 3 hours later.`,
    )
    const { explanation } = await get<One>(`alarms/${offline}:1`)
    expect(explanation.words).toEqual([
      'No evidence was kept with it.',
      `Raised as major at ${day} 03:25:00 (UTC).`,
      'It has stood for 35 minutes.',
      `It notifies nobody while ${weak}:2 stands.`,
      'Acknowledged by admin at 03:27.',
      'Its rule presence.offline, version 1, is no longer loaded.',
    ])
  })

  it('that is not there is 404', async () => {
    const answer = await app.inject({ url: `/api/v1/alarms/${weak}:9`, headers })
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, 'ALARM_UNKNOWN'])
  })
})

describe('an action', () => {
  it('is appended with who did it and the episode that was seen', async () => {
    appended.length = 0
    const { status, body } = await post(`alarms/${weak}:2/acknowledge`)
    expect(status).toBe(202)
    expect(body).toMatchObject({
      id: `${weak}:2`,
      action: 'acknowledge',
      actor: 'admin',
      expectedEpisode: 2,
      appended: { topic: 'device-events', partition: 3, offset: 200 },
    })
    expect(appended).toEqual([
      [
        {
          subject: router,
          stream: weak,
          key: { resource: `dwr/311-a1/${router}`, type: 'radio.rsrp-poor', qualifier: '' },
          command: { kind: 'Acknowledge', actor: 'admin', expectedEpisode: 2, commandId: body['commandId'] },
        },
      ],
    ])
  })

  it.each([
    ['unacknowledge', {}, { kind: 'Unacknowledge' }],
    // Whether it is on the shelf the stage knows better than the table, which is a second behind.
    ['unshelve', {}, { kind: 'Unshelve' }],
    ['close', { reason: 'known' }, { kind: 'Close', reason: 'known' }],
    ['close', {}, { kind: 'Close', reason: '' }],
    ['comment', { text: 'hm' }, { kind: 'Comment', text: 'hm' }],
    ['assign', { to: 'eve', ticket: 'T-1' }, { kind: 'Assign', to: 'eve', ticket: 'T-1' }],
    ['assign', { to: null }, { kind: 'Assign', to: null, ticket: null }],
    ['clear', { reason: 'gone', force: true }, { kind: 'ClearManually', reason: 'gone', force: true }],
    ['shelve', { reason: 'works', until: iso(60) }, { kind: 'Shelve', reason: 'works', untilMs: at(60), oneShot: false }],
    ['shelve', { reason: 'works', oneShot: true }, { kind: 'Shelve', reason: 'works', untilMs: null, oneShot: true }],
  ])('%s %j', async (action, asked, command) => {
    appended.length = 0
    expect((await post(`alarms/${weak}:2/${action}`, { ...asked, commandId: 'mine' })).status).toBe(202)
    expect(appended[0]?.[0]?.command).toEqual({ ...command, actor: 'admin', expectedEpisode: 2, commandId: 'mine' })
  })

  it('on an episode that is over by now is 409, with the one that is there', async () => {
    appended.length = 0
    expect(await post(`alarms/${weak}:1/acknowledge`)).toMatchObject({
      status: 409,
      body: { code: 'EPISODE_STALE', current: `${weak}:2` },
    })
    expect(appended).toEqual([])
  })

  it.each([
    [`alarms/${weak}:L1/comment`, { text: 'x' }, 422, 'ALARM_ACTION_INVALID'],
    [`alarms/${weak}:2/clear`, { reason: 'gone' }, 422, 'ALARM_ACTION_INVALID'],
    [`alarms/${weak}:9/acknowledge`, {}, 404, 'ALARM_UNKNOWN'],
    [`alarms/${weak}:2/shelve`, { oneShot: true }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x' }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x', until: iso(60), oneShot: true }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x', until: iso(44) }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x', until: iso(45 + 7 * 24 * 60 + 1) }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/comment`, { text: ' ' }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/acknowledge`, { reason: 'x' }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/delete`, {}, 404, 'ROUTE_UNKNOWN'],
  ])('%s %j is refused', async (path, body, status, code) => {
    appended.length = 0
    const answer = await post(path, body)
    expect([answer.status, answer.body['code']]).toEqual([status, code])
    expect(appended).toEqual([])
  })

  it('by filter says first how many, then is one append', async () => {
    appended.length = 0
    const dry = await post('alarms/actions/acknowledge?dryRun=true', {})
    expect(dry).toMatchObject({ status: 200, body: { dryRun: true, matched: 2, appended: 0, ids: [`${offline}:1`, `${weak}:2`] } })
    expect(appended).toEqual([])
    const done = await post('alarms/actions/acknowledge?severity=minor', { commandId: 'mine' })
    expect(done).toMatchObject({ status: 202, body: { matched: 1, appended: 1, skipped: [], ids: [`${weak}:2`], commandId: 'mine' } })
    expect(appended).toHaveLength(1)
  })

  it('by filter leaves out what cannot be acted on, and says why', async () => {
    const { body } = await post('alarms/actions/close?state=all&type=radio.rsrp-poor&dryRun=true', {})
    expect(body).toMatchObject({
      matched: 4,
      ids: [`${weak}:2`, 'alarm-default-000000000000000c:1'],
      skipped: [
        { id: `${weak}:L1`, code: 'ALARM_ACTION_INVALID' },
        { id: `${weak}:1`, code: 'EPISODE_STALE' },
      ],
    })
  })
})

describe('rules', () => {
  it('in force are listed with what, why and the levels', async () => {
    const { items } = await get<{ items: unknown[] }>('rules?id=radio.rsrp-poor')
    expect(items).toMatchObject([
      {
        id: 'radio.rsrp-poor',
        version: 1,
        pack: 'default',
        title: 'Weak signal',
        clearsByItself: true,
        condition: { form: 'level', raise: { op: 'below', value: -115 } },
        runbook: 'docs/reference/rules.md#radiorsrp-poor',
      },
    ])
    expect((await get<{ items: unknown[] }>('rules')).items).toHaveLength(2)
    expect(await get('rules?id=radio.rsrp-poor')).toMatchObject({
      activation: null,
      items: [{ overrides: [{ select: { model: ['311-a1'] }, set: { raise: { op: 'below', value: -120 } } }] }],
    })
  })

  it('that were in force at a time are those that the log was told last by then', async () => {
    const then = async (query: string) => {
      const { items, activation } = await get<{ items: { id: string; version: number; overrides: unknown[] }[]; activation: unknown }>(
        `rules?${query}`,
      )
      return [items.map(({ id, version, overrides }) => [id, version, overrides.length]), activation]
    }
    const first = { at: iso(-500), version: 'first', place: '3:1' }
    const second = { at: iso(-100), version: 'second', place: '3:50' }
    expect(await then(`at=${iso(-500)}`)).toEqual([[['radio.rsrp-poor', 1, 0]], first])
    expect(await then(`at=${iso(-100.001)}`)).toEqual([[['radio.rsrp-poor', 1, 0]], first])
    expect(await then(`at=${iso(-100)}`)).toEqual([
      [
        ['radio.rsrp-poor', 2, 1],
        ['device.crash', 1, 0],
      ],
      second,
    ])
    expect(await then(`at=${iso(0)}&id=device.crash`)).toEqual([[['device.crash', 1, 0]], second])
  })

  it('of a time before the first that are known are refused, with when that was', async () => {
    const answer = await app.inject({ url: `/api/v1/rules?at=${iso(-500.001)}`, headers })
    expect(answer.json()).toMatchObject({
      status: 404,
      code: 'RULES_UNKNOWN',
      detail: `No rules are known to have been in force at ${iso(-500.001)}; the first that are known came at ${iso(-500)}.`,
    })
  })
})

describe('the black box', () => {
  type State = { alarms: { id: string; severity: string }[] }
  const stood = async (query: string) =>
    (await get<State>(`devices/${router}/state?${query}`)).alarms.map(({ id, severity }) => [id, severity])

  it('has the alarms that stood at the moment, as severe as they were then', async () => {
    expect(await stood(`at=${iso(-350)}`)).toEqual([[`${weak}:1`, 'warning']])
    expect(await stood(`at=${iso(-250)}`)).toEqual([])
    expect(await stood(`at=${iso(20)}`)).toEqual([[`${weak}:2`, 'warning']])
    expect(await stood(`at=${iso(40)}`)).toEqual([[`${weak}:2`, 'minor']])
  })

  it('as known then has none that was not known', async () => {
    expect(await stood(`at=${iso(0)}&knownAt=${iso(0)}`)).toEqual([])
    expect(await stood(`at=${iso(0)}&knownAt=${iso(1)}`)).toEqual([[`${weak}:2`, 'warning']])
    // Its clear came later: then it still stood.
    expect(await stood(`at=${iso(-299.5)}&knownAt=${iso(-299.5)}`)).toEqual([[`${weak}:1`, 'warning']])
    expect(await stood(`at=${iso(-299.5)}`)).toEqual([])
  })

  it('shows in a difference what was raised and what changed', async () => {
    const diff = async (from: number, to: number) =>
      (await get<{ alarms: unknown[] }>(`devices/${router}/diff?from=${iso(from)}&to=${iso(to)}`)).alarms
    expect(await diff(-60, 20)).toMatchObject([{ id: `${weak}:2`, from: null, to: { severity: 'warning' } }])
    expect(await diff(20, 40)).toMatchObject([{ id: `${weak}:2`, from: { severity: 'warning' }, to: { severity: 'minor' } }])
    expect(await diff(20, 25)).toEqual([])
  })

  it('has what happened to them in the timeline', async () => {
    const { items } = await get<{ items: { text: string; data: Record<string, unknown> }[] }>(
      `devices/${router}/timeline?kind=alarm&from=${iso(-30)}&to=${iso(45)}&order=asc`,
    )
    expect(items.map(({ text }) => text)).toEqual([
      'radio.rsrp-poor: Raised as warning.',
      'radio.rsrp-poor: Now minor, before warning.',
      'radio.rsrp-poor: admin: looked at the antenna',
    ])
    expect(items[0]?.data).toMatchObject({ id: `${weak}:2`, event: 'AlarmRaised', severity: 'warning' })
    const known = await get<{ items: unknown[] }>(`devices/${router}/timeline?kind=alarm&from=${iso(-30)}&to=${iso(45)}&knownAt=${iso(0)}`)
    expect(known.items).toEqual([])
  })
})
