import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { device, linesOf, messageOf, outcomeOf, shippedTopics } from '../../test/parse-kit.ts'
import type { ParseOutcome } from './parse-message.ts'

const lines = (metric: string, payload: string | object) =>
  linesOf(outcomeOf(`${device}/${metric}`, typeof payload === 'string' ? payload : JSON.stringify(payload)))
const reasonOf = (outcome: ParseOutcome) => (outcome.kind === 'refused' ? outcome.reason : outcome.kind)
const deviceTopics = Object.keys(shippedTopics()['profiles'] as object).map((path) => `${device}/${path}`)
const topics = [
  ...deviceTopics,
  `${device}/status`,
  `${device}/hardware/fan`,
  `${device}/tasks/t1/event`,
  'world/asia/taiwan/taipei/neihu/temperature',
  'world/asia/taiwan/taipei/neihu/radon',
  'germany/bavaria/nuremberg/90402/12a/hall/door',
]

describe('a whole message', () => {
  it('is read from JSON with identity, readings, facts and notes', () => {
    expect(
      messageOf(
        `${device}/hardware/loadavg`,
        '{"TS":1767602403,"BOOT_ID":"b1","Seq":"7","up_time":12.5,"LOAD1":"0.34","load5":null,"load15":1e7,"governor":"ondemand"}',
      ),
    ).toEqual({
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      storedTopic: `${device}/hardware/loadavg`,
      observedAtMs: 1767602403000,
      bootId: 'b1',
      seq: 7,
      uptimeSeconds: 12.5,
      bodies: [
        {
          kind: 'Measurements',
          items: [
            { metric: 'system.uptime', attributes: '', value: 12.5, quality: 'ok', observedAtMs: null },
            { metric: 'system.cpu.load_average.1m', attributes: '', value: 0.34, quality: 'ok', observedAtMs: null },
            { metric: 'system.cpu.load_average.5m', attributes: '', value: null, quality: 'missing', observedAtMs: null },
            { metric: 'system.cpu.load_average.15m', attributes: '', value: null, quality: 'out_of_range', observedAtMs: null },
          ],
        },
        { kind: 'Facts', items: [{ name: 'hardware.loadavg.governor', value: 'ondemand', sealed: null }] },
        {
          kind: 'Facts',
          items: [
            { name: 'device.product', value: 'dwr', sealed: null },
            { name: 'device.model', value: '311-a1', sealed: null },
          ],
        },
      ],
      personalFacts: [],
      personal: false,
      profile: 'loadavg',
      notes: ['system.cpu.load_average.15m 10000000 is outside 0..1000000 {thread}: no reading'],
    })
  })

  it('gives the same answer each time', () => {
    for (const topic of topics) {
      const payload = '{"ts":1767602403000,"value":1,"state":"online","line":"x","bootId":"b"}'
      expect(outcomeOf(topic, payload)).toEqual(outcomeOf(topic, payload))
    }
  })
})

describe('any input', () => {
  const topic = fc.constantFrom(...topics)

  it('of bytes never throws', () => {
    fc.assert(
      fc.property(topic, fc.uint8Array({ maxLength: 200 }), (at, bytes) => void outcomeOf(at, bytes)),
      { numRuns: 3_000 },
    )
  })

  it('of text never throws', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('cpu', ' ', ':', '\n', '\r', '0', '1', '.', '[', ']', '<', '>', '-', 'T', 'Z', '"', 'MemTotal') }),
    )
    fc.assert(
      fc.property(topic, text, (at, payload) => void outcomeOf(at, payload)),
      { numRuns: 3_000 },
    )
  })

  it('of JSON never throws, and what is read is finite, bounded and named', () => {
    const key = fc.oneof(
      fc.constantFrom(
        'ts',
        'bootId',
        'seq',
        'uptime',
        'value',
        'unit',
        'rsrp',
        'cell',
        'carriers',
        'interfaces',
        'wwan0',
        'rxBytes',
        'total',
        'mounts',
        'lines',
        'line',
        'state',
        'target',
        'probes',
        'imei',
        'lat',
        'bn',
        'n',
        'v',
        't',
        'e',
        '__proto__',
        'constructor',
      ),
      fc.string({ maxLength: 8 }),
    )
    const leaf = fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.constantFrom('-', 'n/a', '1', '00101', 'LTE', 'up'),
      fc.string(),
    )
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(key, tie('value'), { maxKeys: 6 })),
    }))
    fc.assert(
      fc.property(topic, value, (at, payload) => {
        const outcome = outcomeOf(at, JSON.stringify(payload))
        if (outcome.kind !== 'message') return
        for (const body of outcome.message.bodies) {
          if (body.kind === 'Measurements') {
            for (const item of body.items) {
              expect(item.metric.length).toBeGreaterThan(0)
              expect(item.value === null ? item.quality !== 'ok' : Number.isFinite(item.value) && item.quality === 'ok').toBe(true)
              if (item.attributes !== '')
                expect(Object.values(JSON.parse(item.attributes) as object).every((entry) => typeof entry === 'string')).toBe(true)
            }
          }
          if (body.kind === 'Counters') expect(body.items.every(({ value }) => Number.isSafeInteger(value) && value >= 0)).toBe(true)
          if (body.kind === 'Facts') expect(body.items.every(({ name }) => name !== '')).toBe(true)
        }
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('refusals', () => {
  const at = `${device}/hardware/fan`

  it.each([
    ['', 'PAYLOAD_EMPTY'],
    ['\ufeff{"a":1}', 'JSON_BOM'],
    ['{"a":1,"a":1}', 'JSON_DUPLICATE_KEY'],
    ['{"a":1e400}', 'NUMBER_NOT_FINITE'],
    ['{"a":"1e400"}', 'NUMBER_NOT_FINITE'],
    ['1e400', 'NUMBER_NOT_FINITE'],
    ['{"seq":-1}', 'FIELD_INVALID'],
    ['{"seq":1.5}', 'FIELD_INVALID'],
    ['{"seq":9007199254740993}', 'INTEGER_NOT_EXACT'],
    ['{"iccid":8949000000000000001}', 'INTEGER_NOT_EXACT'],
    [`{"bootId":"${'b'.repeat(129)}"}`, 'FIELD_INVALID'],
    [`{"bootId":"${'b'.repeat(128)}"}`, 'message'],
    [`{"${'k'.repeat(200)}":1}`, 'NAME_TOO_LONG'],
    ['[1,2]', 'PAYLOAD_SHAPE'],
  ])('%s: %s', (payload, reason) => expect(reasonOf(outcomeOf(at, payload))).toBe(reason))

  it('bytes that are no UTF-8 are refused with the first bytes in hex', () => {
    expect(outcomeOf(at, new Uint8Array([0x7b, 0xff, 0x00]))).toMatchObject({
      reason: 'PAYLOAD_NOT_UTF8',
      detail: 'expected UTF-8, got 7b ff 00',
    })
  })

  it('2,000 readings are read, one more is refused', () => {
    const readings = (count: number) => JSON.stringify({ list: Array<number>(count).fill(1) })
    expect(reasonOf(outcomeOf(at, readings(2_000)))).toBe('message')
    expect(reasonOf(outcomeOf(at, readings(2_001)))).toBe('TOO_MANY_ITEMS')
  })

  it('20,000 log lines are read, one more is refused', () => {
    expect(reasonOf(outcomeOf(`${device}/log/syslog`, 'x\n'.repeat(20_000)))).toBe('message')
    expect(reasonOf(outcomeOf(`${device}/log/syslog`, 'x\n'.repeat(20_001)))).toBe('TOO_MANY_ITEMS')
  })

  it('a counter of 2^53 - 1 is exact, one of 2^53 may have been rounded', () => {
    expect(lines('network/interfaces', '{"wwan0":{"rxBytes":9007199254740991}}')).toEqual([
      'counter system.network.io{network.interface.name:wwan0,network.io.direction:receive} 9007199254740991',
    ])
    expect(reasonOf(outcomeOf(`${device}/network/interfaces`, '{"wwan0":{"rxBytes":9007199254740992}}'))).toBe('INTEGER_NOT_EXACT')
    expect(reasonOf(outcomeOf(`${device}/network/interfaces`, '{"wwan0":{"rxBytes":"9007199254740993"}}'))).toBe('INTEGER_NOT_EXACT')
  })

  it('details show no identifiers', () => {
    for (const payload of ['AT+CGSN 001122334455667', '{"imei":001122334455667}', '"001122334455667"']) {
      expect(JSON.stringify(outcomeOf(`${device}/modem/status`, payload))).not.toContain('1122334455')
    }
  })
})

describe('personal identifiers', () => {
  it('are found at any depth and in any spelling, and leave no clear text in the bodies', () => {
    const payloads: [string, object][] = [
      ['hardware/fan', { modem: { IMEI: '001122334455667', list: [{ iccid: '8949000000000000001' }] } }],
      ['network/interfaces', { wwan0: { imsi: '001010123456789' } }],
      ['hardware/lte', { rsrp: -97, latitude: 51.935604, Longitude: -8.388186, carriers: [{ imei: '001122334455667' }] }],
      ['hardware/storage', { mounts: { '/': { total: 1, imei: '001122334455667' } } }],
      ['hardware/temperature', { sensors: [{ name: 'cpu', celsius: 1, imei: '001122334455667' }] }],
      ['log/syslog', { lines: [{ message: 'x', imei: '001122334455667' }] }],
      ['system/info', { serial: 'A1', imei: '001122334455667' }],
      ['network/probe', { probes: [{ target: 'x', msisdn: '+491701234567' }] }],
    ]
    for (const [metric, payload] of payloads) {
      const message = messageOf(`${device}/${metric}`, JSON.stringify(payload))
      expect([metric, message.personal, message.personalFacts.length > 0]).toEqual([metric, true, true])
      expect(JSON.stringify(message.bodies)).not.toMatch(/1122334455|001010123|51\.93|8\.388|8949|491701/)
      expect(JSON.stringify(message.personalFacts.map(({ masked }) => masked))).not.toMatch(/11223344|001010123|51|8949000|49170/)
    }
  })
})

describe('payload forms', () => {
  it('loads come in several spellings', () => {
    expect(lines('hardware/loadavg', { '1m': 1, load_avg_5m: 2, load15min: 3 })).toEqual([
      'system.cpu.load_average.1m 1',
      'system.cpu.load_average.5m 2',
      'system.cpu.load_average.15m 3',
    ])
    expect(lines('hardware/loadavg', '0.5')).toEqual(['system.cpu.load_average.1m 0.5'])
  })

  it('percent is stored as a share; 100 and a little is 100, more is no reading', () => {
    expect(lines('hardware/cpu', { utilization: 12.3 })).toEqual(['system.cpu.utilization 0.123'])
    expect(lines('hardware/cpu', '100.4')).toEqual(['system.cpu.utilization 1'])
    expect(lines('hardware/cpu', '100.6')[0]).toBe('system.cpu.utilization null (out_of_range)')
  })

  it('modes far over 100 percent are ticks since boot', () => {
    expect(lines('hardware/cpu', { user: 1000, idle: 9000 })).toEqual([
      'counter system.cpu.time{cpu.mode:user} 10000',
      'counter system.cpu.time{cpu.mode:idle} 90000',
    ])
  })

  it('memory in use is total less free, buffers and cached where available is unknown', () => {
    expect(lines('hardware/memory', { unit: 'B', total: 1000, free: 400, buffers: 50, cached: 50 }).slice(-2)).toEqual([
      'system.memory.usage{system.memory.state:used} 500',
      'system.memory.utilization 0.5',
    ])
    expect(lines('hardware/memory', { totalBytes: 1000, usedKb: 0.5 })).toEqual([
      'system.memory.limit 1000',
      'system.memory.usage{system.memory.state:used} 512',
      'system.memory.utilization 0.512',
    ])
    expect(lines('hardware/memory', { unit: 'furlong', total: 1 })).toEqual([
      'dead letter FIELD_INVALID: expected unit as B, kB, MB or GB, got furlong',
    ])
  })

  it.each([
    [{ mode: '5G', cell: 11016972, rsrp: -99 }, 'radio rat=NR mode=5G cellId=11016972 rsrpDbm=-99'],
    [{ mode: 'NSA', cell: 11016972 }, 'radio rat=LTE mode=NSA cellId=11016972 enbId=43035'],
    [{ rat: 'NR', cell: '0x2EA100B', band: 'NR5G BAND 78' }, 'radio rat=NR mode=NR cellId=48893963 band=n78'],
    [{ mode: 'UMTS', rsrp: -90, cell: 1 }, 'radio rat=UMTS mode=UMTS cellId=1 rsrpDbm=-90'],
    [{ cell: 268435455, tac: 65535, pci: 1008 }, 'radio rat=LTE'],
    [{ rsrp: -156, rsrq: 20, sinr: 40, cqi: 15 }, 'radio rat=LTE rsrpDbm=-156 rsrqDb=20 sinrDb=40 cqi=15'],
    [{ rsrp: -31, rsrq: -43, sinr: -23, cqi: 0 }, 'radio rat=LTE rsrpDbm=-31 rsrqDb=-43 sinrDb=-23 cqi=0'],
    [{ rsrp: -156.1, rsrq: 20.1, sinr: 40.1, cqi: 16 }, 'radio rat=LTE'],
    [{ rsrp: 2079167, rsrq: -204, sinr: 255, rssi: 99 }, 'radio rat=LTE'],
    [{ rsrp: 0, rsrq: 0, sinr: 0 }, 'radio rat=LTE'],
    [{ rsrp: -80, rsrq: 0, sinr: 0 }, 'radio rat=LTE rsrpDbm=-80 rsrqDb=0 sinrDb=0'],
    [
      { RSRP: '-97.00', SNR: '8.60', plmn: 101, cellId: 12, rawCellId: 11016972 },
      'radio rat=LTE plmn=00101 cellId=11016972 enbId=43035 rsrpDbm=-97 sinrDb=8.6',
    ],
    [{ mcc: 1, mnc: 1, lac: '9CBA' }, 'radio rat=LTE plmn=00101 tac=40122'],
  ])('radio %j: %s', (payload, expected) => expect(lines('hardware/lte', payload)[0]).toBe(expected))

  it('a neighbour cell without reading is null, not -204', () => {
    expect(lines('hardware/lte', { neighborRsrp: '-', neighborRsrq: -204 }).slice(1, 3)).toEqual([
      'cellular.neighbor.rsrp null (missing)',
      'cellular.neighbor.rsrq null (out_of_range)',
    ])
  })

  it('carriers may be named, and 33 are too many', () => {
    expect(lines('hardware/nr', { carriers: { pcc: { band: 'n78', rsrp: -90 }, scc1: { rat: 'LTE', band: 3, pci: 21 } } })).toEqual([
      'radio rat=NR',
      'carrier role=PCC rat=NR band=n78 rsrpDbm=-90',
      'carrier role=SCC rat=LTE band=B3 pci=21',
    ])
    expect(lines('hardware/lte', { carriers: Array(33).fill({}) })[0]).toMatch(/TOO_MANY_ITEMS/)
  })

  it('temperatures are converted by unit and named by sensor or topic', () => {
    expect(lines('hardware/temperature', { unit: 'mC', sensors: [{ name: 'cpu', temp: 51200 }] })).toEqual([
      'hw.temperature{hw.name:cpu} 51.2',
    ])
    expect(lines('hardware/temperature', { unit: 'F', value: 212 })).toEqual(['hw.temperature 100'])
    expect(lines('hardware/temperature/modem', '40')).toEqual(['hw.temperature{hw.name:modem} 40'])
    expect(lines('hardware/temperature', '200')).toEqual(['hw.temperature 200'])
    expect(lines('hardware/temperature', '200.1')[0]).toBe('hw.temperature null (out_of_range)')
  })

  it('net/dev columns that run together with the colon are read; no text of it is skipped', () => {
    expect(lines('network/interfaces', ' wwan0:4294960000 3790100 1 2 0 0 0 0 4294000000 9123456 3 4 0 0 0 0\n')).toHaveLength(8)
    expect(lines('network/ipv4', '198.51.100.23')).toEqual(['fact network.address "198.51.100.23"'])
    expect(lines('network/ipv4', '-')).toEqual(['fact network.address none'])
    expect(lines('network/ipv4', 'hello')[0]).toMatch(/PAYLOAD_SHAPE/)
  })

  it('a link without speed tells none', () => {
    expect(lines('network/interfaces', { 'br-lan': { up: false, speed: '-1F', statistics: { rx_bytes: 5 } } })).toEqual([
      'hw.network.up{network.interface.name:br-lan} 0',
      'counter system.network.io{network.interface.name:br-lan,network.io.direction:receive} 5',
      'fact network.br-lan.up "false"',
    ])
  })

  it('presence is online, offline, or refused', () => {
    expect(lines('status', 'ONLINE')).toEqual(['presence state=online'])
    expect(lines('status', { online: false })).toEqual(['presence state=offline'])
    expect(lines('status', 'maybe')).toEqual(['dead letter FIELD_INVALID: expected online or offline, got maybe'])
  })

  it('a boot without id is refused', () => expect(lines('system/boot', { reason: 'power' })[0]).toMatch(/FIELD_INVALID/))

  it('unknown quantities and words of places are kept', () => {
    const at = (quantity: string, payload: string) => linesOf(outcomeOf(`world/europe/ireland/cork/${quantity}`, payload))
    expect(at('radon', '12')).toEqual(['environment.radon 12'])
    expect(at('sky', 'cloudy')).toEqual(['fact sky "cloudy"'])
    expect(at('humidity', '100.1')[0]).toBe('environment.humidity null (out_of_range)')
    expect(at('weather', '{"temperature":9.1,"pm2.5":4,"uv":3}')).toEqual([
      'environment.temperature 9.1',
      'environment.pm2_5 4',
      'environment.weather.uv 3',
    ])
    expect(at('temperature', '-')).toEqual(['environment.temperature null (missing)'])
  })
})

describe('time', () => {
  const claim = (ts: unknown) => messageOf(`${device}/hardware/fan`, JSON.stringify({ ts, rpm: 1 })).observedAtMs

  it.each([
    [1767602403, 1767602403000],
    [1767602403.25, 1767602403250],
    [1767602403000, 1767602403000],
    [1767602403000123, 1767602403000],
    [1767602403000123000, 1767602403000],
    ['1767602403', 1767602403000],
    ['2026-01-05T08:40:03Z', 1767602403000],
    ['2026-01-05T09:40:03.5+01:00', 1767602403500],
    ['2026-01-05 08:40:03', null],
    ['yesterday', null],
    ['2026-13-05T08:40:03Z', null],
    [0, 0],
    [-1, null],
    [null, null],
    [{}, null],
  ])('%j is %s', (ts, expected) => expect(claim(ts)).toBe(expected))
})

describe('log lines', () => {
  it.each([
    ['plain words', 'log syslog: no time, written "", -.-, -, "plain words"'],
    [
      "<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed",
      'log syslog: no time, written "Oct 11 22:14:15", auth.2, su, "\'su root\' failed"',
    ],
    [
      'Thu Jan  1 00:00:21 1970 user.notice : Added device handler type: bridge',
      'log syslog: no time, written "Thu Jan  1 00:00:21 1970", user.5, -, "Added device handler type: bridge"',
    ],
    [
      'Mon Jan  5 08:00:03 2026 [1767600003.123] daemon.info procd: - init -',
      'log syslog: 2026-01-05T08:00:03.123Z, written "Mon Jan  5 08:00:03 2026 [1767600003.123]", daemon.6, procd, "- init -"',
    ],
    [
      'Thu Jan  1 00:00:14 1970 [14.5] kern.notice kernel: x',
      'log syslog: no time, written "Thu Jan  1 00:00:14 1970 [14.5]", kern.5, kernel, "x"',
    ],
    ['kern  :info  : [    1.204311] usb 1-1: new', 'log syslog: no time, written "[    1.204311]", kern.6, kernel, "usb 1-1: new"'],
    ['<192>x', 'log syslog: no time, written "", -.-, -, "x"'],
    ['\u001b[31m<script>=cmd\u0000\rx', 'log syslog: no time, written "", -.-, -, "\\u001b[31m<script>=cmd\\u0000\\rx"'],
    ['{"severity":"err","program":"x","message":"two\\r\\nlines"}', 'log syslog: no time, written "", -.3, x, "two\\r\\nlines"'],
    ['[{"ts":1767602403,"level":4,"msg":"a"}]', 'log syslog: 2026-01-05T08:40:03.000Z, written "1767602403", -.4, -, "a"'],
    ['["a","b"]', 'log syslog: no time, written "", -.-, -, "a"'],
  ])('%j', (payload, expected) => expect(lines('log/syslog', payload)[0]).toBe(expected))

  it('dmesg stamps stay unplaced without ts or uptime', () => {
    expect(lines('log/dmesg', '[    0.000000] Linux version\n[ 7203.06] x')).toEqual([
      'log dmesg: no time, written "[    0.000000]", kern.-, kernel, "Linux version"',
      'log dmesg: no time, written "[ 7203.06]", kern.-, kernel, "x"',
    ])
  })

  it('are cut at 4,096 characters and marked', () => {
    const item = (length: number) => {
      const [body] = messageOf(`${device}/log/syslog`, 'x'.repeat(length)).bodies
      return body?.kind === 'LogLines' ? [body.items[0]?.message.length, body.items[0]?.cut] : []
    }
    expect(item(4_096)).toEqual([4_096, false])
    expect(item(4_097)).toEqual([4_096, true])
  })

  it('with garbled bytes are kept; JSON with them is not', () => {
    expect(linesOf(outcomeOf(`${device}/log/syslog`, new Uint8Array([0x61, 0xff, 0x62])))).toEqual([
      'log syslog: no time, written "", -.-, -, "a\ufffdb"',
    ])
    expect(reasonOf(outcomeOf(`${device}/log/syslog`, new Uint8Array([0x7b, 0xff, 0x7d])))).toBe('PAYLOAD_NOT_UTF8')
  })

  it('of a megabyte in one line take no time to speak of', () => {
    const startedAtMs = performance.now()
    for (const text of [
      'a: '.repeat(350_000),
      ' '.repeat(1_000_000),
      '['.repeat(1_000_000),
      '<13>1 '.repeat(170_000),
      '1'.repeat(1_000_000),
    ])
      outcomeOf(`${device}/log/syslog`, text)
    expect(performance.now() - startedAtMs).toBeLessThan(2_000)
  })
})

describe('SenML', () => {
  it('times below 2^28 are relative to the arrival, base values are added', () => {
    expect(lines('hardware/x', [{ bv: -100, n: 'a', v: 3, t: -10 }])).toEqual([
      'at 2026-01-05T08:40:00.000Z',
      'hardware.x.a -97 at 2026-01-05T08:40:00.000Z',
    ])
  })
  it.each([
    [{ v: 1, n: '-a' }],
    [{ v: 1 }],
    [{ n: 'a', v: 1, x_: 1 }],
    [{ n: 'a', v: '1' }],
    [{ n: 'a', v: 1, vs: 'x' }],
    [{ bver: 11, n: 'a', v: 1 }],
  ])('%j refuses the pack', (record) => {
    expect(lines('hardware/x', [record])[0]).toMatch(/PAYLOAD_SHAPE: SenML record 1/)
  })
})
