/** The sample payloads of the data folder (`SAMPLE_DATA_DIR`, default ../shared/data). Fails where the folder is absent. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { device, linesOf, messageOf, outcomeOf, receivedAtMs } from '../../../test/parse-kit.ts'

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
