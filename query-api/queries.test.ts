/** The API over the embedded engine: what stands in the tables is what the answers say, to the exact boundary. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../model/ports.ts'
import { fakeDevice, fakeSite } from '../test/query-api/inventory-rows.ts'
import { startApiForTest, type TestApi } from '../test/query-api/start-api.ts'

const device = '00-11-22-33-44-55'
const other = '00-11-22-33-44-66'
const place = 'world/asia/taiwan/taipei/neihu'
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** Noon of today: rows leave the tables by age of arrival, counted from the engine's own clock. */
const nowMs = Math.floor(Date.now() / dayMs) * dayMs + 12 * hourMs
const iso = (ms: number): string => new Date(ms).toISOString()

let offset = 0
const base = (subject: string, atMs: number) => ({
  tenant: 'default',
  subject,
  observed_at: atMs,
  received_at: Math.max(atMs, nowMs - 60 * dayMs),
  log_id: 'log',
  partition: 0,
  offset: ++offset,
})
const reading = (metric: string, atMs: number, value: number | null, attributes = '', subject = device): Row => ({
  ...base(subject, atMs),
  metric,
  attributes,
  value,
  quality: value === null ? 'missing' : 'ok',
})
const message = (subject: string, kind: string, atMs: number): Row => ({
  ...base(subject, atMs),
  subject_kind: kind,
  claimed_at: atMs,
  clock_verdict: 'trusted',
  outcome: 'stored',
  topic: 't',
  boot_id: '',
  seq: null,
  frame: new Uint8Array(),
})

const listed = { received_at: nowMs - dayMs }
const rows: Record<string, Row[]> = {
  messages: [
    message(device, 'device', nowMs - minuteMs),
    message(device, 'device', nowMs - hourMs),
    message(other, 'device', nowMs - 3 * dayMs),
    message(place, 'place', nowMs),
  ],
  measurements: [
    reading('system.cpu.load_average.1m', nowMs - 10 * minuteMs, 1),
    reading('system.cpu.load_average.1m', nowMs - 5 * minuteMs, 3),
    // The newest says that there is none: the state is that, with the value before it beside.
    reading('hw.temperature', nowMs - 5 * dayMs, 48.5),
    reading('hw.temperature', nowMs - minuteMs, null),
    // Silent for a month, and a second row later that day: the last one counts.
    reading('old.metric', nowMs - 30 * dayMs, 7, '{"a":"1"}'),
    reading('old.metric', nowMs - 30 * dayMs + hourMs, 8, '{"a":"1"}'),
    // Days of Berlin around the change to summer time: 30 March has 23 hours.
    reading('rain', Date.UTC(2025, 2, 29, 22, 30), 1),
    reading('rain', Date.UTC(2025, 2, 29, 23), 10),
    reading('rain', Date.UTC(2025, 2, 30, 21, 59), 20),
    reading('rain', Date.UTC(2025, 2, 30, 22), 100),
    reading('environment.temperature', nowMs, 23.4, '', place),
  ],
  counters: [
    [5, 1000, null, null, 'first'],
    [4, 1600, 600, 60, 'ok'],
    [3, 100, null, null, 'reset'],
    [2, 700, 600, 60, 'ok'],
    [1, 1900, 1200, 60, 'ok'],
  ].map(([minutes, value, delta, seconds, flag]) => ({
    ...base(device, nowMs - Number(minutes) * minuteMs),
    metric: 'system.network.io',
    attributes: '{"network.interface.name":"wwan0"}',
    value,
    delta,
    seconds,
    flag,
  })),
  radio: [
    [3, 1001, -90],
    [2, 1001, null],
    [1, 1002, -100],
  ].map(([minutes, cell, rsrp]) => ({
    ...base(device, nowMs - Number(minutes) * minuteMs),
    rat: 'LTE',
    mode: 'LTE',
    plmn: '00101',
    tac: 1,
    cell_id: cell,
    enb_id: 3,
    pci: 4,
    band: 'B3',
    earfcn: 1300,
    rsrp_dbm: rsrp,
    rsrq_db: -10.5,
    sinr_db: null,
    rssi_dbm: null,
    cqi: null,
    carriers: [
      {
        role: 'PCC',
        rat: 'LTE',
        band: 'B3',
        bandwidth_mhz: 20,
        earfcn: 1300,
        pci: 4,
        rsrp_dbm: rsrp,
        rsrq_db: null,
        sinr_db: null,
        active: 1,
      },
    ],
  })),
  log_lines: ['Link UP 100%', 'link down', 'a%b', '<b>bold</b>'].map((text, i) => ({
    ...base(device, nowMs - 10_000),
    source: 'syslog',
    severity: [6, 3, null, 4][i],
    facility: null,
    program: 'kernel',
    message: text,
    fingerprint: 12,
    class: '',
    written_at: '',
    cut: 0,
    line: i,
  })),
  facts: [
    { ...base(device, nowMs - 2 * hourMs), name: 'firmware.version', value: '1.0', sealed: new Uint8Array() },
    { ...base(device, nowMs - hourMs), name: 'firmware.version', value: '1.1', sealed: new Uint8Array() },
    { ...base(device, nowMs - hourMs), name: 'device.model', value: '311-a1', sealed: new Uint8Array() },
    { ...base(device, nowMs - hourMs), name: 'modem.imei', value: '3527...12', sealed: new Uint8Array([1, 2]) },
  ],
  presence: [
    [9, 'online'],
    [6, 'offline'],
    [5, 'online'],
    [2, 'online'],
  ].map(([hours, state]) => ({ ...base(device, nowMs - Number(hours) * hourMs), state, session_id: 's', reason: null, cause: '' })),
  boots: [
    { ...base(device, nowMs - 5 * hourMs), boot_id: 'b1', reason: 'power', uptime_before_seconds: 12.5, task_id: null, evidence: 'told' },
  ],
  ledger: [
    ledgerRow(device, [10, 7, 2, 1, 0, 7, 9, 2]),
    ledgerRow(device, [1, 1, 0, 0, 1, 0, 0, 0]),
    ledgerRow(other, [5, 5, 0, 0, 0, 0, 0, 0]),
  ],
  // The fourth (offset 8999) was driven again, the fifth is its mark: both wait no more.
  dead_letters: [1, 2, 3, 4, 5].map((minutes) => ({
    ...base('', nowMs - minutes * minuteMs),
    offset: 9000 - 5 + minutes + (minutes === 5 ? 1 : 0),
    topic: `a/${String(minutes)}`,
    topic_shape: 'a/+',
    reason: minutes === 5 ? 'REDRIVEN' : 'TOPIC_UNMAPPED',
    detail: minutes === 5 ? '0:8999' : 'd',
    subject_kind: '',
    client_id: 'c',
    payload_bytes: 3,
    cut: 0,
    sealed_payload: new Uint8Array([0xff, 0, minutes]),
  })),
  devices: [
    fakeDevice(device, {
      ...listed,
      name: "O'Brien gateway",
      site: 's1',
      serial: 'SN-1',
      aliases: ['352700'],
      expected_interval_seconds: 60,
    }),
    fakeDevice('00-11-22-33-44-77', { ...listed, name: 'Never heard', site: 's1' }),
    fakeDevice('00-11-22-33-44-88', { ...listed, name: 'Gone', retired: 1 }),
  ],
  sites: [fakeSite('s1', { ...listed, name: 'Neihu depot', customer: 'Rail' })],
  cells: [
    cell({ cell_id: 1001, plmn: '', name: 'Any network', site: 's1', vendor: 'V', retired: 0 }),
    cell({ cell_id: 1002, plmn: '00101', name: 'Sector B', site: 's1', vendor: 'V', retired: 0 }),
    cell({ cell_id: 1002, plmn: '99999', name: 'Other network', site: '', vendor: '', retired: 0 }),
  ],
}

function ledgerRow(
  subject: string,
  [received, stored, duplicate, quarantined, ambiguous, with_seq, seq_expected, seq_missing]: number[],
): Row {
  const sums = { received, stored, duplicate, quarantined, ambiguous, with_seq, seq_expected, seq_missing }
  return { ...base(subject, nowMs - hourMs), hour: nowMs - hourMs, ...sums }
}

function cell(fields: Row): Row {
  return { latitude: null, longitude: null, ...base('', nowMs - dayMs), ...fields }
}

let api: TestApi
beforeAll(async () => {
  api = await startApiForTest(rows, { clock: { nowMs: () => nowMs } })
}, 60_000)
afterAll(() => api.stop(), 30_000)

/** What the tests pick out of answers by name; the rest is compared whole. */
type Item = {
  deviceId: string
  metric: string
  name: string
  message: string
  state: string
  bootId: string
  plmn: string | null
  rsrpDbm: number | null
  cell: { name: string | null }
}
type Answer = {
  items: Item[]
  nextCursor: string | null
  devicesReported: number
  devicesExpected: number
  measurements: Item[]
  facts: Item[]
  counters: unknown
  radio: unknown
  presence: unknown
  firmware: unknown
  boot: unknown
  ledger: unknown
  total: unknown
  source: string
  series: { points: { value: number | null }[] }[]
  points: unknown
}
const get = (path: string): Promise<Answer> => api.get<Answer>(path)

describe('devices', () => {
  it('are found by any part of what names them, whatever its writing', async () => {
    for (const q of ["o'brien", '2233', '00:11:22:33:44:55', '0011.2233.4455', 'SN-1', 'neihu', '3527', 'RAIL']) {
      const { items } = await get(`devices?q=${encodeURIComponent(q)}`)
      expect([q, items.map((item) => item.deviceId)]).toEqual([q, expect.arrayContaining([device])])
    }
    for (const q of ["' OR 1=1 --", '%', '\\', '_']) expect([q, (await get(`devices?q=${encodeURIComponent(q)}`)).items]).toEqual([q, []])
  })

  it('come whole: from the inventory and from what was heard', async () => {
    const { items, devicesReported, devicesExpected } = await get('devices?q=brien')
    expect(items).toEqual([
      {
        deviceId: device,
        name: "O'Brien gateway",
        site: { id: 's1', name: 'Neihu depot' },
        region: null,
        customer: 'Rail',
        class: null,
        plan: null,
        timeZone: null,
        serial: 'SN-1',
        aliases: ['352700'],
        latitude: null,
        longitude: null,
        expectedIntervalSeconds: 60,
        model: '311-a1',
        firmware: '1.1',
        // Online again and again: since the first time after it was offline.
        presence: { state: 'online', since: iso(nowMs - 5 * hourMs), reason: null, cause: null },
        firstSeenAt: iso(nowMs - hourMs),
        lastSeenAt: iso(nowMs - minuteMs),
        lastObservedAt: iso(nowMs - minuteMs),
        messages: 2,
        registered: true,
        retired: false,
      },
    ])
    // The retired one is not expected, the one of three days ago has not reported.
    expect([devicesReported, devicesExpected]).toEqual([1, 3])
  })

  it('that speak without being in the inventory are unregistered, retired ones are listed apart', async () => {
    const ids = async (filter: string): Promise<string[]> => (await get(`devices?sort=id&${filter}`)).items.map((item) => item.deviceId)
    expect(await ids('')).toEqual([device, other, '00-11-22-33-44-77'])
    expect(await ids('registered=false')).toEqual([other])
    expect(await ids('retired=true')).toEqual(['00-11-22-33-44-88'])
    expect(await ids('presence=unknown')).toEqual([other, '00-11-22-33-44-77'])
    expect(await ids('site=s1')).toEqual([device, '00-11-22-33-44-77'])
  })

  it('are each shown once over pages, in every order', async () => {
    for (const sort of ['name', 'id', 'site', 'model', 'firmware', 'presence', 'lastSeenAt']) {
      for (const order of sort === 'name' || sort === 'lastSeenAt' ? ['asc', 'desc'] : ['asc']) {
        const whole = (await get(`devices?sort=${sort}&order=${order}`)).items.map((item) => item.deviceId)
        const paged: string[] = []
        let cursor: string | null = ''
        while (cursor !== null) {
          const page: Answer = await get(`devices?sort=${sort}&order=${order}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
          paged.push(...page.items.map((item) => item.deviceId))
          cursor = page.nextCursor
        }
        expect([sort, order, paged]).toEqual([sort, order, whole])
        expect(new Set(paged).size).toBe(3)
      }
    }
  }, 30_000)
})

describe('state', () => {
  it('is each last report with its age, a missing one with the value before it', async () => {
    const state = await get(`devices/${device}/state`)
    const temperature = state.measurements.find((row) => row.metric === 'hw.temperature')
    expect(temperature).toEqual({
      metric: 'hw.temperature',
      attributes: {},
      value: null,
      unit: 'Cel',
      quality: 'missing',
      observedAt: iso(nowMs - minuteMs),
      ageSeconds: 60,
      lastKnown: { value: 48.5, observedAt: iso(nowMs - 5 * dayMs), ageSeconds: 5 * 86_400 },
    })
    const old = state.measurements.find((row) => row.metric === 'old.metric')
    expect(old).toMatchObject({ attributes: { a: '1' }, value: 8, unit: null, ageSeconds: 30 * 86_400 - 3600 })
    expect(state.measurements.map((row) => row.metric)).toEqual(['hw.temperature', 'old.metric', 'rain', 'system.cpu.load_average.1m'])
    expect(state.counters).toEqual([
      {
        metric: 'system.network.io',
        attributes: { 'network.interface.name': 'wwan0' },
        value: 1900,
        unit: 'By',
        ratePerSecond: 20,
        flag: 'ok',
        observedAt: iso(nowMs - minuteMs),
        ageSeconds: 60,
      },
    ])
    expect(state.radio).toMatchObject({
      rsrpDbm: -100,
      rsrqDb: -10.5,
      sinrDb: null,
      cell: { id: 1002, name: 'Sector B', site: 's1' },
      carriers: [{ role: 'PCC', bandwidthMhz: 20, rsrpDbm: -100, active: true }],
      ageSeconds: 60,
    })
    expect(state.presence).toEqual({ state: 'online', since: iso(nowMs - 5 * hourMs), reason: null, sessionId: 's', recorderGap: null })
    expect(state.firmware).toEqual({ version: '1.1', observedAt: iso(nowMs - hourMs), ageSeconds: 3600 })
    expect(state.boot).toMatchObject({ bootId: 'b1', uptimeBeforeSeconds: 12.5, evidence: 'told', ageSeconds: 18_000 })
    expect(state.facts.find((fact) => fact.name === 'modem.imei')).toMatchObject({ value: '3527...12', masked: true })
  })

  it('at a moment includes that millisecond and nothing after it', async () => {
    const load = async (atMs: number) =>
      (await get(`devices/${device}/state?at=${iso(atMs)}`)).measurements.find((row) => row.metric === 'system.cpu.load_average.1m')
    const changeMs = nowMs - 5 * minuteMs
    expect(await load(changeMs)).toMatchObject({ value: 3, ageSeconds: 0 })
    expect(await load(changeMs - 1)).toMatchObject({ value: 1, ageSeconds: 299.999 })
    expect(await load(nowMs - 10 * minuteMs - 1)).toBeUndefined()
    const before = await get(`devices/${device}/state?at=${iso(nowMs - 6 * hourMs + 1)}`)
    expect(before.presence).toMatchObject({ state: 'offline', since: iso(nowMs - 6 * hourMs) })
    expect([before.firmware, before.boot, before.radio]).toEqual([null, null, null])
  })

  it('of a place is the same without a device', async () => {
    expect(await get(`places/${encodeURIComponent(place)}/state`)).toMatchObject({
      place,
      measurements: [{ metric: 'environment.temperature', value: 23.4, unit: 'Cel', ageSeconds: 0 }],
    })
  })
})

describe('series', () => {
  it('leave out what was not reported, and are null where only "missing" was', async () => {
    const midnightMs = nowMs - 12 * hourMs
    const asked = `devices/${device}/metrics?metric=hw.temperature&step=1d&from=${iso(midnightMs - 5 * dayMs)}`
    const { series, source } = await get(`${asked}&to=${iso(midnightMs + dayMs)}`)
    expect(source).toBe('1d')
    const expected = [
      { at: iso(midnightMs - 5 * dayMs), value: 48.5, samples: 1, missing: 0 },
      { at: iso(midnightMs), value: null, samples: 0, missing: 1 },
    ]
    expect(series).toEqual([{ attributes: {}, points: expected }])
    // One millisecond more, and it is read from the rows; the answer is the same.
    const raw = await get(`${asked}&to=${iso(midnightMs + dayMs + 1)}`)
    expect([raw.source, raw.series]).toEqual(['raw', series])
  })

  it('cut days as the zone does, through the change to summer time, from rows and from rollups', async () => {
    const asked = `devices/${device}/metrics?metric=rain&aggregate=sum&step=1d&tz=Europe/Berlin`
    const expected = [
      { at: '2025-03-28T23:00:00.000Z', value: 1, samples: 1, missing: 0 },
      { at: '2025-03-29T23:00:00.000Z', value: 30, samples: 2, missing: 0 },
      { at: '2025-03-30T22:00:00.000Z', value: 100, samples: 1, missing: 0 },
    ]
    const hourly = await get(`${asked}&from=2025-03-28T23:00:00Z&to=2025-03-31T22:00:00Z`)
    expect([hourly.source, hourly.series[0]?.points]).toEqual(['1h', expected])
    const raw = await get(`${asked}&from=2025-03-28T23:00:00Z&to=2025-03-31T21:59:59Z`)
    expect([raw.source, raw.series[0]?.points]).toEqual(['raw', expected])
  })

  it('begin at from and end before to', async () => {
    const at = iso(nowMs - 5 * minuteMs)
    const points = async (from: string, to: string) =>
      (await get(`devices/${device}/metrics?metric=system.cpu.load_average.1m&step=1s&from=${from}&to=${to}`)).series
    expect(await points(at, iso(nowMs))).toMatchObject([{ points: [{ at, value: 3 }] }])
    expect(await points(iso(nowMs - 6 * minuteMs), at)).toEqual([])
  })

  it('asked for at once are the same as each alone', async () => {
    const range = `from=${iso(nowMs - 31 * dayMs)}&to=${iso(nowMs)}&step=1h`
    const asked = [
      `metric=hw.temperature&${range}`,
      `metric=system.cpu.load_average.1m&${range}`,
      `metric=old.metric&${range}`,
      `metric=old.metric&attributes=${encodeURIComponent('{"a":"1"}')}&${range}`,
      `metric=system.cpu.load_average.1m&attributes=&${range}`,
    ].map((parameters) => `devices/${device}/metrics?${parameters}`)
    const together = await Promise.all(asked.map((path) => get(path)))
    const alone = []
    for (const path of asked) alone.push(await get(path))
    expect(together).toEqual(alone)
    expect(alone.map(({ series }) => series.length)).toEqual([1, 1, 1, 1, 1])
  })

  it.each([
    ['avg', 2],
    ['min', 1],
    ['max', 3],
    ['sum', 4],
    ['count', 2],
    ['last', 3],
    ['p95', 3],
  ])('%s of 1 and 3 is %d', async (aggregate, value) => {
    const { series } = await get(`devices/${device}/metrics?metric=system.cpu.load_average.1m&step=1h&aggregate=${aggregate}`)
    expect(series[0]?.points[0]?.value).toBe(value)
  })

  it('of counters are increases over the time that was seen, with what happened to them', async () => {
    const { series } = await get(`devices/${device}/counters?metric=system.network.io&step=1h`)
    expect(series).toEqual([
      {
        attributes: { 'network.interface.name': 'wwan0' },
        points: [{ at: iso(nowMs - hourMs), delta: 2400, ratePerSecond: 2400 / 180, seconds: 180, samples: 5, flags: ['first', 'reset'] }],
      },
    ])
  })

  it('are named with their kinds and attributes', async () => {
    const { items } = await get(`devices/${device}/metrics/names`)
    expect(items).toContainEqual({ metric: 'old.metric', kind: 'measurement', unit: null, attributes: [{ a: '1' }] })
    expect(items).toContainEqual({
      metric: 'system.network.io',
      kind: 'counter',
      unit: 'By',
      attributes: [{ 'network.interface.name': 'wwan0' }],
    })
  })

  it('of radio average what was read, and name the cell that served last', async () => {
    const { points } = await get(`devices/${device}/radio/series?step=1h`)
    expect(points).toEqual([
      {
        at: iso(nowMs - hourMs),
        samples: 3,
        rsrpDbm: -95,
        rsrqDb: -10.5,
        sinrDb: null,
        rat: 'LTE',
        cell: { id: 1002, name: 'Sector B' },
        cells: 2,
      },
    ])
  })
})

describe('histories', () => {
  it('of log lines are searched by text in either case, % and _ as they are, and by severity', async () => {
    const found = async (filter: string) => (await get(`devices/${device}/logs?${filter}`)).items.map((item) => item.message)
    expect(await found('')).toEqual(['<b>bold</b>', 'a%b', 'link down', 'Link UP 100%'])
    expect(await found('order=asc&text=LINK')).toEqual(['Link UP 100%', 'link down'])
    expect(await found('text=0%25')).toEqual(['Link UP 100%'])
    expect(await found('text=k_')).toEqual([])
    expect(await found('text=%3Cb%3E')).toEqual(['<b>bold</b>'])
    expect(await found('severity=4')).toEqual(['<b>bold</b>', 'link down'])
    expect(await found('program=sshd')).toEqual([])
  })

  it('are each shown once over pages, also within one millisecond', async () => {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Answer = await get(`devices/${device}/logs?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)
      seen.push(...page.items.map((item) => item.message))
      cursor = page.nextCursor
    }
    expect(seen).toEqual(['<b>bold</b>', 'a%b', 'link down', 'Link UP 100%'])
    const first = await get(`devices/${device}/radio?limit=2`)
    const rest = await get(`devices/${device}/radio?limit=2&cursor=${first.nextCursor}`)
    expect([...first.items, ...rest.items].map((item) => [item.rsrpDbm, item.cell.name])).toEqual([
      [-100, 'Sector B'],
      [null, 'Any network'],
      [-90, 'Any network'],
    ])
    expect(rest.nextCursor).toBeNull()
  })

  it('of presence and boots are newest first', async () => {
    expect((await get(`devices/${device}/presence`)).items.map((item) => item.state)).toEqual(['online', 'online', 'offline', 'online'])
    expect((await get(`devices/${device}/boots`)).items.map((item) => item.bootId)).toEqual(['b1'])
  })
})

describe('the fleet', () => {
  it('has a ledger that agrees, with what is missing and what nobody can know', async () => {
    const { items, total } = await get('ledger')
    expect(items).toEqual([
      {
        subject: device,
        name: "O'Brien gateway",
        site: 'Neihu depot',
        received: 11,
        stored: 8,
        duplicate: 2,
        quarantined: 1,
        ambiguous: 1,
        withSeq: 7,
        seqExpected: 9,
        reconciled: true,
        difference: 0,
        missing: 2,
      },
      {
        subject: other,
        name: null,
        site: null,
        received: 5,
        stored: 5,
        duplicate: 0,
        quarantined: 0,
        ambiguous: 0,
        withSeq: 0,
        seqExpected: 0,
        reconciled: true,
        difference: 0,
        missing: 'unknown',
      },
    ])
    expect(total).toMatchObject({
      received: 16,
      reconciled: true,
      missing: 2,
      subjects: 2,
      subjectsProvable: 1,
      provableShare: 0.5,
      deadLettersWithoutSubject: 3,
    })
    const entry = Object.fromEntries(Object.entries(items[0] ?? {}).filter(([key]) => key !== 'name' && key !== 'site'))
    expect((await get(`devices/${device}`)).ledger).toEqual(entry)
  })

  it('is counted by presence and by minute', async () => {
    expect(await get('fleet')).toMatchObject({
      registered: 2,
      unregistered: 1,
      retired: 1,
      presence: { online: 1, offline: 0, unknown: 2 },
      messagesPerMinute: [
        { at: iso(nowMs - hourMs), messages: 1 },
        { at: iso(nowMs - minuteMs), messages: 1 },
        { at: iso(nowMs), messages: 1 },
      ],
      devicesReported: 1,
      devicesExpected: 3,
    })
  })

  it('has its dead letters by cause, the newest with the bytes that came', async () => {
    const { items } = await get('dead-letters?newest=2')
    expect(items).toMatchObject([
      {
        topicShape: 'a/+',
        reason: 'TOPIC_UNMAPPED',
        count: 3,
        firstSeenAt: iso(nowMs - 3 * minuteMs),
        lastSeenAt: iso(nowMs - minuteMs),
        newest: [
          { topic: 'a/1', payload: '/wAB', payloadEncoding: 'base64' },
          { topic: 'a/2', payload: '/wAC' },
        ],
      },
    ])
  })

  it('has sites, cells and places', async () => {
    expect((await get('sites?q=neihu')).items).toMatchObject([{ siteId: 's1', devicesExpected: 2, devicesReported: 1 }])
    expect((await get('cells?q=sector')).items).toMatchObject([{ cellId: 1002, plmn: '00101', name: 'Sector B' }])
    expect((await get('cells?limit=2')).items.map((item) => item.plmn)).toEqual([null, '00101'])
    expect((await get('places')).items).toMatchObject([{ place, messages: 1 }])
  })
})
