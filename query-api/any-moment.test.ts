/**
 * "It rebooted at 03:10: what changed in the ten minutes before, and what was known at 03:15?", for a device whose upload
 * came two hours late. Over the embedded engine.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventCodec } from '../adapters/avro/event-codec.ts'
import type { DeviceEvent } from '../model/event.ts'
import type { Row } from '../model/ports.ts'
import { startApiForTest, type TestApi } from '../test/query-api/start-api.ts'

const device = '00-11-22-33-44-55'
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** 03:10 of yesterday: rows leave the tables by age of arrival, counted from the engine's own clock. */
const rebootMs = Math.floor(Date.now() / dayMs) * dayMs - dayMs + 3 * hourMs + 10 * minuteMs
const nowMs = rebootMs + 10 * hourMs
/** What it said from 03:00 on came two hours later. */
const lateMs = 2 * hourMs
const silentFromMs = rebootMs - 10 * minuteMs
const iso = (ms: number): string => new Date(ms).toISOString()
const minutes = (count: number): number => rebootMs + count * minuteMs

let offset = 0
const arrival = (atMs: number): number => (atMs >= silentFromMs && atMs < minutes(20) ? atMs + lateMs : atMs + 50)
const base = (atMs: number, receivedMs = arrival(atMs)) => ({
  tenant: 'default',
  subject: device,
  observed_at: atMs,
  received_at: receivedMs,
  log_id: 'log',
  partition: 3,
  offset: ++offset,
})
const cpu = 'system.cpu.load_average.1m'
const temperature = 'hw.temperature'
const reading = (metric: string, atMs: number, value: number | null, attributes = ''): Row => ({
  ...base(atMs),
  metric,
  attributes,
  value,
  quality: value === null ? 'missing' : 'ok',
})
const fact = (name: string, atMs: number, value: string): Row => ({ ...base(atMs), name, value, sealed: new Uint8Array() })
const line = (atMs: number, message: string, fingerprint: number, severity: number): Row => ({
  ...base(atMs),
  source: 'syslog',
  severity,
  facility: null,
  program: 'kernel',
  message,
  fingerprint,
  class: '',
  written_at: '',
  cut: 0,
  line: 0,
})
const counter = (atMs: number, value: number, delta: number | null, flag: string, receivedMs = arrival(atMs)): Row => ({
  ...base(atMs, receivedMs),
  metric: 'system.network.io',
  attributes: '{"network.interface.name":"wwan0"}',
  value,
  delta,
  seconds: delta === null ? null : 60,
  flag,
})
const radio = (atMs: number, cell: number | null, band: string, rsrp: number): Row => ({
  ...base(atMs),
  rat: 'LTE',
  mode: 'LTE',
  plmn: '00101',
  tac: 1,
  cell_id: cell,
  enb_id: 3,
  pci: 4,
  band,
  earfcn: 1300,
  rsrp_dbm: rsrp,
  rsrq_db: -10.5,
  sinr_db: null,
  rssi_dbm: null,
  cqi: null,
  carriers: [],
})

const codec = createEventCodec()
const event = (payload: DeviceEvent['payload']): DeviceEvent => ({
  eventId: new Uint8Array(16),
  tenant: 'default',
  subject: { kind: 'device', id: device },
  observedAtMs: null,
  receivedAtMs: nowMs,
  bootId: null,
  seq: null,
  uptimeSeconds: null,
  source: {
    origin: 'mqtt',
    topic: 't',
    qos: 1,
    dup: false,
    retain: false,
    storedCopy: false,
    clientId: 'c',
    sessionId: null,
    connection: 0,
    packetId: 1,
    redriveOf: null,
    actor: null,
  },
  bodies: [],
  payload,
})
const frameOf = (encoding: 'plain' | 'sealed', text: string): Uint8Array =>
  Uint8Array.from(codec.encode(event({ encoding, bytes: new TextEncoder().encode(text) })))
const message = (of: Row, frame: Uint8Array, more: Row = {}): Row => {
  const { tenant, subject, observed_at, received_at, log_id, partition, offset: at } = of
  return {
    tenant,
    subject,
    observed_at,
    received_at,
    log_id,
    partition,
    offset: at,
    subject_kind: 'device',
    claimed_at: observed_at,
    clock_verdict: 'trusted',
    outcome: 'stored',
    topic: 't',
    boot_id: 'b1',
    seq: 7,
    frame,
    ...more,
  }
}

const firmware = fact('firmware.version', minutes(-2), '1.1')
const load = [-30, -20, -12, -8, -3, 5].map((at, i) => reading(cpu, minutes(at), i))
const rows: Record<string, Row[]> = {
  messages: [
    ...load.map((row, i) => message(row, frameOf(i === 4 ? 'sealed' : 'plain', `{"load1":${String(i)}}`), i === 0 ? { seq: 70 } : {})),
    message(base(minutes(-30), minutes(40)), frameOf('plain', '{"load1":0}'), { seq: 70, outcome: 'duplicate' }),
    message(firmware, frameOf('plain', '{"fw":"1.1"}'), { seq: 71 }),
    // Its clock ran ahead for a while; a message without a time in between says nothing of it.
    message(base(minutes(60), minutes(60)), new Uint8Array([9]), { clock_verdict: 'future', claimed_at: minutes(600) }),
    message(base(minutes(61), minutes(61)), new Uint8Array(), { clock_verdict: 'missing', claimed_at: null }),
    message(base(minutes(62), minutes(62)), new Uint8Array(), { clock_verdict: 'future' }),
    message(base(minutes(63), minutes(63)), new Uint8Array()),
    // Half an hour without the recorder.
    ...[-600, 200, 230].flatMap((minute) =>
      [0, 5_000, 10_000].map((ms) =>
        message(base(minutes(minute) + ms, minutes(minute) + ms), new Uint8Array(), {
          subject: 'all',
          subject_kind: 'fleet',
          outcome: 'tick',
        }),
      ),
    ),
  ],
  measurements: [
    ...load,
    reading(temperature, minutes(-15), 40),
    reading(temperature, minutes(-5), null),
    // Silent for a month, told once more by the late upload.
    reading('old.metric', minutes(-30 * 24 * 60), 7, '{"a":"1"}'),
    reading('old.metric', minutes(-9), 8, '{"a":"1"}'),
    reading('steady', minutes(-30), 1),
    reading('steady', minutes(-4), 1),
  ],
  facts: [
    fact('firmware.version', minutes(-600), '1.0'),
    firmware,
    fact('device.model', minutes(-600), '311-a1'),
    fact('network.apn', minutes(-7), 'iot'),
    // The row repeats the value: no change.
    fact('device.model', minutes(-6), '311-a1'),
  ],
  radio: [
    radio(minutes(-20), 1001, 'B3', -90),
    radio(minutes(-6), null, 'B3', -120),
    radio(minutes(-5), 1002, 'B3', -99),
    radio(minutes(-1), 1002, 'B20', -104),
  ],
  presence: [
    { ...base(minutes(-600)), state: 'online', session_id: 's', reason: null, cause: '' },
    { ...base(minutes(-10), minutes(-10)), state: 'offline', session_id: 's', reason: 'will', cause: '' },
    { ...base(minutes(-9), minutes(-9)), state: 'offline', session_id: 's', reason: 'will', cause: '' },
    { ...base(minutes(20), minutes(20)), state: 'online', session_id: 't', reason: null, cause: '' },
  ],
  // Told, and seen by a new id: one boot.
  boots: [
    {
      ...base(rebootMs + 5_000, rebootMs + 6_000),
      boot_id: 'b2',
      reason: null,
      uptime_before_seconds: null,
      task_id: null,
      evidence: 'new-boot-id',
    },
    { ...base(rebootMs), boot_id: 'b2', reason: 'watchdog', uptime_before_seconds: 7200, task_id: null, evidence: 'told' },
  ],
  counters: [
    counter(minutes(-12), 1000, null, 'first'),
    counter(minutes(-4), 3000, 2000, 'ok'),
    // Came after that row and splits its step: the two amendments sum to nothing more.
    counter(minutes(-8), 1500, 500, 'amendment', minutes(200)),
    counter(minutes(-4), 3000, -500, 'amendment', minutes(200)),
    counter(minutes(1), 10, null, 'reset'),
  ],
  log_lines: [
    ...Array.from({ length: 30 }, (_, i) =>
      line(minutes(-1) + i * 1000, i === 0 ? 'Out of memory: killed httpd' : `retry ${String(i)}`, i === 0 ? 1 : 2, i === 0 ? 3 : 6),
    ),
    line(minutes(-900), 'retry 0', 2, 6),
  ],
}

let api: TestApi
beforeAll(async () => {
  api = await startApiForTest(rows, { clock: { nowMs: () => nowMs }, decodeFrame: codec.decode })
}, 60_000)
afterAll(() => api.stop(), 30_000)

const pathOf = (path: string): string => `devices/${device}${path === '' ? '' : `/${path}`}`
const ask = (path: string) => api.ask(pathOf(path))
const get = <T>(path: string): Promise<T> => api.get<T>(pathOf(path))

type State = {
  knownAt: string | null
  presence: { state: string; since: string }
  firmware: { version: string }
  boot: { bootId: string } | null
  radio: { cell: { id: number } | null; band: string }
  measurements: { metric: string; value: number | null }[]
  counters: { value: number }[]
  facts: { name: string; value: string }[]
}
const valuesOf = (state: State) => Object.fromEntries(state.measurements.map(({ metric, value }) => [metric, value]))

describe('the state of 03:15', () => {
  it('holds what a late upload proved about it', async () => {
    const state = await get<State>(`state?at=${iso(minutes(5))}`)
    expect(valuesOf(state)).toEqual({ [cpu]: 5, [temperature]: null, 'old.metric': 8, steady: 1 })
    expect(state).toMatchObject({
      knownAt: null,
      firmware: { version: '1.1' },
      boot: { bootId: 'b2' },
      radio: { cell: { id: 1002 }, band: 'B20' },
      presence: { state: 'offline' },
      counters: [{ value: 10 }],
    })
  })

  it('as it was known then has none of it', async () => {
    const state = await get<State>(`state?at=${iso(minutes(5))}&knownAt=${iso(minutes(5))}`)
    expect(valuesOf(state)).toEqual({ [cpu]: 2, [temperature]: 40, 'old.metric': 7, steady: 1 })
    expect(state).toMatchObject({
      knownAt: iso(minutes(5)),
      firmware: { version: '1.0' },
      boot: { bootId: 'b2', evidence: 'new-boot-id' },
      radio: { cell: { id: 1001 }, band: 'B3' },
      presence: { state: 'offline', since: iso(minutes(-10)) },
      counters: [{ value: 1000 }],
      facts: [
        { name: 'device.model', value: '311-a1' },
        { name: 'firmware.version', value: '1.0' },
      ],
    })
  })

  it('as known includes a row that arrived in exactly that millisecond, and none after it', async () => {
    const arrivedMs = minutes(5) + lateMs
    const known = async (ms: number) => valuesOf(await get<State>(`state?at=${iso(minutes(5))}&knownAt=${iso(ms)}`))[cpu]
    expect([await known(arrivedMs - 1), await known(arrivedMs)]).toEqual([4, 5])
  })
})

describe('one reboot that left two signs', () => {
  it('is one boot, with what the device told of it, in state, history and timeline', async () => {
    const boot = { bootId: 'b2', observedAt: iso(rebootMs), reason: 'watchdog', uptimeBeforeSeconds: 7200, evidence: 'told' }
    expect(await get<State>(`state?at=${iso(minutes(5))}`)).toMatchObject({ boot })
    const { items } = await get<{ items: unknown[] }>(`boots?from=${iso(minutes(-60))}&to=${iso(minutes(60))}`)
    expect(items).toMatchObject([boot])
    expect(await get('')).toMatchObject({ boots: 1 })
  })

  it('is seen by its id until the word of the device has come', async () => {
    const knownAt = iso(minutes(15))
    const sign = { bootId: 'b2', observedAt: iso(rebootMs + 5_000), evidence: 'new-boot-id', reason: null }
    expect(await get<State>(`state?at=${iso(minutes(5))}&knownAt=${knownAt}`)).toMatchObject({ boot: sign })
    const asked = `from=${iso(minutes(-60))}&to=${iso(minutes(60))}&knownAt=${knownAt}`
    expect((await get<{ items: unknown[] }>(`boots?${asked}`)).items).toMatchObject([sign])
    expect((await get<Page>(`timeline?kind=boot&${asked}`)).items.map(({ text }) => text)).toEqual([
      'Booted: reason not told, seen by a new boot id.',
    ])
  })
})

describe('presence while the recorder did not run', () => {
  const gapAt = async (minute: number, knownAt = '') =>
    (await get<{ presence: { recorderGap: unknown } }>(`state?at=${iso(minutes(minute))}${knownAt}`)).presence.recorderGap

  it('is what was last said, and says from when to when', async () => {
    const gap = { from: iso(minutes(200) + 10_000), to: iso(minutes(230)) }
    expect(await gapAt(200)).toEqual({ from: iso(minutes(-600) + 10_000), to: iso(minutes(200)) })
    expect(await gapAt(215)).toEqual(gap)
    // Just back: who has been silent is judged later.
    expect(await gapAt(230.1)).toEqual(gap)
    expect(await gapAt(215, `&knownAt=${iso(minutes(215))}`)).toEqual({ ...gap, to: null })
    expect(await gapAt(-601)).toEqual({ from: null, to: iso(minutes(-600)) })
    expect(await gapAt(240)).toEqual({ from: iso(minutes(230) + 10_000), to: null })
  })

  it('is what a device said since the recorder is back', async () => {
    expect(await gapAt(-599.9)).toBeNull()
  })
})

describe('lists and series as they were known', () => {
  const asked = `from=${iso(minutes(-30))}&to=${iso(minutes(30))}`
  const then = `${asked}&knownAt=${iso(minutes(5))}`
  const count = async (path: string) => (await get<{ items: unknown[] }>(path)).items.length

  it('leave out what came later', async () => {
    expect([await count(`radio?${asked}`), await count(`radio?${then}`)]).toEqual([4, 1])
    expect([await count(`logs?${asked}&limit=1000`), await count(`logs?${then}&limit=1000`)]).toEqual([30, 0])
    expect([await count(`presence?${asked}`), await count(`presence?${then}`)]).toEqual([3, 2])
    const points = async (path: string) =>
      (await get<{ series: { points: unknown[] }[] }>(path)).series.flatMap((one) => one.points.slice(0)).length
    expect([await points(`metrics?metric=${cpu}&step=1m&${asked}`), await points(`metrics?metric=${cpu}&step=1m&${then}`)]).toEqual([6, 3])
    const counted = `counters?metric=system.network.io&step=1m`
    expect([await points(`${counted}&${asked}`), await points(`${counted}&${then}`)]).toEqual([4, 1])
    const series = async (path: string) => (await get<{ points: unknown[] }>(path)).points.length
    expect([await series(`radio/series?step=1m&${asked}`), await series(`radio/series?step=1m&${then}`)]).toEqual([4, 1])
  })

  it('are read from rows, where a rollup would serve, since those do not know when their rows came', async () => {
    const day = `metrics?metric=${cpu}&step=1h&from=${iso(rebootMs - 10 * minuteMs)}&to=${iso(rebootMs + 50 * minuteMs)}`
    expect(await get(day)).toMatchObject({ source: '1h', knownAt: null, series: [{ points: [{ samples: 3 }] }] })
    expect(await get(`${day}&knownAt=${iso(minutes(5))}`)).toMatchObject({ source: 'raw', knownAt: iso(minutes(5)), series: [] })
  })
})

type Diff = Record<string, unknown> & { measurements: { metric: string; change: number | null }[] }

describe('what changed in the ten minutes before', () => {
  const asked = `from=${iso(minutes(-10))}&to=${iso(rebootMs)}`

  it('is told by measurement, fact, firmware, radio, presence, boot and counter', async () => {
    const diff = await get<Diff>(`diff?${asked}`)
    expect(diff).toMatchObject({
      from: iso(minutes(-10)),
      to: iso(rebootMs),
      presence: null,
      firmware: { from: '1.0', to: '1.1' },
      boot: { from: null, to: { bootId: 'b2', reason: 'watchdog' } },
      radio: { from: { band: 'B3', cell: { id: 1001 } }, to: { band: 'B20', cell: { id: 1002 } }, changed: ['cell', 'band', 'rsrpDbm'] },
      counters: [{ unit: 'By', from: { value: 1000 }, to: { value: 3000 }, increase: 2000, flags: [] }],
      facts: [
        { name: 'firmware.version', from: { value: '1.0' }, to: { value: '1.1' } },
        { name: 'network.apn', from: null, to: { value: 'iot' } },
      ],
    })
    // `steady` was only told again.
    expect(diff.measurements.map(({ metric, change }) => [metric, change])).toEqual([
      [temperature, null],
      ['old.metric', 1],
      [cpu, 2],
    ])
  })

  it('as known at 03:15 is nothing', async () => {
    expect(await get<Diff>(`diff?${asked}&knownAt=${iso(minutes(5))}`)).toMatchObject({
      presence: null,
      firmware: null,
      boot: null,
      radio: null,
      measurements: [],
      counters: [],
      facts: [],
    })
  })

  it('counts an amendment only once it had arrived', async () => {
    const increase = async (knownMs: number) =>
      (await get<{ counters: unknown }>(`diff?from=${iso(minutes(-12))}&to=${iso(minutes(-6))}&knownAt=${iso(knownMs)}`)).counters
    expect(await increase(minutes(150))).toEqual([])
    // The state's counter is its newest reading, the amendment's row is none; the increase up to the end is in `counters`.
    expect(
      (await get<{ counters: unknown }>(`diff?from=${iso(minutes(-12))}&to=${iso(minutes(-4))}&knownAt=${iso(minutes(150))}`)).counters,
    ).toMatchObject([{ increase: 2000 }])
  })

  it('is refused the wrong way round', async () => {
    expect((await ask(`diff?from=${iso(rebootMs)}&to=${iso(rebootMs)}`)).body['code']).toBe('TIME_RANGE_INVALID')
    expect((await ask('diff')).body['code']).toBe('REQUEST_INVALID')
  })
})

type Entry = { observedAt: string; receivedAt: string; kind: string; text: string; data: Record<string, unknown> }
type Page = { items: Entry[]; nextCursor: string | null }

describe('the timeline', () => {
  const asked = `from=${iso(minutes(-10))}&to=${iso(minutes(90))}&order=asc`

  it('tells everything in one order, with the time of arrival beside', async () => {
    const { items } = await get<Page>(`timeline?${asked}`)
    expect(items.map(({ observedAt, kind, text }) => [(Date.parse(observedAt) - rebootMs) / minuteMs, kind, text])).toEqual([
      [-10, 'presence', 'Went offline (will).'],
      [-8, 'late_upload', '4 messages came late, up to 2 h 0 min after the fact.'],
      [-7, 'fact', 'network.apn is iot, told for the first time.'],
      [-5, 'cell', 'Serving cell changed from 1001 to 1002, B3, RSRP -99 dBm.'],
      [-2, 'firmware', 'Firmware changed from 1.0 to 1.1.'],
      [-1, 'band', 'Band changed from B3 to B20.'],
      [-1, 'log_burst', 'Log burst of 30 lines, kernel: Out of memory: killed httpd'],
      [-1, 'log_first_seen', 'New kind of log line, kernel: Out of memory: killed httpd'],
      [0, 'boot', 'Booted: watchdog, after 2 h 0 min of uptime.'],
      [1, 'counter', '1 counter began again: system.network.io.'],
      [20, 'presence', 'Went online.'],
      [60, 'clock', 'Its clock ran ahead: placed by arrival.'],
      [63, 'clock', 'Its clock is believed again.'],
    ])
    expect(items[1]).toEqual({
      observedAt: iso(minutes(-8)),
      receivedAt: iso(minutes(-8) + lateMs),
      kind: 'late_upload',
      text: expect.any(String) as string,
      data: { messages: 4, to: iso(minutes(5)), arrivedTo: iso(minutes(5) + lateMs), delaySeconds: 7200 },
    })
    expect(items[11]?.data).toEqual({ from: 'trusted', to: 'future', claimedAt: iso(minutes(600)), topic: 't' })
  })

  it('is the same over pages, both ways round', { timeout: 30_000 }, async () => {
    const { items: whole } = await get<Page>(`timeline?${asked}`)
    for (const order of ['asc', 'desc']) {
      const found: Entry[] = []
      let cursor = ''
      for (let page = 0; page < 20; page++) {
        const { items, nextCursor } = await get<Page>(`timeline?${asked.replace('order=asc', `order=${order}`)}&limit=4${cursor}`)
        found.push(...items)
        if (nextCursor === null) break
        cursor = `&cursor=${nextCursor}`
      }
      expect(order === 'asc' ? found : found.reverse()).toEqual(whole)
    }
  })

  it('is narrowed by text, which is sought in what the entries say', async () => {
    const found = async (text: string) =>
      (await get<Page>(`timeline?${asked}&text=${encodeURIComponent(text)}`)).items.map(({ kind }) => kind)
    expect(await found('WATCHDOG')).toEqual(['boot'])
    expect(await found('b20')).toEqual(['band'])
    expect(await found('killed httpd')).toEqual(['log_burst', 'log_first_seen'])
    expect(await found('reason')).toEqual([])
  })

  it('as it was known then has nothing of the upload', async () => {
    const { items } = await get<Page>(`timeline?${asked}&knownAt=${iso(minutes(5))}`)
    expect(items.map(({ text }) => text)).toEqual(['Went offline (will).', 'Booted: reason not told, seen by a new boot id.'])
  })

  it('is narrowed by kinds; an unknown kind and a range past 93 days are refused', async () => {
    expect((await get<Page>(`timeline?${asked}&kind=boot,firmware`)).items.map(({ kind }) => kind)).toEqual(['firmware', 'boot'])
    expect((await ask('timeline?kind=boot,nonsense')).body['code']).toBe('REQUEST_INVALID')
    expect((await ask(`timeline?from=${iso(nowMs - 93 * dayMs - 1)}&to=${iso(nowMs)}`)).body['code']).toBe('TIME_RANGE_INVALID')
    expect((await ask(`timeline?from=${iso(nowMs - 93 * dayMs)}&to=${iso(nowMs)}`)).status).toBe(200)
  })
})

describe('an explanation', () => {
  it('shows the message behind a value, with its payload', async () => {
    expect(await get(`explain?metric=${cpu}&at=${iso(minutes(-8))}`)).toMatchObject({
      kind: 'measurement',
      bucket: null,
      items: [
        {
          observedAt: iso(minutes(-8)),
          value: 3,
          message: {
            logId: 'log',
            partition: 3,
            topic: 't',
            receivedAt: iso(minutes(-8) + lateMs),
            clockVerdict: 'trusted',
            seq: 7,
            payload: '{"load1":3}',
            payloadEncoding: 'utf8',
            payloadBytes: 11,
          },
        },
      ],
    })
  })

  it('shows a sealed payload as sealed, and a message that is gone as null', async () => {
    expect(await get(`explain?metric=${cpu}&at=${iso(minutes(-3))}`)).toMatchObject({
      items: [{ value: 4, message: { payload: null, payloadEncoding: 'sealed' } }],
    })
    expect(await get(`explain?metric=steady&at=${iso(minutes(5))}`)).toMatchObject({ items: [{ value: 1, message: null }] })
  })

  it('of a bucket has its sums and all its messages over pages', async () => {
    const asked = `explain?metric=${cpu}&bucket=${iso(minutes(-20))}&step=15m&attributes=`
    type Explained = { bucket: unknown; items: { value: number }[]; nextCursor: string }
    const first = await get<Explained>(`${asked}&limit=2`)
    expect(first.bucket).toMatchObject({ samples: 3, missing: 0, messages: 3, avg: 2, min: 1, max: 3, sum: 6, increase: null })
    const second = await get<Explained>(`${asked}&limit=2&cursor=${first.nextCursor}`)
    expect([...first.items, ...second.items].map(({ value }) => value)).toEqual([1, 2, 3])
    expect(second.nextCursor).toBeNull()
  })

  it('of a counter has the reading before it, and amendments in the bucket', async () => {
    const { items } = await get<{ items: { value: number; quality: string }[] }>(`explain?metric=system.network.io&at=${iso(minutes(2))}`)
    expect(items[0]).toMatchObject({ value: 10, quality: 'reset' })
    expect(items).toHaveLength(2)
    expect(await get(`explain?metric=system.network.io&bucket=${iso(minutes(-10))}&step=10m`)).toMatchObject({
      bucket: { increase: 2000, avg: null },
      items: [{ delta: 500 }, { delta: 2000 }, { delta: -500 }],
    })
  })

  it('of a fact, the radio, presence and a boot has the messages behind them, of a boot every sign', async () => {
    const at = `at=${iso(minutes(5))}`
    expect(await get(`explain?of=fact&fact=firmware.version&${at}`)).toMatchObject({
      kind: 'fact',
      name: 'firmware.version',
      items: [{ observedAt: iso(minutes(-2)), text: '1.1', message: { topic: 't', payload: '{"fw":"1.1"}' } }],
    })
    expect(await get(`explain?of=fact&fact=firmware.version&${at}&knownAt=${iso(minutes(5))}`)).toMatchObject({ items: [{ text: '1.0' }] })
    expect(await get(`explain?of=radio&${at}`)).toMatchObject({ items: [{ text: 'LTE, cell 1002, B20, RSRP -104 dBm', message: null }] })
    expect(await get(`explain?of=presence&${at}`)).toMatchObject({ items: [{ text: 'offline', quality: 'will' }] })
    expect(await get(`explain?of=boot&${at}`)).toMatchObject({
      items: [
        { text: 'b2, watchdog', quality: 'told' },
        { text: 'b2', quality: 'new-boot-id' },
      ],
    })
    const bucket = `explain?of=radio&bucket=${iso(minutes(-10))}&step=15m`
    const first = await get<{ items: { text: string }[]; nextCursor: string }>(`${bucket}&limit=2`)
    const second = await get<{ items: { text: string }[] }>(`${bucket}&limit=2&cursor=${first.nextCursor}`)
    expect([first.items.length, second.items.map(({ text }) => text)]).toEqual([2, ['LTE, cell 1002, B20, RSRP -104 dBm']])
    expect((await ask(`explain?of=fact&${at}`)).body['code']).toBe('REQUEST_INVALID')
    expect((await ask(`explain?of=boot&bucket=${iso(minutes(-10))}&step=15m`)).body['code']).toBe('REQUEST_INVALID')
  })

  it('shows repeats of a message apart, and a message by its place in the log', async () => {
    const { items } = await get<{ items: { message: { partition: number; offset: number }; repeats: unknown[] }[] }>(
      `explain?metric=${cpu}&at=${iso(minutes(-30))}`,
    )
    expect(items).toMatchObject([
      {
        message: { seq: 70, outcome: 'stored', receivedAt: iso(minutes(-30) + 50) },
        repeats: [{ seq: 70, outcome: 'duplicate', receivedAt: iso(minutes(40)) }],
      },
    ])
    const { partition, offset } = items[0]?.message ?? { partition: 0, offset: 0 }
    expect(await get(`explain?of=message&message=${String(partition)}:${String(offset)}`)).toMatchObject({
      kind: 'message',
      items: [{ text: 't', quality: 'stored', message: { partition, offset, payload: '{"load1":0}' } }],
    })
  })

  it('wants a known metric, and at or bucket with step', async () => {
    expect((await ask('explain?metric=nope')).body['code']).toBe('METRIC_UNKNOWN')
    expect((await ask(`explain?metric=${cpu}&bucket=${iso(rebootMs)}`)).body['code']).toBe('REQUEST_INVALID')
    expect((await ask(`explain?metric=${cpu}&bucket=${iso(rebootMs)}&step=2d`)).body['code']).toBe('STEP_INVALID')
  })
})
