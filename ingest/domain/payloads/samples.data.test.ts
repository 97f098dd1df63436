/** The sample payloads of the data folder (`SAMPLE_DATA_DIR`, default ../shared/data). Fails where the folder is absent. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { device, linesOf, mapOf, messageOf, outcomeOf, receivedAtMs, shippedTopics } from '../../../test/parse-kit.ts'

const folder = process.env['SAMPLE_DATA_DIR'] ?? '../shared/data'
const sample = (name: string): string => readFileSync(join(folder, name), 'utf8')
const bodyOf = (metric: string, name: string) => messageOf(`${device}/${metric}`, sample(`payloads/${name}`)).bodies[0]

describe('the topics page', () => {
  const rows = Array.from(
    sample('mqtt-topics.md').matchAll(/^\| `([^`]+)`[^|]*\| `([^`]+)`/gm),
    ([, topic, payload]) => [topic ?? '', payload ?? ''] as const,
  )

  it('has its rows', () => expect(rows.length).toBeGreaterThanOrEqual(16))

  it.each(rows)('%s %s is read, and says something', (topic, payload) => {
    const { message } = outcomeOf(topic, payload) as { message: { bodies: unknown[]; personalFacts: unknown[] } }
    expect(message.bodies.length).toBeGreaterThan(0)
  })
})

describe('the /proc texts', () => {
  it('loadavg', () => expect(linesOf(outcomeOf(`${device}/hardware/loadavg`, sample('payloads/proc-loadavg.txt')))).toHaveLength(5))

  it('meminfo', () => {
    const lines = linesOf(outcomeOf(`${device}/hardware/memory`, sample('payloads/proc-meminfo.txt')))
    expect(lines).toContain(`system.memory.limit ${24684084 * 1024}`)
    expect(lines).toContain(`system.memory.usage{system.memory.state:used} ${(24684084 - 22646968) * 1024}`)
  })

  it('stat', () =>
    expect(bodyOf('hardware/cpu', 'proc-stat.txt')).toMatchObject({ kind: 'Counters', items: { length: 8, 0: { value: 686420 } } }))

  it.each([
    ['proc-net-dev.txt', 4],
    ['proc-net-dev-wrap-1.txt', 3],
    ['proc-net-dev-wrap-2.txt', 3],
  ])('%s: every interface with eight counters', (name, interfaces) => {
    expect(bodyOf('network/interfaces', name)).toMatchObject({ kind: 'Counters', items: { length: interfaces * 8 } })
  })

  it('netifd JSON: counters of every interface, the 32-bit one at its end', () => {
    const lines = linesOf(outcomeOf(`${device}/network/interfaces`, sample('payloads/ubus-network-device-status.json')))
    expect(lines.join('\n')).toContain('4294967295')
  })
})

describe('the log texts', () => {
  it.each([
    ['log/dmesg', 'dmesg-openwrt.txt'],
    ['log/syslog', 'logread-openwrt.txt'],
  ])('%s %s: every line with its stamp, none with a guessed time', (metric, name) => {
    const lines = sample(`payloads/${name}`).split('\n').filter(Boolean)
    const body = bodyOf(metric, name)
    if (body?.kind !== 'LogLines') throw new Error('no lines')
    expect(body.items).toHaveLength(lines.length)
    expect(body.items.every(({ observedAtMs, writtenAt, message }) => observedAtMs === null && writtenAt !== '' && message !== '')).toBe(
      true,
    )
  })

  it('kernel crash reports keep every line', () => {
    for (const number of ['111', '44', '524']) {
      const text = sample(`kernel-logs/${number}.txt`)
      const [body] = messageOf(`${device}/log/dmesg`, text).bodies
      expect(body?.kind === 'LogLines' ? body.items.length : 0).toBe(
        text.split('\n').filter((line) => line.replace(/\r$/, '') !== '').length,
      )
    }
  })
})

describe('dialects', () => {
  const aliases = { 'depot-07': '02-00-00-00-00-70', '0000000007': '02-00-00-00-00-70' }
  const aliased = mapOf({ ...shippedTopics(), aliases })
  type Line = { topic: string; payload?: string; payload_hex?: string; direction?: string }
  const linesIn = (name: string) =>
    sample(`payloads/${name}`)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
  const at = (metric: string, name: string, map = aliased) => linesOf(outcomeOf(`${device}/${metric}`, sample(`payloads/${name}`), map))

  it('every collectd sample becomes readings of the aliased host', () => {
    const all = linesIn('collectd-mqtt.jsonl').map(({ topic, payload_hex = '' }) =>
      messageOf(topic, Buffer.from(payload_hex, 'hex'), aliased),
    )
    expect(all.map(({ subject, notes }) => [subject.id, notes])).toEqual(all.map(() => ['02-00-00-00-00-70', []]))
    expect(all.flatMap(({ bodies }) => bodies).filter(({ kind }) => kind === 'Counters')).toEqual([
      { kind: 'Counters', items: [expect.objectContaining({ value: 215863700781 }), expect.objectContaining({ value: 98765432109 })] },
    ])
  })

  it('every Teltonika text from a router says something, requests are ignored', () => {
    for (const { topic, payload = '', direction } of linesIn('teltonika-mqtt.jsonl')) {
      const outcome = outcomeOf(topic, payload, aliased)
      expect([topic, outcome.kind]).toEqual([topic, direction === 'to-router' || topic === 'router/id' ? 'ignored' : 'message'])
    }
    expect(linesOf(outcomeOf('router/0000000007/temperature', '512', aliased))).toEqual(['hw.temperature 51.2'])
  })

  it("Teltonika's JSON names its device, and its silent modem gives no reading", () => {
    const message = messageOf('router/0000000007/device', sample('payloads/teltonika-device-data.json'))
    expect(message.subject.id).toBe('02-00-00-00-00-70')
    const lines = linesOf({ kind: 'message', message })
    expect(lines.filter((line) => /^(?:radio|cellular|hw|counter)/.test(line))).toEqual([
      'radio rat=LTE mode=5G (NSA) band=n78 rsrpDbm=-99 rsrqDb=-13 sinrDb=4 rssiDbm=-71',
      'hw.temperature{hw.id:2-1,hw.name:Internal modem} 51',
      'hw.temperature{hw.id:1-1.4,hw.name:External modem} 38',
      'counter cellular.io{hw.id:2-1,network.io.direction:transmit} 98765432109',
      'counter cellular.io{hw.id:2-1,network.io.direction:receive} 5123456789012',
      'counter cellular.io{hw.id:1-1.4,network.io.direction:transmit} 0',
      'counter cellular.io{hw.id:1-1.4,network.io.direction:receive} 0',
    ])
    expect(lines).toContain('fact modem.sim_slot "2"')
  })

  it.each([
    ['mmcli-signal-lte.json', 'radio rat=LTE rsrpDbm=-97 rsrqDb=-11 sinrDb=8.6 rssiDbm=-68'],
    ['mmcli-signal-5g-nsa.json', 'radio rat=LTE mode=EN-DC rsrpDbm=-88 rsrqDb=-9 sinrDb=14.2 rssiDbm=-59'],
    ['mmcli-signal-none.json', 'radio '],
    ['mmcli-modem.json', 'cellular.signal_quality null (missing)'],
    ['quectel-error.txt', 'log modem: no time, written "", -.3, modem, "AT+QENG=\\"servingcell\\": +CME ERROR: 13 (SIM failure)"'],
    ['quectel-qeng-search.txt', 'radio '],
    ['quectel-qeng-wcdma.txt', 'radio rat=UMTS mode=WCDMA plmn=00101 tac=16171 cellId=10095634 earfcn=10663'],
    [
      'quectel-qeng-lte.txt',
      'radio rat=LTE mode=LTE plmn=00101 tac=20001 cellId=49390347 enbId=192931 pci=217 band=B3 earfcn=1300 rsrpDbm=-101 rsrqDb=-12 sinrDb=9 rssiDbm=-70',
    ],
    [
      'quectel-qeng-sa.txt',
      'radio rat=NR mode=NR5G-SA plmn=00101 tac=128162 cellId=7024656461 pci=88 band=n78 earfcn=641280 rsrpDbm=-97 rsrqDb=-11 sinrDb=13',
    ],
    ['quectel-qcainfo-sa-short.txt', 'radio rat=NR pci=88 band=n78 earfcn=641280'],
  ])('%s', (name, expected) => expect(at('modem/anything', name)[0]).toBe(expected))

  it.each([
    ['quectel-qeng-lte-long.txt', 1],
    ['quectel-qeng-nsa.txt', 2],
    ['quectel-qeng-nsa-no-nr.txt', 2],
    ['quectel-qcainfo-lte-ca.txt', 3],
    ['quectel-qcainfo-nsa.txt', 3],
    ['quectel-qcainfo-old-firmware.txt', 2],
  ])('%s: %d carriers', (name, count) => expect(at('hardware/lte', name).filter((line) => line.startsWith('carrier'))).toHaveLength(count))

  it('the NR leg of a scaled model agrees between QCAINFO and QENG', () => {
    const scaled = mapOf({
      ...shippedTopics(),
      radioScales: [{ model: 'dwr/311-a1', source: 'QCAINFO', rat: 'NR', rsrp: 0.1, rsrq: 0.01, sinr: 0.01 }],
    })
    const nr = (name: string) => at('modem/at', name, scaled).find((line) => line.includes('band=n78'))
    expect(nr('quectel-qcainfo-nsa.txt')).toContain('rsrpDbm=-104 rsrqDb=-13.1 sinrDb=6.1')
    expect(nr('quectel-qeng-nsa.txt')).toContain('rsrpDbm=-104 rsrqDb=-13 sinrDb=6')
  })

  it('ubus: loads, memory and filesystems', () => {
    const lines = at('system/info', 'ubus-system-info.json')
    expect(lines).toContain('system.cpu.load_average.1m 0.34')
    expect(lines).toContain('system.filesystem.limit{system.filesystem.mountpoint:/} 4587520')
    expect(lines.some((line) => line.startsWith('at '))).toBe(false)
  })
})

describe('SenML', () => {
  type Case = { name: string; pack: unknown; resolved: { n: string; u?: string; v: number; t?: number | string }[] | null }
  const cases = (JSON.parse(sample('payloads/senml-own-edge-cases.json')) as { cases: Case[] }).cases

  it.each(cases.map((entry) => [entry.name, entry] as const))('%s', (_name, { pack, resolved }) => {
    const outcome = outcomeOf(`${device}/hardware/senml`, JSON.stringify(pack))
    if (resolved === null) {
      expect(outcome.kind).toBe('refused')
      return
    }
    const body = outcome.kind === 'message' ? outcome.message.bodies[0] : undefined
    const items = body?.kind === 'Measurements' ? body.items.filter(({ metric }) => !metric.endsWith('.sum')) : []
    expect(items.map(({ value, observedAtMs }) => [value, observedAtMs])).toEqual(
      resolved.map(({ v, t }) => [v, t === undefined ? null : typeof t === 'string' ? receivedAtMs - 30_000 : t * 1000]),
    )
  })

  it('RFC 8428 5.1.3 and 5.1.4 are the same data', () => {
    const [base, resolved] = ['senml-5.1.3-humidity.json', 'senml-5.1.4-resolved.json'].map((name) =>
      messageOf(`${device}/hardware/senml`, sample(`payloads/${name}`)),
    )
    expect(base).toEqual(resolved)
    expect(base?.personal).toBe(true)
  })

  it.each(['5.1.1-single', '5.1.2-multiple-a', '5.1.2-multiple-b', '5.1.5-types', '5.1.6-collection', '5.1.7-actuator'])(
    'RFC 8428 %s is read',
    (name) => {
      expect(outcomeOf(`${device}/hardware/senml`, sample(`payloads/senml-${name}.json`)).kind).toBe('message')
    },
  )
})

it('a recorded drive loses no reading and keeps no marker', () => {
  const [header = '', ...rows] = sample('ucc-5g/Download__Driving__B_2019.12.14_10.16.30.csv').trim().split('\n')
  const names = header.split(',')
  let nulls = 0
  for (const row of rows) {
    const cells = row.split(',')
    const told = Object.fromEntries(names.map((name, index) => [name, cells[index]]))
    const { NetworkMode: mode, RSRP: rsrp, RSRQ: rsrq, SNR: snr, CQI: cqi, RSSI: rssi, RAWCELLID: cell } = told
    const [radio] = messageOf(`${device}/hardware/lte`, JSON.stringify({ mode, rsrp, rsrq, snr, cqi, rssi, cell })).bodies
    if (radio?.kind !== 'Radio') throw new Error(row)
    expect([radio.cellId, radio.rsrpDbm, radio.rssiDbm, radio.cqi]).toEqual([
      Number(cell),
      rsrp === '-200' ? null : Number(rsrp),
      rssi === '-' ? null : Number(rssi),
      cqi === '-' ? null : Number(cqi),
    ])
    if (radio.rsrpDbm === null) nulls++
  }
  expect([rows.length, nulls]).toEqual([1155, 3])
})
